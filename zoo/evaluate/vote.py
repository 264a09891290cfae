"""Votes: from the probabilities of windows to the class of a track."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo_registry.predictions import Predictions

__all__ = ["count_votes", "is_right", "mean_winners", "rounded", "vote_winner", "vote_winners"]


def count_votes(windows: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return votes and mean probabilities of one track, int64 and float64, shape (classes,).

    A window votes for its most probable class; the mean probabilities have the sum 1.

    Parameters
    ----------
    windows : float array, shape (windows, classes)
        Probabilities.
    """
    votes = np.bincount(windows.argmax(axis=1), minlength=windows.shape[1]).astype(np.int64)
    mean = windows.mean(axis=0, dtype=np.float64)
    return votes, mean / mean.sum()


def vote_winners(votes: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the class index of each track by majority vote, int64, shape (tracks,).

    Parameters
    ----------
    votes, probabilities : int64 array, float64 array, shape (tracks, classes)
        Number of windows, and mean over the windows, which decides ties.
    """
    ahead = votes == votes.max(axis=1, keepdims=True)
    winners: NDArray[np.int64] = np.where(ahead, probabilities, -1.0).argmax(axis=1)
    return winners


def is_right(predictions: Predictions) -> NDArray[np.bool_]:
    """Return whether the majority vote of each row is its label, bool, shape (rows,)."""
    winners = vote_winners(predictions.votes, predictions.probabilities)
    right: NDArray[np.bool_] = winners == predictions.labels
    return right


def vote_winner(votes: NDArray[np.int64], probabilities: NDArray[np.float64]) -> int:
    """Return the class of one track from the result of `count_votes`."""
    return int(vote_winners(votes[None], probabilities[None])[0])


def mean_winners(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the class of the highest mean probability of each track, int64, shape (tracks,)."""
    winners: NDArray[np.int64] = probabilities.argmax(axis=1)
    return winners


def rounded(
    windows: NDArray[np.floating], precision: type[np.float16] | type[np.float32]
) -> NDArray[Any]:
    """Return probabilities in less precision, in which each window has the same winner.

    Parameters
    ----------
    windows : float array, shape (windows, classes)
        Probabilities.
    precision : type
        Of the result.
    """
    found, winners = windows.astype(precision), windows.argmax(axis=1)
    tied = np.flatnonzero(found.argmax(axis=1) != winners)
    found[tied, winners[tied]] = np.nextafter(found[tied].max(axis=1), precision(2))
    return found
