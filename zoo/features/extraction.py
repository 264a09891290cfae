"""Front-end arrays of all tracks of a dataset: from the cache, or computed in parallel.

A worker that stands elsewhere has a cache of its own, in which it looks first and keeps what it
describes; what this machine lacks it sends here, too.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from zoo.datasets import Dataset, FeatureTable, Track
from zoo.execution.engine import Engine
from zoo.execution.progress import Reporter
from zoo.features.cache import FeatureCache
from zoo.workspace import cache_folder
from zoo_registry.card import identity
from zoo_registry.errors import AudioError, DatasetError, StorageError, UsageError, ZooError
from zoo_registry.model import Model, Source
from zoo_registry.record import TABLE, SkippedTrack

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Arrays",
    "Extraction",
    "arrays_here",
    "describe_frontend",
    "extract",
    "features_folder",
    "model_of_worker",
]

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
    skipped : list of SkippedTrack
        The others.
    effort : dict
        ``tracks`` that were described because they were not in the cache, and what that took in
        all workers, ``decode_seconds`` and ``frontend_seconds``; empty for a table of features.
    """

    dataset: Dataset
    arrays: "Arrays"
    skipped: list[SkippedTrack]
    effort: dict[str, float]


def describe_frontend(model: Model, dataset: Dataset) -> dict[str, Any]:
    """Return the identity of the arrays that `model` gets of `dataset`.

    Raises
    ------
    UsageError
        If the dataset is a feature table and the model wants something else.
    """
    card = model.card
    if isinstance(dataset, FeatureTable):
        if card.frontend.layout != "vectors" or model.overrides_preprocess:
            raise UsageError(
                f"{card.name} works on audio ({card.frontend.name}), and {dataset.source} is a "
                "table with one row of features a track; give the folder of the recordings"
            )
        return {"name": TABLE, "version": 1, "columns": list(dataset.feature_names)}
    described = identity(card.frontend)
    if model.overrides_preprocess:
        described["preprocess"] = [card.name, model.source.distribution, model.source.version]
    return described


def extract(
    dataset: Dataset,
    model: Model,
    jobs: int | None = None,
    reporter: Reporter | None = None,
    engine: Engine | None = None,
) -> Extraction:
    """Compute what is not in the cache, and return the arrays of all tracks.

    Parameters
    ----------
    dataset : Dataset
    model : Model
    jobs : int, optional
        Processes; all cores by default.
    reporter : Reporter, optional
    engine : Engine, optional
        Where the work is done; by default in `jobs` processes of this machine.

    Raises
    ------
    UsageError
        If model and dataset do not fit, or a worker lacks the model or the files.
    DatasetError
        If no track can be read.
    """
    engine = engine or Engine(jobs)
    described = describe_frontend(model, dataset)
    needed = None if isinstance(dataset, FeatureTable) else dataset.tracks[0].location
    engine.expect(_lacking, model.source, needed)
    if isinstance(dataset, FeatureTable):
        return Extraction(dataset, _rows(dataset), [], {})
    cache = FeatureCache(features_folder(), described)
    wanted = [track for track in dataset.tracks if cache.get(track.digest) is None]
    described_now = _compute(wanted, model, cache, engine, reporter or Reporter())
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
    skipped = [SkippedTrack(track=track, reason=why) for track, why in sorted(reasons.items())]
    return Extraction(usable, arrays, skipped, _effort(described_now))


def arrays_here(
    model: Model, frontend: Mapping[str, Any], dataset: Dataset, indices: Iterable[int]
) -> Arrays:
    """Return the arrays of a dataset whose tracks a worker has, or describes for itself.

    Parameters
    ----------
    model : Model
    frontend : mapping
        What `describe_frontend` returns.
    dataset : Dataset
        Its tracks have absolute paths.
    indices : iterable of int
        The tracks whose arrays will be asked for.

    Raises
    ------
    AudioError
        If a track that is lacking cannot be described.
    """
    if isinstance(dataset, FeatureTable):
        return _rows(dataset)
    cache = FeatureCache(features_folder(), frontend)
    for track in (dataset.tracks[index] for index in indices):
        if cache.get(track.digest) is None:
            described, array = _describe(model, track, track.location)
            if array is None:
                raise AudioError(described.reason or track.id)
            cache.put(track.digest, array)
    return Arrays([partial(_load, cache, track) for track in dataset.tracks])


def features_folder() -> Path:
    """Return the folder of the cache of front-end arrays."""
    return cache_folder() / "features"


def _rows(dataset: FeatureTable) -> Arrays:
    """Return the rows of a feature table, each as an array of one row."""
    import numpy as np

    return Arrays([partial(np.asarray, row[None]) for row in dataset.features])


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
        # What a worker had in its own cache took no time.
        "tracks": sum(item.reason is None and item.decode_seconds > 0 for item in described),
        "decode_seconds": sum(item.decode_seconds for item in described),
        "frontend_seconds": sum(item.frontend_seconds for item in described),
    }


