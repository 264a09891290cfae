"""Check of a dataset before training, for everything that would distort a score."""

import hashlib
import io
import shlex
import struct
import wave
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.audio.decode import Recording, read
from zoo.audio.fingerprint import landmarks, near_duplicates
from zoo.audio.properties import Properties
from zoo.audio.segments import codec_of
from zoo.audio.urls import is_url
from zoo.datasets.base import Dataset, FeatureTable, Track
from zoo.datasets.checks.conditions import differences
from zoo.datasets.checks.feature_tables import check_table
from zoo.datasets.checks.imbalance import BALANCED, RANKED, sizes_apart
from zoo.datasets.checks.name_groups import alike_classes, alike_sentence, find_pieces
from zoo.datasets.checks.problem import Problem
from zoo.datasets.collections.gtzan import GTZAN, facts, is_gtzan, track_name
from zoo.datasets.collections.known import COLLECTIONS
from zoo.datasets.hashing import recording
from zoo.datasets.layout.understand import METADATA
from zoo.execution.engine import LocalProcesses, crashed
from zoo.execution.progress import Reporter
from zoo_registry.errors import AudioError, FileUnavailable
from zoo_registry.predictions import OTHER

__all__ = ["Problem", "check"]

_SILENT = 1e-3  # peak, 60 dB below full scale
_CLIPPED = 1e-3  # share of the samples; GTZAN's loudest tracks stay a factor of ten below
_CLIP_RUN = 3  # consecutive samples at the peak: music touches its peak, clipping stays at it
_ODD_SHARE = 0.8  # share of the tracks that must agree before the others are odd
_ODD_LENGTH = 0.05  # relative difference
_NARROW = 0.5  # of the bandwidth that so many tracks reach; encoders differ less
_IMBALANCE = 3.0  # size of the largest class over that of the smallest


_UNKNOWN = Properties(rate=0, channels=0, codec="", seconds=0.0)


@dataclass(frozen=True)
class _Inspection:
    """Findings of an audio file; with an error, the others have their defaults."""

    error: str | None = None  # reason why it cannot be decoded
    truncated: str | None = None  # sentence about the missing part
    properties: Properties = _UNKNOWN
    peak: float = 0.0  # maximum absolute sample; full scale is 1
    clipped: float = 0.0  # share of the samples that stay at the peak
    samples: str = ""  # SHA-256 of rate and samples, equal for lossless files of one recording
    wav_md5: str = ""  # of the samples as a plain 16-bit wav file, the format of GTZAN
    landmarks: NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 2), np.int32))


_Inspected = Sequence[tuple[Track, _Inspection]]
_DIED = _Inspection(error=f"it {crashed('decoded')}")


def check(
    dataset: Dataset, jobs: int | None = None, reporter: Reporter | None = None
) -> list[Problem]:
    """Return everything that would distort a score, by kind, from decoding every file once.

    Of a feature table, its columns and rows are checked.

    Parameters
    ----------
    dataset : Dataset
        Recordings, or a feature table.
    jobs : int, optional
        Number of processes; all cores by default.
    reporter : Reporter, optional
        Display of the progress.

    Raises
    ------
    FileUnavailable
        If a file cannot be opened.
    """
    if isinstance(dataset, FeatureTable):
        return [*check_table(dataset), *_names(dataset), *_balance(dataset)]
    files = [(track, track.location) for track in dataset.tracks]
    found = [_DIED] * len(files)
    with (reporter or Reporter()).bar(f"decoding {len(files)} files", len(files)) as bar:
        results = LocalProcesses(jobs).map_unordered(_inspect, files)
        for done, (place, inspection) in enumerate(results, start=1):
            found[place] = inspection or _DIED
            bar.update(done)
    tracks = list(zip(dataset.tracks, found, strict=True))
    return [
        *_files(tracks),
        *_formats(tracks),
        *_unlisted(dataset, jobs),
        *_duplicates(dataset, tracks),
        *_names(dataset),
        *_balance(dataset),
        *_conditions(dataset, tracks),
        *_gtzan(dataset, tracks),
        *_collection(dataset),
    ]


