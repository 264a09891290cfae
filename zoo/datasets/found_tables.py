"""The one table of labels among the tables that lie in a folder of audio files."""

import math
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import replace

from zoo.datasets.beside import label_files
from zoo.datasets.columns import part_of
from zoo.datasets.csv_reader import TableError
from zoo.datasets.file_index import FileIndex
from zoo.datasets.label_table import LabelTable, NoColumn, read_labels
from zoo.datasets.listing import Listing
from zoo.datasets.segments import count_text
from zoo_registry.errors import DatasetError
from zoo_registry.record_parts import Reading
from zoo_registry.text import quoted

__all__ = ["METADATA", "found_table"]

METADATA = "metadata.csv"
_MOST = 20  # tables that are read
_DEPTH = 3  # folders in which they may lie
_SHOWN = 3  # tables in a sentence


def found_table(
    listing: Listing,
    reading: Reading,
    index: FileIndex,
    label_of: Callable[[str], str] | None = None,
) -> tuple[LabelTable | None, list[str]]:
    """Return the table that has the labels of a folder's files, and sentences on the others.

    A table has to name at least half of the files: others are about something else, such as a list
    of broken files. Tables of parts, such as ``train.csv`` and ``test.csv``, are taken together.

    Parameters
    ----------
    listing : Listing
        Names in the folder.
    reading : Reading
        What the user says about the columns.
    index : FileIndex
        Index of the listing.
    label_of : callable, optional
        Returns the label of a file by its folders.

    Raises
    ------
    DatasetError
        If more than one table fits, or the one that fits contradicts itself.
    """
    half = max(1, math.ceil(len(listing.files) / 2))
    fits, unused, problem = list[LabelTable](), list[str](), None
    for path in _candidates(listing):
        try:
            enough = 1 if _part(path) else half
            table = read_labels(listing, path, reading, index, label_of, enough)
        except NoColumn as error:
            problem = problem or error
            continue
        except TableError as error:
            if (reading.columns or not label_of) and not path.lower().endswith(".txt"):
                unused.append(f"{path} is not used: {error}")
            continue
        if table and table.rows:
            fits.append(table)
        elif path == METADATA or reading.columns or (table and (table.named or table.example)):
            unused.append(_unused(listing, path, table, reading))
    fits = [table for table in fits if table.name == METADATA] or fits
    parts = [table for table in fits if _part(table.name)]
    if parts == fits and len({row["path"] for table in parts for row in table.rows}) < half:
        fits = []
    if not fits:
        if problem and (reading.columns or not label_of):  # folders have no labels either
            raise problem
        if reading.columns:
            raise DatasetError(
                "; ".join(
                    [f"no table in {listing.name} has these columns and names files", *unused]
                )
            )
        return None, unused
    first, *others = fits
    if all(table.rows == first.rows for table in others):
        return first, unused
    if parts == fits and _are_apart(parts):
        return _joined(parts), unused
    names = " and ".join(f"{table.name} ({table.roles})" for table in fits[:_SHOWN])
    raise DatasetError(
        f"{len(fits)} tables in {listing.name} could have the labels: {names}; "
        f"give one of them, as in --data {listing.name}/{first.name}"
    )


def _unused(listing: Listing, path: str, table: LabelTable | None, reading: Reading) -> str:
    """Return a sentence on a table that names none of the files, or too few."""
    if table is None and reading.columns and not reading.path:
        return f"no column of {path} is known to name audio files; say which with --path-column"
    named = table.named if table else 0
    said = f"{path} is not used: it names {named} of {len(listing.files)} audio files"
    if table and table.example and not named:
        said += f", {quoted(table.example)} is not there{listing.closest(table.example)}"
    return said


def _candidates(listing: Listing) -> Sequence[str]:
    """Return the tables that may have labels; a table beside each recording is none."""
    beside = {table for tables in label_files(listing).values() for table in tables}
    tables = [path for path in listing.tables if path.count("/") <= _DEPTH and path not in beside]
    tables.sort(
        key=lambda path: (path != METADATA, path.lower().endswith(".txt"), path.count("/"), path)
    )
    return tables[:_MOST]


def _part(path: str) -> str | None:
    """Return the part of a dataset that a table is called by, or its folder is."""
    folder, name = posixpath.split(posixpath.splitext(path)[0])
    return part_of(name) or part_of(posixpath.basename(folder))


def _are_apart(tables: Sequence[LabelTable]) -> bool:
    """Whether tables have the same columns and no file in common."""
    paths = [path for table in tables for path in {row["path"] for row in table.rows}]
    same = all(table.columns == tables[0].columns for table in tables)
    return same and len(set(paths)) == len(paths)


def _joined(tables: Sequence[LabelTable]) -> LabelTable:
    """Return the rows of tables of parts as those of one table."""
    rows = [{"split": _part(table.name) or ""} | row for table in tables for row in table.rows]
    return replace(
        tables[0],
        name=" and ".join(table.name for table in tables),
        tables=tuple(table.name for table in tables),
        rows=rows,
        missing=[item for table in tables for item in table.missing],
        unlabelled=[item for table in tables for item in table.unlabelled],
        note=count_text(rows) or tables[0].note,
    )
