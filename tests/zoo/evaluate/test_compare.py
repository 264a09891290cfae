"""Comparison of two runs: against cases by hand, on one board and on different ones."""

import hashlib
import shutil
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.evaluate.compare import compare
from zoo.evaluate.comparison import ChangeDifference, OneRight, limits, signed
from zoo.report.comparison import comparison_markdown, comparison_tables
from zoo.workspace import find_run
from zoo_registry.errors import RunError, UsageError
from zoo_registry.predictions import ChangedPredictions, Predictions

LABELS = [0] * 10 + [1] * 10 + [2] * 10


def answers(*wrong: int) -> list[int]:
    """Return the labels, but the next class for these tracks."""
    return [(label + (n in wrong)) % 3 for n, label in enumerate(LABELS)]


def settings(found) -> dict[str, tuple[object, object]]:
    return {item.what: (item.first, item.second) for item in found.settings}


def test_by_hand(write_run):
    """The first run wins eight tracks of the class a and loses one of b."""
    one = write_run("svm-a", LABELS, answers(10), params={"C": 5.0})
    other = write_run("knn-b", LABELS, answers(*range(8)), params={"k": 3}, seed=1)
    found = compare(one, "knn-b")
    assert (found.first.name, found.second.name) == ("svm", "knn")
    assert (found.tests, found.groups, found.basis, found.notes) == (30, 30, "", ())
    assert settings(found) == {
        "model": ("svm", "knn"), "parameter C": (5.0, None), "parameter k": (None, 3),
        "seed": (0, 1),
    }  # fmt: skip
    accuracy = found.metrics[0]
    assert (accuracy.metric, accuracy.first, accuracy.second) == ("accuracy", 29 / 30, 22 / 30)
    assert accuracy.difference == pytest.approx(7 / 30)
    # McNemar's exact test of 8 against 1: 20 of 512.
    assert accuracy.p == pytest.approx(20 / 512, abs=0.01)
    assert 0 < accuracy.low < 7 / 30 < accuracy.high
    assert accuracy.better == "first"
    assert found.verdict.startswith("svm is better by .233 (.0")
    lines = [(c.name, c.tests, c.first, c.second, c.won, c.lost) for c in found.classes]
    assert lines == [("a", 10, 1, 0.2, 8, 0), ("b", 10, 0.9, 1, 0, 1), ("c", 10, 1, 1, 0, 0)]
    assert found.only_first == tuple(OneRight(f"track00{n}", "a", "b", 1) for n in range(8))
    assert found.only_second == (OneRight("track010", "b", "c", 1),)
    assert find_run(other.id).id == found.second.run


def test_the_other_way_round_everything_is_mirrored(write_run):
    write_run("svm-a", LABELS, answers(10, 21))
    write_run("knn-b", LABELS, answers(0, 1, 2))
    one, other = compare("svm", "knn", "macro-f1"), compare("knn", "svm", "macro-f1")
    assert [s.first for s in one.settings] == [s.second for s in other.settings]
    assert (one.only_first, one.only_second) == (other.only_second, other.only_first)
    for a, b in zip(one.metrics, other.metrics, strict=True):
        assert (a.difference, a.low, a.high) == pytest.approx((-b.difference, -b.high, -b.low))
        assert (a.p, a.first) == (pytest.approx(b.p), b.second)
    assert one.verdict.startswith("These tracks do not tell which is better in macro F1: svm minus")


def test_less_is_better_for_a_loss(write_run):
    sure = np.eye(3)[LABELS] * 0.9 + 0.1 / 3
    for name, means in (("svm-a", np.full((30, 3), 1 / 3)), ("knn-b", sure)):
        write_run(name, LABELS, LABELS, probabilities=means)
    found = compare("svm", "knn", "log_loss")
    (loss,) = (item for item in found.metrics if item.metric == "log_loss")
    assert (loss.better, loss.difference > 0) == ("second", True)
    assert found.verdict.startswith("knn is better in log loss by ")


