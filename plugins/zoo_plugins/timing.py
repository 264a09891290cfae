"""How long each hook of a model took, kept in the run: an extension, off until it is enabled.

``run.json`` holds, under ``extensions`` and ``timing``, the calls and seconds of each hook, and
``zoo runs show`` prints them. Counted is what a run costs in all: every fold, the fit on all
tracks, the trials of nested tuning, the checks of the artefact, calls that raise, and, where a run
was resumed, the folds of every session; what an interrupted fold took is lost.

`train`, `predict`, `export`, `save` and `load` are called in the process, and the thread, that
trains; seconds are those of a clock on the wall, other wrappers of the hook included.
`preprocess` is called in worker processes, where no extension sees which run it is for: its figures
are those that the zoo itself keeps in ``extraction``, summed over all workers, and so more than the
clock on the wall where several work at once. Tracks whose arrays were in the cache took none.
"""

import threading
import time
from collections.abc import Callable, Generator
from typing import Any

from zoo_registry import Run, hookimpl

__all__ = [
    "export",
    "load",
    "predict",
    "save",
    "train",
    "zoo_fold_finished",
    "zoo_run_finished",
    "zoo_run_started",
]


class _Tally(threading.local):
    """Calls and seconds by hook since they were last taken; runs in other threads have theirs."""

    def __init__(self) -> None:
        self.spent: dict[str, tuple[int, float]] = {}

    def add(self, hook: str, seconds: float) -> None:
        calls, before = self.spent.get(hook, (0, 0.0))
        self.spent[hook] = calls + 1, before + seconds

    def take(self) -> dict[str, tuple[int, float]]:
        taken, self.spent = self.spent, {}
        return taken


_tally = _Tally()


def _timed(hook: str) -> Callable[[], Generator[None, Any, Any]]:
    @hookimpl(wrapper=True)
    def wrapper() -> Generator[None, Any, Any]:
        begun = time.perf_counter()
        try:
            return (yield)
        finally:
            _tally.add(hook, time.perf_counter() - begun)

    return wrapper


train, predict = _timed("train"), _timed("predict")
export, save, load = _timed("export"), _timed("save"), _timed("load")


@hookimpl
def zoo_run_started() -> None:
    """Forget what was called for no run, such as a search before it."""
    _tally.take()


@hookimpl
def zoo_fold_finished(run: Run) -> dict[str, Any]:
    """Return what this fold took, so that an interruption does not lose it."""
    return {"timing": _total(run)}


@hookimpl
def zoo_run_finished(run: Run) -> dict[str, Any]:
    """Return also what the artefact took, and what the workers did."""
    total = _total(run)
    if extraction := run.record.extraction:
        total["preprocess"] = {
            "calls": extraction["tracks"],
            "seconds": extraction["frontend_seconds"],
        }
    return {"timing": total}


def _total(run: Run) -> dict[str, dict[str, float]]:
    """Return calls and seconds by hook: those of the record and those since."""
    total = {hook: dict(entry) for hook, entry in run.record.extensions.get("timing", {}).items()}
    for hook, (calls, seconds) in _tally.take().items():
        entry = total.setdefault(hook, {"calls": 0, "seconds": 0.0})
        entry["calls"] += calls
        entry["seconds"] += seconds
    return total
