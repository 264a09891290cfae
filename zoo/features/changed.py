"""Arrays of changed tracks: what everyday handling makes of a recording, through a front end.

They are in the cache like other arrays, under the name and version of the change. A track is
decoded once for all changes.
"""

import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from zoo.audio.changes import Change
from zoo.datasets import Dataset, Track
from zoo.datasets.hashing import recording
from zoo.execution.engine import Engine, LocalProcesses, crashed
from zoo.execution.progress import Bar, Reporter
from zoo.features.arrays import Arrays, averaged, cached_arrays, frontend_of
from zoo.features.cache import FeatureCache, features_folder
from zoo.features.extraction import cache_identity
from zoo.features.track_array import apply_front_end, reason_of
from zoo.plugins.registry import loaded_model
from zoo_registry.errors import AudioError
from zoo_registry.model import Model, Source
from zoo_registry.text import in_a_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Pair", "changed_arrays", "changed_paths", "extract_changed"]

Pair: TypeAlias = tuple[int, Change]
"""Index of a track in its dataset, and a change of it."""


def extract_changed(
    dataset: Dataset,
    model: Model,
    pairs: Iterable[Pair],
    engine: Engine | None = None,
    reporter: Reporter | None = None,
    title: str = "changed recordings",
) -> dict[tuple[int, str], str]:
    """Compute the arrays of changed tracks that are not in the cache.

    Parameters
    ----------
    dataset : Dataset
        Recordings, which have been extracted; see `zoo.features.extraction.extract`.
    model : Model
        The model whose front end, or `preprocess` hook, is applied.
    pairs : iterable of (int, Change)
        Tracks, and the changes of each, which can be pickled.
    engine : Engine, optional
        Engine that does the work; by default processes on all cores.
    reporter : Reporter, optional
        Receiver of the progress.
    title : str
        Name of the bar.

    Returns
    -------
    dict
        The reason for each index and name of a change of which there is no array.

    Raises
    ------
    UsageError
        If a remote worker lacks the package of a change.
    FileUnavailable
        If a file cannot be opened, or was changed since the dataset was opened.
    StorageError
        If the cache cannot be written.
    """
    engine, reporter = engine or LocalProcesses(), reporter or Reporter()
    caches = _Caches(frontend_of(model, dataset))
    reasons: dict[tuple[int, str], str] = {}
    # What crashed a process once is done in a process of its own, as one change of one track.
    together: dict[int, list[Change]] = {}
    apart: list[Pair] = []
    used: dict[str, bytes] = {}
    for index, change in pairs:
        cache, digest = caches.of(change), dataset.tracks[index].digest
        if cache.get(digest) is None:
            used[change.name] = used.get(change.name) or pickle.dumps(change)
            if cache.has_crashed(digest):
                apart.append((index, change))
            else:
                together.setdefault(index, []).append(change)
    if not together and not apart:
        return reasons
    engine.check_workers(_lacking, used)
    work = _Work(dataset.tracks, model.source, caches, reasons)
    total = len(together.keys() | {index for index, _ in apart})
    with reporter.bar(f"{title}, {total} tracks", total) as bar:
        done = work.together(together, engine, apart, bar)
        work.apart(apart, engine)
        bar.update(max(done, total))
    return reasons


def changed_arrays(dataset: Dataset, model: Model, pairs: Sequence[Pair]) -> Arrays:
    """Return the array of each pair; a worker computes those that its own cache lacks.

    Parameters
    ----------
    dataset : Dataset
        The dataset of the indices.
    model : Model
        The model whose front end, or `preprocess` hook, is applied.
    pairs : sequence of (int, Change)
        Tracks and changes, for which `extract_changed` gave no reason.

    Returns
    -------
    Arrays
        One array per pair, in their order, each float32, shape (rows, columns).

    Raises
    ------
    AudioError
        If an array that is missing cannot be computed.
    """
    caches = _Caches(frontend_of(model, dataset))
    missing: dict[int, list[Change]] = {}
    for index, change in pairs:
        if caches.of(change).get(dataset.tracks[index].digest) is None:
            missing.setdefault(index, []).append(change)
    for index, changes in missing.items():
        track = dataset.tracks[index]
        computed = _compute(model, track, track.location, changes)
        for change in changes:
            if change.name in computed.reasons:
                raise AudioError(computed.reasons[change.name])
            caches.of(change).put(track.digest, computed.arrays[change.name])
    arrays = Arrays.joined(
        cached_arrays(caches.of(change), [dataset.tracks[index]]) for index, change in pairs
    )
    return averaged(arrays, dataset)


def changed_paths(dataset: Dataset, model: Model, pairs: Iterable[Pair]) -> Iterator[Path]:
    """Yield where the array of each pair is, or would be.

    Parameters
    ----------
    dataset, model, pairs : Dataset, Model, iterable of (int, Change)
        As for `extract_changed`.
    """
    caches = _Caches(frontend_of(model, dataset))
    for index, change in pairs:
        yield caches.of(change).path(dataset.tracks[index].digest)


