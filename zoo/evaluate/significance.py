"""What the entries of a board can be told apart by: intervals, tests and ranks.

All is computed from one value per tested track, whose mean is the metric (`zoo.evaluate.metrics`):
intervals as of `zoo.evaluate.intervals`, tests as of `zoo.evaluate.pairs`. Up to 200 entries are
tested by flips of signs. More, up to 2,000, and repeated splits are tested with Holm's correction,
and still more are compared with the best only.

The rank of an entry reaches from one plus the number of entries that are significantly better to
the number of those that are not significantly worse. These ranges hold the true ranks of all
entries at once in 95 % of boards (Klein, Wright & Wieczorek 2020, doi:10.1111/rssa.12521; Mogstad,
Romano, Shaikh & Wilhelm 2024, doi:10.1093/restud/rdad006).

The interval of repeated splits is at least as wide as that of the distinct tracks, or groups,
tested once: splits that agree do not make few recordings many.

An entry is a model that was trained once or, with several seeds, several times. Then the mean over
the seeds counts, and the seeds are a second source of variance: of the interval, and as further
units whose signs are flipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.intervals import LEVEL, ends, sums_by
from zoo.evaluate.metrics import ACCURACY, METRICS, Metric
from zoo.evaluate.pairs import Pairs, holm
from zoo_registry.predictions import Predictions
from zoo_registry.record import RunRecord

__all__ = ["DIGITS", "Comparison", "Entries", "Ranks", "interval", "intervals"]

_STEP_DOWN = 200  # entries whose pairs are tested by flips of signs
_ALL_PAIRS = 2_000  # entries of which all pairs are tested
DIGITS = 12  # of a metric, in which equal ones are equal


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
    """Return the ends of the 95 % interval of the accuracy of each run.

    Parameters
    ----------
    runs : sequence of Predictions
        Out-of-fold predictions for tracks of real classes; they need not be of one board.
    learnt : float
        Mean number of training tracks per fold, used for repeated splits only.
    """
    return [Entries([[run]], learnt).intervals(ACCURACY)[0] for run in runs]


@dataclass(frozen=True)
class Ranks:
    """Ranks that the data allow.

    Attributes
    ----------
    low, high : int64 array, shape (entries,)
        One plus the number of entries that are significantly better, and the number of those that
        are not significantly worse, itself included.
    p : float64 array, shape (entries,)
        Smallest p-value of a comparison with a better entry; NaN if none is better.
    """

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    p: NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """Tests of pairs of entries.

    Attributes
    ----------
    first, second : int64 array, shape (pairs,)
        Numbers of the entries.
    difference : float64 array, shape (pairs,)
        Metric of the first minus that of the second, on the tests that both took.
    p : float64 array, shape (pairs,)
        P-values of equal metrics, corrected for all pairs of the board.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    difference: NDArray[np.float64]
    p: NDArray[np.float64]

    @property
    def is_sure(self) -> NDArray[np.bool_]:
        """Whether the entries of each pair can be told apart."""
        sure: NDArray[np.bool_] = (self.p < LEVEL) & (self.difference != 0)
        return sure

    def ranks(self, means: NDArray[np.float64], metric: Metric) -> Ranks:
        """Return the ranks of entries whose metric is given, as it orders them."""
        entries, scores = len(means), metric.ascending(means).round(DIGITS)
        ahead = scores[self.first] - scores[self.second]
        better = np.where(ahead > 0, self.first, self.second)
        worse = np.where(ahead > 0, self.second, self.first)
        low = 1 + np.bincount(worse[self.is_sure], minlength=entries)
        high = entries - np.bincount(better[self.is_sure], minlength=entries)
        p = np.full(entries, np.nan)
        np.fmin.at(p, worse[ahead != 0], self.p[ahead != 0])
        return Ranks(low, high, p)


class _Measures(NamedTuple):
    """What the tests of all entries give to a metric; see `zoo.evaluate.by_class.Measured`.

    `values` and `tested`, of shape (entries, tests), are the means over the seeds, and 0 where an
    entry did not take a test; `by_seed` has the metric with each seed of each entry.
    """

    values: NDArray[np.float64]
    tested: NDArray[np.float64]
    by_seed: list[list[float]]
    missing: NDArray[np.float64]


