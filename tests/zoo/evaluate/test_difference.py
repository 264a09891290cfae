"""The interval of a difference: it agrees with the test, and holds the true difference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from zoo.evaluate.metrics import ACCURACY, METRICS
from zoo.evaluate.significance import Entries
from zoo_registry.predictions import Predictions

CLASSES = ("a", "b", "c", "d")


def answers(labels, winners, probabilities=None, groups=None, folds=None) -> Predictions:
    labels, winners = np.asarray(labels), np.asarray(winners)
    count = len(labels)
    names = np.arange(count) if folds is None else np.arange(count) % (count // len(set(folds)))
    votes = np.eye(len(CLASSES), dtype=np.int64)[winners]
    return Predictions(
        classes=CLASSES,
        tracks=tuple(f"t{n}" for n in names),
        labels=labels,
        folds=np.zeros(count, dtype=np.int64) if folds is None else np.asarray(folds),
        digests=tuple(f"{n:016x}" for n in names),
        groups=names if groups is None else np.asarray(groups),
        votes=votes,
        probabilities=votes.astype(float) if probabilities is None else probabilities,
    )


def right(hits, groups=None, folds=None) -> Predictions:
    hits = np.asarray(hits, dtype=np.int64)
    return answers(np.zeros_like(hits), 1 - hits, groups=groups, folds=folds)


def of(*runs: Predictions, metric=ACCURACY) -> tuple[float, float, float, float]:
    """Return difference, p and both ends of the interval."""
    entries = Entries([[run] for run in runs], 10)
    found = entries.compare(metric)
    ends = entries.interval_of_difference(metric)
    return float(found.difference[0]), float(found.p[0]), *ends


def agrees(difference: float, p: float, low: float, high: float) -> bool:
    return (p < 0.05) == (low > 0 or high < 0) and low <= difference <= high


SIZES = {"tracks": st.integers(1, 40), "size": st.integers(1, 5), "better": st.floats(0, 1)}


@given(**SIZES, seed=st.integers(0, 10_000), name=st.sampled_from(sorted(METRICS)))
def test_the_interval_excludes_zero_exactly_if_p_is_small(tracks, size, better, seed, name):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, tracks)
    runs = []
    for share in (better, rng.random()):
        means = rng.dirichlet(np.ones(4), tracks)
        winners = np.where(rng.random(tracks) < share, labels, means.argmax(axis=1))
        runs.append(answers(labels, winners, means, groups=np.arange(tracks) // size))
    if np.isfinite(METRICS[name].measure(runs[0]).values).all():
        found = of(*runs, metric=METRICS[name])
        assert agrees(*found)
        mirrored = of(*reversed(runs), metric=METRICS[name])
        assert mirrored == pytest.approx((-found[0], found[1], -found[3], -found[2]))


@given(seed=st.integers(0, 10_000), splits=st.integers(1, 9), better=st.floats(0, 1))
def test_so_does_that_of_repeated_splits(seed, splits, better):
    rng = np.random.default_rng(seed)
    folds = np.repeat(np.arange(splits), 8)
    shares = (better, rng.random())
    hits = [rng.random(8 * splits) < share for share in shares]
    if seed % 3 == 0:  # all splits agree
        hits = [np.tile(one[:8], splits) for one in hits]
    assert agrees(*of(*[right(one, np.tile(np.arange(8) // 2, splits), folds) for one in hits]))


def test_six_of_six_by_hand():
    """One model is right on all of six tracks, the other on none: p is 2 of 64 flips."""
    difference, p, low, high = of(right([1] * 6), right([0] * 6))
    assert (difference, p, low, high) == (1, 2 / 64, 1, 1)
    # Flips of all signs but those of some tracks: the smallest mean of any subset is 1 of 3.
    found = of(right([1, 1, 1, 0, 0, 0]), right([0] * 6))
    assert found[:2] == (0.5, 8 / 32)


def test_the_ends_are_means_of_subsets():
    """Of eight groups there are 128 flips; the seventh of the lower means is the end."""
    ahead = np.array([0.9, 0.4, 0.5, 0.8, 0.1, 0.7, 0.6, 0.3])
    hits = np.concatenate([np.arange(10) < 10 * one for one in ahead])
    groups = np.arange(80) // 10
    difference, p, low, high = of(right(hits, groups), right(np.zeros(80), groups))
    subsets = np.arange(1, 128)[:, None] >> np.arange(8) & 1
    means = np.stack(
        [(ahead * one).sum(axis=1) / one.sum(axis=1) for one in (subsets, 1 - subsets)]
    )
    lows = np.sort([-np.inf, *means.min(axis=0)])
    highs = np.sort([*means.max(axis=0), np.inf])
    assert (difference, p) == (pytest.approx(ahead.mean()), 1 / 128)
    assert (low, high) == pytest.approx((lows[6], highs[-7]))


def test_of_many_groups_it_is_that_of_students_t():
    rng = np.random.default_rng(3)
    one, other = rng.random((2, 800)) < [[0.8], [0.7]]
    _, _, low, high = of(right(one), right(other))
    ahead = one.astype(float) - other
    expected = stats.ttest_1samp(ahead, 0).confidence_interval()
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.004)


def test_models_that_differ_nowhere_may_differ_elsewhere():
    difference, p, low, high = of(right([1] * 40), right([1] * 40))
    assert (difference, p) == (0, 1)
    # As after one more track won, and one lost: Bonett & Price 2012.
    assert high == -low == pytest.approx(stats.t.ppf(0.975, 39) * np.sqrt(2) / 40)


def test_of_five_groups_nothing_is_known():
    assert of(right([1] * 5), right([0] * 5)) == (1, 1 / 16, -1, 1)


@pytest.mark.parametrize(("won", "lost"), [(0.02, 0), (0.05, 0.02), (0.2, 0.1)])
def test_it_holds_the_true_difference(won, lost):
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(100):
        draw = rng.random(50)
        one, other = np.ones(50), np.ones(50)
        other[draw < won], one[draw > 1 - lost] = 0, 0
        _, _, low, high = of(right(one), right(other))
        held += low <= won - lost <= high
    assert held >= 90
