"""Reader of CSV feature tables: one row per track, numeric features, a ``label`` column."""

import hashlib
import re
import shlex
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.datasets.base import ANNOTATIONS, FeatureTable, Track
from zoo.datasets.checks.leaks import column_list, judge_columns, reason_by_name
from zoo.datasets.csv_reader import Table, read_table
from zoo.datasets.layout.columns import columns_by_role, in_table, part_of, plain_name
from zoo.datasets.layout.folder_roles import taken_as
from zoo.execution.progress import Reporter
from zoo_registry.errors import DatasetError
from zoo_registry.reading import Reading
from zoo_registry.text import brief, quoted

__all__ = ["read_feature_table"]

_ID_COLUMNS = ("track", "path", "filename", "file", "id")
_PUBLISHED = ("fold", "split")
_MAY_REPEAT = {"name", "audio"}  # in several rows
_AT_ONCE = 1024  # rows
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+(e[+-]?\d+)?|[+-]?\d+,", re.I)
_UNCLEAR = "its commas may separate thousands; write its numbers without them"
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+(e[+-]?\d+)?", re.I)
_MAY_BE_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


def read_feature_table(
    path: Path, reporter: Reporter | None = None, reading: Reading | None = None
) -> FeatureTable:
    """Return the feature table in a CSV file.

    The first column named track, path, filename, file or id has the ids of the tracks; without
    one, they are numbered. ``group``, ``recording``, ``fold`` and ``split`` have the same meaning
    as in ``metadata.csv``, also under the names of `zoo.datasets.layout.columns`. Every other
    column is a feature, unless it has no numbers, or `zoo.datasets.checks.leaks` knows that it is
    none.

    Parameters
    ----------
    path : Path
        CSV file in UTF-8.
    reporter : Reporter, optional
        Receives notes on columns that are left out, and on suspicious ones.
    reading : Reading, optional
        What the user says about the columns.

    Raises
    ------
    DatasetError
        If there is no label, no feature, or a value that is not a finite number.
    """
    table, reading = read_table(path), reading or Reading()
    columns = table.columns
    reading = in_table(reading, columns, path)
    roles = _columns_of(table, reading)
    annotations = {role: name for role, name in roles.items() if role in ANNOTATIONS}
    reader = _Numbers(path, [name for name in columns if name not in roles.values()])
    rows, labels = list[tuple[str, dict[str, str]]](), list[str]()
    # Converted in parts, because text takes twenty times the memory of the numbers.
    while lines := list(islice(table.rows, _AT_ONCE)):
        reader.add(lines)
        for number, row in lines:
            label = row[roles["label"]]
            if not label.strip():
                raise DatasetError(f"{path}, line {number}: the label is missing")
            labels.append(label)
            own = {role: row[name] for role, name in annotations.items()} | {"label": label}
            if "split" in own:
                own["split"] = part_of(own["split"]) or own["split"]
            rows.append((row[roles["id"]] if "id" in roles else f"line {number:06d}", own))
    names, values, left_out = reader.finished()
    judged = judge_columns(names, values, labels)
    left_out |= judged.left_out
    left_out = {name: left_out[name] for name in columns if name in left_out}
    said = column_list("left out of the features", left_out)
    kept = [place for place, name in enumerate(names) if name not in left_out]
    if not kept:
        more = f"; {said}" if said else ""
        other = "" if reading.path else "; if one names audio files, say which with --path-column"
        raise DatasetError(f"{path} has no feature: every column is an annotation{other}{more}")
    values = values[:, kept]
    tracks = [
        Track.from_row(name, row, hashlib.sha256(own.tobytes()).hexdigest())
        for (name, row), own in zip(rows, values, strict=True)
    ]
    published = {role: column for role, column in annotations.items() if role in _PUBLISHED}
    others = [
        f"{role} in {quoted(name)}"
        for role, name in roles.items()
        if role not in published and name not in {role, *_ID_COLUMNS}
    ]
    taken = (taken_as(role, name, (own for _, own in rows)) for role, name in published.items())
    said = "; ".join(filter(None, ["read " * bool(others) + ", ".join(others), *taken, said]))
    doubts = column_list("doubtful features", judged.suspicious)
    for note in (said, doubts and f"{doubts}; remove what was not measured from the sound"):
        if note and reporter:
            reporter.note(note)
    return FeatureTable(
        path.stem, str(path), tracks, values, [names[place] for place in kept],
        left_out=left_out, suspicious=judged.suspicious, said=said, reading=reading,
    )  # fmt: skip


def _columns_of(table: Table, reading: Reading) -> dict[str, str]:
    """Return the column of each role; former names of ids, labels and annotations come first."""
    names = table.columns
    roles = columns_by_role(names, reading, table.path)
    former = [name for name in _ID_COLUMNS if name in names]
    ids = [*former, *(name for name in roles.path if plain_name(name) not in _MAY_REPEAT)]
    found = {"id": reading.path or next(iter(ids), None), "label": _label_column(table, reading)}
    for role in ANNOTATIONS:
        candidates = [role] if role in names else list(getattr(roles, role))
        said = getattr(reading, role, None)
        free = (c for c in candidates if c not in found.values() and plain_name(c) != "source")
        found[role] = said or next(free, None)
    return {role: name for role, name in found.items() if name}


