"""Checks of a plugin's declarations, its import and its front end."""

import inspect
import json
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import get_args

import numpy as np

from zoo.testing.outcome import CheckFailed, require
from zoo.testing.subject import Subject
from zoo_registry.card import Choice, Distribution, Int
from zoo_registry.errors import ZooError
from zoo_registry.frontend import Layout, identity
from zoo_registry.hooks import ModelSpec

__all__ = [
    "card_complete",
    "front_end_hashable",
    "hooks_as_specified",
    "import_without_framework",
    "preprocess_repeatable",
    "works_in_a_worker",
]


def hooks_as_specified(subject: Subject) -> None:
    """The plugin loads: a card, `train` and `predict`, and hooks that take what there is."""
    from zoo.testing import CHECKS  # contains this function

    declared = getattr(subject.loaded.module, "expected_failures", {})
    require(
        isinstance(declared, Mapping) and set(declared) <= set(CHECKS),
        f"expected_failures is {declared!r}; give the reason by the id of a check: "
        f"{', '.join(CHECKS)}",
    )
    for name, specified in inspect.getmembers(ModelSpec, inspect.isfunction):
        function = vars(subject.loaded.module).get(name)
        if not inspect.isfunction(function) or hasattr(function, "zoo_impl"):
            continue
        taken = inspect.signature(function).parameters
        require(
            not set(taken) <= set(inspect.signature(specified).parameters),
            f"the function {name!r} looks like a hook and is none; mark it @hookimpl, "
            "or give it another name",
        )


def card_complete(subject: Subject) -> None:
    """The card says who the model is, can be hashed, and its defaults lie in its space."""
    card = subject.model.card
    for field in ("title", "family"):
        text = getattr(card, field)
        require(
            isinstance(text, str) and text.strip(), f"the card's {field} is {text!r}; write a word"
        )
    for field in ("references", "requires"):
        for text in getattr(card, field):
            require(
                isinstance(text, str) and len(text.strip()) > 1,
                f"the card's {field} hold {text!r}; give a tuple of strings, ('one',)",
            )
    try:
        hash(card)
        resolved = card.resolve(dict(card.params))
    except (TypeError, ZooError) as error:
        raise CheckFailed(f"the card cannot be used: {error}") from error
    require(
        resolved == dict(card.params),
        f"the card's defaults do not survive being given: {dict(card.params)} become {resolved}",
    )
    for name, space in card.space.items():
        default = card.params[name]
        require(
            _inside(default, space),
            f"the default of {name!r}, {default!r}, lies outside of its search space, {space}; "
            "widen the space, since a tuner tries the defaults first",
        )


def _inside(value: object, space: Distribution) -> bool:
    if isinstance(space, Choice):
        return value in space.values
    if isinstance(value, bool) or not isinstance(value, int | float):
        return isinstance(value, str | None)  # a word such as "auto" means a rule
    if isinstance(space, Int) and (isinstance(value, float) or (value - space.low) % space.step):
        return False
    return space.low <= value <= space.high


def front_end_hashable(subject: Subject) -> None:
    """The front end is a frozen dataclass: its fields are its identity, in every process."""
    frontend = subject.model.card.frontend
    require(
        is_dataclass(frontend) and not isinstance(frontend, type),
        f"the front end {frontend!r} is no dataclass; declare it @dataclass(frozen=True)",
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
    require(
        frontend.layout in get_args(Layout),
        f"the front end's layout is {frontend.layout!r}; choose one of {get_args(Layout)}",
    )
    rate: object = frontend.sample_rate
    require(
        isinstance(rate, int) and rate > 0,
        f"the front end's sample rate is {rate!r}; give a whole number of Hz",
    )


def import_without_framework(subject: Subject) -> None:
    """Importing the plugin imports no framework, so that lists of models stay quick."""
    folder = subject.new_folder()
    subject.in_worker("import", folder)
    imported = json.loads((folder / "imported.json").read_text(encoding="utf-8"))
    require(
        not imported,
        f"importing the plugin imports {', '.join(imported)}; import inside of the functions "
        "that need it",
    )


def preprocess_repeatable(subject: Subject) -> None:
    """Preparing audio gives finite rows of equal width, the same each time; the audio stays."""
    widths = set()
    for waveform in subject.probe_sounds:
        given = waveform.copy()
        rows = np.asarray(subject.model.preprocess(given))
        require(
            np.array_equal(given, waveform), "preparing audio changes the waveform; work on a copy"
        )
        require(
            rows.ndim == 2 and rows.size and rows.dtype == np.float32,  # noqa: PLR2004
            f"preparing {waveform.size} samples gives a {rows.dtype} array of shape {rows.shape}; "
            "return float32, (rows, columns)",
        )
        require(
            np.isfinite(rows).all(),
            f"preparing {waveform.size} samples gives numbers that are not finite; guard "
            "logarithms and divisions against zero",
        )
        require(
            np.array_equal(rows, subject.model.preprocess(waveform.copy())),
            "preparing the same audio twice gives different arrays; draw nothing at random here, "
            "the result is cached",
        )
        widths.add(rows.shape[1])
    require(len(widths) == 1, f"tracks get {sorted(widths)} columns; all must have as many")


def works_in_a_worker(subject: Subject) -> None:
    """A worker process that loads the plugin by name prepares audio alike."""
    folder = subject.new_folder()
    waveform = subject.probe_sounds[1]
    np.save(folder / "waveform.npy", waveform)
    subject.in_worker("preprocess", folder)
    require(
        np.array_equal(np.load(folder / "array.npy"), subject.array(waveform)),
        "another process prepares the same audio differently; what a front end computes must "
        "follow from its fields alone, not from the order of a set, the time or a counter",
    )
