"""Extraction: the front-end arrays of all tracks of a dataset, from the cache or computed.

A worker on another machine has a cache of its own. It looks there first, stores there what it
computes, and returns the arrays that this machine lacks.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from zoo.datasets import Dataset, FeatureTable, Track
from zoo.execution.engine import Engine, LocalProcesses, crashed
from zoo.execution.progress import SAVED, Reporter
from zoo.features.arrays import Arrays, averaged, cached_arrays, frontend_of, rows_of
from zoo.features.cache import FeatureCache, features_folder
from zoo.features.track_array import Computed, compute, named
from zoo.plugins.registry import loaded_model, open_registry
from zoo_registry.errors import (
    AudioError,
    DatasetError,
    PluginError,
    RunError,
    StorageError,
    ZooError,
)
from zoo_registry.files import machine
from zoo_registry.model import Model, Source
from zoo_registry.record import NotedTrack, SkippedTrack
from zoo_registry.runs import EMBEDDINGS
from zoo_registry.text import quoted

__all__ = [
    "Extraction",
    "cache_identity",
    "extract",
    "feature_arrays",
    "fill_cache",
]

_DEATHS = 5  # of processes before anything is computed; each costs a few seconds


@dataclass(frozen=True)
class Extraction:
    """Result of an extraction, whose arrays are in the cache.

    Attributes
    ----------
    dataset : Dataset
        The tracks that could be read.
    skipped : list of SkippedTrack
        The others, each with its reason.
    noted : list of NotedTrack
        Tracks of which not all sound is used as it is.
    bandwidth : list of int
        Hz of each track that could be read, 0 of silence; empty for a feature table.
    effort : dict
        Number of ``tracks`` that were computed because they were not in the cache, and the time
        that this took, summed over all workers: ``decode_seconds`` and ``frontend_seconds``.
        Empty for a feature table.
    """

    dataset: Dataset
    skipped: list[SkippedTrack]
    noted: list[NotedTrack]
    bandwidth: list[int]
    effort: dict[str, float]


def extract(
    dataset: Dataset, model: Model, engine: Engine | None = None, reporter: Reporter | None = None
) -> Extraction:
    """Compute the arrays that are not in the cache.

    Parameters
    ----------
    dataset : Dataset
        Recordings, or a feature table, which needs no extraction.
    model : Model
        The model whose front end, or `preprocess` hook, is applied.
    engine : Engine, optional
        Engine that does the work; by default processes on all cores.
    reporter : Reporter, optional
        Receiver of the progress, and of a note for each track that is left out.

    Returns
    -------
    Extraction
        The usable part of the dataset.

    Raises
    ------
    UsageError
        If model and dataset do not fit, or a worker lacks the model or the files.
    DatasetError
        If no track of a class can be decoded.
    FileUnavailable
        If a file cannot be opened, or was changed since the dataset was.
    StorageError
        If the cache cannot be written.
    """
    engine, reporter = engine or LocalProcesses(), reporter or Reporter()
    frontend = frontend_of(model, dataset)
    if isinstance(dataset, FeatureTable):
        engine.check_workers(_missing, model.source, None)
        return Extraction(dataset, [], [], [], {})
    recordings = [dataset.tracks[index] for index in dataset.recorded]
    engine.check_workers(_missing, model.source, recordings[0].location)
    cache = FeatureCache(features_folder(), frontend)
    measured = {track.digest: cache.known(track.digest) for track in recordings}
    wanted = [track for track in recordings if measured[track.digest] is None]
    computed = _fill(cache, wanted, model, engine, reporter)
    measured |= {track.digest: cache.known(track.digest) for track in wanted}
    reasons = {name: item.reason for name, item in computed.items() if item.reason is not None}
    for track in wanted:
        if track.id not in reasons and not cache.path(track.digest).is_file():
            raise StorageError(
                f"the array of {track.id} did not stay in the cache {cache.folder}; "
                "check that the disk is writable and has room",
                "it is gone",
            )
    _check_classes(dataset, reasons)
    _check_columns(dataset, cache, model)
    skipped = [SkippedTrack(track=track, reason=why) for track, why in sorted(reasons.items())]
    for item in skipped:
        reporter.warn(f"left out: {item.reason}")
    used = dataset.without(set(reasons)) if reasons else dataset
    noted, bandwidth = list[NotedTrack](), list[int]()
    for track in used.tracks:
        if track.embedded:
            bandwidth.append(track.embedded.bandwidth)
            continue
        if found := measured[track.digest]:
            noted += [NotedTrack(track=track.id, note=note) for note in found.notes.values()]
        bandwidth.append((found and found.bandwidth) or 0)
    for entry in noted:
        reporter.note(f"{entry.track}: {entry.note}")
    known = [found for track in used.tracks if (found := measured.get(track.digest))]
    silent = sum(found.level is None and found.leading > 0 for found in known)
    if 2 * silent > len(known):
        reporter.warn(
            f"{silent} of {len(known)} recordings are silent, and there is little to learn from "
            "them; `zoo data check` names them"
        )
    effort = {
        # An array that a worker had in its own cache took no time.
        "tracks": sum(i.reason is None and i.decode_seconds > 0 for i in computed.values()),
        "decode_seconds": sum(item.decode_seconds for item in computed.values()),
        "frontend_seconds": sum(item.frontend_seconds for item in computed.values()),
        "audio_seconds": sum(found.seconds for found in known),
    }
    return Extraction(used, skipped, noted, bandwidth, effort)


def _check_classes(dataset: Dataset, reasons: Mapping[str, str]) -> None:
    """Raise `DatasetError` if a class has no track left: the result would be one on other data."""
    if len(reasons) == len(dataset):
        raise DatasetError(
            f"no track of {dataset.named} could be used; the first: {min(reasons.items())[1]}"
        )
    left = {track.label for track in dataset.tracks if track.id not in reasons}
    for label in dataset.classes:
        if label not in left:
            first = next(track.id for track in dataset.tracks if track.label == label)
            raise DatasetError(
                f"no track of the class {quoted(label)} in {dataset.named} could be used; mend "
                f"the files, or take the class out of the data; the first: {reasons[first]}"
            )


def _check_columns(dataset: Dataset, cache: FeatureCache, model: Model) -> None:
    """Raise an error if arrays differ in columns, with which no model can be trained."""
    names = {track.digest: track.id for track in dataset.tracks}
    columns = dict(cache.columns)
    kept = {track.embedded.row.shape[1] for track in dataset.tracks if track.embedded}
    if kept and columns.keys() - kept:
        raise RunError(
            f"the {EMBEDDINGS} of {dataset.kept_from} has {min(kept)} columns, and "
            f"{named(model)} gives {min(columns.keys() - kept)}: it is not the file that the run "
            "wrote; fetch the run again, or leave out --keep-classes"
        )
    if len(columns) > 1:
        listed = ", ".join(f"{count} to {names[first]}" for count, first in columns.items())
        raise PluginError(
            f"{named(model)} gives different numbers of columns ({listed}); "
            "it should give the same number to every track"
        )


def feature_arrays(
    model: Model, dataset: Dataset, indices: Iterable[int], whole: bool = False
) -> Arrays:
    """Return the arrays of a dataset; a worker computes those that its own cache lacks.

    Parameters
    ----------
    model : Model
        The model whose front end is applied.
    dataset : Dataset
        The dataset of which all arrays are addressed.
    indices : iterable of int
        The tracks whose arrays will be read.
    whole : bool
        Whether they have all rows, also if the model is trained on means; see
        `zoo.features.arrays.averaged`.

    Returns
    -------
    Arrays
        One array per track of `dataset`, each float32, shape (rows, columns).

    Raises
    ------
    AudioError
        If an array that is missing cannot be computed.
    """
    if isinstance(dataset, FeatureTable):
        return rows_of(dataset)
    cache = FeatureCache(features_folder(), frontend_of(model, dataset))
    for track in (dataset.tracks[index] for index in indices):
        if not track.embedded and cache.get(track.digest) is None:
            computed = compute(model, track, track.location)
            if computed.array is None:
                raise AudioError(computed.reason or track.id)
            cache.put(track.digest, computed.array, computed.properties)
    arrays = cached_arrays(cache, dataset.tracks)
    return arrays if whole else averaged(arrays, dataset)


def fill_cache(
    cache: FeatureCache, tracks: Sequence[Track], model: Model, jobs: int | None, reporter: Reporter
) -> dict[str, str]:
    """Return why tracks without a dataset have no array, by their ids, after computing the others.

    Parameters
    ----------
    cache : FeatureCache
        Cache that gets the arrays.
    tracks : sequence of Track
        Files of which the cache has no array.
    model : Model
        The model whose front end is applied.
    jobs : int or None
        Number of processes; all cores if it is None.
    reporter : Reporter
        Receiver of the progress.
    """
    computed = _fill(cache, tracks, model, LocalProcesses(jobs), reporter)
    return {name: item.reason for name, item in computed.items() if item.reason is not None}


def _fill(
    cache: FeatureCache, tracks: Sequence[Track], model: Model, engine: Engine, reporter: Reporter
) -> dict[str, Computed]:
    """Fill the cache; return the result of each track by its id."""
    computed: dict[str, Computed] = {}
    if not tracks:
        return computed
    # What crashed a process once must not crash this one, however few tracks there are.
    dangerous = [track for track in tracks if cache.has_crashed(track.digest)]
    others = [track for track in tracks if not cache.has_crashed(track.digest)]
    call = partial(_compute_in_worker, model.source, dict(cache.frontend), cache_identity())
    # Paths are resolved here, since a worker may have another current folder.
    results = chain(
        ((track, engine.run_isolated(call, (track, track.location))) for track in dangerous),
        (
            (others[position], result)
            for position, result in engine.map_unordered(
                call, [(track, track.location) for track in others], small=True
            )
        ),
    )
    none_works = True
    with reporter.bar(
        f"computing {model.card.frontend.name}, {len(tracks)} track{'s' * (len(tracks) != 1)}",
        len(tracks),
    ) as bar:
        for done, (track, result) in enumerate(results, start=1):
            bar.update(done)
            SAVED.set()
            if result is None:
                cache.mark_crashed(track.digest)
                computed[track.id] = Computed(f"{track.path or track.id} {crashed('described')}")
                if none_works and done >= len(dangerous) + _DEATHS:
                    raise PluginError(
                        f"{named(model)} ended its process on each of the first {_DEATHS} tracks, "
                        "as os._exit, a crash of a library or too little memory does; the same "
                        "command leaves them out, and goes on with the next ones"
                    )
                continue
            none_works = False
            # A worker may share this cache, and have stored the array already.
            if result.array is not None and cache.known(track.digest) is None:
                cache.put(track.digest, result.array, result.properties)
            computed[track.id] = result
    return computed


def cache_identity() -> tuple[str, str]:
    """Return what distinguishes the cache of this machine from that of a worker elsewhere."""
    return machine(), str(features_folder())


def _compute_in_worker(
    source: Source,
    frontend: Mapping[str, Any],
    requester: tuple[str, str],
    item: tuple[Track, Path | str],
) -> Computed:
    """Compute the array of a track into the cache; return it if the requester's is another one."""
    track, location = item
    cache, shared = FeatureCache(features_folder(), frontend), requester == cache_identity()
    known, properties = cache.get(track.digest), cache.properties(track.digest)
    if known is not None and properties is not None:
        return Computed(array=None if shared else known, properties=properties)
    computed = compute(loaded_model(source), track, location)
    if computed.array is None:
        return computed
    if not shared:
        with suppress(OSError):  # the requester gets the array in any case
            cache.put(track.digest, computed.array, computed.properties)
        return computed
    cache.put(track.digest, computed.array, computed.properties)
    return Computed(None, computed.decode_seconds, computed.frontend_seconds)


def _missing(source: Source, location: Path | str | None) -> str | None:
    """Return what a remote worker lacks to work with a model and its files."""
    try:
        found = open_registry().load(source.name, source.frontend_spec)
        modules = found.missing()
    except ZooError as error:
        return f"cannot load the model {source.name}: {error}"
    if modules:
        return f"lacks {', '.join(modules)}, which the model {source.name} needs; install it there"
    if found.frontend_card and found.frontend_card.missing:
        return f"lacks the weights of {found.frontend_card.name}; {found.frontend_card.missing}"
    if found.source != source:
        return f"has another version of the model {source.name}; install the same there"
    if isinstance(location, Path) and not location.exists():
        return (
            f"cannot read {location}; workers need the folder at the same place as here, "
            "or a URL such as s3://bucket/folder"
        )
    return None
