"""Names in an ONNX model that depend on nothing but the model."""

from collections.abc import Iterator
from typing import Any

__all__ = ["with_stable_names"]


def with_stable_names(proto: Any) -> Any:
    """Return a model whose nodes, values and free dimensions are numbered as they appear.

    Converters name them at random or by counters of the process, so that two exports of one model
    would differ. Inputs and outputs of the model keep their names.

    Parameters
    ----------
    proto : onnx.ModelProto
        Changed in place where it has no functions of its own.

    Returns
    -------
    onnx.ModelProto
        The same model, functions inlined, without texts for people and shapes that can be inferred.
    """
    import onnx.inliner

    if proto.functions:
        proto = onnx.inliner.inline_local_functions(proto)
    outer = [*proto.graph.input, *proto.graph.output]
    # One new name for each old one, in all subgraphs, leaves every reference and scope as it is.
    names = {"": ""} | {value.name: value.name for value in outer}
    for number, node in enumerate(_nodes(proto.graph)):
        node.name = f"{node.op_type}_{number}"
        for name in node.input:
            names.setdefault(name, f"constant_{len(names)}")
        for position, name in enumerate(node.output):
            names.setdefault(name, f"{node.name}_{position}" if position else node.name)
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
        del node.metadata_props[:]
        node.doc_string = ""
    order = {name: number for number, name in enumerate(names)}
    for graph in _graphs(proto.graph):
        graph.name, graph.doc_string = "model", ""
        del graph.value_info[:]
        graph.initializer.sort(key=lambda tensor: order.get(tensor.name, len(order)))
        sparse = [tensor.values for tensor in graph.sparse_initializer]
        for value in [*graph.input, *graph.initializer, *sparse, *graph.output]:
            value.name = names.setdefault(value.name, f"unused_{len(names)}")
    dimensions = [dim for value in outer for dim in value.type.tensor_type.shape.dim]
    for number, dim in enumerate(dimensions):
        if dim.dim_param and not dim.dim_param.isalpha():
            dim.dim_param = f"dimension_{number}"
    proto.opset_import.sort(key=lambda opset: opset.domain)  # converters collect them in a set
    return proto


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield all nodes, those of a subgraph before the node that it belongs to."""
    for node in graph.node:
        for subgraph in _subgraphs(node):
            yield from _nodes(subgraph)
        yield node


def _graphs(graph: Any) -> Iterator[Any]:
    """Yield a graph and all that it contains."""
    yield graph
    for node in graph.node:
        for subgraph in _subgraphs(node):
            yield from _graphs(subgraph)


def _subgraphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
