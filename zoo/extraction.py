"""Front-end arrays of all tracks of a dataset: from the cache, or computed in parallel."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from zoo.audio.cache import FeatureCache
from zoo.datasets import Dataset, Track
from zoo.progress import Reporter
from zoo.workers import alone, in_workers
from zoo.workspace import cache_folder
from zoo_registry.card import identity
from zoo_registry.errors import AudioError, DatasetError, StorageError, UsageError
from zoo_registry.model import Model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Arrays", "Extraction", "describe_frontend", "extract"]

# Below this many tracks, starting workers takes longer than the work.
_WORTH_WORKERS = 8


class Arrays(Sequence["NDArray[np.float32]"]):
    """Arrays that are read when they are asked for, so that memory does not grow with the data.

    Parameters
    ----------
    load : sequence of callables
        Each returns one array.
    """

    def __init__(self, load: "Sequence[Callable[[], NDArray[np.float32]]]") -> None:
        self._load = load

    def __len__(self) -> int:
        return len(self._load)

    @overload
    def __getitem__(self, index: int) -> "NDArray[np.float32]": ...
    @overload
    def __getitem__(self, index: slice) -> "Arrays": ...
    def __getitem__(self, index: int | slice) -> "NDArray[np.float32] | Arrays":
        if isinstance(index, slice):
            return Arrays(self._load[index])
        return self._load[index]()

    def take(self, indices: "Iterable[int]") -> "Arrays":
        """Return some of the arrays, in the order of `indices`."""
        return Arrays([self._load[index] for index in indices])


@dataclass(frozen=True)
class Extraction:
    """What a model is trained on.

    Attributes
    ----------
    dataset : Dataset
        The tracks that could be read.
    arrays : Arrays
        One a track of `dataset`, each of shape (rows, columns), read-only.
    skipped : list of dict
        ``track, reason`` of the others.
    effort : dict
        ``tracks`` that were described because they were not in the cache, and what that took in
        all workers, ``decode_seconds`` and ``frontend_seconds``; empty for a table of features.
    """

    dataset: Dataset
    arrays: "Arrays"
    skipped: list[dict[str, str]]
    effort: dict[str, float]


def describe_frontend(model: Model, dataset: Dataset) -> dict[str, Any]:
    """Return the identity of the arrays that `model` gets of `dataset`.

    Raises
    ------
    UsageError
        If the dataset is a feature table and the model wants something else.
    """
    card = model.card
    if dataset.features is not None:
        if card.frontend.layout != "vectors" or model.overrides_preprocess:
            raise UsageError(
                f"{card.name} works on audio ({card.frontend.name}), and {dataset.source} is a "
                "table with one row of features a track; give the folder of the recordings"
            )
        return {"name": "table", "version": 1, "columns": list(dataset.feature_names)}
    described = identity(card.frontend)
    if model.overrides_preprocess:
        described["preprocess"] = [card.name, model.source.distribution, model.source.version]
    return described


def extract(
    dataset: Dataset, model: Model, jobs: int | None = None, reporter: Reporter | None = None
) -> Extraction:
    """Compute what is not in the cache, and return the arrays of all tracks.

    Parameters
    ----------
    dataset : Dataset
    model : Model
    jobs : int, optional
        Processes; all cores by default.
    reporter : Reporter, optional

    Raises
    ------
    UsageError
        If model and dataset do not fit.
    DatasetError
        If no track can be read.
    """
    import numpy as np

    described = describe_frontend(model, dataset)
    if dataset.features is not None:
        rows = [partial(np.asarray, row[None]) for row in dataset.features]
        return Extraction(dataset, Arrays(rows), [], {})
    cache = FeatureCache(cache_folder() / "features", described)
    wanted = [track for track in dataset.tracks if cache.get(track.digest) is None]
    described_now = _compute(wanted, model, cache, jobs, reporter or Reporter())
    reasons = {item.track: item.reason for item in described_now if item.reason is not None}
    for track in wanted:
        if track.id not in reasons and not cache.path(track.digest).is_file():
            raise StorageError(
                f"the array of {track.id} did not stay in the cache {cache.folder}; "
                "check that the disk is writable and has room",
                "it is gone",
            )
    if len(reasons) == len(dataset):
        raise DatasetError(
            f"no track of {dataset.source} could be used; the first: {min(reasons.items())[1]}"
        )
    usable = dataset.without(set(reasons))
    arrays = Arrays([partial(_load, cache, track) for track in usable.tracks])
    skipped = [{"track": track, "reason": reason} for track, reason in sorted(reasons.items())]
    return Extraction(usable, arrays, skipped, _effort(described_now))


def _load(cache: FeatureCache, track: Track) -> "NDArray[np.float32]":
    try:
        return cache.load(track.digest)
    except FileNotFoundError as error:
        raise StorageError(
            f"the array of {track.id} is gone from {cache.folder}; the same command computes it "
            "again",
            error.strerror,
        ) from error


@dataclass(frozen=True)
class _Described:
    """What a worker says of one track: why it could not be described, and what it took."""

    track: str
    reason: str | None
    decode_seconds: float
    frontend_seconds: float


def _effort(described: Sequence[_Described]) -> dict[str, float]:
    return {
        "tracks": sum(item.reason is None for item in described),
        "decode_seconds": sum(item.decode_seconds for item in described),
        "frontend_seconds": sum(item.frontend_seconds for item in described),
    }


def _compute(
    tracks: Sequence[Track],
    model: Model,
    cache: FeatureCache,
    jobs: int | None,
    reporter: Reporter,
) -> list[_Described]:
    """Fill the cache; return what the workers say of each track."""
    if not tracks:
        return []
    # What ended a process once must not have this one, however few they are.
    feared = [track for track in tracks if cache.fears(track.digest)]
    others = [track for track in tracks if not cache.fears(track.digest)]
    workers = 1 if len(others) < _WORTH_WORKERS else (jobs or os.cpu_count() or 1)
    describe = partial(_describe_track, model.source.name, cache)
    # Where a file is, is found here: a worker may stand in another folder.
    sent = [(track, track.location) for track in others]
    results = chain(
        ((track, alone(describe, (track, track.location))) for track in feared),
        ((others[place], item) for place, item in in_workers(describe, sent, workers)),
    )
    title = f"{model.card.frontend.name} of {len(tracks)} tracks"
    described = []
    with reporter.bar(title, len(tracks)) as bar:
        for done, (track, item) in enumerate(results, start=1):
            bar.update(done)
            if item is None:
                cache.fear(track.digest)
            described.append(item or _Described(track.id, _DIED.format(track.path), 0.0, 0.0))
    return described


_DIED = "{} ended the process that described it: it was killed, or out of memory"


def _describe_track(source: str, cache: FeatureCache, sent: tuple[Track, Path]) -> _Described:
    import numpy as np

    from zoo.audio.decode import decode

    model = _model_of_worker(source)
    track, location = sent
    path = track.path or Path(track.id)
    reason, decoded = None, None
    begun = time.perf_counter()
    try:
        audio = decode(location, model.card.frontend.sample_rate)
        decoded = time.perf_counter()
        array = np.asarray(model.preprocess(audio))
        if array.ndim != 2 or not array.size or not np.isfinite(array).all():  # noqa: PLR2004
            raise AudioError(
                f"{path} gave an array of shape {array.shape} that is empty or not finite"
            )
    except AudioError as error:
        reason = str(error).replace(str(location), str(path))
    except Exception as error:
        reason = f"{path} made {model.card.name} raise {type(error).__name__}: {error}"
    ended = time.perf_counter()
    if reason is None:
        cache.put(track.digest, array)
    decoded = decoded or ended
    return _Described(track.id, reason, decoded - begun, ended - decoded)


@lru_cache(maxsize=4)
def _model_of_worker(source: str) -> Model:
    """Load a plugin once a process; a model itself cannot travel to a worker, its name can."""
    from zoo.plugins import open_registry

    return open_registry().load(source)
