"""Reader of a folder with one sub-folder per class, or with a ``metadata.csv``."""

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from zoo.audio.folders import EMPTY, LISTED, OUTSIDE, PassedOver, walk
from zoo.audio.kinds import is_foreign, suffix_of
from zoo.datasets.base import Dataset, Track, check_labels
from zoo.datasets.csv_reader import Table, read_table
from zoo.datasets.hashing import file_digests
from zoo.execution.progress import Reporter
from zoo_registry.errors import DatasetError
from zoo_registry.files import is_file
from zoo_registry.text import quoted

__all__ = ["METADATA", "file_rows", "metadata_rows", "read_folder"]

METADATA = "metadata.csv"


def read_folder(folder: Path, trust: bool = True, reporter: Reporter | None = None) -> Dataset:
    """Return the dataset in a folder of audio files.

    Without a ``metadata.csv`` every audio file in a sub-folder is a track, and its label is
    the name of the sub-folder. With one, its rows are the tracks: ``path`` is required,
    ``label`` defaults to the first folder of the path; ``group``, ``recording``, ``fold``
    and ``split`` are optional.

    Parameters
    ----------
    folder : Path
        Folder of the dataset.
    trust : bool
        Whether files of unchanged size and time are assumed to be unchanged.
    reporter : Reporter, optional
        Receives a note on what is passed over.

    Raises
    ------
    DatasetError
        If there are no tracks or the metadata does not match the files.
    """
    metadata = folder / METADATA
    if metadata.is_file():
        rows = metadata_rows(str(folder), read_table(metadata), lambda path: is_file(folder / path))
    else:
        rows = _class_rows(folder, reporter or Reporter())
    check_labels(str(folder), [row["label"] for row in rows])
    paths = [folder / row["path"] for row in rows]
    digests = file_digests(folder, paths, trust)
    tracks = [
        Track.from_row(row["path"], row, digest, path)
        for row, digest, path in zip(rows, digests, paths, strict=True)
    ]
    return Dataset(folder.resolve().name, str(folder), tracks)


def _class_rows(folder: Path, reporter: Reporter) -> list[dict[str, str]]:
    """Return the rows of a folder without a ``metadata.csv``."""
    passed, classes, files = PassedOver(), list[str](), list[str]()
    for within, names in walk(folder, passed):
        if within.count("/") == 1:
            classes.append(within[:-1])
        files += [within + name for name in names]
    with os.scandir(folder) as entries:
        for entry in entries:
            may_be_class = not (suffix_of(entry.name) or is_foreign(entry.name))
            if may_be_class and entry.is_symlink() and not os.path.exists(entry.path):  # noqa: PTH110
                raise DatasetError(
                    f"{entry.path} is a link to nothing, where a class may have been; "
                    "bring back what it leads to, or remove it"
                )
    return file_rows(str(folder), files, classes, passed, reporter)


def file_rows(
    folder: str,
    files: Iterable[str],
    classes: Collection[str],
    passed: PassedOver,
    reporter: Reporter,
) -> list[dict[str, str]]:
    """Return a row for each audio file in a class folder, labelled with the folder's name.

    Parameters
    ----------
    folder : str
        Name of the outermost folder in messages.
    files : iterable of str
        Audio files, relative to it, with slashes.
    classes : collection of str
        Folders in it.
    passed : PassedOver
        What was passed over; receives files in no class folder, and folders without audio.
    reporter : Reporter
        Receives a note on it.

    Raises
    ------
    DatasetError
        If there is no audio file in a class folder, or a name is not in UTF-8.
    """
    rows = []
    for path in files:
        label, slash, name = path.partition("/")
        if not slash:
            passed.add(OUTSIDE, label)
            continue
        try:
            path.encode()  # CSV and JSON files could not contain other names
        except UnicodeEncodeError:
            shown = ascii(path)
            raise DatasetError(f"the file name {shown} is not in UTF-8; rename the file") from None
        rows.append({"path": path, "label": label})
    for name in sorted({*classes}.difference(row["label"] for row in rows)):
        passed.add(EMPTY, f"{name}/")
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
    if passed.note:
        reporter.note(passed.note)
    return rows


def metadata_rows(folder: str, table: Table, exists: Callable[[str], bool]) -> list[dict[str, str]]:
    """Return the rows of a ``metadata.csv`` by column name, with ``path`` and ``label``.

    Parameters
    ----------
    folder : str
        Name of the folder in messages.
    table : Table
        Content of the file.
    exists : callable
        Returns whether the folder has a file of this relative path.

    Raises
    ------
    DatasetError
        If a row does not match the files.
    """
    table.require("path", "with the file of each track, relative to the folder")
    rows = []
    for number, row in table.rows:
        path, name = Path(os.path.normpath(row["path"])), quoted(row["path"])
        if path.is_absolute() or ".." in path.parts:
            raise DatasetError(f"{table.path}, line {number}: {name} leaves {folder}")
        if not exists(path.as_posix()):
            raise DatasetError(
                f"{table.path}, line {number}: there is no file {name} in {folder}; "
                "add the file or remove the line"
            )
        label = row.get("label", "").strip() or (path.parts[0] if len(path.parts) > 1 else "")
        if not label:
            raise DatasetError(f"{table.path}, line {number}: {name} has no label")
        rows.append(row | {"path": path.as_posix(), "label": label})
    return rows
