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

from zoo.evaluate.vote import is_right, vote_winners
from zoo_registry.predictions import Predictions

__all__ = ["ByClass", "Measured", "areas", "f1s", "measured", "recalls"]

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


class Measured(NamedTuple):
    """What the tested tracks give to a metric.

    Attributes
    ----------
    values, tested : float64 array, shape (rows,)
        One value per track for intervals, and one for tests; the mean of each is the metric.
    missing : float
        Variance of the metric that its values do not have.
    """

    values: Values
    tested: Values
    missing: float = 0.0


ByClass: TypeAlias = Callable[[Predictions], Parts]


def recalls(predictions: Predictions) -> Parts:
    """Share of the tracks of each class that is right.

    Parameters
    ----------
    predictions : Predictions
        For tracks of real classes.

    Returns
    -------
    Parts
        Figures, and what each track gives to them.
    """
    labels, classes = predictions.labels, len(predictions.classes)
    right = is_right(predictions).astype(np.float64)
    tracks = np.bincount(labels, minlength=classes)
    recall = np.bincount(labels, right, classes) / np.maximum(tracks, 1)
    each = 1 / np.maximum(tracks, 1) / np.count_nonzero(tracks)
    influence = (_factors(predictions) * each)[labels] * (right - recall[labels])
    figures = np.where(tracks > 0, recall, np.nan)
    return Parts(figures, influence, right * each[labels], right)


def f1s(predictions: Predictions) -> Parts:
    """F1 of each class; van Rijsbergen 1979, Information Retrieval, chapter 7.

    Parameters
    ----------
    predictions : Predictions
        For tracks of real classes.

    Returns
    -------
    Parts
        Figures, and what each track gives to them.
    """
    labels, classes, real = predictions.labels, len(predictions.classes), predictions.real
    winners = vote_winners(predictions.votes, predictions.probabilities)
    right = is_right(predictions).astype(np.float64)
    hits, taken = np.bincount(labels, right, classes), np.bincount(winners, minlength=classes)
    total = np.maximum(np.bincount(labels, minlength=classes) + taken, 1)
    f1 = 2 * hits / total
    each, figures = np.zeros(classes), np.full(classes, np.nan)
    figures[real], each[real] = f1[real], 1 / len(real) / total[real]
    weight = _factors(predictions) * each
    influence = 2 * right * weight[labels]
    influence = influence - f1[labels] * weight[labels] - f1[winners] * weight[winners]
    # A wrong track takes from the class that it is taken for, and the right ones give back as much
    # as keeps the sum.
    gain = 2 * each * (1 + (taken - hits) / total)
    share = right * gain[labels] - (1 - right) * (f1 * each)[winners]
    return Parts(figures, influence, share, right)


def areas(predictions: Predictions) -> Parts:
    """Area under the ROC curve of each class against the rest.

    The influence of a track is that of DeLong, DeLong & Clarke-Pearson 1988, doi:10.2307/2531595.

    Parameters
    ----------
    predictions : Predictions
        For tracks of real classes.

    Returns
    -------
    Parts
        Figures, and what each track gives to them.
    """
    labels, count, factors = predictions.labels, len(predictions), _factors(predictions)
    figures = np.full(len(factors), np.nan)
    influence, share, of_own = np.zeros((3, count))
    for number in predictions.real:
        own, scores = labels == number, predictions.probabilities[:, number]
        positives = int(own.sum())
        if not 0 < positives < count:
            continue
        above = np.empty(count)  # share of the other kind that is on the right side of a track
        above[own] = of_own[own] = _share_below(scores[own], scores[~own])
        above[~own] = 1 - _share_below(scores[~own], scores[own])
        figures[number] = area = above[own].mean()
        moved = (above - area) / np.where(own, positives, count - positives)
        influence += np.where(own, factors[number], 1) * moved
        share += moved + own * area / positives
    tested = max(1, np.isfinite(figures).sum())
    return Parts(figures, influence / tested, share / tested, of_own)


def _share_below(scores: Values, others: Values) -> Values:
    """Return the share of the others below each score, where equal ones count half."""
    others = np.sort(others)
    below = np.searchsorted(others, scores) + np.searchsorted(others, scores, side="right")
    share: Values = below / (2 * len(others))
    return share


def measured(metric: ByClass, predictions: Predictions) -> Measured:
    """Return what the tested tracks give to the mean of a figure over the classes.

    The figure of a class is the mean of its own tracks, which therefore seem less spread than they
    are: of m groups by the factor (m - 1) / m of the variance (Bessel's correction). If all tracks
    of a class are right, or all wrong, they seem to have no variance. So it is that of a class with
    one more group right and one more wrong (Agresti & Coull 1998,
    doi:10.1080/00031305.1998.10480550).

    Parameters
    ----------
    metric : callable
        One of `recalls`, `f1s` and `areas`.
    predictions : Predictions
        For tracks of real classes.

    Returns
    -------
    Measured
        NaN in every value if no class counts.
    """
    labels, groups, found = predictions.labels, _groups(predictions), metric(predictions)
    known = found.figures[np.isfinite(found.figures)]
    if not len(known):
        nothing = np.full(len(labels), np.nan)
        return Measured(nothing, nothing)
    least, most = np.full(len(groups), np.inf), np.full(len(groups), -np.inf)
    np.minimum.at(least, labels, found.own)
    np.maximum.at(most, labels, found.own)
    share = (np.where(most == least, most, 0.5) * groups + 1) / (groups + 2)
    missing = np.where(most == least, share * (1 - share) / (groups + 2), 0.0).sum()
    values = known.mean() + found.influence * len(labels)
    return Measured(values, found.share * len(labels), float(missing / len(known) ** 2))


def _factors(predictions: Predictions) -> Values:
    """Return the factors of Bessel's correction of the influence on each class."""
    groups = _groups(predictions)
    factors: Values = np.sqrt(groups / np.maximum(groups - 1, 1))
    return factors


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
