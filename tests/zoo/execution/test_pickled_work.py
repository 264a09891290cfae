"""What is sent to a worker, without one: tasks and results are pickled on their way."""

import importlib.util
import json
import pickle
from pathlib import Path

import pytest

import zoo
from zoo.execution.engine import Engine
from zoo_registry import RunError
from zoo_registry.runs import Run


class Pickling(Engine):
    """Engine that calls everything in this process, on copies, as a worker elsewhere would.

    Parameters
    ----------
    place : Path
        Folder of the worker, whose cache is always empty.
    deadly : callable, optional
        Whether an item ends its worker.
    """

    def __init__(self, place: Path, deadly=lambda item: False) -> None:
        place.mkdir(exist_ok=True)
        self._place = place
        self.sent = 0
        self._deadly = deadly

    def map_unordered(self, call, items, small=False, risky=False):
        items = list(items)
        for position in reversed(range(len(items))):  # in an order of its own
            yield position, self.run_isolated(call, items[position])

    def run_isolated(self, call, item):
        self.sent += 1
        if self._deadly(item):
            return None
        sent = pickle.dumps((call, item))
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self._place)
            patch.setenv("ZOO_CACHE", str(self._place / f"cache{self.sent}"))
            call, item = pickle.loads(sent)
            found = pickle.dumps(call(item))
        return pickle.loads(found)


# Fitted to some of the tracks, which the seed draws, so that another seed gives other answers.
MODEL = """
import numpy as np
from sklearn.linear_model import LogisticRegression
from zoo import Card, Handcrafted, LogFloat, hookimpl

card = Card(
    name="drawing", title="Drawing", family="test", frontend=Handcrafted(window=0.25),
    params={"C": 1.0}, space={"C": LogFloat(0.001, 100.0)},
)

@hookimpl
def train(tracks, labels, classes, params, seed, progress):
    drawn = np.random.default_rng(seed).integers(0, len(labels), len(labels))
    drawn = np.concatenate([drawn, [np.flatnonzero(labels == c)[0] for c in range(len(classes))]])
    X = np.stack([tracks[int(n)].mean(axis=0) for n in drawn])
    progress(0.5, loss=float(labels.mean()))
    return LogisticRegression(C=params["C"], max_iter=300).fit(X, labels[drawn])

@hookimpl
def predict(model, tracks):
    return [model.predict_proba(track) for track in tracks]
"""


@pytest.fixture
def drawing(workspace: Path) -> str:
    Path("drawing.py").write_text(MODEL, encoding="utf-8")
    return "./drawing.py"


def same(one: Run, other: Run) -> bool:
    return one.predictions_path.read_bytes() == other.predictions_path.read_bytes()


def test_a_table_gives_the_same_with_the_seed_and_parameters_of_the_command(
    drawing, feature_table, workspace
):
    table = str(feature_table(tracks=8, groups=4, spread=2.0))
    common = {"protocol": "kfold:3", "params": {"C": 0.1}, "seed": 3}
    here = zoo.train(drawing, table, jobs=1, **common)
    engine = Pickling(workspace / "worker")
    there = zoo.train(drawing, table, engine=engine, root=Path("there"), **common)
    assert there.complete, there.record.error
    assert engine.sent == 3 + 1
    assert there.id == here.id
    assert same(there, here)
    assert not same(zoo.train(drawing, table, jobs=1, **common | {"seed": 4}), here)
    for one, other in zip(there.record.folds, here.record.folds, strict=True):
        assert (one.fold, one.train_tracks, one.test_tracks, one.curve) == (
            other.fold, other.train_tracks, other.test_tracks, other.curve,
        )  # fmt: skip
        assert one.curve
    assert there.record.artefact.curve == here.record.artefact.curve
    assert there.record.artefact.parity < 1e-4
    # The file is of the model that was fitted to all tracks with this seed.
    assert there.artefact_path.stat().st_size == there.record.artefact.bytes
    assert _weights(there) == _weights(here)


def _weights(run: Run) -> list[list[float]]:
    import onnx

    graph = onnx.load(run.artefact_path).graph
    found = [
        list(attribute.floats)
        for node in graph.node
        for attribute in node.attribute
        if attribute.floats
    ]
    found += [onnx.numpy_helper.to_array(item).ravel().tolist() for item in graph.initializer]
    assert found
    return sorted(found)


def test_recordings_that_are_named_from_here_give_the_same(
    drawing, make_tones, workspace, monkeypatch
):
    make_tones(workspace / "tones", tracks=4, seconds=0.3)
    here = zoo.train(drawing, "tones", protocol="kfold:2", seed=3, robustness=4, jobs=1)
    monkeypatch.setenv("ZOO_CACHE", str(workspace / "another cache"))
    there = zoo.train(
        drawing,
        "tones",
        protocol="kfold:2",
        seed=3,
        robustness=4,
        engine=Pickling(workspace / "worker"),
        root=Path("there"),
    )
    assert there.complete, there.record.error
    assert same(there, here)
    assert there.robustness_path.read_bytes() == here.robustness_path.read_bytes()
    for run in (here, there):
        stored = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
        assert stored["extraction"]["tracks"] == 8


@pytest.mark.deep
@pytest.mark.skipif(importlib.util.find_spec("keras_tuner") is None, reason="needs genre-zoo[deep]")
def test_searches_give_the_same_with_the_seed_of_the_command(drawing, feature_table, workspace):
    table = str(feature_table(tracks=9, spread=2.0))
    here = zoo.tune(drawing, table, trials=3, seed=3, jobs=1)
    there = zoo.tune(
        drawing, table, trials=3, seed=3, engine=Pickling(workspace / "worker"), root=Path("there")
    )
    for one, other in zip(there.trials, here.trials, strict=True):
        assert (one.number, one.params, one.scores) == (other.number, other.params, other.scores)
    assert there.id == here.id
    common = {"protocol": "kfold:2", "nested": 2, "seed": 3}
    run = zoo.train(drawing, table, jobs=1, **common)
    sent = zoo.train(
        drawing, table, engine=Pickling(workspace / "worker"), root=Path("there"), **common
    )
    assert sent.complete, sent.record.error
    assert same(sent, run)
    assert [fold.params for fold in sent.record.folds] == [fold.params for fold in run.record.folds]


def test_a_fold_that_ends_its_workers_is_a_marked_row(drawing, feature_table, workspace):
    table = str(feature_table(tracks=8))
    calls = iter([False, True, False])
    run = zoo.train(
        drawing,
        table,
        protocol="kfold:3",
        engine=Pickling(workspace / "worker", lambda item: next(calls, False)),
    )
    assert run.record.status == "failed"
    assert [fold.fold for fold in run.record.folds] == [0, 1, 2]
    errors = [fold.error for fold in run.record.folds]
    assert "was killed, or out of memory" in errors[1]
    assert (errors[0], errors[2]) == (None, None)
    assert "fold 1: " in run.record.error
    again = zoo.train(drawing, table, protocol="kfold:3", engine=Pickling(workspace / "worker"))
    assert again.complete, again.record.error


def test_a_last_fit_that_ends_its_workers_fails_the_run(drawing, feature_table, workspace):
    table = str(feature_table(tracks=8))
    calls = iter([False, False, True])
    engine = Pickling(workspace / "worker", lambda item: next(calls, False))
    with pytest.raises(RunError, match="was killed, or out of memory"):
        zoo.train(drawing, table, protocol="kfold:2", engine=engine)
    again = zoo.train(drawing, table, protocol="kfold:2", engine=engine)
    assert again.complete, again.record.error
    assert engine.sent == 3 + 1
