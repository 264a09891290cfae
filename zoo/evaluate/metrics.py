"""Metrics of one run, computed from its out-of-fold predictions, and the baseline of its tracks.

Each metric is the mean of one value per tested track. For a share of tracks that is whether the
track is right; otherwise it is the metric plus the influence of the track on it, as of the
infinitesimal jackknife (Efron & Stein 1981, doi:10.1214/aos/1176345462). So the same resamples of
tracks, or of groups of them, make the intervals and tests of all metrics.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.board import metric_key
from zoo.evaluate.by_class import Measured, areas, f1s, measured, recalls
from zoo.evaluate.reliability import bin_of
from zoo.evaluate.vote import is_right, mean_winners, vote_winners
from zoo_registry.predictions import Predictions

__all__ = [
    "ACCURACY",
    "METRICS",
    "ClassScores",
    "Metric",
    "Scores",
    "baseline",
    "class_scores",
    "confusion",
    "f1_scores",
    "score",
]

Values = NDArray[np.float64]

_TOP = 3


@dataclass(frozen=True)
class Metric:
    """A figure that says how good a model is.

    Attributes
    ----------
    name : str
        Name on the command line; one of `zoo.evaluate.board.TITLES`.
    measure : callable
        Returns what each row of predictions for tracks of real classes gives to the metric; NaN
        where the metric is not defined.
    is_loss : bool
        Whether less is better.
    is_share : bool
        Whether it is a share of tracks.
    most : float
        Its greatest value.
    """

    name: str
    measure: Callable[[Predictions], Measured]
    is_loss: bool = False
    is_share: bool = False
    most: float = 1.0

    @property
    def key(self) -> str:
        """Name in JSON, and of the attribute of a row."""
        return metric_key(self.name)

    def ascending(self, scores: Values) -> Values:
        """Return scores of which more is better, float64, of the same shape.

        Parameters
        ----------
        scores : float64 array
            Values of this metric.
        """
        return -scores if self.is_loss else scores


def _by_track(values: Callable[[Predictions], Values]) -> Callable[[Predictions], Measured]:
    """Return how a metric is measured that is the mean of such values."""

    def measure(predictions: Predictions) -> Measured:
        found = values(predictions)
        return Measured(found, found)

    return measure


def _accuracy(predictions: Predictions) -> Values:
    return is_right(predictions).astype(np.float64)


def _log_loss(predictions: Predictions) -> Values:
    """Mean of -log(probability of the right class); Good 1952, "Rational decisions"."""
    right = predictions.probabilities[np.arange(len(predictions)), predictions.labels]
    # As in scikit-learn, a probability of 0 is no infinite loss.
    values: Values = -np.log(right.clip(np.finfo(np.float64).eps, 1))
    return values


def _top(predictions: Predictions) -> Values:
    """Share of tracks whose class is among the three most probable ones."""
    if len(predictions.real) <= _TOP:
        return np.full(len(predictions), np.nan)
    best = np.argsort(-predictions.probabilities, axis=1, kind="stable")[:, :_TOP]
    values: Values = (best == predictions.labels[:, None]).any(axis=1).astype(np.float64)
    return values


def _calibration_error(predictions: Predictions) -> Values:
    """Mean difference of accuracy and confidence in bins; see `zoo.evaluate.reliability`."""
    confidence = predictions.probabilities.max(axis=1)
    ahead = (mean_winners(predictions.probabilities) == predictions.labels) - confidence
    place = bin_of(confidence)
    values: Values = np.sign(np.bincount(place, ahead))[place] * ahead
    return values


ACCURACY = Metric("accuracy", _by_track(_accuracy), is_share=True)
METRICS = {
    metric.name: metric
    for metric in (
        ACCURACY,
        Metric("balanced-accuracy", partial(measured, recalls)),
        Metric("macro-f1", partial(measured, f1s)),
        Metric("roc-auc", partial(measured, areas)),
        Metric("log-loss", _by_track(_log_loss), is_loss=True, most=np.inf),
        Metric("top3", _by_track(_top), is_share=True),
        Metric("calibration-error", _by_track(_calibration_error), is_loss=True),
    )
}
"""The metrics of a board, by name."""


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
    labels, folds, right = predictions.labels, predictions.folds, is_right(predictions)
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
class ClassScores:
    """Scores of one class, by majority vote.

    Attributes
    ----------
    name : str
        Name of the class.
    tracks : int
        Number of its tested tracks; each test of a repeated split counts.
    precision, recall, f1 : float or None
        Share of the tracks taken for the class that are of it, share of its tracks that are
        taken for it, and their harmonic mean; None where there are no such tracks.
    """

    name: str
    tracks: int
    precision: float | None
    recall: float | None
    f1: float | None


def class_scores(predictions: Predictions) -> list[ClassScores]:
    """Return the scores of each real class, in the order of the classes."""
    counts = confusion(predictions)
    right, tracks, taken = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    f1 = f1_scores(counts)
    return [
        ClassScores(
            predictions.classes[number],
            int(tracks[number]),
            float(right[number] / taken[number]) if taken[number] else None,
            float(right[number] / tracks[number]) if tracks[number] else None,
            float(f1[number]) if tracks[number] or taken[number] else None,
        )
        for number in predictions.real
    ]


def baseline(predictions: Predictions) -> dict[str, Any]:
    """Return what can be reached without hearing anything.

    Parameters
    ----------
    predictions : Predictions
        Any run's, of which only the labels count.

    Returns
    -------
    dict
        "most_frequent": its ``label``, and the metrics of always answering it; "stratified": the
        expected metrics of a guess that draws classes by their shares, and of their shares as
        probabilities. None where a metric is of no use.
    """
    labels = predictions.scored.labels
    shares = np.bincount(labels, minlength=len(predictions.classes)) / len(labels)
    label, most = int(shares.argmax()), float(shares.max())
    shares = shares[shares > 0]
    each, real = 1 / len(shares), len(predictions.real)
    always = {"accuracy": most, "balanced_accuracy": each, "macro_f1": 2 * most / (1 + most) / real}
    loss = float(-(shares * np.log(shares)).sum())
    guess = {"accuracy": float((shares**2).sum()), "balanced_accuracy": each}
    guess["macro_f1"] = 1 / real
    return {
        "most_frequent": {"label": predictions.classes[label], **always, "roc_auc": 0.5},
        "stratified": {**guess, "roc_auc": 0.5, "log_loss": loss},
    }
