"""Places of datasets: which runs were trained on the folder or file that the user names."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from zoo.audio.urls import is_url
from zoo.workspace import cache_folder
from zoo_registry.files import write_text
from zoo_registry.record_parts import DatasetInfo
from zoo_registry.text import digest

__all__ = [
    "exists",
    "is_relative",
    "is_there",
    "note_named",
    "note_trained",
    "place_of",
    "recorded_place",
    "was_named",
    "was_trained",
]

_LOCAL = "file://"
_DIGITS = 32  # of a hash, in the names of files
_PATH = "path"


def place_of(source: str) -> str:
    """Return a text that is equal for all values of ``--data`` that mean the same place.

    Two folders of one name have different places. The text is a hash, since a record may be handed
    on.

    Parameters
    ----------
    source : str
        Value of ``--data``.
    """
    return digest(_real(source))[:_DIGITS]


def _real(source: str) -> str:
    """Return an absolute path, an address, or "demo"."""
    if source.lower().startswith(_LOCAL):
        source = source[len(_LOCAL) :]
    if source == "demo":
        return source
    return source.rstrip("/") if is_url(source) else os.path.realpath(source)


def recorded_place(info: DatasetInfo) -> str:
    """Return the place of the dataset of a run."""
    return info.place or place_of(info.source)


def is_relative(source: str) -> bool:
    """Whether a source alone does not state the place, so that a record has to."""
    return _real(source) != source


def exists(source: str) -> bool:
    """Whether there is something at the place; addresses are not asked."""
    return source == "demo" or is_url(source) or os.path.exists(source)  # noqa: PTH110


def note_trained(source: str, fingerprint: str) -> None:
    """Store that these tracks are at a place: a run on equal tracks may have been found elsewhere.

    Parameters
    ----------
    source : str
        Value of ``--data``.
    fingerprint : str
        Fingerprint of the tracks that are used.
    """
    folder = _folder(place_of(source))
    with suppress(OSError):  # the run that is found may name the place
        if not (folder / fingerprint[:_DIGITS]).exists():
            write_text(folder / _PATH, _real(source), durable=False)
            write_text(folder / fingerprint[:_DIGITS], "", durable=False)


def was_trained(place: str) -> Callable[[str], bool]:
    """Return a function that tells of a fingerprint whether it was trained on at a place."""
    known: set[str] = set()
    with suppress(OSError):
        known.update(path.name for path in _folder(place).iterdir())
    return lambda fingerprint: fingerprint[:_DIGITS] in known


def is_there(place: str, sources: Iterable[str]) -> bool:
    """Whether a place still exists: where it is on this machine, or at one of its sources.

    Parameters
    ----------
    place : str
        Result of `place_of`.
    sources : iterable of str
        Values of ``--data`` that meant it, perhaps in another working directory.
    """
    with suppress(OSError, ValueError):
        if os.path.exists((_folder(place) / _PATH).read_text(encoding="utf-8")):  # noqa: PTH110
            return True
    return any(exists(source) and place_of(source) == place for source in sources)


def note_named(path: str) -> None:
    """Store that the user has named a folder or file, which records may name, then, too."""
    if not was_named(path):
        with suppress(OSError):  # it will have to be named again
            write_text(_mark(path), "", durable=False)


def was_named(path: str) -> bool:
    """Whether the user has named a folder or file to a command on this machine."""
    return _mark(path).exists()


def _mark(path: str) -> Path:
    return cache_folder() / "named" / digest(os.path.realpath(path))[:_DIGITS]


def _folder(place: str) -> Path:
    return cache_folder() / "trained" / place