def test_what_differs_beyond_the_model(write_run):
    tuned = {"trials": 9, "seen": [f"{n:016x}" for n in range(4)], "tuning": "x"}
    one = write_run("svm-a", LABELS, LABELS, versions={"numpy": "1", "scipy": "1"}, tuned=tuned)
    other = write_run(
        "svm-b", LABELS, LABELS, copies=2, components=64, versions={"numpy": "2", "scipy": "1"},
        frontend={"name": "table", "version": 2, "columns": ["f0"]},
        machine={"platform": "Other", "python": "3.13"},
    )  # fmt: skip
    found = compare(one, other)
    assert settings(found) == {
        "parameters from": ("a search", None), "search tuning": ("x", None),
        "search trials": (9, None), "front end version": (1, 2), "copies": (None, 2),
        "components": (None, 64), "version of numpy": ("1", "2"), "Python": (None, "3.13"),
        "machine": (None, "Other"),
    }  # fmt: skip
    assert found.notes == (
        f"The parameters of {found.first.name} were tuned on 4 of these tracks: its scores are "
        "too high.",
    )


def test_what_is_refused(write_run):
    one = write_run("svm-a", LABELS, LABELS)
    write_run("knn-b", LABELS, LABELS, status="failed", error="too hot")
    for pair in (("svm", "svm"), ("svm", one), (one.folder, "svm-a")):
        with pytest.raises(UsageError, match="both are the run svm-a; name two"):
            compare(*pair)
    with pytest.raises(RunError, match=r"no scores to compare: knn-b failed .too hot."):
        compare("svm", "knn")
    with pytest.raises(UsageError, match="no metric 'speed'"):
        compare("svm", "knn", "speed")
    write_run("tree-c", LABELS, LABELS)
    with pytest.raises(UsageError, match="top 3 is not defined"):
        compare("svm", "tree", "top3")
    (one.folder / "predictions.csv").write_text("track\n")
    with pytest.raises(RunError, match=r"predictions\.csv .* repairs it"):
        compare("svm", "tree")


def test_a_word_means_a_run_on_the_board_of_the_other(write_run):
    for name, spec, day in (
        ("svm-1", "kfold:2", 1), ("svm-2", "kfold:5", 2), ("knn-1", "kfold:2", 3),
    ):  # fmt: skip
        protocol = {"spec": spec, "grouped": True}
        finished = f"2024-01-0{day}T00:00:00+00:00"
        write_run(name, LABELS, LABELS, protocol=protocol, finished=finished)
    assert compare("svm", "knn").first.run == "svm-1"
    assert compare("knn", "svm").second.run == "svm-1"
    found = compare("svm-2", "knn")
    assert (found.first.run, found.second.run) == ("svm-2", "knn-1")
    assert "protocol kfold:5 and kfold:2" in found.basis
    twice = compare("svm-1", "svm-2")
    assert (twice.first.name, twice.second.name) == ("svm by kfold:2", "svm by kfold:5")


def _elsewhere(**more):
    return {"name": "other", "source": "x", "fingerprint": "1" * 64, "tracks": 20} | more


def test_boards_that_share_tracks(write_run):
    """The second dataset has the first 20 tracks of the first, its classes in another order."""
    write_run("svm-a", LABELS, answers(0, 25))
    classes = ("b", "a")
    dataset = _elsewhere(classes=list(classes))
    labels = [1] * 10 + [0] * 10
    write_run("knn-b", labels, [1] * 8 + [0] * 12, classes=classes, dataset=dataset)
    found = compare("svm", "knn")
    assert found.tests == 20
    assert found.basis == (
        "The runs are of different boards (dataset tracks and other), and are compared on the 20 "
        "tracks that both were tested on, of 30 and 20. svm-a chooses among 3 classes, knn-b among "
        "2."
    )
    assert [item.metric for item in found.metrics] == [
        "accuracy", "balanced_accuracy", "log_loss", "calibration_error",
    ]  # fmt: skip
    assert (found.metrics[0].first, found.metrics[0].second) == (19 / 20, 18 / 20)
    assert found.only_first == tuple(OneRight(f"track00{n}", "a", "b", 1) for n in (8, 9))
    with pytest.raises(UsageError, match="macro F1 is not defined for these two runs together"):
        compare("svm", "knn", "macro-f1")


