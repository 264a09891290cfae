"""Kinds and ranges of what people pass to `import zoo`, checked before any work."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from math import inf
from numbers import Integral, Real
from typing import Any

from zoo.api.arguments import is_iterable, is_path, said
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
        if not ((value is None and name in _OPTIONAL) or is_right(value)):
            raise UsageError(f"{name} is {said(value)}; give {what}")


def _is_whole(least: int, value: Any) -> bool:
    is_number = isinstance(value, Integral) and not isinstance(value, bool)
    return is_number and int(value) >= least


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_one_of(words: tuple[str, ...], value: Any) -> bool:
    return isinstance(value, str) and value in words


def _is_folder(value: Any) -> bool:
    return is_path(value) and str(value) != ""


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_rate(value: Any) -> bool:
    return _is_number(value) and 0 < value < inf


def _is_confidence(value: Any) -> bool:
    return _is_number(value) or _is_text(value)


def _is_sizes(value: Any) -> bool:
    if isinstance(value, bool | bytes | Mapping):
        return False
    return isinstance(value, str | Integral) or is_iterable(value)


def _is_instance(place: str, value: Any) -> bool:
    """Whether it is of a class, whose module is imported now: most calls give no such value."""
    module, _, name = place.rpartition(".")
    return isinstance(value, getattr(import_module(module), name))


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
    "limit": (partial(_is_whole, 1), "a number of tracks per class from 1"),
    "sizes": (_is_sizes, "numbers of tracks per class, such as [5, 10, 20]"),
    "tuner": (
        partial(_is_one_of, ("random", "bayesian", "hyperband")),
        '"random", "bayesian" or "hyperband"',
    ),
    "by": (_is_text, 'the name of a metric, such as "macro-f1"'),
    "seeds": (partial(_is_one_of, ("together", "apart")), '"together" or "apart"'),
    "weights": (partial(_is_one_of, ("mean", "fit")), '"mean" or "fit"'),
    "min_confidence": (_is_confidence, 'a number from 0 to 1, or "auto"'),
    "precision": (_is_number, "a share of right answers, such as 0.95"),
    "engine": (
        partial(_is_instance, "zoo.execution.engine.Engine"),
        "an engine, such as zoo.execution.dask_cluster.Cluster",
    ),
    "reporter": (
        partial(_is_instance, "zoo.execution.progress.Reporter"),
        "a zoo.Reporter, or an object of a class that inherits from it",
    ),
    "registry": (
        partial(_is_instance, "zoo_registry.plugins.Registry"),
        "a zoo_registry.plugins.Registry",
    ),
    **dict.fromkeys(("folder", "root"), (_is_folder, "the path of a folder")),
    **dict.fromkeys(("name", "note", "frontend"), _TEXT),
    **dict.fromkeys(
        ("keep_classes", "grouped", "tuned", "timeline", "in_order", "force", "open_page"), _BOOL
    ),
}
_OPTIONAL = {
    "jobs", "robustness", "rate", "params", "protocol", "name", "note", "frontend", "limit",
    "precision", "engine", "reporter", "registry", "root",
}  # fmt: skip
