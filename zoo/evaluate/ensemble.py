"""Ensemble: the weighted mean of the out-of-fold probabilities of several runs.

The weights of a track are equal, or are fitted to the answers to other tracks: those of a fold to
the tracks of the other folds, without the groups that it tests; those of the artefact to all. They
are not negative, have the sum 1 and the least log loss of the mean (linear opinion pool), which the
EM algorithm for the weights of a mixture finds (Dempster et al. 1977,
doi:10.1111/j.2517-6161.1977.tb01600.x). The windows of different front ends do not coincide, so an
ensemble has one vote per track, for the class of the highest mean probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.calibration import LEAST, learnable
from zoo.evaluate.vote import mean_winners
from zoo_registry.predictions import ChangedPredictions, Predictions

__all__ = ["WEIGHTS", "Weighting", "Weights", "combined", "combined_changes", "in_order", "weigh"]

Weighting: TypeAlias = Literal["mean", "fit"]
WEIGHTS: tuple[Weighting, ...] = ("mean", "fit")

_FEWEST = 20  # tracks; weights of fewer say more of them than of the runs
_DIGITS = 3  # of a weight, so that it is the same on every machine
_MOST_STEPS, _STILL = 10_000, 1e-7


@dataclass(frozen=True)
class Weights:
    """Weights of the members of an ensemble; those of each part have the sum 1.

    Attributes
    ----------
    parts : int64 array, shape (rows,)
        The part of each row of the predictions: its fold, or its half of a single fold.
    of_parts : float64 array, shape (parts, members)
        Weights with which the tracks of each part are answered.
    whole : float64 array, shape (members,)
        Weights of the artefact.
    """

    parts: NDArray[np.int64]
    of_parts: NDArray[np.float64]
    whole: NDArray[np.float64]


def in_order(predictions: Predictions, classes: Sequence[str]) -> Predictions:
    """Return predictions with the same classes in another order.

    Parameters
    ----------
    predictions : Predictions
        The predictions.
    classes : sequence of str
        The same classes.
    """
    if predictions.classes == tuple(classes):
        return predictions
    columns = [predictions.classes.index(name) for name in classes]
    return replace(
        predictions,
        classes=tuple(classes),
        labels=np.argsort(columns)[predictions.labels],
        votes=predictions.votes[:, columns],
        probabilities=predictions.probabilities[:, columns],
    )


def weigh(members: Sequence[Predictions], weights: Weighting, grouped: bool) -> Weights:
    """Return the weights of runs that answered the same tracks.

    Parameters
    ----------
    members : sequence of Predictions
        Answers of the runs, with equal rows and classes.
    weights : {"mean", "fit"}
        Whether the weights are equal, or fitted. Less than 20 tracks are not fitted to.
    grouped : bool
        Whether tracks of the same group as a tested one are left out of the fit.
    """
    first = members[0]
    folds = np.unique(first.folds, return_inverse=True)[1]
    parts, known = learnable(first, folds, grouped)
    equal = np.full(len(members), 1 / len(members))
    if weights == "mean":
        return Weights(parts, np.tile(equal, (len(known), 1)), equal)
    rows, tracks = np.arange(len(first)), np.array(first.tracks)
    right = np.stack([each.probabilities[rows, first.labels] for each in members])
    right = np.maximum(right, LEAST)

    def best(learnt: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the weights of the least log loss of some rows."""
        return _fitted(right[:, learnt]) if len({*tracks[learnt]}) >= _FEWEST else equal

    return Weights(parts, np.stack([*map(best, known)]), best(np.ones(len(first), dtype=bool)))


def _fitted(right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of the least log loss, given each member's probability of each label."""
    weights: NDArray[np.float64] = np.full(len(right), 1 / len(right))
    for _ in range(_MOST_STEPS):
        shares = weights[:, None] * right
        former, weights = weights, (shares / shares.sum(axis=0)).mean(axis=1)
        if np.abs(weights - former).max() < _STILL:
            break
    found = weights.round(_DIGITS)
    found[found.argmax()] += 1 - found.sum()
    return found.round(_DIGITS)


def combined(members: Sequence[Predictions], weights: Weights) -> Predictions:
    """Return the out-of-fold predictions of an ensemble.

    Parameters
    ----------
    members : sequence of Predictions
        As for `weigh`.
    weights : Weights
        Its result.
    """
    return _pooled(members, weights.of_parts[weights.parts])


def combined_changes(
    members: Sequence[ChangedPredictions], first: Predictions, weights: Weights
) -> ChangedPredictions:
    """Return the answers of an ensemble to those changed tracks that all members were asked about.

    Parameters
    ----------
    members : sequence of ChangedPredictions
        Answers of the runs, with the same classes in any order.
    first : Predictions
        Answers to the unchanged tracks, the rows that `weights` are of.
    weights : Weights
        The weights.

    Returns
    -------
    ChangedPredictions
        In the order of the first member. A row that a member failed to answer has no vote.
    """
    places = [
        {
            key: row
            for row, key in enumerate(zip(m.changes, own.tracks, own.folds.tolist(), strict=True))
        }
        for m in members
        for own in [m.predictions]
    ]
    shared = [key for key in places[0] if all(key in own for own in places)]
    answers = [
        in_order(member.take([own[key] for key in shared]).predictions, first.classes)
        for member, own in zip(members, places, strict=True)
    ]
    tested = zip(first.tracks, first.folds.tolist(), strict=True)
    part = dict(zip(tested, weights.parts.tolist(), strict=True))
    rows = [part[track, fold] for _, track, fold in shared]
    pooled = _pooled(answers, weights.of_parts[rows])
    answered = np.all([each.votes.any(axis=1) for each in answers], axis=0)
    votes = pooled.votes * answered[:, None]
    return ChangedPredictions(tuple(key[0] for key in shared), replace(pooled, votes=votes))


def _pooled(members: Sequence[Predictions], weights: NDArray[np.float64]) -> Predictions:
    """Return the mean of predictions with the weights of each row, shape (rows, members)."""
    given = np.stack([each.probabilities for each in members], axis=1)
    means = np.einsum("rm,rmc->rc", weights, given)
    means /= np.maximum(means.sum(axis=1, keepdims=True), LEAST)
    votes = np.eye(means.shape[1], dtype=np.int64)[mean_winners(means)]
    return replace(members[0], votes=votes, probabilities=means)
