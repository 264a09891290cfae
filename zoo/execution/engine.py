"""Engines: they call a function for each item of a list, in this process or in workers.

No caller needs to know which engine it has. A crashed worker costs only the item that it was
processing, which is reported.
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from multiprocessing.resource_tracker import ensure_running
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias, TypeVar

from zoo.execution.log import keep_apart
from zoo.execution.threads import end_despite_threads
from zoo_registry.places import has_semaphores
from zoo_registry.silence import move_stderr
from zoo_registry.temporary import temporary_folder

__all__ = ["Engine", "InProcess", "LocalProcesses", "Results", "crashed"]

_log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")
Results: TypeAlias = Generator[tuple[int, Result | None], None, None]
"""Position and result of each item; None for an item that crashed its worker twice."""

# Below this many small items, starting workers takes longer than the work.
_WORTH_WORKERS = 8
# Seconds of a model's first fit above which the next ones run side by side: a worker needs some of
# them to start and to import scikit-learn.
_WORTH_PARALLEL_FITS = 5.0
_NETWORK_THREADS = 8


def crashed(doing: str) -> str:
    """Return the end of a sentence about an item whose worker died while `doing` it."""
    return f"ended the process that {doing} it: it was killed, or out of memory"


class Engine(ABC):
    """A place where functions are run over items."""

    @abstractmethod
    def map_unordered(
        self,
        call: Callable[[Item], Result],
        items: Iterable[Item],
        small: bool = False,
        risky: bool = False,
    ) -> Results[Result]:
        """Yield the position of each item and its result, in the order of completion.

        Parameters
        ----------
        call : callable
            Can be pickled, as its results; what it raises is raised here.
        items : iterable
            Taken when a worker is free, so that late items may depend on early results.
        small : bool
            Whether an item takes a moment only, so that several may be sent together.
        risky : bool
            Whether an item may end its process, so that none is processed in this one.
        """

    @abstractmethod
    def run_isolated(self, call: Callable[[Item], Result], item: Item) -> Result | None:
        """Return the result of one item, computed in a worker; None if it crashes the worker."""

    def map_fits(
        self, call: Callable[[Item], Result], items: Iterable[Item], in_parallel: bool = False
    ) -> Results[Result]:
        """Yield the same as `map_unordered` for calls that fit a model.

        Parameters
        ----------
        call : callable
            Can be pickled, as its results.
        items : iterable
            Taken when a worker is free.
        in_parallel : bool
            Whether several fits on one machine may be faster than one after the other.
        """
        del in_parallel
        return self.map_unordered(call, items)

    def map_reads(self, call: Callable[[Item], Result], items: Sequence[Item]) -> Results[Result]:
        """Yield the same as `map_unordered` for small `items` and a `call` that reads a network."""
        with ThreadPoolExecutor(_NETWORK_THREADS) as pool:
            yield from enumerate(pool.map(call, items))

    def check_workers(  # noqa: B027
        self, missing: Callable[..., str | None], *arguments: object
    ) -> None:
        """Check that each remote worker has what is needed; those of this machine have it.

        Parameters
        ----------
        missing : callable
            Returns what a worker lacks, as the end of a sentence; None if it lacks nothing.
        *arguments : object
            What `missing` is called with.

        Raises
        ------
        UsageError
            If a worker lacks something.
        """


class InProcess(Engine):
    """The current process, one item after the other; what may crash it runs in a worker."""

    def map_unordered(
        self,
        call: Callable[[Item], Result],
        items: Iterable[Item],
        small: bool = False,
        risky: bool = False,
    ) -> Results[Result]:
        """Yield position and result of `call` for each of `items`, in order; `small` or not."""
        del small
        for position, item in enumerate(items):
            yield position, self.run_isolated(call, item) if risky else call(item)

    def run_isolated(self, call: Callable[[Item], Result], item: Item) -> Result | None:
        """Return the result of one item, computed in a process of its own."""
        return LocalProcesses(1).run_isolated(call, item)


class LocalProcesses(Engine):
    """Processes of this machine.

    Parameters
    ----------
    jobs : int, optional
        Number of processes; all cores by default. With one, items are processed in this process,
        unless they are risky.
    """

    def __init__(self, jobs: int | None = None) -> None:
        self._jobs = jobs or os.cpu_count() or 1

    def map_unordered(
        self,
        call: Callable[[Item], Result],
        items: Iterable[Item],
        small: bool = False,
        risky: bool = False,
    ) -> Results[Result]:
        """Yield position and result of `call` for each of `items`; a few `small` ones stay here."""
        # The pool does not report which item a crashed worker had. All items that were in progress
        # are therefore tried again one by one.
        from concurrent.futures.process import BrokenProcessPool

        from joblib import delayed

        if (
            self._jobs == 1
            or not _has_workers()
            or (small and not risky and len(items := list(items)) < _WORTH_WORKERS)
        ):
            yield from InProcess().map_unordered(call, items, risky=risky)
            return
        waiting = enumerate(items)
        crash = True
        while crash:
            sent: dict[int, Item] = {}

            def tasks(sent: dict[int, Item] = sent) -> Iterator[object]:
                for position, item in waiting:
                    sent[position] = item
                    yield delayed(_numbered)(_settings(), call, position, item)

            try:
                for position, result in _start(self._jobs, tasks()):
                    del sent[position]
                    yield position, result
                crash = False
            except BrokenProcessPool:
                for position, item in sent.items():
                    yield position, self.run_isolated(call, item)
            except BaseException:
                # The rest is not wanted any more, and must not end in tracebacks of its own.
                for child in multiprocessing.active_children():
                    if child.name.startswith("LokyProcess"):
                        child.terminate()
                raise

    def run_isolated(self, call: Callable[[Item], Result], item: Item) -> Result | None:
        """Return the result of one item, computed in a process of its own."""
        from concurrent.futures.process import BrokenProcessPool

        from joblib import delayed

        if not _has_workers():
            return call(item)
        try:
            # Two, since joblib does the work of one process in this one.
            ((_, result),) = _start(2, [delayed(_numbered)(_settings(), call, 0, item)])
        except BrokenProcessPool:
            return None
        found: Result = result
        return found

    def map_fits(
        self, call: Callable[[Item], Result], items: Iterable[Item], in_parallel: bool = False
    ) -> Results[Result]:
        """Fit models in this process, and side by side in workers once that is faster."""
        waiting = iter(items)
        done = 0
        for item in waiting:
            begun = time.perf_counter()
            result: Result | None = call(item)
            slow = time.perf_counter() - begun > _WORTH_PARALLEL_FITS
            yield done, result
            done += 1
            if slow and in_parallel and self._jobs > 1:
                break
        else:
            return
        for position, result in self.map_unordered(call, waiting):
            yield done + position, result


@cache
def _has_workers() -> bool:
    """Whether there can be worker processes; the first call logs it if not."""
    if not has_semaphores():
        _log.warning(
            "all work is done in one process: workers need semaphores, and this system lets none "
            "be created (on Linux, /dev/shm has to exist, be writable and have room)"
        )
    return has_semaphores()


@cache
def _mark() -> TemporaryDirectory[str]:
    """Return a folder by which another process knows that semaphores of this one are the zoo's."""
    return temporary_folder()


