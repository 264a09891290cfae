"""How sure a score is: intervals, and tests of one model against another.

Three cases, by what the runs know:

* single tracks: Wilson's interval (1927) and the exact test of McNemar (1947);
* groups, such as artists: tracks of a group stand or fall together, so whole groups are
  resampled (paired bootstrap; Efron & Tibshirani 1993, chapter 16);
* repeated splits: the folds overlap, so their variance is corrected (Nadeau & Bengio 2003,
  doi:10.1023/A:1024068626366).

Over a board the p-values of all pairs are corrected by Holm's method (1979).
"""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from zoo.evaluate.vote import vote_winners
from zoo_registry.runs import Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LEVEL", "compare", "interval"]

LEVEL = 0.05  # of the intervals
_RESAMPLES = 4999


def interval(predictions: Predictions, learnt: float) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy of the vote.

    Parameters
    ----------
    predictions : Predictions
    learnt : float
        Mean number of training tracks of a fold; only repeated splits need it.

    Returns
    -------
    low, high : float
        Within [0, 1].
    """
    right = _right(predictions).astype(np.float64)
    if _repeated(predictions):
        folds = _fold_means(predictions.folds, right)
        half = stats.t.ppf(1 - LEVEL / 2, len(folds) - 1) * _corrected_error(folds, right, learnt)
        return max(0.0, float(folds.mean() - half)), min(1.0, float(folds.mean() + half))
    count = len(right)
    if _grouped(predictions):
        hits, sizes = _group_sums(predictions.groups, right)
        if len(sizes) == 1:
            return 0.0, 1.0  # one group is one observation
        # Where all groups agree there is nothing to resample: as many trials as groups, then.
        if 0 < hits.sum() < count:
            bounds = _resampled(hits, sizes).confidence_interval
            return float(bounds.low), float(bounds.high)
        right, count = right[: len(sizes)], len(sizes)
    low, high = proportion_confint(int(right.sum()), count, LEVEL, method="wilson")
    return float(low), float(high)


def compare(runs: Sequence[Predictions], learnt: float) -> "NDArray[np.float64]":
    """Test every pair of runs for equal accuracy of the vote.

    Parameters
    ----------
    runs : sequence of Predictions
        Over the same dataset and protocol; a pair is compared on the tracks that both tested.
    learnt : float
        As in `interval`.

    Returns
    -------
    float64 array, shape (runs, runs)
        Symmetric p-values, after Holm's correction over all pairs; 1 on the diagonal, and for
        a pair that has no test in common.
    """
    adjusted = np.ones((len(runs), len(runs)))
    pairs = list(combinations(range(len(runs)), 2))
    if pairs:
        raw = [_p_value(runs[first], runs[second], learnt) for first, second in pairs]
        for (first, second), p in zip(pairs, multipletests(raw, method="holm")[1], strict=True):
            adjusted[first, second] = adjusted[second, first] = p
    return adjusted


def _p_value(one: Predictions, other: Predictions, learnt: float) -> float:
    """Return the two-sided p-value of a pair, uncorrected."""
    places = {test: row for row, test in enumerate(_tests(other))}
    shared = [(row, places[test]) for row, test in enumerate(_tests(one)) if test in places]
    if not shared:
        return 1.0
    mine, theirs = (np.array(rows) for rows in zip(*shared, strict=True))
    right, right_other = _right(one)[mine], _right(other)[theirs]
    if (right == right_other).all():
        return 1.0
    ahead = right.astype(np.float64) - right_other
    if _repeated(one):
        folds = _fold_means(one.folds[mine], ahead)
        return _t_test(folds.mean(), _corrected_error(folds, ahead, learnt), len(folds))
    if _grouped(one):
        hits, sizes = _group_sums(one.groups[mine], ahead)
        if len(sizes) == 1:
            return 1.0
        error = _resampled(hits, sizes).standard_error
        return _t_test(hits.sum() / sizes.sum(), error, len(sizes))
    table = [[0, int((right & ~right_other).sum())], [int((~right & right_other).sum()), 0]]
    return float(mcnemar(table, exact=True).pvalue)


def _right(predictions: Predictions) -> "NDArray[np.bool_]":
    winners = vote_winners(predictions.votes, predictions.probabilities)
    right: NDArray[np.bool_] = winners == predictions.labels
    return right


def _repeated(predictions: Predictions) -> bool:
    return len(set(predictions.tracks)) < len(predictions)


def _grouped(predictions: Predictions) -> bool:
    return len(np.unique(predictions.groups)) < len(predictions)


def _tests(predictions: Predictions) -> list[tuple[str, int]]:
    """Name each test: by track and, where tracks are tested repeatedly, by fold."""
    # Where every track is tested once, another seed only deals the tracks differently.
    folds = predictions.folds if _repeated(predictions) else np.zeros(len(predictions), int)
    return list(zip(predictions.tracks, folds.tolist(), strict=True))


def _group_sums(
    groups: "NDArray[np.int64]", values: "NDArray[np.float64]"
) -> "tuple[NDArray[np.float64], NDArray[np.int64]]":
    """Return the sum of the values, and the number of tracks, of each group."""
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return np.bincount(member, values).astype(np.float64), sizes.astype(np.int64)


def _resampled(hits: "NDArray[np.float64]", sizes: "NDArray[np.int64]") -> Any:
    """Bootstrap the mean per track by drawing whole groups."""
    return stats.bootstrap(
        (hits, sizes),
        lambda drawn, counts, axis: drawn.sum(axis=axis) / counts.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=500,
        method="percentile",
        rng=np.random.default_rng(0),  # the same board twice shows the same digits
    )


def _fold_means(folds: "NDArray[np.int64]", values: "NDArray[np.float64]") -> "NDArray[np.float64]":
    return np.array([values[folds == fold].mean() for fold in np.unique(folds)])


def _corrected_error(
    folds: "NDArray[np.float64]", values: "NDArray[np.float64]", learnt: float
) -> float:
    """Return the standard error of the mean over folds that share training tracks."""
    tested = len(values) / len(folds)
    return float(np.sqrt((1 / len(folds) + tested / learnt) * folds.var(ddof=1)))


def _t_test(difference: float, error: float, count: int) -> float:
    """Return the two-sided p-value of a difference estimated from `count` folds or groups."""
    if not error > 0:
        # All agree to the digit: as likely as that many coins that fall alike.
        return float(2.0 ** (1 - count)) if difference else 1.0
    return float(2 * stats.t.sf(abs(difference) / error, count - 1))
