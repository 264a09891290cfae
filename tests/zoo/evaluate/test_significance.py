"""Intervals and tests against cases whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from zoo.evaluate.significance import compare, intervals
from zoo_registry.runs import Predictions


def predictions(right, groups=None, folds=None, tracks=None) -> Predictions:
    right = np.asarray(right, dtype=bool)
    n = len(right)
    winner = np.where(right, 0, 1)
    votes = np.eye(2, dtype=np.int64)[winner]
    return Predictions(
        classes=("a", "b"),
        tracks=tuple(tracks or (f"t{i}" for i in range(n))),
        labels=np.zeros(n, dtype=np.int64),
        folds=np.zeros(n, dtype=np.int64) if folds is None else np.asarray(folds),
        digests=("0" * 16,) * n,
        groups=np.arange(n) if groups is None else np.asarray(groups),
        votes=votes,
        probabilities=votes.astype(float),
    )


def interval(one: Predictions, learnt: float) -> tuple[float, float]:
    (found,) = intervals([one], learnt)
    return found


def test_single_tracks_get_wilsons_interval():
    # Wilson for 8 of 10, as tabulated by Newcombe 1998.
    low, high = interval(predictions([True] * 8 + [False] * 2), 10)
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 8))
def test_intervals_hold_the_accuracy_and_stay_in_range(right, group_size):
    groups = np.arange(len(right)) // group_size
    low, high = interval(predictions(right, groups), 10)
    assert 0 <= low <= np.mean(right) <= high <= 1


def test_groups_that_stand_together_widen_the_interval():
    right = np.repeat(np.random.default_rng(0).random(30) < 0.7, 10)
    alone = interval(predictions(right), 10)
    together = interval(predictions(right, np.repeat(np.arange(30), 10)), 10)
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def test_perfect_groups_are_not_certain():
    low, high = interval(predictions([True] * 20, np.arange(20) // 5), 10)
    assert low < 0.6
    assert high == 1.0


def test_mcnemar_is_exact():
    one = [True] * 9 + [False] * 1 + [True] * 20
    other = [False] * 9 + [True] * 1 + [True] * 20
    p = compare([predictions(one), predictions(other)], 10)
    assert p[0, 1] == pytest.approx(binomtest(1, 10).pvalue)
    assert p[0, 1] == p[1, 0]
    assert p[0, 0] == 1


def test_holm_multiplies_the_smallest_by_the_number_of_pairs():
    one, two = [True] * 30, [True] * 30
    three = [False] * 12 + [True] * 18
    p = compare([predictions(one), predictions(two), predictions(three)], 10)
    assert p[0, 1] == 1
    assert p[0, 2] == pytest.approx(3 * binomtest(0, 12).pvalue)


def test_tracks_are_paired_by_name_not_by_row():
    right = np.random.default_rng(1).random(40) < 0.6
    names = [f"t{i}" for i in range(40)]
    order = np.random.default_rng(2).permutation(40)
    shuffled = predictions(right[order], tracks=[names[i] for i in order])
    assert compare([predictions(right, tracks=names), shuffled], 10)[0, 1] == 1


def test_a_difference_carried_by_one_group_is_none():
    other = np.ones(100, dtype=bool)
    other[:12] = False
    groups = np.concatenate([np.zeros(12, int), 1 + np.arange(88) // 11])
    both = [np.ones(100, dtype=bool), other]
    assert compare([predictions(right) for right in both], 10)[0, 1] < 0.001
    assert compare([predictions(right, groups) for right in both], 10)[0, 1] > 0.05


def test_a_difference_of_every_group_is_found():
    groups = np.arange(200) // 10
    one, other = np.ones(200, dtype=bool), np.arange(200) % 10 > 2
    assert compare([predictions(one, groups), predictions(other, groups)], 10)[0, 1] < 0.001


def test_repeats_are_corrected_after_nadeau_and_bengio():
    rng = np.random.default_rng(0)
    tracks = [f"t{i}" for i in range(30)] * 10
    folds = np.repeat(np.arange(10), 30)
    one, other = rng.random(300) < 0.8, rng.random(300) < 0.6
    p = compare([predictions(r, folds=folds, tracks=tracks) for r in (one, other)], 70)[0, 1]
    from scipy.stats import t

    ahead = (one.astype(float) - other).reshape(10, 30).mean(axis=1)
    error = np.sqrt((1 / 10 + 30 / 70) * ahead.var(ddof=1))
    assert p == pytest.approx(2 * t.sf(abs(ahead.mean()) / error, 9))
    low, high = interval(predictions(one, folds=folds, tracks=tracks), 70)
    assert low < one.mean() < high


def test_runs_without_a_common_track_cannot_be_told_apart():
    one = predictions([True] * 10, tracks=[f"a{i}" for i in range(10)])
    other = predictions([False] * 10, tracks=[f"b{i}" for i in range(10)])
    assert compare([one, other], 10)[0, 1] == 1
