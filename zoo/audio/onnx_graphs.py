"""ONNX graphs: built from a function, and put one behind the other."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from zoo.audio.onnx_spectra import Op, Tensor

__all__ = ["TRACK", "built", "cut_at_track", "joined", "needed_for", "put_before_names"]

TRACK = "track"
"""Name of the value that a front end gives, and a model takes."""

_IR_VERSION = 10  # came with the operator sets up to 22; older hosts refuse newer files


def built(
    body: Callable[[Op, Tensor], Tensor],
    given: tuple[str, Sequence[int | str]],
    result: tuple[str, Sequence[int | str]],
) -> Any:
    """Return an ``onnx.ModelProto`` with one input and one output, both float32.

    Parameters
    ----------
    body : callable
        Returns the output for a builder ``op`` and the input; see `zoo.audio.onnx_spectra`.
    given, result : tuple of str and shape
        Name and shape of input and output; a dimension that varies has a name.
    """
    from onnxscript import build_graph, ir

    from zoo_registry.hooks import OPSET  # which predictions do without, as without pluggy

    graph = build_graph(
        body,
        [ir.val(given[0], ir.DataType.FLOAT, list(given[1]))],
        [ir.val(result[0], ir.DataType.FLOAT, list(result[1]))],
        opset_imports={"": OPSET},
        name=result[0],
    )
    return ir.to_proto(ir.Model(graph, ir_version=_IR_VERSION))


def joined(front: Any, part: Any, prefix: str) -> Any:
    """Return the graph that computes `front`, and `part` of its result.

    Parameters
    ----------
    front, part : onnx.ModelProto
        Two graphs; the one output of the first is the one input of the second, whatever their
        names are.
    prefix : str
        Put before the names within `part`; those of its outputs stay.

    Returns
    -------
    onnx.ModelProto
        With the operator set and the version of `front`.
    """
    import onnx

    (opset,) = (entry.version for entry in front.opset_import if not entry.domain)
    part = onnx.version_converter.convert_version(part, opset)
    part.ir_version = front.ir_version
    last, first = front.graph.output[0].name, part.graph.input[0].name
    put_before_names(prefix, part.graph, outputs=False)
    whole = onnx.compose.merge_models(front, part, io_map=[(last, prefix + first)])
    imported = {entry.domain: entry for entry in whole.opset_import}
    del whole.opset_import[:]  # the merger leaves some twice
    whole.opset_import.extend(imported.values())
    del whole.metadata_props[:]
    return whole


def put_before_names(prefix: str, graph: Any, outputs: bool = True) -> None:
    """Put a prefix before all names within a graph.

    Parameters
    ----------
    prefix : str
        The prefix.
    graph : onnx.GraphProto
        The graph, which is changed.
    outputs : bool
        Whether the names of its outputs are changed, too.
    """
    import onnx

    # Without the map a weight keeps its name where a subgraph, such as that of a Loop, reads it.
    weights = {tensor.name: prefix + tensor.name for tensor in graph.initializer}
    onnx.compose.add_prefix_graph(
        graph, prefix, rename_outputs=outputs, inplace=True, name_map=weights
    )


def cut_at_track(content: bytes) -> tuple[bytes, bytes] | None:
    """Return the graph from ``waveform`` to ``track``, and the rest; None if it has no such cut.

    Parameters
    ----------
    content : bytes
        ONNX file.
    """
    import onnx

    model = onnx.load_from_string(content)
    given = [value.name for value in model.graph.input]
    if given != ["waveform"] or not any(TRACK in node.output for node in model.graph.node):
        return None
    kind = onnx.TensorProto.FLOAT
    track = onnx.helper.make_tensor_value_info(TRACK, kind, ["rows", "columns"])
    front = _cut(model, [], [track])
    rest = _cut(model, [track], list(model.graph.output))
    return front, rest


def _cut(model: Any, given: list[Any], wanted: list[Any]) -> bytes:
    """Return what computes the wanted values from the waveform and those given."""
    import onnx

    known = {value.name for value in [*model.graph.input, *given]}
    wanted_names = {value.name for value in wanted}
    nodes, weights = needed_for(wanted_names, model.graph.node, model.graph.initializer, known)
    graph = onnx.helper.make_graph(nodes, "part", [*model.graph.input, *given], wanted, weights)
    domains = {node.domain for node in nodes} | {""}
    part = onnx.helper.make_model(
        graph,
        ir_version=model.ir_version,
        opset_imports=[entry for entry in model.opset_import if entry.domain in domains],
        functions=model.functions,
    )
    content: bytes = part.SerializeToString(deterministic=True)
    return content


def needed_for(
    wanted: Collection[str],
    nodes: Sequence[Any],
    weights: Iterable[Any],
    known: Collection[str] = (),
) -> tuple[list[Any], list[Any]]:
    """Return the nodes and the weights that values are computed from.

    Parameters
    ----------
    wanted : collection of str
        Names of the values.
    nodes : sequence of onnx.NodeProto
        The nodes, in the order of their computation.
    weights : iterable of onnx.TensorProto
        The weights.
    known : collection of str
        Names of values that need not be computed.
    """
    needed, found = set(wanted), []
    for node in reversed(nodes):
        if needed & set(node.output) - set(known):
            found.append(node)
            needed |= _names(node)
    return found[::-1], [tensor for tensor in weights if tensor.name in needed]


def _names(node: Any) -> set[str]:
    """Return the values that a node reads, within its subgraphs as well if they are not theirs."""
    names = set(node.input)
    for graph in (attribute.g for attribute in node.attribute if attribute.HasField("g")):
        read = {output.name for output in graph.output}.union(*map(_names, graph.node))
        theirs = {item.name for item in (*graph.input, *graph.initializer)}
        names |= read - theirs.union(*(inner.output for inner in graph.node))
    return names
