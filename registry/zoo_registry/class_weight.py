"""Parameter of a model that lets every class count alike in its training, and the weights."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CLASS_WEIGHT", "NAME", "ClassWeight", "balanced_weights"]

NAME = "class_weight"


class ClassWeight(StrEnum):
    """Values of the parameter `class_weight`."""

    NONE = "none"
    BALANCED = "balanced"


CLASS_WEIGHT: Mapping[str, ClassWeight] = MappingProxyType({NAME: ClassWeight.NONE})
"""Parameter `class_weight` with its default, for the `params` of a card.

With ``class_weight=balanced`` the `train` hook of the model gets a `sample_weight`; those of
`classical` and `keras_model` use it. The default is in no run: a model that comes to have the
parameter finds its earlier runs.
"""


def balanced_weights(
    labels: "NDArray[np.int64]", sizes: Sequence[int] | None = None
) -> "NDArray[np.float64]":
    """Return the weight of each track with which every class counts alike.

    It is n / (classes * count), as in scikit-learn. What is counted is what a model is fitted to:
    the rows of all tracks if `sizes` is given, since long tracks have more of them, otherwise
    tracks. Their mean weight is one.

    Parameters
    ----------
    labels : int64 array, shape (tracks,)
        Class of each track; classes without a track do not count.
    sizes : sequence of int, optional
        Number of rows of each track, each of which gets the weight of its track.

    Returns
    -------
    float64 array, shape (tracks,)
        Weights.

    Examples
    --------
    >>> import numpy as np
    >>> balanced_weights(np.array([0, 0, 0, 1])).round(2).tolist()
    [0.67, 0.67, 0.67, 2.0]
    >>> balanced_weights(np.array([0, 0, 0, 1]), sizes=[1, 1, 1, 3]).tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    import numpy as np

    counts = np.bincount(labels, None if sizes is None else np.asarray(sizes, np.float64))
    weights: NDArray[np.float64] = counts.sum() / (np.count_nonzero(counts) * counts[labels])
    return weights
