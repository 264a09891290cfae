"""Tables of labels: a row per audio file, with its label, and its group, fold or part if known."""

import posixpath
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from zoo.audio.kinds import is_audio
from zoo.datasets.csv_reader import Table, TableError, read_table
from zoo.datasets.layout.columns import Candidates, columns_by_role, in_table, part_of, plain_name
from zoo.datasets.layout.file_index import FileIndex
from zoo.datasets.layout.label_rows import LabelTable, UnclearLabels, fill
from zoo.datasets.layout.listing import Listing
from zoo_registry.errors import DatasetError
from zoo_registry.predictions import MOST_CLASSES
from zoo_registry.reading import Reading
from zoo_registry.text import few, quoted

__all__ = ["LabelTable", "NoColumn", "PredictionsTable", "are_predictions", "read_labels"]

_FOLD = re.compile(r"(?:fold|split|cv)?[ _-]?\d+([.,]0*)?", re.IGNORECASE)
_WEAK = ("track", "trackid", "name", "id")  # may be paths, or numbers of rows
_COLUMNS = 8
_HEAD = 100  # rows that tell whether values repeat
_LONGEST = 60  # letters of a value there
_FEW = 5  # values of a column called source, which may be groups or the names of two websites


class PredictionsTable(TableError):
    """A table is the output of `zoo predict`."""


class NoColumn(TableError):
    """A table about the files has no column of labels, or no names of columns."""


@dataclass
class _Scan:
    """What is known of a table's columns after one reading."""

    hits: dict[str, list[Sequence[str]]]  # files that a column of paths may mean, per row
    values: dict[str, set[str]]  # of the other columns, as far as there are not too many
    pairs: set[tuple[str, ...]]  # values of the columns of labels
    example: str  # the first value that is called like an audio file, if the first row has one
    head: list[dict[str, str]]  # the first rows, with the beginnings of their values


def read_labels(
    listing: Listing,
    path: str,
    reading: Reading,
    index: FileIndex,
    label_of: Callable[[str], str] | None = None,
    enough: int = 0,
    is_own: bool = False,
) -> LabelTable | None:
    """Return what a table says about the files of a listing, None if no column names files.

    Parameters
    ----------
    listing : Listing
        Names of the files.
    path : str
        Path of the table in it.
    reading : Reading
        What the user says about the columns.
    index : FileIndex
        Index of the listing.
    label_of : callable, optional
        Returns the label of a file for which the table has none, such as that of its folder.
    enough : int
        Number of files that the table has to name, if it was found in the folder; if they are
        fewer, it is read no further.
    is_own : bool
        Whether it is the zoo's own kind of list: it may name any file, and where its label is
        empty, the other one counts.

    Raises
    ------
    DatasetError
        If the table cannot be read, or more than one reading fits, or its rows contradict
        each other.
    """
    name = listing.called(path)
    with listing.copy(path) as local:
        table = read_table(local, name)
        reading = in_table(reading, table.columns, name)
        if enough and are_predictions(table.columns):
            raise PredictionsTable("its labels are the output of `zoo predict`")
        roles = columns_by_role(table.columns, reading, name)
        if any(index.find(column, is_path=False) for column in table.columns):
            raise NoColumn(
                f"the first line of {name} names an audio file; write a line above it with the "
                "names of the columns, such as path,label"
            )
        find = partial(index.find, folder=posixpath.dirname(path), any_file=is_own)
        scan = _scan(table, roles, find, reading.path)
        column = reading.path or _path_column(scan, roles, name)
        if column is None:
            return None
        found = scan.hits.pop(column)
        scan.hits.clear()
        called = posixpath.basename(path) if path.startswith("../") else path
        result = LabelTable(called, {"path": column}, form=table.form, example=scan.example)
        result.lines = len(found)
        result.named = len({file for files in found for file in files})
        if result.named < enough:
            return result
        if result.named:
            result.columns |= _chosen(roles, scan, reading, table, label_of is not None)
        rows = read_table(local, name)
        has_labels = "label" in result.columns and not is_own
        label_of = label_of if label_of and not has_labels else _no_label
        fill(result, listing, rows, found, label_of, roles)
        used = result.columns.values()
        result.unused = [of for of in table.columns if of and of not in used]
        if not result.columns.keys() & {"group", "recording"}:
            label = result.columns.get("label")
            result.has_groups = any(_may_group(of, label, scan.head) for of in result.unused)
    return result


def are_predictions(columns: Sequence[str]) -> bool:
    """Whether a table with these columns is the output of `zoo predict`.

    Parameters
    ----------
    columns : sequence of str
        Names of all columns.
    """
    return {"path", "label", "confidence", "reason", "error", "run"} <= set(columns)


