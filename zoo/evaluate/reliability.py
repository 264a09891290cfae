"""Reliability of the confidence of one run: how often it is right, by how sure it is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.vote import mean_winners
from zoo_registry.predictions import Predictions

__all__ = ["BINS", "Calibration", "bin_of", "calibration"]

BINS = 10


def bin_of(confidence: NDArray[np.float64], bins: int = BINS) -> NDArray[np.int64]:
    """Return the bin of each confidence, int64, from 0; a bin includes its upper edge only.

    Parameters
    ----------
    confidence : float64 array
        From 0 to 1.
    bins : int
        Number of bins of equal width.
    """
    place: NDArray[np.int64] = np.ceil(confidence * bins).astype(np.int64) - 1
    return place.clip(0, bins - 1)


@dataclass(frozen=True)
class Calibration:
    """Reliability diagram of a run, without empty bins.

    Attributes
    ----------
    low, high : tuple of float
        Edges of each bin, which includes its upper edge only.
    confidence, accuracy : tuple of float
        Mean confidence, and share of correct tracks, in each bin.
    tracks : tuple of int
        Number of tracks in each bin.
    error : float
        Expected calibration error: mean absolute difference of accuracy and confidence, weighted
        by the number of tracks.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    tracks: tuple[int, ...]
    error: float


def calibration(predictions: Predictions, bins: int = BINS) -> Calibration:
    """Return the reliability diagram of a run, and its expected calibration error.

    The confidence is the highest mean probability of a track. The accuracy refers to the class
    with this probability, which is not always the winner of the vote. Source: Guo et al. (2017),
    "On calibration of modern neural networks", arXiv:1706.04599, equations 1 to 3.

    Parameters
    ----------
    predictions : Predictions
        Out-of-fold predictions of the run.
    bins : int
        Number of bins of equal width, from 0 to 1.
    """
    predictions = predictions.scored
    confidence = predictions.probabilities.max(axis=1)
    right = mean_winners(predictions.probabilities) == predictions.labels
    place = bin_of(confidence, bins)
    held = np.unique(place)
    counts = np.bincount(place, minlength=bins)[held]
    sure = np.bincount(place, confidence, bins)[held] / counts
    hit = np.bincount(place, right.astype(np.float64), bins)[held] / counts
    return Calibration(
        low=tuple((held / bins).tolist()),
        high=tuple(((held + 1) / bins).tolist()),
        confidence=tuple(sure.tolist()),
        accuracy=tuple(hit.tolist()),
        tracks=tuple(counts.tolist()),
        error=float((np.abs(hit - sure) * counts).sum() / counts.sum()),
    )
