"""The network of an encoder is cut out of a graph as it was put in."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper, parser

from zoo.artefacts.stable_names import with_stable_names
from zoo.audio.onnx_encoder import network_of, pooled
from zoo.audio.onnx_graphs import joined

PATCH = 400
SOUND = np.sin(np.arange(9_000) ** 1.1, dtype=np.float32)
# Nodes from the value `x`, float32 (patches, columns), to `y` of the same shape.
LAYERS = {
    "weights": "y = Mul (x, w)",
    "a subgraph": """
        sum = ReduceSum <keepdims = 0> (x)
        low = Less (sum, w)
        y = If (low) <then_branch = yes () => (float[n, m] a) { a = Mul (x, w) },
                      else_branch = no () => (float[n, m] b) { b = Add (x, w) }>""",
    "a loop": """
        three = Constant <value_int = 3> ()
        go = Constant <value_int = 1> ()
        yes = Cast <to = 9> (go)
        y = Loop (three, yes, x) <body = body (int64 i, bool on, float[n, m] before)
            => (bool still, float[n, m] after) {
                still = Identity (on)
                after = Add (before, w) }>""",
    "the zoo's own names": "network = Mul (x, w)\n embedding = Abs (network)\n y = Neg (embedding)",
    "an optional input": "least = Constant <value_float = 0.5> ()\n y = Clip (x, least, )",
}


def network(layers):
    """Return a network of some layers behind another."""
    nodes, last = ["axis = Constant <value_ints = [1]> ()", "v0 = ReduceMax (patches, axis)"], "v0"
    weights = []
    for number, name in enumerate(layers):
        own = parser.parse_graph(
            f"g (float[n, m] x, float w) => (float[n, m] y) {{ {LAYERS[name]} }}"
        )
        renamed = onnx.compose.add_prefix_graph(own, f"l{number}/", rename_edges=True)
        weights.append((f"l{number}/w", renamed, last))
        last = f"l{number}/y"
    proto = parser.parse_model(
        f"""<ir_version: 10, opset_import: ["": 18]>
        net (float[n, {PATCH}] patches) => (float[n, 1] v0) {{ {nodes[0]} {nodes[1]} }}"""
    )
    for name, graph, before in weights:
        proto.graph.node.append(helper.make_node("Identity", [before], [graph.input[0].name]))
        proto.graph.node.extend(graph.node)
        proto.graph.initializer.append(numpy_helper.from_array(np.float32(0.7), name))
    proto.graph.output[0].name = last
    return proto


def rows(proto):
    import onnxruntime

    content = proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run(["track"], {"waveform": SOUND[None]})[0]


HEAD = """<ir_version: 10, opset_import: ["": 18, "ai.onnx.ml": 1]>
head (float[rows, columns] track) => (float[rows, columns] probabilities) {
    three = Constant <value_int = 2> ()
    go = Constant <value_int = 1> ()
    yes = Cast <to = 9> (go)
    more = Loop (three, yes, track) <body = body (int64 i, bool on, float[n, m] before)
        => (bool still, float[n, m] after) {
            still = Identity (on)
            after = Add (before, before) }>
    probabilities = Softmax <axis = 1> (more) }"""


@settings(max_examples=15)
@given(
    st.lists(st.sampled_from(sorted(LAYERS)), max_size=4),
    st.tuples(st.integers(50, 900), st.integers(500, 4_000), st.sampled_from([0.1, 0.5])),
    st.booleans(),
)
def test_the_inverse_of_pooled_is_the_network(layers, sizes, with_model):
    proto = network(layers)
    whole = pooled(proto, PATCH, 200, 2_000, 0.1)
    if with_model:
        head = parser.parse_model(HEAD)
        whole = joined(whole, with_stable_names(head), "model/")
    found = network_of(onnx.load_from_string(whole.SerializeToString()))
    step, window, level = sizes
    again, first = (pooled(each, PATCH, step, window, level) for each in (found, proto))
    assert again.SerializeToString(deterministic=True) == first.SerializeToString(
        deterministic=True
    )
    assert rows(again).tobytes() == rows(first).tobytes()


@pytest.mark.parametrize(
    "text",
    [
        "g (float[1, n] waveform) => (float[1, n] track) { track = Abs (waveform) }",
        "g (float[1, n] waveform) => (float[1, n] other) { other = Abs (waveform) }",
    ],
)
def test_another_graph_has_none(text):
    proto = parser.parse_model(f'<ir_version: 10, opset_import: ["": 18]> {text}')
    with pytest.raises(ValueError, match="no loop computes track"):
        network_of(proto)
