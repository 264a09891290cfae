"""Intervals and tests against cases whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from zoo.evaluate.significance import compare, intervals
from zoo_registry.predictions import Predictions


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
    for right in (one, other):
        means = right.reshape(10, 30).mean(axis=1)
        half = t.ppf(0.975, 9) * np.sqrt((1 / 10 + 30 / 70) * means.var(ddof=1))
        low, high = proportion_confint(means.mean() * 30, 30, method="wilson")
        expected = (min(means.mean() - half, low), max(means.mean() + half, high))
        found = interval(predictions(right, np.tile(np.arange(30), 10), folds, tracks), 70)
        assert found == pytest.approx(expected)


@settings(max_examples=30)
@given(st.integers(2, 12), st.integers(2, 10), st.integers(1, 3), st.integers(0, 36), st.booleans())
def test_repeats_that_agree_are_as_wide_as_their_tracks_or_groups(count, times, size, right, mixed):
    hits = np.arange(count * size) < right
    rng = np.random.default_rng(right)
    groups = np.arange(count * size) // size
    tested = [rng.permutation(hits) if mixed else hits for _ in range(times)]
    names = [f"t{n}" for n in range(count * size)] * times
    folds = np.repeat(np.arange(times), count * size)
    repeated = predictions(np.concatenate(tested), np.tile(groups, times), folds, names)
    low, high = interval(repeated, 20)
    assert 0 <= low <= hits.mean() <= high <= 1
    once = interval(predictions(hits, groups), 20)
    if not mixed:
        assert (low, high) == pytest.approx(once)
    assert high - low > 0.1


def test_runs_without_a_common_track_cannot_be_told_apart():
    one = predictions([True] * 10, tracks=[f"a{i}" for i in range(10)])
    other = predictions([False] * 10, tracks=[f"b{i}" for i in range(10)])
    assert compare([one, other], 10)[0, 1] == 1


def one_by_one(runs, learnt) -> np.ndarray:
    """Test each pair by itself, with the libraries' own functions."""
    pairs = [(i, j) for i in range(len(runs)) for j in range(i + 1, len(runs))]
    p = np.ones((len(runs), len(runs)))
    if pairs:
        raw = [of_a_pair(runs[i], runs[j], learnt) for i, j in pairs]
        for (i, j), value in zip(pairs, multipletests(raw, method="holm")[1], strict=True):
            p[i, j] = p[j, i] = value
    return p


def of_a_pair(one, other, learnt) -> float:
    repeated = len(set(one.tracks)) < len(one)
    tests = [
        list(zip(run.tracks, run.folds if repeated else [0] * len(run), strict=True))
        for run in (one, other)
    ]
    shared = sorted(set(tests[0]) & set(tests[1]))
    if not shared:
        return 1.0
    rows = [[own.index(test) for test in shared] for own in tests]
    right, right_other = (
        (run.votes[at].argmax(axis=1) == run.labels[at])
        for run, at in zip((one, other), rows, strict=True)
    )
    if (right == right_other).all():
        return 1.0
    ahead = right.astype(float) - right_other
    folds, groups = one.folds[rows[0]], one.groups[rows[0]]
    if repeated:
        means = np.array([ahead[folds == fold].mean() for fold in np.unique(folds)])
        count = len(means)
        factor = 1 / count + len(ahead) / count / learnt
        mean, error = means.mean(), np.sqrt(factor * means.var(ddof=1))
    elif len(np.unique(one.groups)) < len(one):
        _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        count = len(sizes)
        if count == 1:
            return 1.0
        mean = ahead.mean()
        drawn = stats.bootstrap(
            (np.bincount(member, ahead), sizes.astype(float)),
            lambda hits, tracks, axis: hits.sum(axis=axis) / tracks.sum(axis=axis),
            paired=True, vectorized=True, n_resamples=4999, method="percentile", batch=500,
            rng=np.random.default_rng(0),
        )  # fmt: skip
        error = drawn.standard_error
    else:
        table = [[0, (right & ~right_other).sum()], [(~right & right_other).sum(), 0]]
        return float(mcnemar(table, exact=True).pvalue)
    if error < 1e-9:
        return 2.0 ** (1 - count) if mean else 1.0
    return float(2 * stats.t.sf(abs(mean) / error, count - 1))


