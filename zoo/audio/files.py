"""Audio files by path, folder or pattern, and local copies of remote ones."""

import glob
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import dropwhile
from pathlib import Path
from typing import BinaryIO

from zoo.audio.folders import LISTED, NO_FILE, PassedOver, folders, may_be_file, walk
from zoo.audio.kinds import is_audio, is_foreign, suffix_of
from zoo.audio.urls import is_url, opened
from zoo_registry.errors import AudioError, DatasetError, FileUnavailable, UsageError
from zoo_registry.files import EMPTY_PATH, is_file, is_folder
from zoo_registry.temporary import temporary_folder
from zoo_registry.text import near

__all__ = ["STDIN", "audio_files", "missing", "on_disk", "opening"]

STDIN = "-"
_LARGEST = 4 << 30  # bytes that are copied; an hour of stereo in floats has 1.4
_PIECE = 1 << 20  # bytes


def audio_files(
    paths: str | Path | Iterable[str | Path], note: Callable[[str], None] | None = None
) -> list[str]:
    """Return the files of paths, folders and patterns, each once; of a folder or pattern sorted.

    Parameters
    ----------
    paths : str, Path or iterable of them
        Files, whatever their suffix; folders, which are searched for audio files; patterns such as
        ``*.wav``, which name their own suffix or mean audio files; or ``-``.
    note : callable, optional
        Receives a sentence on what is skipped in folders and by patterns.

    Raises
    ------
    UsageError
        If a path does not exist, a pattern fits nothing, or a folder holds no audio.
    """
    found: list[str] = []
    passed = PassedOver()
    for given in map(str, [paths] if isinstance(paths, str | Path) else paths):
        if not given:
            raise UsageError(EMPTY_PATH)
        path, own = Path(given), PassedOver()
        if given != STDIN and is_folder(path):
            inside = _inside(path, own)
            if not inside:
                raise UsageError(f"the folder {given} holds no audio file{own.instead}; {LISTED}")
        elif given == STDIN or os.path.exists(path):  # noqa: PTH110  (allows a long name)
            inside = [given]
        elif glob.has_magic(given):
            inside = _fitting(given, own)
            if not inside and own.instead:
                raise UsageError(f"no audio file fits the pattern {given!r}{own.instead}; {LISTED}")
            if not inside:
                raise UsageError(f"no file fits the pattern {given!r}")
        else:
            raise UsageError(missing(given))
        found += inside
        passed.add_all(own)
    if note and passed.note:
        note(passed.note)
    return list(dict.fromkeys(found))


def missing(path: str) -> str:
    """Return the beginning of a sentence on a path that does not exist, with one like it."""
    name, siblings = Path(path).name, []
    with suppress(OSError, ValueError):
        siblings = os.listdir(Path(path).parent)  # noqa: PTH208  (a Path for each takes longer)
    return f"there is no file or folder {path!r}{near(name, siblings)}"


def _inside(folder: Path, passed: PassedOver) -> list[str]:
    return sorted(
        str(folder / within / name) for within, names in walk(folder, passed) for name in names
    )


def _matches(parts: list[str], passed: PassedOver, root: str = "") -> Iterator[str]:
    """Yield what fits a pattern below a folder; behind ``**`` each linked folder is read once."""
    if "**" not in parts:
        for match in glob.glob("/".join(parts), root_dir=root or None):  # noqa: PTH207  (absolute)
            yield root + match
        return
    first = parts.index("**")
    head = "".join(f"{part}/" for part in parts[:first])
    rest = [*dropwhile(("**", "").__contains__, parts[first:])]
    bases = glob.glob(head, root_dir=root or None) if head else [""]  # noqa: PTH207
    for base in (root + match for match in bases):
        if rest:
            for within, _, _ in folders(Path(base), passed, parts):
                yield from _matches(rest, passed, base + within)
        else:
            yield base or "."


def _fitting(pattern: str, passed: PassedOver) -> list[str]:
    """Return the files that fit a pattern, and the audio files in the folders that fit it."""
    # What the pattern names is meant: a rare suffix, a folder, and a dot, which no sign stands for.
    parts, suffix = pattern.split("/"), suffix_of(pattern)
    files: list[str] = []
    done: set[Path] = set()  # folders that were searched or left out
    for match in sorted({*_matches(parts, passed)}):
        path = Path(match)
        if not done.isdisjoint(path.parents):
            continue
        steps = [path, *path.parents] if is_folder(match) else path.parents
        foreign = [
            step
            for step in steps
            if is_foreign(step.name) and step.name[0] != "." and step.name not in parts
        ]
        if foreign:
            passed.enters(_place(foreign[-1]))
            done.add(foreign[-1])
        elif is_folder(match):
            files += _inside(path, passed)
            done.add(path)
        elif (
            path.name in parts
            or (suffix and suffix == suffix_of(match))
            or (path.name[0] == "." and is_audio(path.name))
            or passed.takes(_place(path))
        ):
            if may_be_file(match):
                files.append(match)
            else:
                passed.add(NO_FILE, _place(path))
    return files


def _place(path: Path) -> str:
    return f"{os.path.realpath(path.parent)}/{path.name}"


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
