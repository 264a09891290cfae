"""Files that are whole or not there."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["TEMPORARY_SUFFIX", "atomic_path", "is_file", "is_folder", "read_json", "write_text"]

TEMPORARY_SUFFIX = ".tmp"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; rename it to `path` if the block succeeds.

    A reader sees the old file or the new one, never a half; of two writers the
    last one wins.

    Parameters
    ----------
    path : Path
        Where the file shall be; missing parent folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The process number lets a later clean-up tell a dead writer's file from a living one's.
    # The name is short, since `path` may have one as long as the system takes.
    temporary = path.with_name(f".zoo-{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
