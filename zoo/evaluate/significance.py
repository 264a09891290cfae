"""Confidence intervals of accuracies, and significance tests of their differences.

The method depends on the runs:

* independent tracks: interval of Wilson (1927, doi:10.1080/01621459.1927.10502953) and exact test
  of McNemar (1947, doi:10.1007/BF02295996);
* groups, such as artists: bootstrap of whole groups, paired for differences (Efron & Tibshirani
  1993, An Introduction to the Bootstrap, chapter 16); for the interval, its variance gives the
  number of independent tracks that are worth as much, which is put into Wilson's interval with the
  quantile of Student's t (Korn & Graubard 1998, Survey Methodology 24, 193-201; Franco, Little,
  Louis & Slud 2019, doi:10.1093/jssam/smy019, recommend it). Percentiles of the bootstrap are too
  narrow for few groups, and have no width if all tracks are right;
* repeated splits: t-test with a variance that is corrected for overlapping training parts (Nadeau
  & Bengio 2003, doi:10.1023/A:1024068626366). The interval is at least as wide as that of the
  distinct tracks, or groups, tested once: splits that agree do not make few recordings many.

The p-values of all pairs on a board are corrected for multiple tests (Holm 1979,
https://www.jstor.org/stable/4615733). A thousand runs have half a million pairs, so that the pairs
of two blocks of runs are tested at once, with matrix products.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import combinations_with_replacement
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.vote import vote_winners
from zoo.evaluate.wilson import wilson
from zoo_registry.predictions import Predictions
from zoo_registry.record import RunRecord

__all__ = ["LEVEL", "Comparison", "compare", "interval", "intervals", "resampled"]

LEVEL = 0.05  # of the intervals
_RESAMPLES = 4999
_FEW = 512  # groups, for which their covariance is faster than the resamples
_BLOCK = 256  # runs per block
_MANY = 100  # groups, for which an expansion of Student's t is right to seven digits
_ROUNDING = 1e-14  # error of a variance


def interval(record: RunRecord, predictions: Predictions) -> tuple[float, float]:
    """Return the ends of the 95 % interval of the accuracy of one run.

    Parameters
    ----------
    record : RunRecord
        Its record.
    predictions : Predictions
        Its out-of-fold predictions.
    """
    sizes = [fold.train_tracks for fold in record.folds if fold.is_trained]
    ((low, high),) = intervals([predictions.scored], sum(sizes) / max(1, len(sizes)))
    return low, high


def intervals(runs: Sequence[Predictions], learnt: float) -> list[tuple[float, float]]:
    """Return the ends of the 95 % interval of the accuracy of each run's majority vote.

    Wilson's interval (1927) for independent tracks; the same for groups, with as many trials as
    the variance of a bootstrap of whole groups shows (Korn & Graubard 1998); for repeated splits a
    t-interval with the variance of Nadeau & Bengio (2003), which is widened to hold the interval of
    the distinct tracks or groups, each of which counts once.

    Parameters
    ----------
    runs : sequence of Predictions
        Out-of-fold predictions.
    learnt : float
        Mean number of training tracks per fold, used for repeated splits only.
    """
    found = [(0.0, 1.0)] * len(runs)
    for block in _blocks(runs):
        for member, ends in zip(block.members, block.intervals(learnt).tolist(), strict=True):
            found[member] = (ends[0], ends[1])
    return found


def compare(runs: Sequence[Predictions], learnt: float) -> "Comparison":
    """Return the p-values of all pairs of runs, for equal accuracies of their votes.

    McNemar's exact test (1947) for independent tracks, otherwise t-tests with the variance of a
    paired bootstrap of whole groups (Efron & Tibshirani 1993), or of Nadeau & Bengio (2003) for
    repeated splits; corrected for multiple tests (Holm 1979).

    Parameters
    ----------
    runs : sequence of Predictions
        On the same dataset with the same protocol; a pair is compared on the tracks that both
        tested.
    learnt : float
        Mean number of training tracks per fold, used for repeated splits only.
    """
    blocks = list(enumerate(_blocks(runs)))
    places = {
        member: (number, line)
        for number, block in blocks
        for line, member in enumerate(block.members)
    }
    tested = {}
    values, counts = [np.ones(1)], [np.zeros(1, np.int64)]
    for (first, one), (second, other) in combinations_with_replacement(blocks, 2):
        if first == second and len(one.members) == 1:  # no pair; a bootstrap takes a second
            continue
        p = tested[first, second] = _p_values(one, other, learnt)
        pairs = p[np.triu_indices(len(p), 1)] if first == second else p
        found, times = np.unique(pairs, return_counts=True)
        values.append(found)
        counts.append(times)
    raw, times = np.concatenate(values), np.concatenate(counts)
    del values, counts  # 400 MB each for ten thousand runs
    order = raw.argsort()
    raw, times = raw[order], times[order]
    del order
    adjusted = raw * times[::-1].cumsum()[::-1]  # times the number of pairs with p not smaller
    np.maximum.accumulate(adjusted, out=adjusted)
    np.minimum(adjusted, 1.0, out=adjusted)
    return Comparison(places, tested, raw, adjusted)


@dataclass(frozen=True)
class Comparison:
    """P-values of all pairs of runs, with Holm's correction.

    ``comparison[i, j]`` is the p-value of the runs number i and j. It is 1 for ``i == j`` and for
    runs without common tests.
    """

    places: dict[int, tuple[int, int]]  # block and line of each run
    tested: dict[tuple[int, int], NDArray[np.float64]]  # uncorrected, by pair of blocks
    raw: NDArray[np.float64]  # all these values, sorted
    adjusted: NDArray[np.float64]  # corrected; valid for the first of equal values

    def __getitem__(self, pair: tuple[int, int]) -> float:
        if pair[0] == pair[1]:
            return 1.0
        (first, line), (second, column) = sorted(self.places[run] for run in pair)
        p = self.tested[first, second][line, column]
        return float(self.adjusted[np.searchsorted(self.raw, p)])


@dataclass(frozen=True)
class _Block:
    """Runs with the same tests."""

    members: list[int]  # numbers of the runs
    tests: tuple[tuple[str, int], ...]  # track and, for repeated splits, fold; sorted
    units: NDArray[np.int64]  # fold (repeated splits) or group of each test, from 0
    groups: NDArray[np.int64]  # group of each test, from 0
    repeated: bool  # whether tracks are tested repeatedly
    right: NDArray[np.bool_]  # whether the vote is correct, shape (members, tests)

    @cached_property
    def sizes(self) -> NDArray[np.float64]:
        """Number of tests per unit, shape (units,)."""
        return np.bincount(self.units).astype(np.float64)

    @property
    def single(self) -> bool:
        """Whether all tests are independent."""
        return not self.repeated and len(self.sizes) == len(self.units)

    @cached_property
    def hits(self) -> NDArray[np.float64]:
        """Number of correct tests per unit, shape (members, units)."""
        lines = [np.bincount(self.units, line, len(self.sizes)) for line in self.right]
        return np.array(lines, dtype=np.float64)

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        """Accuracies, shape (members,); for repeated splits the means over the folds."""
        each = self.samples if self.repeated else self.right
        rates: NDArray[np.float64] = each.mean(axis=1, dtype=np.float64)
        return rates

    @property
    def samples(self) -> NDArray[np.float64]:
        """Accuracies of the folds or of bootstrap samples, shape (members, samples)."""
        return self.hits / self.sizes if self.repeated else resampled(self.hits, self.sizes)

    @cached_property
    def deviations(self) -> NDArray[np.float64]:
        """Centred and scaled samples, shape (members, k).

        The squared distance of two rows is the variance of the difference of the two accuracies.
        """
        found: NDArray[np.float64]
        if not self.repeated and len(self.sizes) <= _FEW:
            found = self.hits @ _root(self.sizes.tobytes())
        else:
            found = self.samples
            found -= found.mean(axis=1, keepdims=True)
            found /= np.sqrt(found.shape[1] - 1)
        return found

    def spread(self, learnt: float) -> float:
        """Return the ratio of the variance of `rates` to that of `samples`."""
        # Correction of Nadeau & Bengio: 1 / folds + test tracks / training tracks.
        count = len(self.sizes)
        return 1 / count + len(self.units) / count / learnt if self.repeated else 1.0

    def restricted(self, tests: set[tuple[str, int]]) -> "_Block":
        """Return the same runs with some of their tests."""
        if len(tests) == len(self.tests):
            return self
        kept = np.array([test in tests for test in self.tests], dtype=bool)
        units = np.unique(self.units[kept], return_inverse=True)[1]
        groups = np.unique(self.groups[kept], return_inverse=True)[1]
        names = tuple(test for test in self.tests if test in tests)
        return replace(self, tests=names, units=units, groups=groups, right=self.right[:, kept])

    def intervals(self, learnt: float) -> NDArray[np.float64]:
        """Return the 95 % intervals, shape (members, 2)."""
        if not self.repeated:
            return _of_groups(self.rates, self.hits, self.sizes)
        from scipy import stats  # heavy, and not needed for groups

        error = np.sqrt(self.spread(learnt) * self.samples.var(axis=1, ddof=1))
        half = stats.t.ppf(1 - LEVEL / 2, len(self.sizes) - 1) * error
        around = np.stack([self.rates - half, self.rates + half], axis=1).clip(0.0, 1.0)
        once = _of_groups(self.rates, *self._once())
        low, high = np.minimum(around, once)[:, 0], np.maximum(around, once)[:, 1]
        return np.stack([low, high], axis=1)

    def _once(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return hits and sizes of the groups, where all tests of a track together count one."""
        names = np.array([track for track, _ in self.tests])
        _, track, times = np.unique(names, return_inverse=True, return_counts=True)
        weights = 1 / times[track]
        hits = [np.bincount(self.groups, line * weights) for line in self.right]
        return np.array(hits), np.bincount(self.groups, weights).round().astype(np.float64)


