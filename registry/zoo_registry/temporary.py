"""Temporary folders, and deletion of those that killed processes left."""

import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

from zoo_registry.errors import StorageError
from zoo_registry.files import is_dead, machine
from zoo_registry.places import TEMPORARY_FOLDER

__all__ = ["temporary_folder"]

_SEMAPHORES = Path("/dev/shm")


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder among the system's temporary files, named by this process.

    It is deleted at the end of a `with` block, by `cleanup`, or with this process. Folders of
    killed processes are deleted before.

    Returns
    -------
    tempfile.TemporaryDirectory
        Its `name` is the path, and the value of a `with` block.

    Raises
    ------
    StorageError
        If none can be created.
    """
    prefix = f"zoo-{machine()}-{os.getpid()}-"
    try:
        _sweep_once(tempfile.gettempdir())
        return tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    except OSError as error:
        raise StorageError(
            f"no temporary folder can be created: {error.strerror}; "
            "set TMPDIR to a folder that can be written",
            error.strerror,
        ) from error


@cache
def _sweep_once(folder: str) -> None:
    """Delete the folders of this user's killed processes, and the semaphores of their workers."""
    with suppress(OSError):
        for path in [*Path(folder).glob("zoo-*")]:
            named = TEMPORARY_FOLDER.fullmatch(path.name)
            with suppress(OSError):
                if named and named[1] == machine() and is_dead(named[2]) and _is_own(path):
                    for left in _SEMAPHORES.glob(f"sem.loky-{named[2]}-*"):
                        if _is_own(left):
                            left.unlink()
                    shutil.rmtree(path)


def _is_own(path: Path) -> bool:
    return path.lstat().st_uid == os.getuid()  # there is one wherever a process is found dead
