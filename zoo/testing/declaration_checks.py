"""Checks of a plugin's declarations, its import and its front end."""

import inspect
from collections.abc import Mapping

import numpy as np

from zoo.testing.front_end_promises import (
    require_identity,
    require_light_import,
    require_same_elsewhere,
)
from zoo.testing.outcome import CheckFailed, require
from zoo.testing.subject import Subject
from zoo_registry.card import Choice, Distribution, Int
from zoo_registry.errors import ZooError
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
    """The plugin loads: it has a card, `train` and `predict`, and hooks with known arguments."""
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
    """The card is complete and can be hashed, and its defaults are within its space."""
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
    require_identity(subject.model.card.frontend)


def import_without_framework(subject: Subject) -> None:
    """Importing the plugin imports no framework, so that lists of models stay quick."""
    require_light_import(subject)


def preprocess_repeatable(subject: Subject) -> None:
    """Preparing audio gives finite rows of equal width, always the same; the audio is unchanged."""
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
    """A worker process that loads the plugin by name gives the same arrays."""
    waveform = subject.probe_sounds[1]
    require_same_elsewhere(subject, waveform, subject.array(waveform))