@dataclass(frozen=True)
class _Caches:
    """The caches of all changes of a front end."""

    frontend: Mapping[str, Any]

    def of(self, change: Change) -> FeatureCache:
        """Return the cache of the arrays of a change."""
        key = [change.name, change.version]
        return FeatureCache(features_folder(), {**self.frontend, "change": key})


@dataclass(frozen=True)
class _Computed:
    """Arrays of one track, or the reason for a change without one, by the names of changes."""

    reasons: dict[str, str] = field(default_factory=dict)
    arrays: "dict[str, NDArray[np.float32]]" = field(default_factory=dict)


@dataclass(frozen=True)
class _Work:
    """What an engine computes, and what is noted of it."""

    tracks: Sequence[Track]
    source: Source
    caches: _Caches
    reasons: dict[tuple[int, str], str]

    def together(
        self, changes: Mapping[int, list[Change]], engine: Engine, apart: list[Pair], bar: Bar
    ) -> int:
        """Compute all changes of each track; add what crashed to `apart`."""
        order = list(changes)
        items = [self._item(index, changes[index]) for index in order]
        done = 0
        # Nobody knows what the change of a plugin does to its process.
        risky = any(not change.is_own for index in order for change in changes[index])
        results = engine.map_unordered(self._call, items, small=True, risky=risky)
        for position, result in results:
            index = order[position]
            if result is None:
                lost = [c for c in changes[index] if self._cached(index, c) is None]
                apart += [(index, change) for change in lost]
            else:
                self._take(index, changes[index], result)
            done += 1
            bar.update(done)
        return done

    def apart(self, pairs: Iterable[Pair], engine: Engine) -> None:
        """Compute pairs one by one, each in a process of its own."""
        for index, change in pairs:
            result = engine.run_isolated(self._call, self._item(index, [change]))
            if result is not None:
                self._take(index, [change], result)
            else:
                track = self.tracks[index]
                self.caches.of(change).mark_crashed(track.digest)
                reason = f"{track.path or track.id} {crashed('changed')}"
                self.reasons[index, change.name] = reason

    @property
    def _call(self) -> "partial[_Computed]":
        return partial(_compute_in_worker, self.source, self.caches, cache_identity())

    def _item(self, index: int, changes: Iterable[Change]) -> "_Item":
        # Paths are resolved here, since a worker may have another current folder.
        track = self.tracks[index]
        return track, track.location, list(changes)

    def _cached(self, index: int, change: Change) -> "NDArray[np.float32] | None":
        return self.caches.of(change).get(self.tracks[index].digest)

    def _take(self, index: int, changes: Iterable[Change], result: _Computed) -> None:
        for change in changes:
            if change.name in result.reasons:
                self.reasons[index, change.name] = result.reasons[change.name]
            elif change.name in result.arrays and self._cached(index, change) is None:
                array = result.arrays[change.name]
                self.caches.of(change).put(self.tracks[index].digest, array)


_Item: TypeAlias = tuple[Track, Path | str, list[Change]]


def _compute_in_worker(
    source: Source, caches: _Caches, requester: tuple[str, str], item: _Item
) -> _Computed:
    """Compute arrays into the cache; return them if the requester's cache is another one."""
    track, location, changes = item
    shared = requester == cache_identity()
    known = {change.name: caches.of(change).get(track.digest) for change in changes}
    missing = [change for change in changes if known[change.name] is None]
    result = _compute(loaded_model(source), track, location, missing) if missing else _Computed()
    for change in missing:
        if change.name in result.arrays:
            with suppress(*(() if shared else (OSError,))):  # it is sent in any case
                caches.of(change).put(track.digest, result.arrays[change.name])
    if shared:
        return _Computed(result.reasons)
    there = {name: array for name, array in known.items() if array is not None}
    return _Computed(result.reasons, result.arrays | there)


def _lacking(pickled: Mapping[str, bytes]) -> str | None:
    """Return which change a remote worker cannot load, as the end of a sentence."""
    for name, content in pickled.items():
        try:
            pickle.loads(content)  # noqa: S301  (from the process that trains)
        except Exception as error:
            reason = in_a_line(error)
            return f"cannot load the change {name} ({reason}); install its package there"
    return None


def _compute(
    model: Model, track: Track, location: Path | str, changes: Sequence[Change]
) -> _Computed:
    """Decode a track once, change it in each way, and apply the front end."""
    from zoo.audio.decode import decode_unresampled, resample
    from zoo.audio.loudness import Peaks

    result = _Computed()
    try:
        with recording(track, location) as file:
            audio, rate = decode_unresampled(file)
    except Exception as error:
        reason = reason_of(error, model, track, location)
        result.reasons.update({change.name: reason for change in changes})
        return result
    audio.flags.writeable = False  # the next change needs it as it is
    wanted = model.card.frontend.sample_rate
    for change in changes:
        name = change.name
        try:
            heard, its_rate = change(audio, rate)
            changed = resample(heard, its_rate, wanted)
        except AudioError as error:
            result.reasons[name] = f"{track.path or track.id}: {error}"
            continue
        try:
            peaks = partial(Peaks.of, heard, its_rate)
            result.arrays[name] = apply_front_end(model, changed, track, peaks)
        except Exception as error:
            reason = reason_of(error, model, track, location)
            result.reasons[name] = f"{reason} (changed: {name})"
    return result
