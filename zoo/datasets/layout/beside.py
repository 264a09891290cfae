"""Label files beside recordings, as Audacity and Raven write them: ``song.txt`` of ``song.wav``."""

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from zoo.datasets.csv_reader import TableError, read_table
from zoo.datasets.layout.columns import columns_by_role
from zoo.datasets.layout.label_rows import check_single
from zoo.datasets.layout.listing import Listing, Row
from zoo.datasets.segments import (
    Span,
    TimeColumns,
    apply_spans,
    check_overlaps,
    count_text,
    fault_of,
    seconds_of,
)
from zoo_registry.errors import DatasetError
from zoo_registry.text import quoted

__all__ = ["Beside", "label_files", "read_beside"]

_LINE = re.compile(r"([^\t\\]+)\t([^\t]+)(?:\t(.*))?")
_LIMITS = "\\"  # begins the second line of a spectral selection: its frequencies
_TRIED = 20  # files beside recordings of which none is a label file, so that none of all is
_Line = tuple[int, Span | str, str]  # line, segment or its fault, and label


@dataclass
class Beside:
    """What the label files beside recordings say.

    Attributes
    ----------
    rows : list of dict
        Row of each segment.
    files : list of str
        Label files.
    points, silent : int
        Numbers of labels without duration, and of segments without a label; they are skipped.
    """

    rows: list[Row] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    points: int = 0
    silent: int = 0

    @property
    def said(self) -> str:
        """One line on what was understood."""
        parts = [f"labels from the label files beside the recordings: {count_text(self.rows)}"]
        for count, what in ((self.points, "without duration"), (self.silent, "without a text")):
            if count:
                parts.append(f"{count} label{'s' * (count != 1)} {what} skipped")
        return "; ".join(parts)


def label_files(listing: Listing) -> dict[str, list[str]]:
    """Return the tables called as each recording is, such as ``song.txt`` or ``song.labels.csv``.

    Parameters
    ----------
    listing : Listing
        Names in a folder.
    """
    named: dict[str, list[str]] = defaultdict(list)
    for path in listing.files:
        named[posixpath.splitext(path)[0]].append(path)
    found: dict[str, list[str]] = defaultdict(list)
    for table in sorted(listing.tables):
        folder, name = posixpath.split(table)
        while "." in name:
            name = name.rpartition(".")[0]
            stem = posixpath.join(folder, name)
            if stem in named:
                for path in named[stem]:
                    found[path].append(table)
                break
    return found


def read_beside(listing: Listing, label_of: Callable[[str], str] | None = None) -> Beside | None:
    """Return the segments that label files beside recordings mark, None without such files.

    Parameters
    ----------
    listing : Listing
        Names in a folder.
    label_of : callable, optional
        Returns the label of a file by its folders, if these may be the classes.

    Raises
    ------
    DatasetError
        If a label file contradicts itself or the folders.
    """
    found, read = Beside(), 0
    for path, tables in sorted(label_files(listing).items()):
        if not found.files and read >= _TRIED:
            return None
        lines = []
        for table in tables:
            with listing.copy(table) as local:
                own = _audacity(local)
                own = _table(local) if own is None else own
            read += own is None
            if own is not None:
                lines.append((table, own))
        if len(lines) > 1:
            raise DatasetError(
                f"{listing.called(path)} has two label files, {lines[0][0]} and {lines[1][0]}; "
                "keep one of them"
            )
        for table, own in lines:
            if table in found.files:
                raise DatasetError(
                    f"{listing.called(table)} is the label file of two recordings, such as {path}; "
                    "keep one of them"
                )
            _add(found, listing, path, table, own, label_of)
    return found if found.rows else None


def _audacity(file: Path) -> list[_Line] | None:
    """Return the lines of a label file of Audacity, None if it is something else."""
    content = file.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    found: list[_Line] = []
    for line, given in enumerate(text.splitlines(), 1):
        if not given.strip() or given.startswith(_LIMITS):
            continue
        match = _LINE.fullmatch(given)
        start, end = (seconds_of(part) for part in match.groups()[:2]) if match else (None, None)
        if not match or start is None or end is None:
            return None
        found.append((line, _span(start, end), (match[3] or "").strip()))
    return found


def _span(start: float, end: float) -> Span | str:
    return (start, end) if start == end else fault_of(start, end) or (start, end)


def _table(file: Path) -> list[_Line] | None:
    """Return the lines of a table of segments, None if it is something else."""
    found: list[tuple[int, Span | str | None, str]] = []
    try:
        table = read_table(file)
        roles = columns_by_role(table.columns)
        label = next(iter(roles.label), None)
        for line, row in table.rows:
            times = TimeColumns.among(roles, row)
            if not times:
                return None
            found.append((line, times.read(row), row[label].strip() if label else ""))
    except TableError:
        return None
    if all(isinstance(span, str) for _, span, _ in found):
        return None
    return [(line, span, text) for line, span, text in found if span is not None] or None


def _add(
    found: Beside,
    listing: Listing,
    path: str,
    table: str,
    lines: list[_Line],
    label_of: Callable[[str], str] | None,
) -> None:
    """Add the segments that the lines of a label file mark in a recording."""
    name, own = listing.called(table), label_of(path) if label_of else ""
    found.files.append(table)
    rows, spans = list[tuple[int, Row]](), list[Span | str | None]()
    for line, span, text in lines:
        if isinstance(span, tuple) and span[0] == span[1]:
            found.points += 1
        elif not (text or own):
            found.silent += 1
        elif own and text not in ("", own):
            raise DatasetError(
                f"{name}, line {line}: the label {quoted(text)} is not that of the folder, "
                f"{quoted(own)}, and either may be the class; to take the labels, put all "
                "recordings with their label files into one folder; to take the folders, move the "
                "label files to another place"
            )
        else:
            rows.append((line, {"path": path, "label": text or own}))
            spans.append(span)
    apply_spans(listing, name, rows, spans, is_sure=True)
    check_overlaps(name, rows)
    check_single(name, rows)
    found.rows += {row["id"]: row for _, row in rows}.values()