def _compute(
    tracks: Sequence[Track],
    model: Model,
    cache: FeatureCache,
    engine: Engine,
    reporter: Reporter,
) -> list[_Described]:
    """Fill the cache; return what the workers say of each track."""
    if not tracks:
        return []
    # What ended a process once must not have this one, however few they are.
    feared = [track for track in tracks if cache.fears(track.digest)]
    others = [track for track in tracks if not cache.fears(track.digest)]
    if not engine.far and len(others) < _WORTH_WORKERS:
        engine = Engine(1)
    near = None if engine.far else cache
    describe = partial(_describe_track, model.source, dict(cache.frontend), near)
    # Where a file is, is found here: a worker may stand in another folder.
    sent = [(track, track.location) for track in others]
    results = chain(
        ((track, engine.alone(describe, (track, track.location))) for track in feared),
        ((others[place], item) for place, item in engine.work(describe, sent, small=True)),
    )
    title = f"{model.card.frontend.name} of {len(tracks)} tracks"
    described = []
    with reporter.bar(title, len(tracks)) as bar:
        for done, (track, answer) in enumerate(results, start=1):
            bar.update(done)
            if answer is None:
                cache.fear(track.digest)
                died = _DIED.format(track.path or track.id)
                described.append(_Described(track.id, died, 0.0, 0.0))
                continue
            item, array = answer
            # A worker may share this cache, and have put it there.
            if array is not None and cache.get(track.digest) is None:
                cache.put(track.digest, array)
            described.append(item)
    return described


_DIED = "{} ended the process that described it: it was killed, or out of memory"


def _describe_track(
    source: Source,
    frontend: Mapping[str, Any],
    near: FeatureCache | None,
    sent: tuple[Track, Path | str],
) -> "tuple[_Described, NDArray[np.float32] | None]":
    """Describe a track in a worker: into the cache `near`; without, into its own, and return it."""
    track, location = sent
    cache = near or FeatureCache(features_folder(), frontend)
    if near is None and (known := cache.get(track.digest)) is not None:
        return _Described(track.id, None, 0.0, 0.0), known
    described, array = _describe(model_of_worker(source), track, location)
    if array is None:
        return described, None
    if near is not None:
        near.put(track.digest, array)
        return described, None
    with suppress(OSError):  # what is not kept there arrives here all the same
        cache.put(track.digest, array)
    return described, array


def _describe(
    model: Model, track: Track, location: Path | str
) -> "tuple[_Described, NDArray[np.float32] | None]":
    import numpy as np

    from zoo.audio.decode import decode
    from zoo.audio.files import on_disk

    path = track.path or Path(track.id)
    reason, decoded = None, None
    begun = time.perf_counter()
    try:
        with on_disk(location) as file:
            audio = decode(file, model.card.frontend.sample_rate)
        decoded = time.perf_counter()
        array = np.asarray(model.preprocess(audio))
        if array.ndim != 2 or not array.size or not np.isfinite(array).all():  # noqa: PLR2004
            raise AudioError(
                f"{path} gave an array of shape {array.shape} that is empty or not finite"
            )
    except AudioError as error:
        reason = str(error).replace(str(location), str(path))
    except StorageError:  # no fault of the track, which may be there another time
        raise
    except Exception as error:
        reason = f"{path} made {model.card.name} raise {type(error).__name__}: {error}"
    ended = time.perf_counter()
    decoded = decoded or ended
    described = _Described(track.id, reason, decoded - begun, ended - decoded)
    return described, None if reason else np.asarray(array, np.float32)


@lru_cache(maxsize=4)
def model_of_worker(source: Source) -> Model:
    """Load a plugin once a process; a model itself cannot travel to a worker, its name can.

    Raises
    ------
    UsageError, PluginError
        If it cannot be loaded.
    """
    from zoo.plugins.registry import open_registry

    return open_registry().load(source.name)


def _lacking(source: Source, location: Path | str | None) -> str | None:
    """Return what a worker that stands elsewhere lacks to work on a model and its files."""
    try:
        found = model_of_worker(source)
        missing = found.missing()
    except ZooError as error:
        return f"cannot load the model {source.name}: {error}"
    if missing:
        return f"lacks {', '.join(missing)}, which the model {source.name} needs; install it there"
    if found.source != source:
        return f"has another version of the model {source.name}; install the same there"
    if isinstance(location, Path) and not location.exists():
        return (
            f"sees no {location}; workers need the folder at the same place as here, "
            "or a URL such as s3://bucket/folder"
        )
    return None
