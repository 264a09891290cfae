"""ONNX graph of an encoder: windows of a waveform, their patches, a network, and its mean."""

from typing import Any

from zoo.audio.onnx_features import trimmed
from zoo.audio.onnx_graphs import built, joined
from zoo.audio.onnx_spectra import Op, Tensor
from zoo_registry.hooks import OPSET

__all__ = ["pooled"]

_SOFTEST = 1e-6  # of the power of the loudest patch; softer ones say nothing of the recording
_FAINTEST = 1e-9  # strength of what is made louder

# The nodes from `part` to the embedding are put between the last three.
_LOOP = """
<ir_version: 10, opset_import: ["": {opset}]>
front_end (float[1, samples] waveform) => (float[rows, {columns}] track) {{
    axis = Constant <value_ints = [0]> ()
    one = Constant <value_int = 1> ()
    half = Constant <value_int = {half}> ()
    window = Constant <value_int = {window}> ()
    audio = Squeeze (waveform, axis)
    shape = Shape (audio)
    size = Squeeze (shape, axis)
    longer = Add (size, half)
    whole = Div (longer, window)
    count = Max (whole, one)
    yes = Cast <to = 9> (one)
    track = Loop (count, yes) <body = each_window (int64 number, bool go_on)
        => (bool still, float[{columns}] row) {{
        begin = Mul (number, window)
        next = Add (number, one)
        is_last = Equal (next, count)
        full = Add (begin, window)
        end = Where (is_last, size, full)
        begins = Unsqueeze (begin, axis)
        ends = Unsqueeze (end, axis)
        part = Slice (audio, begins, ends, axis)
        row = ReduceMean <keepdims = 0> ({embedding}, axis)
        still = Identity (go_on)
    }}>
}}
"""


def pooled(network: Any, patch: int, step: int, window: int, level: float) -> Any:
    """Return the graph from a waveform, (1, samples), to rows, (windows, columns).

    Parameters
    ----------
    network : onnx.ModelProto
        From patches, float32 (patches, samples), to embeddings, float32 (patches, columns).
    patch, step, window : int
        Samples of a patch, from one patch to the next, and of a window.
    level : float
        Root of the mean power to which each window is brought.
    """
    import onnx

    inner = joined(_patches(patch, step, level), network, "network/")
    (embedding,) = inner.graph.output
    columns = embedding.type.tensor_type.shape.dim[1].dim_value
    text = _LOOP.format(
        opset=OPSET,
        columns=columns or "columns",
        half=window // 2,
        window=window,
        embedding=f'"{embedding.name}"' if not embedding.name.isidentifier() else embedding.name,
    )
    whole = onnx.parser.parse_model(text)
    (loop,) = (node for node in whole.graph.node if node.op_type == "Loop")
    body = loop.attribute[0].g
    nodes = list(body.node)
    del body.node[:]
    body.node.extend([*nodes[:-2], *inner.graph.node, *nodes[-2:]])
    body.initializer.extend(inner.graph.initializer)
    whole.functions.extend(inner.functions)
    for entry in inner.opset_import:
        if entry.domain:
            whole.opset_import.append(entry)
    return whole


def _patches(patch: int, step: int, level: float) -> Any:
    """Return the graph from the samples of a window, ``part``, to ``patches``."""

    def _body(op: Op, part: Tensor) -> Tensor:
        audio = trimmed(op, op.Sub(part, op.ReduceMean(part)))
        strength = op.Sqrt(op.ReduceMean(op.Mul(audio, audio)))
        audio = op.Mul(audio, op.Div(level, op.Max(strength, _FAINTEST)))
        size = op.Squeeze(op.Shape(audio), [0])
        last = op.Max(op.Sub(size, patch), 0)
        starts = op.Min(op.Range(0, op.Add(last, step), step), last)
        places = op.Add(op.Unsqueeze(starts, [1]), op.Range(0, patch, 1))
        cut = op.Gather(audio, op.Mod(places, size))
        power = op.ReduceMean(op.Mul(cut, cut), [1], keepdims=0)
        loudest = op.ReduceMax(power, keepdims=0)
        sounding = op.GreaterOrEqual(power, op.Mul(loudest, _SOFTEST))
        return op.Compress(cut, sounding, axis=0)

    return built(_body, ("part", ["length"]), ("patches", ["count", patch]))
