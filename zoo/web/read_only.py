"""``--read-only``: the process writes no file but below its own temporary folder."""

import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["write_only_below"]

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Events of the audit (PEP 578), and how many of their arguments are paths that change.
_CHANGES = {
    **{f"os.{name}": 1 for name in ("mkdir", "remove", "rmdir", "truncate", "chmod", "chown")},
    **{f"os.{name}": 2 for name in ("rename", "link", "symlink")},
    **{"os.utime": 1, "os.setxattr": 1, "shutil.rmtree": 1},
}


def write_only_below(folder: Path) -> None:
    """Refuse from now on, until the process ends, to change any file that is not below a folder.

    It guards against mistakes of this program and its libraries, not against an intruder.

    Parameters
    ----------
    folder : Path
        Absolute, without links.
    """
    sys.dont_write_bytecode = True
    allowed = str(folder) + os.sep

    def check(path: Any) -> None:
        """Refuse a path that is not below the folder."""
        if isinstance(path, int):  # an open file
            return
        name = os.path.abspath(os.fsdecode(path))  # noqa: PTH100
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
            for path in values[: _CHANGES[event]]:
                check(path)

    sys.addaudithook(look)
