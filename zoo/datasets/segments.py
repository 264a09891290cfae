"""Segments of recordings that a table lists as tracks of their own."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from zoo.audio.urls import is_url
from zoo.datasets.base import Segment
from zoo.datasets.layout.columns import Candidates, plain_name
from zoo.datasets.layout.listing import Listing, Row
from zoo_registry.errors import DatasetError
from zoo_registry.text import brief, quoted

__all__ = [
    "Span",
    "TimeColumns",
    "apply_spans",
    "check_overlaps",
    "count_text",
    "segment_id",
    "set_span",
]

Span = tuple[float, float]  # seconds in a file at which a segment begins and ends
Entry = tuple[
    int, Row, "Span | str | None"
]  # line; row; its segment, why there is none, or no word

_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,3}):(\d{1,2}(?:[.,]\d*)?)")
_LOCAL, _REMOTE = 1000, 3  # files whose headers are read to compare their lengths with segments
_DECODED = 3  # files that are decoded for that, if no header states a length
_ALIKE = 0.25, 0.01  # seconds, and share of them, that a file may differ from a segment cut out
_MOST = 0.9  # of the files, which decides
_HALF = 0.5


@dataclass(frozen=True)
class TimeColumns:
    """Columns of the beginnings and ends of segments.

    Attributes
    ----------
    start, end, duration, origin : str or None
        Names of the columns; the end is given by one of `end` and `duration`. Times of `end` count
        from where those of `origin` do.
    """

    start: str
    end: str | None = None
    duration: str | None = None
    origin: str | None = None

    @classmethod
    def among(cls, roles: Candidates, row: Mapping[str, str]) -> "TimeColumns | None":
        """Return the columns of times among those of a table, None without segments.

        Parameters
        ----------
        roles : Candidates
            Columns that may be beginnings, ends and durations.
        row : mapping of str to str
            The first row: columns that hold a time there are taken before others.
        """
        if not roles.start:
            return None
        starts, ends, durations = (
            sorted(names, key=lambda name: seconds_of(row[name]) is None)
            for names in (roles.start, roles.end, roles.duration)
        )
        start, *others = starts
        ends = [name for name in ends if name != start]
        if ends and plain_name(start).startswith("fileoffset"):
            origin = next((name for name in others if name not in ends), None)
            return cls(start, ends[0], origin=origin) if origin else None
        if ends:
            return cls(start, ends[0])
        return cls(start, duration=durations[0]) if durations else None

    @property
    def roles(self) -> dict[str, str]:
        """The column of each role."""
        return {name: column for name, column in vars(self).items() if column}

    def read(self, row: Mapping[str, str]) -> "Span | str | None":
        """Return the segment of a row, the reason why it has none, or None if its cells are empty.

        Parameters
        ----------
        row : mapping of str to str
            Values by the names of columns.
        """
        if not any(row[column].strip() for column in (self.start, self.end or self.duration or "")):
            return None
        times = {}
        for role, column in self.roles.items():
            seconds = seconds_of(row[column], column)
            if seconds is None:
                return (
                    f"{quoted(row[column])} in the column {brief(column)} is not a time in seconds"
                )
            times[role] = seconds
        start = times["start"]
        end = start + times["duration"] if self.duration else times["end"]
        if self.origin:
            end += start - times["origin"]
        return fault_of(start, end) or (start, end)


def seconds_of(text: str, column: str = "") -> float | None:
    """Return a time in seconds, None if it is none.

    Parameters
    ----------
    text : str
        Number with a point or a comma, or hours, minutes and seconds with colons.
    column : str
        Name of the column, which may end with a unit.

    Examples
    --------
    >>> seconds_of("12,5"), seconds_of("1:02.5"), seconds_of("250", "start_ms"), seconds_of("a")
    (12.5, 62.5, 0.25, None)
    """
    text = text.strip()
    if match := _CLOCK.fullmatch(text):
        hours, minutes, rest = (float((part or "0").replace(",", ".")) for part in match.groups())
        return 3600 * hours + 60 * minutes + rest
    try:
        value = float(text.replace(",", "."))
    except ValueError:
        return None
    if re.search(r"(ms|msec|milliseconds?)$", plain_name(column)):
        value /= 1000
    return round(value, 6) if math.isfinite(value) else None


def fault_of(start: float, end: float) -> str:
    """Return why two times are no segment, empty if they are one.

    Parameters
    ----------
    start, end : float
        Seconds.
    """
    if start < 0:
        return f"the segment begins at {start:g} s, before its file"
    if end <= start:
        return f"the segment ends at {end:g} s, and begins at {start:g} s"
    return ""


def set_span(row: Row, span: Span) -> None:
    """Make the row of a file that of a segment.

    Parameters
    ----------
    row : dict
        Row of a layout.
    span : (float, float)
        Seconds.
    """
    row |= Segment(*span, "").times
    row["id"] = segment_id(row.get("id", row["path"]), row["start"], row["end"])
    row.setdefault("recording", row["path"])


def segment_id(track: str, start: str, end: str) -> str:
    """Return the id of a segment of a track, such as "song.wav#12.5-15".

    Parameters
    ----------
    track, start, end : str
        Id or path of the file, and seconds.
    """
    return f"{track}#{start}-{end}"


def apply_spans(
    listing: Listing,
    table: object,
    rows: Sequence[tuple[int, Row]],
    spans: Sequence[Span | str | None],
    is_sure: bool = False,
) -> str:
    """Make the rows of a table those of segments, unless its times are about something else.

    Parameters
    ----------
    listing : Listing
        Files of the table.
    table : object
        Name of the table, for messages.
    rows : sequence of (int, dict)
        Line and row of each track.
    spans : sequence of (float, float) or str or None
        Segment of each row, the reason why it has none, or None if its times are empty.
    is_sure : bool
        Whether the times are known to be about segments.

    Returns
    -------
    str
        Why the times are not used, empty if they are.

    Raises
    ------
    DatasetError
        If a segment is none, or lies outside of its file.
    """
    faults = [
        (line, span) for (line, _), span in zip(rows, spans, strict=True) if isinstance(span, str)
    ]
    if len(faults) > _HALF * len(rows) and not is_sure:
        return "line {}: {}".format(*faults[0])
    for line, fault in faults:
        raise DatasetError(f"{table}, line {line}: {fault}; correct the line, or remove it")
    own: dict[str, dict[Span, int]] = defaultdict(dict)
    for (line, row), span in zip(rows, spans, strict=True):
        if isinstance(span, tuple):
            own[row["path"]].setdefault(span, line)
    for (line, row), span in zip(rows, spans, strict=True):
        if span is None and row["path"] in own:
            raise DatasetError(
                f"{table}, line {line}: a segment of {quoted(row['path'])} has no times, as others "
                "of it have; add them, or remove the line"
            )
    is_single = not is_sure and all(len(spans) == 1 for spans in own.values())
    if _are_cut_out(listing, table, own, is_single):
        return "the files are as long as the segments, so they were cut out already"
    for (_, row), span in zip(rows, spans, strict=True):
        if isinstance(span, tuple):
            set_span(row, span)
    return ""


def _are_cut_out(
    listing: Listing, table: object, own: Mapping[str, Mapping[Span, int]], is_single: bool
) -> bool:
    """Whether each file is a segment already; raise `DatasetError` if one lies outside its file."""
    from zoo.audio.segments import BEYOND

    lengths = dict(_lengths(listing, own, is_single))
    outside = [
        (path, span, line)
        for path, seconds in lengths.items()
        for span, line in own[path].items()
        if span[1] > seconds + BEYOND
    ]
    if not outside:
        return False
    alike = sum(_is_cut(seconds, next(iter(own[path]))) for path, seconds in lengths.items())
    if is_single and alike >= _MOST * len(lengths):
        return True
    path, (start, end), line = min(outside, key=itemgetter(2))
    raise DatasetError(
        f"{table}, line {line}: the segment from {start:g} to {end:g} s lies outside of {path}, "
        f"which has {lengths[path]:.2f} s; correct the times, or remove their columns if they are "
        "about something else"
    )


def _lengths(
    listing: Listing, own: Mapping[str, Mapping[Span, int]], is_single: bool
) -> Iterator[tuple[str, float]]:
    """Yield the lengths of files in seconds, where their headers state one."""
    from zoo.audio.segments import decoded_seconds, stated_seconds

    most = _LOCAL if not is_url(listing.name) else _REMOTE if is_single else 0
    paths = sorted(own)
    paths = paths[:: max(1, -(-len(paths) // most))] if most else []
    unknown = 0
    for path in paths:
        with listing.copy(path) as local:
            seconds = stated_seconds(local)
            if not seconds and is_single and unknown < _DECODED:
                unknown += 1
                seconds = decoded_seconds(local)
        if seconds:
            yield path, seconds


def _is_cut(seconds: float, span: Span) -> bool:
    length = span[1] - span[0]
    return abs(seconds - length) <= max(_ALIKE[0], _ALIKE[1] * length)


def check_overlaps(table: object, rows: Sequence[tuple[int, Row]]) -> int:
    """Return how many segments overlap an earlier one of their file.

    Parameters
    ----------
    table : object
        Name of the table, for messages.
    rows : sequence of (int, dict)
        Line and row of each segment.

    Raises
    ------
    DatasetError
        If two of different labels have more than half of one in common.
    """
    own: dict[str, list[tuple[Span, int, str]]] = defaultdict(list)
    for line, row in rows:
        if "start" in row:
            own[row["path"]].append(((float(row["start"]), float(row["end"])), line, row["label"]))
    count = 0
    for path, segments in own.items():
        active: list[tuple[Span, int, str]] = []
        for item in sorted(segments):
            (start, end), line, label = item
            active = [other for other in active if other[0][1] > start]
            count += bool(active)
            for (begun, ended), earlier, its_label in active:
                common = min(end, ended) - start
                if label != its_label and common > _HALF * min(end - start, ended - begun):
                    first, second = sorted((earlier, line))
                    raise DatasetError(
                        f"{table}, lines {first} and {second}: the segments of {path} at "
                        f"{start:g} s overlap, under the labels {quoted(its_label)} and "
                        f"{quoted(label)}, and a track has one; keep one of the lines"
                    )
            active.append(item)
    return count


def count_text(rows: Sequence[Row]) -> str:
    """Return "5 segments of 2 recordings", empty if there are no segments.

    Parameters
    ----------
    rows : sequence of dict
        Rows of a layout.
    """
    files = [row["path"] for row in rows if "start" in row]
    count, recordings = len(files), len(set(files))
    return (
        f"{count} segment{'s' * (count != 1)} of {recordings} recording{'s' * (recordings != 1)}"
        * bool(count)
    )
