"""Calibration: one temperature that makes the confidence of a model the share that is right.

The probabilities of a window are raised to a power, `beta`, and normalised (temperature scaling,
Guo et al. 2017, arXiv:1706.04599). A window never changes its winner. The power has the least log
loss of tracks, whose probabilities are the means over their windows, because the confidence of an
answer is that of a track. It comes from out-of-fold windows, so that it costs no fit: that of the
tracks that a fold tests comes from the other folds, that of the artefact from all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.vote import count_votes, rounded
from zoo_registry.predictions import ChangedPredictions, Predictions

__all__ = ["LEAST", "Calibrated", "FoldAnswers", "calibrate", "calibrated", "learnable"]

LEAST = 1e-4  # probability; of less, a model knows nothing, and no winner has less
_FEWEST = 20  # tracks; a temperature of fewer says more of them than of the model
_GRID = np.linspace(-4, 4, 81)  # logarithms of `beta`
_SURE = 1.001  # a plugin's probabilities may be off by rounding
_FLAT = 1e-9  # nats; windows of equal probabilities have no temperature


@dataclass(frozen=True)
class FoldAnswers:
    """Answers of the model of a fold.

    Attributes
    ----------
    predictions : Predictions
        Those of the test tracks.
    changed : ChangedPredictions or None
        Those of changed test tracks, if any were asked for.
    windows : float32 array, shape (windows, classes)
        Probabilities as the model gave them, or calibrated, row after row: first the windows of the
        test tracks, then those of the changed tracks. Each window has a vote.
    importance : float32 array, shape (tracks, families), or None
        Result of `zoo.evaluate.importance.falls`, if it was asked for.
    """

    predictions: Predictions
    changed: ChangedPredictions | None
    windows: NDArray[np.float32]
    importance: NDArray[np.float32] | None = None

    @property
    def counts(self) -> NDArray[np.int64]:
        """Number of windows of each row, int64."""
        votes = [self.predictions.votes]
        votes += [self.changed.predictions.votes] if self.changed else []
        counts: NDArray[np.int64] = np.concatenate(votes).sum(axis=1)
        return counts

    @property
    def are_whole(self) -> bool:
        """Whether the windows are probabilities, as many as there are votes."""
        expected = (self.counts.sum(), len(self.predictions.classes))
        return (
            self.windows.shape == expected
            and self.windows.dtype == np.float32
            and bool(self.predictions.votes.any(axis=1).all())
            and bool(((self.windows >= 0) & (self.windows <= _SURE)).all())
        )


@dataclass(frozen=True)
class Calibrated:
    """Calibrated answers of all folds.

    Attributes
    ----------
    folds : list of FoldAnswers
        Their votes are as before; windows and mean probabilities are calibrated.
    betas : list of list of float
        The power of each fold, or of both halves of the only one.
    beta : float
        The power of the artefact.
    """

    folds: list[FoldAnswers]
    betas: list[list[float]]
    beta: float


def calibrated(windows: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    """Return the probabilities of windows raised to a power, and normalised.

    Parameters
    ----------
    windows : float64 array, shape (windows, classes)
        Probabilities. Less than 0.0001 counts as 0.0001, unless nothing is to be changed.
    beta : float
        Power; 1 changes nothing.
    """
    if beta == 1:
        return windows
    return _powers(_logarithms(windows), beta)


def _logarithms(windows: NDArray[np.float64]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.log(np.maximum(windows, LEAST))
    return found


def _powers(logarithms: NDArray[np.float64], beta: float) -> NDArray[np.float64]:
    scaled = beta * logarithms
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    normalised: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return normalised


def calibrate(folds: Sequence[FoldAnswers], grouped: bool) -> Calibrated:
    """Find the power of each fold on the others, and that of the artefact on all.

    Fewer than 20 tracks have none: their answers stay as they are.

    Parameters
    ----------
    folds : sequence of FoldAnswers
        All folds of a protocol. Of a single one, each half gets the power of the other.
    grouped : bool
        Whether tracks of the same group as a tested one are left out as well.

    Returns
    -------
    Calibrated
        The folds in the same order.
    """
    joined = Predictions.concatenate([fold.predictions for fold in folds])
    losses = np.concatenate([_losses(fold) for fold in folds])
    tracks = np.unique(joined.tracks, return_inverse=True)[1]
    parts = np.repeat(np.arange(len(folds)), [len(fold.predictions) for fold in folds])
    parts, known = learnable(joined, parts, grouped)
    betas = [_best(losses[others], tracks[others]) for others in known]
    rows = np.array(betas)[parts]
    ends = np.cumsum([len(fold.predictions) for fold in folds])[:-1]
    return Calibrated(
        [_apply(fold, own) for fold, own in zip(folds, np.split(rows, ends), strict=True)],
        [[beta] for beta in betas] if len(folds) > 1 else [betas],
        _best(losses, tracks),
    )


def learnable(
    predictions: Predictions, folds: NDArray[np.int64], grouped: bool
) -> tuple[NDArray[np.int64], list[NDArray[np.bool_]]]:
    """Return the part of each row, and the rows that something for a part may be learnt from.

    Parameters
    ----------
    predictions : Predictions
        Out-of-fold predictions.
    folds : int64 array, shape (rows,)
        The fold of each row, from 0.
    grouped : bool
        Whether tracks of the same group as a tested one are left out as well.

    Returns
    -------
    parts : int64 array, shape (rows,)
        The folds; of a single one, its halves.
    known : list of bool arrays, each of shape (rows,)
        For each part, the rows of none of its tracks.
    """
    tracks = np.unique(predictions.tracks, return_inverse=True)[1]
    units, parts = (predictions.groups if grouped else tracks), folds
    if not folds.any():
        units = parts = _halves(predictions, tracks)
    return parts, [~np.isin(units, units[parts == part]) for part in np.unique(parts)]


def _halves(predictions: Predictions, tracks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the half of each row, 0 or 1, with about as many groups of each class in both.

    If a half has too few tracks so, groups are not kept together.
    """
    half = np.zeros(len(predictions), dtype=np.int64)
    for units in (predictions.groups, tracks):
        _, first, unit = np.unique(units, return_index=True, return_inverse=True)
        order = np.lexsort((first, predictions.labels[first]))
        half = (np.argsort(order) % 2)[unit]
        if np.bincount(half, minlength=2).min() >= _FEWEST:
            break
    return half


