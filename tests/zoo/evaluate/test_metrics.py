"""Scores, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from zoo.evaluate.metrics import confusion, f1_scores, score
from zoo_registry import Predictions


@st.composite
def predictions(draw) -> Predictions:
    rows, classes = draw(st.integers(1, 30)), draw(st.integers(2, 5))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    means = rng.dirichlet(np.ones(classes), rows)
    return make(rng.integers(0, classes, rows), rng.integers(0, 3, (rows, classes)), means, rng)


def make(labels, votes, means, rng=None) -> Predictions:
    rows = len(labels)
    folds = rng.integers(0, 4, rows) if rng is not None else np.zeros(rows, np.int64)
    return Predictions(
        classes=tuple("abcde"[: votes.shape[1]]),
        tracks=tuple(map(str, range(rows))),
        labels=np.asarray(labels),
        folds=folds,
        digests=("",) * rows,
        groups=np.arange(rows),
        votes=np.asarray(votes),
        probabilities=np.asarray(means),
    )


def winners(given: Predictions) -> list[int]:
    """Return the winner of each track, the slow way."""
    return [
        max(range(len(votes)), key=lambda label: (votes[label], means[label]))
        for votes, means in zip(given.votes.tolist(), given.probabilities.tolist(), strict=True)
    ]


@given(predictions())
def test_equal_those_of_scikit_learn(given):
    labels, won, every = given.labels, winners(given), list(range(len(given.classes)))
    scores = score(given)
    assert scores.accuracy == pytest.approx(accuracy_score(labels, won))
    means = given.probabilities.argmax(axis=1)
    assert scores.accuracy_mean == pytest.approx(accuracy_score(labels, means))
    expected = f1_score(labels, won, labels=every, average=None, zero_division=0)
    np.testing.assert_allclose(f1_scores(confusion(given)), expected)
    assert scores.macro_f1 == pytest.approx(expected.mean())
    np.testing.assert_array_equal(confusion(given), confusion_matrix(labels, won, labels=every))


@given(predictions())
def test_confusion_counts_every_track_once(given):
    counts = confusion(given)
    assert counts.dtype == np.int64
    assert counts.sum() == len(given)
    np.testing.assert_array_equal(
        counts.sum(axis=1), np.bincount(given.labels, minlength=len(given.classes))
    )


@given(predictions())
def test_accuracy_is_the_mean_over_folds_weighted_by_their_tracks(given):
    scores = score(given)
    numbers, sizes = np.unique(given.folds, return_counts=True)
    if 2 * len(numbers) > len(given.folds):  # folds of one track each, right or wrong
        assert scores.fold_accuracy == ()
        return
    assert len(scores.fold_accuracy) == len(numbers)
    assert scores.accuracy == pytest.approx(np.average(scores.fold_accuracy, weights=sizes))


@given(predictions(), st.randoms())
def test_order_of_tracks_does_not_count(given, rng):
    order = list(range(len(given)))
    rng.shuffle(order)
    shuffled = Predictions(
        given.classes, tuple(given.tracks[n] for n in order), given.labels[order],
        given.folds[order], given.digests, given.groups[order], given.votes[order],
        given.probabilities[order],
    )  # fmt: skip
    one, other = score(given), score(shuffled)
    assert one.fold_accuracy == other.fold_accuracy
    assert one.accuracy == other.accuracy
    assert one.macro_f1 == pytest.approx(other.macro_f1)


def test_all_right_and_all_wrong():
    labels = np.array([0, 1, 2])
    right = make(labels, np.eye(3, dtype=int)[labels], np.eye(3)[labels])
    assert score(right).accuracy == score(right).macro_f1 == score(right).accuracy_mean == 1
    wrong = make(labels, np.eye(3, dtype=int)[labels - 1], np.eye(3)[labels - 1])
    assert score(wrong).accuracy == score(wrong).macro_f1 == score(wrong).accuracy_mean == 0


def test_class_that_never_occurs_scores_zero():
    labels = np.array([0, 1])
    given = make(labels, np.eye(3, dtype=int)[labels], np.eye(3)[labels])
    assert f1_scores(confusion(given)).tolist() == [1, 1, 0]


def test_scores_are_plain_numbers():
    given = make(np.array([0, 1]), np.eye(2, dtype=int), np.eye(2))
    scores = score(given)
    for value in (scores.accuracy, scores.accuracy_mean, scores.macro_f1, *scores.fold_accuracy):
        assert type(value) is float


def test_through_the_file_nothing_changes():
    rng = np.random.default_rng(0)
    means = rng.dirichlet(np.ones(4), 200)
    given = make(rng.integers(0, 4, 200), rng.integers(0, 3, (200, 4)), means, rng)
    assert score(Predictions.from_csv(given.to_csv(), "here")) == score(given)
