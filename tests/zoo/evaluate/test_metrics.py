"""Scores, against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
    top_k_accuracy_score,
)

from zoo.evaluate.metrics import (
    METRICS,
    baseline,
    class_scores,
    confusion,
    f1_scores,
    score,
)
from zoo.evaluate.reliability import calibration
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


@given(predictions())
def test_values_have_the_metric_of_scikit_learn_as_their_mean(given):
    found = {name: metric.measure(given).values for name, metric in METRICS.items()}
    assert {len(values) for values in found.values()} == {len(given)}
    labels, classes = given.labels, len(given.classes)
    names, means = list(range(classes)), given.probabilities
    expected = {
        "accuracy": accuracy_score(labels, winners(given)),
        "balanced-accuracy": np.mean(
            [np.mean(np.array(winners(given))[labels == n] == n) for n in np.unique(labels)]
        ),
        "macro-f1": f1_score(
            labels, winners(given), labels=names, average="macro", zero_division=0
        ),
        "log-loss": log_loss(labels, means, labels=names),
        "calibration-error": calibration(given).error,
    }
    if classes > 3:
        expected["top3"] = top_k_accuracy_score(labels, means, k=3, labels=names)
    else:
        assert np.isnan(found["top3"]).all()
    areas = [
        roc_auc_score(labels == name, means[:, name])
        for name in names
        if 0 < (labels == name).sum() < len(labels)
    ]
    if areas:
        expected["roc-auc"] = np.mean(areas)
    else:
        assert np.isnan(found["roc-auc"]).all()
    for name, value in expected.items():
        assert found[name].mean() == pytest.approx(value), name


@pytest.mark.parametrize("name", METRICS)
def test_values_tell_the_influence_of_each_track(name):
    """A track that counts a little more moves the metric by its value, to first order.

    Values of metrics by class are larger by the factor that corrects the variance of ten tracks.
    """
    rng = np.random.default_rng(0)
    rows, repeats = 40, 400
    means = rng.dirichlet(np.ones(4), rows)
    one = make(rng.integers(0, 4, rows), rng.integers(0, 3, (rows, 4)), means, rng)
    values = METRICS[name].measure(one).values
    for track in range(0, rows, 7):
        more = one.take([*np.tile(np.arange(rows), repeats).tolist(), track])
        moved = METRICS[name].measure(more).values.mean() - values.mean()
        influence = values[track] - values.mean()
        assert moved * rows * repeats == pytest.approx(influence, abs=0.01, rel=0.1)


@given(predictions())
def test_scores_of_classes_are_those_of_scikit_learn(given):
    found = class_scores(given)
    names = list(range(len(given.classes)))
    expected = precision_recall_fscore_support(
        given.labels, winners(given), labels=names, zero_division=np.nan
    )
    for one, precision, recall, _, tracks in zip(found, *expected, strict=True):
        assert one.tracks == tracks
        for value, other in ((one.precision, precision), (one.recall, recall)):
            assert value == (None if np.isnan(other) else pytest.approx(other))


@given(predictions())
def test_the_baseline_is_what_such_answers_reach(given):
    found = baseline(given)["most_frequent"]
    votes = np.zeros_like(given.votes)
    votes[:, given.classes.index(found["label"])] = 1
    same = make(given.labels, votes, votes.astype(float))
    assert found["accuracy"] == pytest.approx(METRICS["accuracy"].measure(same).values.mean())
    for name in ("balanced-accuracy", "macro-f1"):
        metric = METRICS[name]
        assert found[metric.key] == pytest.approx(metric.measure(same).values.mean())
    guess = baseline(given)["stratified"]
    assert guess["accuracy"] <= found["accuracy"] + 1e-12
    assert guess["log_loss"] >= 0


@given(predictions())
def test_what_tracks_give_in_tests_has_the_metric_as_its_mean(given):
    for metric in METRICS.values():
        found = metric.measure(given).tested.mean()
        assert found == pytest.approx(metric.measure(given).values.mean(), nan_ok=True), metric.name
