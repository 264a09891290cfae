"""ONNX graph of an encoder: windows of a waveform, their patches, a network, and its mean."""

from collections.abc import Iterator
from typing import Any

from zoo.audio.onnx_features import trimmed
from zoo.audio.onnx_graphs import built, put_before_names
from zoo.audio.onnx_spectra import Op, Tensor
from zoo_registry.hooks import OPSET

__all__ = ["inputs", "network_of", "pooled"]

_PREFIX = "network/"
_SOFTEST = 1e-6  # of the power of the loudest patch; softer ones say nothing of the recording
_FAINTEST = 1e-9  # strength of what is made louder

# The nodes from `part` to `patches` are put behind `part`, those of the network behind `one_patch`.
# One patch at a time is fastest, and takes least memory.
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
        dims = Shape <start = 0, end = 1> (patches)
        found = Squeeze (dims, axis)
        embeddings = Loop (found, go_on) <body = each_patch (int64 place, bool goes_on)
            => (bool goes, float[{columns}] seen) {{
            places = Unsqueeze (place, axis)
            one_patch = Gather (patches, places)
            seen = Squeeze (embedding, axis)
            goes = Identity (goes_on)
        }}>
        row = ReduceMean <keepdims = 0> (embeddings, axis)
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

    network = onnx.version_converter.convert_version(network, OPSET)
    put_before_names(_PREFIX, network.graph)
    (given,), (embedding,) = inputs(network), network.graph.output
    columns = embedding.type.tensor_type.shape.dim[1].dim_value or "columns"
    text = _LOOP.format(opset=OPSET, columns=columns, half=window // 2, window=window)
    whole = onnx.parser.parse_model(text)
    each_window = _body(whole.graph, "track")
    rename = onnx.helper.make_node
    network.graph.node.insert(0, rename("Identity", ["one_patch"], [given.name]))
    network.graph.node.append(rename("Identity", [embedding.name], ["embedding"]))
    _insert(_body(each_window, "embeddings"), "one_patch", network.graph)
    _insert(each_window, "part", _patches(patch, step, level).graph)
    whole.functions.extend(network.functions)
    whole.opset_import.extend(entry for entry in network.opset_import if entry.domain)
    return whole


def network_of(whole: Any) -> Any:
    """Return the network of a graph that `pooled` returned, also with a model behind it.

    `pooled` makes the same graph of it as of the network that it was given, and of other windows,
    steps and levels likewise.

    Parameters
    ----------
    whole : onnx.ModelProto
        Graph from a waveform to ``track``, and what may be computed of that.

    Raises
    ------
    ValueError
        If the graph is another one.
    """
    import onnx

    helper = onnx.helper
    each_patch = _body(_body(whole.graph, "track"), "embeddings")
    own = [n for n in each_patch.node if any(name.startswith(_PREFIX) for name in n.output)]
    if not own or own[0].op_type != "Identity":
        raise ValueError("it has no network of an encoder")
    (given,), nodes = own[0].output, own[1:]
    last = next(n for n in each_patch.node if list(n.output) == ["embedding"])
    columns = each_patch.output[1].type.tensor_type.shape.dim[0]
    ends = [
        helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["count", size])
        for name, size in ((given, "samples"), (last.input[0], columns.dim_value or "columns"))
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        ends[:1],
        ends[1:],
        [weight for weight in each_patch.initializer if weight.name.startswith(_PREFIX)],
    )
    used = {node.domain for part in [graph, *whole.functions] for node in _nodes(part)} | {""}
    network = helper.make_model(
        graph,
        ir_version=whole.ir_version,
        opset_imports=[entry for entry in whole.opset_import if entry.domain in used],
        functions=whole.functions,
    )
    _without_prefix(network)
    return network


def _nodes(part: Any) -> Iterator[Any]:
    """Yield the nodes of a graph or function, and of the graphs in them."""
    for node in part.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g] * attribute.HasField("g") + list(attribute.graphs):
                yield from _nodes(inner)


def _without_prefix(message: Any) -> None:
    """Take the prefix from all names within a protocol buffer."""
    for descriptor, value in message.ListFields():
        if descriptor.name == "raw_data" or descriptor.type == descriptor.TYPE_BYTES:
            continue
        if descriptor.type == descriptor.TYPE_MESSAGE:
            for item in value if _is_repeated(value) else (value,):
                _without_prefix(item)
        elif descriptor.type == descriptor.TYPE_STRING:
            if _is_repeated(value):
                value[:] = [item.removeprefix(_PREFIX) for item in value]
            else:
                setattr(message, descriptor.name, value.removeprefix(_PREFIX))


def _is_repeated(value: Any) -> bool:
    return not isinstance(value, str) and hasattr(value, "__len__")


def inputs(network: Any) -> list[Any]:
    """Return the inputs of a network without its weights, which old files list, too."""
    weights = {weight.name for weight in network.graph.initializer}
    return [item for item in network.graph.input if item.name not in weights]


def _body(graph: Any, result: str) -> Any:
    """Return the body of the loop that computes a value; raises `ValueError` without."""
    for node in graph.node:
        if node.op_type == "Loop" and list(node.output) == [result]:
            return node.attribute[0].g
    raise ValueError(f"no loop computes {result}")


def _insert(graph: Any, behind: str, part: Any) -> None:
    """Put the nodes of a part behind the one that computes its input."""
    nodes = list(graph.node)
    place = 1 + next(n for n, node in enumerate(nodes) if behind in node.output)
    del graph.node[:]
    graph.node.extend([*nodes[:place], *part.node, *nodes[place:]])
    graph.initializer.extend(part.initializer)


def _patches(patch: int, step: int, level: float) -> Any:
    """Return the graph from the samples of a window, ``part``, to ``patches``."""

    def _cut(op: Op, part: Tensor) -> Tensor:
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

    return built(_cut, ("part", ["length"]), ("patches", ["count", patch]))