def _scan(
    table: Table, roles: Candidates, find: Callable[..., list[str]], path: str | None
) -> _Scan:
    """Read a table once, for what its columns hold; the user may name that of the paths."""
    labels = (*roles.label, *roles.number)
    others = dict.fromkeys((*labels, *roles.group, *roles.recording, *roles.fold, *roles.split))
    known = dict.fromkeys(name for name in roles.path if path or name not in others)
    hits: dict[str, list[Sequence[str]]] = {name: [] for name in known}
    example = ""
    values: dict[str, set[str]] = {name: set() for name in others}
    pairs: set[tuple[str, ...]] = set()
    head: list[dict[str, str]] = []
    for _, row in table.rows:
        if len(head) < _HEAD:
            head.append({name: sys.intern(value[:_LONGEST].strip()) for name, value in row.items()})
        if not example:
            like = [path] if path else _like_paths(row, others)
            example = row[like[0]] if like else " "
            hits |= {name: [] for name in like if name not in hits}
        for name, found in hits.items():
            found.append(find(row[name], is_path=name in known))
        for name, seen in values.items():
            if len(seen) <= MOST_CLASSES:
                seen.add(row[name].strip())
        if len(pairs) <= MOST_CLASSES:
            pairs.add(tuple(row[name].strip() for name in labels))
    return _Scan(hits, values, pairs, example.strip(), head)


def _may_group(column: str, label: str | None, rows: Sequence[Mapping[str, str]]) -> bool:
    """Whether a column has texts that repeat, more than one per class."""
    pairs = [(row[label] if label else "", row[column]) for row in rows]
    texts = [text for _, text in pairs if text]
    is_text = all(any(map(str.isalpha, text)) for text in texts)
    of_label = {name for name, text in pairs if text}
    repeats = len(set(texts)) < len(texts)
    return is_text and repeats and len(of_label) < len({pair for pair in pairs if pair[1]})


def _like_paths(row: Mapping[str, str], others: Mapping[str, None]) -> list[str]:
    """Return the columns whose first value is called like an audio file."""
    return [name for name, value in row.items() if name not in others and is_audio(value)]


def _path_column(scan: _Scan, roles: Candidates, table: str) -> str | None:
    """Return the column that names files of the listing, or by its name should do so."""
    for name in list(scan.hits):
        # Numbers of rows may be names of files by chance, but hardly all of one file each.
        if plain_name(name) in _WEAK and any(len(found) > 1 for found in scan.hits[name]):
            del scan.hits[name]
    counts = {name: sum(map(bool, found)) for name, found in scan.hits.items()}
    best = max(counts.values(), default=0)
    if not best:
        return next((name for name in counts if plain_name(name) not in _WEAK), None)
    names = [name for name in counts if counts[name] == best]
    names = [name for name in names if plain_name(name) not in _WEAK] or names
    first = scan.hits[names[0]]
    for other in names[1:]:
        if names[0] != "path" and scan.hits[other] != first:
            raise DatasetError(
                f"the columns {quoted(names[0])} and {quoted(other)} of {table} name different "
                "audio files; say which to use with --path-column"
            )
    return names[0]


def _chosen(
    roles: Candidates, scan: _Scan, reading: Reading, table: Table, has_labels: bool
) -> dict[str, str]:
    """Return the column of each role but the path, chosen by what the columns hold."""
    columns = {}
    if label := _label_column(roles, scan, reading, table, has_labels):
        columns["label"] = label
    for role in ("group", "recording", "fold"):
        for name in getattr(roles, role):
            seen = scan.values[name] - {""}
            few = _FEW if plain_name(name) == "source" and name != reading.group else 2
            if len(seen) >= few or name in (role, getattr(reading, role, None)):
                columns[role] = name
                break
    for name in roles.split:
        seen = scan.values[name] - {""}
        if all(map(part_of, seen)) or (name == "split" and not all(map(_is_fold, seen))):
            columns["split"] = name
        elif "fold" not in columns and len(seen) > 1 and all(map(_is_fold, seen)):
            columns["fold"] = name
        else:
            continue
        break
    return columns


def _label_column(
    roles: Candidates, scan: _Scan, reading: Reading, table: Table, has_labels: bool
) -> str | None:
    if reading.label or {"path", "label"} <= set(table.columns):  # no other could be meant
        return reading.label or "label"
    every = (*roles.label, *roles.number)
    for candidates in (roles.label, roles.number):
        names = [name for name in candidates if len(scan.values[name] - {""}) > 1]
        for other in names[1:]:
            first, second = every.index(names[0]), every.index(other)
            both = {(values[first], values[second]) for values in scan.pairs}
            if not len(both) == len({one for one, _ in both}) == len({two for _, two in both}):
                raise UnclearLabels(
                    f"{table.path} has several columns of labels: {few(names, _COLUMNS)}; "
                    f"say which to use, as in --label-column {shlex.quote(names[0])}"
                )
        if names:
            return names[0]
    if roles.label or has_labels:
        return next(iter(roles.label), None)
    others = [name for name in table.columns if name not in roles.path]
    raise NoColumn(
        f"no column of {table.path} is called label, class, category or genre; say which has the "
        f"labels with --label-column: {few(others, _COLUMNS) or 'there is no other column'}"
    )


def _no_label(path: str) -> str:
    return ""


def _is_fold(value: str) -> bool:
    return bool(_FOLD.fullmatch(value))
