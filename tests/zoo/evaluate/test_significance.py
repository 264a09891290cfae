"""Intervals and tests against cases whose answer is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import binomtest
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from zoo.evaluate.metrics import ACCURACY, METRICS
from zoo.evaluate.significance import Comparison, Entries, intervals
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


def interval_of(one: Predictions, learnt: float) -> tuple[float, float]:
    (found,) = intervals([one], learnt)
    return found


def compare(runs, learnt, metric=ACCURACY) -> Comparison:
    return Entries([[run] for run in runs], learnt).compare(metric)


def p_of_two(*runs: Predictions, learnt: float = 10) -> float:
    return float(compare(runs, learnt).p[0])


def test_single_tracks_get_wilsons_interval():
    # Wilson for 8 of 10, as tabulated by Newcombe 1998.
    low, high = interval_of(predictions([True] * 8 + [False] * 2), 10)
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 8))
def test_intervals_hold_the_accuracy_and_stay_in_range(right, group_size):
    groups = np.arange(len(right)) // group_size
    low, high = interval_of(predictions(right, groups), 10)
    assert 0 <= low <= np.mean(right) <= high <= 1


def test_groups_that_stand_together_widen_the_interval():
    right = np.repeat(np.random.default_rng(0).random(30) < 0.7, 10)
    alone = interval_of(predictions(right), 10)
    together = interval_of(predictions(right, np.repeat(np.arange(30), 10)), 10)
    assert together[1] - together[0] > 2 * (alone[1] - alone[0])


def test_perfect_groups_are_not_certain():
    low, high = interval_of(predictions([True] * 20, np.arange(20) // 5), 10)
    assert low < 0.6
    assert high == 1.0


def test_two_models_on_few_tracks_get_mcnemars_exact_test():
    """Flips of the signs of all tracks on which they differ are the coins of that test."""
    one = [True] * 9 + [False]
    other = [False] * 9 + [True]
    assert p_of_two(predictions(one), predictions(other)) == binomtest(1, 10).pvalue
    assert p_of_two(predictions(other), predictions(one)) == binomtest(1, 10).pvalue
    many = [[*each, *[True] * 20] for each in (one, other)]  # too many signs for all of them
    assert p_of_two(*map(predictions, many)) == pytest.approx(binomtest(1, 10).pvalue, rel=0.3)


def test_models_that_fail_at_the_same_tracks_are_corrected_less():
    """Twice the same pair is one test, which Holm would count twice."""
    one, other = [True] * 12, [False] * 8 + [True] * 4
    alone = p_of_two(predictions(one), predictions(other))
    found = compare([predictions(one), predictions(one), predictions(other)], 10)
    assert found.p.tolist() == [1, alone, alone]


def test_tracks_are_paired_by_name_not_by_row():
    right = np.random.default_rng(1).random(40) < 0.6
    names = [f"t{i}" for i in range(40)]
    order = np.random.default_rng(2).permutation(40)
    shuffled = predictions(right[order], tracks=[names[i] for i in order])
    assert p_of_two(predictions(right, tracks=names), shuffled) == 1


def test_a_difference_carried_by_one_group_is_none():
    other = np.ones(100, dtype=bool)
    other[:12] = False
    groups = np.concatenate([np.zeros(12, int), 1 + np.arange(88) // 11])
    both = [np.ones(100, dtype=bool), other]
    assert p_of_two(*[predictions(right) for right in both]) < 0.01
    assert p_of_two(*[predictions(right, groups) for right in both]) > 0.05


def test_a_difference_of_every_group_is_found():
    groups = np.arange(200) // 10
    one, other = np.ones(200, dtype=bool), np.arange(200) % 10 > 2
    assert p_of_two(predictions(one, groups), predictions(other, groups)) < 0.001


def test_repeats_are_corrected_after_nadeau_and_bengio():
    rng = np.random.default_rng(0)
    tracks = [f"t{i}" for i in range(30)] * 10
    folds = np.repeat(np.arange(10), 30)
    one, other = rng.random(300) < 0.8, rng.random(300) < 0.6
    p = p_of_two(*[predictions(r, folds=folds, tracks=tracks) for r in (one, other)], learnt=70)
    from scipy.stats import t

    ahead = (one.astype(float) - other).reshape(10, 30).mean(axis=1)
    error = np.sqrt((1 / 10 + 30 / 70) * ahead.var(ddof=1))
    assert p == pytest.approx(2 * t.sf(abs(ahead.mean()) / error, 9))
    for right in (one, other):
        means = right.reshape(10, 30).mean(axis=1)
        half = t.ppf(0.975, 9) * np.sqrt((1 / 10 + 30 / 70) * means.var(ddof=1))
        low, high = proportion_confint(means.mean() * 30, 30, method="wilson")
        expected = (min(means.mean() - half, low), max(means.mean() + half, high))
        found = interval_of(predictions(right, np.tile(np.arange(30), 10), folds, tracks), 70)
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
    low, high = interval_of(repeated, 20)
    assert 0 <= low <= hits.mean() <= high <= 1
    once = interval_of(predictions(hits, groups), 20)
    if not mixed:
        assert (low, high) == pytest.approx(once)
    assert high - low > 0.1


def test_runs_without_a_common_track_cannot_be_told_apart():
    one = predictions([True] * 10, tracks=[f"a{i}" for i in range(10)])
    other = predictions([False] * 10, tracks=[f"b{i}" for i in range(10)])
    assert p_of_two(one, other) == 1


def holm_by_pair(runs, learnt) -> np.ndarray:
    """Test each pair of repeated splits by itself, with the libraries' own functions."""
    pairs = [(i, j) for i in range(len(runs)) for j in range(i + 1, len(runs))]
    return multipletests([of_a_pair(runs[i], runs[j], learnt) for i, j in pairs], method="holm")[1]


