"""Graphs merged into one: what they have in common is there once, and nothing else is shared."""

import numpy as np
import onnx
import onnxruntime
import pytest

from zoo.artefacts.merge import MergedGraph

HEAD = '<ir_version: 10, opset_import: ["": 18]>\n'
SIGNATURE = "part (float[n] given) => (float[n] result)"


def merged(*texts: str) -> tuple[onnx.ModelProto, onnxruntime.InferenceSession]:
    protos = [onnx.parser.parse_model(HEAD + text) for text in texts]
    graph = MergedGraph(protos[0].graph.input[0], 18)
    results = [graph.add(proto, {"given": "given"})["result"] for proto in protos]
    outputs = []
    for number, value in enumerate(results):
        graph.copy(value, f"result{number}")
        outputs.append(onnx.helper.make_tensor_value_info(f"result{number}", 1, ["n"]))
    proto = graph.model(outputs)
    onnx.checker.check_model(proto)
    return proto, onnxruntime.InferenceSession(proto.SerializeToString())


def operators(proto: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in proto.graph.node if node.op_type != "Identity"]


def test_a_common_beginning_is_computed_once():
    texts = [
        SIGNATURE + f" <float[1] two = {{2.0}}> {{ {a} = Mul (given, two) result = {end} ({a}) }}"
        for a, end in (("a", "Abs"), ("b", "Neg"))
    ]
    proto, session = merged(*texts)
    assert sorted(operators(proto)) == ["Abs", "Mul", "Neg"]
    assert len(proto.graph.initializer) == 1
    found = session.run(None, {"given": np.float32([-1, 2])})
    assert [each.tolist() for each in found] == [[2, 4], [2, -4]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<float[1] x = {2.0}> { result = Mul (given, x) }",
         "<float[1] x = {3.0}> { result = Mul (given, x) }"),
        ("<float[1] x = {2.0}> { result = Sub (given, x) }",
         "<float[1] x = {2.0}> { result = Sub (x, given) }"),
        ("{ result = LeakyRelu <alpha = 0.1> (given) }",
         "{ result = LeakyRelu <alpha = 0.2> (given) }"),
    ],
    ids=["weights", "order of inputs", "attributes"],
)  # fmt: skip
def test_what_differs_is_not_shared(one, other):
    proto, session = merged(SIGNATURE + one, SIGNATURE + other)
    assert len(operators(proto)) == 2
    first, second = session.run(None, {"given": np.float32([-1, 2])})
    assert first.tolist() != second.tolist()


LOOP = """ <int64 zero = {0}, int64 one = {1}, bool yes = {1}, float[1] step = {STEP}> {
    shape = Shape (given)
    result = Loop (three, yes, given) <body = turn
        (int64 number, bool go, float[n] before) => (bool still, float[n] after)
        <float[1] LOCAL = {2.0}> {
            still = Identity (go)
            twice = Mul (before, LOCAL)
            after = Add (twice, step)
        }>
}"""


@pytest.mark.parametrize(
    ("changes", "count"),
    [({}, 1), ({"LOCAL": "name"}, 1), ({"STEP": "5.0"}, 2), ({"{2.0}": "{4.0}"}, 2)],
    ids=["the same", "other names within", "another value from outside", "another within"],
)
def test_graphs_within_nodes(changes, count):
    texts = []
    for change in ({}, changes):
        text = LOOP
        for old, new in {"LOCAL": "factor", "STEP": "1.0", **change}.items():
            text = text.replace(old, new)
        proto = text.replace("zero = {0}", "three = {3}")
        texts.append(SIGNATURE + proto)
    proto, session = merged(*texts)
    assert operators(proto).count("Loop") == count
    first, second = session.run(None, {"given": np.float32([1.0])})
    assert (first.tolist() == second.tolist()) == (count == 1)
    assert first.tolist() == [15.0]


def test_a_value_within_may_have_the_name_of_one_outside():
    """Its own weight hides the outer one, which the other graph has, too."""
    hiding = (
        LOOP.replace("LOCAL", "step").replace("STEP", "1.0").replace("zero = {0}", "three = {3}")
    )
    plain = " <float[1] x = {1.0}> { result = Add (given, x) }"
    _, session = merged(SIGNATURE + plain, SIGNATURE + hiding)
    first, second = session.run(None, {"given": np.float32([1.0])})
    assert (first.tolist(), second.tolist()) == ([2.0], [22.0])
