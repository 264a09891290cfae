"""Runs that come with the zoo: trained on real recordings, and ready to use."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from zoo_registry.errors import RunError
from zoo_registry.runs import Run

__all__ = [
    "NAMES",
    "best_published",
    "broken",
    "find_published",
    "is_published",
    "published",
    "published_folder",
    "published_with",
]

NAMES = ("gtzan", "gtzan-light", "esc10")
"""Names of the published runs, the one that is asked if none is named first."""


class _Published(Run):
    """A run that no command of the user's has trained."""

    def damage(self, names: Sequence[str]) -> str:
        """Return a sentence on damaged files, which says how the run is repaired."""
        verb = "is" if len(names) == 1 else "are"
        return (
            f"{' and '.join(names)} of {self.folder} {verb} missing, or not as it was published; "
            "install genre-zoo again"
        )


def published_folder() -> Path:
    """Return the folder of the published runs, of an installed package or of a checkout."""
    installed = Path(__file__).with_name("published")
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "models"


def published() -> Iterator[Run]:
    """Yield the published runs that can be read, the one that is asked if none is named first."""
    for name in NAMES:
        with suppress(RunError):  # a checkout may lack them
            yield _Published.read(published_folder() / name)


def best_published() -> Run | None:
    """Return the run that is asked if none is named, None without any.

    Raises
    ------
    RunError
        If its record is missing or damaged: another run would answer otherwise.
    """
    there = (name for name in NAMES if (published_folder() / name).is_dir())
    return find_published(next(there, ""))


def broken() -> dict[str, str]:
    """Return a sentence per published run whose folder has no readable record, by its name."""
    found = {}
    for name in NAMES:
        if (published_folder() / name).is_dir():
            try:
                find_published(name)
            except RunError as error:
                found[name] = str(error)
    return found


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
    if name not in NAMES:
        return None
    try:
        return _Published.read(published_folder() / name)
    except RunError as error:
        raise RunError(
            f"{name} comes with genre-zoo, but its record in {published_folder() / name} is "
            "missing or damaged; install genre-zoo again"
        ) from error


def is_published(run: Run) -> bool:
    """Return whether a run is one of those that come with the zoo."""
    return run.id in NAMES and run.folder.resolve().parent == published_folder().resolve()


def published_with(name: str, version: int, package: str | None) -> Run | None:
    """Return a published run whose ONNX file has an encoder with its weights, None without.

    Parameters
    ----------
    name, version : str, int
        The front end.
    package : str or None
        The package that its weights came from; None if its card names none.
    """
    for run in published() if package else ():
        given, plugin = run.record.frontend, run.record.frontend_plugin
        is_same = (given["name"], given.get("version")) == (name, version)
        if is_same and plugin and plugin.package == package and run.has_artefact:
            return run
    return None
