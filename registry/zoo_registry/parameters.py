"""Parameters of models: their values, and the distributions of a search space."""

import math
from dataclasses import dataclass
from typing import Any

from zoo_registry.errors import PluginError

__all__ = ["Choice", "Distribution", "Float", "Int", "LogFloat", "ParamValue"]

ParamValue = bool | int | float | str | None


@dataclass(frozen=True)
class Float:
    """A number drawn uniformly from an interval, both ends included."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_interval(self.low, self.high)


@dataclass(frozen=True)
class LogFloat:
    """A positive number whose logarithm is drawn uniformly from an interval."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_interval(self.low, self.high)
        if self.low <= 0:
            raise PluginError(f"a logarithmic interval starts above zero, not at {self.low:g}")


@dataclass(frozen=True)
class Int:
    """An integer from `low` to `high`, both included, in steps of `step`."""

    low: int
    high: int
    step: int = 1

    def __post_init__(self) -> None:
        _check_interval(self.low, self.high)
        _check_interval(0, self.step)


@dataclass(frozen=True)
class Choice:
    """One of the given values."""

    values: tuple[ParamValue, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(self.values))
        if not self.values:
            raise PluginError("a choice needs at least one value")


Distribution = Float | LogFloat | Int | Choice


def _check_interval(low: Any, high: Any) -> None:
    for end in (low, high):
        if isinstance(end, bool) or not isinstance(end, int | float) or not math.isfinite(end):
            raise PluginError(f"an interval ends at {end!r}; give two finite numbers")
    if not low < high:
        raise PluginError(f"the interval {low:g}..{high:g} is empty; give the lower end first")
