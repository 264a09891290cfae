"""The tracks, labels and groups that the names and tables of a folder mean."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.audio.folders import EMPTY, LISTED, OUTSIDE, unlisted
from zoo.datasets.csv_reader import Table
from zoo.datasets.listing import Listing
from zoo_registry.errors import DatasetError
from zoo_registry.record_parts import Reading
from zoo_registry.text import quoted

__all__ = ["METADATA", "Layout", "Row", "count_unlisted", "understand"]

METADATA = "metadata.csv"
Row = dict[str, str]  # path and label, and the annotations of a track that are known


@dataclass(frozen=True)
class Layout:
    """What was understood of a folder.

    Attributes
    ----------
    rows : sequence of dict
        A row per track: its ``path`` and ``label``; where known ``group``, ``recording``,
        ``fold`` and ``split``.
    said : str
        One line for the user, empty if nothing had to be understood.
    collection : str or None
        Name of the published collection, such as "gtzan", if it is one.
    """

    rows: Sequence[Row]
    said: str = ""
    collection: str | None = None


def understand(listing: Listing, reading: Reading) -> Layout:
    """Return what the names and tables in a folder mean.

    A ``metadata.csv`` comes first, then class folders.

    Parameters
    ----------
    listing : Listing
        Names in the folder.
    reading : Reading
        What the user says about them.

    Raises
    ------
    DatasetError
        If there are no tracks, a table does not match the files, or there is more than one
        meaning.
    """
    if listing.exists(METADATA):
        rows = _metadata_rows(listing, listing.read_table(METADATA))
        count_unlisted(listing, METADATA, rows)
        return Layout(rows)
    return Layout(_class_rows(listing))


def count_unlisted(listing: Listing, table: str, rows: Sequence[Row]) -> None:
    """Count the recordings that a table of labels does not list as passed over, by folder.

    Parameters
    ----------
    listing : Listing
        Names in the folder.
    table : str
        Name of the table.
    rows : sequence of dict
        What it lists.
    """
    listed, reason = {row["path"] for row in rows}, unlisted(table)
    has_classes = all(row["path"].startswith(f"{row['label']}/") for row in rows)
    for path in listing.files:
        if path not in listed:
            above = path.partition("/")[0] if has_classes else path.rpartition("/")[0]
            listing.passed.add(reason, path, f"{above}/" if "/" in path else path)
    listing.passed.drop(listed)
    if has_classes:
        _count_empty(listing)


def _count_empty(listing: Listing) -> None:
    """Count the class folders without an audio file as passed over."""
    full = {path.partition("/")[0] for path in listing.files}
    for name in sorted({name for name in listing.folders if "/" not in name} - full):
        listing.passed.add(EMPTY, f"{name}/")


def _class_rows(listing: Listing) -> list[Row]:
    """Return a row for each audio file in a class folder, labelled with the folder's name."""
    folder, passed = listing.name, listing.passed
    for link in listing.lost:
        raise DatasetError(
            f"{link} is a link to nothing, where a class may have been; "
            "bring back what it leads to, or remove it"
        )
    rows = []
    for path in listing.files:
        label, slash, _ = path.partition("/")
        if not slash:
            passed.add(OUTSIDE, label)
            continue
        try:
            path.encode()  # CSV and JSON files could not contain other names
        except UnicodeEncodeError:
            shown = ascii(path)
            raise DatasetError(f"the file name {shown} is not in UTF-8; rename the file") from None
        rows.append({"path": path, "label": label})
    _count_empty(listing)
    if not rows and (outside := passed.count(OUTSIDE)):
        raise DatasetError(
            f"{folder} has no class folders: its audio files ({outside}) lie directly in it; "
            "give the folder around them, with one sub-folder per class"
        )
    if not rows:
        raise DatasetError(
            f"{folder} holds no audio file in a sub-folder{passed.instead}; "
            f"give a folder with one sub-folder per class, each with its audio files; {LISTED}"
        )
    return rows


def _metadata_rows(listing: Listing, table: Table) -> list[Row]:
    """Return the rows of a ``metadata.csv``."""
    table.require("path", "with the file of each track, relative to the folder")
    rows = []
    for number, row in table.rows:
        path, name = Path(os.path.normpath(row["path"])), quoted(row["path"])
        if path.is_absolute() or ".." in path.parts:
            raise DatasetError(f"{table.path}, line {number}: {name} leaves {listing.name}")
        if not listing.exists(path.as_posix()):
            raise DatasetError(
                f"{table.path}, line {number}: there is no file {name} in {listing.name}; "
                "add the file or remove the line"
            )
        label = row.get("label", "").strip() or (path.parts[0] if len(path.parts) > 1 else "")
        if not label:
            raise DatasetError(f"{table.path}, line {number}: {name} has no label")
        rows.append(row | {"path": path.as_posix(), "label": label})
    return rows