def of_a_pair(one, other, learnt) -> float:
    tests = [list(zip(run.tracks, run.folds.tolist(), strict=True)) for run in (one, other)]
    shared = sorted(set(tests[0]) & set(tests[1]))
    rows = [[own.index(test) for test in shared] for own in tests]
    right, right_other = (
        (run.votes[at].argmax(axis=1) == run.labels[at])
        for run, at in zip((one, other), rows, strict=True)
    )
    if (right == right_other).all():
        return 1.0
    ahead, folds = right.astype(float) - right_other, one.folds[rows[0]]
    means = np.array([ahead[folds == fold].mean() for fold in np.unique(folds)])
    count = len(means)
    error = np.sqrt((1 / count + len(set(one.tracks)) / learnt) * means.var(ddof=1))
    return float(2 * stats.t.sf(abs(means.mean()) / error, count - 1))


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
def test_intervals_are_those_of_the_libraries(kind, seed):
    runs = board(kind, seed)
    ends = [interval_of_one(run, 50.0) for run in runs]
    np.testing.assert_allclose(intervals(runs, 50.0), ends, atol=1e-12)
    together = Entries([[run] for run in runs], 50.0).intervals(ACCURACY)
    np.testing.assert_allclose(together, ends, atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_pairs_of_repeated_splits_are_those_of_the_libraries(seed):
    runs = board("repeated", seed)[::2]  # the others lack a few
    np.testing.assert_allclose(compare(runs, 50.0).p, holm_by_pair(runs, 50.0), rtol=1e-9)


def by_hand(runs, metric) -> np.ndarray:
    """Flip the signs of each group in turn, and step down, without matrices."""
    values = [metric.measure(run).tested for run in runs]
    groups = runs[0].groups
    names = np.unique(groups)
    pairs = [(i, j) for i in range(len(runs)) for j in range(i + 1, len(runs))]
    ahead = [[(values[i] - values[j])[groups == name].sum() for name in names] for i, j in pairs]

    def size(sums) -> float:
        root = np.sqrt(np.square(sums).sum())
        return abs(np.sum(sums)) / root if root > 1e-9 else 0.0

    signs = [
        [1 if flips >> place & 1 else -1 for place in range(len(names))]
        for flips in range(2 ** len(names))
    ]
    observed = [size(sums) for sums in ahead]
    flipped = [[size(np.multiply(sums, sign)) for sums in ahead] for sign in signs]
    p, least = {}, 0.0
    left = sorted(range(len(pairs)), key=lambda pair: -observed[pair])
    while left:
        reached = [max(line[pair] for pair in left) >= observed[left[0]] - 1e-9 for line in flipped]
        least = max(least, np.mean(reached))
        p[left.pop(0)] = least
    return np.array([p[pair] for pair in range(len(pairs))])


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize("seed", range(2))
def test_all_pairs_at_once_are_as_by_hand(metric, seed):
    runs = [of_four_classes(24, 8, seed, number) for number in range(4)]
    np.testing.assert_allclose(compare(runs, 20, metric).p, by_hand(runs, metric), atol=1e-12)


def of_four_classes(tracks: int, groups: int, seed: int, number: int) -> Predictions:
    """Return answers that are better the higher their number, with windows that disagree."""
    rng = np.random.default_rng([seed, number])
    labels = np.arange(tracks) % 4
    probabilities = rng.dirichlet(np.ones(4), tracks)
    probabilities[np.arange(tracks), labels] += 0.3 * number
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    votes = np.array([rng.multinomial(9, row) for row in probabilities])
    return Predictions(
        tuple("abcd"), tuple(f"t{n}" for n in range(tracks)), labels, np.arange(tracks) % 3,
        ("0" * 16,) * tracks, np.arange(tracks) * groups // tracks, votes, probabilities,
    )  # fmt: skip


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_some_missing_tests_change_no_other_pair(monkeypatch, metric):
    """Those that lack tests are compared on what both took, the others as ever."""
    runs = [of_four_classes(24, 8, 0, number) for number in range(3)]
    lacking = runs[2].take(range(20))
    for most in (200, 0):  # by flips of signs, and by Student's t
        monkeypatch.setattr("zoo.evaluate.significance._STEP_DOWN", most)
        whole, part = compare(runs, 20, metric), compare([*runs[:2], lacking], 20, metric)
        assert part.difference[0] == pytest.approx(whole.difference[0])
        short = compare([run.take(range(20)) for run in runs], 20, metric)
        if metric is ACCURACY:  # others depend on all tracks that a run was tested on
            np.testing.assert_allclose(part.difference[1:], short.difference[1:])


random_boards = st.builds(
    lambda seed, entries, groups, size, seeds: [
        [of_four_classes(groups * size, groups, seed, 10 * number + each) for each in range(own)]
        if own
        else [of_four_classes(groups * size, groups, seed, number)]
        for number, own in enumerate((seeds + [0] * entries)[:entries])
    ],
    st.integers(0, 10**6), st.integers(1, 7), st.integers(2, 12), st.integers(2, 4),
    st.lists(st.integers(0, 3), max_size=3),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.sampled_from(list(METRICS.values())))
def test_ranks_follow_the_scores_if_not_all_took_the_same_tests(seed, entries, metric):
    rng = np.random.default_rng(seed)
    runs = []
    for number in range(entries):
        whole = of_four_classes(40, 10, seed, 3 * number)
        runs.append([whole.take(sorted(rng.permutation(40)[:25].tolist()))])
    board = Entries(runs, 20)
    means = board.means(metric)
    if np.isnan(means).any():
        return
    ranks = board.compare(metric).ranks(means, metric)
    scores = means if metric.is_loss else -means
    for number, score in enumerate(scores):
        better = int((scores < score - 1e-9).sum())
        assert ranks.low[number] <= 1 + better
        assert np.isnan(ranks.p[number]) == (better == 0)
        assert (ranks.p[number] < 0.05) == (ranks.low[number] > 1)
    assert ranks.low.min() == 1


def test_repeated_splits_are_paired_by_their_seed():
    names, folds = [f"t{n % 30}" for n in range(60)], np.repeat([0, 1], 30)
    rng = np.random.default_rng(0)
    one, same, other = (
        predictions(rng.random(60) < rate, folds=folds, tracks=names) for rate in (0.9, 0.4, 0.4)
    )
    alone = Entries([[one], [same]], 50, [[1], [1]]).compare(ACCURACY)
    beside = Entries([[one], [other, same]], 50, [[1], [0, 1]]).compare(ACCURACY)
    assert alone.difference == beside.difference
    apart = Entries([[one], [same]], 50, [[0], [1]]).compare(ACCURACY)
    assert apart.p.tolist() == [1]


@settings(max_examples=60, deadline=None)
@given(random_boards, st.sampled_from(list(METRICS.values())), st.sampled_from([200, 3, 0]))
def test_rank_range_and_p_never_disagree(board, metric, most):
    """Whatever the predictions, the metric and the way to test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.evaluate.significance._STEP_DOWN", most)
        patch.setattr("zoo.evaluate.significance._ALL_PAIRS", max(most, 2))
        entries = Entries(board, 20)
        found = entries.compare(metric)
    ranks, scores = found.ranks(entries.means(metric), metric), entries.means(metric)
    scores = scores if metric.is_loss else -scores
    for number, score in enumerate(scores):
        low, high, p = ranks.low[number], ranks.high[number], ranks.p[number]
        assert (p < 0.05) == (low > 1)
        # The place on the board lies within the range.
        assert low <= 1 + (scores < score - 1e-9).sum()
        assert (scores <= score + 1e-9).sum() <= high
        assert 1 <= low <= high <= len(board)


@given(
    st.integers(2, 12), st.integers(1, 5), st.randoms(use_true_random=False), st.floats(0.4, 1.0)
)
def test_intervals_of_few_groups_have_width(groups, size, random, rate):
    right = np.repeat([random.random() < rate for _ in range(groups)], size)
    low, high = interval_of(predictions(right, np.repeat(np.arange(groups), size)), 10)
    alone, _ = interval_of(predictions(right), 10)
    assert 0 <= low <= right.mean() <= high <= 1
    assert high - low > 0.2
    assert low <= alone + 1e-9 or right.mean() == 0


def test_quantiles_of_many_groups_are_those_of_few():
    for count in (100, 150, 1000):
        groups = np.repeat(np.arange(count), 2)
        run = predictions(np.arange(2 * count) % 7 > 0, groups)
        assert interval_of(run, 10) == pytest.approx(interval_of_one(run, 10), abs=1e-7)


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
    assert p_of_two(*both) == pytest.approx(2.0**-9)


@pytest.mark.parametrize("name", ["balanced-accuracy", "macro-f1", "roc-auc"])
def test_metrics_by_class_tell_equal_models_of_few_groups_apart_rarely(name):
    """Of two groups per class, the variance within classes would be half of what it is."""
    rng = np.random.default_rng(0)
    labels, groups = np.repeat(np.arange(10), 4), np.arange(40) // 2
    found = 0
    for _ in range(200):
        runs, common = [], rng.normal(size=(40, 10))
        for _ in range(2):
            scores = common + rng.normal(size=(40, 10)) + rng.normal(size=(20, 10))[groups]
            means = np.exp(scores + 3 * np.eye(10)[labels])
            means /= means.sum(axis=1, keepdims=True)
            votes = np.eye(10, dtype=np.int64)[means.argmax(axis=1)]
            one = predictions(np.ones(40), groups)
            runs.append(
                replace(
                    one,
                    classes=tuple("abcdefghij"),
                    labels=labels,
                    votes=votes,
                    probabilities=means,
                )
            )
        found += compare(runs, 10, METRICS[name]).p[0] < 0.05
    assert found <= 0.09 * 200


@pytest.mark.parametrize("name", ["balanced-accuracy", "macro-f1"])
def test_a_class_of_six_tracks_makes_no_difference_sure(name):
    """Three of six against none: of the signs of three tracks, a quarter are alike."""
    labels = np.repeat([0, 1, 2], [40, 40, 6])
    wrong = [
        np.isin(np.arange(86), [5, 50, 80, 81, 82]),
        np.isin(np.arange(86), [6, 51, *range(80, 86)]),
    ]
    runs = []
    for each in wrong:
        winner = np.where(each, (labels + 1) % 2, labels)
        votes = np.eye(3, dtype=np.int64)[winner]
        runs.append(
            Predictions(
                tuple("abc"), tuple(f"t{n}" for n in range(86)), labels, np.zeros(86, np.int64),
                ("0" * 16,) * 86, np.arange(86), votes, votes.astype(float),
            )
        )  # fmt: skip
    metric = METRICS[name]
    assert compare(runs, 60, metric).p[0] > 0.1
    low, high = Entries([[runs[1]]], 60).intervals(metric)[0]
    assert high - low > 0.1  # a class that is all wrong may not be so next time


def test_the_interval_of_a_run_does_not_depend_on_other_rows():
    right = np.arange(40) % 5 > 0
    one, other = predictions(right), predictions(~right)
    alone = Entries([[one]], 30).intervals(ACCURACY)
    beside = Entries([[one], [one, other]], 30).intervals(ACCURACY)
    assert beside[:1] == alone == [interval_of(one, 30)]


def test_what_is_equal_but_for_rounding_is_equal():
    labels = np.arange(21) % 3
    runs = []
    for shift in (0, 1):
        votes = np.eye(3, dtype=np.int64)[
            np.where(np.arange(21) % 7 == shift, (labels + 1) % 3, labels)
        ]
        tracks = tuple(f"t{n}" for n in range(21))
        runs.append(
            Predictions(
                tuple("abc"), tracks, labels, np.zeros(21, np.int64), ("0" * 16,) * 21,
                np.arange(21), votes, votes.astype(float),
            )
        )  # fmt: skip
    for name in ("accuracy", "balanced-accuracy"):
        found = compare(runs, 14, METRICS[name])
        assert (found.difference[0], found.p[0]) == (0, 1)
