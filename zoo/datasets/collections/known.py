"""Published collections, recognised as they lie on a disk, and their cards."""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from zoo.audio.folders import PassedOver
from zoo.datasets.collections import (
    ballroom,
    esc,
    fma,
    gtzan,
    mtg_jamendo,
    speech_commands,
    urbansound8k,
)
from zoo.datasets.collections.collection import Collection
from zoo.datasets.collections.esc import collection_of
from zoo.datasets.csv_reader import Table
from zoo.datasets.layout.listing import Layout, Listing, Row, local_listing
from zoo_registry.errors import DatasetError

__all__ = [
    "COLLECTIONS",
    "Collection",
    "check_tables",
    "collection_of",
    "folder_of_table",
    "in_collection",
    "recognise",
]

_MODULES = (gtzan, esc, urbansound8k, fma, ballroom, speech_commands, mtg_jamendo)
_WITH_TABLE = (esc, urbansound8k, fma, mtg_jamendo)
# Publishers' tables of labels, the folders in which they lie beside the recordings, and a title if
# the table is not such a one as others write.
_TABLES = (
    (r"esc50\.csv", r"meta", ""),
    (r"UrbanSound8K\.csv", r"metadata", ""),
    (r"tracks\.csv", r"fma_metadata", "FMA"),
    (r"autotagging_genre.*\.tsv", r"data|splits|split-\d", "MTG-Jamendo"),
)
COLLECTIONS = {each.name: each for module in _MODULES for each in module.COLLECTIONS}


def recognise(listing: Listing) -> Layout | None:
    """Return the layout of the published collection that lies in a folder, None if none does.

    Parameters
    ----------
    listing : Listing
        Names in the folder.

    Raises
    ------
    DatasetError
        If it lies in the folder more than once, or other recordings lie beside it.
    """
    return next(filter(None, (module.read(listing) for module in _MODULES)), None)


def check_tables(listing: Listing) -> None:
    """Raise `DatasetError` if a collection lies in a folder without the table of its labels.

    Parameters
    ----------
    listing : Listing
        Names in the folder, in which no table of labels was found.
    """
    for module in _WITH_TABLE:
        module.check_table(listing)


@dataclass(frozen=True)
class Listed:
    """Tracks of a published collection that a ``metadata.csv`` lists.

    Attributes
    ----------
    collection : str
        Name of the collection.
    rows : sequence of dict
        The listed rows; with the names that their tracks have in the collection, if the file has
        these in its column ``id``.
    has_ids : bool
        Whether the rows have these names.
    more : sequence of dict
        Rows of the tracks that it does not list.
    """

    collection: str
    rows: Sequence[Row]
    has_ids: bool
    more: Sequence[Row]


def in_collection(listing: Listing, rows: Sequence[Row], table: Table) -> Listed | None:
    """Return what a ``metadata.csv`` lists of a published collection, None if it is another one.

    Parameters
    ----------
    listing : Listing
        Names in the folder.
    rows : sequence of dict
        Rows of the file, with ``path`` and ``label``.
    table : Table
        The file.
    """
    known = None
    with suppress(DatasetError):
        known = recognise(replace(listing, passed=PassedOver()))
    if not known or not known.collection or any("start" in row for row in rows):
        return None
    published = {row["path"]: row for row in known.rows}
    own = [published.pop(row["path"], {}) for row in rows]
    if any(one.get("label") != row["label"] for one, row in zip(own, rows, strict=True)):
        return None
    has_id = "id" in table.columns
    ids = {line["path"]: line["id"] for _, line in table.rows} if has_id else {}
    if has_ids := all(ids.get(one["path"], one["path"]) == one["id"] for one in own):
        names = [{key: one[key] for key in ("id", "recording") if key in one} for one in own]
        rows = [name | row for name, row in zip(names, rows, strict=True)]
    return Listed(known.collection, rows, has_ids, list(published.values()))


def folder_of_table(path: Path) -> Path | None:
    """Return the folder of the published collection whose table of labels a file is.

    Parameters
    ----------
    path : Path
        Table.

    Returns
    -------
    Path or None
        The folder; None if it is another table, or the recordings are not around it.

    Raises
    ------
    DatasetError
        As for `recognise`, or if a table needs its recordings.
    """
    for table, above, title in _TABLES:
        if re.fullmatch(table, path.name, re.IGNORECASE):
            folder = path.absolute().parent
            while re.fullmatch(above, folder.name, re.IGNORECASE):
                folder = folder.parent
            known = recognise(local_listing(folder))
            if known and known.collection:
                return folder
            if title and re.fullmatch(above, path.absolute().parent.name, re.IGNORECASE):
                raise DatasetError(
                    f"{path} is a table of {title}, whose recordings are not in {folder}; put them "
                    "there and give that folder"
                )
    return None
