"""``--read-only``: the process writes no file but below its own temporary folder."""

import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["write_only_below"]

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Events of the audit (PEP 578): where their arguments have a path that changes, and the open folder
# to which it is relative.
_CHANGES: dict[str, list[tuple[int, int | None]]] = {
    **{f"os.{name}": [(0, 1)] for name in ("remove", "rmdir")},
    **{f"os.{name}": [(0, 2)] for name in ("mkdir", "chmod")},
    **{f"os.{name}": [(0, 3)] for name in ("chown", "utime")},
    **{f"os.{name}": [(0, None)] for name in ("truncate", "setxattr", "removexattr")},
    **{f"os.{name}": [(0, 2), (1, 3)] for name in ("rename", "link")},
    **{"os.symlink": [(1, 2)], "shutil.rmtree": [(0, 1)]},
}


def write_only_below(folder: Path) -> None:
    """Refuse from now on, until the process ends, to change any file that is not below a folder.

    It protects against mistakes of this program and its libraries, not against an intruder, and
    needs no special rights. A file system that is mounted read-only protects better.

    Parameters
    ----------
    folder : Path
        Absolute, without links.
    """
    sys.dont_write_bytecode = True
    allowed = str(folder) + os.sep

    def check(path: Any, base: int | None = None) -> None:
        """Refuse a path that is not below the folder; `base` is an open folder, -1 is none."""
        if isinstance(path, int):  # an open file
            return
        name = os.fsdecode(path)
        if base not in (None, -1):
            name = os.path.join(_path_of(base), name)  # noqa: PTH118
        name = os.path.abspath(name)  # noqa: PTH100
        if not f"{name}{os.sep}".startswith(allowed) and name != os.devnull:
            raise PermissionError(f"{name} is not written: this is `zoo serve --read-only`")

    def look(event: str, values: tuple[Any, ...]) -> None:
        """Check the paths of an event that changes a file."""
        if event == "open":
            path, _, flags = values
            writes = isinstance(flags, int) and flags & _WRITING
            if writes and path is not None:
                check(path)
        elif event in _CHANGES:
            for place, base in _CHANGES[event]:
                check(values[place], None if base is None else values[base])

    sys.addaudithook(look)


def _path_of(folder: int) -> str:
    """Return the path of an open folder."""
    if sys.platform == "darwin":
        import fcntl

        return os.fsdecode(fcntl.fcntl(folder, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0"))
    return os.readlink(f"/proc/self/fd/{folder}")  # noqa: PTH115  (Windows opens no folders)
