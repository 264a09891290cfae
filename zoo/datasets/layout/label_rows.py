"""Rows of a table of labels, as those of the files that they mean."""

import posixpath
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from zoo.datasets.csv_reader import Table
from zoo.datasets.layout.columns import Candidates, part_of
from zoo.datasets.layout.folder_roles import taken_as
from zoo.datasets.layout.listing import Listing, Row
from zoo.datasets.segments import Span, TimeColumns, apply_spans, check_overlaps, count_text
from zoo_registry.errors import DatasetError
from zoo_registry.text import brief, few, quoted

__all__ = ["LabelTable", "UnclearLabels", "check_single", "fill"]

_WHOLE = re.compile(r"(-?\d+)[.,]0*")  # a whole number that a program has written as a float
_NUMBER = re.compile(r"-?\d+([.,]0*)?")
_DECIMAL = re.compile(r"-?\d+,\d+")
_SEPARATORS = ("|", ";", ",", "/")  # of several labels in a cell
_SHOWN = 3  # names in a sentence
_COLUMNS = 8


class UnclearLabels(DatasetError):
    """A table does not have exactly one label for each file."""


@dataclass
class LabelTable:
    """What a table says about the files of a listing.

    Attributes
    ----------
    name : str
        Path of the table, relative to the listing.
    columns : dict
        Column of each role that is used.
    lines : int
        Number of its rows.
    named : int
        Number of files that it names.
    rows : list of dict
        Path, label and known annotations of each file that is there.
    missing : list of (int, str)
        Line and value of the rows whose file is not there.
    unlabelled : list of (int, str)
        Line and path of the files whose label is empty.
    unused : list of str
        The other columns.
    form : str
        Separator and encoding, for a sentence.
    example : str
        The first value that is called like an audio file, if its first row has one.
    spelling : (str, str) or None
        The first value that is not the path of its file as it is, and that path.
    tables : tuple of str
        Paths of the tables that were joined to this one.
    note : str
        What is to say of segments.
    has_groups : bool
        Whether a column that is not used may have groups, and no other has them.
    """

    name: str
    columns: dict[str, str]
    lines: int = 0
    named: int = 0
    rows: list[Row] = field(default_factory=list)
    missing: list[tuple[int, str]] = field(default_factory=list)
    unlabelled: list[tuple[int, str]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    form: str = ""
    example: str = ""
    spelling: tuple[str, str] | None = None
    tables: tuple[str, ...] = ()
    note: str = ""
    has_groups: bool = False

    def __post_init__(self) -> None:
        self.tables = self.tables or (self.name,)

    @property
    def is_plain(self) -> bool:
        """Whether the columns are called by their roles, all are used, and the form is usual."""
        named = all(role == name for role, name in self.columns.items())
        return named and not (
            self.unused or self.form or self.spelling or self.note or self._parts_as_folds
        )

    @property
    def _parts_as_folds(self) -> str:
        """A sentence if the folds are called as parts are, such as "train" and "test"."""
        folds = [row["fold"] for row in self.rows if row.get("fold")]
        if not (folds and all(map(part_of, folds))):
            return ""
        return taken_as("fold", self.columns.get("fold", "fold"), self.rows)

    @property
    def roles(self) -> str:
        """The columns that are used, for a sentence."""
        return ", ".join(f"{role} in {brief(name)}" for role, name in self.columns.items())

    def reason(self, listing: Listing) -> str:
        """Return why the labels cannot be used of a table that names too few files, or has none."""
        if self.named and self.unlabelled and not self.rows:
            return f"its column {quoted(self.columns.get('label', 'label'))} is empty"
        if not self.lines:
            return "it has no rows below its first line"
        said = f"it names {self.named} of {len(listing.files)} audio files"
        if self.example and not self.named:
            said += f", {quoted(self.example)} is not there{listing.closest(self.example)}"
        return said

    @property
    def said(self) -> str:
        """One line on what was understood."""
        form = f" ({self.form})" if self.form else ""
        has_labels = "label" in self.columns
        parts = [f"{'labels from ' * has_labels}{self.name}{form}: {self.roles}"]
        if not has_labels:
            parts.append("labels by folders")
        if self.spelling:
            parts.append("paths such as {} mean {}".format(*map(quoted, self.spelling)))
        parts += filter(None, (self.note, self._parts_as_folds))
        if self.unused:
            hint = " (--group-column NAME keeps tracks of one artist together)" * self.has_groups
            parts.append(f"not used: {few(self.unused, _COLUMNS)}{hint}")
        if self.missing:
            total = len(self.rows) + len(self.missing) + len(self.unlabelled)
            names = few([value for _, value in self.missing], _SHOWN)
            parts.append(f"{len(self.missing)} of {total} rows have no file here ({names})")
        if self.unlabelled:
            names = few([path for _, path in self.unlabelled], _SHOWN)
            rows = "1 row" if len(self.unlabelled) == 1 else f"{len(self.unlabelled)} rows"
            is_are = "is" if len(self.unlabelled) == 1 else "are"
            parts.append(f"{rows} without a label {is_are} not used ({names})")
        return "; ".join(parts)


def fill(
    result: LabelTable,
    listing: Listing,
    table: Table,
    found: Iterable[Sequence[str]],
    label_of: Callable[[str], str],
    roles: Candidates,
) -> None:
    """Add the rows of a table to what is known of it.

    Parameters
    ----------
    result : LabelTable
        The table, whose columns are chosen.
    listing : Listing
        Names of the files.
    table : Table
        The table, to be read from its beginning.
    found : iterable of sequence of str
        Files that each row may mean.
    label_of : callable
        Returns the label of a file for which the table has none; it may be empty.
    roles : Candidates
        Columns that may be the times of segments.

    Raises
    ------
    DatasetError
        If rows contradict each other, or a segment is none.
    """
    columns, times = dict(result.columns), None
    of_path, of_label = columns.pop("path"), columns.pop("label", None)
    entries, spans, starts = list[tuple[int, Row]](), list[Span | str | None](), set()
    for (line, values), files in zip(table.rows, found, strict=True):
        times = times or TimeColumns.among(roles, values)
        if not files:
            result.missing.append((line, values[of_path]))
            continue
        label = values[of_label].strip() if of_label else ""
        file = _only(files, label, f"{table.path}, line {line}", values[of_path])
        if posixpath.normpath(values[of_path]) != file:
            result.spelling = result.spelling or (values[of_path], file)
        label = label or label_of(file)
        if not label:
            result.unlabelled.append((line, file))
            continue
        known = {role: values[name].strip() for role, name in columns.items()}
        tidy = {role: _TIDY.get(role, str)(value) for role, value in known.items() if value}
        row = {"path": file, "label": label, **tidy}
        entries.append((line, row))
        if times:
            spans.append(times.read(values))
        if roles.start:
            starts.add((file, values[roles.start[0]].strip()))
    several = len(starts) > len({file for file, _ in starts})
    if times and any(spans):
        reason = apply_spans(listing, table.path, entries, spans)
        if reason and several:
            raise DatasetError(f"{table.path}, {reason}; correct the times of the segments")
        if reason:
            result.note = f"{few(list(times.roles.values()), _SHOWN)} not used: {reason}"
        else:
            result.columns |= times.roles
    elif several:
        raise DatasetError(
            f"{table.path} has the beginnings of segments in {brief(roles.start[0])}, and no ends; "
            "add a column end, or duration"
        )
    rows = _by_track(table.path, entries)
    result.rows = [row for _, row in rows]
    if text := count_text(result.rows):
        overlaps = check_overlaps(table.path, rows)
        result.note = text + f", {overlaps} overlap others" * bool(overlaps)
    check_single(table.path, rows)
    _make_whole(result.rows)


def _make_whole(rows: Sequence[Row]) -> None:
    """Write labels as whole numbers if all are: 1 and 1.0 are the same class."""
    if all(_NUMBER.fullmatch(row["label"]) for row in rows):
        for row in rows:
            row["label"] = _whole(row["label"])


def _by_track(table: object, found: Iterable[tuple[int, Row]]) -> list[tuple[int, Row]]:
    """Return the first line and the row of each track; equal rows are one."""
    rows: dict[str, tuple[int, Row]] = {}
    for line, row in found:
        track = row.get("id", row["path"])
        earlier, same = rows.setdefault(track, (line, row))
        if same != row:
            other = next(role for role in (*row, *same) if row.get(role) != same.get(role))
            raise (UnclearLabels if other == "label" else DatasetError)(
                f"{table} names the track {quoted(track)} twice, with different values of {other} "
                f"in the lines {earlier} and {line}: {quoted(same.get(other, ''))} and "
                f"{quoted(row.get(other, ''))}; a track has one, keep one of the rows"
            )
    return list(rows.values())


def _only(files: Sequence[str], label: str, place: str, value: str) -> str:
    """Return the one file that a row means; the folder may be that of the label."""
    if len(files) > 1:
        files = [file for file in files if label in file.split("/")[:-1]] or files
    if len(files) > 1:
        raise DatasetError(
            f"{place}: {quoted(value)} may be {quoted(files[0])} or {quoted(files[1])}; "
            "write the path with its folder"
        )
    return files[0]


def _whole(text: str) -> str:
    match = _WHOLE.fullmatch(text)
    return match[1] if match else text


_TIDY: dict[str, Callable[[str], str]] = {
    "fold": _whole,
    "split": lambda value: part_of(value) or value,
}


def check_single(table: object, rows: Iterable[tuple[int, Row]]) -> None:
    """Raise `DatasetError` if some rows have several labels in one cell.

    Parameters
    ----------
    table : object
        Name of the table, for messages.
    rows : iterable of (int, dict)
        Line and row of each track.
    """
    lines = dict[str, int]()
    for line, row in rows:
        lines.setdefault(row["label"], line)
    for separator in _SEPARATORS:
        split = {
            label: [part.strip() for part in label.split(separator)]
            for label in lines
            if separator in label and not _DECIMAL.fullmatch(label)
        }
        used = Counter(part for parts in split.values() for part in set(parts))
        for label, parts in split.items():
            known = [part in lines or (separator != "/" and used[part] > 1) for part in parts]
            is_list = label.startswith("[") and separator == ","
            if all(known) or (separator != "/" and any(known)) or is_list:
                raise UnclearLabels(
                    f"{table}, line {lines[label]}: {quoted(label)} are {len(parts)} labels, and a "
                    "track has one; keep one of them, or name another column with --label-column"
                )
