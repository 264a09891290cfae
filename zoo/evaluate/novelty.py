"""Novelty detection: how far the windows of a recording lie outside of the training recordings.

A model answers whatever it is given. The novelty of a window is its distance from the training
windows, divided by the distance that nearly all tracks keep which a model was not fitted to, so
that 1 is the threshold. Every column is standardised and bounded before, so that no single one of
them decides. This needs the front-end arrays and knows nothing of the model.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.audio.windows import RANGE, cut_windows, last_start
from zoo.evaluate.protocols import Fold
from zoo_registry.frontend import Layout

__all__ = ["BOUND", "COEFFICIENTS", "Novelty", "Windowing", "fit_novelty"]

BOUND = 5.0  # standard deviations
COEFFICIENTS = 13  # of the cosine transform of a frame, as usual for cepstra
_KEPT = 0.98  # share of tracks below the threshold
_FEWEST = 19  # tracks; of fewer, the most distant one is not beyond 95 % of others
_CONSTANT = 1e-6  # relative standard deviation, from rounding alone


@dataclass(frozen=True)
class Windowing:
    """The windows of an array that a model classifies.

    Attributes
    ----------
    layout : {"vectors", "frames"}
        Layout of the front end.
    rows, step : int
        Rows of a window, and rows from the begin of a window to that of the next. The last window
        ends with the track.
    """

    layout: Layout
    rows: int
    step: int

    def describe(self, track: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return a description of each window, float64, shape (windows, columns).

        For vectors it is the mean of the rows. For frames, which are taken for spectra in
        decibels, the lowest coefficients of the cosine transform are described by their means
        without the first, which is the level, by the logarithm of their standard deviations, and
        by their mean change from frame to frame in standard deviations.

        Parameters
        ----------
        track : float32 array, shape (rows, columns)
            Front-end array.
        """
        last = last_start(track, self.rows)
        starts = np.minimum(np.arange(0, last + self.step, self.step), last)
        windows = cut_windows(track, self.rows, starts).astype(np.float64)
        if self.layout == "vectors":
            averages: NDArray[np.float64] = windows.mean(axis=1)
            return averages
        floor = windows.max(axis=(1, 2), keepdims=True) - RANGE
        coefficients = np.maximum(windows, floor) @ cosines(track.shape[1])
        spread = coefficients.std(axis=1)
        change = np.abs(np.diff(coefficients, axis=1)).sum(axis=1) / max(1, self.rows - 1)
        means = coefficients.mean(axis=1)[:, 1:]
        return np.concatenate([means, np.log(1 + spread), change / (1 + spread)], axis=1)


def cosines(columns: int) -> NDArray[np.float64]:
    """Return the matrix of the cosine transform (DCT-II), shape (columns, coefficients)."""
    order = np.arange(min(COEFFICIENTS, columns))
    angles = np.pi / columns * (np.arange(columns)[:, None] + 0.5) * order
    matrix: NDArray[np.float64] = np.cos(angles) * np.sqrt(np.where(order, 2, 1) / columns)
    return matrix


@dataclass(frozen=True)
class Novelty:
    """Novelty of the windows of a track.

    Attributes
    ----------
    windowing : Windowing
        The windows and their descriptions.
    mean, scale : float64 array, shape (columns,)
        Mean, and reciprocal of the standard deviation, of each column of the descriptions of all
        training windows. A column that is constant in training has the scale 0 and does not count.
    threshold : float
        Distance whose novelty is 1.
    """

    windowing: Windowing
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    threshold: float = 1.0

    def __call__(self, track: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the novelty of each window, float64, shape (windows,).

        Parameters
        ----------
        track : float32 array, shape (rows, columns)
            Front-end array.
        """
        return self._of(self.windowing.describe(track))

    def _of(self, described: NDArray[np.float64]) -> NDArray[np.float64]:
        bounded = np.clip((described - self.mean) * self.scale, -BOUND, BOUND)
        novelty: NDArray[np.float64] = np.sqrt(np.square(bounded).mean(axis=1)) / self.threshold
        return novelty


def fit_novelty(
    arrays: Sequence[NDArray[np.float32]], folds: Sequence[Fold], windowing: Windowing
) -> Novelty | None:
    """Return the novelty that is fitted to all tracks, with a threshold from out-of-fold tracks.

    A track is new if more than half of its windows are. The threshold keeps 98 % of the tracks
    that a fit was not made from, with the correction of conformal prediction for few tracks. With
    fewer than 19 such tracks there is none. Arrays are read twice, one at a time.

    Parameters
    ----------
    arrays : sequence of float32 arrays, each of shape (rows, columns)
        Front-end array of each track.
    folds : sequence of Fold
        Training and test parts, as indices of the tracks.
    windowing : Windowing
        The windows that the model classifies.
    """
    everything = np.arange(len(arrays))
    if len(np.unique(np.concatenate([fold.test for fold in folds]))) < _FEWEST:
        return None
    trained = _members([*(fold.train for fold in folds), everything], len(arrays))
    tested = _members([fold.test for fold in folds], len(arrays))
    *parts, whole = _fits(arrays, trained, windowing)
    distances = []
    for described, own in zip(_described(arrays, windowing), tested, strict=True):
        for fold in np.flatnonzero(own):
            ranked = np.sort(parts[fold]._of(described))
            distances.append(ranked[(len(ranked) - 1) // 2])
    return Novelty(windowing, whole.mean, whole.scale, _threshold(distances))


def _described(
    arrays: Iterable[NDArray[np.float32]], windowing: Windowing
) -> Iterator[NDArray[np.float64]]:
    return (windowing.describe(array) for array in arrays)


def _members(parts: Sequence[NDArray[np.int64]], count: int) -> NDArray[np.bool_]:
    """Return whether each track belongs to each part, shape (tracks, parts)."""
    belongs = np.zeros((count, len(parts)), bool)
    for number, part in enumerate(parts):
        belongs[part, number] = True
    return belongs


def _fits(
    arrays: Sequence[NDArray[np.float32]], trained: NDArray[np.bool_], windowing: Windowing
) -> list[Novelty]:
    """Return the mean and scale of each part of the tracks."""
    counts, sums, squares = np.zeros((trained.shape[1], 1)), np.float64(0), np.float64(0)
    for own, described in zip(trained, _described(arrays, windowing), strict=True):
        member = own[:, None]
        counts = counts + member * len(described)
        sums = sums + member * described.sum(axis=0)
        squares = squares + member * np.square(described).sum(axis=0)
    means = sums / counts
    spread = np.sqrt(np.maximum(squares / counts - means**2, 0))
    varies = spread > _CONSTANT * (1 + np.abs(means))
    scales = np.where(varies, 1 / np.where(varies, spread, 1), 0.0)
    return [Novelty(windowing, mean, scale) for mean, scale in zip(means, scales, strict=True)]


def _threshold(distances: Sequence[float]) -> float:
    """Return the distance that another track of this kind keeps with a probability of 98 %."""
    ranked = np.sort(distances)
    # Of few tracks the most distant one counts. Source: Vovk et al. (2005), "Algorithmic learning
    # in a random world", chapter 2.
    place = min(len(ranked), int(np.ceil((len(ranked) + 1) * _KEPT)))
    return max(float(ranked[place - 1]), _CONSTANT)
