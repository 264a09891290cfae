"""How sure a score is: intervals, and tests of one model against another.

Three cases, by what the runs know:

* single tracks: Wilson's interval (1927) and the exact test of McNemar (1947);
* groups, such as artists: tracks of a group stand or fall together, so whole groups are
  resampled (paired bootstrap; Efron & Tibshirani 1993, chapter 16);
* repeated splits: the folds overlap, so their variance is corrected (Nadeau & Bengio 2003,
  doi:10.1023/A:1024068626366).

Over a board the p-values of all pairs are corrected by Holm's method (1979). Of a thousand runs
there are half a million pairs, so that they are tested a block at a time: what a run got right
is a row of a matrix, and what sets a pair apart are products of these.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import combinations_with_replacement
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from zoo.evaluate.vote import vote_winners
from zoo_registry.runs import Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEVEL", "Comparison", "compare", "intervals"]

LEVEL = 0.05  # of the intervals
_RESAMPLES = 4999
_FEW = 512  # groups
_BLOCK = 256  # runs that are compared with as many at once
_ROUNDING = 1e-14  # of a variance of shares


def intervals(runs: Sequence[Predictions], learnt: float) -> list[tuple[float, float]]:
    """Return the 95 % interval of the accuracy of the vote of each run.

    Parameters
    ----------
    runs : sequence of Predictions
    learnt : float
        Mean number of training tracks of a fold; only repeated splits need it.

    Returns
    -------
    list of (float, float)
        Low and high, within [0, 1].
    """
    found = [(0.0, 1.0)] * len(runs)
    for block in _blocks(runs):
        for member, ends in zip(block.members, block.intervals(learnt).tolist(), strict=True):
            found[member] = (ends[0], ends[1])
    return found


def compare(runs: Sequence[Predictions], learnt: float) -> "Comparison":
    """Test every pair of runs for equal accuracy of the vote.

    Parameters
    ----------
    runs : sequence of Predictions
        Over the same dataset and protocol; a pair is compared on the tracks that both tested.
    learnt : float
        As in `intervals`.
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
        p = tested[first, second] = _p_values(one, other, learnt)
        pairs = p[np.triu_indices(len(p), 1)] if first == second else p
        found, times = np.unique(pairs, return_counts=True)
        values.append(found)
        counts.append(times)
    raw, times = np.concatenate(values), np.concatenate(counts)
    del values, counts  # of ten thousand runs each is 400 MB
    order = raw.argsort()
    raw, times = raw[order], times[order]
    del order
    adjusted = raw * times[::-1].cumsum()[::-1]  # by the pairs whose p is not smaller
    np.maximum.accumulate(adjusted, out=adjusted)
    np.minimum(adjusted, 1.0, out=adjusted)
    return Comparison(places, tested, raw, adjusted)


@dataclass(frozen=True)
class Comparison:
    """P-values of all pairs of runs, after Holm's correction.

    ``comparison[i, j]`` is that of the runs number i and j, 1 for a run and itself and for a pair
    that has no test in common.

    Attributes
    ----------
    places : dict
        Block and line of each run.
    tested : dict
        By two blocks the p-values of their pairs before correction, float64, shape (lines, lines).
    raw, adjusted : float64 arrays
        All such values, sorted, and what Holm makes of the first of those that are equal.
    """

    places: dict[int, tuple[int, int]]
    tested: dict[tuple[int, int], "NDArray[np.float64]"]
    raw: "NDArray[np.float64]"
    adjusted: "NDArray[np.float64]"

    def __getitem__(self, pair: tuple[int, int]) -> float:
        if pair[0] == pair[1]:
            return 1.0
        (first, line), (second, column) = sorted(self.places[run] for run in pair)
        p = self.tested[first, second][line, column]
        return float(self.adjusted[np.searchsorted(self.raw, p)])


