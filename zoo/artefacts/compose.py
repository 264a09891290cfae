"""Front end, model, times and metadata as one ONNX graph."""

from typing import Any

from zoo.artefacts.artefact import FEATURES
from zoo.artefacts.metadata import METADATA, ArtefactMetadata, WindowGrid
from zoo.artefacts.session import OUTPUT, TIMES
from zoo.artefacts.stable_names import with_stable_names
from zoo.audio.onnx_graphs import joined
from zoo.evaluate.calibration import LEAST
from zoo_registry.errors import CannotExport
from zoo_registry.frontend import ExportableFrontEnd, TimedFrontEnd
from zoo_registry.hooks import OPSET, Exported
from zoo_registry.model import Model
from zoo_registry.text import json_text

__all__ = ["add_metadata", "compose"]


def compose(
    model: Model, fitted: object, *, takes_audio: bool = True, beta: float = 1.0
) -> tuple[Any, WindowGrid | None]:
    """Export a fitted model, and put its front end before it.

    Parameters
    ----------
    model : Model
        Plugin that trained it.
    fitted : object
        The return value of `train`.
    takes_audio : bool
        Whether the graph takes a waveform, and not rows of a feature table.
    beta : float
        Power that calibrates the probabilities; see `zoo.evaluate.calibration`.

    Returns
    -------
    proto : onnx.ModelProto
        Its bytes are the same for every export of the same model.
    windows : WindowGrid or None
        Position of the windows in samples, where it is known.

    Raises
    ------
    CannotExport
        If model or front end have no ONNX form.
    """
    frontend, result = model.card.frontend, model.export(fitted)
    if takes_audio and model.overrides_preprocess:
        raise CannotExport(
            f"{model.card.name} prepares audio in a `preprocess` hook, which has no ONNX form; "
            "declare a front end with a `graph`"
        )
    exported = Exported.of(result)
    part = with_stable_names(exported.proto)
    if beta != 1:
        _calibrate(part, beta)
    if not takes_audio:
        return part, None
    if not isinstance(frontend, ExportableFrontEnd):
        raise CannotExport(f"the front end {frontend.name} has no `graph`, its ONNX form")
    whole = joined(frontend.graph(), part, "model/")
    rows, step = exported.window, exported.hop
    if (rows is None or step is None) and frontend.layout == "vectors":
        rows, step = 1, 1
    if rows is None or step is None or not isinstance(frontend, TimedFrontEnd):
        return whole, None
    windows = WindowGrid(hop=step * frontend.hop, length=rows * frontend.hop, reach=frontend.reach)
    return _with_times(whole, frontend, rows, step), windows


def add_metadata(proto: Any, metadata: ArtefactMetadata) -> None:
    """Add metadata to a graph; `Artefact` reads them."""
    entry = proto.metadata_props.add()
    entry.key, entry.value = METADATA, json_text(metadata.to_dict())
    proto.producer_name = "genre-zoo"


def _calibrate(part: Any, beta: float) -> None:
    """Put `zoo.evaluate.calibration.calibrated` behind the probabilities of a model."""
    import onnx

    helper, given = onnx.helper, "calibration/given"
    (output,) = (output for output in part.graph.output if output.name == OUTPUT)
    kind = output.type.tensor_type.elem_type
    for node in part.graph.node:
        node.input[:] = [given if name == OUTPUT else name for name in node.input]
        node.output[:] = [given if name == OUTPUT else name for name in node.output]
    for name, value in (("least", LEAST), ("beta", beta)):
        part.graph.initializer.append(helper.make_tensor(f"calibration/{name}", kind, [], [value]))
    possible, logarithms, powers = (f"calibration/{n}" for n in ("possible", "logs", "powers"))
    part.graph.node.extend(
        (
            helper.make_node("Max", [given, "calibration/least"], [possible]),
            helper.make_node("Log", [possible], [logarithms]),
            helper.make_node("Mul", [logarithms, "calibration/beta"], [powers]),
            helper.make_node("Softmax", [powers], [OUTPUT], axis=1),
        )
    )
    if all(entry.domain for entry in part.opset_import):  # the model's own may be of another one
        part.opset_import.append(helper.make_opsetid("", OPSET))


def _with_times(proto: Any, frontend: TimedFrontEnd, rows: int, step: int) -> Any:
    """Add the output ``times`` of windows of `rows` rows that begin `step` rows apart.

    The last window ends with the waveform, even if its begin is off the grid.
    """
    from onnxscript import GraphBuilder, ir

    model = ir.from_proto(proto)
    graph = model.graph
    for constant in tuple(graph.initializers.values()):
        constant.name = f"before/{constant.name}"  # the builder numbers its own from zero
    builder = GraphBuilder(graph)
    op = builder.op
    track = next(value for node in graph for value in node.outputs if value.name == FEATURES)
    samples = op.Shape(graph.inputs[0], start=1)
    last = op.Max(op.Sub(op.Squeeze(op.Shape(track, start=0, end=1), [0]), rows), 0)
    starts = op.Min(op.Range(0, op.Add(last, step), step), last)
    begins = op.Mul(starts, frontend.hop)
    ends = op.Min(op.Mul(op.Add(starts, rows), frontend.hop), samples)
    ends = op.Concat(op.Slice(ends, [0], [-1]), samples, axis=0)
    both = op.Concat(op.Unsqueeze(begins, [1]), op.Unsqueeze(ends, [1]), axis=1)
    double = ir.DataType.DOUBLE
    seconds = op.Div(op.Cast(both, to=double), float(frontend.sample_rate))
    times = op.Cast(seconds, to=ir.DataType.FLOAT)
    times.type, times.shape = ir.TensorType(ir.DataType.FLOAT), ir.Shape(["windows", 2])
    builder.add_output(times, TIMES)
    return ir.to_proto(model)
