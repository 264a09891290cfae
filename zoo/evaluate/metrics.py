"""Scores of one run, computed from its out-of-fold predictions."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.vote import mean_winners, vote_winners
from zoo_registry.predictions import Predictions

__all__ = ["Scores", "confusion", "f1_scores", "score"]


@dataclass(frozen=True)
class Scores:
    """Scores on a leaderboard.

    Attributes
    ----------
    accuracy : float
        Share of tracks with a correct majority vote.
    accuracy_mean : float
        Share of tracks whose class of the highest mean probability is correct.
    macro_f1 : float
        Mean over the classes of the F1 score of the vote.
    fold_accuracy : tuple of float
        Accuracy of the vote in each fold.
    """

    accuracy: float
    accuracy_mean: float
    macro_f1: float
    fold_accuracy: tuple[float, ...]


def score(predictions: Predictions) -> Scores:
    """Return the scores of a run."""
    labels, folds = predictions.labels, predictions.folds
    right = vote_winners(predictions.votes, predictions.probabilities) == labels
    return Scores(
        accuracy=float(right.mean()),
        accuracy_mean=float((mean_winners(predictions.probabilities) == labels).mean()),
        macro_f1=float(np.mean(f1_scores(confusion(predictions)))),
        fold_accuracy=tuple(float(right[folds == fold].mean()) for fold in np.unique(folds)),
    )


def confusion(predictions: Predictions) -> NDArray[np.int64]:
    """Count tracks by label (row) and majority vote (column), int64, shape (classes, classes)."""
    n = len(predictions.classes)
    winners = vote_winners(predictions.votes, predictions.probabilities)
    counts = np.bincount(predictions.labels * n + winners, minlength=n * n)
    return counts.reshape(n, n).astype(np.int64)


def f1_scores(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the F1 score of each class.

    A class that is neither tested nor predicted has the score 0, as in scikit-learn.

    Parameters
    ----------
    counts : int64 array, shape (classes, classes)
        Result of `confusion`.

    Returns
    -------
    float64 array, shape (classes,)
        Scores from 0 to 1.
    """
    hits = np.diag(counts)
    total = counts.sum(axis=0) + counts.sum(axis=1)
    scores: NDArray[np.float64] = 2 * hits / np.maximum(total, 1)
    return scores
