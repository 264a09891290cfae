"""The tracks, labels and groups that the names and tables of a folder mean."""

import os
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from zoo.audio.folders import EMPTY, LISTED, OUTSIDE, unlisted
from zoo.audio.urls import is_url
from zoo.datasets.collections.known import (
    check_tables,
    collection_of,
    in_collection,
    recognise,
)
from zoo.datasets.layout.beside import read_beside
from zoo.datasets.layout.columns import columns_by_role
from zoo.datasets.layout.file_index import FileIndex
from zoo.datasets.layout.folder_roles import WRITE, FolderRoles, UnclearFolders, folder_roles
from zoo.datasets.layout.found_tables import METADATA, found_table
from zoo.datasets.layout.label_table import LabelTable, are_predictions, read_labels
from zoo.datasets.layout.listing import SPREADSHEETS, Layout, Listing, Row
from zoo_registry.errors import DatasetError
from zoo_registry.predictions import OTHER
from zoo_registry.reading import Reading
from zoo_registry.text import encodable, few, quoted

__all__ = ["METADATA", "Layout", "NoFileNamed", "Row", "count_unlisted", "understand"]


_SHOWN = 3  # names in a sentence


class NoFileNamed(DatasetError):
    """A table names no audio file that is there."""


def understand(
    listing: Listing, reading: Reading, table: str | None = None, renew: bool = False
) -> Layout:
    """Return what the names and tables in a folder mean.

    A ``metadata.csv`` whose column ``path`` names the files comes first, then a known collection
    unless the user names columns, then the one table of labels that names most of the files, then
    label files beside the recordings, then folders.

    Parameters
    ----------
    listing : Listing
        Names in the folder.
    reading : Reading
        What the user says about them.
    table : str, optional
        The table of labels to read, relative to the listing; no other has a say then.
    renew : bool
        Whether a ``metadata.csv`` is taken as it has to become: without the rows that have no
        file, and with the files in class folders that it does not list.

    Raises
    ------
    DatasetError
        If there are no tracks, a table does not match the files, or there is more than one
        meaning.
    """
    _check_names(listing)
    index = FileIndex(listing)
    folders, problem = FolderRoles(), None
    try:
        folders = folder_roles(listing.name, listing.files)
    except UnclearFolders as error:
        folders.known, problem = error.known, error
    labels = {row["path"]: row["label"] for row in folders.rows}

    def label_of(path: str) -> str:
        """Return the label of a file by its folders."""
        return labels.get(path) or path.partition("/")[0] * ("/" in path)

    by_folder = label_of if len(set(labels.values()) - {OTHER}) > 1 else None
    if table is not None:
        return _given(listing, table, reading, index, by_folder, folders)
    own = listing.exists(METADATA) and _own(listing, reading, index, label_of, folders, renew)
    if own:
        return own
    if not reading.columns and (collection := recognise(listing)):
        return collection
    found, unused = found_table(listing, reading, index, by_folder)
    if found:
        count_unlisted(listing, found.name, found.rows)
        listing.passed.drop(set(found.tables))
        added = _add_from_folders(found, folders)
        return Layout(found.rows, "; ".join(filter(None, [found.said, added, *unused])))
    if not reading.columns and (marked := read_beside(listing, by_folder)):
        count_unlisted(listing, "a label file", marked.rows)
        listing.passed.drop(set(marked.files))
        return Layout(marked.rows, "; ".join([marked.said, *unused]))
    check_tables(listing)
    sheets = listing.passed.ending(SPREADSHEETS)
    wanted = [f"if {few(sheets, _SHOWN)} has the labels, save it as CSV"] if sheets else []
    if problem:
        raise DatasetError("; ".join([str(problem), *unused, *wanted]))
    if not folders.rows and wanted:
        raise DatasetError(f"{listing.name} has no class folders; {wanted[0]}")
    _check_tables_of_folders(listing, folders)
    return _from_folders(listing, folders, unused)


