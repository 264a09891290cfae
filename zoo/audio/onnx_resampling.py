"""Resampling of a waveform as an ONNX graph, close to that of soxr, with which sound is decoded."""

from math import gcd
from typing import Any

import numpy as np

__all__ = ["resampler"]

_ZEROS = 90  # of the sinc on each side of the filter
_HALF = 0.955  # of the lower Nyquist frequency, where the gain is a half
_BETA = 12.8  # of Kaiser's window, which leaves -125 dB above the lower Nyquist frequency
_MOST = 1 << 22  # numbers of the filters

_STEPS = """
<ir_version: 10, opset_import: ["": OPSET]>
resampler (float[1, samples] waveform) => (float[1, resampled] resampled)
<int64 up = {UP}, int64 down = {DOWN}, int64 half = {HALF}, int64[1] first = {0},
 int64[1] axis = {1}, int64[3] row = {1, 1, -1}, int64[2] flat = {1, -1},
 int64[6] padding = {0, 0, BEFORE, 0, 0, BEHIND}> {
    length = Shape <start = 1, end = 2> (waveform)
    multiple = Mul (length, up)
    rounding = Add (multiple, half)
    size = Div (rounding, down)
    sound = Reshape (waveform, row)
    padded = Pad (sound, padding)
    phases = Conv <strides = [DOWN]> (padded, filters)
    frames = Transpose <perm = [0, 2, 1]> (phases)
    samples = Reshape (frames, flat)
    resampled = Slice (samples, first, size, axis)
}
"""


def resampler(rate: int, lower: int) -> Any | None:
    """Return an ``onnx.ModelProto`` from ``waveform`` to ``resampled``, both float32 (1, samples).

    Parameters
    ----------
    rate, lower : int
        Hz before and after; the second is lower.

    Returns
    -------
    onnx.ModelProto or None
        None if the rates have so little in common that the filters would be large.
    """
    import onnx

    from zoo_registry.hooks import OPSET

    step = gcd(rate, lower)
    up, down = lower // step, rate // step
    reach = -(-_ZEROS * rate // lower)
    if up * (down + 2 * reach) > _MOST:
        return None
    numbers = {
        "OPSET": OPSET, "UP": up, "DOWN": down, "HALF": down // 2, "BEFORE": reach,
        "BEHIND": reach + 2 * down,
    }  # fmt: skip
    text = _STEPS
    for name, number in numbers.items():
        text = text.replace(name, str(number))
    proto = onnx.parser.parse_model(text)
    # One filter per place of an output sample between the input samples.
    places = np.arange(up)[:, None] * down / up
    times = places - (np.arange(down + 2 * reach) - reach)
    cutoff = _HALF * lower / rate
    window = np.sqrt(np.maximum(0, 1 - (times / reach) ** 2))
    filters = cutoff * np.sinc(cutoff * times) * np.i0(_BETA * window) / np.i0(_BETA)
    filters *= np.abs(times) < reach
    filters /= filters.sum(axis=1, keepdims=True)
    tensor = onnx.numpy_helper.from_array(np.float32(filters[:, None]), "filters")
    proto.graph.initializer.append(tensor)
    return proto
