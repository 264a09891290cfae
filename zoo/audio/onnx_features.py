"""ONNX graphs of the front ends.

Each graph repeats the computation of librosa in `zoo.audio.librosa_reference`, with librosa's
own constants, and takes the same arguments. The functions that build it take ``op``; see
`zoo.audio.onnx_spectra`.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from zoo.audio import librosa_reference as reference
from zoo.audio.onnx_graphs import built
from zoo.audio.onnx_spectra import (
    DOUBLE,
    FLOAT,
    LEAST_POWER,
    Op,
    Tensor,
    constant,
    decibels,
    framed,
    mel_filters,
    mel_power,
    power_spectrum,
    squared_parts,
)

__all__ = ["handcrafted", "log_mel", "trimmed"]

_WAVEFORM = ("waveform", (1, "samples"))

_FASTEST = 320.0  # beats per minute
_LEAST = float(np.finfo(np.float32).tiny)  # librosa does not divide by less


def log_mel(rate: int, n_fft: int, hop: int, n_mels: int) -> Any:
    """Return the graph of `librosa_reference.log_mel`, from (1, samples) to (frames, n_mels)."""

    def _body(op: Op, waveform: Tensor) -> Tensor:
        squares, parts = squared_parts(op, op.Squeeze(waveform, [0]), n_fft, hop)
        mel = mel_power(op, squares, parts, mel_filters(rate, n_fft, n_mels, rate / n_fft))
        return op.Transpose(decibels(op, mel), perm=[1, 0])

    return built(_body, _WAVEFORM, ("track", ["rows", n_mels]))


def handcrafted(rate: int, n_fft: int, hop: int, window: int) -> Any:
    """Return the graph of `librosa_reference.describe`, from (1, samples) to (windows, 163)."""
    from onnxscript import ir

    columns, types = len(reference.feature_names()), ir.DataType

    def _body(op: Op, waveform: Tensor) -> Tensor:
        audio = op.Squeeze(waveform, [0])
        size = op.Squeeze(op.Shape(audio), [0])
        count = op.Max(op.Div(op.Add(size, window // 2), window), 1)

        def _window(op: Op, number: Tensor, go_on: Tensor) -> Sequence[Tensor]:
            begin = op.Mul(number, window)
            is_last = op.Equal(op.Add(number, 1), count)
            end = op.Where(is_last, size, op.Add(begin, window))
            part = op.Slice(audio, op.Unsqueeze(begin, [0]), op.Unsqueeze(end, [0]), [0])
            return op.Identity(go_on), _describe(op, part, rate, n_fft, hop)

        op.builder.push_module("window")  # names in the loop must differ from those around it
        loop = op.builder.subgraph(
            _window,
            [ir.val("number", types.INT64, []), ir.val("go_on", types.BOOL, [])],
            [ir.val("still", types.BOOL, []), ir.val("row", types.FLOAT, [columns])],
        )
        op.builder.pop_module()
        return op.Loop(count, True, body=loop)

    return built(_body, _WAVEFORM, ("track", ["rows", columns]))


def _describe(op: Op, audio: Tensor, rate: int, n_fft: int, hop: int) -> Tensor:
    """Return the row of one window, as `zoo.audio.librosa_reference.describe` does."""
    audio = _at_least(op, trimmed(op, op.Sub(audio, op.ReduceMean(audio))), n_fft)
    blocks = framed(op, audio, n_fft, hop, centred=False)
    mean = _moving_mean(op, blocks, n_fft, hop)
    square = _moving_mean(op, op.Mul(blocks, blocks), n_fft, hop)
    energy = op.Relu(op.Sub(square, op.Mul(mean, mean)))
    loudest = op.ReduceMax(energy, keepdims=0)
    sounding = op.Squeeze(op.GreaterOrEqual(energy, op.Mul(loudest, reference.GATE)), [0])
    offset, level = (
        op.ReduceMean(op.Compress(values, sounding, axis=1), keepdims=0)
        for values in (mean, energy)
    )
    level = op.Sqrt(level)
    gain = op.Div(reference.LEVEL, op.Where(op.Less(level, _LEAST), 1.0, level))
    audio = op.Mul(op.Sub(audio, offset), gain)

    bins = np.arange(1 + n_fft // 2)[None]
    power = op.Add(power_spectrum(op, audio, n_fft, hop), reference.floor(n_fft))
    magnitude = op.Sqrt(power)
    centroid, bandwidth = _centre(op, magnitude, rate, n_fft)
    mel = mel_power(op, power, bins, mel_filters(rate, n_fft, reference.N_MELS))
    loudness = _clipped(op, decibels(op, mel))
    onset = _onset_strength(op, loudness)
    dct = constant(op, "dct", _dct(reference.N_MELS, reference.N_MFCC))
    rows = [
        centroid,
        _rolloff(op, magnitude, rate / n_fft),
        _zero_crossing_rate(op, audio, n_fft, hop),
        op.Mul(op.Sqrt(energy), gain),
        onset,
        _contrast(op, magnitude, rate, n_fft),
        bandwidth,
        _flatness(op, magnitude, power, 1 + n_fft // 2),
        op.MatMul(dct, loudness),
    ]
    frames = op.Compress(op.Concat(*rows, axis=0), sounding, axis=1)
    statistics = op.Reshape(_statistics(op, frames), [-1])
    row = op.Concat(statistics, _tempo(op, onset, rate, hop), axis=0)
    return op.Cast(row, to=FLOAT)


def trimmed(op: Op, audio: Tensor) -> Tensor:
    """Return the audio without a constant beginning and end, as `librosa_reference.trim` does."""
    least = op.Mul(op.Sub(op.ReduceMax(audio), op.ReduceMin(audio)), reference.TRIM)
    ends = []
    for end, is_last in ((op.Slice(audio, [0], [1]), 0), (op.Slice(audio, [-1], [_END]), 1)):
        differs = op.Cast(op.Greater(op.Abs(op.Sub(audio, end)), least), to=FLOAT)
        ends.append(op.ArgMax(differs, axis=0, select_last_index=is_last))
    # A step is constant up to it and from it on.
    return op.Slice(audio, op.Min(*ends), op.Add(op.Max(*ends), 1), [0])


_END = int(np.iinfo(np.int64).max)  # of a slice


def _at_least(op: Op, audio: Tensor, length: int) -> Tensor:
    """Return `audio`, with silence appended if it is shorter than `length`."""
    missing = op.Max(op.Sub(length, op.Shape(audio)), 0)
    return op.Pad(audio, op.Concat([0], missing, axis=0))


def _clipped(op: Op, decibels: Tensor) -> Tensor:
    """Limit values to 80 dB below the maximum, as librosa.power_to_db does."""
    return op.Max(decibels, op.Sub(op.ReduceMax(decibels, keepdims=0), 80.0))


def _dct(size: int, count: int) -> Any:
    """Return the first rows of the orthonormal DCT-II, shape (count, size)."""
    waves = np.cos(np.pi / size * np.arange(count)[:, None] * (np.arange(size) + 0.5))
    waves[0] /= math.sqrt(2)
    return waves * math.sqrt(2 / size)


def _onset_strength(op: Op, decibels: Tensor) -> Tensor:
    frames = op.Slice(op.Shape(decibels), [1], [2])
    later = op.Slice(decibels, [1], frames, [1])
    earlier = op.Slice(decibels, [0], op.Sub(frames, 1), [1])
    return op.Pad(op.ReduceMean(op.Relu(op.Sub(later, earlier)), [0]), [0, 1, 0, 0])


def _frequencies(rate: int, n_fft: int) -> Any:
    """Return the frequencies of the bins in Hz, shape (bins,)."""
    return np.linspace(0, rate / 2, 1 + n_fft // 2)


def _centre(op: Op, magnitude: Tensor, rate: int, n_fft: int) -> tuple[Tensor, Tensor]:
    """Return the centroids and the deviations from them in Hz, each (1, frames)."""
    frequencies = _frequencies(rate, n_fft)
    moments = constant(op, "moments", np.stack([np.ones_like(frequencies), frequencies]))
    total, first = op.Split(op.MatMul(moments, magnitude), num_outputs=2, axis=0, _outputs=2)
    total = op.Where(op.Less(total, _LEAST), 1.0, total)
    centroid = op.Div(first, total)
    deviation = op.Sub(constant(op, "frequencies", frequencies[:, None]), centroid)
    second = op.ReduceSum(op.Mul(magnitude, op.Mul(deviation, deviation)), [0])
    return centroid, op.Sqrt(op.Div(second, total))


def _rolloff(op: Op, magnitude: Tensor, step: float) -> Tensor:
    """Return the frequency below which 85 % of the magnitude lies; bins are `step` Hz apart."""
    below = op.CumSum(magnitude, 0)
    whole = op.Slice(below, [-1], [_END], [0])
    short = op.Cast(op.Less(below, op.Mul(whole, 0.85)), to=FLOAT)
    return op.Mul(op.ReduceSum(short, [0]), step)


def _zero_crossing_rate(op: Op, audio: Tensor, n_fft: int, hop: int) -> Tensor:
    negative = op.Less(audio, -1e-10)
    later, earlier = op.Slice(negative, [1], [_END]), op.Slice(negative, [0], [-1])
    crossings = op.Pad(op.Xor(later, earlier), [1, 0])
    crossings = op.Cast(framed(op, crossings, n_fft, hop, centred=False), to=FLOAT)
    # The first sample of a frame has no predecessor in it.
    first = op.Slice(crossings, [0], [1 - n_fft], [0], [hop])
    return op.Sub(_moving_mean(op, crossings, n_fft, hop), op.Div(first, float(n_fft)))


def _moving_mean(op: Op, values: Tensor, frame: int, hop: int) -> Tensor:
    """Return the means of frames of a vector of whole blocks, shape (1, frames)."""
    block = math.gcd(frame, hop)  # blocks that frames share are added once
    means = op.ReduceMean(op.Reshape(values, [1, 1, -1, block]), [3], keepdims=0)
    shape = {"kernel_shape": [frame // block], "strides": [hop // block]}
    return op.Squeeze(op.AveragePool(means, **shape), [0])


def _contrast(op: Op, magnitude: Tensor, rate: int, n_fft: int) -> Tensor:
    """Return the ratio of peaks to valleys of octave bands in dB (Jiang et al. 2002)."""
    peaks: list[Tensor] = []
    valleys: list[Tensor] = []
    for low, high, count in _octave_bands(rate, n_fft):
        band = op.Slice(magnitude, [low], [high], [0])
        if count == 1:
            peaks.append(op.ReduceMax(band, [0]))
            valleys.append(op.ReduceMin(band, [0]))
            continue
        band = op.Transpose(band, perm=[1, 0])  # sorting is fastest along the last axis
        for sides, largest in ((peaks, 1), (valleys, 0)):
            found, _ = op.TopK(band, [count], axis=1, largest=largest, sorted=0, _outputs=2)
            sides.append(op.Transpose(op.ReduceMean(found, [1]), perm=[1, 0]))
    peak, valley = (
        _clipped(op, decibels(op, op.Concat(*sides, axis=0))) for sides in (peaks, valleys)
    )
    return op.Sub(peak, valley)


def _octave_bands(rate: int, n_fft: int) -> list[tuple[int, int, int]]:
    """Return the first bin of each band, the bin after its last, and 2 % of its bins.

    As in librosa.feature.spectral_contrast: octaves from 200 Hz upwards; a band begins one bin
    early; the highest bin of all bands but the last counts for the next band.
    """
    frequencies = _frequencies(rate, n_fft)
    edges = [0.0, *(200.0 * 2.0 ** np.arange(reference.N_CONTRAST))]
    bands = []
    for number, (low, high) in enumerate(pairwise(edges)):
        inside = np.flatnonzero((frequencies >= low) & (frequencies <= high))
        first = inside[0] - (number > 0)
        last = inside[-1] if number < reference.N_CONTRAST - 1 else len(frequencies) - 1
        count = max(1, int(np.rint(0.02 * (last + 1 - first))))
        bands.append((int(first), int(last + (number == reference.N_CONTRAST - 1)), count))
    return bands


def _flatness(op: Op, magnitude: Tensor, power: Tensor, bins: int) -> Tensor:
    """Return the geometric over the arithmetic mean of the power."""
    # One logarithm for the product of four magnitudes: the fourth power of the largest, 1e9, is
    # finite.
    rest = -bins % 4
    magnitude = op.Pad(op.Max(magnitude, math.sqrt(LEAST_POWER)), [0, 0, rest, 0], 1.0)
    quarters = op.Split(magnitude, num_outputs=4, axis=0, _outputs=4)
    product = op.Mul(op.Mul(quarters[0], quarters[1]), op.Mul(quarters[2], quarters[3]))
    geometric = op.Exp(op.Mul(op.ReduceSum(op.Log(product), [0]), 2 / bins))
    return op.Div(geometric, op.ReduceMean(op.Max(power, LEAST_POWER), [0]))


def _statistics(op: Op, rows: Tensor) -> Tensor:
    """Return max, min, mean, std, kurtosis and skew of each row, double (rows, 6)."""
    values = op.Cast(rows, to=DOUBLE)
    mean = op.ReduceMean(values, [1])
    centred = op.Sub(values, mean)
    std = op.Sqrt(op.ReduceMean(op.Mul(centred, centred), [1]))
    # The moments of a constant row would be quotients of rounding errors.
    least = op.Add(op.Mul(op.Abs(mean), 1e-4), 1e-5)
    constant = op.LessOrEqual(std, least)
    standard = op.Div(centred, op.Where(constant, 1.0, std))
    square = op.Mul(standard, standard)
    kurtosis = op.Sub(op.ReduceMean(op.Mul(square, square), [1]), 3.0)
    skew = op.ReduceMean(op.Mul(square, standard), [1])
    shape = [op.Where(constant, 0.0, value) for value in (kurtosis, skew)]
    extremes = [op.ReduceMax(values, [1]), op.ReduceMin(values, [1])]
    return op.Concat(*extremes, mean, std, *shape, axis=1)


def _tempo(op: Op, onset: Tensor, rate: int, hop: int) -> Tensor:
    """Return the tempo in beats per minute, double (1,).

    The most probable lag of the autocorrelation, averaged over frames of eight seconds, under
    a log-normal prior around 120 (Ellis 2007, doi:10.1080/09298210701653344), as
    librosa.feature.tempo finds it.
    """
    size = int(8 * rate // hop)
    half = size // 2
    envelope = op.Squeeze(onset, [0])
    count = op.Shape(envelope)
    ramp = np.linspace(0, 1, half, endpoint=False)
    before = op.Mul(op.Slice(envelope, [0], [1]), constant(op, "fade_in", ramp))
    after = op.Mul(op.Slice(envelope, [-1], count), constant(op, "fade_out", ramp[::-1]))
    padded = op.Concat(before, envelope, after, axis=0)
    # Copies of a line that are read as rows longer by one are shifted against each other.
    length = op.Shape(padded)
    copies = op.Reshape(op.Expand(padded, op.Concat([size + 1], length, axis=0)), [-1])
    shifted = op.Reshape(op.Slice(copies, [0], op.Mul(op.Add(length, 1), size)), [size, -1])
    frames = op.Slice(shifted, [0], count, [1])
    window = np.hanning(size + 1)[:-1]
    energy = op.MatMul(constant(op, "tempo_energy", window[None] ** 2), op.Mul(frames, frames))
    weighted = op.Div(frames, op.Where(op.Less(energy, _LEAST), 1.0, energy))
    # The sums over the diagonals of the Gram matrix are the autocorrelation, summed over frames.
    gram = op.MatMul(weighted, op.Transpose(frames, perm=[1, 0]))
    window = constant(op, "tempo_window", window[None])
    gram = op.Mul(op.Mul(gram, window), op.Transpose(window, perm=[1, 0]))
    wide = op.Reshape(op.Pad(gram, [0, 0, 0, size]), [-1])
    skewed = op.Reshape(op.Pad(wide, [0, size]), [size, 2 * size + 1])
    lags = op.Slice(op.ReduceSum(skewed, [0], keepdims=0), [0], [size])
    mean = op.Div(op.Cast(lags, to=DOUBLE), op.Cast(count, to=DOUBLE))
    with np.errstate(divide="ignore"):
        tempi = 60 * rate / (hop * np.arange(size))  # of lags in frames
        prior = -0.5 * (np.log2(tempi) - np.log2(120.0)) ** 2
    prior[: int(np.argmax(tempi < _FASTEST))] = -np.inf
    prior = constant(op, "tempo_prior", prior, np.float64)
    score = op.Add(op.Log(op.Add(op.Mul(mean, 1e6), 1.0)), prior)
    best = op.ArgMax(score, axis=0, keepdims=1)
    return op.Gather(constant(op, "tempi", tempi, np.float64), best)