def _check_tables_of_folders(listing: Listing, folders: FolderRoles) -> None:
    """Raise `DatasetError` if a table gives folders labels, such as artists their genres."""
    names = {row["label"].casefold() for row in folders.rows}
    for path in listing.tables:
        try:
            table = listing.read_table(path)
            lines = [line for _, line in table.rows]
        except DatasetError:
            continue  # what cannot be read says nothing of the folders
        label = next(iter(columns_by_role(table.columns).label), None)
        if label is None or not 1 < len({line[label] for line in lines}) < len(names):
            continue
        for column in table.columns:
            found = {line[column].strip().casefold() for line in lines} & names
            if column != label and 2 * len(found) > len(names):
                raise DatasetError(
                    f"{listing.called(path)} has {quoted(label)} for the folders of "
                    f"{listing.name}, by {quoted(column)}, so that these may be no classes; "
                    f"{WRITE}; if the folders are the classes, move the table elsewhere"
                )


def _check_names(listing: Listing) -> None:
    """Raise `DatasetError` for names that CSV and JSON files could not contain."""
    try:
        "\n".join(listing.files).encode()
    except UnicodeEncodeError:
        shown = next(ascii(path) for path in listing.files if encodable(path) != path)
        raise DatasetError(f"the file name {shown} is not in UTF-8; rename the file") from None


def _add_from_folders(table: LabelTable, folders: FolderRoles) -> str:
    """Add groups, folds and parts by folders to a table without, and return what to say."""
    rows = {row["path"]: row for row in folders.rows}
    # The folders inside other classes than the table's may be anything.
    agree = all(rows.get(row["path"], {}).get("label") == row["label"] for row in table.rows)
    added = dict[str, None]()
    for row in table.rows:
        known = rows[row["path"]] if agree else folders.known.get(row["path"], {})
        for role in ("group", "fold", "split"):
            if role in known and role not in table.columns and role not in row:
                row[role] = known[role]
                added[role] = None
    return f"{', '.join(added)} by folders" if added else ""


def _own(
    listing: Listing,
    reading: Reading,
    index: FileIndex,
    label_of: Callable[[str], str],
    folders: FolderRoles,
    renew: bool,
) -> Layout | None:
    """Return what a ``metadata.csv`` with a column ``path`` lists, None for one of another kind.

    It lists the tracks of this dataset, so that each row has to have its file, unless it is to be
    renewed.
    """
    table = listing.read_table(METADATA)
    of_path = (reading.path or "path").casefold()
    if "path" not in table.columns or of_path != "path" or are_predictions(table.columns):
        return None
    found = read_labels(listing, METADATA, reading, index, label_of, is_own=True)
    if found is None:
        return None
    is_about_files = found.named or found.example or any(_leaves(v) for _, v in found.missing)
    if found.missing and not is_about_files:
        return None
    for line, value in found.missing:
        name, place = quoted(value), f"{listing.name}/{METADATA}, line {line}"
        if _leaves(value):
            raise DatasetError(f"{place}: {name} leaves {listing.name}")
        if not renew:
            way = "remove the line"
            if not is_url(listing.name):
                folder = shlex.quote(listing.name)
                way = f"let `zoo data check {folder} --write --force` remove the lines without one"
            raise DatasetError(
                f"{place}: there is no file {name} in {listing.name}{listing.closest(value)}; "
                f"add the file or {way}"
            )
    for line, path in found.unlabelled:
        raise DatasetError(f"{listing.name}/{METADATA}, line {line}: {quoted(path)} has no label")
    known = in_collection(listing, found.rows, table)
    collection = known.collection if known else collection_of(found.rows)
    more = known.more if known else _more(listing, found.rows, label_of)
    if known and known.has_ids:
        found.rows = list(known.rows)
        found.unused = [name for name in found.unused if name != "id"]
    said = "" if found.is_plain else found.said
    if renew:
        found.rows += more
    if not known and (added := _add_from_folders(found, folders)):
        said = f"{found.said}; {added}"
    if renew:
        said = "; ".join(filter(None, (said, _renewed(found, more))))
    count_unlisted(listing, METADATA, found.rows)
    paths = () if renew else [row["path"] for row in more]
    return Layout(found.rows, said, collection, paths)


