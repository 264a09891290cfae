"""Atomic writing of files, and deletion of temporary files that killed processes left."""

import errno
import json
import os
import re
import secrets
import shutil
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from zoo_registry.errors import StorageError, UsageError
from zoo_registry.places import FULL, hint

__all__ = [
    "EMPTY_PATH",
    "TEMPORARY_SUFFIX",
    "atomic_path",
    "check_replaceable",
    "check_writable",
    "drop_links",
    "is_dead",
    "is_file",
    "is_folder",
    "is_temporary",
    "machine",
    "make_folder",
    "naming",
    "read_bytes",
    "read_json",
    "sweep",
    "sync",
    "temporary_path",
    "unwritable",
    "write_text",
]

TEMPORARY_SUFFIX = ".tmp"
EMPTY_PATH = "the path is empty; give a name, or . for the current folder"  # of an unset variable

_PREFIX = ".zoo-"
_NAME = re.compile(r"\.zoo-([0-9a-f]{8})-(\d+)-[0-9a-f]+\.tmp")
_ABANDONED = 86_400.0  # seconds; writing one file takes less than a day
_LARGEST_JSON = 256 << 20  # bytes
_STORING_FAILS = FULL | {errno.EROFS}
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}  # of file systems that cannot
_WRITABLE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


@contextmanager
def atomic_path(path: Path, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside the target of `path`; rename it if the block succeeds.

    A reader sees the old file or the new one, never a part. If two processes write, the last one
    wins. A link stays, and the file that it names is replaced. A replaced file keeps its mode and,
    where that is allowed, its owner.

    Parameters
    ----------
    path : Path
        Path of the new file; missing parent folders are created.
    durable : bool
        Whether the file survives a power cut after the block; False for files that are
        computed again if they are damaged.

    Raises
    ------
    StorageError
        If nothing more can be written.
    OSError
        If writing fails for another reason, or there is a folder, a device or a protected file.
    """
    temporary = target = path
    try:
        with naming(path):
            target = Path(os.path.realpath(path))
            temporary = temporary_path(target)
            earlier = _replaceable(target)
            make_folder(target.parent, durable)
            _sweep_once(target.parent)
            if earlier:  # nobody else reads the new content of a private file
                os.close(os.open(temporary, os.O_CREAT | os.O_EXCL, 0o600))
            yield temporary
            if earlier:
                _make_alike(temporary, earlier)
            if durable:
                sync(temporary)
            temporary.replace(target)
            if durable:
                sync(target.parent)
    except OSError as error:
        # An error of a file that is open already, such as one that grows too large, names none.
        known = (None, str(temporary), str(target))
        if isinstance(error.errno, int) and error.filename in known:  # no `StorageError`
            error.filename = str(path)
        raise
    finally:
        if temporary != path:
            with suppress(OSError):
                temporary.unlink()


def _replaceable(target: Path) -> os.stat_result | None:
    """Return the status of a file that may be replaced, None if there is no file."""
    try:
        status = target.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):  # only a link in a circle is left
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(target))
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(target))
    if not stat.S_ISREG(status.st_mode):
        raise FileExistsError(errno.EEXIST, "it is not a regular file", str(target))
    if not status.st_mode & _WRITABLE:  # this applies to root as well
        raise PermissionError(errno.EACCES, "it is write-protected", str(target))
    os.close(os.open(target, os.O_WRONLY))  # raises the error of a file that may not be written
    return status


def _make_alike(path: Path, earlier: os.stat_result) -> None:
    status = path.stat()
    if (status.st_uid, status.st_gid) != (earlier.st_uid, earlier.st_gid):
        with suppress(OSError):  # only root may give a file away
            os.chown(path, earlier.st_uid, earlier.st_gid)
    path.chmod(stat.S_IMODE(earlier.st_mode))


def make_folder(path: Path, durable: bool = True) -> None:
    """Create a folder and its missing parents; if `durable`, they survive a power cut."""
    missing = []
    wanted = path
    while not path.exists():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            error.filename = str(wanted)  # the place of a parent says less
            raise
        if durable:
            sync(folder.parent)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def sync(path: Path) -> None:
    """Wait until the content of a file, or the names in a folder, are on the disk."""
    folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY if folder else os.O_RDWR)
    except PermissionError:
        if folder:  # it may be written but not read, or the system opens no folders
            return
        raise
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Raise StorageError, which names `path`, if the block fails because the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno in _STORING_FAILS:
            raise StorageError(unwritable(path, error), error.strerror) from error
        raise


def unwritable(path: str | Path, error: OSError, otherwise: str = "") -> str:
    """Return the sentence about a path that cannot be written.

    Parameters
    ----------
    path : str or Path
        File or folder.
    error : OSError
        Reason.
    otherwise : str, optional
        What helps, unless the reason or the place of the path says that already.
    """
    if isinstance(error, StorageError):
        return str(error)
    helps = hint(path, error) or (otherwise and f"; {otherwise}")
    return f"{path} cannot be written: {error.strerror or error}{helps}"


def write_text(path: Path, text: str, durable: bool = True) -> None:
    r"""Write a file in UTF-8, as `atomic_path` does; a lone surrogate becomes ``\udcff``."""
    with atomic_path(path, durable) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")


def check_writable(path: Path) -> None:
    """Raise the OSError that `atomic_path` would raise for a file, as far as is known before."""
    target = Path(os.path.realpath(path))
    _replaceable(target)
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "its folder may not be written to", str(path))


def check_replaceable(path: Path, is_own: Callable[[bytes], bool], force: bool = False) -> bytes:
    """Refuse to write to a path where something lies that the zoo did not write.

    Parameters
    ----------
    path : Path
        Path of the new file. An empty file may be taken.
    is_own : callable
        Whether the zoo wrote this content.
    force : bool
        Whether any file may be replaced.

    Returns
    -------
    bytes
        Present content, empty if there is no file.

    Raises
    ------
    UsageError
        If there is another file, a folder, a device or a protected file, or the path is invalid.
    """
    try:
        there = _replaceable(Path(os.path.realpath(path)))
        content = path.read_bytes() if there else b""
    except OSError as error:
        raise UsageError(unwritable(path, error, "give another path")) from error
    if content and not force and not is_own(content):
        raise UsageError(
            f"{path} exists, and its content is not what this command writes: it was edited, or "
            "written by another program or an earlier version; give another path, or --force to "
            "replace it"
        )
    return content


def read_bytes(path: Path, home: Path | None = None, most: int = 2 << 30) -> bytes:
    """Return the content of a file.

    Parameters
    ----------
    path : Path
        File. A pipe or a device is not opened, because reading it may never end.
    home : Path, optional
        Folder of `path` that no link on the way to the file may leave.
    most : int
        Largest size in bytes; two gigabytes, as for an ONNX file, by default.

    Raises
    ------
    OSError
        If the file cannot be read, is none, is too large, or lies outside of `home`.
    """
    if home is not None and _leaves(path, home):
        raise OSError(errno.ELOOP, "it is a link that leaves its folder", str(path))
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a file", str(path))
    if status.st_size > most:
        raise OSError(errno.EFBIG, f"it is larger than {most >> 20} MB", str(path))
    with path.open("rb") as file:
        return file.read(status.st_size)  # Python would take memory for more, if it were asked to


def _leaves(path: Path, home: Path) -> bool:
    # Resolving every path would take longer than reading a file.
    steps = [path, *path.parents][: len(path.parts) - len(home.parts)]
    # `Path.resolve` raises a RuntimeError for a link to itself, which the system refuses to open.
    target = Path(os.path.realpath(path))
    return any(map(os.path.islink, steps)) and home.resolve() not in target.parents


def read_json(path: Path, home: Path | None = None) -> Any:
    """Return the value of a JSON file, read as by `read_bytes`.

    Parameters
    ----------
    path, home : Path
        As for `read_bytes`.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not JSON, or too deep.
    """
    try:
        return json.loads(read_bytes(path, home, _LARGEST_JSON).decode("utf-8"))
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


def drop_links(folder: Path) -> None:
    """Delete the links in a folder, or the folder if it is one, but not what they lead to."""
    for path in [folder] if folder.is_symlink() else [*folder.rglob("*")]:
        if path.is_symlink():
            path.unlink()


def is_temporary(name: str) -> bool:
    """Whether a file has a name that `temporary_path` gives."""
    return _NAME.fullmatch(name) is not None


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
    if named and named[1] == machine() and is_dead(named[2]):
        return True
    # Another process may have the number now.
    return time.time() - path.lstat().st_mtime > _ABANDONED


def is_dead(process: str) -> bool:
    """Return whether no process of this machine has the number; False if that is not known."""
    if os.name == "posix":  # elsewhere the call would end the process
        try:
            os.kill(int(process), 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            pass
    return False


@cache
def machine() -> str:
    """Return what tells this machine from others that share a folder, containers included."""
    import platform

    space = ""
    with suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")  # noqa: PTH115  (it is not a path)
    return f"{zlib.crc32(f'{platform.node()} {space}'.encode()):08x}"
