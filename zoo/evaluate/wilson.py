"""Interval of a share by Wilson (1927), doi:10.1080/01621459.1927.10502953."""

from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Z", "wilson"]

Z = NormalDist().inv_cdf(0.975)


def wilson(
    share: "ArrayLike", trials: "ArrayLike", z: "float | NDArray[np.float64]" = Z
) -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
    """Return the lower and the upper ends of the intervals of shares, each from 0 to 1.

    Parameters
    ----------
    share, trials : array_like
        Shares of successes, and the numbers of trials, which need not be whole.
    z : float or float64 array, optional
        Quantile; by default that of the normal distribution for an interval of 95 %.
    """
    share, trials = np.asarray(share, np.float64), np.asarray(trials, np.float64)
    middle = share + z**2 / (2 * trials)
    half = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
    scale = 1 + z**2 / trials
    low, high = (middle - half) / scale, (middle + half) / scale
    return np.clip(low, 0, share), np.clip(high, share, 1)  # rounded