def _inspect(file: tuple[Track, Path | str]) -> _Inspection:
    try:
        with recording(*file) as path:
            decoded = read(path)
    except FileUnavailable:
        raise
    except AudioError as error:
        return _Inspection(error=str(error))
    samples, rate = decoded.samples, decoded.rate
    mono, properties = decoded.mono, decoded.properties
    track, location = file
    if track.segment:  # was read from a copy without a codec
        properties = replace(properties, codec=codec_of(Path(location)) or properties.codec)
    return _Inspection(
        truncated=decoded.truncated,
        properties=properties,
        peak=float(np.abs(samples).max()),
        clipped=_clipped(mono),
        samples=hashlib.sha256(struct.pack("<I", rate) + samples.tobytes()).hexdigest(),
        wav_md5=_wav_md5(decoded),
        landmarks=landmarks(mono, rate),
    )


def _clipped(mono: NDArray[np.float32]) -> float:
    level = np.abs(mono)
    at_peak = level >= level.max() - 2 / 32768
    edges = np.flatnonzero(np.diff(np.concatenate([[False], at_peak, [False]])))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= _CLIP_RUN].sum() / len(mono)) if level.max() > 0 else 0.0


def _wav_md5(decoded: Recording) -> str:
    whole = np.clip(np.rint(decoded.samples * 32768), -32768, 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(whole.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(decoded.rate)
        writer.writeframes(whole.tobytes())
    return hashlib.md5(file.getbuffer(), usedforsecurity=False).hexdigest()


def _files(tracks: _Inspected) -> Iterator[Problem]:
    for track, found in tracks:
        name = (track.id,)
        if found.error:
            yield Problem("undecodable", True, name, found.error)
        elif found.truncated:
            yield Problem("truncated", True, name, found.truncated)
        elif found.peak < _SILENT:
            yield Problem("silent", True, name, f"its peak is {found.peak:.2g} of full scale")
        elif found.clipped > _CLIPPED:
            yield Problem("clipped", False, name, f"{found.clipped:.1%} of it stays at the peak")
        for kind, note in found.properties.notes.items():
            yield Problem(kind, False, name, note)


def _unlisted(dataset: Dataset, jobs: int | None) -> Iterator[Problem]:
    """Yield the usable files that metadata.csv does not list: what --write leaves out stays out."""
    folder = Path(dataset.source)
    tracks = [Track(path, "", "", folder / path) for path in dataset.unlisted]
    files = [(track, track.location) for track in tracks if not is_url(dataset.source)]
    usable = [
        tracks[place].id
        for place, found in LocalProcesses(jobs).map_unordered(_inspect, files)
        if found and not (found.error or found.truncated) and found.peak >= _SILENT
    ]
    if usable:
        command = f"`zoo data check {shlex.quote(dataset.source)} --write --force` adds them"
        detail = f"{len(usable)} of the files in class folders are not in {METADATA}; {command}"
        yield Problem("unlisted", False, tuple(sorted(usable)), detail)


def _formats(tracks: _Inspected) -> Iterator[Problem]:
    whole = [
        ((track.id,), found.properties)
        for track, found in tracks
        if not found.error and not found.truncated
    ]
    if not whole:
        return
    (usual, count), *_ = Counter((found.rate, found.channels) for _, found in whole).most_common(1)
    if count >= _ODD_SHARE * len(whole):
        most = f"where most have {usual[0]} Hz, {usual[1]}"
        for name, found in whole:
            if (found.rate, found.channels) != usual:
                detail = f"{found.rate} Hz, {found.channels} channels, {most}"
                yield Problem("odd-rate", False, name, detail)
    middle = float(np.median([found.seconds for _, found in whole]))
    odd = [(n, found) for n, found in whole if abs(found.seconds - middle) > _ODD_LENGTH * middle]
    if len(odd) <= (1 - _ODD_SHARE) * len(whole):
        for name, found in odd:
            detail = f"{found.seconds:.2f} s, where most have {middle:.2f} s"
            yield Problem("odd-length", False, name, detail)
    bands = sorted(found.bandwidth for _, found in whole if found.bandwidth)
    reached = bands[int((1 - _ODD_SHARE) * len(bands))] if bands else 0
    for name, found in whole:
        if found.bandwidth and found.bandwidth < _NARROW * reached:
            usual_band = f"where most have up to {reached / 1000:.1f} kHz"
            detail = f"nothing above {found.bandwidth / 1000:.1f} kHz, {usual_band}"
            yield Problem("narrow-band", False, name, detail)


def _duplicates(dataset: Dataset, tracks: _Inspected) -> Iterator[Problem]:
    first_with: dict[str, int] = {}
    copies: dict[tuple[int, int], str] = {}
    for number, (track, found) in enumerate(tracks):
        if found.error or found.peak < _SILENT:
            continue
        for key, detail in ((track.digest, "the same bytes"), (found.samples, "the same samples")):
            first = first_with.setdefault(key, number)
            if first != number:
                copies.setdefault((first, number), detail)
    for (first, number), detail in copies.items():
        yield _pair("duplicate", True, tracks[first][0], tracks[number][0], detail)
    for match in near_duplicates([found.landmarks for _, found in tracks]):
        first, number = match.first, match.second
        # Segments of one file may repeat each other, and overlap.
        one, other = tracks[first][0], tracks[number][0]
        is_one = one.segment is not None and one.file_digest == other.file_digest
        if not is_one and (first, number) not in copies:
            share = f"{match.share:.0%} of their fingerprints agree"
            detail = f"the same recording, {match.offset:+.2f} s apart ({share})"
            # A split keeps the tracks of a group together, so that nothing leaks between them.
            leaks = bool(dataset.groups[first] != dataset.groups[number])
            yield _pair("near-duplicate", leaks, one, other, detail)


def _pair(kind: str, distorts: bool, one: Track, other: Track, detail: str) -> Problem:
    if one.label != other.label:
        detail = f"{kind} under two labels, {one.label} and {other.label}: {detail}; delete one"
        return Problem("label-conflict", True, (one.id, other.id), detail)
    return Problem(kind, distorts, (one.id, other.id), detail)


def _names(dataset: Dataset) -> Iterator[Problem]:
    for names in alike_classes(dataset.classes):
        yield Problem("class-names", False, (), alike_sentence(names))
    if pieces := find_pieces(dataset):
        detail = f"{pieces.sentence}, which a split may separate"
        yield Problem("pieces", pieces.explicit, tuple(pieces.groups), detail)


def _balance(dataset: Dataset) -> Iterator[Problem]:
    if sizes := sizes_apart(dataset, _IMBALANCE):
        advice = f"rank by balanced accuracy (`{RANKED}`), and train with `{BALANCED}`"
        yield Problem("imbalance", False, (), f"{sizes}; {advice}")


def _conditions(dataset: Dataset, tracks: _Inspected) -> Iterator[Problem]:
    usable = [
        (track.label, group, found.properties)
        for (track, found), group in zip(tracks, dataset.groups.tolist(), strict=True)
        if not found.error and not found.truncated and found.peak >= _SILENT
        if track.label != OTHER  # which may differ
    ]
    if usable:
        for proven, detail in differences(*zip(*usable, strict=True)):
            kind = "recording-conditions" if proven else "untested-conditions"
            yield Problem(kind, proven, (), detail)


def _gtzan(dataset: Dataset, tracks: _Inspected) -> Iterator[Problem]:
    if not is_gtzan(dataset):
        return
    names = [track_name(track.id) for track in dataset.tracks]
    for (track, found), name in zip(tracks, names, strict=True):
        if name and not (found.error or track.segment) and found.wav_md5 != facts()[name].md5:
            detail = f"its samples are not those of the published {name}.wav"
            yield Problem("gtzan-altered", True, (track.id,), detail)
    if detail := GTZAN.missing(len(facts().keys() & set(names))):
        yield Problem("gtzan-missing", False, (), detail)


def _collection(dataset: Dataset) -> Iterator[Problem]:
    collection = COLLECTIONS.get(dataset.collection or "")
    if collection and collection != GTZAN and not dataset.selection:
        found = sum(track.label != OTHER for track in dataset.tracks)
        if detail := collection.missing(found):
            yield Problem("collection-incomplete", False, (), detail)
