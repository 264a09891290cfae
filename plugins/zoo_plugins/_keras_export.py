"""The ONNX form of a Keras network of windows: a whole track in, all its windows out."""

import tempfile
import warnings
from pathlib import Path
from typing import Any

from zoo_plugins._keras import KerasModel
from zoo_registry.silence import quiet_stderr

__all__ = ["to_onnx"]

_OPSET = 18

# What `_keras_data.windows` does with numpy, step by step.
_WINDOWING = """
<ir_version: {ir_version}, opset_import: ["": {opset}]>
windowing (float[frames, {mels}] track) => (float[windows, {frames}, {mels}] window)
<int64 zero = {{0}}, int64 one = {{1}}, int64 width = {{{frames}}}, int64 hop = {{{hop}}},
 int64[1] columns = {{1}}>
{{
    shape = Shape (track)
    length = Gather (shape, zero)
    slack = Sub (length, width)
    last = Max (slack, zero)
    limit = Add (last, hop)
    every = Range (zero, limit, hop)
    starts = Min (every, last)
    rows = Unsqueeze (starts, columns)
    offsets = Range (zero, width, one)
    positions = Add (rows, offsets)
    wrapped = Mod (positions, length)
    window = Gather (track, wrapped)
}}
"""


def to_onnx(model: KerasModel) -> Any:
    """Convert `model` and put the windowing of `zoo_plugins._keras.predict` in front of it.

    Parameters
    ----------
    model : keras.Model
        From windows, float32 (batch, frames, mels), to probabilities.

    Returns
    -------
    onnx.ModelProto
        Input ``track``, float32 (frames, mels); output ``probabilities``, float32
        (windows, classes).

    Raises
    ------
    ImportError
        If onnx or tf2onnx is not installed.
    """
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        with quiet_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras adapts tf2onnx to NumPy 2, not without warnings
            model.export(path, format="onnx", verbose=False, opset_version=_OPSET)
        network = onnx.load(path)
    (given,), (found,) = network.graph.input, network.graph.output
    _rename(network.graph, found.name, "probabilities")
    _, frames, mels = model.input_shape
    windowing = onnx.parser.parse_model(
        _WINDOWING.format(
            ir_version=network.ir_version,
            opset=_OPSET,
            frames=frames,
            hop=max(frames // 2, 1),
            mels=mels,
        )
    )
    whole = onnx.compose.merge_models(windowing, network, io_map=[("window", given.name)])
    del whole.opset_import[1:]  # the merger leaves the operator set in twice, and one unused
    whole.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "windows"
    onnx.helper.set_model_props(whole, {"window": str(frames), "hop": str(max(frames // 2, 1))})
    onnx.checker.check_model(whole, full_check=True)
    return whole


def _rename(graph: Any, old: str, new: str) -> None:
    """Give a value of `graph` another name."""
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]
    for value in graph.output:
        if value.name == old:
            value.name = new
