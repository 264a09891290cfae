"""Writer of ``metadata.csv``, the zoo's own list of the tracks in a folder."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from zoo.datasets.base import Dataset, Track, components
from zoo.datasets.checks.name_groups import find_pieces
from zoo.datasets.checks.problem import UNUSABLE, Problem
from zoo.datasets.csv_reader import Table, read_table
from zoo.datasets.layout.columns import columns_by_role
from zoo.datasets.layout.file_index import FileIndex
from zoo.datasets.layout.found_tables import METADATA
from zoo.datasets.layout.listing import local_listing
from zoo.datasets.segments import TimeColumns, segment_id, set_span
from zoo_registry.errors import UsageError
from zoo_registry.files import check_replaceable, write_text
from zoo_registry.text import csv_text, encodable, quoted

__all__ = ["write_metadata"]


def write_metadata(
    dataset: Dataset, problems: Sequence[Problem], folder: Path, force: bool = False
) -> Path | None:
    """Write a ``metadata.csv`` in which duplicates, and pieces by their names, have a group.

    Published folds and parts are written, too, wherever they were read from, and so are the names
    that tracks have in a published collection, and the columns that the user has named: the same
    command reads the same. Tracks that are silent, truncated or cannot be decoded are left out.
    Columns of an earlier ``metadata.csv``
    are kept; groups are merged.

    Parameters
    ----------
    dataset : Dataset
        The checked dataset.
    problems : sequence of Problem
        Result of `check`.
    folder : Path
        Folder of the dataset.
    force : bool
        Whether a ``metadata.csv`` of other content is replaced.

    Returns
    -------
    Path or None
        The written file; None if there is one that says the same already.

    Raises
    ------
    UsageError
        If there is a ``metadata.csv`` of other content, or the user has named a column that has
        another meaning in it.
    """
    unusable = {
        track for problem in problems if problem.kind in UNUSABLE for track in problem.tracks
    }
    path, own = folder / METADATA, ["path", "label", "group"]
    own += [name for name in ("fold", "split") if any(getattr(t, name) for t in dataset.tracks)]
    if dataset.collection and any(
        _relative(track, folder) != track.id for track in dataset.tracks if not track.segment
    ):
        own.append("id")
    own += ["start", "end"] * any(track.segment for track in dataset.tracks)
    named = dataset.reading.columns
    for role, name in named.items():
        if name in own and name != role:
            raise UsageError(
                f"{path} cannot have the {role} of the tracks in its column {quoted(name)}; "
                f"rename the column in your table, and say its name with --{role}-column"
            )
    own += [name for name in named.values() if name not in own]
    columns, earlier, lost = list(own), dict[str, dict[str, str]](), False
    if path.is_file():
        table = read_table(path)
        columns += [name for name in table.columns if name not in columns]
        earlier, lost = _rows_by_track(table, folder, "start" in own)
    lines = [columns]
    wanted = dict[str, dict[str, str]]()
    for track, group in zip(dataset.tracks, _group_names(dataset, problems), strict=True):
        if track.id not in unusable:
            known = {name: getattr(track, name, None) or "" for name in own}
            known |= {"path": _relative(track, folder), "group": group}
            known |= {name: known.get(role, "") for role, name in named.items()}
            name = known["path"]
            if track.segment:
                known |= track.segment.times
                name = segment_id(name, known["start"], known["end"])
            row = wanted[name] = earlier.get(name, {}) | known
            lines.append([row.get(name, "") for name in columns])
    is_same = not lost and earlier.keys() == wanted.keys()
    if is_same and all(
        row[name] == (earlier[track].get(name) or (name == "label" and row[name]) or "")
        for track, row in wanted.items()
        for name in own[1:]
    ):
        return None
    text = csv_text(lines)
    check_replaceable(path, encodable(text).encode().__eq__, force)
    write_text(path, text)
    return path


def _relative(track: Track, folder: Path) -> str:
    """Return the path of a track's file; the ids of published collections may be others."""
    is_within = track.path is not None and track.path.is_relative_to(folder)
    whole = track.id.rpartition("#")[0] if track.segment else track.id
    return track.path.relative_to(folder).as_posix() if track.path and is_within else whole


def _rows_by_track(
    table: Table, folder: Path, segments: bool
) -> tuple[dict[str, dict[str, str]], bool]:
    """Return the rows of a table by their paths, or segments, with the column of each role.

    Also whether any row has no file.
    """
    index, roles = FileIndex(local_listing(folder)), columns_by_role(table.columns)
    found, lost = dict[str, dict[str, str]](), False
    for _, row in table.rows:
        meant = {role: row[names[0]] for role, names in vars(roles).items() if names}
        files = index.find(meant.get("path", ""), any_file=True)[:1]
        lost |= not files
        for path in files:
            own = {"id": path, "path": path}
            times = TimeColumns.among(roles, row) if segments else None
            if times and isinstance(span := times.read(row), tuple):
                set_span(own, span)
            name = own.pop("id")
            found[name] = meant | row | own
    return found, lost


def _group_names(dataset: Dataset, problems: Sequence[Problem]) -> list[str]:
    """Return the name of each track's group, empty for a group of one track."""
    keys = {
        track.id: [f"group {group}"]
        for track, group in zip(dataset.tracks, dataset.groups.tolist(), strict=True)
    }
    for number, problem in enumerate(problems):
        if problem.kind in {"duplicate", "near-duplicate", "label-conflict"}:
            for identifier in problem.tracks:
                keys[identifier].append(f"problem {number}")
    suggested = pieces.groups if (pieces := find_pieces(dataset)) else {}
    for identifier, group in suggested.items():
        keys[identifier].append(f"pieces {group}")
    numbers = components(list(keys.values()))
    sizes = Counter(numbers)
    names: dict[int, str] = {}
    members = zip(dataset.tracks, numbers, strict=True)
    for track, number in sorted(members, key=lambda member: not member[0].group):
        # Tracks with the name of a group come first.
        own = track.group or suggested.get(track.id)
        names.setdefault(number, own or (f"as {track.id}" if sizes[number] > 1 else ""))
    return [names[number] for number in numbers]
