"""Locations on disk: runs in the user's directory, caches in the folder of the platform."""

import json
import math
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_registry.errors import RunError, UsageError
from zoo_registry.files import (
    TEMPORARY_SUFFIX,
    make_folder,
    read_json,
    sweep,
    unwritable,
    write_text,
)
from zoo_registry.places import cache_folder, models_folder
from zoo_registry.record import RunRecord
from zoo_registry.runs import FILES, RECORD, Run
from zoo_registry.text import digest

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = [
    "cache_folder",
    "check_own",
    "choosing",
    "file_name",
    "locked",
    "models_folder",
    "recency",
    "recency_of",
    "remembered",
    "run_folder",
    "runs",
    "sole_writer",
    "stamps",
]

_SKEW = 86_400.0  # seconds that the clocks of machines that share runs may differ


def run_folder(record: RunRecord, root: Path | None = None) -> Path:
    """Return the folder for the run of a record, in `root` or the models folder."""
    protocol = record.protocol.spec + ("" if record.protocol.grouped else "-ungrouped")
    dataset = file_name(record.dataset.name)
    return (root or models_folder()) / dataset / file_name(protocol) / record.id


def file_name(text: str) -> str:
    """Return `text` as a file name that is valid on every system."""
    plain = re.sub(r"[^\w.+-]+", "-", text).strip(".-")[:100]
    # A name has 255 bytes at most, and some letters have four.
    return plain.encode()[:200].decode("utf-8", "ignore") or "unnamed"


def runs(begin: str = "") -> Iterator[Run | RunError]:
    """Yield the runs of the workspace, sorted by folder; for a damaged one its error.

    Parameters
    ----------
    begin : str
        Begin of the names of their folders; others are not read.
    """
    for path in sorted(models_folder().glob(f"*/*/{escape(begin)}*/{RECORD}")):
        if path.parent.suffix == TEMPORARY_SUFFIX:  # it is being deleted
            continue
        try:
            yield Run.read(path.parent)
        except RunError as error:
            if path.exists():  # otherwise it was deleted just now
                error.folder = path.parent
                yield error


def check_own(folder: Path, instead: str) -> None:
    """Refuse a run that does not lie in the workspace.

    Parameters
    ----------
    folder : Path
        Folder of the run; it may be a link, and so may a folder above it.
    instead : str
        What the user may do, as the end of the sentence.

    Raises
    ------
    UsageError
        If it lies elsewhere.
    """
    home = models_folder().resolve()
    if folder.parent.resolve().parent.parent != home:
        raise UsageError(
            f"{folder} is not a run of this workspace, whose runs lie in {home}; {instead}"
        )


def recency(when: str | float | None) -> tuple[bool, float]:
    """Return the key that sorts by time: the newest of several has the greatest.

    A time in the future comes before all others: the clock was wrong, and what it stamped would
    stay the newest for ever.

    Parameters
    ----------
    when : str, float or None
        Time in ISO 8601, or in seconds since 1970.
    """
    try:
        seconds = datetime.fromisoformat(when).timestamp() if isinstance(when, str) else when
    except (ValueError, OverflowError):
        seconds = None
    if seconds is None:
        return False, -math.inf
    return seconds < time.time() + _SKEW, seconds


def recency_of(run: Run) -> tuple[bool, float, float]:
    """Return the key that sorts runs by the time at which they ended, as `recency` does.

    Records have whole seconds; of runs that ended within one, the record that was written last
    decides.

    Parameters
    ----------
    run : Run
        A run.
    """
    try:
        written = (run.folder / RECORD).stat().st_mtime
    except OSError:  # it was removed just now
        written = -math.inf
    return *recency(run.record.finished), written


def stamps() -> list[Any]:
    """Return name, size, time and inode of all files that runs are read from.

    They are equal as long as no run is added, changed or deleted, because a file is changed by
    writing a new one. Reading the runs takes a hundred times longer.
    """
    folders = [str(models_folder())]
    for _ in range(3):
        folders = sorted(path for folder in folders for path in _folders(folder))
    return [[folder, *(_stamp(f"{folder}/{name}") for name in sorted(FILES))] for folder in folders]


def _folders(folder: str) -> Iterator[str]:
    with suppress(OSError), os.scandir(folder) as entries:
        yield from (entry.path for entry in entries if entry.is_dir())


def _stamp(path: str) -> list[int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116  (a Path for each would take longer)
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def remembered(kind: str, key: Any, compute: Callable[[], Any], place: Any = None) -> Any:
    """Return the result of `compute`, from the cache if the result for this key is stored.

    Parameters
    ----------
    kind : str
        Name and version of the computation.
    key : JSON value
        Everything that the result depends on; large contents by their hash.
    compute : callable
        Function that returns a JSON value.
    place : JSON value, optional
        Name of a place that keeps only the last result; by default each key has its own place.
    """
    name = digest(key)
    path = cache_folder() / kind / f"{name[:32] if place is None else digest(place)[:32]}.json"
    try:
        given, checksum, known = read_json(path)
        if given == name and checksum == digest(known):
            return known
    except (OSError, ValueError, TypeError):
        pass  # absent, or damaged
    result = compute()
    # The result is valid even if it cannot be stored.
    with suppress(OSError):
        write_text(path, json.dumps([name, digest(result), result]), durable=False)
    return result


@contextmanager
def locked(folder: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Create and lock a run's folder; call `on_wait` before waiting for another process."""
    from filelock import Timeout

    try:
        holder = _lock(os.path.realpath(folder))
        make_folder(folder)
    except OSError as error:
        raise UsageError(unwritable(error.filename or folder, error)) from error
    try:
        holder.acquire(blocking=False)
    except Timeout:
        on_wait()
        holder.acquire()
    try:
        sweep(folder)
        sweep(folder.parent)
        yield
    finally:
        holder.release()


@contextmanager
def choosing() -> Iterator[None]:
    """Wait until no other process changes what the user chose of the runs of this workspace."""
    with ExitStack() as held:
        with suppress(OSError):  # without a writable cache, commands cannot see each other
            held.enter_context(_lock([os.path.realpath(models_folder()), "choices"]))
        yield


@contextmanager
def sole_writer(path: Path) -> Iterator[None]:
    """Lock a file; raise `UsageError` if another process has locked it, also by another link."""
    from filelock import Timeout

    keys: list[Any] = [os.path.realpath(path)]  # `resolve` fails for links in a circle
    with suppress(OSError):  # otherwise there is no such file yet
        status = path.stat()
        keys.append([status.st_dev, status.st_ino])  # which all hard links share
    with ExitStack() as held:
        try:
            for key in keys:
                held.enter_context(_lock(key).acquire(blocking=False))
        except Timeout:
            raise UsageError(
                f"{path} is being written by another command; wait for its end, or give another "
                "path"
            ) from None
        except OSError:  # without a writable cache, commands cannot see each other
            pass
        yield


def _lock(key: Any) -> "BaseFileLock":
    """Return the lock of this key; the system releases it when a process ends in any way."""
    from filelock import FileLock

    path = cache_folder() / "locks" / f"{digest(key)[:20]}.lock"
    make_folder(path.parent, durable=False)
    # A singleton can be acquired again by the process that holds it.
    return FileLock(path, is_singleton=True)