@dataclass(frozen=True)
class _Block:
    """Runs that were tested on the same.

    Attributes
    ----------
    members : list of int
        Which runs these are.
    tests : tuple of (str, int)
        Track and, where tracks are tested repeatedly, fold; sorted.
    units : int64 array, shape (tests,)
        Number of the fold, or else of the group, of each test; from 0.
    repeated : bool
        Whether tracks are tested repeatedly.
    right : bool array, shape (members, tests)
    """

    members: list[int]
    tests: tuple[tuple[str, int], ...]
    units: "NDArray[np.int64]"
    repeated: bool
    right: "NDArray[np.bool_]"

    @cached_property
    def sizes(self) -> "NDArray[np.float64]":
        """Tests of each unit."""
        return np.bincount(self.units).astype(np.float64)

    @property
    def single(self) -> bool:
        """Whether every test stands for itself."""
        return not self.repeated and len(self.sizes) == len(self.units)

    @cached_property
    def hits(self) -> "NDArray[np.float64]":
        """What was right in each unit, shape (members, units)."""
        lines = [np.bincount(self.units, line, len(self.sizes)) for line in self.right]
        return np.array(lines, dtype=np.float64)

    @cached_property
    def rates(self) -> "NDArray[np.float64]":
        """Accuracy, one a member; of folds their mean."""
        each = self.samples if self.repeated else self.right
        rates: NDArray[np.float64] = each.mean(axis=1, dtype=np.float64)
        return rates

    @property
    def samples(self) -> "NDArray[np.float64]":
        """Accuracies of which the spread tells how sure `rates` are, shape (members, samples)."""
        return self.hits / self.sizes if self.repeated else _resampled(self.hits, self.sizes)

    @cached_property
    def deviations(self) -> "NDArray[np.float64]":
        """Vectors, one a member: a difference of two has the squared length of its variance."""
        found: NDArray[np.float64]
        if not self.repeated and len(self.sizes) <= _FEW:
            found = self.hits @ _root(self.sizes.tobytes())
        else:
            found = self.samples
            found -= found.mean(axis=1, keepdims=True)
            found /= np.sqrt(found.shape[1] - 1)
        return found

    def spread(self, learnt: float) -> float:
        """Return the variance of `rates` over that of `samples`."""
        # Folds share training tracks, and are surer of each other than they should be.
        count = len(self.sizes)
        return 1 / count + len(self.units) / count / learnt if self.repeated else 1.0

    def restricted(self, tests: set[tuple[str, int]]) -> "_Block":
        """Return the same runs on some of their tests."""
        if len(tests) == len(self.tests):
            return self
        kept = np.array([test in tests for test in self.tests], dtype=bool)
        units = np.unique(self.units[kept], return_inverse=True)[1]
        names = tuple(test for test in self.tests if test in tests)
        return replace(self, tests=names, units=units, right=self.right[:, kept])

    def intervals(self, learnt: float) -> "NDArray[np.float64]":
        """Return the 95 % intervals, shape (members, 2)."""
        count = len(self.sizes)
        if self.repeated:
            error = np.sqrt(self.spread(learnt) * self.samples.var(axis=1, ddof=1))
            half = stats.t.ppf(1 - LEVEL / 2, count - 1) * error
            around = np.stack([self.rates - half, self.rates + half], axis=1)
            return around.clip(0.0, 1.0)
        if count == 1 and not self.single:  # one group is one observation
            return np.tile([0.0, 1.0], (len(self.members), 1))
        # Where all groups agree there is nothing to resample: as many trials as groups, then.
        hits = np.rint(self.rates * count)
        wilson = proportion_confint(hits, count, LEVEL, method="wilson")
        ends: NDArray[np.float64] = np.stack(wilson, axis=1)
        if not self.single:
            mixed = (self.rates > 0) & (self.rates < 1)
            ends[mixed] = np.percentile(
                self.samples[mixed], [50 * LEVEL, 100 - 50 * LEVEL], axis=1
            ).T
        return ends


def _blocks(runs: Sequence[Predictions]) -> list[_Block]:
    """Put together the runs that were tested on the same, in blocks of bounded size."""
    alike: dict[
        tuple[tuple[tuple[str, int], ...], bytes, bool], list[tuple[int, NDArray[np.bool_]]]
    ] = {}
    for number, run in enumerate(runs):
        repeated = len(set(run.tracks)) < len(run)
        # Where every track is tested once, another seed only deals the tracks differently.
        folds: list[int] = run.folds.tolist() if repeated else [0] * len(run)
        tests = list(zip(run.tracks, folds, strict=True))
        order = sorted(range(len(tests)), key=tests.__getitem__)
        units = (run.folds if repeated else run.groups)[order]
        units = np.unique(units, return_inverse=True)[1].astype(np.int64)
        key = tuple(tests[row] for row in order), units.tobytes(), repeated
        right = vote_winners(run.votes, run.probabilities) == run.labels
        alike.setdefault(key, []).append((number, right[order]))
    blocks = []
    for (names, packed, several), members in alike.items():
        for start in range(0, len(members), _BLOCK):
            numbers, lines = zip(*members[start : start + _BLOCK], strict=True)
            shared = np.frombuffer(packed, dtype=np.int64)
            blocks.append(_Block(list(numbers), names, shared, several, np.stack(lines)))
    return blocks


