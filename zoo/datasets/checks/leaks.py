"""Columns of a feature table that give the label away, or are no features of the sound."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zoo_registry.text import quoted

__all__ = ["Columns", "column_list", "judge_columns", "reason_by_name"]

# A widespread table of GTZAN has the length of the file as a column. It depends on the source of
# a recording rather than on the music, and alone raises a random forest by nine points.
_NOT_MUSIC = {"length": "it depends on the source of the recording"}
_UNNAMED = re.compile(r"(unnamed: ?\d+(\.\d+)?|level_\d+)?")
_NUMBERS = re.compile(
    r"index|idx|id|uuid|row|row_?(id|num|number|index)|nr|no|s\.? ?no\.?|number|#"
    r"|(track|file|filename|path)(_?name)?"
)
_IDENTIFIER = re.compile(r".+[ _.-]id|.+[a-z]I[Dd]")  # song_id, classID
_FEWEST = 8  # rows, from which values prove anything
_FEWEST_PAIRS = 20  # rows, whose order by value proves something
_REPEATED = 5  # values that are equal within classes, which no chance explains
_PAIRS = 20  # equal whole numbers; a measured feature has them
_CHANCE = 1e-6  # of a real feature to look like an identifier or a time; rarer ones are none
_COPIED = 4  # columns with repeated values per one without, so that equal rows are copies
_NEARLY = 0.95  # of the rows, in which a copy of the label has to agree with it
_PER_CLASS = 10  # rows, from which no real feature keeps three classes or more apart
_ALONE = 0.9  # of the neighbours by value, which have one label


@dataclass(frozen=True)
class Columns:
    """Columns that are left out, or that are suspicious, and the reason of each.

    Attributes
    ----------
    left_out : dict
        Reason by column.
    suspicious : dict
        Reason by column; such a column is a feature nevertheless.
    """

    left_out: dict[str, str] = field(default_factory=dict)
    suspicious: dict[str, str] = field(default_factory=dict)


def reason_by_name(name: str) -> str | None:
    """Return the reason why a column of this name is no feature whatever it holds, or None."""
    lower = name.strip().lower()
    if lower in _NOT_MUSIC:
        return _NOT_MUSIC[lower]
    if _UNNAMED.fullmatch(lower):
        return "it has no name"
    return "it numbers or names the rows" if _NUMBERS.fullmatch(lower) else None


def judge_columns(
    names: Sequence[str], values: NDArray[np.float32], labels: Sequence[str]
) -> Columns:
    """Return the columns that are no features, and those that may be none.

    A feature that is merely good stays: a column is left out because of its name, or because its
    values are exactly those of a counter, of the label or of an identifier.

    Parameters
    ----------
    names : sequence of str
        Names of the columns.
    values : float32 array, shape (rows, columns)
        The columns.
    labels : sequence of str
        Label of each row, in the order of the file.
    """
    index = {label: number for number, label in enumerate(sorted(set(labels)))}
    numbers, classes = np.array([index[label] for label in labels], dtype=np.int64), len(index)
    found = Columns(_plain_reasons(names, values, numbers, classes))
    places = [place for place, name in enumerate(names) if name not in found.left_out]
    rows = _without_copies(values[:, places], numbers)
    if len(rows) < _FEWEST:
        return found
    numbers = numbers[rows]
    # Rows in random order, so that equal values are in no order of their labels.
    order = np.random.default_rng(0).permutation(len(rows))
    apart: dict[str, str] = {}
    alike: dict[str, float] = {}
    for place in places:
        name, column = names[place], values[rows, place].astype(np.float64)
        by_value = order[np.argsort(column[order], kind="stable")]
        own, theirs = column[by_value], numbers[by_value]
        if reason := _identifier(own, theirs, classes) or _counter(column, own, numbers):
            found.left_out[name] = reason
        elif len(rows) >= _FEWEST_PAIRS:
            alike[name], exact = _neighbours(theirs, classes)
            if exact:
                apart[name] = exact
    standing_out = {name for name, share in alike.items() if share >= _ALONE} | apart.keys()
    # Where most columns tell the classes apart, the classes are that different.
    if 2 * len(standing_out) <= len(names):
        for name in names:
            if name in standing_out and apart.get(name) == _INTERVALS:
                found.left_out[name] = _INTERVALS
            elif name in standing_out:
                found.suspicious[name] = "it alone predicts nearly all labels"
    return found


def _plain_reasons(
    names: Sequence[str], values: NDArray[np.float32], labels: NDArray[np.int64], classes: int
) -> dict[str, str]:
    """Return the columns that are no features even if rows are copies of others, and why."""
    reasons = dict[str, str]()
    for place, name in enumerate(names):
        column = values[:, place].astype(np.float64)
        if _IDENTIFIER.fullmatch(name.strip()) and (column == np.rint(column)).all():
            reasons[name] = "it is an identifier"
        elif len(column) >= _FEWEST:
            own = np.sort(column)
            reason = _copy(column, own, labels, classes) or _counter(column, own, labels)
            if reason:
                reasons[name] = reason
    return reasons


def _without_copies(values: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first of equal rows each; a few columns may tell copies apart."""
    repeated = np.array([2 * len(np.unique(own)) <= len(own) for own in values.T], dtype=bool)
    if repeated.sum() >= _COPIED * np.count_nonzero(~repeated):
        values = values[:, repeated]
    first = dict[int, int]()  # by hash, which is faster than sorting rows
    for row, (own, label) in enumerate(zip(values, labels.tolist(), strict=True)):
        first.setdefault(hash((label, (own + 0.0).tobytes())), row)  # -0.0 is 0.0
    return np.fromiter(first.values(), np.int64)


