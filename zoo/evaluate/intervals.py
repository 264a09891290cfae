"""Confidence intervals of means over tracks that may stand in groups, such as artists.

* A share of independent tracks: Wilson 1927, doi:10.1080/01621459.1927.10502953.
* Groups: the variance of a bootstrap of whole groups (Efron & Tibshirani 1993, An Introduction to
  the Bootstrap, chapter 16) gives the number of independent tracks that are worth as much, which is
  put into Wilson's interval with the quantile of Student's t (Korn & Graubard 1998, Survey
  Methodology 24, 193-201; Franco, Little, Louis & Slud 2019, doi:10.1093/jssam/smy019, recommend
  it). Percentiles of the bootstrap are too narrow for few groups, and have no width if all tracks
  are right.
* A mean that has no upper limit, such as a loss: Student's t with the same variance.
"""

from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.metrics import Metric
from zoo.evaluate.wilson import Z, wilson

__all__ = ["LEVEL", "ends", "resampled", "student", "sums_by"]

LEVEL = 0.05  # of intervals and tests
_RESAMPLES = 4999
_FEW = 512  # groups, for which their covariance is faster than the resamples
_MANY = 100  # groups, for which an expansion of Student's t is right to seven digits
_ROUNDING = 1e-14  # error of a variance


def ends(
    means: NDArray[np.float64],
    sums: NDArray[np.float64],
    sizes: NDArray[np.float64],
    seeds: NDArray[np.float64],
    freedom: NDArray[np.float64],
    metric: Metric,
    missing: NDArray[np.float64] | float = 0.0,
) -> NDArray[np.float64]:
    """Return 95 % intervals, float64, shape (entries, 2).

    Parameters
    ----------
    means : float64 array, shape (entries,)
        The metric.
    sums : float64 array, shape (entries, groups)
        Sum of the values of the tracks of each group.
    sizes : float64 array, shape (groups,)
        Number of tracks of each group.
    seeds, freedom : float64 array, shape (entries,)
        Variance of the mean that comes from the seeds, 0 for a single one, and its degrees of
        freedom.
    metric : Metric
        What is measured.
    missing : float64 array, shape (entries,), or float
        Variance of the mean that the values do not have; see `zoo.evaluate.by_class.Measured`.
    """
    count, tracks = len(sizes), float(sizes.sum())
    if count == 1:  # one group is one observation
        return np.tile([0.0, metric.most], (len(means), 1))
    if count < tracks:
        of_groups = _variances(sums, sizes) * count / (count - 1)
    else:
        of_groups = sums.var(axis=1, ddof=1) / count
    of_groups = of_groups + missing
    variance = of_groups + seeds
    # Degrees of freedom of a sum of variances: Satterthwaite 1946, doi:10.2307/3002019.
    inverse = of_groups**2 / (count - 1) + seeds**2 / freedom
    freedom = np.divide(variance**2, inverse, out=np.full(len(means), count - 1.0), where=seeds > 0)
    quantile = np.array([student(one) for one in freedom.tolist()])
    if not np.isfinite(metric.most):
        half = quantile * np.sqrt(variance)
        return np.stack([np.maximum(means - half, 0), means + half], axis=1)
    spread = means * (1 - means)
    # If all tracks are right or all wrong, it is not known how much the tracks of a group are
    # alike, and a group counts as one.
    worth = np.full(len(means), tracks)
    np.divide(spread, variance, out=worth, where=variance > _ROUNDING)
    if metric.is_share:  # tracks are not worth more than that, but the mean of several seeds may be
        worth = np.where(seeds > 0, worth, np.minimum(worth, tracks))
    trials = np.where(spread > _ROUNDING, worth, count)
    if metric.is_share and count == tracks:  # independent tracks, trained once
        quantile, trials = np.where(seeds > 0, quantile, Z), np.where(seeds > 0, trials, count)
    return np.stack(wilson(means, trials, quantile), axis=1)


def sums_by(
    values: NDArray[np.float64], groups: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return sums of values by group, shape (entries, groups), and the sizes of the groups.

    Parameters
    ----------
    values : float64 array, shape (entries, tracks)
        What is added up.
    groups : int64 array, shape (tracks,)
        Group of each track; the result has them in ascending order.
    """
    _, places, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = places.argsort(kind="stable")
    starts = np.cumsum(sizes) - sizes
    return np.add.reduceat(values[:, order], starts, axis=1), sizes.astype(np.float64)


def _variances(sums: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variances of means of resampled groups, shape (entries,)."""
    found: NDArray[np.float64]
    if len(sizes) > _FEW:
        found = resampled(sums, sizes).var(axis=1, ddof=1)
    else:
        found = ((sums @ _covariance(sizes.tobytes())) * sums).sum(axis=1)
    return found.clip(0.0)


@lru_cache(maxsize=8)
def _covariance(sizes: bytes) -> NDArray[np.float64]:
    """Return the covariance of the weights of resampled groups, shape (groups, groups)."""
    known = np.frombuffer(sizes)
    return np.cov(resampled(np.eye(len(known)), known))


@lru_cache(maxsize=1024)
def student(freedom: float) -> float:
    """Return the quantile of Student's t of a two-sided 95 % interval.

    Parameters
    ----------
    freedom : float
        Degrees of freedom.
    """
    if freedom < _MANY:
        from scipy.special import stdtrit  # quick commands do without

        return float(stdtrit(freedom, 1 - LEVEL / 2))
    z = NormalDist().inv_cdf(1 - LEVEL / 2)
    # Abramowitz & Stegun (1964), Handbook of Mathematical Functions, 26.7.5
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def resampled(sums: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return means of bootstrap samples of whole groups, float64, shape (entries, resamples).

    Parameters
    ----------
    sums : float64 array, shape (entries, groups)
        Sum of the values of each group, such as its number of correct tracks.
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
        parts.append(sums @ times.T.astype(np.float64) / (times @ sizes))
    return np.concatenate(parts, axis=1)
