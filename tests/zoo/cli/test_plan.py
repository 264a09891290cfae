"""``zoo train --dry-run``: what would be trained, and about how long it takes."""

import re

import pytest

from zoo.training.estimate import Estimate, in_words
from zoo.workspace import models_folder


def test_a_plan_trains_nothing_and_learns_from_earlier_runs(feature_table, command):
    data = feature_table(tracks=20)
    train = ("train", "decision-tree", "knn", "--data", data, "--protocol", "kfold:2")
    status, out, _ = command(*train, "--dry-run")
    assert status == 0
    assert "decision-tree, knn: estimated from a rule" not in out
    assert "decision-tree: estimated from a rule, 0.01 s per track and training" in out
    assert out.endswith("Nothing was trained.\n")
    assert not models_folder().exists()
    assert command(*train[:2], *train[3:])[0] == 0
    before = sorted(models_folder().rglob("*"))
    status, out, _ = command(*train, "--seed", "0", "--seed", "1", "--dry-run")
    assert status == 0
    rows = {line.split("  ")[0].strip(): line for line in out.splitlines() if "kfold" not in line}
    assert "nothing to do" in rows["decision-tree"]
    assert "complete" in rows["decision-tree"]
    assert "new" in rows["decision-tree, seed 1"]
    assert "decision-tree, seed 1: estimated from 1 earlier run of decision-tree on this" in out
    assert "knn, knn, seed 1: estimated from a rule" in out
    assert sorted(models_folder().rglob("*")) == before


def test_longer_recordings_take_longer(tone_folder, command):
    seconds = {}
    for name, length in (("short", 1.0), ("long", 8.0)):
        folder = tone_folder(name, seconds=length)
        train = ("train", "svm", "--data", folder, "--protocol", "kfold:2", "--no-robustness")
        if name == "short":
            assert command(*train)[0] == 0
            train += ("--seed", "1")
        status, out, _ = command(*train, "--dry-run")
        assert status == 0
        assert ("on this dataset" in out) == (name == "short")
        assert ("scaled by tracks and their length" in out) == (name == "long")
        found = re.search(r"All together: ([\d.]+) to ([\d.]+) (s|min)", out)
        seconds[name] = float(found[2]) * (60 if found[3] == "min" else 1)
    assert seconds["long"] > 3 * seconds["short"]


def test_a_plan_looks_for_the_run_that_the_training_would_make(feature_table, command):
    train = ("train", "decision-tree", "--data", feature_table(tracks=20), "--protocol", "kfold:2")
    assert command(*train)[0] == 0
    assert command("tune", *train[1:], "--trials", "1")[0] == 0
    for options, state in (
        (["--nested", "1"], "new"), (["--tuned"], "new"), (["--sizes", "2"], "complete, sizes due")
    ):  # fmt: skip
        status, out, err = command(*train, *options, "--dry-run")
        assert status == 0, err
        assert "nothing to do" not in out
        assert state in out
        assert ("come on top" in out) == (options[0] == "--nested")
        assert command(*train, *options)[0] == 0
        status, out, _ = command(*train, *options, "--dry-run")
        assert (status, "nothing to do" in out, "come on top" in out) == (0, True, False)


def test_a_plan_counts_changed_tracks(tone_folder, command):
    train = ("train", "decision-tree", "--data", tone_folder(), "--protocol", "kfold:2")
    assert command(*train, "--no-robustness")[0] == 0
    status, out, _ = command(*train, "--robustness", "2", "--dry-run")
    assert (status, "more changed tracks due" in out, "nothing to do" in out) == (0, True, False)


@pytest.mark.parametrize(
    "options",
    [
        ["--protocol", "kfold:99"], ["--set", "depth=3"], ["--tuned"], ["--tuned", "--nested", "2"],
        ["--robustness", "5"],
    ],
)  # fmt: skip
def test_a_plan_refuses_what_a_training_refuses(options, feature_table, command):
    data = feature_table(tracks=20)
    for more in ([], ["--dry-run"]):
        status, out, err = command("train", "decision-tree", "--data", data, *options, *more)
        assert (status, out) == (2, "")
        assert err.splitlines()[-1].startswith("zoo: ")


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.4, 3.2, "0.4 to 3 s"),
        (12.3, 80, "12 to 80 s"),
        (31, 93, "0.5 to 2 min"),
        (330, 1234, "6 to 21 min"),
        (3600, 90_000, "1 to 25 h"),
    ],
)
def test_a_range_has_few_digits(low, high, words):
    assert in_words([Estimate("a", "new", 2, 3, 0, low, high, "a rule")]) == words
