"""Metrics that are means over the classes, and what each tested track gives to them.

There are two ways to share such a metric among the tracks. For intervals each track has its
influence: how much the metric moves if the track counts more. For tests each class has its figure
shared among its own tracks, which leaves nothing out if all tracks of a class are right, or wrong.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.vote import vote_winners
from zoo_registry.predictions import Predictions

__all__ = ["ByClass", "areas", "f1s", "influences", "missing_variance", "recalls", "shares"]

Values: TypeAlias = NDArray[np.float64]


class Parts(NamedTuple):
    """What a metric is made of.

    Attributes
    ----------
    figures : float64 array, shape (classes,)
        Figure of each class; NaN for one that does not count.
    influence : float64 array, shape (rows,)
        Influence of each track on the mean of the figures; the sum is 0.
    share : float64 array, shape (rows,)
        Share of each track in the mean of the figures, which is the sum.
    own : float64 array, shape (rows,)
        What each track gives to the figure of its class, from 0 to 1.
    """

    figures: Values
    influence: Values
    share: Values
    own: Values


ByClass: TypeAlias = Callable[[Predictions, Values], Parts]
"""Takes predictions, and a factor of the influence on the figure of each class."""


def recalls(predictions: Predictions, factors: Values) -> Parts:
    """Share of the tracks of each class that is right.

    Parameters
    ----------
    predictions : Predictions
        For tracks of real classes.
    factors : float64 array, shape (classes,)
        Factor of the influence on the figure of each class.

    Returns
    -------
    Parts
        Figures, and what each track gives to them.
    """
    labels, classes = predictions.labels, len(predictions.classes)
    right = (vote_winners(predictions.votes, predictions.probabilities) == labels).astype(float)
    tracks = np.bincount(labels, minlength=classes)
    recall = np.bincount(labels, right, classes) / np.maximum(tracks, 1)
    each = 1 / np.maximum(tracks, 1) / np.count_nonzero(tracks)
    influence = (factors * each)[labels] * (right - recall[labels])
    figures = np.where(tracks > 0, recall, np.nan)
    return Parts(figures, influence, right * each[labels], right)


def f1s(predictions: Predictions, factors: Values) -> Parts:
    """F1 of each class; van Rijsbergen 1979, Information Retrieval, chapter 7.

    Parameters
    ----------
    predictions, factors : Predictions, float64 array
        As for `recalls`.

    Returns
    -------
    Parts
        Figures, and what each track gives to them.
    """
    labels, classes, real = predictions.labels, len(predictions.classes), predictions.real
    winners = vote_winners(predictions.votes, predictions.probabilities)
    right = (winners == labels).astype(np.float64)
    hits, taken = np.bincount(labels, right, classes), np.bincount(winners, minlength=classes)
    total = np.maximum(np.bincount(labels, minlength=classes) + taken, 1)
    f1 = 2 * hits / total
    each, figures = np.zeros(classes), np.full(classes, np.nan)
    figures[real], each[real] = f1[real], 1 / len(real) / total[real]
    weight = factors * each
    influence = 2 * right * weight[labels]
    influence = influence - f1[labels] * weight[labels] - f1[winners] * weight[winners]
    # A wrong track takes from the class that it is taken for, and the right ones give back as much
    # as keeps the sum.
    gain = 2 * each * (1 + (taken - hits) / total)
    share = right * gain[labels] - (1 - right) * (f1 * each)[winners]
    return Parts(figures, influence, share, right)


def areas(predictions: Predictions, factors: Values) -> Parts:
    """Area under the ROC curve of each class against the rest.

    The influence of a track is that of DeLong, DeLong & Clarke-Pearson 1988, doi:10.2307/2531595.

    Parameters
    ----------
    predictions, factors : Predictions, float64 array
        As for `recalls`.

    Returns
    -------
    Parts
        Figures, and what each track gives to them.
    """
    labels, count = predictions.labels, len(predictions)
    figures, influence, of_own = np.full(len(factors), np.nan), np.zeros(count), np.zeros(count)
    for number in predictions.real:
        own, scores = labels == number, predictions.probabilities[:, number]
        positives = int(own.sum())
        if not 0 < positives < count:
            continue
        above = np.empty(count)  # share of the other kind that is on the right side of a track
        above[own] = of_own[own] = _share_below(scores[own], scores[~own])
        above[~own] = 1 - _share_below(scores[~own], scores[own])
        figures[number] = area = above[own].mean()
        weight = np.where(own, factors[number] / positives, 1 / (count - positives))
        influence += (above - area) * weight
    tested = np.isfinite(figures)
    influence /= max(1, tested.sum())
    tracks = np.bincount(labels, minlength=len(figures))
    share = influence + (figures / np.maximum(tracks, 1) / max(1, tested.sum()))[labels]
    return Parts(figures, influence, share, of_own)


def _share_below(scores: Values, others: Values) -> Values:
    """Return the share of the others below each score, where equal ones count half."""
    others = np.sort(others)
    below = np.searchsorted(others, scores) + np.searchsorted(others, scores, side="right")
    share: Values = below / (2 * len(others))
    return share


def influences(metric: ByClass, predictions: Predictions) -> Values:
    """Return one value per track, whose mean is the metric: for intervals, float64, shape (rows,).

    The figure of a class is the mean of its own tracks, which therefore seem less spread than they
    are: of m groups by the factor (m - 1) / m of the variance (Bessel's correction).

    Parameters
    ----------
    metric : callable
        One of `recalls`, `f1s` and `areas`.
    predictions : Predictions
        For tracks of real classes.
    """
    found = _parts(metric, _Held(predictions))
    return _mean(found.figures) + found.influence * len(predictions)


def shares(metric: ByClass, predictions: Predictions) -> Values:
    """Return one value per track, whose mean is the metric: for tests, float64, shape (rows,).

    Parameters
    ----------
    metric, predictions : callable, Predictions
        As for `influences`.
    """
    return metric(predictions, np.ones(len(predictions.classes))).share * len(predictions)


def missing_variance(metric: ByClass, predictions: Predictions) -> float:
    """Return the variance of the metric that classes have whose tracks are all alike.

    If all tracks of a class are right, or wrong, they seem to have none. So it is that of a class
    with one more group right and one more wrong (Agresti & Coull 1998,
    doi:10.1080/00031305.1998.10480550).

    Parameters
    ----------
    metric, predictions : callable, Predictions
        As for `influences`.
    """
    labels, groups = predictions.labels, _groups(predictions)
    found = _parts(metric, _Held(predictions))
    least, most = np.full(len(groups), np.inf), np.full(len(groups), -np.inf)
    np.minimum.at(least, labels, found.own)
    np.maximum.at(most, labels, found.own)
    share = (np.where(most == least, most, 0.5) * groups + 1) / (groups + 2)
    variance = np.where(most == least, share * (1 - share) / (groups + 2), 0.0)
    return float(variance.sum() / max(1, np.isfinite(found.figures).sum()) ** 2)


class _Held:
    """Predictions that are equal to themselves only, and so can be looked up."""

    def __init__(self, predictions: Predictions) -> None:
        self.predictions = predictions

    def __hash__(self) -> int:
        return id(self.predictions)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.predictions is self.predictions


@lru_cache(maxsize=1)  # an interval needs them twice
def _parts(metric: ByClass, held: _Held) -> Parts:
    groups = _groups(held.predictions)
    return metric(held.predictions, np.sqrt(groups / np.maximum(groups - 1, 1)))


def _mean(figures: Values) -> float:
    known = figures[np.isfinite(figures)]
    return float(known.mean()) if len(known) else np.nan


def _groups(predictions: Predictions) -> Values:
    """Return the number of groups of each class, shape (classes,)."""
    classes = len(predictions.classes)
    return _counted(predictions.labels.tobytes(), predictions.groups.tobytes(), classes)


@lru_cache(maxsize=8)  # the runs of a board have the same tracks
def _counted(labels: bytes, groups: bytes, classes: int) -> Values:
    _, group = np.unique(np.frombuffer(groups, np.int64), return_inverse=True)
    size = max(1, len(group))
    of_class = np.unique(np.frombuffer(labels, np.int64) * size + group) // size
    return np.bincount(of_class, minlength=classes).astype(np.float64)
