"""The output ``novelty`` of an artefact: `zoo.evaluate.novelty.Novelty` as a part of its graph."""

from typing import Any

import numpy as np

from zoo.artefacts.artefact import FEATURES
from zoo.artefacts.session import NOVELTY
from zoo.audio.windows import CUTTING, RANGE
from zoo.evaluate.novelty import BOUND, Novelty, cosines

__all__ = ["add_novelty"]

_PREFIX = "novelty/"

_VECTORS = """
    described = ReduceMean <keepdims = 0> (windows, axis)
"""

_FRAMES = """
    loudest = ReduceMax (windows, inner)
    floor = Sub (loudest, range)
    heard = Max (windows, floor)
    coefficients = MatMul (heard, cosines)
    mean = ReduceMean (coefficients, axis)
    centred = Sub (coefficients, mean)
    squares = Mul (centred, centred)
    variance = ReduceMean <keepdims = 0> (squares, axis)
    spread = Sqrt (variance)
    wider = Add (spread, unit)
    widths = Log (wider)
    later = Slice (coefficients, axis, most, axis)
    earlier = Slice (coefficients, start, minus, axis)
    difference = Sub (later, earlier)
    absolute = Abs (difference)
    changes = ReduceSum <keepdims = 0> (absolute, axis)
    change = Div (changes, pairs)
    relative = Div (change, wider)
    level = Squeeze (mean, axis)
    contour = Slice (level, axis, most, axis)
    described = Concat <axis = 1> (contour, widths, relative)
"""

_DISTANCE = """
    shifted = Sub (described, middle)
    standard = Mul (shifted, scale)
    lower = Max (standard, lowest)
    bounded = Min (lower, highest)
    powers = Mul (bounded, bounded)
    power = ReduceMean <keepdims = 0> (powers, axis)
    distance = Sqrt (power)
    novelty = Div (distance, threshold)
"""


def add_novelty(proto: Any, novelty: Novelty, columns: int) -> None:
    """Add the output ``novelty``, float32 (windows,), to the graph of an artefact.

    Parameters
    ----------
    proto : onnx.ModelProto
        Graph with the value ``track``, the front-end array; changed in place.
    novelty : Novelty
        The result of the fit.
    columns : int
        Columns of the front-end array.
    """
    import onnx

    windowing = novelty.windowing
    steps = CUTTING + (_FRAMES if windowing.layout == "frames" else _VECTORS) + _DISTANCE
    (opset,) = (entry.version for entry in proto.opset_import if not entry.domain)
    head = f'<ir_version: {proto.ir_version}, opset_import: ["": {opset}]>'
    types = "(float[rows, columns] track) => (float[windows] novelty)"
    part = onnx.parser.parse_model(f"{head} novelty {types} {{ {steps} }}")
    whole_numbers: dict[str, Any] = {
        "zero": 0, "one": 1, "width": windowing.rows, "hop": windowing.step,
        "axis": [1], "start": [0], "minus": [-1], "most": [2**62], "inner": [1, 2],
    }  # fmt: skip
    numbers: dict[str, Any] = {
        "middle": novelty.mean, "scale": novelty.scale, "threshold": novelty.threshold,
        "lowest": -BOUND, "highest": BOUND, "range": RANGE, "unit": 1.0,
        "pairs": max(1, windowing.rows - 1), "cosines": cosines(columns),
    }  # fmt: skip
    used = {name for node in part.graph.node for name in node.input}
    for kind, values in ((np.int64, whole_numbers), (np.float32, numbers)):
        for name in sorted(used & values.keys()):
            tensor = onnx.numpy_helper.from_array(np.asarray(values[name], kind), name)
            part.graph.initializer.append(tensor)
    part = onnx.compose.add_prefix(part, _PREFIX, rename_inputs=False, rename_outputs=False)
    for node in part.graph.node:
        node.input[:] = [FEATURES if name == "track" else name for name in node.input]
    proto.graph.node.extend(part.graph.node)
    proto.graph.initializer.extend(part.graph.initializer)
    output = proto.graph.output.add()
    output.CopyFrom(part.graph.output[0])
    output.name = NOVELTY
