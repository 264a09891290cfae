"""Files that are whole or not there."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["TEMPORARY_SUFFIX", "atomic_path", "write_text"]

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
    """Write `text` to `path` as UTF-8, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")
