"""Replacement of a music file by one with other tags: at once, and only if it sounds the same."""

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Iterable
from glob import has_magic
from pathlib import Path

from zoo.audio.decode import open_stream
from zoo_plugins._tagging.genres import TagsError
from zoo_registry.files import atomic_path
from zoo_registry.text import quoted

__all__ = ["obstacle", "replace_file", "sha256_of"]


def obstacle(path: Path, given: Iterable[Path]) -> str | None:
    """Return why a file is skipped, None if it may be written.

    Parameters
    ----------
    path : Path
        Audio file.
    given : iterable of Path
        Paths that the user named; nothing is written outside of them.

    Raises
    ------
    TagsError
        If it is a link to nothing.
    """
    place = Path(os.path.realpath(path))
    if path.is_symlink() and not place.exists():
        raise TagsError(f"it is a link to {quoted(str(place))}, which does not exist")
    if not any(place.is_relative_to(_named(each)) for each in given):
        return f"it is a link to {quoted(str(place))}, outside of the given paths"
    status = place.stat()
    if not stat.S_ISREG(status.st_mode):
        return "it is not a regular file"
    if status.st_nlink > 1:
        return "it has another name (a hard link), from which a new file would part it"
    return None


def _named(given: Path) -> Path:
    """Return the place that a path of the user means: of a link to a file, the link."""
    if not os.path.lexists(given):  # it is a pattern
        while has_magic(str(given)):
            given = given.parent
    if given.is_dir():
        return Path(os.path.realpath(given))
    return Path(os.path.realpath(given.parent)) / given.name


def replace_file(
    path: Path,
    seen: os.stat_result,
    change: Callable[[Path], None],
    before: Callable[[str, str], None],
) -> None:
    """Replace a file by a changed copy, if the samples of the copy are the same.

    A reader sees the old file or the new one. Mode, owner and extended attributes stay; the time
    of change becomes that of the replacement, so that players and backups notice it.

    Parameters
    ----------
    path : Path
        Regular file that is not a link.
    seen : os.stat_result
        State of the file before its tags were read, which the copy keeps.
    change : callable
        Takes the path of a file to write the changed copy to.
    before : callable
        Is called with the SHA-256 of the file and of the copy when the copy is complete; the file
        is replaced when it returns.

    Raises
    ------
    TagsError
        If the copy does not sound the same, or the file is changed by somebody else meanwhile.
    StorageError, OSError
        If nothing can be written.
    """
    with atomic_path(path) as copy:
        change(copy)
        if _samples(path) != _samples(copy):
            raise TagsError("its sound would not stay the same")
        now = copy.stat()
        shutil.copystat(path, copy)
        os.utime(copy, ns=(seen.st_atime_ns, now.st_mtime_ns))
        hashes = sha256_of(path), sha256_of(copy)
        _check_state(path, seen)  # so that the hash is that of what was seen
        before(*hashes)
        _check_state(path, seen)


def _check_state(path: Path, seen: os.stat_result) -> None:
    if _state(path.stat()) != _state(seen):
        raise TagsError("another program has just changed it")


def _state(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _samples(path: Path) -> str:
    """Return the hash of what a file decodes to."""
    stream = open_stream(path)
    content = hashlib.sha256(f"{stream.rate} {stream.channels}".encode())
    for block in stream.blocks:
        content.update(block.tobytes())
    content.update((stream.truncated or "").encode())
    return content.hexdigest()


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
