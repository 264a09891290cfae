"""The names that a folder or an address holds, and the layout that is understood from them."""

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from zoo.audio.folders import PassedOver, walk
from zoo.audio.kinds import is_foreign, suffix_of
from zoo.datasets.csv_reader import Table, read_table
from zoo.workspace import cache_folder, models_folder
from zoo_registry.files import is_file
from zoo_registry.text import near

__all__ = ["SPREADSHEETS", "TABLES", "Layout", "Listing", "Row", "local_listing"]

TABLES = (".csv", ".tsv", ".txt")  # suffixes of files that may have the labels of the others
SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")  # which are not read
Row = dict[str, str]  # path and label, and the annotations of a track that are known


@dataclass(frozen=True)
class Layout:
    """What was understood of a folder.

    Attributes
    ----------
    rows : sequence of dict
        A row per track: its ``path`` and ``label``; where known ``group``, ``recording``,
        ``fold`` and ``split``; the ``id`` of the track, if it is not the path.
    said : str
        One line for the user, empty if nothing had to be understood.
    collection : str or None
        Name of the published collection, such as "gtzan", if it is one.
    unlisted : sequence of str
        Audio files in class folders that a ``metadata.csv`` does not list.
    """

    rows: Sequence[Row]
    said: str = ""
    collection: str | None = None
    unlisted: Sequence[str] = ()


_COMPARED = 2000  # names among which the closest one is looked for


@dataclass(frozen=True)
class Listing:
    """Names of the files below a folder or an address, relative to it, with forward slashes.

    Attributes
    ----------
    name : str
        The folder or the address, for messages.
    files : sequence of str
        Audio files, sorted.
    folders : collection of str
        Folders that may hold audio files, without a slash at the end.
    tables : collection of str
        Files with a suffix of `TABLES`.
    passed : PassedOver
        What is skipped, and why.
    exists : callable
        Whether there is a file of a relative path, audio or not.
    copy : callable
        Context with a local path of a file, such as a table.
    lost : sequence of str
        Links to nothing directly in the folder, which may have been classes.
    """

    name: str
    files: Sequence[str]
    folders: Collection[str]
    tables: Collection[str]
    passed: PassedOver
    exists: Callable[[str], bool]
    copy: Callable[[str], AbstractContextManager[Path]]
    lost: Sequence[str] = field(default=())

    def called(self, path: str) -> str:
        """Return the name of a file for messages; it may lie outside the listing's folder."""
        whole = f"{self.name}/{path}"
        return os.path.normpath(whole) if path.startswith("../") else whole

    def closest(self, value: str) -> str:
        """Return the audio file whose path is most like a value, as a part of a sentence."""
        return near(value, self.files[:_COMPARED])

    def read_table(self, path: str) -> Table:
        """Return the content of one of the `tables`; the rows are read at once.

        Parameters
        ----------
        path : str
            Relative path.

        Raises
        ------
        DatasetError
            If it cannot be read.
        """
        with self.copy(path) as local:
            table = read_table(local, f"{self.name}/{path}")
            return replace(table, rows=iter(list(table.rows)))


def local_listing(folder: Path) -> Listing:
    """Return the names in a folder of this machine.

    Parameters
    ----------
    folder : Path
        Folder.

    Raises
    ------
    UsageError
        If a folder in it cannot be read.
    """
    passed, tables = PassedOver(), list[str]()
    folders, files = list[str](), list[str]()
    for within, names in walk(folder, passed, TABLES, tables):
        if within:
            folders.append(within[:-1])
        files += [within + name for name in names]
    home = Path(os.path.realpath(folder))
    for own in (Path(os.path.realpath(models_folder())), Path(os.path.realpath(cache_folder()))):
        if home in own.parents:  # the working folder is the dataset
            passed.forget(str(own))
            inside = f"{own.relative_to(home).as_posix()}/"
            tables = [path for path in tables if not path.startswith(inside)]
            folders = [path for path in folders if not f"{path}/".startswith(inside)]
    return Listing(
        name=str(folder),
        files=sorted(files),
        folders=folders,
        tables=tables,
        passed=passed,
        exists=lambda path: is_file(folder / path),
        copy=lambda path: nullcontext(folder / path),
        lost=list(_lost(folder)),
    )


def _lost(folder: Path) -> Collection[str]:
    with os.scandir(folder) as entries:
        return [
            entry.path
            for entry in entries
            if entry.is_symlink()
            and not (suffix_of(entry.name) or is_foreign(entry.name))
            and not os.path.exists(entry.path)  # noqa: PTH110
        ]
