"""Engine whose workers are those of a Dask cluster, on one machine or several.

joblib's own backend for Dask is not used. It waits for ever for a task that crashed its workers
(seen with joblib 1.6), and it sends the work of a forest's threads over the network.
"""

import itertools
import logging
import queue
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from zoo.execution.engine import Engine, Results
from zoo.execution.environment import surroundings
from zoo_registry.errors import EngineError, UsageError
from zoo_registry.text import pip_install, quoted

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Cluster"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_TASKS_PER_THREAD = 4  # tasks in flight per thread of a worker; more would fill the scheduler
_ITEMS_PER_TASK = 16  # small items per task, which itself costs two milliseconds
_CONNECT_SECONDS = 10.0  # for a scheduler to answer, and for its first worker
_GIVE_UP_SECONDS = 60.0  # without any worker
_CHECK_SECONDS = 5.0  # between two looks whether the cluster still exists


class Cluster(Engine):
    """The workers of a Dask cluster; to be closed, or used as a context manager.

    A task whose worker dies is repeated on another one. A task that has crashed four workers is
    tried once more when the rest is done, and then given up.

    Parameters
    ----------
    scheduler : str
        Its address, such as "tcp://10.0.0.1:8786".

    Raises
    ------
    UsageError
        If Dask is not installed, no scheduler answers, it has no worker, or a worker has other
        versions of what the results depend on.
    EngineError
        From every method, if the scheduler or all workers are gone.
    """

    def __init__(self, scheduler: str) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise UsageError(
                f"a Dask cluster needs dask and distributed; {pip_install('dask')}"
            ) from error
        self.scheduler = scheduler
        for logger in ("distributed", "distributed.client", "tornado.application"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)  # reported below in one sentence
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # versions are compared below
                self._client = Client(scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
        except Exception as error:
            raise UsageError(
                f"no Dask scheduler answers at {quoted(scheduler)}; start one with "
                "`dask scheduler`, and give the address that it prints"
            ) from error
        try:
            self._wait_for_a_worker()
            self.check_workers(_versions_lacking, surroundings())
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
        """Disconnect from the cluster, which keeps running."""
        self._client.close(timeout=_CHECK_SECONDS)

    def _threads(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except Exception as error:
            raise self._lost() from error

    def map_unordered(
        self,
        call: Callable[[Item], Result],
        items: Iterable[Item],
        small: bool = False,
        risky: bool = False,
    ) -> Results[Result]:
        """Yield position and result of `call` for each of `items`; `small` ones share a task."""
        del risky  # none is processed in this process
        size = 1
        if small:
            items = list(items)
            size = max(1, min(_ITEMS_PER_TASK, len(items) // self._in_flight))
        numbered = iter(enumerate(items))
        parts = iter(lambda: tuple(itertools.islice(numbered, size)), ())
        suspects: list[tuple[int, Item]] = []
        for part, results in self._tasks(partial(_each, call), parts):
            if results is None:
                suspects += part
            else:
                yield from zip((position for position, _ in part), results, strict=True)
        for position, item in suspects:  # one by one, so that only the cause is given up
            yield position, self.run_isolated(call, item)

    def map_reads(self, call: Callable[[Item], Result], items: Sequence[Item]) -> Results[Result]:
        """Yield position and result of `call` for each of `items`, read by the workers."""
        return self.map_unordered(call, items, small=True)

    def run_isolated(self, call: Callable[[Item], Result], item: Item) -> Result | None:
        """Return the result of one item; None if workers died of it."""
        ((_, result),) = self._tasks(call, iter([item]))
        return result

    def check_workers(self, missing: Callable[..., str | None], *arguments: object) -> None:
        """Ask each worker what it lacks; see `Engine.require`."""
        try:
            answers = self._client.run(missing, *arguments, on_error="return")
        except Exception as error:
            raise self._lost() from error
        for address, answer in sorted(answers.items()):
            if isinstance(answer, OSError):  # the worker has gone
                continue
            if isinstance(answer, ImportError):
                answer = f"cannot import what is needed: {answer}; install the same there"  # noqa: PLW2901
            if answer is not None:
                raise UsageError(f"the worker {address} {answer}")

    def _wait_for_a_worker(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except Exception as error:
            raise UsageError(
                f"the Dask scheduler at {self.scheduler} has no worker; start some with "
                f"`dask worker {self.scheduler} --nthreads 1`"
            ) from error

    @property
    def _in_flight(self) -> int:
        """Number of tasks to submit at once; some even while all workers are restarted."""
        return _TASKS_PER_THREAD * max(1, self._threads())

    def _tasks(
        self, call: Callable[[Item], Result], items: Iterator[Item]
    ) -> Iterator[tuple[Item, Result | None]]:
        """Yield each item with its result, None if workers died of it, as they are ready."""
        ready: queue.SimpleQueue[Any] = queue.SimpleQueue()
        sent: dict[str, tuple[Item, Any]] = {}
        # A task of its own: the function goes to each worker once, and again if one dies.
        shared = self._submit(_same, call)

        def send(count: int) -> None:
            for item in itertools.islice(items, count):
                future = self._submit(_do, shared, item)
                sent[future.key] = item, future
                future.add_done_callback(ready.put)

        try:
            send(self._in_flight)
            while sent:
                item, future = sent.pop(self._next(ready).key)
                result = self._result(future)
                del future  # which frees the memory of the result on the worker
                yield item, result
                send(1)
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
                return ready.get(timeout=_CHECK_SECONDS)
            except queue.Empty:
                without = 0.0 if self._threads() else without + _CHECK_SECONDS
            if without >= _GIVE_UP_SECONDS:
                raise EngineError(
                    f"the Dask scheduler at {self.scheduler} no longer has a worker; start some, "
                    "and run the same command to continue"
                )

    def _result(self, future: Any) -> Any:
        """Return the result of a task, None if workers died of it; raise what it raised."""
        from distributed.scheduler import KilledWorker

        if future.status == "cancelled":
            raise self._lost()
        try:
            return future.result()
        except KilledWorker:
            return None

    def _lost(self) -> EngineError:
        return EngineError(
            f"the Dask scheduler at {self.scheduler} is gone; progress is saved; run "
            "the same command again once it is back"
        )


def _same(call: Callable[..., Any]) -> Callable[..., Any]:
    return call


def _each(call: Callable[[Item], Result], items: Sequence[tuple[int, Item]]) -> list[Result]:
    return [call(item) for _, item in items]


def _do(call: Callable[[Item], Result], item: Item) -> Result:
    return call(item)


def _versions_lacking(here: dict[str, str]) -> str | None:
    """Return how the packages of this worker differ from those of the client."""
    there = surroundings()
    for package, version in here.items():
        if there.get(package) != version:
            found = there.get(package, "none")
            return (
                f"has {package} {found}, and here it is {version}: results could differ; "
                "install the same there"
            )
    return None
