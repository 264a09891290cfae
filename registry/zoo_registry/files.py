"""Atomic writing of files, and deletion of temporary files that killed processes left."""

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
    "machine",
    "naming",
    "read_json",
    "sweep",
    "temporary_path",
    "write_text",
]

TEMPORARY_SUFFIX = ".tmp"

_PREFIX = ".zoo-"
_NAME = re.compile(r"\.zoo-([0-9a-f]{8})-(\d+)-[0-9a-f]+\.tmp")
_ABANDONED = 86_400.0  # seconds; writing one file takes less than a day
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it to `path` if the block succeeds.

    A reader sees the old file or the new one, never a part. If two processes write, the last one
    wins.

    Parameters
    ----------
    path : Path
        Path of the new file; missing parent folders are created.

    Raises
    ------
    StorageError
        If nothing more can be written.
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
    """Raise StorageError, which names `path`, if the block fails because the disk is full."""
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
    r"""Write a file in UTF-8, completely or not at all; a lone surrogate becomes ``\udcff``."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def read_json(path: Path) -> Any:
    """Return the value of a JSON file; raises `ValueError` if it is not JSON, or too deep."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def is_file(path: str | Path) -> bool:
    """Whether the file exists; False for a name that the system does not allow."""
    return os.path.isfile(path)  # noqa: PTH113  (pathlib raises OSError for a long name)


def is_folder(path: str | Path) -> bool:
    """Whether the folder exists; False for a name that the system does not allow."""
    return os.path.isdir(path)  # noqa: PTH112  (likewise)


def temporary_path(path: Path) -> Path:
    """Return an unused path in the folder of `path`; its name holds the process for `sweep`."""
    # The name is short, since that of `path` may have the greatest length.
    unique = f"{machine()}-{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f"{_PREFIX}{unique}{TEMPORARY_SUFFIX}")


def sweep(folder: Path) -> None:
    """Delete temporary files of killed processes; those of another machine after a day."""
    with suppress(OSError):
        for path in [*folder.glob(f"{_PREFIX}*{TEMPORARY_SUFFIX}")]:
            with suppress(OSError):
                if _is_abandoned(path):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()


_sweep_once = cache(sweep)  # called before this process first writes into a folder


def _is_abandoned(path: Path) -> bool:
    named = _NAME.fullmatch(path.name)
    if named and named[1] == machine() and os.name == "posix":
        try:
            os.kill(int(named[2]), 0)  # only checks whether the process exists
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            pass
    # Another process may have the number now.
    return time.time() - path.lstat().st_mtime > _ABANDONED


@cache
def machine() -> str:
    """Return what tells this machine from others that share a folder, containers included."""
    import platform

    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  (it is no path)
    return f"{zlib.crc32(f'{platform.node()} {space}'.encode()):08x}"
