"""Kinds and ranges of what people pass to `import zoo`, checked before any work."""

from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from zoo.api.arguments import said
from zoo_registry.errors import UsageError

__all__ = ["check_values"]


def check_values(**given: object) -> None:
    """Check arguments by name; None is for those whose default it is.

    Parameters
    ----------
    **given : object
        Values by the names of the arguments.

    Raises
    ------
    UsageError
        If one has another type, or is out of range.
    """
    for name, value in given.items():
        is_right, what = _RULES[name]
        if not (is_right(value) or (value is None and name in _OPTIONAL)):
            raise UsageError(f"{name} is {said(value)}; give {what}")


def _is_whole(least: int, value: Any) -> bool:
    is_number = isinstance(value, Integral) and not isinstance(value, bool)
    return is_number and int(value) >= least


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_path(value: Any) -> bool:
    return isinstance(value, str | Path)


def _is_rate(value: Any) -> bool:
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    return is_number and 0 < float(value) < inf


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool_", "bool")  # of numpy


_TEXT, _BOOL = (_is_text, "a text"), (_is_bool, "True or False")
_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "jobs": (partial(_is_whole, 1), "a number of processes from 1"),
    "nested": (partial(_is_whole, 0), "a number of trials, 0 for none"),
    "trials": (partial(_is_whole, 1), "a number of trials from 1"),
    "robustness": (partial(_is_whole, 0), "a number of tracks, 0 for none"),
    "seed": (partial(_is_whole, 0), "a whole number from 0 to 4294967295"),
    "rate": (_is_rate, "a sample rate in Hz, such as 22050"),
    "params": (_is_mapping, 'parameters by name, such as {"C": 10}'),
    "protocol": (_is_text, 'a way to split, such as "kfold:5"'),
    "tuner": (_is_text, '"random", "bayesian" or "hyperband"'),
    "by": (_is_text, 'the name of a metric, such as "macro-f1"'),
    "seeds": (("together", "apart").__contains__, '"together" or "apart"'),
    "folder": (_is_path, "the path of a folder"),
    **dict.fromkeys(("name", "note", "frontend"), _TEXT),
    **dict.fromkeys(("keep_classes", "grouped", "tuned", "timeline", "in_order"), _BOOL),
}
_OPTIONAL = {"jobs", "robustness", "rate", "params", "protocol", "name", "note", "frontend"}
