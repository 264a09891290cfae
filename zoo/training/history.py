"""Changes of a dataset since its last run."""

import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from zoo.datasets import Dataset, Reading, Track
from zoo.datasets.places import place_of, recorded_place, was_trained
from zoo.execution.progress import Reporter
from zoo.workspace import cache_folder, file_name, models_folder
from zoo_registry.errors import RunError
from zoo_registry.files import write_text
from zoo_registry.runs import RECORD, Run

__all__ = ["note_changes"]

_Facts = dict[str, tuple[str, str, str]]  # sound, label and all else of each track, by its id
_WEEK = 7  # days


def note_changes(dataset: Dataset, reporter: Reporter, root: Path | None = None) -> None:
    """Report what has changed since the last run on the same place.

    The facts of each track are stored in the cache folder, so that changes can be counted next
    time. Without them the note has no numbers.

    Parameters
    ----------
    dataset : Dataset
        The dataset as it is now.
    reporter : Reporter
        Receives the note.
    root : Path, optional
        Folder of the runs; by default the workspace's models folder.
    """
    now = _remember(dataset)
    earlier = _earlier(dataset, root or models_folder())
    last = next(earlier, None)
    if last is None or _is_of(last, dataset):
        return
    info = last.record.dataset
    counts = _counts(_recall(info.whole or info.fingerprint), now) or "the dataset has changed"
    board = "an earlier" if any(_is_of(run, dataset) for run in earlier) else "a new"
    when = _day(last.record.finished or last.record.started)
    reporter.note(f"{counts} since {last.id}{when}: {board} board")


def _earlier(dataset: Dataset, root: Path) -> Iterator[Run]:
    """Yield the runs on the same place and selection, the latest first."""
    place = place_of(dataset.source)
    is_known = was_trained(place)
    for path in _latest(root / file_name(dataset.name)):
        with suppress(RunError):
            run = Run.read(path.parent)
            info = run.record.dataset
            is_here = place == recorded_place(info) or is_known(info.fingerprint)
            if is_here and (info.reading or Reading()) == dataset.reading:
                yield run


def _latest(folder: Path) -> list[Path]:
    """Return the records in a folder, the latest first: few of them are read."""
    times = {}
    for path in folder.glob(f"*/*/{RECORD}"):
        with suppress(OSError):  # it was just removed
            times[path] = path.stat().st_mtime
    return sorted(times, key=lambda path: (times[path], path), reverse=True)


def _is_of(run: Run, dataset: Dataset) -> bool:
    info = run.record.dataset
    return dataset.fingerprint in (info.whole, info.fingerprint)


def _remember(dataset: Dataset) -> _Facts:
    """Return the facts of the tracks, and store them."""
    facts = {
        track.id: (track.digest[:16], track.label, f"{zlib.crc32(_others(track).encode()):x}")
        for track in dataset.tracks
    }
    path = _path(dataset.fingerprint)
    if not path.exists():
        with suppress(OSError):  # it could only not be counted next time
            write_text(path, json.dumps(facts), durable=False)
    return facts


def _others(track: Track) -> str:
    return repr((track.group, track.recording, track.fold, track.split))


def _recall(fingerprint: str) -> _Facts | None:
    with suppress(OSError, ValueError):
        return msgspec.json.decode(_path(fingerprint).read_bytes(), type=_Facts)
    return None


def _path(fingerprint: str) -> Path:
    return cache_folder() / "tracks" / f"{fingerprint[:32]}.json"


def _counts(former: _Facts | None, now: _Facts) -> str:
    """Return the numbers of changed tracks in words; empty if they are not known."""
    if former is None:
        return ""
    kept = [(former[name], now[name]) for name in now.keys() & former.keys()]
    counts = {
        "added": len(now.keys() - former.keys()),
        "removed": len(former.keys() - now.keys()),
        "replaced": sum(one[0] != other[0] for one, other in kept),
        "with another label": sum(one[1] != other[1] for one, other in kept),
        "with another group or fold": sum(one[2] != other[2] for one, other in kept),
    }
    found = [f"{count} {what}" for what, count in counts.items() if count]
    if not found:
        return ""
    number, _, what = found[0].partition(" ")
    return ", ".join([f"{number} track{'s' * (number != '1')} {what}", *found[1:]])


def _day(when: str | None) -> str:
    """Return " of today", " of Tuesday" or " of 2026-03-01"."""
    try:
        day = datetime.fromisoformat(when or "").astimezone()
    except ValueError:
        return ""
    days = (datetime.now().astimezone().date() - day.date()).days
    name = "today" if days == 0 else f"{day:%A}" if 0 < days < _WEEK else f"{day:%Y-%m-%d}"
    return f" of {name}"
