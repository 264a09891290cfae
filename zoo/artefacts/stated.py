"""Accuracy of a run as its model card states it; its interval takes scipy, and a second."""

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from zoo_registry.files import read_bytes
from zoo_registry.runs import Run

__all__ = ["Stated", "stated_accuracy"]

_ACCURACY = re.compile(rb"majority vote \| ([\d.]+), 95 % interval ([\d.]+) to ([\d.]+) ")
_TRACKS = re.compile(rb"^(\d+) tracks tested ", re.MULTILINE)


class Stated(NamedTuple):
    """Accuracy of the vote, the ends of its 95 % interval, and the number of tested tracks."""

    accuracy: float
    ci_low: float
    ci_high: float
    tracks: int | None


def stated_accuracy(run: Run) -> Stated | None:
    """Return the accuracy that the card of a run states; None if it states none.

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
def _stated(card: Path, folder: Path, *_: int) -> Stated | None:
    text = read_bytes(card, folder)
    found, tracks = _ACCURACY.search(text), _TRACKS.search(text)
    if found is None:
        return None
    accuracy, low, high = map(float, found.groups())
    return Stated(accuracy, low, high, int(tracks[1]) if tracks else None)
