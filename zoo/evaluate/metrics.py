"""Scores of one run, all computed from its out-of-fold predictions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.evaluate.vote import mean_winners, vote_winners
from zoo_registry.runs import Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scores", "confusion", "f1_scores", "score"]


@dataclass(frozen=True)
class Scores:
    """What a leaderboard shows of a run.

    Attributes
    ----------
    accuracy : float
        Share of tracks that the majority vote gets right.
    accuracy_mean : float
        The same, deciding by mean probability.
    macro_f1 : float
        Mean over classes of the F1 score of the vote.
    fold_accuracy : tuple of float
        Accuracy of the vote in each fold.
    """

    accuracy: float
    accuracy_mean: float
    macro_f1: float
    fold_accuracy: tuple[float, ...]


def score(predictions: Predictions) -> Scores:
    """Score the tracks of a run."""
    labels = predictions.labels
    winners = vote_winners(predictions.votes, predictions.probabilities)
    right = winners == labels
    return Scores(
        accuracy=float(right.mean()),
        accuracy_mean=float((mean_winners(predictions.probabilities) == labels).mean()),
        macro_f1=float(np.mean(f1_scores(confusion(predictions)))),
        fold_accuracy=tuple(
            float(right[predictions.folds == fold].mean()) for fold in np.unique(predictions.folds)
        ),
    )


def confusion(predictions: Predictions) -> "NDArray[np.int64]":
    """Count tracks by label and winner of the vote, int64, shape (labels, winners)."""
    n = len(predictions.classes)
    winners = vote_winners(predictions.votes, predictions.probabilities)
    counts = np.bincount(predictions.labels * n + winners, minlength=n * n)
    return counts.reshape(n, n).astype(np.int64)


def f1_scores(counts: "NDArray[np.int64]") -> "NDArray[np.float64]":
    """Return the F1 score of each class of a confusion matrix, float64, shape (classes,).

    A class that is neither tested nor predicted scores zero, as in scikit-learn.
    """
    hits = np.diag(counts)
    total = counts.sum(axis=0) + counts.sum(axis=1)
    scores: NDArray[np.float64] = 2 * hits / np.maximum(total, 1)
    return scores
