"""Threads that end with the work that they are for, and the end in spite of others."""

import os
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar

__all__ = ["end_despite_threads", "map_in_threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_PATIENCE = 5.0  # seconds that the end of a process waits for threads


def map_in_threads(
    call: Callable[[Item, Callable[[], bool]], Result],
    items: Sequence[Item],
    workers: int,
    in_order: bool,
) -> Generator[Result, None, None]:
    """Yield the result of a function for each item, computed in threads.

    The threads end when the generator is closed, or the main thread ends. Python waits for that;
    daemon threads that are in a library when Python ends would crash the process.

    Parameters
    ----------
    call : callable
        Takes an item and a function that returns whether the result is still wanted, which it asks
        often. What it raises is raised here.
    items : sequence
        The items.
    workers : int
        Number of threads.
    in_order : bool
        Whether results are yielded in the order of the items, or as soon as each is ready.
    """
    closed, main = threading.Event(), threading.main_thread()
    numbered, turn = enumerate(items), threading.Lock()
    finished: SimpleQueue[tuple[int, Future[Result]]] = SimpleQueue()

    def is_wanted() -> bool:
        """Whether the generator and the main thread still run."""
        return main.is_alive() and not closed.is_set()

    def work() -> None:
        """Compute results until none is wanted."""
        while is_wanted():
            with turn:
                task = next(numbered, None)
            if task is None:
                return
            number, item = task
            outcome: Future[Result] = Future()
            try:
                outcome.set_result(call(item, is_wanted))
            except BaseException as error:
                outcome.set_exception(error)
            finished.put((number, outcome))

    held: dict[int, Future[Result]] = {}
    try:
        for _ in range(workers):
            threading.Thread(target=work).start()
        for number in range(len(items)):
            while number not in held if in_order else not held:
                arrived, outcome = finished.get()
                held[arrived] = outcome
            yield (held.pop(number) if in_order else held.popitem()[1]).result()
    finally:
        closed.set()


def end_despite_threads(status: int, note: Callable[[list[str]], object] | None = None) -> None:
    """Let this process end, although a plugin has left a thread that does not.

    Python would wait for it, and everything is done. A thread that is not a daemon gets a few
    seconds.

    Parameters
    ----------
    status : int
        Exit status.
    note : callable, optional
        Is called with the names of the threads that are not waited for.
    """

    def watch() -> None:
        """Wait for the main thread, then for the others."""
        main = threading.main_thread()
        main.join()  # it counts as ended once Python waits for the others
        until = time.monotonic() + _PATIENCE
        left = [each for each in threading.enumerate() if not each.daemon and each is not main]
        for each in left:
            each.join(max(0.0, until - time.monotonic()))
        if names := [each.name for each in left if each.is_alive()]:
            try:
                if note:
                    note(names)
            finally:
                os._exit(status)

    threading.Thread(target=watch, daemon=True).start()
