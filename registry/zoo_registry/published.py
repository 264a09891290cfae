"""Runs that come with the zoo: trained on real recordings, and ready to use."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from zoo_registry.errors import RunError
from zoo_registry.runs import Run

__all__ = ["NAMES", "find_published", "is_published", "published", "published_folder"]

NAMES = ("gtzan", "gtzan-light", "esc10")
"""Names of the published runs, the one that is asked if none is named first."""


def published_folder() -> Path:
    """Return the folder of the published runs, of an installed package or of a checkout."""
    installed = Path(__file__).with_name("published")
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "models"


def published() -> Iterator[Run]:
    """Yield the published runs that can be read, the one that is asked if none is named first."""
    for name in NAMES:
        with suppress(RunError):  # a checkout may lack them
            yield Run.read(published_folder() / name)


def find_published(name: str) -> Run | None:
    """Return the published run of a name, None if no published run has it.

    Parameters
    ----------
    name : str
        What the user typed.

    Raises
    ------
    RunError
        If its record is missing or damaged.
    """
    return Run.read(published_folder() / name) if name in NAMES else None


def is_published(run: Run) -> bool:
    """Return whether a run is one of those that come with the zoo."""
    return run.id in NAMES and run.folder.parent == published_folder()
