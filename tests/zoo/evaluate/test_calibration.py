"""One temperature, from tracks that other folds have tested."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.evaluate.calibration import FoldAnswers, calibrate, calibrated
from zoo.evaluate.vote import count_votes
from zoo_registry.predictions import ChangedPredictions, Predictions

CLASSES = 4


def fold(number, first, windows, labels, groups=None, changes=0) -> FoldAnswers:
    """Return the answers of a fold; its first track has been changed so often."""
    rows = [np.float32(each).astype(float) for each in windows]
    counted = [count_votes(each) for each in rows]
    own = Predictions(
        tuple(f"class{n}" for n in range(rows[0].shape[1])),
        tuple(f"track{first + n}" for n in range(len(rows))),
        np.asarray(labels, np.int64),
        np.full(len(rows), number),
        ("",) * len(rows),
        np.arange(first, first + len(rows)) if groups is None else np.asarray(groups),
        np.array([votes for votes, _ in counted]),
        np.array([means for _, means in counted]),
    )
    changed = ChangedPredictions(("quiet",) * changes, own.take([0] * changes))
    windows = np.concatenate(rows + rows[:1] * changes).astype(np.float32)
    return FoldAnswers(own, changed if changes else None, windows)


def folds(sharpness, count=60, parts=3, seed=0, changes=0) -> list[FoldAnswers]:
    """Return tracks of one window, which are right as often as the windows say at sharpness 1."""
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(np.full(CLASSES, 0.5), count * parts) * 0.96 + 0.01
    labels = np.array([rng.choice(CLASSES, p=row) for row in truth])
    windows = truth**sharpness
    windows /= windows.sum(axis=1, keepdims=True)
    return [
        fold(
            number,
            number * count,
            windows[number * count : (number + 1) * count, None],
            labels[number * count : (number + 1) * count],
            changes=changes,
        )
        for number in range(parts)
    ]


def log_loss(parts) -> float:
    joined = Predictions.concatenate([part.predictions for part in parts])
    likelihood = joined.probabilities[np.arange(len(joined)), joined.labels]
    return float(-np.log(np.maximum(likelihood, 1e-9)).mean())


@given(seed=st.integers(0, 9999), logarithm=st.floats(-4, 4), classes=st.integers(2, 50))
@settings(max_examples=50, deadline=None)
def test_a_window_never_changes_its_winner(seed, logarithm, classes):
    rng = np.random.default_rng(seed)
    windows = rng.dirichlet(np.full(classes, rng.choice([0.01, 1, 100])), 50)
    windows = np.float32(windows).astype(float)
    found = calibrated(windows, np.exp(logarithm))
    assert found.sum(axis=1) == pytest.approx(1)
    assert (found.argmax(axis=1) == windows.argmax(axis=1)).all()


def test_one_changes_nothing():
    windows = np.array([[1.0, 0.0], [0.3, 0.7]])
    assert calibrated(windows, 1.0) is windows


@given(sharpness=st.floats(0.2, 5), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_too_sure_and_too_modest_answers_are_mended_out_of_fold(sharpness, seed):
    given = folds(sharpness, seed=seed)
    found = calibrate(given, grouped=True)
    assert found.beta * sharpness == pytest.approx(1, abs=0.5)
    assert log_loss(found.folds) < log_loss(given) + 0.02
    if not 0.5 < sharpness < 2:
        assert log_loss(found.folds) < log_loss(given)
    for before, after in zip(given, found.folds, strict=True):
        assert (after.predictions.votes == before.predictions.votes).all()


def test_answers_that_are_always_sure_become_as_sure_as_they_are_right():
    labels = np.arange(120) % CLASSES
    wrong = np.random.default_rng(0).random(120) < 0.4
    windows = np.eye(CLASSES)[(labels + wrong) % CLASSES][:, None]
    parts = [fold(n, 40 * n, windows[40 * n :][:40], labels[40 * n :][:40]) for n in range(3)]
    found = calibrate(parts, grouped=True)
    sure = np.concatenate([part.predictions.probabilities.max(axis=1) for part in found.folds])
    assert sure.mean() == pytest.approx(1 - wrong.mean(), abs=0.05)


def test_the_mean_of_windows_is_calibrated():
    """Two of three windows are right, and every track: it deserves more than its windows do."""
    labels = np.arange(60) % CLASSES
    said = np.stack([labels, labels, (labels + 1) % CLASSES], axis=1)
    windows = np.where(np.eye(CLASSES)[said] == 1, 0.4, 0.2)
    parts = [fold(n, 30 * n, windows[30 * n :][:30], labels[30 * n :][:30]) for n in range(2)]
    found = calibrate(parts, grouped=True)
    sure = np.concatenate([part.predictions.probabilities.max(axis=1) for part in found.folds])
    assert sure == pytest.approx(2 / 3, abs=0.03)  # no more than that with windows that disagree


def test_no_tested_track_chooses_its_own_power():
    given = folds(2.0)
    first, *others = given
    reversed_labels = replace(first.predictions, labels=first.predictions.labels[::-1].copy())
    changed = [replace(first, predictions=reversed_labels), *others]
    before, after = (calibrate(parts, grouped=True) for parts in (given, changed))
    assert before.betas[0] == after.betas[0]
    assert before.betas[1] != after.betas[1]


@pytest.mark.parametrize("grouped", [True, False])
def test_a_group_that_is_tested_twice_is_left_out(grouped):
    """As repeated holdouts may test a track, or others of its group, in several folds."""
    given = folds(2.0, count=80)
    twin = replace(given[1].predictions, groups=given[0].predictions.groups)
    given[1] = replace(given[1], predictions=twin)
    labels = twin.labels[::-1].copy()
    changed = [given[0], replace(given[1], predictions=replace(twin, labels=labels)), given[2]]
    before, after = (calibrate(parts, grouped) for parts in (given, changed))
    assert (before.betas[0] == after.betas[0]) == grouped


def test_halves_of_a_single_fold_calibrate_each_other():
    (given,) = folds(3.0, count=200, parts=1, changes=2)
    found = calibrate([given], grouped=True)
    ((one, other),) = found.betas
    assert one != other
    assert (one, other) == pytest.approx((1 / 3, 1 / 3), abs=0.2)
    assert log_loss(found.folds) < log_loss([given])
    changed = found.folds[0].changed
    first = found.folds[0].predictions.probabilities[0]
    assert (changed.predictions.probabilities == first).all()
    of_two_groups = replace(given.predictions, groups=np.arange(200) // 199)
    again = calibrate([replace(given, predictions=of_two_groups)], grouped=True)
    assert again.betas[0] == pytest.approx((1 / 3, 1 / 3), abs=0.2)


@pytest.mark.parametrize(("count", "is_found"), [(19, False), (20, True)])
def test_few_tracks_change_nothing(count, is_found):
    given = folds(3.0, count=count, parts=2, changes=1)
    found = calibrate(given, grouped=True)
    assert [betas != [1.0] for betas in found.betas] == [is_found] * 2
    for before, after in zip(given, found.folds, strict=True):
        same = np.array_equal(before.predictions.probabilities, after.predictions.probabilities)
        assert same != is_found


def test_uniform_answers_stay():
    windows = np.full((60, 1, CLASSES), 1 / CLASSES)
    given = [fold(n, 30 * n, windows[:30], np.arange(30) % CLASSES) for n in range(2)]
    assert calibrate(given, grouped=True).beta == 1.0


def test_a_changed_track_without_an_answer_stays_so():
    given = folds(3.0, parts=2, changes=1)
    own = given[0].changed.predictions
    nothing = replace(own, votes=own.votes * 0, probabilities=own.probabilities * 0)
    changed = replace(given[0].changed, predictions=nothing)
    given[0] = replace(given[0], changed=changed, windows=given[0].windows[:-1])
    assert given[0].are_whole
    (first, _) = calibrate(given, grouped=True).folds
    assert not first.changed.predictions.probabilities.any()


@pytest.mark.parametrize(
    "wrong",
    [lambda w: w[:-1], lambda w: w[:, :-1], lambda w: w.astype(float), lambda w: -w,
     lambda w: w * np.float32("nan"), lambda w: w[0]],
    ids=["fewer", "narrow", "wide", "negative", "nan", "flat"],
)  # fmt: skip
def test_windows_that_are_not_those_of_the_votes_are_noticed(wrong):
    given = folds(2.0, changes=2)[0]
    assert given.are_whole
    assert not replace(given, windows=wrong(given.windows)).are_whole
