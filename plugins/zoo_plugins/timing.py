"""Extension that records the duration of each hook of a model; off until it is enabled.

``run.json`` holds the calls and seconds of each hook under ``extensions`` and ``timing``, and
``zoo runs show`` prints them. They are the total cost of a run: all folds, the fit on all tracks,
the trials of nested tuning, the checks of the artefact, calls that raise, and the folds of earlier
sessions of a resumed run. The time of an interrupted fold is lost.

`train`, `predict`, `export`, `save` and `load` are called in the thread that trains; seconds are
wall-clock time, other wrappers of the hook included. `preprocess` is called in worker processes,
in which extensions do not know the run. Its figures come from ``extraction`` of the record: they
are sums over all workers, and can be more than wall-clock time. Tracks in the cache take no time.
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


class _Calls(threading.local):
    """Hook and seconds of each call since the last total, for each thread."""

    def __init__(self) -> None:
        self.finished: list[tuple[str, float]] = []


_calls = _Calls()


def _timed(hook: str) -> Callable[[], Generator[None, Any, Any]]:
    @hookimpl(wrapper=True)
    def wrapper() -> Generator[None, Any, Any]:
        begun = time.perf_counter()
        try:
            return (yield)
        finally:
            _calls.finished.append((hook, time.perf_counter() - begun))

    return wrapper


train, predict = _timed("train"), _timed("predict")
export, save, load = _timed("export"), _timed("save"), _timed("load")


@hookimpl
def zoo_run_started() -> None:
    """Discard calls that belong to no run, such as those of a search."""
    _calls.finished.clear()


@hookimpl
def zoo_fold_finished(run: Run) -> dict[str, Any]:
    """Return the totals after each fold, so that an interruption does not lose them."""
    return {"timing": _total(run)}


@hookimpl
def zoo_run_finished(run: Run) -> dict[str, Any]:
    """Return the totals with the artefact and the workers."""
    total = _total(run)
    if extraction := run.record.extraction:
        total["preprocess"] = {
            "calls": extraction["tracks"],
            "seconds": extraction["frontend_seconds"],
        }
    return {"timing": total}


def _total(run: Run) -> dict[str, dict[str, float]]:
    """Return calls and seconds by hook: those of the record and the new ones."""
    total = {hook: dict(entry) for hook, entry in run.record.extensions.get("timing", {}).items()}
    for hook, seconds in _calls.finished:
        entry = total.setdefault(hook, {"calls": 0, "seconds": 0.0})
        entry["calls"] += 1
        entry["seconds"] += seconds
    _calls.finished.clear()
    return total
