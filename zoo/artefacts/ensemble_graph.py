"""The graph of an ensemble: those of its members as one, and the weighted mean of their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.artefacts.artefact import WAVEFORM
from zoo.artefacts.merge import MergedGraph
from zoo.artefacts.metadata import ArtefactMetadata, WindowGrid
from zoo.artefacts.session import NOVELTY, OUTPUT, TIMES
from zoo.audio.onnx_graphs import TRACK
from zoo.audio.onnx_resampling import resampler
from zoo_registry.errors import CannotExport
from zoo_registry.hooks import OPSET

__all__ = ["Part", "merged_members"]

_TRACK_AS_INPUT = "float[rows, columns] track"

# Both sequences of windows cover the recording from begin to end, so each row gets the mean of the
# windows of its share of the sequence. The mean of all rows is then that of all windows.
_SPREAD = """spread (float[n, k] given, float[g, c] rows) => (float[g, k] result)
<int64 zero = {0}, int64 one = {1}, int64[1] axis = {1}> {
    given_length = Shape <start = 0, end = 1> (given)
    n = Squeeze (given_length)
    rows_length = Shape <start = 0, end = 1> (rows)
    g = Squeeze (rows_length)
    row = Range (zero, g, one)
    next_row = Add (row, one)
    window = Range (zero, n, one)
    next_window = Add (window, one)
    row_begins = Mul (row, n)
    row_ends = Mul (next_row, n)
    begins = Mul (window, g)
    ends = Mul (next_window, g)
    row_begin = Unsqueeze (row_begins, axis)
    row_end = Unsqueeze (row_ends, axis)
    later = Max (row_begin, begins)
    earlier = Min (row_end, ends)
    common = Sub (earlier, later)
    overlap = Max (common, zero)
    parts = Cast <to = 1> (overlap)
    whole = Cast <to = 1> (n)
    shares = Div (parts, whole)
    result = MatMul (shares, given)
}"""
_ORDERED = """ordered (float[n, k] given, int64[k] order) => (float[n, k] result) {
    result = Gather <axis = 1> (given, order)
}"""
_COLUMN = """column (float[n] given) => (float[n, 1] result) <int64[2] shape = {-1, 1}> {
    result = Reshape (given, shape)
}"""
_ROW = """row (float[n, 1] given) => (float[n] result) <int64[1] shape = {-1}> {
    result = Reshape (given, shape)
}"""
_WEIGHTED = """weighted (float[n, k] given, float[1] weight) => (float[n, k] result) {
    result = Mul (given, weight)
}"""
_SUM = """sum (float[n, k] one, float[n, k] other) => (float[n, k] result) {
    result = Add (one, other)
}"""


@dataclass(frozen=True)
class Part:
    """A member of an ensemble.

    Attributes
    ----------
    name : str
        The run.
    content : bytes
        Its ONNX file, which this zoo wrote.
    metadata : ArtefactMetadata
        Those of the file.
    weight : float
        Weight of its probabilities, above 0.
    """

    name: str
    content: bytes
    metadata: ArtefactMetadata
    weight: float

    @property
    def rate(self) -> int:
        """Hz of its waveform; 0 for a table of features."""
        return int(self.metadata.frontend.get("sample_rate", 0))

    @property
    def step(self) -> tuple[float, float]:
        """The distance of its windows, and their length; infinite if they are not known."""
        grid = self.metadata.windows
        return (grid.hop, grid.length) if grid else (np.inf, np.inf)


def merged_members(
    parts: Sequence[Part], classes: Sequence[str]
) -> tuple[Any, WindowGrid | None, int]:
    """Return the graph of an ensemble.

    It has the windows of the member of the highest rate whose windows are closest. The windows of
    another one are spread over them, so that the mean over all windows is the weighted mean of the
    means of the members.

    Parameters
    ----------
    parts : sequence of Part
        The members.
    classes : sequence of str
        Order of the columns.

    Returns
    -------
    proto : onnx.ModelProto
        The graph.
    windows : WindowGrid or None
        Position of the windows, where that of all members is known.
    rate : int
        Hz of the waveform; 0 for a table of features.

    Raises
    ------
    CannotExport
        If the graphs cannot be merged.
    """
    import onnx

    rate = max(part.rate for part in parts)
    first = min((part for part in parts if part.rate == rate), key=lambda part: part.step)
    ordered = [first, *(part for part in parts if part is not first)]
    protos = [onnx.load_from_string(part.content) for part in ordered]
    merged = MergedGraph(protos[0].graph.input[0], OPSET)
    values: list[dict[str, str]] = []
    for part, proto in zip(ordered, protos, strict=True):
        name = proto.graph.input[0].name
        heard = name
        if part.rate < rate:
            heard = _resampled(merged, rate, part)
        values.append(merged.add(proto, {name: heard}))
    outputs = [OUTPUT, *[NOVELTY] * all(NOVELTY in own for own in values)]
    rows = values[0].get(TIMES, values[0][OUTPUT])
    results = {}
    for output in outputs:
        total = ""
        for part, own in zip(ordered, values, strict=True):
            value = own[output]
            if output == NOVELTY:
                value = _then(merged, _COLUMN, value)
            elif tuple(part.metadata.classes) != tuple(classes):
                order = [part.metadata.classes.index(name) for name in classes]
                value = _then(merged, _ORDERED, value, order=np.array(order, np.int64))
            if rate and own.get(TIMES, own[OUTPUT]) != rows:
                value = _spread(merged, value, rows)
            value = _then(merged, _WEIGHTED, value, weight=np.array([part.weight], np.float32))
            total = _then(merged, _SUM, total, other=value) if total else value
        results[output] = _then(merged, _ROW, total) if output == NOVELTY else total
    if TIMES in values[0]:
        results[TIMES] = values[0][TIMES]
    tracks = {own.get(TRACK) for own in values}
    if rate and len(tracks) == 1 and (track := tracks.pop()):
        merged.rename(track, TRACK)
    shapes = {OUTPUT: ["windows", len(classes)], TIMES: ["windows", 2], NOVELTY: ["windows"]}
    infos = []
    for output in (name for name in (OUTPUT, TIMES, NOVELTY) if name in results):
        merged.copy(results[output], output)
        kind = onnx.TensorProto.FLOAT
        infos.append(onnx.helper.make_tensor_value_info(output, kind, shapes[output]))
    proto = merged.model(infos)
    onnx.checker.check_model(proto)
    return proto, _grid(ordered, rate), rate


def _resampled(merged: MergedGraph, rate: int, part: Part) -> str:
    """Return the waveform at the lower rate of a member."""
    graph = resampler(rate, part.rate)
    if graph is None:
        raise CannotExport(
            f"{part.name} hears {part.rate} Hz, and others {rate} Hz, which have too little in "
            "common to be resampled within one file"
        )
    return merged.add(graph, {WAVEFORM: WAVEFORM})["resampled"]


def _spread(merged: MergedGraph, value: str, rows: str) -> str:
    return merged.add(_parsed(_SPREAD), {"given": value, "rows": rows})["result"]


def _then(merged: MergedGraph, text: str, value: str, **more: Any) -> str:
    """Return the result of a small graph for a value, and for numbers or another value."""
    proto = _parsed(text)
    first, *others = (item.name for item in proto.graph.input)
    given = {first: value}
    import onnx

    for name in others:
        if isinstance(more[name], str):
            given[name] = more[name]
        else:
            tensor = onnx.numpy_helper.from_array(np.asarray(more[name]), name)
            proto.graph.initializer.append(tensor)
            del proto.graph.input[1:]
    return merged.add(proto, given)["result"]


def _parsed(text: str) -> Any:
    import onnx

    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": {OPSET}]>\n{text}')


def _grid(parts: Sequence[Part], rate: int) -> WindowGrid | None:
    """Return the position of the windows of the first, with the reach of all members."""
    grids = [part.metadata.windows for part in parts]
    first = grids[0]
    if first is None or None in grids:
        return None
    known = [(grid, part.rate) for grid, part in zip(grids, parts, strict=True) if grid]
    if all(grid == first and own == rate for grid, own in known):
        return first
    # What a window gets from another member may come from all of the windows that overlap it.
    reach = max(-(-(grid.length + grid.reach) * rate // own) for grid, own in known)
    return WindowGrid(hop=first.hop, length=first.length, reach=reach)
