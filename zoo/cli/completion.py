"""Completion of arguments by the shell, without imports that would delay it."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from zoo_registry.errors import ZooError

__all__ = [
    "complete_asked", "complete_card", "complete_data", "complete_front_end", "complete_model",
    "complete_of", "complete_own_model", "complete_plugin", "complete_run", "complete_trained",
]  # fmt: skip


def complete_model(incomplete: str) -> list[str]:
    """Return models that can be trained: installed ones, and files."""
    return _named("model", incomplete)


def complete_front_end(incomplete: str) -> list[str]:
    """Return front ends: installed ones, and files."""
    return _named("front-end", incomplete)


def complete_card(incomplete: str) -> list[str]:
    """Return what has a card: published runs, models, front ends, and files."""
    known = {*_published(), *complete_model(incomplete), *complete_front_end(incomplete)}
    return sorted(known)


def _named(kind: str, incomplete: str) -> list[str]:
    from zoo_registry.plugins import Registry

    found = set(_paths(incomplete, ".py"))
    with suppress(ZooError):
        found |= {e.name for e in Registry().entries if e.kind == kind and not e.withheld}
    return sorted(found)


def complete_plugin(incomplete: str) -> list[str]:
    """Return names of plugins."""
    from zoo_registry.plugins import Registry

    del incomplete  # Typer keeps the names that begin with it
    with suppress(ZooError):
        return sorted({entry.name for entry in Registry().entries})
    return []


def complete_run(incomplete: str) -> list[str]:
    """Return published runs, ids and names of others, and models, behind an @ with the dataset."""
    from zoo.workspace import models_folder

    found = set(_published())
    for path in models_folder().glob("*/*/*/run.json"):
        run, dataset = path.parts[-2], path.parts[-4]
        model = run.rpartition("-")[0]  # the folder of a dataset has its name, or nearly
        found |= {f"{model}@{dataset}"} if "@" in incomplete else {run, model}
    return sorted(found | set(_names()))


def complete_own_model(incomplete: str) -> list[str]:
    """Return models that have runs in the workspace."""
    from zoo.workspace import models_folder

    del incomplete  # Typer keeps the names that begin with it
    return sorted(
        {p.parent.name.rpartition("-")[0] for p in models_folder().glob("*/*/*/run.json")}
    )


def complete_of(*names: str) -> Callable[[str], list[str]]:
    """Return a function that completes one of some names, in which hyphens are blanks."""

    def complete(incomplete: str) -> list[str]:
        """Return the names."""
        del incomplete
        return [name.replace(" ", "-") for name in names]

    return complete


def _names() -> Iterator[str]:
    """Yield the names that the user gave to runs."""
    from zoo.workspace import models_folder
    from zoo_registry.about import About
    from zoo_registry.files import read_json
    from zoo_registry.runs import ABOUT
    from zoo_registry.structures import from_plain

    for path in models_folder().glob(f"*/*/*/{ABOUT}"):
        with suppress(OSError, ValueError):
            if name := from_plain(read_json(path, path.parent), About).name:
                is_bash = os.environ.get("_ZOO_COMPLETE") == "complete_bash"  # others escape it
                yield re.sub(r"([^\w@%+=:,./-])", r"\\\1", name) if is_bash else name


def _published() -> list[str]:
    from zoo_registry.published import published

    return [run.id for run in published()]


def complete_trained(incomplete: str) -> list[str]:
    """Return runs, their models, and ONNX files."""
    return sorted({*complete_run(incomplete), *_paths(incomplete, ".onnx")})


def complete_asked(incomplete: str) -> list[str]:
    """Return what predicts, and audio files."""
    from zoo.audio.kinds import SUFFIXES

    return sorted({*complete_trained(incomplete), *_paths(incomplete, *SUFFIXES)})


def complete_data(incomplete: str) -> list[str]:
    """Return datasets: the demo set, folders and tables."""
    return sorted({"demo", *_paths(incomplete, ".csv")})


def _paths(incomplete: str, *suffixes: str) -> Iterator[str]:
    """Yield folders with a slash at the end, and files with one of the suffixes."""
    head = incomplete[: incomplete.rfind("/") + 1]
    with suppress(OSError):
        for path in Path(head or ".").iterdir():
            if path.name.startswith("."):
                continue
            if path.is_dir():
                yield f"{head}{path.name}/"
            elif path.suffix.lower() in suffixes:
                yield f"{head}{path.name}"