def test_a_part_and_the_whole_of_a_dataset_have_whole_names(write_run):
    write_run("svm-a", LABELS, answers(0, 25))
    part = _elsewhere(name="tracks", selection="2 of 3 classes", classes=["a", "b"])
    write_run("svm-b", LABELS[:20], LABELS[:20], classes=("a", "b"), dataset=part)
    found = compare("svm-a", "svm-b")
    names = (found.first.name, found.second.name)
    assert names == ("svm on the whole dataset", "svm on 2 of 3 classes")


def test_boards_without_a_common_track(write_run, monkeypatch):
    one = write_run("svm-a", LABELS, LABELS)
    other = write_run("knn-b", LABELS[::-1], LABELS, dataset=_elsewhere(classes=list("abc")))
    # Tracks 10 to 19 have the same label in either, and content of the same bytes.
    found = compare(one, other)
    assert found.tests == 10
    assert found.basis.endswith("20 more have another label in the other run.")
    third = write_run("tree-c", [1] * 10, [1] * 10, dataset=_elsewhere(classes=list("abc")))
    with pytest.raises(
        UsageError,
        match="svm-a and tree-c cannot be compared, since no track was tested by both under the "
        "same label: dataset tracks and other",
    ):
        compare(one, third)


def test_repeated_splits_are_compared_split_by_split(write_run):
    protocol = {"spec": "kfold:2x2", "grouped": True}
    labels, folds = [0, 0, 1, 1] * 3, [{}] * 3
    wrong = [1, *labels[1:4], 1, *labels[5:]]  # the same track in two of three splits
    write_run("svm-a", labels, labels, folds=folds, protocol=protocol)
    write_run("knn-b", labels, wrong, folds=folds, protocol=protocol)
    found = compare("svm", "knn")
    assert (found.tests, found.classes[0].won) == (12, 2)
    assert found.only_first == (OneRight("track000", "a", "b", 2),)
    write_run("tree-c", labels[:4], labels[:4])
    found = compare("knn", "tree")
    assert (found.tests, found.basis.endswith("first test of each track counts.")) == (4, True)


def test_repeated_splits_of_other_seeds_are_compared_by_track(write_run):
    """The splits of two seeds have nothing in common but the tracks: no fold of one has a pair."""
    labels = [0, 0, 0, 0, 1, 1, 1, 1] * 4
    wrong = [(place % 8 in (0, 1, 4) and place < 24) for place in range(32)]
    winners = [label ^ miss for label, miss in zip(labels, wrong, strict=True)]
    kwargs = {"folds": [{}] * 4, "protocol": {"spec": "kfold:2x4", "grouped": True}}
    write_run("svm-a", labels, labels, **kwargs)
    write_run("knn-b", labels, winners, seed=1, **kwargs)
    write_run("tree-c", labels, winners, **kwargs)
    found = compare("svm", "knn")
    accuracy = found.metrics[0]
    assert "The seeds 0 and 1 have other splits, so that the runs are compared by track" in (
        found.basis
    )
    assert (found.tests, found.groups) == (32, 8)
    assert accuracy.difference == pytest.approx(accuracy.first - accuracy.second)
    assert accuracy.difference == pytest.approx(9 / 32)
    # The first run is better at 3 of 8 tracks, and equal at the others: 2 of 8 flips are as large.
    assert accuracy.p == pytest.approx(0.25)
    assert accuracy.low <= 0 < accuracy.difference < accuracy.high
    assert "flips of the signs of all groups" in found.test
    alike = compare("svm", "tree")
    assert alike.basis == ""
    assert "t test of the differences per split" in alike.test


