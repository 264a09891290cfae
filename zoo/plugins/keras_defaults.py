"""Default export, save and load hooks for Keras networks: ONNX, or Keras' own file.

The network classifies windows: its input is float32 (batch, rows, columns), its output
probabilities (batch, classes). The exported graph cuts windows as `zoo.audio.windows.cut_windows`
does, so a plugin that predicts with these windows needs no export of its own.
"""

import warnings
from pathlib import Path
from typing import Any
from zlib import crc32

from zoo.audio.windows import CUTTING, RANGE, hop_of
from zoo.plugins.keras_model import framework, fused_batch_normalization
from zoo_registry.errors import CannotExport, PluginError
from zoo_registry.hooks import OPSET, Exported, hookimpl
from zoo_registry.silence import quiet_stderr
from zoo_registry.temporary import temporary_folder
from zoo_registry.text import first_line, pip_install

__all__ = ["NetworkDefaults"]

_FILE = "model.keras"

_WINDOWING = """
<ir_version: {ir_version}, opset_import: ["": {opset}]>
windowing (float[frames, {columns}] track) => (float[count, {rows}, {columns}] windows)
<int64 zero = {{0}}, int64 one = {{1}}, int64 width = {{{rows}}}, int64 hop = {{{hop}}},
 int64[1] axis = {{1}}, float range = {{{range}}}>
{{ {cutting} }}
"""


class NetworkDefaults:
    """Hooks that apply to Keras networks, and return None for any other model."""

    @hookimpl(trylast=True)
    def export(self, model: Any) -> Any:
        """Convert a network to ONNX, behind a graph that cuts the windows."""
        if not _is_network(model):
            return None
        shape = model.input_shape
        if not (isinstance(shape, tuple) and len(shape) == 3 and None not in shape[1:]):  # noqa: PLR2004
            raise CannotExport(
                f"a network of input shape {shape} has no default ONNX form; give it windows, "
                "(batch, rows, columns), or write an `export` hook"
            )
        try:
            return _to_onnx(model)
        except ImportError as error:
            raise PluginError(f"{error}; {pip_install('deep')}") from error

    @hookimpl(trylast=True)
    def save(self, model: Any, folder: Path) -> bool | None:
        """Write a network that has no ONNX form."""
        if not _is_network(model):
            return None
        model.save(folder / _FILE)
        return True

    @hookimpl(trylast=True)
    def load(self, folder: Path) -> object:
        """Read a network of layers of Keras and the zoo; no code is loaded."""
        if not (folder / _FILE).is_file():
            return None
        keras = framework()
        fused_batch_normalization()
        try:
            return keras.saving.load_model(folder / _FILE, compile=False, safe_mode=True)
        except Exception as error:
            raise PluginError(f"{folder / _FILE} is not loaded: {first_line(error)}") from error


def _is_network(model: object) -> bool:
    # By name, so that Keras is not loaded for a model of another library.
    return any(
        kind.__module__.startswith("keras.") and kind.__name__ == "Model"
        for kind in type(model).__mro__
    )


def _to_onnx(network: Any) -> Exported:
    import numpy as np
    import onnx

    # Keras exports only a network that was called.
    network(np.zeros((1, *network.input_shape[1:]), np.float32))
    with temporary_folder() as folder:
        path = Path(folder) / "network.onnx"
        with quiet_stderr(), warnings.catch_warnings():
            import tf2onnx.graph

            # tf2onnx numbers names across the process, and sorts by name. It also puts nodes in
            # sets, which are in the order of addresses unless a node's hash is that of its name.
            tf2onnx.utils.INTERNAL_NAME = 1
            tf2onnx.graph.Node.__hash__ = lambda node: crc32(node.name.encode())
            warnings.simplefilter("ignore")  # Keras adapts tf2onnx to NumPy 2, not without warnings
            network.export(path, format="onnx", verbose=False, opset_version=OPSET)
        proto = onnx.load(path)
    (given,) = proto.graph.input
    _name_output(proto.graph, "probabilities")
    _, rows, columns = network.input_shape
    hop = hop_of(rows)
    values = {"ir_version": proto.ir_version, "opset": OPSET, "rows": rows, "hop": hop}
    cutting = {"cutting": CUTTING, "range": RANGE, "columns": columns}
    windowing = onnx.parser.parse_model(_WINDOWING.format(**cutting, **values))
    whole = onnx.compose.merge_models(windowing, proto, io_map=[("windows", given.name)])
    del whole.opset_import[1:]  # the merger repeats the operator set, and adds an unused one
    whole.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "windows"
    onnx.checker.check_model(whole, full_check=True)
    return Exported(whole, window=rows, hop=hop)


def _name_output(graph: Any, new: str) -> None:
    """Rename the only output of `graph`."""
    (output,) = graph.output
    for node in graph.node:
        node.input[:] = [new if name == output.name else name for name in node.input]
        node.output[:] = [new if name == output.name else name for name in node.output]
    output.name = new