def _of_groups(
    rates: NDArray[np.float64], hits: NDArray[np.float64], sizes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the 95 % intervals for tracks in groups, shape (members, 2).

    Parameters
    ----------
    rates : float64 array, shape (members,)
        Accuracies.
    hits, sizes : float64 arrays
        As for `resampled`.
    """
    count, tracks = len(sizes), float(sizes.sum())
    if count == tracks:
        return np.stack(wilson(rates, count), axis=1)
    if count == 1:  # one group is one observation
        return np.tile([0.0, 1.0], (len(rates), 1))
    variance = resampled(hits, sizes).var(axis=1, ddof=1) * count / (count - 1)
    spread = rates * (1 - rates)
    # Tracks are not worth more than that; if all are right or all wrong, it is not known how much
    # the tracks of a group are alike, and a group counts as one.
    worth = np.full(len(spread), tracks)
    np.divide(spread, variance, out=worth, where=variance > _ROUNDING)
    trials = np.where(spread > _ROUNDING, np.minimum(worth, tracks), count)
    return np.stack(wilson(rates, trials, _student(count - 1)), axis=1)


def _student(freedom: int) -> float:
    """Return the quantile of Student's t of a two-sided interval."""
    if freedom < _MANY:
        from scipy.special import stdtrit  # quick commands do without

        return float(stdtrit(freedom, 1 - LEVEL / 2))
    z = NormalDist().inv_cdf(1 - LEVEL / 2)
    # Abramowitz & Stegun (1964), Handbook of Mathematical Functions, 26.7.5
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def _blocks(runs: Sequence[Predictions]) -> list[_Block]:
    """Return blocks of at most `_BLOCK` runs with the same tests."""
    alike: dict[
        tuple[tuple[tuple[str, int], ...], bytes, bytes, bool],
        list[tuple[int, NDArray[np.bool_]]],
    ] = {}
    for number, run in enumerate(runs):
        repeated = len(set(run.tracks)) < len(run)
        # If each track is tested once, runs with different folds (seeds) are comparable.
        folds: list[int] = run.folds.tolist() if repeated else [0] * len(run)
        tests = list(zip(run.tracks, folds, strict=True))
        order = sorted(range(len(tests)), key=tests.__getitem__)
        groups = np.unique(run.groups[order], return_inverse=True)[1].astype(np.int64)
        units = groups
        if repeated:
            units = np.unique(run.folds[order], return_inverse=True)[1].astype(np.int64)
        key = tuple(tests[row] for row in order), units.tobytes(), groups.tobytes(), repeated
        right = vote_winners(run.votes, run.probabilities) == run.labels
        alike.setdefault(key, []).append((number, right[order]))
    blocks = []
    for (names, *packed, several), members in alike.items():
        for start in range(0, len(members), _BLOCK):
            numbers, lines = zip(*members[start : start + _BLOCK], strict=True)
            units, groups = (np.frombuffer(part, dtype=np.int64) for part in packed)
            blocks.append(_Block(list(numbers), names, units, groups, several, np.stack(lines)))
    return blocks


def _p_values(one: _Block, other: _Block, learnt: float) -> NDArray[np.float64]:
    """Return the two-sided p-values of all pairs, uncorrected, shape (members, members)."""
    if one.tests != other.tests:
        shared = set(one.tests) & set(other.tests)
        one, other = one.restricted(shared), other.restricted(shared)
    if one.single and len(one.tests):
        return _mcnemar(one.right, other.right)
    count = len(one.sizes)
    if count <= 1:
        return np.ones((len(one.members), len(other.members)))
    from scipy import stats  # heavy

    ahead = one.rates[:, None] - other.rates
    a, b = one.deviations, other.deviations
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)
    variance = one.spread(learnt) * (squares - 2 * a @ b.T)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stats.t.sf(np.abs(ahead) / np.sqrt(variance), count - 1)
    # Without variance, all units agree exactly: a sign test of the units.
    agreed = np.where(np.abs(ahead) > _ROUNDING, 2.0 ** (1 - count), 1.0)
    return np.where(variance > _ROUNDING, p, agreed)