def _losses(fold: FoldAnswers) -> NDArray[np.float64]:
    """Return two log losses of each test track with each power, float64, shape (tracks, 2, powers).

    The first is that of its label, the second the mean of those of all classes.
    """
    count, labels = len(fold.predictions), fold.predictions.labels
    counts = fold.counts[:count]
    logarithms = _logarithms(fold.windows[: counts.sum()].astype(np.float64))
    begins = np.cumsum(counts) - counts
    found = np.empty((count, 2, len(_GRID)))
    for number, beta in enumerate(np.exp(_GRID)):
        powers = _powers(logarithms, beta)
        loss = -np.log(np.add.reduceat(powers, begins, axis=0) / counts[:, None])
        found[:, 0, number] = loss[np.arange(count), labels]
        found[:, 1, number] = loss.mean(axis=1)
    return found


def _best(losses: NDArray[np.float64], tracks: NDArray[np.int64]) -> float:
    """Return the power with the least loss, 1 if there are too few tracks."""
    if np.unique(tracks).size < _FEWEST:
        return 1.0
    # Platt's targets: of few tracks that are all right, certainty does not follow.
    share = 1 / (len(losses) + 2)
    total = ((1 - share) * losses[:, 0] + share * losses[:, 1]).mean(axis=0)
    if np.ptp(total) < _FLAT:
        return 1.0
    least = int(np.clip(total.argmin(), 1, len(_GRID) - 2))
    before, at, behind = total[least - 1 : least + 2]
    # The lowest point of the parabola through the three.
    step = 0.5 * (before - behind) / max(before - 2 * at + behind, _FLAT)
    return float(np.exp(_GRID[least] + np.clip(step, -1, 1) * (_GRID[1] - _GRID[0])))


def _apply(fold: FoldAnswers, betas: NDArray[np.float64]) -> FoldAnswers:
    """Return the fold with calibrated windows and their means; each test track has its power."""
    own, changed = fold.predictions, fold.changed
    of_track = dict(zip(own.tracks, betas.tolist(), strict=True))
    tracks = own.tracks + (changed.predictions.tracks if changed else ())
    parts = np.split(fold.windows.astype(np.float64), np.cumsum(fold.counts)[:-1])
    windows = [calibrated(part, of_track[name]) for part, name in zip(parts, tracks, strict=True)]
    own = _with_means(own, windows[: len(own)], of_track)
    if changed is not None:
        answers = _with_means(changed.predictions, windows[len(own) :], of_track)
        changed = ChangedPredictions(changed.changes, answers)
    joined = rounded(np.concatenate(windows), np.float32)
    return replace(fold, predictions=own, changed=changed, windows=joined)


def _with_means(
    predictions: Predictions,
    windows: Sequence[NDArray[np.float64]],
    betas: dict[str, float],
) -> Predictions:
    means = predictions.probabilities.copy()
    for row, (track, each) in enumerate(zip(predictions.tracks, windows, strict=True)):
        if len(each) and betas[track] != 1:
            means[row] = count_votes(each)[1]
    return replace(predictions, probabilities=means)
