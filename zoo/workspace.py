"""Locations on disk: runs in the user's directory, caches in the folder of the platform."""

import json
import math
import os
import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from difflib import get_close_matches
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo_registry.errors import RunError, UsageError
from zoo_registry.files import (
    TEMPORARY_SUFFIX,
    is_file,
    is_temporary,
    make_folder,
    read_json,
    sweep,
    temporary_path,
    unwritable,
    write_text,
)
from zoo_registry.places import cache_folder, models_folder
from zoo_registry.published import find_published
from zoo_registry.record import RunRecord
from zoo_registry.runs import FILES, FOLDERS, RECORD, SAVED, Run
from zoo_registry.text import digest

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = [
    "cache_folder",
    "file_name",
    "find_removable",
    "find_run",
    "locked",
    "models_folder",
    "recency",
    "remembered",
    "remove",
    "run_folder",
    "runs",
    "runs_of_file",
    "sole_writer",
    "stamps",
]

# Files in the folder of folds.
_OF_FOLD = re.compile(r"\d+\.(csv|robustness\.csv|unfinished)|\.zoo-.*\.tmp")
_SURE = 8  # characters of an id, from which a run may be deleted
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


def find_run(wanted: str, fits: Callable[[Run], bool] = lambda run: True) -> Run:
    """Return the run with a folder or id, or the newest run of a model.

    Parameters
    ----------
    wanted : str
        Name of a published run, which nothing else is taken for; folder of a run; its id, or the
        beginning of that, which is longer than the model's name; the name of a model; or the file
        of a model, as it was when it was trained.
    fits : callable, optional
        Condition for runs of a model that are preferred.

    Raises
    ------
    UsageError
        If there is no such run, or more than one.
    RunError
        If its record is damaged.
    """
    if run := find_published(wanted):
        return run
    if wanted and is_file(Path(wanted, RECORD)):
        return Run.read(Path(wanted))
    found = list(runs())
    known = [run for run in found if isinstance(run, Run)]
    if wanted.endswith(".py"):
        of_model = runs_of_file(wanted, known)
    else:
        of_model = [run for run in known if run.record.model.name == wanted]
    if of_model:
        complete = [run for run in of_model if run.complete]
        fitting = [run for run in complete if fits(run)]
        return max(fitting or complete or of_model, key=lambda run: recency(run.record.finished))
    if wanted and not any(run.id.startswith(wanted) for run in known):
        for item in found:
            if isinstance(item, RunError) and item.folder and item.folder.name.startswith(wanted):
                raise item
    return _one(wanted, known)


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


def runs_of_file(file: str, known: Iterable[Run]) -> list[Run]:
    """Return the runs of a model's file as it is now.

    Parameters
    ----------
    file : str
        Path that the user named.
    known : iterable of Run
        All runs that can be read.

    Raises
    ------
    UsageError
        If there is none.
    """
    from zoo_registry.discovery import file_version

    version, path = file_version(Path(file)), str(Path(file).resolve())
    loose = [run for run in known if run.record.model.is_file]
    if found := [run for run in loose if run.record.model.version == version]:
        return found
    former = [run.id for run in loose if run.record.model.file == path]
    reason = (
        f"{file} was changed since {former[-1]} was trained"
        if former
        else (f"no run under {models_folder()} was trained with {file}")
    )
    raise UsageError(f"{reason}; `zoo train {shlex.quote(file)}` trains it as it is now")


def _one(wanted: str, known: Iterable[Run], shortest: int = 0) -> Run:
    """Return the run of an id, or of its beginning: so long, and longer than the model's name."""

    def least(run: Run) -> int:
        return max(shortest, len(run.record.model.name) + 2)

    # Ids are compared with their folders, since a workspace may hold a copy of a run.
    matching = [run for run in known if run.id.startswith(wanted)]
    exact = [run for run in matching if run.id == wanted]
    exact = exact or [run for run in matching if len(wanted) >= least(run)]
    if len(exact) == 1:
        return exact[0]
    if exact:
        names = ", ".join(sorted(str(run.folder) for run in exact))
        raise UsageError(f"{wanted!r} could mean several runs: {names}; give the folder of one")
    if matching:
        raise UsageError(
            f"{wanted!r} is too short for the id of a run; give the whole id, or at least "
            f"{min(map(least, matching))} characters of it; `zoo runs list` shows the runs"
        )
    near = get_close_matches(wanted, {run.record.model.name for run in known}, n=1)
    raise UsageError(
        f"there is no run or trained model {wanted!r} in {models_folder().absolute()}"
        f"{f' (the closest name is {near[0]!r})' if near else ''}; "
        "`zoo runs list` shows the runs, `zoo train` makes one"
    )


def find_removable(wanted: str) -> Path:
    """Return the folder of the run that shall be deleted, which may be damaged.

    Parameters
    ----------
    wanted : str
        Id of the run, or at least its first eight characters, which is longer than the model's
        name; or its folder, which has to lie in the workspace.

    Raises
    ------
    UsageError
        If there is no such run, or more than one, or its folder lies elsewhere.
    """
    found = list(runs())
    known = [run for run in found if isinstance(run, Run)]
    damaged = [item.folder for item in found if isinstance(item, RunError) and item.folder]
    if any(run.record.model.name == wanted for run in known):
        raise UsageError(
            f"{wanted!r} is a model, which may have several runs; give the id of the run, "
            "which `zoo runs list` shows"
        )
    if wanted and os.path.lexists(Path(wanted, RECORD)):
        folder = Path(os.path.abspath(wanted))  # noqa: PTH100  (a link stays a link)
    elif len(named := [folder for folder in damaged if folder.name == wanted]) == 1:
        folder = named[0]
    else:
        folder = _one(wanted, known, _SURE).folder
    # A folder above the run may be a link.
    home, place = models_folder().resolve(), folder.parent.resolve()
    if place.parent.parent != home:
        raise UsageError(
            f"{folder} is no run of this workspace, whose runs lie in {home}; "
            "delete the folder yourself if you do not need it"
        )
    return folder


def remove(folder: Path) -> list[str]:
    """Delete a run at once: no process reads a part of it.

    Parameters
    ----------
    folder : Path
        Folder of a run of the workspace. If it is a link, only the link is deleted.

    Returns
    -------
    list of str
        Names of the files in its folder that are not the run's, and stay there.
    """
    leaving = temporary_path(folder)
    with suppress(FileNotFoundError):  # another process has deleted it
        if folder.is_symlink():
            folder.unlink()
            return []
        own = [entry.name for entry in os.scandir(folder) if _is_own(entry)]
        foreign = sorted({path.name for path in folder.iterdir()} - set(own))
        if not foreign:
            folder.rename(leaving)
        else:
            leaving.mkdir()
            # A folder without a record is no run.
            for name in sorted(own, key=RECORD.__ne__):
                (folder / name).rename(leaving / name)
        shutil.rmtree(leaving)  # which deletes links, not what they lead to
        return foreign
    return []


def _is_own(entry: "os.DirEntry[str]") -> bool:
    """Whether an entry of a run's folder is one that the zoo writes."""
    if entry.is_symlink():
        return entry.name in FILES | FOLDERS
    if entry.name in FOLDERS and entry.is_dir():
        # Only a plugin knows what it has saved.
        inside = (path.name for path in Path(entry).iterdir())
        return entry.name == SAVED or all(map(_OF_FOLD.fullmatch, inside))
    is_written = entry.name in FILES or is_temporary(entry.name)
    return is_written and not entry.is_dir()


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
