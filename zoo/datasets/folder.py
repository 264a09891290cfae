"""Reader of a folder with one sub-folder per class, or with a ``metadata.csv``."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from zoo.audio.files import is_audio, walk
from zoo.datasets.base import Dataset, Track, check_labels
from zoo.datasets.csv_reader import Table, read_table
from zoo.datasets.hashing import file_digests
from zoo_registry.errors import DatasetError
from zoo_registry.files import is_file
from zoo_registry.text import quoted

__all__ = ["METADATA", "file_rows", "metadata_rows", "read_folder"]

METADATA = "metadata.csv"


def read_folder(folder: Path, trust: bool = True) -> Dataset:
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

    Raises
    ------
    DatasetError
        If there are no tracks or the metadata does not match the files.
    """
    metadata = folder / METADATA
    if metadata.is_file():
        rows = metadata_rows(str(folder), read_table(metadata), lambda path: is_file(folder / path))
    else:
        rows = file_rows(str(folder), _audio_files(folder))
    check_labels(str(folder), [row["label"] for row in rows])
    paths = [folder / row["path"] for row in rows]
    digests = file_digests(folder, paths, trust)
    tracks = [
        Track.from_row(row["path"], row, digest, path)
        for row, digest, path in zip(rows, digests, paths, strict=True)
    ]
    return Dataset(folder.resolve().name, str(folder), tracks)


def _audio_files(folder: Path) -> Iterator[str]:
    """Yield the audio files in sub-folders, as paths relative to `folder`."""
    home = folder.resolve()
    entered = {home}
    for root, folders, names in walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in list(folders):
            # Links are followed once, unless they lead back and so into an endless loop.
            if (root / name).is_symlink():
                target = (root / name).resolve()
                if target in entered or target in home.parents or home in target.parents:
                    folders.remove(name)
                entered.add(target)
        within = root.relative_to(folder).parts
        for name in () if within else names:
            if (root / name).is_symlink() and not Path(name).suffix and not (root / name).exists():
                raise DatasetError(
                    f"{root / name} is a link to nothing, where a class may have been; "
                    "bring back what it leads to, or remove it"
                )
        # Strings instead of Paths save time: there may be a hundred thousand files.
        for name in sorted(names) if within else ():
            if is_audio(Path(name)) and not name.startswith("."):
                yield "/".join((*within, name))


def file_rows(folder: str, files: Iterable[str]) -> list[dict[str, str]]:
    """Return a row for each file, labelled with its sub-folder; raise `DatasetError` for none."""
    rows = []
    for path in files:
        try:
            path.encode()  # CSV and JSON files could not contain other names
        except UnicodeEncodeError:
            shown = ascii(path)
            raise DatasetError(f"the file name {shown} is not in UTF-8; rename the file") from None
        rows.append({"path": path, "label": PurePosixPath(path).parts[0]})
    if not rows:
        raise DatasetError(
            f"{folder} holds no audio file in a sub-folder; "
            "give a folder with one sub-folder a class, each with its audio files"
        )
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
