"""The audit counts what a model has met before."""

import numpy as np
import pytest

from zoo.datasets import Dataset, Track
from zoo.evaluate.audit import audit, leaks, summary
from zoo.evaluate.protocols import Fold, parse_protocol


def dataset() -> Dataset:
    return Dataset(
        "d",
        "d",
        [
            Track("a0", "a", "0", group="x"),
            Track("a1", "a", "1", group="x"),
            Track("a2", "a", "2", recording="r"),
            Track("b0", "b", "3", recording="r"),
            Track("b1", "b", "4"),
            Track("b2", "b", "4"),
        ],
    )


def fold(train, test) -> Fold:
    return Fold(0, np.array(train), np.array(test))


def test_each_kind_is_counted():
    found = audit(dataset(), [fold([0, 2, 4], [1, 3, 5])])
    (own,) = found.folds
    assert (own.tested, own.group, own.recording, own.duplicate) == (3, 1, 1, 1)
    assert own.any == 3
    assert found.conflicts == [["a2", "b0"]]
    assert leaks(found)
    assert summary(found)["share"] == 1.0


def test_a_track_that_shares_everything_counts_once():
    tracks = [
        Track("a0", "a", "0", group="x", recording="r"),
        Track("a1", "a", "0", group="x", recording="r"),
        Track("b0", "b", "1"),
        Track("b1", "b", "2", group="y"),
    ]
    found = audit(Dataset("d", "d", tracks), [fold([0, 2], [1, 3])])
    (own,) = found["folds"]
    assert (own["tested"], own["group"], own["recording"], own["duplicate"]) == (2, 1, 1, 1)
    assert own["any"] == 1
    assert summary(found)["share"] == 0.5
    assert found["known"] == summary(found)["known"] == 3
    assert found["conflicts"] == []


def test_the_summary_adds_up_the_folds():
    found = audit(dataset(), [fold([0, 2, 4], [1, 3, 5]), fold([1, 3], [0, 4])])
    assert [own["any"] for own in found["folds"]] == [3, 1]
    whole = summary(found)
    assert (whole["tested"], whole["group"], whole["recording"], whole["duplicate"]) == (5, 2, 1, 1)
    assert (whole["any"], whole["share"]) == (4, 0.8)
    assert (whole["conflicts"], whole["known"]) == (1, 4)


def test_equal_bytes_under_two_labels_are_a_conflict_named_once():
    tracks = [
        Track("a0", "a", "0", recording="r"),
        Track("b0", "b", "0", recording="r"),
        Track("a1", "a", "0"),
        Track("b1", "b", "1"),
    ]
    found = audit(Dataset("d", "d", tracks), [fold([0, 1], [2, 3])])
    assert found["conflicts"] == [["a0", "b0"]]


def test_what_shares_nothing_is_new():
    found = audit(dataset(), [fold([0, 1], [4, 5])])
    assert not leaks(found)
    assert found.folds[0].missing == ["b"]
    assert summary(found)["missing"] == ["b"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("spec", ["kfold:2", "kfold:2x3", "holdout:0.4x2"])
def test_grouped_splits_have_a_clean_audit(spec, seed):
    tracks = [
        Track(f"{label}{n}", label, f"{label}{n // 2}", group=f"{label} {n // 4}")
        for label in "abc"
        for n in range(16)
    ]
    data = Dataset("d", "d", tracks)
    assert not leaks(audit(data, parse_protocol(spec).folds(data, seed)))
    assert leaks(audit(data, parse_protocol(spec).folds(data, seed, grouped=False)))