class Entries:
    """The entries of a board: what their models answered in the same tests.

    Parameters
    ----------
    entries : sequence of sequences of Predictions
        Of each entry its out-of-fold predictions for tracks of real classes, one for each seed.
        All are of the same dataset with the same protocol; a pair is compared in the tests that
        both took.
    learnt : float
        Mean number of training tracks per fold, used for repeated splits only.
    seeds : sequence of sequences of int, optional
        Of each entry the seeds, in the order of its predictions, which tell apart repeated splits
        of the same number; by default 0, 1 and so on.
    """

    def __init__(
        self,
        entries: Sequence[Sequence[Predictions]],
        learnt: float,
        seeds: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.entries = entries
        self._learnt = learnt
        self._is_repeated = any(len(set(one.tracks)) < len(one) for own in entries for one in own)
        known: dict[tuple[str, int, int], int] = {}
        groups: list[int] = []
        self._places: list[list[NDArray[np.int64]]] = []
        for own, numbers in zip(entries, seeds or map(range, map(len, entries)), strict=True):
            self._places.append([])
            for seed, one in zip(numbers, own, strict=True):
                # If each track is tested once, runs with other folds are comparable.
                folds = one.folds.tolist() if self._is_repeated else [0] * len(one)
                split = seed if self._is_repeated else 0
                places = []
                for track, fold, group in zip(one.tracks, folds, one.groups.tolist(), strict=True):
                    place = known.setdefault((track, split, fold), len(known))
                    if place == len(groups):
                        groups.append(group)
                    places.append(place)
                self._places[-1].append(np.array(places, dtype=np.int64))
        self._tracks = _numbered([track for track, _, _ in known])
        self._groups = _numbered(groups)  # in their order, for the same resamples every time
        splits = [(seed, fold) for _, seed, fold in known]
        self._units = _numbered(splits) if self._is_repeated else self._groups
        self._times = np.zeros((len(entries), len(known)))
        for line, own_places in zip(self._times, self._places, strict=True):
            for each in own_places:
                line[each] += 1
        self._took = self._times > 0
        self._measured = cache(self._measure)

    def _measure(self, metric: Metric) -> _Measures:
        """Measure what all entries answered."""
        values, tested = np.zeros((2, *self._times.shape))
        by_seed: list[list[float]] = []
        missing = []
        for number, (own, places) in enumerate(zip(self.entries, self._places, strict=True)):
            found = list(map(metric.measure, own))
            for one, each in zip(found, places, strict=True):
                values[number, each] += one.values
                tested[number, each] += one.tested
            by_seed.append([float(one.values.mean()) for one in found])
            missing.append(fmean(one.missing for one in found))
        times = np.maximum(self._times, 1)
        return _Measures(values / times, tested / times, by_seed, np.array(missing))

    def means(self, metric: Metric) -> NDArray[np.float64]:
        """Return the metric of each entry, the mean over its seeds, float64, shape (entries,).

        Parameters
        ----------
        metric : Metric
            What is measured; NaN where it is not defined.
        """
        return np.array([fmean(own) for own in self._measured(metric).by_seed])

    def scores(self) -> list[dict[str, tuple[float, float, float]]]:
        """Return all metrics of each entry that are defined, with their 95 % intervals.

        Returns
        -------
        list of dict
            Value, lower and upper end by `Metric.key`.
        """
        found: list[dict[str, tuple[float, float, float]]] = [{} for _ in self.entries]
        for metric in METRICS.values():
            means = self.means(metric)
            if np.isnan(means).any():  # it needs more classes
                continue
            rows = zip(found, means.tolist(), self.intervals(metric), strict=True)
            for scores, value, ends_ in rows:
                scores[metric.key] = value, *ends_
        return found

    def intervals(self, metric: Metric) -> list[tuple[float, float]]:
        """Return the ends of the 95 % interval of a metric of each entry.

        Parameters
        ----------
        metric : Metric
            What is measured.
        """
        values, missing = self._measured(metric).values, self._measured(metric).missing
        means, seeds = self.means(metric), self._seeds(metric)
        alike: dict[bytes, list[int]] = {}
        for number, taken in enumerate(self._took):
            alike.setdefault(taken.tobytes(), []).append(number)
        found = np.zeros((len(values), 2))
        for packed, members in alike.items():
            taken = np.frombuffer(packed, dtype=bool)
            own = values[members][:, taken]
            if self._is_repeated:
                found[members] = self._of_splits(own, taken, metric)
                continue
            spread = np.array([(seeds[member] ** 2).sum() for member in members])
            freedom = np.array([max(1, len(seeds[member]) - 1) for member in members])
            sums = sums_by(own, self._groups[taken])
            found[members] = ends(means[members], *sums, spread, freedom, metric, missing[members])
        return [(low, high) for low, high in found.tolist()]

    def _of_splits(
        self, values: NDArray[np.float64], taken: NDArray[np.bool_], metric: Metric
    ) -> NDArray[np.float64]:
        """Return the intervals for repeated splits, shape (entries, 2)."""
        from scipy import stats  # heavy, and not needed for groups

        sums, sizes = sums_by(values, self._units[taken])
        samples, count = sums / sizes, len(sizes)
        means = samples.mean(axis=1)
        # Correction of Nadeau & Bengio: 1 / splits + test tracks / training tracks.
        error = np.sqrt((1 / count + sizes.mean() / self._learnt) * samples.var(axis=1, ddof=1))
        half = stats.t.ppf(1 - LEVEL / 2, count - 1) * error
        around = np.stack([means - half, means + half], axis=1).clip(0.0, metric.most)
        # All tests of a track together count one.
        of_track, times = sums_by(values, self._tracks[taken])
        first = np.unique(self._tracks[taken], return_index=True)[1]
        groups = sums_by(of_track / times, self._groups[taken][first])
        none = np.zeros(len(means))
        once = ends(means, *groups, none, none + 1, metric)
        low, high = np.minimum(around, once)[:, 0], np.maximum(around, once)[:, 1]
        return np.stack([low, high], axis=1)

    def compare(self, metric: Metric) -> Comparison:
        """Test all pairs of entries; of more than 2,000 the pairs with the best.

        Parameters
        ----------
        metric : Metric
            What is measured.

        Returns
        -------
        Comparison
            Pairs in the order of the entries.
        """
        count, seeds = len(self.entries), self._seeds(metric)
        first, second = np.triu_indices(count, 1)
        if count > _ALL_PAIRS:
            best = int(metric.ascending(self.means(metric)).argmax())
            first, second = np.full(count - 1, best), np.delete(np.arange(count), best)
        pairs = Pairs(self._measured(metric).tested, self._took, self._units, seeds, first, second)
        if self._is_repeated:
            p = holm(pairs.of_splits(self._share))
        elif count <= _STEP_DOWN:
            p = pairs.step_down()
        elif count <= _ALL_PAIRS:
            p = holm(pairs.of_units())
        else:  # the best is chosen by its score, so that its pairs count as all
            p = np.minimum(pairs.of_units() * (count * (count - 1) / 2), 1.0)
        if not self._took.all():  # a pair is told apart only if it differs as its scores do
            means = self.means(metric).round(DIGITS)
            p = np.where((means[first] - means[second]) * pairs.means > 0, p, 1.0)
        return Comparison(first, second, pairs.means, p)

    def interval_of_difference(self, metric: Metric) -> tuple[float, float]:
        """Return the ends of the 95 % interval of the difference of the only two entries.

        It excludes 0 exactly if `compare` gives a p-value below .05; see `zoo.evaluate.pairs`.

        Parameters
        ----------
        metric : Metric
            What is measured.
        """
        values, seeds = self._measured(metric).tested, self._seeds(metric)
        one, other = np.array([0]), np.array([1])
        pairs = Pairs(values, self._took, self._units, seeds, one, other)
        if not self._is_repeated:
            return pairs.interval(metric.most)
        low, high = pairs.interval_of_splits(self._share)
        if low <= 0 <= high:  # splits that agree do not make few recordings many
            both = self._took.all(axis=0)
            of_track, times = sums_by(values[:, both], self._tracks[both])
            first = np.unique(self._tracks[both], return_index=True)[1]
            groups = _numbered(self._groups[both][first].tolist())
            took = np.ones(of_track.shape, dtype=bool)
            once = Pairs(of_track / times, took, groups, seeds, one, other).interval(metric.most)
            low, high = min(low, once[0]), max(high, once[1])
        return max(low, -metric.most), min(high, metric.most)

    @property
    def _share(self) -> float:
        """Ratio of the number of test tracks of a split to that of training tracks."""
        tested = self._took.any(axis=0).sum() / (1 + self._units.max())
        return float(tested / self._learnt)

    def _seeds(self, metric: Metric) -> list[NDArray[np.float64]]:
        """Return what each seed adds to the mean of an entry by chance; nothing for a single one.

        The sum is 0, and the sum of squares the variance of the mean. Repeated splits have the
        splits of all seeds instead.
        """
        found = []
        for own in self._measured(metric).by_seed:
            count = 0 if self._is_repeated or len(own) == 1 else len(own)
            means = np.array(own[:count])
            scale = np.sqrt(max(1, count * (count - 1)))
            found.append((means - means.sum() / max(1, count)) / scale)
        return found


def _numbered(names: Sequence[Any]) -> NDArray[np.int64]:
    """Return the place of each name among all that differ, in their order, from 0."""
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.array([numbers[name] for name in names], dtype=np.int64)
