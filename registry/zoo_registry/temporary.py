"""Temporary folders, and deletion of those that killed processes left."""

import os
import re
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from zoo_registry.files import is_dead, machine

__all__ = ["temporary_folder"]

_NAME = re.compile(r"zoo-([0-9a-f]{8})-(\d+)-\w+")
_SEMAPHORES = Path("/dev/shm")


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder among the system's temporary files, named by this process.

    It is deleted at the end of a `with` block, by `cleanup`, or with this process. Folders of
    killed processes are deleted before.

    Returns
    -------
    tempfile.TemporaryDirectory
        Its `name` is the path, and the value of a `with` block.
    """
    _sweep_once(tempfile.gettempdir())
    prefix = f"zoo-{machine()}-{os.getpid()}-"
    return tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)


@cache
def _sweep_once(folder: str) -> None:
    """Delete the folders of this user's killed processes, and the semaphores of their workers."""
    with suppress(OSError):
        for path in [*Path(folder).glob("zoo-*")]:
            named = _NAME.fullmatch(path.name)
            with suppress(OSError):
                if named and named[1] == machine() and is_dead(named[2]) and _is_own(path):
                    for left in _SEMAPHORES.glob(f"sem.loky-{named[2]}-*"):
                        if _is_own(left):
                            left.unlink()
                    shutil.rmtree(path)


def _is_own(path: Path) -> bool:
    return path.lstat().st_uid == os.getuid()  # there is one wherever a process is found dead
