"""Arrays that models are trained on: front-end arrays in the cache, or rows of a feature table."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, overload

from zoo.datasets import Dataset, FeatureTable, Track
from zoo.features.cache import FeatureCache
from zoo_registry.errors import StorageError, UsageError
from zoo_registry.frontend import identity
from zoo_registry.model import Model
from zoo_registry.record import TABLE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Arrays", "averaged", "cached_arrays", "frontend_of", "identity_of", "rows_of"]


class Arrays(Sequence["NDArray[np.float32]"]):
    """Arrays that are read when they are used, so that memory does not grow with the data.

    Parameters
    ----------
    loaders : sequence of callables
        Each returns one array, float32, shape (rows, columns).
    """

    def __init__(self, loaders: "Sequence[Callable[[], NDArray[np.float32]]]") -> None:
        self.loaders = loaders

    def __len__(self) -> int:
        return len(self.loaders)

    @overload
    def __getitem__(self, index: int) -> "NDArray[np.float32]": ...
    @overload
    def __getitem__(self, index: slice) -> "Arrays": ...
    def __getitem__(self, index: int | slice) -> "NDArray[np.float32] | Arrays":
        if isinstance(index, slice):
            return Arrays(self.loaders[index])
        return self.loaders[index]()

    @classmethod
    def joined(cls, parts: "Iterable[Arrays]") -> "Arrays":
        """Return the arrays of all parts, one part after the other."""
        return cls([load for part in parts for load in part.loaders])

    def take(self, indices: "Iterable[int]") -> "Arrays":
        """Return some of the arrays, in the order of `indices`."""
        return Arrays([self.loaders[index] for index in indices])


def frontend_of(model: Model, dataset: Dataset) -> dict[str, Any]:
    """Return the identity of the arrays that a model gets from a dataset.

    Parameters
    ----------
    model : Model
        The model, whose `preprocess` hook, if it has one, is part of the identity.
    dataset : Dataset
        Recordings, or a feature table, whose column names are the identity.

    Returns
    -------
    dict
        JSON values; equal for equal arrays.

    Raises
    ------
    UsageError
        If the dataset is a feature table and the model needs audio.
    """
    card = model.card
    if isinstance(dataset, FeatureTable):
        if card.frontend.layout != "vectors" or model.overrides_preprocess:
            raise UsageError(
                f"{card.name} works on audio ({card.frontend.name}), and {dataset.source} is a "
                "table with one row of features per track; give the folder of the recordings"
            )
        return {"name": TABLE, "version": 1, "columns": list(dataset.feature_names)}
    return identity_of(model)


def identity_of(model: Model) -> dict[str, Any]:
    """Return the identity of the arrays that a model gets from recordings, as JSON values."""
    card = model.card
    described = identity(card.frontend)
    given = model.source.frontend
    if given and given.is_file:  # its author need not raise the version at every change
        described["file"] = given.version
    if model.overrides_preprocess:
        described["preprocess"] = [card.name, model.source.distribution, model.source.version]
    return described


def rows_of(table: FeatureTable) -> Arrays:
    """Return the rows of a feature table, each as an array of shape (1, columns)."""
    import numpy as np

    return Arrays([partial(np.asarray, row[None]) for row in table.features])


def averaged(arrays: Arrays, dataset: Dataset) -> Arrays:
    """Return the arrays of recordings as the other tracks of their dataset are: one row per track.

    If some tracks have no recording, but the mean of their rows, a model that got all rows of the
    others would tell windows from means, and not sounds.

    Parameters
    ----------
    arrays : Arrays
        Arrays of some tracks.
    dataset : Dataset
        The dataset that the model is trained on.
    """
    kept = next((track.embedded for track in dataset.tracks if track.embedded), None)
    if kept is None:
        return arrays
    return Arrays([partial(_mean, load, kept.row.dtype) for load in arrays.loaders])


def _mean(load: "Callable[[], NDArray[np.float32]]", precision: "np.dtype[Any]") -> Any:
    import numpy as np

    row = load().mean(axis=0, keepdims=True, dtype=np.float64)
    return row.astype(precision).astype(np.float32)


def cached_arrays(cache: FeatureCache, tracks: Iterable[Track]) -> Arrays:
    """Return the arrays of tracks that are in a cache, or have one in the place of a recording."""
    return Arrays([partial(_load, cache, track) for track in tracks])


def _load(cache: FeatureCache, track: Track) -> "NDArray[np.float32]":
    if track.embedded:
        return track.embedded.row.astype("float32")
    try:
        return cache.load(track.digest)
    except FileNotFoundError as error:
        raise StorageError(
            f"the array of {track.id} is gone from {cache.folder}; the same command computes it "
            "again",
            error.strerror,
        ) from error