def _p_values(one: _Block, other: _Block, learnt: float) -> "NDArray[np.float64]":
    """Return the two-sided p-values of pairs, uncorrected, shape (members, members)."""
    if one.tests != other.tests:
        shared = set(one.tests) & set(other.tests)
        one, other = one.restricted(shared), other.restricted(shared)
    if one.single and len(one.tests):
        return _mcnemar(one.right, other.right)
    count = len(one.sizes)
    if count <= 1:
        return np.ones((len(one.members), len(other.members)))
    ahead = one.rates[:, None] - other.rates
    variance = one.spread(learnt) * _variances(one.deviations, other.deviations)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * stats.t.sf(np.abs(ahead) / np.sqrt(variance), count - 1)
    # All agree to the digit: as likely as that many coins that fall alike.
    agreed = np.where(np.abs(ahead) > _ROUNDING, 2.0 ** (1 - count), 1.0)
    return np.where(variance > _ROUNDING, p, agreed)


def _mcnemar(right: "NDArray[np.bool_]", others: "NDArray[np.bool_]") -> "NDArray[np.float64]":
    """Return the p-values of the exact test of each line of one against each of the other."""
    # Counts are whole in single precision up to 2**24.
    one, other = right.astype(np.float32), others.astype(np.float32)
    ahead, behind = one @ (1 - other).T, (1 - one) @ other.T
    tests = right.shape[1] + 1
    # Pairs are many, and different counts are few.
    counts = np.minimum(ahead, behind).astype(np.int64) * tests + (ahead + behind).astype(np.int64)
    different = np.unique(counts)
    p = 2 * stats.binom.cdf(different // tests, different % tests, 0.5)
    found: NDArray[np.float64] = np.minimum(p, 1.0)[np.searchsorted(different, counts)]
    return found


def _variances(
    deviations: "NDArray[np.float64]", others: "NDArray[np.float64]"
) -> "NDArray[np.float64]":
    """Return the squared distance of each line of one and each of the other."""
    squares = (deviations**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)
    found: NDArray[np.float64] = squares - 2 * deviations @ others.T
    return found


@lru_cache(maxsize=8)
def _root(sizes: bytes) -> "NDArray[np.float64]":
    """Return what makes of hits in groups of these sizes their deviations over the resamples.

    These are as many as there are groups, and so compared much faster than all resamples.
    """
    known = np.frombuffer(sizes)
    covariance = np.cov(_resampled(np.eye(len(known)), known))
    values, vectors = np.linalg.eigh(covariance)
    root: NDArray[np.float64] = vectors * np.sqrt(np.maximum(values, 0.0))
    return root


def _resampled(hits: "NDArray[np.float64]", sizes: "NDArray[np.float64]") -> "NDArray[np.float64]":
    """Bootstrap the mean per track by drawing whole groups.

    Parameters
    ----------
    hits : float64 array, shape (runs, groups)
    sizes : float64 array, shape (groups,)
        Tracks of each.

    Returns
    -------
    float64 array, shape (runs, resamples)
    """
    rng = np.random.default_rng(0)  # the same board twice shows the same digits
    groups = len(sizes)
    at_once = max(1, 2**22 // groups)  # bounds the memory; what is drawn stays the same
    parts = []
    for begin in range(0, _RESAMPLES, at_once):
        lines = min(at_once, _RESAMPLES - begin)
        drawn = rng.integers(0, groups, (lines, groups)) + groups * np.arange(lines)[:, None]
        times = np.bincount(drawn.ravel(), minlength=lines * groups).reshape(lines, groups)
        parts.append(hits @ times.T.astype(np.float64) / (times @ sizes))
    return np.concatenate(parts, axis=1)