def _more(listing: Listing, rows: Sequence[Row], label_of: Callable[[str], str]) -> Sequence[Row]:
    """Return rows of the files in class folders that a table does not list.

    Their label is the one that the table gives most files of the folder. A new folder is a class if
    most of the others are called as their labels.
    """
    listed = {row["path"]: row["label"] for row in rows}
    given = defaultdict[str, Counter[str]](Counter)
    for path, label in listed.items():
        given[label_of(path)][label] += 1
    agree = sum(labels[folder] for folder, labels in given.items())
    if 2 * agree <= len(listed) or any("start" in row for row in rows):
        return ()
    others = [(path, label_of(path)) for path in listing.files if path not in listed]
    return [
        {"path": path, "label": given[folder].most_common(1)[0][0] if folder in given else folder}
        for path, folder in others
        if folder
    ]


def _renewed(found: LabelTable, more: Sequence[Row]) -> str:
    """Return what has to change in a table, for a sentence."""
    changes = (
        ([value for _, value in found.missing], "without a file left out"),
        ([row["path"] for row in more], "of files in class folders added"),
    )
    return "; ".join(
        f"{len(names)} row{'s' * (len(names) != 1)} {what} ({few(names, _SHOWN)})"
        for names, what in changes
        if names
    )


def _leaves(value: str) -> bool:
    """Whether a path leads out of the folder."""
    inside = Path(os.path.normpath(value))
    return inside.is_absolute() or ".." in inside.parts


def _given(
    listing: Listing,
    table: str,
    reading: Reading,
    index: FileIndex,
    label_of: Callable[[str], str] | None,
    folders: FolderRoles,
) -> Layout:
    """Return what the table lists that the user has named."""
    found = read_labels(listing, table, reading, index, label_of)
    name = listing.called(table)
    if found is None:
        raise NoFileNamed(
            f"no column of {name} names audio files in {listing.name}; "
            "say which has their paths with --path-column"
        )
    if not listing.files:
        raise NoFileNamed(
            f"there is no audio file in {listing.name}; put {name} into a folder around its files, "
            "or write absolute paths"
        )
    for line, value in () if found.named else found.missing:
        raise NoFileNamed(
            f"{name} names no audio file in {listing.name}: in line {line}, {quoted(value)} of the "
            f"column {quoted(found.columns['path'])} is not there{listing.closest(value)}; "
            "correct the paths, or name another column with --path-column"
        )
    if not found.rows:
        raise DatasetError(f"{name} cannot be used: {found.reason(listing)}")
    count_unlisted(listing, table, found.rows)
    added = _add_from_folders(found, folders)
    return Layout(found.rows, "; ".join(filter(None, [found.said, added])))


def _from_folders(listing: Listing, folders: FolderRoles, unused: Sequence[str]) -> Layout:
    """Return what the folders mean; count what they leave out."""
    folder, passed = listing.name, listing.passed
    for link in listing.lost:
        raise DatasetError(
            f"{link} is a link to nothing, where a class may have been; "
            "bring back what it leads to, or remove it"
        )
    for path in folders.outside:
        passed.add(OUTSIDE, path)
    _count_empty(listing)
    if not folders.rows and folders.outside:
        raise DatasetError(
            "; ".join(
                [
                    f"{folder} has no class folders: its audio files ({len(folders.outside)}) lie "
                    "directly in it; give the folder around them, with one sub-folder per class, "
                    f"or {WRITE}",
                    *unused,
                ]
            )
        )
    if not folders.rows:
        raise DatasetError(
            f"{folder} holds no audio file in a sub-folder{passed.instead}; "
            f"give a folder with one sub-folder per class, each with its audio files; {LISTED}"
        )
    return Layout(folders.rows, "; ".join(filter(None, [folders.said, *unused])))


def count_unlisted(listing: Listing, table: str, rows: Sequence[Row]) -> None:
    """Count the recordings that a table of labels does not list as skipped, by folder.

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
    listing.passed.drop(listed | {table})
    if has_classes:
        _count_empty(listing)


def _count_empty(listing: Listing) -> None:
    """Count the class folders without an audio file as skipped."""
    full = {path.partition("/")[0] for path in listing.files}
    for name in sorted({name for name in listing.folders if "/" not in name} - full):
        listing.passed.add(EMPTY, f"{name}/")