def _mcnemar(right: NDArray[np.bool_], others: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the p-values of McNemar's exact test for all pairs of rows."""
    from scipy import stats  # heavy

    # Single precision is exact for counts up to 2**24.
    one, other = right.astype(np.float32), others.astype(np.float32)
    ahead, behind = one @ (1 - other).T, (1 - one) @ other.T
    tests = right.shape[1] + 1
    # There are many pairs, but few different counts.
    counts = np.minimum(ahead, behind).astype(np.int64) * tests + (ahead + behind).astype(np.int64)
    different = np.unique(counts)
    p = 2 * stats.binom.cdf(different // tests, different % tests, 0.5)
    found: NDArray[np.float64] = np.minimum(p, 1.0)[np.searchsorted(different, counts)]
    return found


@lru_cache(maxsize=8)
def _root(sizes: bytes) -> NDArray[np.float64]:
    """Return a root of the covariance of the resampled weights of groups, shape (groups, groups).

    Hits times this matrix have the same distances as centred samples, in fewer dimensions.
    """
    known = np.frombuffer(sizes)
    covariance = np.cov(resampled(np.eye(len(known)), known))
    values, vectors = np.linalg.eigh(covariance)
    root: NDArray[np.float64] = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def resampled(hits: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return accuracies of bootstrap samples of whole groups, float64, shape (runs, resamples).

    Parameters
    ----------
    hits : float64 array, shape (runs, groups)
        Number of correct tracks of each group.
    sizes : float64 array, shape (groups,)
        Number of tracks of each group.
    """
    rng = np.random.default_rng(0)  # a fixed seed gives the same figures every time
    groups = len(sizes)
    at_once = max(1, 2**22 // groups)  # limits the memory and does not change the draws
    parts = []
    for begin in range(0, _RESAMPLES, at_once):
        lines = min(at_once, _RESAMPLES - begin)
        drawn = rng.integers(0, groups, (lines, groups)) + groups * np.arange(lines)[:, None]
        times = np.bincount(drawn.ravel(), minlength=lines * groups).reshape(lines, groups)
        parts.append(hits @ times.T.astype(np.float64) / (times @ sizes))
    return np.concatenate(parts, axis=1)
