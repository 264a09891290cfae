"""Work on several machines: the workers of a Dask cluster, any of which may die.

joblib's own backend for Dask is not used: of a task that ended its workers it never tells, and
waits for ever (seen with joblib 1.6); and it sends what a forest does in threads over the network.
"""

import itertools
import logging
import queue
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from zoo.execution.engine import Engine
from zoo.execution.environment import surroundings
from zoo_registry.errors import EngineError, UsageError
from zoo_registry.text import quoted

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Cluster"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 4  # tasks a thread of a worker that are on their way; more would fill the scheduler
_TOGETHER = 16  # small items of a task, which itself costs two milliseconds
_WAIT = 10.0  # seconds for a scheduler to answer, and for a first worker
_GONE = 60.0  # seconds without any worker, after which none is waited for
_LOOK = 5.0  # seconds after which we look whether there still is a cluster


class Cluster(Engine):
    """The workers of a Dask cluster; to be closed, or used as a context manager.

    A task whose worker dies is done again by another one. What has ended four workers is tried
    once more when the rest is done, and is then given up.

    Parameters
    ----------
    scheduler : str
        Its address, such as "tcp://10.0.0.1:8786".

    Raises
    ------
    UsageError
        If Dask is not installed, no scheduler answers, it has no worker, or a worker has other
        versions of what the results depend on.
    """

    far = True

    def __init__(self, scheduler: str) -> None:
        super().__init__()
        try:
            from distributed import Client
        except ImportError as error:
            raise UsageError(
                "a Dask cluster needs dask and distributed; pip install 'genre-zoo[dask]'"
            ) from error
        self.scheduler = scheduler
        for logger in ("distributed", "distributed.client", "tornado.application"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)  # what they tell, we tell
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # versions are compared below
                self._client = Client(scheduler, timeout=_WAIT, set_as_default=False)
        except Exception as error:
            raise UsageError(
                f"no Dask scheduler answers at {quoted(scheduler)}; start one with "
                "`dask scheduler`, and give the address that it prints"
            ) from error
        try:
            self._wait_for_a_worker()
            self.expect(_versions_lacking, surroundings())
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the cluster, which runs on."""
        self._client.close(timeout=_LOOK)

    @property
    def workers(self) -> int:
        """Threads of all workers, and one while all are being started anew."""
        return max(1, self._threads())

    def _threads(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except Exception as error:
            raise self._lost() from error

    def work(
        self, call: Callable[[Item], Result], items: Sequence[Item], small: bool = False
    ) -> Iterator[tuple[int, Result | None]]:
        """Do what `Engine.work` does; what `call` raises is raised here.

        Raises
        ------
        EngineError
            If the scheduler or all workers are gone.
        """
        size = min(_TOGETHER, len(items) // (_AHEAD * self.workers)) if small else 1
        size = max(1, size)
        starts = range(0, len(items), size)
        parts = [items[start : start + size] for start in starts]
        deadly: list[int] = []
        for number, killed, results in self._tasks(partial(_each, call), parts):
            places = range(starts[number], starts[number] + len(parts[number]))
            if killed or results is None:
                deadly += places
            else:
                yield from zip(places, results, strict=True)
        for place in deadly:  # one by one, so that only what does it is given up
            yield place, self.alone(call, items[place])

    def alone(self, call: Callable[[Item], Result], item: Item) -> Result | None:
        """Return what `call` returns for one item; None if workers died of it."""
        ((_, _, result),) = self._tasks(call, [item])
        return result

    def expect(self, lacking: Callable[..., str | None], *arguments: object) -> None:
        """Ask each worker what it lacks; see `Engine.expect`."""
        try:
            answers = self._client.run(lacking, *arguments, on_error="return")
        except Exception as error:
            raise self._lost() from error
        for address, answer in sorted(answers.items()):
            if isinstance(answer, OSError):  # it has gone
                continue
            if isinstance(answer, ImportError):
                answer = f"cannot import what is needed: {answer}; install the same there"  # noqa: PLW2901
            if answer is not None:
                raise UsageError(f"the worker {address} {answer}")

    def _wait_for_a_worker(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=_WAIT)
        except Exception as error:
            raise UsageError(
                f"the Dask scheduler at {self.scheduler} has no worker; start some with "
                f"`dask worker {self.scheduler} --nthreads 1`"
            ) from error

    def _tasks(
        self, call: Callable[[Item], Result], items: Sequence[Item]
    ) -> Iterator[tuple[int, bool, Result | None]]:
        """Yield place, whether workers died of it, and result of each item, as they are ready."""
        ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        sent: dict[str, tuple[int, Any]] = {}
        waiting = iter(range(len(items)))
        # A task of its own: what all items need goes to each worker once, and again if one dies.
        shared = self._submit(_same, call)

        def send(count: int) -> None:
            for place in itertools.islice(waiting, count):
                future = self._submit(_do, shared, items[place])
                sent[future.key] = place, future
                future.add_done_callback(ready.put)

        try:
            send(_AHEAD * self.workers)
            while sent:
                place, future = sent.pop(self._next(ready).key)
                send(1)
                killed, result = self._result(future)
                del future  # with it goes what a worker holds for us
                yield place, killed, result
        finally:
            left = [future for _, future in sent.values()]
            sent.clear()
            if left and self._client.status == "running":
                self._client.cancel(left)

    def _submit(self, call: Callable[..., Any], *arguments: object) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that it is large
                return self._client.submit(call, *arguments, pure=False)
        except Exception as error:
            raise self._lost() from error

    def _next(self, ready: "queue.SimpleQueue[Any]") -> Any:
        without = 0.0
        while True:
            try:
                return ready.get(timeout=_LOOK)
            except queue.Empty:
                without = 0.0 if self._threads() else without + _LOOK
            if without >= _GONE:
                raise EngineError(
                    f"the Dask scheduler at {self.scheduler} has no worker any more; start some, "
                    "and the same command goes on"
                )

    def _result(self, future: Any) -> tuple[bool, Any]:
        """Return whether workers died of a task, and its result; raise what it raised."""
        from distributed.scheduler import KilledWorker

        if future.status == "cancelled":
            raise self._lost()
        try:
            return False, future.result()
        except KilledWorker:
            return True, None

    def _lost(self) -> EngineError:
        return EngineError(
            f"the Dask scheduler at {self.scheduler} is gone; what was finished is kept, and the "
            "same command goes on once it is there again"
        )


def _same(call: Callable[..., Any]) -> Callable[..., Any]:
    return call


def _each(call: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [call(item) for item in items]


def _do(call: Callable[[Item], Result], item: Item) -> Result:
    return call(item)


def _versions_lacking(here: dict[str, str]) -> str | None:
    """Return in what a worker's installation differs from the one that asks."""
    there = surroundings()
    for package, version in here.items():
        if there.get(package) != version:
            found = there.get(package, "none")
            return (
                f"has {package} {found}, and here it is {version}: results could differ; "
                "install the same there"
            )
    return None
