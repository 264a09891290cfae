"""Audio files by path, folder or pattern, and local copies of remote ones."""

import glob
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from zoo.audio.urls import is_url, opened
from zoo_registry.errors import AudioError, DatasetError, FileUnavailable, UsageError
from zoo_registry.files import is_file, is_folder
from zoo_registry.temporary import temporary_folder

__all__ = ["STDIN", "SUFFIXES", "audio_files", "is_audio", "on_disk", "opening", "walk"]

SUFFIXES = frozenset(
    f".{name}"
    for name in (
        *("aac", "aif", "aifc", "aiff", "au", "caf", "flac", "m4a", "mka", "mp2", "mp3", "mp4"),
        *("oga", "ogg", "opus", "snd", "w64", "wav", "webm", "wma"),
    )
)
STDIN = "-"
_LARGEST = 4 << 30  # bytes that are copied; an hour of stereo in floats has 1.4
_PIECE = 1 << 20  # bytes


def is_audio(path: Path) -> bool:
    """Whether the file has a suffix of audio files."""
    return path.suffix.lower() in SUFFIXES


def audio_files(paths: Iterable[str | Path]) -> list[str]:
    """Return the files of paths, folders and patterns, each once; of a folder or pattern sorted.

    Parameters
    ----------
    paths : iterable of str or Path
        Files, folders that are searched, patterns such as ``*.wav``, or ``-``.

    Raises
    ------
    UsageError
        If a path does not exist, a pattern fits nothing, or a folder holds no audio.
    """
    found: list[str] = []
    for given in paths:
        path = Path(given)
        if str(given) != STDIN and is_folder(path):
            found += _inside(path)
        elif str(given) == STDIN or os.path.exists(path):  # noqa: PTH110  (allows a long name)
            found.append(str(given))
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
        else:
            raise UsageError(f"there is no file or folder {str(given)!r}")
    return list(dict.fromkeys(found))


def _inside(folder: Path, needed: bool = True) -> list[str]:
    files = []
    for root, folders, names in walk(folder):
        folders[:] = [name for name in folders if not (root / name).is_symlink()]
        files += [str(root / name) for name in names if is_audio(Path(name))]
    # A link to nothing is named, as it may lead to a disk that is away; pipes are not opened.
    files = sorted(file for file in files if is_file(file) or not os.path.exists(file))  # noqa: PTH110
    if needed and not files:
        raise UsageError(f"the folder {folder} holds no audio file")
    return files


def walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield a folder, and each folder in it, with the names of its folders and of its files.

    Links are followed. Folders that the caller removes from the list are not entered.

    Parameters
    ----------
    folder : Path
        Outermost folder.

    Raises
    ------
    UsageError
        If a folder cannot be read.
    """
    waiting = [folder]
    while waiting:
        # One folder at a time, since `os.walk` recurses and is limited by Python's stack.
        root, folders, names = next(os.walk(waiting.pop(), onerror=_refuse))
        yield Path(root), folders, names
        waiting += [Path(root, name) for name in folders]


def _refuse(error: OSError) -> None:
    raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Turn an error of the system, by which a file cannot be opened, into `FileUnavailable`."""
    try:
        yield
    except OSError as error:
        raise FileUnavailable(
            f"{path} cannot be opened: {error.strerror}; once it can be, give the same command "
            "again",
            error.strerror,
        ) from error


@contextmanager
def on_disk(file: str | Path) -> Iterator[Path]:
    """Yield a local, seekable path.

    Standard input and URLs are copied to a temporary file first, because decoders seek.

    Parameters
    ----------
    file : str or Path
        Path, URL, or ``-`` for standard input.

    Raises
    ------
    FileUnavailable
        If a URL cannot be read; another time it may be possible.
    """
    if file != STDIN and (not is_url(file) or is_file(file)):
        yield Path(file)
        return
    name = "standard input" if file == STDIN else str(file)
    with temporary_folder() as folder:
        path = Path(folder) / ("standard input" if file == STDIN else "copy")
        if file == STDIN:
            with path.open("wb") as copy:
                shutil.copyfileobj(sys.stdin.buffer, copy)
        else:
            try:
                with opened(name) as source:
                    _copy(source, path, name)
            except DatasetError as error:
                raise FileUnavailable(str(error), None) from error
        try:
            yield path
        except FileUnavailable:
            raise
        except AudioError as error:
            raise AudioError(str(error).replace(str(path), name)) from error


def _copy(source: BinaryIO, path: Path, name: str) -> None:
    with path.open("wb") as copy:
        while piece := source.read(_PIECE):
            if copy.tell() > _LARGEST:
                raise AudioError(f"{name} is larger than a track may be, {_LARGEST >> 30} GB")
            copy.write(piece)
