"""Files that are whole or not there, and the end of what dead writers leave behind."""

import errno
import json
import os
import re
import secrets
import shutil
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from zoo_registry.errors import StorageError

__all__ = [
    "TEMPORARY_SUFFIX",
    "atomic_path",
    "is_file",
    "is_folder",
    "naming",
    "read_json",
    "sweep",
    "temporary_path",
    "write_text",
]

TEMPORARY_SUFFIX = ".tmp"

_PREFIX = ".zoo-"
_NAME = re.compile(r"\.zoo-([0-9a-f]{8})-(\d+)-[0-9a-f]+\.tmp")
_ABANDONED = 86_400.0  # seconds; nobody writes one file for a day
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` if the block succeeds.

    A reader sees the old file or the new one, never a half; of two writers the
    last one wins.

    Parameters
    ----------
    path : Path
        Where the file shall be; missing parent folders are made.

    Raises
    ------
    StorageError
        If nothing more can be written there.
    OSError
        If writing fails for another reason.
    """
    temporary = temporary_path(path)
    try:
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _sweep_once(path.parent.absolute())
            yield temporary
            temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Raise StorageError, which names `path`, if nothing more can be written in this block."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            sentence = f"{path} cannot be written: {error.strerror}"
            raise StorageError(
                f"{sentence}; once there is room, the same command goes on", error.strerror
            ) from error
        raise


def write_text(path: Path, text: str) -> None:
    r"""Write `text` to `path` as UTF-8, whole or not at all.

    The byte 0xff of a file's name, which UTF-8 does not have, becomes ``\udcff``.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def read_json(path: Path) -> Any:
    """Return the value of a JSON file.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is no JSON, or nested too deeply to be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def is_file(path: str | Path) -> bool:
    """Whether there is a file; where the system takes no such name, there is none."""
    return os.path.isfile(path)  # noqa: PTH113  (pathlib raises OSError for a long name)


def is_folder(path: str | Path) -> bool:
    """Whether there is a folder; where the system takes no such name, there is none."""
    return os.path.isdir(path)  # noqa: PTH112  (likewise)


def temporary_path(path: Path) -> Path:
    """Return a free name beside `path` that tells `sweep` which process uses it."""
    # The name is short, since `path` may have one as long as the system takes.
    unique = f"{_machine()}-{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f"{_PREFIX}{unique}{TEMPORARY_SUFFIX}")


def sweep(folder: Path) -> None:
    """Remove what writers of `folder` left that were killed; those alive keep theirs.

    Of another machine's processes nothing is known: what they leave goes after a day.
    """
    with suppress(OSError):
        for path in [*folder.glob(f"{_PREFIX}*{TEMPORARY_SUFFIX}")]:
            with suppress(OSError):
                if _is_abandoned(path):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


@cache
def _sweep_once(folder: Path) -> None:
    """Sweep a folder before this process writes into it for the first time."""
    sweep(folder)


def _is_abandoned(path: Path) -> bool:
    named = _NAME.fullmatch(path.name)
    if named and named[1] == _machine() and os.name == "posix":
        try:
            os.kill(int(named[2]), 0)  # asks, and does nothing
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            pass
    # The number may have gone to another process since.
    return time.time() - path.lstat().st_mtime > _ABANDONED


@cache
def _machine() -> str:
    """Return what tells this machine from others that share a folder, containers included."""
    import platform

    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  (it is no path)
    return f"{zlib.crc32(f'{platform.node()} {space}'.encode()):08x}"
