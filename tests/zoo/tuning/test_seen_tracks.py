"""Which tracks a search trains and tests on, as the plugin itself receives them."""

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from zoo.datasets import Dataset, open_dataset
from zoo.evaluate.metrics import score
from zoo.training.verify import verify_run
from zoo_registry.runs import Run

pytestmark = [
    pytest.mark.deep,
    pytest.mark.skipif(
        importlib.util.find_spec("keras_tuner") is None, reason="needs genre-zoo[deep]"
    ),
]

# Nearest centre, measured with a parameter, so that other tracks make other parameters the best.
WITNESS = """
import json
import numpy as np
from zoo import Card, Float, Handcrafted, hookimpl

card = Card(
    name="witness", title="Witness", family="test", frontend=Handcrafted(),
    params={"first": 0.9, "second": 0.1},
    space={"first": Float(0.0, 1.0), "second": Float(0.0, 1.0)},
)

def hexed(tracks):
    return [np.asarray(track, np.float32).tobytes().hex() for track in tracks]

@hookimpl
def train(tracks, labels, classes, params, seed):
    X = np.concatenate(list(tracks))
    centres = np.stack([X[labels == c].mean(axis=0) for c in range(len(classes))])
    rng = np.random.default_rng(seed)
    first, second = params["first"] - 0.5, params["second"] - 0.5
    weights = 10.0 ** (4 * (first * rng.normal(size=6) + second * rng.normal(size=6)))
    return centres, weights, hexed(tracks), dict(params)

@hookimpl
def predict(model, tracks):
    centres, weights, learnt, params = model
    tracks = list(tracks)
    X = np.concatenate(tracks)
    winners = (weights * (X[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    entry = {"train": learnt, "test": hexed(tracks), "params": params, "winners": winners.tolist()}
    with open("log", "a") as log:
        log.write(json.dumps(entry) + "\\n")
    return list(np.eye(len(centres))[winners][:, None])
"""


@dataclass(frozen=True)
class Fit:
    """One fit of the plugin and its test: tracks by number, and the class that each is given."""

    train: frozenset[int]
    winners: dict[int, int]
    params: dict[str, Any]

    @property
    def test(self) -> frozenset[int]:
        return frozenset(self.winners)

    def accuracy(self, dataset: Dataset) -> float:
        return float(np.mean([dataset.labels[n] == won for n, won in self.winners.items()]))


def fits(dataset: Dataset) -> list[Fit]:
    """Return what the plugin has logged, and begin a new log."""
    assert dataset.features is not None
    number = {row.astype(np.float32).tobytes().hex(): n for n, row in enumerate(dataset.features)}
    found = []
    for line in Path("log").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        test = [number[track] for track in entry["test"]]
        train = frozenset(number[track] for track in entry["train"])
        found.append(Fit(train, dict(zip(test, entry["winners"], strict=True)), entry["params"]))
    Path("log").unlink()
    return found


def params_of_folds(run: Run) -> list[dict[str, Any]]:
    stored = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    return [entry["params"] for entry in stored["folds"]]


@pytest.fixture
def witness(workspace: Path) -> str:
    Path("witness.py").write_text(WITNESS, encoding="utf-8")
    return "./witness.py"


@pytest.mark.parametrize(("seed", "grouped"), [(1, True), (3, False)])
def test_nested_searches_see_the_training_part_of_their_own_fold_alone(
    witness, feature_table, seed, grouped
):
    table = str(feature_table(tracks=12, groups=6, spread=2.5))
    dataset = open_dataset(table)
    names = [track.id for track in dataset.tracks]
    run = zoo.train(
        witness, table, protocol="kfold:4", nested=3, seed=seed, grouped=grouped, jobs=1
    )
    assert run.complete, run.record.error
    predictions, done, chosen = run.predictions(), fits(dataset), params_of_folds(run)
    everything = frozenset(range(len(dataset)))
    for fold in range(4):
        rows = np.flatnonzero(predictions.folds == fold)
        test = [names.index(predictions.tracks[row]) for row in rows]
        rest = everything - frozenset(test)
        # The fold itself, with the parameters that its search found.
        (own,) = (fit for fit in done if fit.train == rest)
        assert own.params == chosen[fold]
        assert [own.winners[n] for n in test] == predictions.votes[rows].argmax(axis=1).tolist()
        # Four trials of three inner folds.
        inner = [fit for fit in done if fit.train | fit.test == rest]
        assert len(inner) == 4 * 3
        scores: dict[str, list[float]] = {}
        for fit in inner:
            scores.setdefault(json.dumps(fit.params), []).append(fit.accuracy(dataset))
        means = {params: np.mean(accuracies) for params, accuracies in scores.items()}
        assert len({round(mean, 9) for mean in means.values()}) > 1
        assert means[json.dumps(chosen[fold])] == max(means.values())
    # No other search saw less than all tracks.
    assert sum(len(fit.train | fit.test) < len(everything) for fit in done) == 4 * 4 * 3
    assert any(params != {"first": 0.9, "second": 0.1} for params in chosen)


@pytest.mark.parametrize("tuner", ["random", "hyperband"])
@pytest.mark.parametrize(("seed", "grouped"), [(0, False), (3, True)])
def test_the_search_of_the_first_fold_is_that_of_the_command(
    witness, feature_table, tuner, seed, grouped
):
    table = str(feature_table(tracks=18, groups=9, spread=2.5))
    dataset = open_dataset(table)
    common = {"protocol": "kfold:2", "seed": seed, "grouped": grouped, "tuner": tuner}
    tuning = zoo.tune(witness, table, trials=3, **common)
    asked = fits(dataset)
    run = zoo.train(witness, table, nested=3, jobs=1, **common)
    part = asked[0].train | asked[0].test
    searched = [fit for fit in fits(dataset) if fit.train | fit.test <= part]
    assert len(searched) == len(asked)
    assert all(fit in searched for fit in asked)
    assert params_of_folds(run)[0] == tuning.best.params
    assert verify_run(run, rerun=True, file=run.record.model.file) == []
    assert (min(trial.share for trial in tuning.trials) < 1) == (tuner == "hyperband")


def test_another_seed_proposes_otherwise(witness, feature_table):
    table = str(feature_table(tracks=12))
    first, other = (
        [trial.params for trial in zoo.tune(witness, table, trials=2, seed=seed).trials]
        for seed in (0, 3)
    )
    assert first[0] == other[0]
    assert not any(params in other[1:] for params in first[1:])


@pytest.mark.parametrize("grouped", [True, False])
def test_a_trial_is_scored_as_training_on_the_seen_tracks_would_be(witness, feature_table, grouped):
    table = str(feature_table(tracks=12, groups=6, spread=2.5))
    dataset = open_dataset(table)
    tuning = zoo.tune(witness, table, trials=4, protocol="holdout:0.3", seed=3, grouped=grouped)
    seen = {track.id for track in dataset.tracks if track.digest[:16] in tuning.record["seen"]}
    assert 0 < len(seen) < len(dataset)
    assert {fit.train | fit.test for fit in fits(dataset)} == {
        frozenset(n for n, track in enumerate(dataset.tracks) if track.id in seen)
    }
    part = dataset.without({track.id for track in dataset.tracks} - seen)
    for trial in tuning.trials:
        run = zoo.train(
            witness, part, protocol="kfold:3", seed=3, grouped=grouped, params=trial.params
        )
        assert run.complete, run.record.error
        assert tuple(trial.scores) == score(run.predictions()).fold_accuracy
        assert trial.score == pytest.approx(np.mean(trial.scores))
    assert len({tuple(trial.scores) for trial in tuning.trials}) > 1
