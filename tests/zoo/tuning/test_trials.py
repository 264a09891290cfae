"""Searches on disk: what is read back, and what is refused."""

import json

import pytest

from zoo.tuning.trials import RECORD, Trial, Tuning, stored
from zoo_registry.structures import from_plain

RECORDED = {
    "format": 1,
    "model": ["svm", "genre-zoo", "0.1.0"],
    "frontend": {"name": "handcrafted", "version": 3},
    "dataset": "0" * 64,
    "protocol": {"spec": "kfold:5", "grouped": True},
    "seed": 0,
    "tuner": "random",
    "inner": "kfold:3",
    "keras_tuner": "1.4.7",
    "seen": ["0" * 16],
}
TRIALS = [
    {
        "number": 0, "params": {"C": 5.0, "kernel": "rbf"}, "share": 1.0, "scores": [0.5, 0.75],
        "seconds": 0.25, "error": None,
    },
    {
        "number": 1, "params": {"C": 10.0, "kernel": None}, "share": 0.5, "scores": [],
        "seconds": 0.0, "error": "ValueError: too small",
    },
]  # fmt: skip


def text(**changes) -> str:
    return json.dumps(RECORDED | {"trials": TRIALS} | changes, indent=2) + "\n"


def test_a_former_search_is_read_and_written_as_it_was(tmp_path):
    (tmp_path / RECORD).write_text(text())
    tuning = Tuning.read(tmp_path)
    assert [trial.score for trial in tuning.trials] == [0.625, None]
    assert tuning.best is tuning.trials[0]
    tuning.write()
    assert (tmp_path / RECORD).read_text() == text()


def test_a_search_inside_a_fold_names_its_run_only(tmp_path):
    inside = {"format": 1, "model": "svm-1234567890", "inner": "kfold:3", "seen": []}
    stored(tmp_path, inside).write()
    assert json.loads((tmp_path / RECORD).read_text()) == inside | {"trials": []}


@pytest.mark.parametrize(
    "changes", [{}, {"seed": 1}, {"seen": []}, {"keras_tuner": "2"}, {"copies": 2}], ids=str
)
def test_trials_are_continued_if_everything_else_is_equal(tmp_path, changes):
    (tmp_path / RECORD).write_text(text())
    assert len(stored(tmp_path, RECORDED | changes).trials) == (0 if changes else 2)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"format": 2}, "'format': Invalid enum value 2"),
        ({"seen": None}, "'seen': Expected `array`"),
        ({"seen": [1]}, r"'seen\[0\]': Expected `str`"),
        ({"trials": None}, "'trials': Expected `array`"),
        ({"trials": [{"params": {}}]}, r"'trials\[0\].number' is missing"),
        ({"trials": [{"number": 0, "params": {"C": []}}]}, r"'trials\[0\].params\[...\]': Exp"),
    ],
)
def test_damage_is_named(tmp_path, changes, sentence):
    (tmp_path / RECORD).write_text(text(**changes))
    with pytest.raises(ValueError, match=sentence):
        Tuning.read(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"share": -1}, {"share": float("nan")}, {"seconds": 1e13}, {"scores": [float("inf")]},
        {"scores": 1}, {"params": {"C": 2**63}}, {"params": {"C": float("nan")}},
        {"params": {"C": float("-inf")}}, {"error": 1}, {"number": "0"}, {"number": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_damaged_trial_is_refused(changes):
    with pytest.raises(ValueError, match=f"'{next(iter(changes))}"):
        from_plain(TRIALS[0] | changes, Trial)