def _start(workers: int, tasks: Iterable[object]) -> Iterator[tuple[int, Any]]:
    """Start workers, which ignore Ctrl-C and end with this process; return their results."""
    from joblib import Parallel, parallel_config

    # joblib replaces a worker that holds much memory, and says so although nothing is lost. A
    # thread of its own says it, so that the filter has to stay.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
    # Nothing large is sent, so that joblib needs no files in shared memory.
    ours = parallel_config(
        "loky",
        initializer=_end_with,
        initargs=(os.getpid(),),
        max_nbytes=None,
        temp_folder=_mark().name,
    )
    with ours, _children_ignore_interrupts():
        results: Iterator[tuple[int, Any]] = Parallel(workers, return_as="generator_unordered")(
            tasks
        )
    return results


@contextmanager
def _children_ignore_interrupts() -> Iterator[None]:
    """Start processes that do not receive Ctrl-C, which a terminal sends to all.

    This process receives it and ends them; by themselves each would print a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from joblib.externals.loky.backend import resource_tracker

    # The trackers ignore Ctrl-C themselves, but starting them unblocks the signal. What joblib's
    # deletes once this process was killed, it need not list.
    sys.warnoptions.append("ignore:resource_tracker")
    try:
        ensure_running()
        resource_tracker.ensure_running()
    finally:
        sys.warnoptions.pop()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # children inherit it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _settings() -> dict[str, str]:
    """Return the variables of the zoo; workers live on, and would keep those of their start."""
    return {name: value for name, value in os.environ.items() if name.startswith("ZOO_")}


def _numbered(
    settings: dict[str, str], call: Callable[[Item], Result], position: int, item: Item
) -> tuple[int, Result]:
    os.environ.update(settings)
    return position, call(item)


def _end_with(parent: int) -> None:
    """Let this worker end when its parent was killed; joblib's would wait for minutes."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    move_stderr()  # before there is another thread
    keep_apart()
    threading.Thread(target=watch, daemon=True).start()
    end_despite_threads(0)
