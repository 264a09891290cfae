"""Choice of the recordings whose labels would help a model most.

They are chosen one after the other, so that together they stand for as much as possible of what
the model is unsure of: facility location, weighted by the squared uncertainty. The uncertainty is
one minus the margin, the difference between the two most probable classes. Sources: Wei, Iyer and
Bilmes, "Submodularity in data subset selection and active learning", ICML 2015; Zhdanov, "Diverse
mini-batch active learning", arXiv:1901.05954, for the weights.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from zoo.features.files import standardised

__all__ = ["margins", "most_useful", "represented"]

_CELLS = 1 << 24  # distances that are held, 64 MB; of more recordings the surest are not chosen
_LEAST = 1e-6  # weight of a recording that the model is sure of


def margins(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the difference between the two most probable classes, shape (recordings,).

    Parameters
    ----------
    probabilities : float64 array, shape (recordings, classes)
        At least two classes.
    """
    second, first = np.sort(probabilities, axis=1)[:, -2:].T
    difference: NDArray[np.float64] = first - second
    return difference


def most_useful(
    uncertainty: NDArray[np.float64],
    embeddings: NDArray[np.float64],
    groups: Sequence[str | None],
    labelled: NDArray[np.bool_],
    waiting: NDArray[np.bool_],
) -> Iterator[int]:
    """Yield recordings in the order in which their labels would help most.

    A group gives its next recording when every other group has given as many.

    Parameters
    ----------
    uncertainty : float64 array, shape (recordings,)
        That of the model, from 0 to 1.
    embeddings : float64 array, shape (recordings, columns)
        The nearer two are, the more the label of one says of the other.
    groups : sequence of str or None
        Group of each recording; None for one that is alone.
    labelled, waiting : bool array, shape (recordings,)
        Recordings that have a label, and those that were chosen before and will get one. They are
        not chosen. What a label already tells is in the uncertainty; what one will tell is not.
    """
    points = standardised(embeddings)
    given = Counter(groups[index] for index in np.flatnonzero(labelled | waiting).tolist())
    level = np.array([given[group] if group else 0 for group in groups])
    free = np.flatnonzero(~labelled & ~waiting)
    count = max(1, _CELLS // max(1, len(points)))
    candidates = free[np.argsort(-uncertainty[free], kind="stable")][:count]
    apart = _distances(points, points[candidates])
    nearest = np.full(len(points), apart.max(initial=0.0), np.float32)
    for point in points[waiting]:
        nearest = np.minimum(nearest, _distances(points, point[None])[:, 0])
    weights = np.where(labelled, 0, np.square(uncertainty) + _LEAST).astype(np.float32)
    is_left = np.ones(len(candidates), bool)
    while is_left.any():
        own = level[candidates]
        places = np.flatnonzero(is_left & (own == own[is_left].min()))
        gains = weights @ np.maximum(nearest[:, None] - apart[:, places], 0)
        place = int(places[gains.argmax()])
        index = int(candidates[place])
        yield index
        is_left[place] = False
        nearest = np.minimum(nearest, apart[:, place])
        if groups[index]:
            level += np.array([group == groups[index] for group in groups])


def represented(
    embeddings: NDArray[np.float64], chosen: Sequence[int], labelled: NDArray[np.bool_]
) -> list[int]:
    """Return how many recordings each chosen one stands for.

    Parameters
    ----------
    embeddings : float64 array, shape (recordings, columns)
        As for `most_useful`.
    chosen : sequence of int
        Places of recordings.
    labelled : bool array, shape (recordings,)
        As for `most_useful`.

    Returns
    -------
    list of int
        For each chosen recording the others without a label that are nearest to it.
    """
    points = standardised(embeddings)
    is_other = ~labelled
    is_other[list(chosen)] = False
    owner = _distances(points[is_other], points[list(chosen)]).argmin(axis=1)
    counts: list[int] = np.bincount(owner, minlength=len(chosen)).tolist()
    return counts


def _distances(points: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the Euclidean distances, shape (points, others)."""
    squares = np.square(points).sum(axis=1)[:, None] + np.square(others).sum(axis=1)
    distances: NDArray[np.float32] = np.sqrt(np.maximum(squares - 2 * points @ others.T, 0))
    return distances
