"""Which files somebody means, and where their bytes are."""

import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from zoo.audio.suffixes import is_audio
from zoo.audio.urls import is_url, opened
from zoo_registry.errors import AudioError, DatasetError, StorageError, UsageError
from zoo_registry.files import is_file, is_folder

__all__ = ["STDIN", "audio_files", "on_disk", "walk"]

STDIN = "-"
_LARGEST = 4 << 30  # bytes of what is copied; an hour of stereo in floats has 1.4
_PIECE = 1 << 20  # bytes


def audio_files(paths: Iterable[str | Path]) -> list[str]:
    """Return the files that `paths` mean, folders and patterns in sorted order.

    Raises
    ------
    UsageError
        If a path does not exist, a pattern fits nothing, or a folder holds no audio.
    """
    found: list[str] = []
    for given in paths:
        path = Path(given)
        if str(given) == STDIN or is_file(path):
            found.append(str(given))
        elif is_folder(path):
            found += _inside(path)
        elif glob.has_magic(str(given)):
            matches = sorted(glob.glob(str(given), recursive=True))  # noqa: PTH207  (absolute, too)
            inside = [
                file
                for match in map(Path, matches)
                for file in (_inside(match, False) if match.is_dir() else [str(match)])
            ]
            if not inside:
                raise UsageError(f"no file fits the pattern {str(given)!r}")
            found += inside
        elif os.path.exists(path):  # noqa: PTH110  (pathlib raises OSError for a long name)
            found.append(str(given))
        else:
            raise UsageError(f"there is no file or folder {str(given)!r}")
    return list(dict.fromkeys(found))


def _inside(folder: Path, needed: bool = True) -> list[str]:
    files = []
    for root, folders, names in walk(folder):
        folders[:] = [name for name in folders if not (root / name).is_symlink()]
        files += [str(root / name) for name in names if is_audio(Path(name))]
    files = sorted(filter(is_file, files))
    if needed and not files:
        raise UsageError(f"the folder {folder} holds no audio file")
    return files


def walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield each folder with its folders and files, links followed, however deep they are nested.

    Folders that are taken out of the list are not entered.

    Raises
    ------
    UsageError
        If a folder cannot be read.
    """

    def fail(error: OSError) -> None:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error

    waiting = [folder]
    while waiting:
        # One folder at a time: `os.walk` itself goes no deeper than Python's stack.
        root, folders, names = next(os.walk(waiting.pop(), onerror=fail))
        yield Path(root), folders, names
        waiting += [Path(root, name) for name in folders]


@contextmanager
def on_disk(file: str | Path) -> Iterator[Path]:
    """Yield the file's path; for standard input and a URL that of a copy: decoders look back.

    Raises
    ------
    StorageError
        If it cannot be fetched: no fault of the file, and another time it may be there.
    """
    if file != STDIN and (not is_url(file) or is_file(file)):
        yield Path(file)
        return
    name = "standard input" if file == STDIN else str(file)
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        path = Path(folder) / ("standard input" if file == STDIN else "copy")
        if file == STDIN:
            _copy(sys.stdin.buffer, path, None)
        else:
            try:
                with opened(name) as source:
                    _copy(source, path, name)
            except DatasetError as error:
                raise StorageError(str(error), None) from error
        try:
            yield path
        except AudioError as error:
            raise AudioError(str(error).replace(str(path), name)) from error


def _copy(source: BinaryIO, path: Path, bounded: str | None) -> None:
    with path.open("wb") as copy:
        if bounded is None:
            shutil.copyfileobj(source, copy)
            return
        while piece := source.read(_PIECE):
            if copy.tell() > _LARGEST:
                raise AudioError(f"{bounded} is larger than a track may be, {_LARGEST >> 30} GB")
            copy.write(piece)
