"""A folder with one sub-folder a class, and what a ``metadata.csv`` beside them adds."""

from pathlib import Path

from zoo.audio.files import walk
from zoo.audio.suffixes import is_audio
from zoo.datasets.base import Dataset, Track, check_labels
from zoo.datasets.columns import Table, read_table
from zoo.datasets.hashing import file_digests
from zoo_registry.errors import DatasetError
from zoo_registry.files import is_file
from zoo_registry.text import quoted

__all__ = ["METADATA", "read_folder"]

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
    rows = _listed(folder, read_table(table)) if table.is_file() else _found(folder)
    if not rows and not table.is_file():
        raise DatasetError(
            f"{folder} holds no audio file in a sub-folder; "
            "give a folder with one sub-folder a class, each with its audio files"
        )
    check_labels(str(folder), [row["label"] for row in rows])
    paths = [folder / row["path"] for row in rows]
    digests = file_digests(folder, paths, trust)
    tracks = [
        Track(
            id=row["path"],
            label=row["label"],
            digest=digest,
            path=path,
            group=row.get("group") or None,
            recording=row.get("recording") or None,
            fold=row.get("fold") or None,
            split=row.get("split") or None,
        )
        for row, path, digest in zip(rows, paths, digests, strict=True)
    ]
    return Dataset(folder.resolve().name, str(folder), tracks)


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
                _check_name(path)
                rows.append({"path": path, "label": within[0]})
    return rows


def _check_name(path: str) -> None:
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = ascii(path)
        raise DatasetError(f"the file name {shown} is not in UTF-8; rename the file") from None


def _listed(folder: Path, table: Table) -> list[dict[str, str]]:
    table.require("path", "with the file of each track, relative to the folder")
    rows = []
    for number, row in table.numbered():
        path, name = Path(row["path"]), quoted(row["path"])
        if path.is_absolute() or ".." in path.parts:
            raise DatasetError(f"{table.path}, line {number}: {name} leaves {folder}")
        if not is_file(folder / path):
            raise DatasetError(
                f"{table.path}, line {number}: there is no file {name} in {folder}; "
                "add the file or remove the line"
            )
        label = row.get("label", "").strip() or (path.parts[0] if len(path.parts) > 1 else "")
        if not label:
            raise DatasetError(f"{table.path}, line {number}: {name} has no label")
        rows.append(row | {"path": path.as_posix(), "label": label})
    return rows
