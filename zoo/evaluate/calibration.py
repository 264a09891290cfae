"""Calibration: whether a model that says 0.8 is right eight times in ten."""

from dataclasses import dataclass

import numpy as np

from zoo.evaluate.vote import mean_winners
from zoo_registry.runs import Predictions

__all__ = ["BINS", "Calibration", "calibration"]

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """The reliability diagram of a run, without its empty bins.

    Attributes
    ----------
    low, high : tuple of float
        Edges of each bin; a bin holds its upper edge and not its lower one.
    confidence : tuple of float
        Mean confidence in each bin.
    accuracy : tuple of float
        Share of tracks in each bin that are right.
    tracks : tuple of int
    error : float
        Expected calibration error: the mean distance of accuracy and confidence, each bin
        weighing what it holds.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    tracks: tuple[int, ...]
    error: float


def calibration(predictions: Predictions, bins: int = BINS) -> Calibration:
    """Compare how sure a run is with how often it is right.

    Confidence is the greatest mean probability of a track, and what is judged is the class
    that has it, which is not always the winner of the vote.

    Parameters
    ----------
    predictions : Predictions
    bins : int
        Of equal width, from 0 to 1.

    Notes
    -----
    Guo et al. (2017), "On calibration of modern neural networks", arXiv:1706.04599,
    equations 1 to 3.
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
