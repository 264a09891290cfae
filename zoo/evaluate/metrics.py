"""Scores and calibration of one run, computed from its out-of-fold predictions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.vote import mean_winners, vote_winners
from zoo_registry.predictions import OTHER, Predictions

__all__ = [
    "Calibration",
    "Rejection",
    "Scores",
    "calibration",
    "confusion",
    "f1_scores",
    "rejection",
    "score",
]


@dataclass(frozen=True)
class Scores:
    """Scores on a leaderboard.

    Attributes
    ----------
    accuracy, accuracy_mean : float
        Share of tracks that are correct by majority vote, and by the highest mean probability.
    macro_f1 : float
        Mean over the classes of the F1 score of the vote.
    fold_accuracy : tuple of float
        Accuracy of the vote in each fold; empty if most folds test one track, right or wrong.
    """

    accuracy: float
    accuracy_mean: float
    macro_f1: float
    fold_accuracy: tuple[float, ...]


def score(predictions: Predictions) -> Scores:
    """Return the scores of a run over the tracks of its real classes."""
    predictions = predictions.scored
    labels, folds = predictions.labels, predictions.folds
    right = vote_winners(predictions.votes, predictions.probabilities) == labels
    tested = np.unique(folds)
    return Scores(
        accuracy=float(right.mean()),
        accuracy_mean=float((mean_winners(predictions.probabilities) == labels).mean()),
        macro_f1=float(np.mean(f1_scores(confusion(predictions))[predictions.real])),
        fold_accuracy=tuple(float(right[folds == fold].mean()) for fold in tested)
        if 2 * len(tested) <= len(folds)
        else (),
    )


def confusion(predictions: Predictions) -> NDArray[np.int64]:
    """Count tracks by label (row) and majority vote (column), int64, shape (classes, classes)."""
    # The row of `OTHER` is empty, its column counts wrong answers.
    predictions = predictions.scored
    n = len(predictions.classes)
    winners = vote_winners(predictions.votes, predictions.probabilities)
    counts = np.bincount(predictions.labels * n + winners, minlength=n * n)
    return counts.reshape(n, n).astype(np.int64)


def f1_scores(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the F1 score of each class, float64, shape (classes,).

    Parameters
    ----------
    counts : int64 array, shape (classes, classes)
        Result of `confusion`.
    """
    total = counts.sum(axis=0) + counts.sum(axis=1)
    # A class that is neither tested nor predicted has the score 0, as in scikit-learn.
    scores: NDArray[np.float64] = 2 * np.diag(counts) / np.maximum(total, 1)
    return scores


@dataclass(frozen=True)
class Rejection:
    """Answers to tracks of none of the classes, which a model was trained against.

    Attributes
    ----------
    tracks : int
        Number of tracks that were tested.
    share : float
        Share of them that was assigned to no class.
    """

    tracks: int
    share: float

    @property
    def sentence(self) -> str:
        """Description for people."""
        return (
            f"{self.tracks} tracks of {OTHER} are no part of these scores; "
            f"{100 * self.share:.1f} % of them were rightly assigned to none of the classes"
        )


def rejection(predictions: Predictions) -> Rejection | None:
    """Return the answers to tracks of none of the classes; None if there are none."""
    if OTHER not in predictions.classes:
        return None
    other = predictions.classes.index(OTHER)
    tested = predictions.labels == other
    if not tested.any():
        return None
    winners = vote_winners(predictions.votes, predictions.probabilities)
    tracks = {name for name, own in zip(predictions.tracks, tested, strict=True) if own}
    return Rejection(len(tracks), float((winners[tested] == other).mean()))


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


def calibration(predictions: Predictions, bins: int = 10) -> Calibration:
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
