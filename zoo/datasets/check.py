"""The check of a dataset: everything in it that would distort a score, found before training."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.audio.fingerprint import near_duplicates
from zoo.datasets.base import Dataset, FeatureTable, Track, components
from zoo.datasets.csv_reader import read_table
from zoo.datasets.folder import METADATA
from zoo.datasets.gtzan import facts, is_gtzan, track_name
from zoo.datasets.inspection import Inspection, inspect
from zoo.execution.engine import Engine
from zoo.execution.progress import Reporter
from zoo_registry.errors import DatasetError
from zoo_registry.files import write_text

__all__ = ["Check", "Problem", "check", "write_metadata"]

_SILENT = 1e-3  # -60 dB under full scale
_CLIPPED = 1e-3  # of the samples; GTZAN's loudest tracks stay a factor of ten below
_ODD_SHARE = 0.8  # so many tracks must agree before the others are odd
_ODD_LENGTH = 0.05  # relative
_IMBALANCE = 3.0  # largest class over smallest


@dataclass(frozen=True)
class Problem:
    """Something found.

    Attributes
    ----------
    kind : str
        "undecodable", "truncated", "silent", "clipped", "odd-rate", "odd-length",
        "duplicate", "near-duplicate", "label-conflict", "imbalance", "gtzan-altered" or
        "gtzan-missing".
    distorts : bool
        Whether it would distort a score; what does not is worth knowing all the same.
    tracks : tuple of str
        Ids.
    detail : str
    """

    kind: str
    distorts: bool
    tracks: tuple[str, ...]
    detail: str


@dataclass(frozen=True)
class Check:
    """What a dataset holds, and what is wrong with it.

    Attributes
    ----------
    dataset : Dataset
    inspections : tuple of Inspection
        One a track.
    problems : tuple of Problem
    """

    dataset: Dataset
    inspections: tuple[Inspection, ...]
    problems: tuple[Problem, ...]

    @property
    def distorts(self) -> bool:
        """Whether anything found would distort a score."""
        return any(problem.distorts for problem in self.problems)


def check(dataset: Dataset, jobs: int | None = None, reporter: Reporter | None = None) -> Check:
    """Decode every file once and look for what would distort a score.

    Parameters
    ----------
    dataset : Dataset
        Of audio files.
    jobs : int, optional
        Processes; all cores by default.
    reporter : Reporter, optional

    Raises
    ------
    DatasetError
        If the dataset is a feature table, which has no files to look at.
    """
    if isinstance(dataset, FeatureTable):
        raise DatasetError(f"{dataset.source} is a feature table; only recordings can be checked")
    inspections = _inspect_all(dataset, jobs, reporter or Reporter())
    problems = [problem for rule in _RULES for problem in rule(dataset, inspections)]
    return Check(dataset, tuple(inspections), tuple(problems))


def write_metadata(found: Check, folder: Path) -> Path:
    """Write a ``metadata.csv`` whose groups keep together what the check found to be alike.

    Tracks that cannot be decoded, are cut off or silent are left out. Columns of
    an earlier ``metadata.csv`` stay, groups are merged.

    Returns
    -------
    Path
        The file that was written.
    """
    dataset = found.dataset
    unusable = {
        track
        for problem in found.problems
        if problem.kind in {"undecodable", "truncated", "silent"}
        for track in problem.tracks
    }
    path = folder / METADATA
    earlier: dict[str, dict[str, str]] = {}
    if path.is_file():
        earlier = {Path(row["path"]).as_posix(): row for _, row in read_table(path).numbered()}
    names = _group_names(dataset, found.problems)
    columns = ["path", "label", "group"]
    columns += [name for row in list(earlier.values())[:1] for name in row if name not in columns]
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for track, name in zip(dataset.tracks, names, strict=True):
        if track.id not in unusable:
            row = earlier.get(track.id, {})
            writer.writerow(row | {"path": track.id, "label": track.label, "group": name})
    write_text(path, out.getvalue())
    return path


def _group_names(dataset: Dataset, problems: Sequence[Problem]) -> list[str]:
    """Return a name of the group of each track, empty for a track that stands alone."""
    alike: dict[str, list[str]] = {track.id: [] for track in dataset.tracks}
    for place, problem in enumerate(problems):
        if problem.kind in {"duplicate", "near-duplicate", "label-conflict"}:
            for identifier in problem.tracks:
                alike[identifier].append(f"problem {place}")
    known = dataset.groups.tolist()
    numbers = components(
        [[f"group {group}", *alike[t.id]] for t, group in zip(dataset.tracks, known, strict=True)]
    )
    sizes = Counter(numbers)
    names: dict[int, str] = {}
    for track, number in zip(dataset.tracks, numbers, strict=True):
        if track.group:
            names.setdefault(number, track.group)
    for track, number in zip(dataset.tracks, numbers, strict=True):
        names.setdefault(number, f"as {track.id}" if sizes[number] > 1 else "")
    return [names[number] for number in numbers]


def _inspect_all(dataset: Dataset, jobs: int | None, reporter: Reporter) -> list[Inspection]:
    paths = [track.location for track in dataset.tracks]
    found: list[Inspection] = [_DIED] * len(paths)
    with reporter.bar(f"decoding {len(paths)} files", len(paths)) as bar:
        results = Engine(jobs).work(inspect, paths)
        for done, (place, inspection) in enumerate(results, start=1):
            found[place] = inspection or _DIED
            bar.update(done)
    return found


_DIED = Inspection(error="it ended the process that decoded it: that was killed, or out of memory")


Rule = Callable[[Dataset, Sequence[Inspection]], Iterator[Problem]]


def _files(dataset: Dataset, inspections: Sequence[Inspection]) -> Iterator[Problem]:
    for track, found in zip(dataset.tracks, inspections, strict=True):
        name = (track.id,)
        if found.error:
            yield Problem("undecodable", True, name, found.error)
        elif found.truncated:
            yield Problem("truncated", True, name, found.truncated)
        elif found.peak < _SILENT:
            yield Problem("silent", True, name, f"its peak is {found.peak:.2g} of full scale")
        elif found.clipped > _CLIPPED:
            yield Problem("clipped", False, name, f"{found.clipped:.1%} of it stays at the peak")


def _formats(dataset: Dataset, inspections: Sequence[Inspection]) -> Iterator[Problem]:
    sound = [
        (track, found)
        for track, found in zip(dataset.tracks, inspections, strict=True)
        if not found.error and not found.truncated
    ]
    if not sound:
        return
    (usual, count), *_ = Counter((found.rate, found.channels) for _, found in sound).most_common()
    if count >= _ODD_SHARE * len(sound):
        for track, found in sound:
            if (found.rate, found.channels) != usual:
                detail = (
                    f"{found.rate} Hz, {found.channels} channels, "
                    f"where most have {usual[0]} Hz, {usual[1]}"
                )
                yield Problem("odd-rate", False, (track.id,), detail)
    middle = float(np.median([found.seconds for _, found in sound]))
    odd = [(t, found) for t, found in sound if abs(found.seconds - middle) > _ODD_LENGTH * middle]
    if len(odd) <= (1 - _ODD_SHARE) * len(sound):
        for track, found in odd:
            detail = f"{found.seconds:.2f} s, where most have {middle:.2f} s"
            yield Problem("odd-length", False, (track.id,), detail)


def _copies(dataset: Dataset, inspections: Sequence[Inspection]) -> Iterator[Problem]:
    tracks = dataset.tracks
    holders: dict[str, int] = {}
    copies: dict[tuple[int, int], str] = {}
    for number, (track, found) in enumerate(zip(tracks, inspections, strict=True)):
        if found.error or found.peak < _SILENT:
            continue
        for key, detail in ((track.digest, "the same bytes"), (found.samples, "the same samples")):
            first = holders.setdefault(key, number)
            if first != number:
                copies.setdefault((first, number), detail)
    for (first, number), detail in copies.items():
        yield _pair("duplicate", tracks[first], tracks[number], detail, distorts=True)
    empty = np.empty((0, 2), np.int32)
    marks = [empty if found.landmarks is None else found.landmarks for found in inspections]
    groups = dataset.groups
    for match in near_duplicates(marks):
        if (match.first, match.second) in copies:
            continue
        detail = f"{match.hashes} landmarks agree ({match.share:.0%}), {match.offset:+.2f} s apart"
        yield _pair(
            "near-duplicate",
            tracks[match.first],
            tracks[match.second],
            detail,
            # What the dataset keeps together anyway can leak nothing.
            distorts=bool(groups[match.first] != groups[match.second]),
        )


def _pair(kind: str, one: Track, other: Track, detail: str, *, distorts: bool) -> Problem:
    if one.label != other.label:
        detail = f"{kind} under two labels, {one.label} and {other.label}: {detail}"
        return Problem("label-conflict", True, (one.id, other.id), detail)
    return Problem(kind, distorts, (one.id, other.id), detail)


def _balance(dataset: Dataset, inspections: Sequence[Inspection]) -> Iterator[Problem]:
    del inspections
    counts = Counter(track.label for track in dataset.tracks)
    (most, high), (least, low) = counts.most_common()[0], counts.most_common()[-1]
    if high > _IMBALANCE * low:
        detail = f"{most} has {high} tracks, {least} {low}; look at macro F1, not at accuracy"
        yield Problem("imbalance", False, (), detail)


def _gtzan(dataset: Dataset, inspections: Sequence[Inspection]) -> Iterator[Problem]:
    if not is_gtzan(dataset):
        return
    names = [track_name(track.id) or "" for track in dataset.tracks]
    for track, name, found in zip(dataset.tracks, names, inspections, strict=True):
        if not found.error and found.wav_md5 != facts()[name].md5:
            detail = f"its samples are not those of the published {name}.wav"
            yield Problem("gtzan-altered", True, (track.id,), detail)
    absent = sorted(set(facts()) - set(names))
    if absent:
        detail = f"{len(absent)} of GTZAN's {len(facts())} tracks are not here"
        yield Problem("gtzan-missing", False, (), detail)


_RULES: tuple[Rule, ...] = (_files, _formats, _copies, _balance, _gtzan)
