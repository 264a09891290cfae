"""The same training gives the same file, byte for byte."""

import ast
import hashlib
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import parser
from onnx.reference import ReferenceEvaluator

import zoo
from zoo.artefacts.stable_names import with_stable_names
from zoo.plugins.keras_defaults import NetworkDefaults
from zoo_registry import Registry
from zoo_registry.discovery import BUILT_IN, MODELS

BUILT_IN_MODELS = sorted(p.name for p in entry_points(group=MODELS) if p.dist.name == BUILT_IN)
CLASSICAL = [name for name in BUILT_IN_MODELS if not Registry().load(name).card.requires]
NETWORKS = sorted({*BUILT_IN_MODELS} - {*CLASSICAL})
SMALL = {"random-forest": {"n_estimators": 20}}
TRAIN = """
import sys, zoo
for name, params in eval(sys.argv[2]).items():
    run = zoo.train(name, sys.argv[1], protocol="holdout:0.5", params=params, jobs=1)
    print(run.artefact_path)
"""

# Two names that a converter numbers, a value that a subgraph takes from outside, and an If.
GRAPH = """
<ir_version: 10, opset_import: ["": 18], producer_name: "x">
{graph} (float[n, 2] track) => (float[{dim}, 2] probabilities)
<float two = {{2.0}}, float {first} = {{3.0}}> {{
    [{node}] {value} = Mul (track, {first})
    sum = ReduceSum <keepdims = 0> ({value})
    yes = Greater (sum, two)
    {chosen} = If (yes) <
        then_branch = {graph}1 () => (float[n, 2] {inner}) {{ {inner} = Mul ({value}, two) }},
        else_branch = {graph}2 () => (float[n, 2] {inner}) {{ {inner} = Identity ({value}) }}>
    probabilities = Add ({chosen}, {first})
}}
"""


def graph(suffix: str) -> onnx.ModelProto:
    names = ("graph", "dim", "first", "node", "value", "chosen", "inner")
    return parser.parse_model(GRAPH.format(**{name: f"{name}{suffix}" for name in names}))


def trained(name, data, params, monkeypatch, root) -> bytes:
    monkeypatch.setenv("ZOO_MODELS", str(root))
    run = zoo.train(name, str(data), protocol="holdout:0.5", params=params, jobs=1)
    assert run.complete, run.record.error
    return run.artefact_path.read_bytes()


def trained_elsewhere(data, params, monkeypatch, root) -> list[bytes]:
    monkeypatch.setenv("ZOO_MODELS", str(root))
    command = [sys.executable, "-c", TRAIN, str(data), repr(params)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [Path(line).read_bytes() for line in done.stdout.splitlines()]


def test_classical_models(feature_table, tmp_path, monkeypatch):
    data, params = feature_table(), {name: SMALL.get(name, {}) for name in CLASSICAL}
    elsewhere = trained_elsewhere(data, params, monkeypatch, tmp_path / "c")
    for (name, given), found in zip(params.items(), elsewhere, strict=True):
        first = trained(name, data, given, monkeypatch, tmp_path / "a")
        assert first == trained(name, data, given, monkeypatch, tmp_path / "b"), name
        assert first == found, name


def test_a_model_behind_a_front_end(tone_folder, tmp_path, monkeypatch):
    given = ("logistic", tone_folder(), {}, monkeypatch)
    assert trained(*given, tmp_path / "a") == trained(*given, tmp_path / "b")


@pytest.mark.deep
def test_a_network_behind_a_front_end(tone_folder, tmp_path, monkeypatch):
    pytest.importorskip("tf2onnx")
    given = ("cnn2d", tone_folder(), {"epochs": 1, "width": 2, "frames": 32}, monkeypatch)
    assert trained(*given, tmp_path / "a") == trained(*given, tmp_path / "b")


@pytest.mark.deep
def test_networks_of_another_process():
    """Converters also depend on the order of sets, which differs between exports and processes."""
    pytest.importorskip("tf2onnx")
    here = {name: hashes_of_network(name, exports=3) for name in NETWORKS}
    assert all(len(hashes) == 1 for hashes in here.values())
    command = [sys.executable, __file__, *NETWORKS]
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert ast.literal_eval(done.stdout) == here


def hashes_of_network(name: str, exports: int = 1) -> set[str]:
    model = Registry([NetworkDefaults()]).load(name)
    rng = np.random.default_rng(0)
    tracks = [rng.normal(-40, 9, (length, 16)).astype(np.float32) for length in (1, 50, 16, 30)]
    params = dict(model.card.params) | {"width": 2, "frames": 16, "batch": 4, "epochs": 1}
    fitted = model.module.train(
        tracks=tracks, labels=np.arange(4) % 2, classes=["a", "b"], groups=np.arange(4),
        params=params, seed=0, progress=lambda *_, **__: None,
    )  # fmt: skip
    protos = [with_stable_names(model.export(fitted).proto) for _ in range(exports)]
    contents = [proto.SerializeToString(deterministic=True) for proto in protos]
    return {hashlib.sha256(content).hexdigest() for content in contents}


def test_names_do_not_depend_on_those_of_the_converter():
    one, other = with_stable_names(graph("_7")), with_stable_names(graph("_123"))
    assert one == other
    onnx.checker.check_model(one, full_check=True)
    assert [value.name for value in one.graph.input] == ["track"]
    assert [value.name for value in one.graph.output] == ["probabilities"]


@pytest.mark.parametrize("level", [-1.0, 1.0])
def test_the_model_stays_the_same(level):
    given = {"track": np.full((3, 2), level, np.float32)}
    (expected,) = ReferenceEvaluator(graph("_7")).run(None, given)
    (found,) = ReferenceEvaluator(with_stable_names(graph("_7"))).run(None, given)
    assert np.array_equal(found, expected)


def test_functions_are_inlined():
    text = """
    <ir_version: 10, opset_import: ["": 18, "own": 1]>
    main (float[n, 2] track) => (float[n, 2] probabilities) {
        probabilities = own.twice_81 (track)
    }
    <domain: "own", opset_import: ["": 18]>
    twice_81 (x) => (y) { y = Add (x, x) }
    """
    proto = with_stable_names(parser.parse_model(text))
    assert not proto.functions
    (found,) = ReferenceEvaluator(proto).run(None, {"track": np.ones((1, 2), np.float32)})
    assert found.tolist() == [[2.0, 2.0]]


def test_operator_sets_are_in_order():
    text = """
    <ir_version: 10, opset_import: [{}]>
    main (float[n, 2] track) => (float[n, 2] probabilities) {{ probabilities = Abs (track) }}
    """
    sets = ('"": 18, "ai.onnx.ml": 3', '"ai.onnx.ml": 3, "": 18')
    one, other = (with_stable_names(parser.parse_model(text.format(given))) for given in sets)
    assert one == other


if __name__ == "__main__":
    print({name: hashes_of_network(name) for name in sys.argv[1:]})
