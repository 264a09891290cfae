"""Trials on disk: their scores, the best of them, and the search that training takes."""

import json
import os
from pathlib import Path

import pytest

from zoo.datasets import open_dataset
from zoo.plugins.registry import open_registry
from zoo.tuning.trials import Trial, Tuning, find_tuning
from zoo_registry import UsageError


def test_a_score_is_the_mean_of_all_inner_folds():
    assert Trial(0, {}, scores=[0.5, 1.0, 0.75]).score == 0.75
    assert Trial(0, {}).score is None


def test_a_trial_that_fails_in_its_second_fold_has_no_score():
    assert Trial(0, {}, scores=[1.0], error="ValueError: no").score is None


def test_the_best_is_the_earliest_of_the_highest_with_the_whole_budget():
    trials = [
        Trial(0, {"C": 1}, scores=[0.5]),
        Trial(1, {"C": 2}, share=0.3, scores=[1.0]),
        Trial(2, {"C": 3}, scores=[1.0], error="ValueError: no"),
        Trial(3, {"C": 4}, scores=[0.8]),
        Trial(4, {"C": 5}, scores=[0.8]),
    ]
    best = Tuning(Path("nowhere"), {}, trials).best
    assert best is not None
    assert best.number == 3
    assert Tuning(Path("nowhere"), {}, trials[1:3]).best is None


@pytest.fixture
def store(workspace: Path, feature_table):
    """Return a function that writes a search of `logistic` on a table, as `zoo tune` would."""
    dataset = open_dataset(str(feature_table()))
    model = open_registry().load("logistic")

    def write(name: str, C: float, age: int, **changes: object) -> Tuning:
        record = {
            "format": 1,
            "model": ["logistic", model.source.distribution, model.source.version],
            "dataset": dataset.fingerprint,
            "seen": [],
        } | changes
        folder = workspace / "models" / "table" / "tuning" / name
        folder.mkdir(parents=True)
        tuning = Tuning(folder, record, [Trial(0, {"C": C}, scores=[0.5])])
        tuning.write()
        os.utime(folder / "tuning.json", (1e9 - age, 1e9 - age))
        return tuning

    return write, model, dataset


def test_the_newest_search_of_this_model_on_this_dataset_counts(store):
    write, model, dataset = store
    write("a-old", 1.0, age=30)
    write("b-new", 2.0, age=10)
    write("c-oldest", 3.0, age=50)
    write("d-of-another-dataset", 4.0, age=0, dataset="f" * 64)
    write("e-of-another-model", 5.0, age=0, model=["svm", model.source.distribution, "1"])
    write("f-of-another-version", 6.0, age=0, model=["logistic", model.source.distribution, "0"])
    found = find_tuning(model, dataset)
    assert (found.id, found.best.params) == ("b-new", {"C": 2.0})


def test_a_damaged_search_is_passed_over(store):
    write, model, dataset = store
    good = write("good", 1.0, age=30)
    damaged = write("damaged", 2.0, age=0)
    path = damaged.folder / "tuning.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"trials": [3]}))
    assert find_tuning(model, dataset).id == good.id
    path.unlink()
    (good.folder / "tuning.json").unlink()
    with pytest.raises(UsageError, match="was not tuned on"):
        find_tuning(model, dataset)
