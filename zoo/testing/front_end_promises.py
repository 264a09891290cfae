"""Promises of a front end that are checked of a model's own and of one on its own."""

import json
from dataclasses import is_dataclass, replace

import numpy as np
from numpy.typing import NDArray

from zoo.testing.base_subject import BaseSubject
from zoo.testing.outcome import CheckFailed, require
from zoo_registry.frontend import FrontEnd, identity

__all__ = ["require_identity", "require_light_import", "require_same_elsewhere"]


def require_identity(frontend: FrontEnd) -> None:
    """Require a frozen dataclass whose fields are its identity."""
    require(
        is_dataclass(frontend) and not isinstance(frontend, type),
        f"the front end {frontend!r} is not a dataclass; declare it @dataclass(frozen=True)",
    )
    try:
        rebuilt = replace(frontend)  # type: ignore[type-var]  # checked above
        equal = rebuilt == frontend and hash(rebuilt) == hash(frontend)
    except Exception as error:
        raise CheckFailed(
            f"the front end cannot be hashed ({error}); declare it @dataclass(frozen=True), "
            "its fields numbers, strings or tuples of them"
        ) from error
    require(
        equal,
        "the front end differs from a copy that is made of its fields; let the dataclass write "
        "__eq__ and __hash__, and keep no state beside the fields",
    )
    described = identity(frontend)
    require(
        json.loads(json.dumps(described, default=repr)) == described,
        f"the front end's fields {described} are changed by JSON, in which runs record them; "
        "use numbers and strings",
    )


def require_light_import(subject: BaseSubject) -> None:
    """Require that importing a plugin imports no framework."""
    folder = subject.new_folder()
    subject.in_worker("import", folder)
    imported = json.loads((folder / "imported.json").read_text(encoding="utf-8"))
    require(
        not imported,
        f"importing the plugin imports {', '.join(imported)}; import inside of the functions "
        "that need it",
    )


def require_same_elsewhere(
    subject: BaseSubject, waveform: NDArray[np.float32], expected: NDArray[np.float32]
) -> None:
    """Require that another process prepares audio alike."""
    folder = subject.new_folder()
    np.save(folder / "waveform.npy", waveform)
    subject.in_worker("preprocess", folder)
    require(
        np.array_equal(np.load(folder / "array.npy"), expected),
        "another process prepares the same audio differently; what a front end computes must "
        "follow from its fields alone, not from the order of a set, the time or a counter",
    )