def _label_column(table: Table, reading: Reading) -> str:
    """Return the column of the labels: the one that is named, "label", or its one synonym."""
    roles = columns_by_role(table.columns, reading, table.path)
    names = roles.label or roles.number
    if not reading.label and ("label" in table.columns or not names):
        if "label" not in table.columns:
            raise DatasetError(
                f"{table.path} has no column 'label'; name the column with the class of each track "
                "with --label-column, and in a table of audio files the one with their paths with "
                f"--path-column; its columns are: {', '.join(map(brief, table.columns[:12]))}"
            )
        return "label"
    if len(names) > 1:
        raise DatasetError(
            f"{table.path} has no column 'label', and several that may have the class of each "
            f"track: {', '.join(map(quoted, names))}; say which to use, as in --label-column "
            f"{shlex.quote(names[0])}"
        )
    return names[0]


class _Numbers:
    """The columns of a table that hold numbers, read in parts."""

    def __init__(self, path: Path, columns: list[str]) -> None:
        self._path = path
        self._left_out = {
            name: reason for name in columns if (reason := reason_by_name(name)) is not None
        }
        self._names = [name for name in columns if name not in self._left_out]
        self._parts = [np.empty((0, len(self._names)), dtype=np.float32)]
        self._numbers = np.zeros(len(self._names), dtype=np.int64)  # in each column
        self._wrong: dict[int, tuple[int, str]] = {}  # line and text of the first, by column
        self._unclear = set[str]()  # columns

    def add(self, lines: list[tuple[int, dict[str, str]]]) -> None:
        """Add some rows."""
        texts = [[row[name] for name in self._names] for _, row in lines]
        try:
            values = np.array(texts, dtype=np.float64)
        except ValueError:
            columns = [
                self._column(name, list(own))
                for name, own in zip(self._names, zip(*texts, strict=True), strict=True)
            ]
            values = np.array(columns).T
        self._numbers += np.count_nonzero(~np.isnan(values), axis=0)
        wrong = ~(np.abs(values) <= np.finfo(np.float32).max)
        for column in np.flatnonzero(wrong.any(axis=0)).tolist():
            row = int(wrong[:, column].argmax())
            self._wrong.setdefault(column, (lines[row][0], texts[row][column]))
        with np.errstate(over="ignore"):
            self._parts.append(values.astype(np.float32))

    def _column(self, name: str, texts: list[str]) -> list[float]:
        """Return the numbers of a column, NaN for what is none; a comma may be a decimal point."""
        if any("," in text for text in texts) and name in self._commas:
            if self._commas[name]:
                texts = [text.replace(",", ".") for text in texts]
            else:
                self._unclear.add(name)
        return list(map(_number, texts))

    @cached_property
    def _commas(self) -> dict[str, bool]:
        """Columns of numbers with commas, and whether these are decimal ones, by all rows."""
        table = read_table(self._path)
        sure: dict[str, bool] = {}  # of the columns with commas
        whole, words, points = set[str](), set[str](), False
        for _, row in table.rows:
            for name in self._names:
                text = row[name].strip()
                if _DECIMAL_COMMA.fullmatch(text):
                    sure[name] = sure.get(name, False) or not _MAY_BE_THOUSANDS.fullmatch(text)
                elif "," in text:
                    words.add(name)
                elif text.isdecimal() and text.strip("0"):
                    whole.add(name)
                else:
                    points = points or _DECIMAL_POINT.fullmatch(text) is not None
        sure = {name: own for name, own in sure.items() if name not in words}
        decimal = any(sure.values()) or not (points or table.separator == ",")
        # In a column, 999 and 1,234 are thousands: decimals would also end after one or two digits.
        return {name: own or (decimal and name not in whole) for name, own in sure.items()}

    def finished(self) -> tuple[list[str], NDArray[np.float32], dict[str, str]]:
        """Return the names and values of the columns that hold numbers, and the other columns."""
        values = np.concatenate(self._parts)
        self._parts.clear()
        holds = self._numbers > 0 if len(values) else np.ones(len(self._names), dtype=bool)
        if wrong := {place: own for place, own in self._wrong.items() if holds[place]}:
            place = min(wrong, key=lambda place: (wrong[place][0], place))
            line, text = wrong[place]
            raise DatasetError(
                f"{self._path}, line {line}: {quoted(text)} in column "
                f"{quoted(self._names[place])} is not a finite number; correct it, or remove "
                "the row or the column"
            )
        for name, holds_numbers in zip(self._names, holds, strict=True):
            if not holds_numbers:
                self._left_out[name] = _UNCLEAR if name in self._unclear else "it holds no number"
        names = [name for name, own in zip(self._names, holds, strict=True) if own]
        return names, values[:, holds], self._left_out


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
