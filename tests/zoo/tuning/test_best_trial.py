"""The score of a trial, the best trial of a search, and the search that training takes."""

import json
import os
from pathlib import Path

import pytest

from zoo.datasets import open_dataset
from zoo.plugins.registry import open_registry
from zoo.tuning.trials import Trial, Tuning, find_tuning
from zoo_registry import UsageError


def search(folder: Path, trials: list[dict], **changes: object) -> Tuning:
    """Return a search of `logistic`, written as `zoo tune` writes it."""
    recorded = {
        "format": 1, "model": ["logistic", "genre-zoo", "1"], "dataset": "0" * 64,
        "inner": "kfold:3", "seen": [],
    }  # fmt: skip
    folder.mkdir(parents=True)
    (folder / "tuning.json").write_text(json.dumps(recorded | {"trials": trials} | changes))
    return Tuning.read(folder)


def test_a_score_is_the_mean_of_all_inner_folds():
    assert Trial(0, {}, scores=[0.5, 1.0, 0.75]).score == 0.75
    assert Trial(0, {}).score is None


def test_a_trial_that_fails_in_its_second_fold_has_no_score():
    assert Trial(0, {}, scores=[1.0], error="ValueError: no").score is None


def test_the_best_is_the_earliest_of_the_highest_with_the_whole_budget(tmp_path):
    trials = [
        {"number": 0, "params": {"C": 1}, "scores": [0.5]},
        {"number": 1, "params": {"C": 2}, "scores": [1.0], "share": 0.3},
        {"number": 2, "params": {"C": 3}, "scores": [1.0], "error": "ValueError: no"},
        {"number": 3, "params": {"C": 4}, "scores": [0.8]},
        {"number": 4, "params": {"C": 5}, "scores": [0.8]},
    ]
    best = search(tmp_path / "all", trials).best
    assert best is not None
    assert best.number == 3
    assert search(tmp_path / "none", trials[1:3]).best is None


@pytest.fixture
def store(workspace: Path, feature_table):
    """Return a function that stores a search, the model and the dataset that it is about."""
    dataset = open_dataset(str(feature_table()))
    model = open_registry().load("logistic")
    source = [model.source.distribution, model.source.version]

    def write(name: str, C: float, age: int, **changes: object) -> Path:
        folder = workspace / "models" / "table" / "tuning" / name
        about = {"model": ["logistic", *source], "dataset": dataset.fingerprint} | changes
        trials = about.pop("trials", [{"number": 0, "params": {"C": C}, "scores": [0.5]}])
        search(folder, trials, **about)
        path = folder / "tuning.json"
        os.utime(path, (1e9 - age, 1e9 - age))
        return path

    return write, model, dataset


def test_the_newest_search_of_this_model_on_this_dataset_counts(store):
    write, model, dataset = store
    write("a-old", 1.0, age=30)
    write("b-new", 2.0, age=10)
    write("c-oldest", 3.0, age=50)
    write("d-of-another-dataset", 4.0, age=0, dataset="f" * 64)
    write("e-of-another-model", 5.0, age=0, model=["svm", "genre-zoo", "1"])
    write("f-of-another-version", 6.0, age=0, model=["logistic", model.source.distribution, "0"])
    found = find_tuning(model, dataset)
    assert (found.id, found.best.params) == ("b-new", {"C": 2.0})


def test_damaged_and_failed_searches_are_passed_over(store):
    write, model, dataset = store
    write("good", 1.0, age=30)
    damaged = write("damaged", 2.0, age=0)
    damaged.write_text(json.dumps(json.loads(damaged.read_text()) | {"trials": [3]}))
    failed = [{"number": 0, "params": {"C": 3.0}, "scores": [], "error": "ValueError: no"}]
    write("failed", 3.0, age=0, trials=failed)
    assert find_tuning(model, dataset).id == "good"
    (damaged.parents[1] / "good" / "tuning.json").unlink()
    with pytest.raises(UsageError, match="was not tuned on"):
        find_tuning(model, dataset)


def test_another_front_end_is_named_and_the_options_are_kept(store):
    write, model, dataset = store
    musicnn = {"name": "musicnn", "version": 1, "window": 5.0}
    known = write("a", 1.0, age=30, frontend=musicnn, spec="musicnn:window=5.0")
    with pytest.raises(UsageError) as error:
        find_tuning(model, dataset, protocol="holdout:0.3", grouped=False, seed=3)
    data = f"logistic --data {dataset.source}"
    split = "--protocol holdout:0.3 --ungrouped --seed 3"
    assert str(error.value) == (
        f"logistic was tuned on {dataset.source} with the front end musicnn:window=5.0, not with "
        f"handcrafted; `zoo train {data} --front-end musicnn:window=5.0 {split} --tuned` takes "
        f"what was found, `zoo tune {data} {split}` searches again"
    )
    known.unlink()
    write("of-another-dataset", 1.0, age=0, frontend=musicnn, dataset="f" * 64)
    with pytest.raises(UsageError, match=r"was not tuned on .*3` does it"):
        find_tuning(model, dataset, protocol="holdout:0.3", grouped=False, seed=3)
