"""ONNX graphs merged into one, in which equal parts are computed once."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from zoo.audio.onnx_graphs import needed_for, put_before_names

__all__ = ["MergedGraph"]


class MergedGraph:
    """A graph that others are added to.

    A node with the operator, the attributes and the inputs of one that is there already is not
    added, nor is a weight of the same numbers: what several graphs have in common, such as a front
    end, is computed and stored once.

    Parameters
    ----------
    given : onnx.ValueInfoProto
        The input.
    opset : int
        Version of the operator set.
    """

    def __init__(self, given: Any, opset: int) -> None:
        self.given = type(given)()
        self.given.CopyFrom(given)
        self.opset = opset
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._known: dict[object, tuple[str, ...]] = {}
        self._domains: dict[str, int] = {"": opset}
        self._ir_version = 0

    def add(self, proto: Any, given: Mapping[str, str]) -> dict[str, str]:
        """Add a graph.

        Parameters
        ----------
        proto : onnx.ModelProto
            The graph, which is changed.
        given : mapping of str to str
            The value of the merged graph for each of its inputs.

        Returns
        -------
        dict of str to str
            The value of the merged graph for each value of the added one.
        """
        import onnx

        if proto.functions:
            proto = onnx.inliner.inline_local_functions(proto)
        if any(not each.domain and each.version != self.opset for each in proto.opset_import):
            proto = onnx.version_converter.convert_version(proto, self.opset)
        for each in proto.opset_import:
            self._domains[each.domain] = max(each.version, self._domains.get(each.domain, 0))
        self._ir_version = max(self._ir_version, proto.ir_version)
        graph, prefix = proto.graph, f"{len(self.nodes)}/"
        put_before_names(prefix, graph)
        names = {prefix + name: value for name, value in given.items()} | {"": ""}
        for tensor in graph.initializer:
            key = _content(tensor)
            if key not in self._known:
                self._known[key] = (tensor.name,)
                self.weights.append(tensor)
            names[tensor.name] = self._known[key][0]
        for node in graph.node:
            _rename(node, names)
            key = _identity(node)
            if key not in self._known:
                self._known[key] = tuple(node.output)
                self.nodes.append(node)
            names.update(zip(node.output, self._known[key], strict=True))
        return {name.removeprefix(prefix): value for name, value in names.items()}

    def rename(self, value: str, name: str) -> None:
        """Give a value of the graph another name, which no other value has."""
        for node in self.nodes:
            _rename(node, {value: name})
            node.output[:] = [name if output == value else output for output in node.output]

    def copy(self, value: str, name: str) -> None:
        """Give a value of the graph a second name."""
        import onnx

        self.nodes.append(onnx.helper.make_node("Identity", [value], [name]))

    def model(self, outputs: list[Any]) -> Any:
        """Return the graph as ``onnx.ModelProto``.

        Parameters
        ----------
        outputs : list of onnx.ValueInfoProto
            Values that become outputs.
        """
        import onnx

        helper = onnx.helper
        # What only other outputs of the graphs come from, such as their times, is left out.
        nodes, weights = needed_for({value.name for value in outputs}, self.nodes, self.weights)
        graph = helper.make_graph(nodes, "model", [self.given], outputs, weights)
        imports = [helper.make_opsetid(*each) for each in sorted(self._domains.items())]
        return helper.make_model(graph, opset_imports=imports, ir_version=self._ir_version)


def _content(tensor: Any) -> object:
    import onnx

    values: Any = onnx.numpy_helper.to_array(tensor)
    return tensor.data_type, values.shape, np.ascontiguousarray(values).tobytes()


def _rename(node: Any, names: Mapping[str, str]) -> None:
    """Let a node, and the graphs within it, read values by other names."""
    node.input[:] = [names.get(name, name) for name in node.input]
    for graph in _graphs_of(node):
        # Within a graph, its own values hide those outside that have the same names.
        own = {value.name for value in (*graph.input, *graph.initializer)}
        own |= {name for inner in graph.node for name in inner.output}
        outer = {name: value for name, value in names.items() if name not in own}
        for inner in graph.node:
            _rename(inner, outer)
        for output in graph.output:  # may be a value from outside
            output.name = outer.get(output.name, output.name)


def _identity(node: Any) -> object:
    """Return what two nodes have in common if they give the same values."""
    alone = type(node)()
    alone.CopyFrom(node)
    own = {"": ""}
    del alone.output[:]  # which only count
    _number(alone, own)
    return len(node.output), alone.SerializeToString(deterministic=True)


def _number(node: Any, own: dict[str, str]) -> None:
    """Give the values within a node numbers for names, and clear other names and texts."""
    node.name, node.doc_string = "", ""
    node.attribute.sort(key=lambda attribute: attribute.name)
    for graph in _graphs_of(node):
        graph.name, graph.doc_string = "", ""
        del graph.value_info[:]
        for value in (*graph.input, *graph.initializer):
            value.name = own.setdefault(value.name, f"own {len(own)}")
        for inner in graph.node:
            inner.input[:] = [own.get(name, name) for name in inner.input]
            _number(inner, own)
            inner.output[:] = [own.setdefault(name, f"own {len(own)}") for name in inner.output]
        for output in graph.output:
            output.name = own.get(output.name, output.name)


def _graphs_of(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
