"""SHA-256 of the files of a dataset, stored and reused until size or time changes."""

import atexit
import errno
import hashlib
import json
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from zoo.audio.files import on_disk, opening
from zoo.audio.urls import is_url
from zoo.datasets.base import Track
from zoo.workspace import cache_folder
from zoo_registry.errors import AudioError, DatasetError, FileUnavailable
from zoo_registry.files import read_json, write_text
from zoo_registry.text import digest

__all__ = ["file_digests", "heard", "recording", "remembered_digests", "sha256"]

_AT_ONCE = 32  # files
_DIGITS = 64  # of a SHA-256
_NOWHERE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal; raise `FileUnavailable` if it is unreadable."""
    with opening(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def recording(track: Track, location: Path | str | None = None) -> Iterator[Path]:
    """Yield a local path of a track's sound; compare its file with its hash after the block.

    A decoder takes a file that it cannot read any more for one that is cut off, and does not know
    whether the file was replaced since the dataset was opened. Both are found here.

    Parameters
    ----------
    track : Track
        The track; its segment is yielded as a file of its own. The digest of a plugin's dataset
        may be another mark than a SHA-256, which is not compared.
    location : Path or str, optional
        Path or URL, if the track may have a path relative to another folder.

    Raises
    ------
    FileUnavailable
        If the file cannot be read, or holds other bytes.
    """
    location = track.location if location is None else location
    with _local(track, location) as path:
        try:
            with heard(track, path, location) as own:
                yield own
        except Exception:
            _compare(path, location, track)
            raise
        _compare(path, location, track)


@contextmanager
def heard(track: Track, path: Path, location: Path | str | None = None) -> Iterator[Path]:
    """Yield a path of the sound of a track: that of its file, or of a copy of its segment.

    Parameters
    ----------
    track : Track
        The track.
    path : Path
        Its file.
    location : Path or str, optional
        The file as messages name it.

    Raises
    ------
    AudioError
        If the file cannot be decoded, or does not hold the segment.
    """
    if track.segment is None:
        yield path
        return
    from zoo.audio.segments import segment_file

    own, name = None, str(location or path)
    try:
        with segment_file(path, track.segment.start, track.segment.end) as own:
            yield own
    except FileUnavailable:
        raise
    except AudioError as error:
        text = str(error).replace(str(own or path), f"{name} from {track.segment}" if own else name)
        raise AudioError(text) from error


@contextmanager
def _local(track: Track, location: Path | str) -> Iterator[Path]:
    """Yield a local path of a track's file; the file of segments is fetched once for all."""
    if track.segment is None or not is_url(str(location)):
        with on_disk(location) as path:
            yield path
    else:
        yield _fetched(str(location), track.segment.file).path


class _Fetched:
    """A local copy of a file at a URL, deleted with this object."""

    def __init__(self, url: str) -> None:
        self._stack = ExitStack()
        self.path = self._stack.enter_context(on_disk(url))

    def __del__(self) -> None:
        self._stack.close()


@lru_cache(maxsize=1)
def _fetched(url: str, _: str) -> _Fetched:
    return _Fetched(url)


atexit.register(_fetched.cache_clear)


def _compare(path: Path, location: Path | str, track: Track) -> None:
    digest = track.file_digest
    with opening(path):
        status = path.stat()
    is_file = stat.S_ISREG(status.st_mode)  # reading a pipe would block
    if is_file and len(digest) == _DIGITS:
        if track.segment is None:
            is_same = sha256(path) == digest
        else:  # whose file has others
            stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
            is_same = _sha256_once(path, *stamp) == digest
    else:
        is_same = is_file
    if not is_same:
        _fetched.cache_clear()
        _forget(location)
        raise FileUnavailable(
            f"{location} was changed while it was in use; give the same command again", "changed"
        )


@lru_cache(maxsize=1024)
def _sha256_once(path: Path, *_: int) -> str:
    """Return the SHA-256 of a file; whatever replaces it has another number or time of change."""
    return sha256(path)


def _forget(location: Path | str) -> None:
    """Delete the stored digests of the folder of a file that has the size and time of another."""
    for index in (cache_folder() / "digests").glob("*.json"):
        with suppress(OSError, ValueError):
            if any(location in (name, Path(name).absolute()) for name in read_json(index)):
                index.unlink()


def file_digests(root: Path, paths: Sequence[Path], trust: bool = True) -> list[str]:
    """Return the SHA-256 of files in the folder `root`.

    Parameters
    ----------
    root : Path
        Folder for which the digests are stored.
    paths : sequence of Path
        Files in this folder.
    trust : bool
        Whether files of unchanged size and time are assumed to be unchanged.

    Raises
    ------
    DatasetError
        If there is no such file.
    FileUnavailable
        If a file cannot be read.
    """
    stamps = [_stamp(path) for path in paths]
    names = [str(path) for path in paths]

    def read(wanted: Sequence[int]) -> Iterable[Mapping[int, str]]:
        """Yield the digests of the files with these numbers."""
        # One task per file would take longer than the hashing of small files.
        parts = [wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE)]
        with ThreadPoolExecutor(4) as pool:  # hashlib releases the interpreter lock
            yield from pool.map(lambda part: {n: sha256(paths[n]) for n in part}, parts)

    return remembered_digests(str(root.resolve()), names, stamps, read, trust)


def remembered_digests(
    root: str,
    names: Sequence[str],
    stamps: Sequence[list[Any]],
    read: Callable[[Sequence[int]], Iterable[Mapping[int, str]]],
    trust: bool = True,
) -> list[str]:
    """Return the SHA-256 of each file, computed only if none is stored for its stamp.

    Parameters
    ----------
    root : str
        Folder or URL for which the digests are stored.
    names : sequence of str
        Files.
    stamps : sequence of list
        JSON values that change whenever a file does.
    read : callable
        Yields digests by number, for the numbers of some files.
    trust : bool
        Whether stored digests are used.
    """
    index = cache_folder() / "digests" / f"{digest(root)[:20]}.json"
    stored: dict[str, tuple[list[Any], str]] = {}
    if trust:
        with suppress(OSError, ValueError, RecursionError):  # absent or damaged
            stored = msgspec.json.decode(index.read_bytes(), type=dict[str, tuple[list[Any], str]])
    known = {
        name: stored[name][1]
        for name, stamp in zip(names, stamps, strict=True)
        if name in stored and stored[name][0] == stamp
    }
    first: dict[str, int] = {}
    for number, name in enumerate(names):  # segments share files
        first.setdefault(name, number)
    wanted = [number for name, number in first.items() if name not in known]
    if wanted:
        for found in read(wanted):
            known |= {names[number]: value for number, value in found.items()}
        entries = {name: [stamp, known[name]] for name, stamp in zip(names, stamps, strict=True)}
        with suppress(OSError):  # without a writable cache, the digests are computed every time
            write_text(index, json.dumps(entries), durable=False)
    return [known[name] for name in names]


def _stamp(path: Path) -> list[int]:
    with opening(path):
        try:
            status = path.stat()
        except OSError as error:
            if error.errno not in _NOWHERE:
                raise
            raise DatasetError(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise DatasetError(f"{path} cannot be read: it is not a file")
    return [status.st_size, status.st_mtime_ns]
