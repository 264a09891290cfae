"""Work in several processes, any of which may die: what it was at is named, the rest is done."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.resource_tracker import ensure_running
from typing import Any, TypeVar

__all__ = ["Engine"]

Item = TypeVar("Item")
Result = TypeVar("Result")


class Engine:
    """Where work is done: in processes of this machine.

    Parameters
    ----------
    jobs : int, optional
        Processes; all cores by default.

    Attributes
    ----------
    far : bool
        Whether a worker may stand elsewhere: it has a cache of its own, and may lack files.
    """

    far = False

    def __init__(self, jobs: int | None = None) -> None:
        self._jobs = jobs

    @property
    def workers(self) -> int:
        """How many items are worked on at once."""
        return self._jobs or os.cpu_count() or 1

    def work(
        self, call: Callable[[Item], Result], items: Sequence[Item], small: bool = False
    ) -> Iterator[tuple[int, Result | None]]:
        """Yield the place of each item and what `call` returns for it, as they are ready.

        When a worker dies, killed or out of memory, nobody tells which item it had: those that
        were on their way are tried again one by one, so that the one that ends it is found.

        Parameters
        ----------
        call : callable
            Can be pickled, as its results. With one worker it is called in this process.
        items : sequence
        small : bool
            Whether an item takes a moment only, so that several may travel together.

        Yields
        ------
        int
            The place of the item.
        Result or None
            None for an item that ended its worker, twice.
        """
        del small  # joblib looks for itself
        from concurrent.futures.process import BrokenProcessPool

        from joblib import delayed

        waiting = list(range(len(items)))
        while waiting:
            sent: list[int] = []

            def tasks(waiting: list[int] = waiting, sent: list[int] = sent) -> Iterator[object]:
                for place in waiting:
                    sent.append(place)
                    yield delayed(_numbered)(call, place, items[place])

            done: set[int] = set()
            try:
                for place, result in _begun(self.workers, tasks()):
                    done.add(place)
                    yield place, result
            except BrokenProcessPool:
                suspects = [place for place in sent if place not in done]
            except BaseException:
                # Nobody wants the rest, which must not end in tracebacks of its own.
                for child in multiprocessing.active_children():
                    if child.name.startswith("LokyProcess"):
                        child.terminate()
                raise
            else:
                return
            for place in suspects:
                yield place, self.alone(call, items[place])
            waiting = waiting[len(sent) :]

    def alone(self, call: Callable[[Item], Result], item: Item) -> Result | None:
        """Return what `call` returns for one item in a worker; None if that dies of it."""
        from concurrent.futures.process import BrokenProcessPool

        from joblib import delayed

        try:
            # Two, since joblib does the work of one process in this one.
            ((_, result),) = _begun(2, [delayed(_numbered)(call, 0, item)])
        except BrokenProcessPool:
            return None
        found: Result = result
        return found

    def expect(self, lacking: Callable[..., str | None], *arguments: object) -> None:
        """Ask each worker that stands elsewhere what it lacks; those of this machine have all.

        Parameters
        ----------
        lacking : callable
            Returns what a worker lacks, as the end of a sentence; None if it lacks nothing.

        Raises
        ------
        UsageError
            If one lacks something.
        """


def _begun(workers: int, tasks: Iterable[object]) -> Iterator[tuple[int, Any]]:
    """Start workers and return what will be their results; they hear no Ctrl-C, and end with us."""
    from joblib import Parallel, parallel_config

    ours = parallel_config("loky", initializer=_end_with, initargs=(os.getpid(),))
    with ours, _deaf_children():
        results: Iterator[tuple[int, Any]] = Parallel(workers, return_as="generator_unordered")(
            tasks
        )
    return results


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Let processes that are started meanwhile not hear Ctrl-C, which a terminal sends to all.

    The one that they work for hears it, and ends them; by themselves each would show a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    ensure_running()  # it is deaf by itself, but whoever starts it hears again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])  # children inherit it
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _numbered(call: Callable[[Item], Result], place: int, item: Item) -> tuple[int, Result]:
    return place, call(item)


def _end_with(master: int) -> None:
    """Let this worker end when its master was killed; joblib's would wait for minutes."""

    def watch() -> None:
        while os.getppid() == master:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
