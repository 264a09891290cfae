"""From windows to tracks: the majority vote, and the mean probability beside it."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["count_votes", "mean_winners", "vote_winner", "vote_winners"]


def count_votes(windows: "NDArray[np.float64]") -> "tuple[NDArray[np.int64], NDArray[np.float64]]":
    """Let the windows of one track vote.

    Parameters
    ----------
    windows : float array, shape (windows, classes)
        Probabilities.

    Returns
    -------
    votes : int64 array, shape (classes,)
        Windows in which each class is the most probable.
    probabilities : float64 array, shape (classes,)
        Mean over the windows, summing to one.
    """
    votes = np.bincount(windows.argmax(axis=1), minlength=windows.shape[1]).astype(np.int64)
    mean = windows.mean(axis=0, dtype=np.float64)
    return votes, mean / mean.sum()


def vote_winners(
    votes: "NDArray[np.int64]", probabilities: "NDArray[np.float64]"
) -> "NDArray[np.int64]":
    """Return the class of each track by majority vote, ties broken by mean probability.

    Parameters
    ----------
    votes : int64 array, shape (tracks, classes)
    probabilities : float64 array, shape (tracks, classes)

    Returns
    -------
    int64 array, shape (tracks,)
    """
    ahead = votes == votes.max(axis=1, keepdims=True)
    winners: NDArray[np.int64] = np.where(ahead, probabilities, -1.0).argmax(axis=1)
    return winners


def vote_winner(votes: "NDArray[np.int64]", probabilities: "NDArray[np.float64]") -> int:
    """Return the class of one track, from what `count_votes` gave."""
    return int(vote_winners(votes[None], probabilities[None])[0])


def mean_winners(probabilities: "NDArray[np.float64]") -> "NDArray[np.int64]":
    """Return the class of the greatest mean probability of each track, int64, shape (tracks,)."""
    winners: NDArray[np.int64] = probabilities.argmax(axis=1)
    return winners
