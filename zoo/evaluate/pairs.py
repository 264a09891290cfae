"""Significance tests of the differences of all pairs of models, together.

* Flips of signs: if two models are equally good, the sign of their difference in a group is random.
  The signs of all groups are flipped at random, the same for all pairs, and each pair is compared
  with the largest differences that arise (Westfall & Young 1993, Resampling-based multiple testing;
  step-down as by Romano & Wolf 2005, doi:10.1198/016214504000000539). This uses that models fail at
  the same tracks, which a correction by the number of pairs cannot.
* Student's t over the groups, and Holm's correction (1979, https://www.jstor.org/stable/4615733).
* Repeated splits: t-test with a variance that is corrected for overlapping training parts (Nadeau
  & Bengio 2003, doi:10.1023/A:1024068626366).

The interval of a difference holds what the same test does not reject, so that it excludes 0 exactly
if p is below .05. If signs of the units are flipped, those are means over subsets of the units
(Hartigan 1969, doi:10.1080/01621459.1969.10501057; Tritchler 1984,
doi:10.1080/01621459.1984.10477085), and need no trial and error. Two models that differ in few
tracks, or none, have too few means: an interval that holds 0 is at least as wide as with one more
unit won, and one more lost (Bonett & Price 2012, doi:10.3102/1076998611411915).
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.intervals import LEVEL, student

__all__ = ["Pairs", "holm"]

_FLIPS = 2**12  # of the signs of all units; 13 units have no more that differ
_AT_ONCE = 2**21  # values of a chunk, which limits the memory
_ROUNDING = 1e-14  # error of a variance
_ALIKE = 1e-10  # ratio of squares below which two entries do not differ
_TIE = 1e-9  # relative; resamples that equal the data may be that much smaller


class Pairs:
    """Differences of pairs of entries, by unit.

    Parameters
    ----------
    values : float64 array, shape (entries, tests)
        What the metric is the mean of.
    took : bool array, shape (entries, tests)
        Whether an entry took a test; a pair is compared in the tests that both took.
    units : int64 array, shape (tests,)
        What counts as one observation: the group of each test, or its split, from 0.
    seeds : sequence of float64 arrays
        What each of an entry's seeds adds to its mean by chance; the sum is 0.
    first, second : int64 array, shape (pairs,)
        The pairs, sorted by the first.
    """

    def __init__(
        self,
        values: NDArray[np.float64],
        took: NDArray[np.bool_],
        units: NDArray[np.int64],
        seeds: Sequence[NDArray[np.float64]],
        first: NDArray[np.int64],
        second: NDArray[np.int64],
    ) -> None:
        order = units.argsort(kind="stable")
        self._values, self._took = values[:, order], took[:, order]
        self._starts = np.flatnonzero(np.diff(units[order], prepend=-1))
        self._seeds = np.zeros((len(values), sum(map(len, seeds))))
        begin = 0
        for line, own in zip(self._seeds, seeds, strict=True):
            line[begin : begin + len(own)] = own
            begin += len(own)
        self._first, self._second = first, second
        bounds = np.flatnonzero(np.diff(first, prepend=-1, append=-1)).tolist()
        self._rows = [(int(first[a]), slice(a, b)) for a, b in pairwise(bounds)]
        # If all took all tests, the difference of two entries is that of two rows of this matrix.
        self._all = None
        if took.all():
            sums = np.add.reduceat(self._values, self._starts, axis=1)
            self._all = np.hstack([sums, self._seeds * took.shape[1]])
            self._all -= self._all.mean(axis=0)  # for small differences of great numbers
        self._totals, self._roots, tests, self._units = self._moments()
        self.means = self._totals / np.maximum(tests, 1)
        ratios = np.zeros(len(first))  # of sums over the units to what flips of signs make of them
        np.divide(np.abs(self._totals), self._roots, out=ratios, where=self._roots > 0)
        self._ratios = ratios

    def _differences(
        self, i: int, others: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the sums of differences, shape (others, units and seeds), and tests, per unit."""
        shared = self._took[i] & self._took[others]
        tests = np.add.reduceat(shared.astype(np.float64), self._starts, axis=1)
        found = (self._values[i] - self._values[others]) * shared
        seeds = (self._seeds[i] - self._seeds[others]) * shared.sum(axis=1, keepdims=True)
        return np.hstack([np.add.reduceat(found, self._starts, axis=1), seeds]), tests

    def _moments(self) -> NDArray[np.float64]:
        """Return sums of differences, roots of sums of squares, tests and units of each pair."""
        totals, squares, tests, units = np.zeros((4, len(self._first)))
        if self._all is not None:
            sums, own = self._all.sum(axis=1), (self._all**2).sum(axis=1)
        for i, pairs in self._rows:
            others = self._second[pairs]
            if self._all is None:
                found, taken = self._differences(i, others)
                totals[pairs], squares[pairs] = found.sum(axis=1), (found**2).sum(axis=1)
                tests[pairs], units[pairs] = taken.sum(axis=1), (taken > 0).sum(axis=1)
            else:
                totals[pairs] = sums[i] - sums[others]
                both = own[i] + own[others]
                square = both - 2 * (self._all @ self._all[i])[others]
                squares[pairs] = np.where(square < _ALIKE * both, 0.0, square)
                tests[pairs], units[pairs] = self._took.shape[1], len(self._starts)
        seeds = (self._seeds != 0).sum(axis=1)
        units += seeds[self._first] + seeds[self._second]
        roots = np.sqrt(squares)
        totals = np.where(np.abs(totals) > _TIE * roots, totals, 0.0)  # but for rounding
        return np.stack([totals, roots, tests, units])

    def step_down(self) -> NDArray[np.float64]:
        """Return p-values, corrected by the largest ratios that flips of signs give."""
        order = self._ratios.argsort()  # from the smallest up
        least = self._ratios[order, None] * (1 - _TIE)
        scale = np.divide(1, self._roots, out=np.zeros_like(self._roots), where=self._roots > 0)
        reached, flips = np.zeros(len(order)), 0
        for signs in _signs(len(self._starts) + self._seeds.shape[1], len(order)):
            found = self._flipped(signs, order)
            np.abs(found, out=found)
            found *= scale[order, None]
            np.maximum.accumulate(found, axis=0, out=found)
            reached += (found >= least).sum(axis=1)
            flips += len(signs)
        p = np.empty(len(order))
        # No pair gets a smaller value than one with a larger ratio.
        p[order] = np.maximum.accumulate(reached[::-1] / flips)[::-1]
        return p

    def _flipped(self, signs: NDArray[np.float64], order: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the sums of differences with these signs of units, shape (pairs, signs)."""
        found: NDArray[np.float64]
        if self._all is not None:
            sums = self._all @ signs.T
            found = sums[self._first[order]]
            found -= sums[self._second[order]]
        else:
            rows = (self._differences(i, self._second[pairs])[0] for i, pairs in self._rows)
            found = np.concatenate([row @ signs.T for row in rows])[order]
        return found

    def of_units(self) -> NDArray[np.float64]:
        """Return p-values of t-tests over the units, uncorrected."""
        freedom = np.maximum(self._units - 1, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = self._ratios * np.sqrt(freedom / (self._units - self._ratios**2).clip(0))
        p: NDArray[np.float64] = np.maximum(_of_t(t, freedom), 2.0**-freedom)
        return p  # none is smaller than if as many coins agree

    def of_splits(self, share: float) -> NDArray[np.float64]:
        """Return p-values of t-tests over repeated splits, uncorrected.

        Parameters
        ----------
        share : float
            Ratio of the number of test tracks to that of training tracks.
        """
        p = np.ones(len(self._first))
        for i, pairs in self._rows:
            means, error, splits = self._split_means(i, self._second[pairs], share)
            freedom = np.maximum(splits - 1, 1)
            t = np.abs(means) / np.maximum(error, _ROUNDING)
            # Splits that all agree are as many coins.
            found_p = np.where(error > _ROUNDING, _of_t(t, freedom), 2.0**-freedom)
            p[pairs] = np.where((np.abs(means) > _ROUNDING) & (splits > 1), found_p, 1.0)
        return p

    def _split_means(
        self, i: int, others: NDArray[np.int64], share: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the means over the splits, their errors and the number of splits of each pair."""
        found, taken = self._differences(i, others)
        splits = np.maximum((taken > 0).sum(axis=1), 1).astype(np.float64)
        samples = found[:, : taken.shape[1]] / np.maximum(taken, 1)
        means = samples.sum(axis=1) / splits
        squares = ((samples - means[:, None]) ** 2 * (taken > 0)).sum(axis=1)
        return means, np.sqrt((1 / splits + share) * squares / np.maximum(splits - 1, 1)), splits

    def interval(self, most: float = 1.0) -> tuple[float, float]:
        """Return the ends of the 95 % interval of the difference of the only pair.

        It excludes 0 exactly if the p-value of `step_down` is below .05.

        Parameters
        ----------
        most : float
            Largest value of a track.
        """
        found, taken = self._differences(int(self._first[0]), self._second)
        sums = found[0] * (self._roots[0] > 0)  # differences of rounding are none
        sizes = np.pad(taken[0], (0, len(sums) - taken.shape[1]))
        both = np.stack([sums, sizes], axis=1)
        flipped, tested = np.concatenate([signs @ both for signs in _signs(len(sums))]).T
        total, size = flipped[0], tested[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            # A difference is not rejected by flips if it lies between the means of the units whose
            # signs they change and of the others.
            means = np.stack(
                [(total - flipped) / (size - tested), (total + flipped) / (size + tested)]
            )
        unknown = np.isnan(means).any(axis=0)  # no unit is left on one side
        lows = np.where(unknown, -np.inf, means.min(axis=0))
        highs = np.where(unknown, np.inf, means.max(axis=0))
        equal = np.abs(flipped) >= abs(total) * (1 - _TIE)
        lows[equal], highs[equal] = lows[equal].clip(max=0), highs[equal].clip(min=0)
        least = math.ceil(LEVEL * len(flipped))
        mean = float(total / size)
        low, high = min(np.sort(lows)[least - 1], mean), max(np.sort(highs)[-least], mean)
        if low <= 0 <= high:
            units = sums[sums != 0] if sums.any() else sizes * np.isfinite(most)
            variance = (sums**2).sum() + 2 * (units**2).mean()
            half = student(max(1.0, self._units[0] - 1)) * np.sqrt(variance) / size
            low, high = min(low, mean - half), max(high, mean + half)
        return max(float(low), -most), min(float(high), most)

    def interval_of_splits(self, share: float) -> tuple[float, float]:
        """Return the same over repeated splits, in agreement with `of_splits`.

        Parameters
        ----------
        share : float
            Ratio of the number of test tracks to that of training tracks.
        """
        ((mean,), (error,), (splits,)) = self._split_means(int(self._first[0]), self._second, share)
        if error > _ROUNDING:
            half = student(max(1.0, splits - 1)) * error
            return mean - half, mean + half
        is_sure = self.of_splits(share)[0] < LEVEL
        return (mean, mean) if is_sure else (min(mean, 0.0), max(mean, 0.0))


def holm(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return p-values with Holm's correction (1979), float64.

    Parameters
    ----------
    raw : float64 array
        Uncorrected p-values.
    """
    order = raw.argsort()
    p = np.empty(len(raw))
    p[order] = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1)).clip(0, 1)
    return p


def _signs(units: int, pairs: int = 1) -> Iterator[NDArray[np.float64]]:
    """Yield signs of so many units in parts, shape (flips, units); the first are those of the data.

    They are all that there are, if these are few; the opposite of all signs makes no difference.
    Parts limit the memory, also that of the sums of so many pairs.
    """
    all_ = 2 ** (units - 1)
    count, at_once = min(all_, _FLIPS), max(1, _AT_ONCE // max(units, pairs))
    rng = np.random.default_rng(0)  # a fixed seed gives the same figures every time
    for begin in range(0, count, at_once):
        size = min(at_once, count - begin)
        if all_ <= _FLIPS:
            flips = np.arange(begin, begin + size)[:, None] >> np.arange(units) & 1
        else:
            flips = rng.integers(0, 2, (size, units))
            flips[: begin == 0] = 0
        signs: NDArray[np.float64] = (1 - 2 * flips).astype(np.float64)
        yield signs


def _of_t(t: NDArray[np.float64], freedom: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return two-sided p-values."""
    from scipy.special import stdtr  # quick commands do without

    p: NDArray[np.float64] = 2 * stdtr(freedom, -t)
    return p