def interval_of_one(run, learnt) -> tuple[float, float]:
    """Return the interval of one run, with the libraries' own functions."""
    right = (run.votes.argmax(axis=1) == run.labels).astype(float)
    if len(set(run.tracks)) < len(run):
        means = np.array([right[run.folds == fold].mean() for fold in np.unique(run.folds)])
        count = len(means)
        error = np.sqrt((1 / count + len(run) / count / learnt) * means.var(ddof=1))
        low, high = stats.t.interval(0.95, count - 1, means.mean(), error)
        tracks = len(set(run.tracks))
        once = proportion_confint(means.mean() * tracks, tracks, method="wilson")
        return max(min(low, once[0]), 0.0), min(max(high, once[1]), 1.0)
    _, member, sizes = np.unique(run.groups, return_inverse=True, return_counts=True)
    count, rate = len(sizes), right.mean()
    if count == len(run):
        return proportion_confint(rate * count, count, method="wilson")
    trials = count
    if 0 < rate < 1:
        drawn = stats.bootstrap(
            (np.bincount(member, right), sizes.astype(float)),
            lambda hits, tracks, axis: hits.sum(axis=axis) / tracks.sum(axis=axis),
            paired=True, vectorized=True, n_resamples=4999, method="percentile", batch=500,
            rng=np.random.default_rng(0),
        )  # fmt: skip
        variance = drawn.standard_error**2 * count / (count - 1)
        trials = min(rate * (1 - rate) / variance if variance > 1e-14 else len(run), len(run))
    level = 2 * stats.norm.sf(stats.t.ppf(0.975, count - 1))
    return proportion_confint(rate * trials, trials, level, method="wilson")


def board(kind: str, seed: int) -> list[Predictions]:
    """Return runs over the same tracks in different order, some of which lack a few."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(6, 60))
    folds = np.repeat(np.arange(3), count if kind == "repeated" else -(-count // 3))
    track = np.arange(3 * count) % count if kind == "repeated" else np.arange(count)
    folds = folds[: len(track)]
    groups = track // 3 if kind == "grouped" else track
    runs = []
    for number in range(5):
        right = rng.random(len(track)) < rng.uniform(0.1, 1.0)
        kept = rng.permutation(len(track))[: len(track) - 2 * (number % 2)]
        names = [f"t{name}" for name in track[kept]]
        runs.append(predictions(right[kept], groups[kept], folds[kept], names))
    return runs


@pytest.mark.parametrize("kind", ["single", "grouped", "repeated"])
@pytest.mark.parametrize("seed", range(3))
def test_many_at_once_are_as_each_pair_by_itself(monkeypatch, kind, seed):
    runs = board(kind, seed)
    expected = one_by_one(runs, 50.0)
    ends = [interval_of_one(run, 50.0) for run in runs]
    for size, few in ((256, 512), (256, 0), (2, 512), (1, 0)):
        monkeypatch.setattr("zoo.evaluate.significance._BLOCK", size)
        monkeypatch.setattr("zoo.evaluate.significance._FEW", few)
        p = compare(runs, 50.0)
        found = np.array([[p[i, j] for j in range(5)] for i in range(5)])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(intervals(runs, 50.0), ends, atol=1e-12)
    for run, (low, high) in zip(runs, ends, strict=True):
        np.testing.assert_allclose(interval(run, 50.0), (low, high), atol=1e-12)


@given(
    st.integers(2, 12), st.integers(1, 5), st.randoms(use_true_random=False), st.floats(0.4, 1.0)
)
def test_intervals_of_few_groups_have_width(groups, size, random, rate):
    right = np.repeat([random.random() < rate for _ in range(groups)], size)
    low, high = interval(predictions(right, np.repeat(np.arange(groups), size)), 10)
    alone, _ = interval(predictions(right), 10)
    assert 0 <= low <= right.mean() <= high <= 1
    assert high - low > 0.2
    assert low <= alone + 1e-9 or right.mean() == 0


def test_quantiles_of_many_groups_are_those_of_few():
    for count in (100, 150, 1000):
        groups = np.repeat(np.arange(count), 2)
        run = predictions(np.arange(2 * count) % 7 > 0, groups)
        assert interval(run, 10) == pytest.approx(interval_of_one(run, 10), abs=1e-7)


@pytest.mark.parametrize("count", [4, 8, 20])
@pytest.mark.parametrize("rate", [0.6, 0.9])
def test_intervals_of_few_groups_hold_the_true_accuracy(count, rate):
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 6, count)
    groups = np.repeat(np.arange(count), sizes)
    found = []
    for _ in range(200):
        own = rng.beta(4 * rate, 4 * (1 - rate), count)  # an intra-class correlation of .2
        found.append(predictions(rng.random(len(groups)) < own[groups], groups))
    held = [low <= rate <= high for low, high in intervals(found, 10)]
    assert np.mean(held) > 0.93  # percentiles of the bootstrap hold it in .81 to .91


@pytest.mark.parametrize("kind", ["grouped", "repeated"])
def test_groups_that_agree_to_the_digit_are_as_many_coins(kind):
    right = np.arange(30) % 3 > 0
    units, names = np.repeat(np.arange(10), 3), [f"t{n}" for n in range(30)]
    if kind == "repeated":
        names = [f"t{n % 3}" for n in range(30)]
    both = [
        predictions(each, None if kind == "repeated" else units, units, names)
        for each in (right, np.zeros(30, bool))
    ]
    assert compare(both, 10.0)[0, 1] == pytest.approx(2.0**-9)
