"""Comparison of two runs as a value."""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zoo_registry.frames import data_frame

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "ChangeDifference",
    "ClassDifference",
    "ComparedRun",
    "MetricDifference",
    "OneRight",
    "RunComparison",
    "Setting",
    "digits",
    "limits",
    "signed",
]

_LEAST, _MOST_DIGITS = 0.0005, 9  # smaller ones would be rounded to 0


@dataclass(frozen=True)
class ComparedRun:
    """One of the two runs.

    Attributes
    ----------
    name : str
        What tells it from the other one.
    run, title, dataset, protocol : str
        Its id, title of the model, title of the dataset, name of the protocol.
    grouped : bool
        Whether groups were kept together.
    tracks : int
        Number of tracks that it was tested on.
    """

    name: str
    run: str
    title: str
    dataset: str
    protocol: str
    grouped: bool
    tracks: int


@dataclass(frozen=True)
class Setting:
    """Something in which the runs differ.

    Attributes
    ----------
    what : str
        Name, such as "parameter C".
    first, second : JSON values
        What the records have; None if one has none.
    """

    what: str
    first: Any
    second: Any


@dataclass(frozen=True)
class MetricDifference:
    """A metric of both runs, and the test whether they are equally good by it.

    Attributes
    ----------
    metric : str
        Its key, such as "balanced_accuracy".
    first, second : float
        Value of each run in the tests that both took.
    first_interval, second_interval : tuple of float
        Ends of their 95 % intervals.
    difference, low, high : float
        First minus second, and its 95 % interval, which excludes 0 exactly if `p` is below .05;
        see `zoo.evaluate.pairs`. Without enough groups it has no limits.
    p : float
        P-value, not corrected for the other metrics.
    better : {"first", "second"} or None
        The run that is significantly better, if any.
    """

    metric: str
    first: float
    second: float
    first_interval: tuple[float, float]
    second_interval: tuple[float, float]
    difference: float
    low: float
    high: float
    p: float
    better: str | None


@dataclass(frozen=True)
class ClassDifference:
    """A class in the tests that both runs took.

    Attributes
    ----------
    name : str
        Its name.
    tests : int
        Number of tests of its tracks.
    first, second, difference : float
        Share that each run gets right (recall), and first minus second.
    won, lost : int
        Number of tests that only the first run, and only the second one, gets right.
    """

    name: str
    tests: int
    first: float
    second: float
    difference: float
    won: int
    lost: int


@dataclass(frozen=True)
class OneRight:
    """A track that one run gets right and the other one does not.

    Attributes
    ----------
    track, label : str
        Name and class.
    says : str
        What the other run answers, most often if there are several tests.
    tests : int
        Number of tests in which only the one is right.
    """

    track: str
    label: str
    says: str
    tests: int


@dataclass(frozen=True)
class ChangeDifference:
    """Answers of both runs to the same tracks with one change.

    Attributes
    ----------
    change : str
        Name of the change.
    tracks : int
        Number of changed tracks.
    first, second, difference : float
        Share that each run gets right, and first minus second.
    """

    change: str
    tracks: int
    first: float
    second: float
    difference: float


@dataclass(frozen=True, repr=False)
class RunComparison:
    """Comparison of two runs.

    Attributes
    ----------
    first, second : ComparedRun
        The runs.
    by : str
        Name of the metric that the verdict is about.
    verdict : str
        Sentence that says which run is better, or that the tracks do not tell.
    basis : str
        Sentence on what is compared; empty if the runs are of one board and took the same tests.
    test : str
        Sentences on the test that gives p.
    notes : tuple of str
        Sentences on what makes a score too high.
    tests, groups : int
        Number of tests that both took, and of groups of tracks in them.
    settings : tuple of Setting
        What differs between the runs.
    metrics : tuple of MetricDifference
        The metrics that are defined for both.
    classes : tuple of ClassDifference
        The tested classes.
    only_first, only_second : tuple of OneRight
        Tracks that only this run gets right, by class and name.
    changes : tuple of ChangeDifference
        Robustness, where both runs were asked about the same changed tracks.
    """

    first: ComparedRun
    second: ComparedRun
    by: str
    verdict: str
    basis: str
    test: str
    notes: tuple[str, ...]
    tests: int
    groups: int
    settings: tuple[Setting, ...]
    metrics: tuple[MetricDifference, ...]
    classes: tuple[ClassDifference, ...]
    only_first: tuple[OneRight, ...]
    only_second: tuple[OneRight, ...]
    changes: tuple[ChangeDifference, ...]

    def __repr__(self) -> str:
        """Return the verdict."""
        return f"<comparison of {self.first.name} and {self.second.name}: {self.verdict}>"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    def to_frame(self) -> "DataFrame":
        """Return a data frame with one row per metric; it needs pandas."""
        return data_frame((vars(each) for each in self.metrics), index="metric")


def signed(value: float) -> str:
    """Return a difference with its sign and three digits, such as "+.045"; no sign for 0."""
    return f"{'-' if value < 0 else '+'}{digits(abs(value))}" if value else "0"


def limits(low: float, high: float, text: Callable[[float], str], to: str = " to ") -> str:
    """Return an interval as text; "unknown" if an end is infinite.

    Parameters
    ----------
    low, high : float
        Its ends.
    text : callable
        Returns an end as text.
    to : str
        What stands between the ends.
    """
    return to.join(map(text, (low, high))) if math.isfinite(high - low) else "unknown"


def digits(size: float) -> str:
    """Return a size with three digits, or with as many as tell it from 0."""
    count = 3 if size >= _LEAST or not size else -math.floor(math.log10(size))
    return f"{size:.{min(count, _MOST_DIGITS)}f}".removeprefix("0") if size else "0"
