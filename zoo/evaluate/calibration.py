"""Calibration: agreement of a run's confidence with its accuracy."""

from dataclasses import dataclass

import numpy as np

from zoo.evaluate.vote import mean_winners
from zoo_registry.predictions import Predictions

__all__ = ["BINS", "Calibration", "calibration"]

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """Reliability diagram of a run, without empty bins.

    Attributes
    ----------
    low, high : tuple of float
        Edges of each bin, which includes its upper edge only.
    confidence : tuple of float
        Mean confidence in each bin.
    accuracy : tuple of float
        Share of correct tracks in each bin.
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
    """Compare the confidence of a run with its accuracy.

    The confidence is the highest mean probability of a track. The accuracy refers to the class
    with this probability, which is not always the winner of the vote. Source: Guo et al. (2017),
    "On calibration of modern neural networks", arXiv:1706.04599, equations 1 to 3.

    Parameters
    ----------
    predictions : Predictions
        Out-of-fold predictions of the run.
    bins : int
        Number of bins of equal width, from 0 to 1.

    Returns
    -------
    Calibration
        Reliability diagram and expected calibration error.
    """
    confidence = predictions.probabilities.max(axis=1)
    right = mean_winners(predictions.probabilities) == predictions.labels
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
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
