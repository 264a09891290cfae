"""A folder with one sub-folder a class, and what a ``metadata.csv`` beside them adds."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo.audio.files import walk
from zoo.audio.suffixes import is_audio
from zoo.datasets.base import Dataset, Track, check_labels
from zoo.datasets.csv_reader import Table, read_table
from zoo.datasets.hashing import file_digests
from zoo_registry.errors import DatasetError
from zoo_registry.files import is_file
from zoo_registry.text import quoted

__all__ = ["METADATA", "check_name", "check_rows", "listed", "read_folder", "tracks_of"]

METADATA = "metadata.csv"


def read_folder(folder: Path, trust: bool = True) -> Dataset:
    """Read a folder of audio files.

    Without a ``metadata.csv`` every audio file under a sub-folder is a track, and
    the sub-folder its label. With one, its rows are the tracks: ``path`` is
    compulsory, ``label`` defaults to the first folder of the path; ``group``,
    ``recording``, ``fold`` and ``split`` are optional.

    Parameters
    ----------
    folder : Path
    trust : bool
        As in `zoo.datasets.hashing.file_digests`.

    Raises
    ------
    DatasetError
        If there are no tracks or the metadata does not fit the files.
    """
    table = folder / METADATA
    described = table.is_file()
    if described:
        rows = listed(str(folder), read_table(table), lambda path: is_file(folder / path))
    else:
        rows = _found(folder)
    check_rows(str(folder), rows, described)
    paths = [folder / row["path"] for row in rows]
    digests = file_digests(folder, paths, trust)
    places = [{"path": path} for path in paths]
    return Dataset(folder.resolve().name, str(folder), tracks_of(rows, digests, places))


def check_rows(folder: str, rows: Sequence[Mapping[str, str]], described: bool) -> None:
    """Raise `DatasetError` unless a folder's tracks can be told apart by class."""
    if not rows and not described:
        raise DatasetError(
            f"{folder} holds no audio file in a sub-folder; "
            "give a folder with one sub-folder a class, each with its audio files"
        )
    check_labels(folder, [row["label"] for row in rows])


def tracks_of(
    rows: Sequence[Mapping[str, str]], digests: Sequence[str], places: Sequence[Mapping[str, Any]]
) -> list[Track]:
    """Return the tracks of a folder's rows, with the fields that say where each is."""
    return [
        Track(
            id=row["path"],
            label=row["label"],
            digest=digest,
            group=row.get("group") or None,
            recording=row.get("recording") or None,
            fold=row.get("fold") or None,
            split=row.get("split") or None,
            **place,
        )
        for row, digest, place in zip(rows, digests, places, strict=True)
    ]


def _found(folder: Path) -> list[dict[str, str]]:
    rows = []
    home = folder.resolve()
    entered = {home}
    for root, folders, names in walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in list(folders):
            # Links to other places are followed, once; those to this one would run in circles.
            if (root / name).is_symlink():
                target = (root / name).resolve()
                if target in entered or target in home.parents or home in target.parents:
                    folders.remove(name)
                entered.add(target)
        within = root.relative_to(folder).parts
        # Text, not a Path, for each of the files: of these there may be a hundred thousand.
        for name in sorted(names) if within else ():
            if is_audio(Path(name)) and not name.startswith("."):
                path = "/".join((*within, name))
                check_name(path)
                rows.append({"path": path, "label": within[0]})
    return rows


def check_name(path: str) -> None:
    """Raise `DatasetError` for a name that no file of ours could hold."""
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = ascii(path)
        raise DatasetError(f"the file name {shown} is not in UTF-8; rename the file") from None


def listed(folder: str, table: Table, exists: Callable[[str], bool]) -> list[dict[str, str]]:
    """Return the rows of a ``metadata.csv``, with ``path`` and ``label``.

    Parameters
    ----------
    folder : str
        What messages call it.
    table : Table
    exists : callable
        Whether there is a file of this path in the folder.

    Raises
    ------
    DatasetError
        If a row does not fit the files.
    """
    table.require("path", "with the file of each track, relative to the folder")
    rows = []
    for number, row in table.numbered():
        path, name = Path(row["path"]), quoted(row["path"])
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
