"""Training copies: recordings as they could have arrived, which a model of vectors also learns.

Each track gets two: one under white noise of a random level and without what is above a random
frequency, and an excerpt of a random length. Encoders, which average over patches, get the first
alone. The same waveform gives the same copies.
"""

import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoo.audio.changes import Change
from zoo.audio.decode import resample
from zoo.datasets import Dataset, FeatureTable
from zoo.features.arrays import Arrays
from zoo.features.changed import changed_arrays, extract_changed
from zoo_registry.errors import AudioError
from zoo_registry.frontend import has_network
from zoo_registry.model import Model

if TYPE_CHECKING:
    from collections.abc import Iterable

    from zoo.execution.engine import Engine
    from zoo.execution.progress import Reporter
    from zoo.features.changed import Pair

__all__ = ["VERSION", "extract_copies", "has_copies", "with_copies"]

VERSION = 3  # must be raised whenever other copies are made, or of other tracks
_MOST = 3_000  # copies of a dataset, since the time of an SVM grows with the square of the rows
_FEWEST = 20  # tracks, as for robustness
_CUT = (3_500.0, 11_025.0)  # Hz
_NOISE = (10.0, 45.0)  # dB below the recording
_SHARE = (0.1, 0.4)  # of the length
_SHORTEST = 2.0  # seconds


def _noisy(audio: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float32], int]:
    rng = np.random.default_rng(zlib.crc32(audio.tobytes()))
    target = round(2 * np.exp(rng.uniform(*np.log(_CUT))))
    if target < rate:
        audio = resample(resample(audio, rate, target), target, rate)
    # Without noise, narrow copies would teach that music with little treble is of any class.
    level = 10 ** (-rng.uniform(*_NOISE) / 20) * np.sqrt(np.mean(np.square(audio, dtype=float)))
    return audio + np.float32(level) * rng.standard_normal(audio.size, np.float32), rate


def _excerpt(audio: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float32], int]:
    rng = np.random.default_rng(zlib.crc32(audio.tobytes()))
    share = np.exp(rng.uniform(*np.log(_SHARE)))
    size = max(round(audio.size * share), round(_SHORTEST * rate))
    begin = rng.integers(0, max(1, audio.size - size + 1))
    return audio[begin : begin + size], rate


_COPIES = (
    Change("noisy-copy", "of narrow band, under white noise", VERSION, _noisy),
    Change("short-copy", "an excerpt", VERSION, _excerpt),
)


def has_copies(model: Model, dataset: Dataset) -> bool:
    """Return whether a model learns copies of the recordings of a dataset, too."""
    # If some tracks have no recording, only the others would be narrow and noisy.
    lacks = isinstance(dataset, FeatureTable) or dataset.is_averaged
    return model.card.frontend.layout == "vectors" and not lacks and len(dataset) >= _FEWEST


def _pairs(dataset: Dataset, model: Model) -> "list[Pair]":
    """Return the copies of all tracks, or of some, evenly spread."""
    copies = _COPIES[:1] if has_network(model.card.frontend) else _COPIES
    count = min(len(dataset), _MOST // len(copies))
    indices = np.linspace(0, len(dataset) - 1, count).astype(int)
    return [(int(index), copy) for copy in copies for index in indices]


def extract_copies(dataset: Dataset, model: Model, engine: "Engine", reporter: "Reporter") -> None:
    """Compute the arrays of all copies that are not in the cache.

    Parameters
    ----------
    dataset : Dataset
        Recordings, which have been extracted.
    model : Model
        The model whose front end is applied.
    engine : Engine
        Engine that does the work.
    reporter : Reporter
        Receiver of the progress.
    """
    if has_copies(model, dataset):
        pairs = _pairs(dataset, model)
        extract_changed(dataset, model, pairs, engine, reporter, "training copies")


def with_copies(
    arrays: Arrays, dataset: Dataset, model: Model, indices: NDArray[np.int64]
) -> tuple[Arrays, NDArray[np.int64]]:
    """Return the arrays of tracks and of their copies, and the index of the track of each.

    A copy that has no array, because the front end does not take it, is left out.

    Parameters
    ----------
    arrays : Arrays
        Arrays of the tracks.
    dataset : Dataset
        The dataset of the indices.
    model : Model
        The model whose front end is applied.
    indices : int64 array, shape (tracks,)
        The tracks.
    """
    if not has_copies(model, dataset):
        return arrays, indices
    seen = set(indices.tolist())
    pairs = [pair for pair in _pairs(dataset, model) if pair[0] in seen]
    try:
        copies = changed_arrays(dataset, model, pairs)
    except AudioError:
        pairs = list(_usable(dataset, model, pairs))
        copies = changed_arrays(dataset, model, pairs)
    tracks = np.array([index for index, _ in pairs], np.int64)
    return Arrays.joined([arrays, copies]), np.concatenate([indices, tracks])


def _usable(dataset: Dataset, model: Model, pairs: "Iterable[Pair]") -> "Iterable[Pair]":
    for pair in pairs:
        try:
            changed_arrays(dataset, model, [pair])
        except AudioError:
            continue
        yield pair
