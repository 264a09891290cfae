"""Accuracy of a run as its model card states it; its interval takes scipy, and a second."""

import re
from functools import lru_cache
from pathlib import Path

from zoo_registry.files import read_bytes
from zoo_registry.runs import Run

__all__ = ["stated_accuracy"]

_ACCURACY = re.compile(rb"majority vote \| ([\d.]+), 95 % interval ([\d.]+) to ([\d.]+) ")


def stated_accuracy(run: Run) -> tuple[float, float, float] | None:
    """Return the accuracy of a run and the ends of its interval; None if its card lacks them.

    Parameters
    ----------
    run : Run
        Its card is read again only if it has changed.
    """
    try:
        written = run.card_path.stat()
        return _stated(run.card_path, run.folder, written.st_mtime_ns, written.st_size)
    except OSError:
        return None


@lru_cache(maxsize=1024)
def _stated(card: Path, folder: Path, *_: int) -> tuple[float, float, float] | None:
    found = _ACCURACY.search(read_bytes(card, folder))
    if found is None:
        return None
    accuracy, low, high = map(float, found.groups())
    return accuracy, low, high
