"""Folders that are written to, the variables that move them, and those of libraries."""

import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import platformdirs

__all__ = [
    "FULL",
    "TEMPORARY_FOLDER",
    "at_home",
    "cache_folder",
    "config_folder",
    "has_semaphores",
    "hint",
    "models_folder",
    "prepare_libraries",
]

TEMPORARY_FOLDER = re.compile(r"zoo-([0-9a-f]{8})-(\d+)-\w+")
"""Name of a folder of temporary files: machine and process."""

FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
"""Errors of a disk, or a share of it, without room."""

_NOWHERE = Path(os.devnull)  # nothing can be below: what is read is absent, and writing fails
_SEMAPHORES = 16  # twice as many as joblib needs for its workers
_DENIED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}


def at_home(path: str) -> str:
    """Return a path with the home in the place of ``~``, which shells keep in quotes and options.

    Parameters
    ----------
    path : str
        Any path; one that is there as it is stays so.
    """
    is_short = path == "~" or path.startswith("~/")
    return os.path.expanduser(path) if is_short and not os.path.lexists(path) else path  # noqa: PTH111


def models_folder() -> Path:
    """Return the folder of the runs: ``ZOO_MODELS``, or ``models`` in the current directory."""
    return Path(at_home(os.environ.get("ZOO_MODELS") or "models"))


def cache_folder() -> Path:
    """Return the folder of caches: ``ZOO_CACHE``, or that of the platform."""
    return _folder("ZOO_CACHE", platformdirs.user_cache_dir)


def config_folder() -> Path:
    """Return the folder of the user's choices: ``ZOO_CONFIG``, or that of the platform."""
    return _folder("ZOO_CONFIG", platformdirs.user_config_dir)


def _folder(variable: str, of_platform: Callable[..., str]) -> Path:
    chosen = os.environ.get(variable)
    if not chosen:
        with suppress(RuntimeError):  # there is no home
            chosen = of_platform("genre-zoo", False)
        if not chosen or chosen.startswith("~"):  # so earlier releases of platformdirs say that
            return _NOWHERE / variable
    # Absolute, since workers may have another current directory.
    return Path(at_home(chosen)).absolute()


def hint(path: str | Path, error: OSError) -> str:
    """Return what helps if a path cannot be written, as the end of a sentence; often nothing.

    Parameters
    ----------
    path : str or Path
        File or folder.
    error : OSError
        Reason.
    """
    variable = _mover(Path(path).absolute())
    if error.errno in FULL:
        # What is computed again may be computed elsewhere, what is kept may not.
        moved = variable in ("ZOO_CACHE", "TMPDIR")
        elsewhere = f", or with {variable} set to another folder" if moved else ""
        return f"; once there is room{elsewhere}, run the same command to continue"
    if variable and error.errno in _DENIED:
        reason = "there is no home, so " if _NOWHERE in Path(path).parents else ""
        return f"; {reason}set {variable} to a folder that can be written"
    return ""


def _mover(path: Path) -> str | None:
    """Return the variable that moves a path, None for a path that the user has chosen."""
    folders = {
        "ZOO_CACHE": cache_folder(),
        "ZOO_MODELS": models_folder().absolute(),
        "ZOO_CONFIG": config_folder(),
    }
    for variable, folder in folders.items():
        if folder in (path, *path.parents):
            return variable
    temporary = any(TEMPORARY_FOLDER.fullmatch(parent.name) for parent in path.parents)
    return "TMPDIR" if temporary else None


@cache
def has_semaphores() -> bool:
    """Whether processes can share semaphores, which worker processes need; on Linux in /dev/shm."""
    name = f"/zoo-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        from _multiprocessing import SemLock  # type: ignore[import-not-found]

        # Kept together, since there may be room for a few only.
        created = [SemLock(0, 0, 1, f"{name}-{n}", True) for n in range(_SEMAPHORES)]
    except (ImportError, OSError):
        return False
    return bool(created)


def prepare_libraries() -> None:
    """Set variables of libraries, before these are imported, so that they work without a home.

    What the user has set stays. Compiled functions of numba, which librosa uses, are below the
    cache folder. If ``ZOO_CACHE`` is set and the home cannot be written, other files that libraries
    want to store are there as well.
    """
    own = cache_folder()
    os.environ.setdefault("NUMBA_CACHE_DIR", str(own / "numba"))
    if not has_semaphores():
        os.environ.setdefault("JOBLIB_MULTIPROCESSING", "0")  # otherwise it warns of that
    if not os.environ.get("ZOO_CACHE"):
        return
    home = os.environ.get("HOME", os.path.expanduser("~"))  # noqa: PTH111  (Path.home raises)
    if not os.access(home, os.W_OK):
        # Settings and credentials in a home that can be read stay in use.
        os.environ.setdefault("XDG_CACHE_HOME", _made(own / "home" / ".cache"))
        os.environ.setdefault("MPLCONFIGDIR", _made(own / "home" / ".matplotlib"))
        if not (Path(home).is_absolute() and os.access(home, os.R_OK | os.X_OK)):
            os.environ["HOME"] = str(own / "home")
    # The last choice of `tempfile`, the current directory, is the user's.
    places = (os.environ.get("TMPDIR"), "/tmp", "/var/tmp")
    if os.name == "posix" and not any(place and os.access(place, os.W_OK) for place in places):
        os.environ["TMPDIR"] = _made(own / "tmp")


def _made(folder: Path) -> str:
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return str(folder)