def test_groups_of_either_run_are_kept_together(write_run, workspace):
    one = write_run("svm-a", LABELS, LABELS)
    other = write_run("knn-b", LABELS, LABELS, dataset=_elsewhere(classes=list("abc")))
    for run, groups in ((one, "0011222"), (other, "0123445")):
        path = run.folder / "predictions.csv"
        head, *lines = path.read_text().splitlines()
        cells = [line.split(",") for line in lines[:7]]
        rows = [",".join([*own[:4], g, *own[5:]]) for own, g in zip(cells, groups, strict=True)]
        path.write_text("\n".join([head, *rows]) + "\n")
        record = run.folder / "run.json"
        record.write_text(record.read_text().replace('"predictions"', '"former"', 1))
    # 0, 0, 1, 1, 2, 2, 2 and 0, 1, 2, 3, 4, 4, 5: the last three are one group, and 0-1, 2-3.
    assert compare("svm", "knn").groups == 3


def test_robustness_is_compared_where_both_were_asked(write_run):
    def asked(name, changes, tracks, wrong):
        """Write a run that was asked about some tracks with each change, and was wrong at some."""
        names = [change for change in changes for _ in tracks]
        rows = [track for _ in changes for track in tracks]
        plain = write_run("plain-0", LABELS, LABELS).predictions()
        shutil.rmtree(find_run("plain-0").folder)
        shifted = replace(plain, votes=np.roll(plain.votes, 1, axis=1))
        parts = [(shifted if row in wrong else plain).take([row]) for row in rows]
        text = ChangedPredictions(tuple(names), Predictions.concatenate(parts)).to_csv()
        digest = hashlib.sha256(text.encode()).hexdigest()
        info = {"tracks": len(tracks), "changes": changes, "sha256": digest}
        run = write_run(name, LABELS, LABELS, robustness=info)
        (run.folder / "robustness.csv").write_text(text, encoding="utf-8", newline="")
        return run

    one = asked("svm-a", {"quiet": 1, "noise": 1, "radio": 1}, [0, 1, 10], [10])
    other = asked("knn-b", {"noise": 1, "quiet": 1, "radio": 2, "more": 1}, [10, 0, 5], [0, 10, 5])
    expected = tuple(ChangeDifference(name, 2, 0.5, 0.0, 0.5) for name in ("quiet", "noise"))
    assert compare(one, other).changes == expected
    assert compare(one, write_run("tree-c", LABELS, LABELS)).changes == ()


def test_an_interval_without_ends_is_said_in_words(write_run):
    labels, half = [0, 1] * 2, np.eye(3)[[0, 1] * 2] * 0.5 + 0.5 / 3
    write_run("svm-a", labels, labels, probabilities=half)
    write_run("knn-b", labels, labels, probabilities=np.full((4, 3), 1 / 3))
    found = compare("svm", "knn", "log-loss")
    assert found.verdict.endswith("(interval unknown), p .125.")
    (table,) = (one for one in comparison_tables(found) if one.name == "metrics")
    assert "unknown" in next(row for row in table.rows if row[0] == "log loss")
    assert "inf" not in comparison_markdown(found)
    assert limits(0.0, np.inf, "{:.1f}".format) == "unknown"
    assert limits(0.25, 0.5, "{:.2f}".format, "-") == "0.25-0.50"


@given(st.floats(-1, 1))
def test_no_difference_is_printed_as_none(value):
    text = signed(value)
    assert (text == "0") == (value == 0) or abs(value) < 1e-8
    assert text[0] == ("-" if value < 0 else "+" if value > 0 else "0")


def test_differences_have_three_digits():
    assert [signed(v) for v in (0.045, -1.0, 0.0, 0.00007, -0.00036)] == [
        "+.045", "-1.000", "0", "+.00007", "-.0004",
    ]  # fmt: skip