_INTERVALS = "each class has values of its own"


def _counter(
    column: NDArray[np.float64], values: NDArray[np.float64], labels: NDArray[np.int64]
) -> str | None:
    """Return the reason why a column counts the rows, or None; `values` are sorted."""
    steps = np.diff(values)
    if steps.min() > 0 and (values == np.rint(values)).all():
        pairs = len(values) ** 2 / 2 / (values[-1] - values[0])  # that would be equal by chance
        if steps.max() == steps.min() or pairs > _PAIRS:
            return "it numbers the rows"
    if (
        _in_order(column)
        and _sorted_by_label(labels)
        and _chance_of_order(column, labels) < _CHANCE
    ):
        return "it rises or falls from row to row; shuffle the rows if it is a feature"
    return None


def _copy(
    column: NDArray[np.float64],
    values: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: int,
) -> str | None:
    """Return the reason why a column is constant or made from the label; `values` are sorted."""
    different = values[np.concatenate([[True], np.diff(values) > 0])]
    distinct = len(different)
    if distinct == 1:
        return "it is constant"
    if 2 * distinct > len(values):
        return None
    codes = np.searchsorted(different, column)
    # Each pair of a value and a label that occurs.
    pairs, rows = np.unique(codes * classes + labels, return_counts=True)
    if len(pairs) == classes and len(values) - classes >= _REPEATED:
        return "it is a copy of the label: each class has one value"
    most = np.zeros(distinct, int)
    np.maximum.at(most, pairs // classes, rows)
    if 2 < classes == distinct and most.sum() >= _NEARLY * len(values):  # noqa: PLR2004
        return "it is a copy of the label, but for a few rows"
    return None


def _identifier(values: NDArray[np.float64], labels: NDArray[np.int64], classes: int) -> str | None:
    """Return the reason why a column names something that has one label, or None.

    `values` are sorted, with the label of each.
    """
    first = np.concatenate([[True], np.diff(values) > 0])
    own = labels[first]  # of each value
    changes = int(np.count_nonzero(np.diff(own)))
    if 2 * len(own) > len(values) or changes < 2 * classes:
        return None
    if (own[np.cumsum(first) - 1] != labels).any():
        return None
    # Equal values of a measured feature have one label hardly more often than neighbouring ones.
    alike = (len(own) - changes) / (len(own) + 1)
    if alike ** (len(values) - len(own)) >= _CHANCE:
        return None
    return "it is an identifier: each value belongs to one class"


def _in_order(column: NDArray[np.float64]) -> bool:
    steps = np.diff(column)
    return bool((steps >= 0).all() or (steps <= 0).all())


def _chance_of_order(column: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the chance that the different values of each run of a label are in order."""
    runs = np.split(column, np.flatnonzero(np.diff(labels)) + 1)
    return math.exp(-sum(math.lgamma(np.count_nonzero(np.diff(run)) + 2) for run in runs))


def _sorted_by_label(labels: NDArray[np.int64]) -> bool:
    """Return whether the label changes from row to row less than half as often as by chance."""
    shares = np.bincount(labels) / len(labels)
    changes = np.count_nonzero(np.diff(labels)) / (len(labels) - 1)
    return bool(changes < (1 - np.square(shares).sum()) / 2)


def _neighbours(labels: NDArray[np.int64], classes: int) -> tuple[float, str | None]:
    """Return the share of neighbours by value that have one label, and what is exact."""
    changes = int(np.count_nonzero(np.diff(labels)))
    share = 1 - changes / (len(labels) - 1)
    if changes >= classes:
        return share, None
    if classes > 2 and len(labels) >= _PER_CLASS * classes:  # noqa: PLR2004
        return share, _INTERVALS
    return share, "alone"


def column_list(title: str, columns: Mapping[str, str]) -> str:
    """Return one line of columns, by reason, behind a title; empty if there is none."""
    reasons: dict[str, list[str]] = {}
    for name, reason in columns.items():
        reasons.setdefault(reason, []).append(quoted(name))
    listed = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in reasons.items())
    return f"{title}: {listed}" if listed else ""
