"""Front end: embedding by musicnn, a network that was trained to tag songs.

A window becomes one row of 1,706 numbers. The weights are read from the package musicnn 0.1.0, of
which nothing is imported.
"""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from zoo import Encoder, FrontEndCard, TrainedOn
from zoo.audio.onnx_graphs import built
from zoo.audio.onnx_spectra import (
    Op,
    Tensor,
    constant,
    mel_filters,
    mel_power,
    power_spectrum,
)
from zoo.audio.weights import packaged_files
from zoo_plugins.frontends._tensor_bundle import read_bundle

__all__ = ["Musicnn", "card"]

_RATE, _N_FFT, _HOP, _MELS, _FRAMES = 16_000, 512, 256, 96, 187
_COLUMNS = 753 + 753 + 200
_EPSILON = 1e-3  # of TensorFlow's batch normalisation


@dataclass(frozen=True)
class Musicnn(Encoder):
    """Mean over patches of 3 s of what musicnn sees in them, 1,706 columns.

    These are the mean and the maximum over time of the features of its middle layers, 753 each, and
    its penultimate layer, 200.

    Attributes
    ----------
    sample_rate, window, step : int, float, float
        As of `zoo.Encoder`.
    """

    name: ClassVar[str] = "musicnn"
    version: ClassVar[int] = 1
    patch: ClassVar[int] = (_FRAMES - 1) * _HOP + _N_FFT

    window: float = 9.0
    step: float = 3.0

    def network(self) -> Any:
        """Return the network as an ``onnx.ModelProto``."""
        weights = read_bundle(*packaged_files(card))

        def _body(op: Op, patches: Tensor) -> Tensor:
            return op.Concat(*_pools(op, _log_mel(op, patches), weights), axis=1)

        shapes = (("patches", ("count", self.patch)), ("embedding", ("count", _COLUMNS)))
        return built(_body, *shapes)


def _log_mel(op: Op, patches: Tensor) -> Tensor:
    """Return log10(1 + 10000 power) of mel bands, (patches, 1, frames, mels)."""
    import numpy as np

    # The patches are computed as one waveform; the frame between two of them is left out.
    power = power_spectrum(op, op.Reshape(patches, [-1]), _N_FFT, _HOP)
    filters = mel_filters(_RATE, _N_FFT, _MELS)
    mel = mel_power(op, power, np.arange(1 + _N_FFT // 2)[None], filters)
    frames = op.Reshape(op.Pad(mel, [0, 0, 0, 1]), [_MELS, -1, _FRAMES + 1])
    frames = op.Transpose(op.Slice(frames, [0], [_FRAMES], [2]), perm=[1, 2, 0])
    logarithm = op.Mul(op.Log(op.Add(op.Mul(frames, 10_000.0), 1.0)), 1 / math.log(10))
    return op.Unsqueeze(logarithm, [1])


def _pools(op: Op, mel: Tensor, weights: dict[str, Any]) -> list[Tensor]:
    """Return mean, maximum and penultimate layer, each (patches, columns)."""

    def _named(kind: str, number: int) -> str:
        return f"{kind}_{number}" if number else kind

    def _normalised(x: Tensor, number: int) -> Tensor:
        name = _named("batch_normalization", number)
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        given = [constant(op, f"{name}_{p}", weights[f"{name}/{p}"]) for p in parts]
        return op.BatchNormalization(x, *given, epsilon=_EPSILON)

    def _convolved(x: Tensor, number: int, before: int, behind: int) -> Tensor:
        name = _named("conv2d", number)
        kernel = constant(op, f"{name}_kernel", weights[f"{name}/kernel"].transpose(3, 2, 0, 1))
        bias = constant(op, f"{name}_bias", weights[f"{name}/bias"])
        y = op.Relu(op.Conv(x, kernel, bias, pads=[before, 0, behind, 0]))
        return _normalised(y, number + 1)

    x = _normalised(mel, 0)
    sides = [(3, 3), (3, 3), (63, 64), (31, 32), (15, 16)]
    found = [
        op.ReduceMax(_convolved(x, number, *side), [3], keepdims=0)
        for number, side in enumerate(sides)
    ]
    front = op.Unsqueeze(op.Transpose(op.Concat(*found, axis=1), perm=[0, 2, 1]), [1])
    layers = [front]
    for number in (5, 6, 7):
        y = op.Transpose(_convolved(layers[-1], number, 3, 3), perm=[0, 3, 2, 1])
        layers.append(op.Add(y, layers[-1]) if layers[1:] else y)
    features = op.Squeeze(op.Concat(*layers, axis=3), [1])
    mean = op.ReduceMean(features, [1], keepdims=0)
    highest = op.ReduceMax(features, [1], keepdims=0)
    both = op.Concat(op.Unsqueeze(highest, [2]), op.Unsqueeze(mean, [2]), axis=2)
    flat = _normalised(op.Flatten(both), 9)

    kernel, bias = (constant(op, f"dense_{p}", weights[f"dense/{p}"]) for p in ("kernel", "bias"))
    dense = op.Relu(op.Add(op.MatMul(flat, kernel), bias))
    return [mean, highest, _normalised(dense, 10)]


_NOTICE = """\
Copyright (c) Music Technology Group, Universitat Pompeu Fabra 2019. Code developed by Jordi Pons.

Permission to use, copy, modify, and/or distribute this software for any purpose with or without \
fee is hereby granted, provided that the above copyright notice and this permission notice appear \
in all copies.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO THIS \
SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT SHALL THE \
AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR ANY DAMAGES \
WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF CONTRACT, \
NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE OR PERFORMANCE \
OF THIS SOFTWARE."""

card = FrontEndCard(
    frontend=Musicnn(),
    title="musicnn, tagger of the Million Song Dataset",
    references=("Pons and Serra (2019), musicnn, arXiv:1909.06654",),
    package="musicnn==0.1.0",
    weights={
        "musicnn/MSD_musicnn/.index": (
            "87f3e0f3550c8d3bafc840374003e5c8af5eeb5ecf6add61af09a7822d3282c8"
        ),
        "musicnn/MSD_musicnn/.data-00000-of-00001": (
            "8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6"
        ),
    },
    licence="ISC",
    notice=_NOTICE,
    trained_on=(
        TrainedOn(
            corpus="the Million Song Dataset", overlaps={"gtzan": "shares artists with GTZAN"}
        ),
    ),
)
