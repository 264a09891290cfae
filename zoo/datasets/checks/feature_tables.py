"""Check of a feature table: its columns, and rows that are copies."""

from collections.abc import Iterator, Sequence

import numpy as np

from zoo.datasets.base import FeatureTable
from zoo.datasets.checks.problem import Problem
from zoo_registry.text import brief

__all__ = ["check_table"]

_COPY = 0.1  # of the median distance to the rows of the same class
_COLUMNS = 10  # in fewer, rows that are no copies come as near
_MOST = 5_000  # rows, whose distances take 100 MB
_AT_ONCE = 256  # rows


def check_table(table: FeatureTable) -> Iterator[Problem]:
    """Yield what would distort a score, and the columns that are no features.

    Parameters
    ----------
    table : FeatureTable
        The table.
    """
    for name, reason in table.left_out.items():
        yield Problem("left-out", False, (), f"the column {name!r} is not a feature: {reason}")
    for name, reason in table.suspicious.items():
        detail = f"the column {name!r}: {reason}; remove it if it was not measured from the sound"
        yield Problem("doubtful", True, (), detail)
    yield from _copies(table)


def _copies(table: FeatureTable) -> Iterator[Problem]:
    """Yield rows that are equal, and those that are nearly."""
    first_with: dict[str, int] = {}
    for row, track in enumerate(table.tracks):
        first = first_with.setdefault(track.digest, row)
        if first != row:
            yield _problem(table, [(first, row)], "duplicate", "equal rows")
    near = [(one, other) for one, other in _near(table) if table.groups[one] != table.groups[other]]
    alike = [(one, other) for one, other in near if table.labels[one] == table.labels[other]]
    for pairs in (alike, [pair for pair in near if pair not in set(alike)]):
        if pairs:
            yield _problem(table, pairs, "near-duplicate", "nearly equal rows")


def _problem(
    table: FeatureTable, pairs: Sequence[tuple[int, int]], kind: str, what: str
) -> Problem:
    tracks = [table.tracks[row] for row in sorted({row for pair in pairs for row in pair})]
    one, other = (table.tracks[row] for row in pairs[0])
    such = f" (such as {brief(one.id)} and {brief(other.id)})" if len(pairs) > 1 else ""
    if one.label != other.label:
        kind, what = "label-conflict", f"{what} under two labels{such}; delete one"
    elif kind == "near-duplicate":
        what += f"{such}; a column `group` with one value for both keeps them together"
    return Problem(kind, True, tuple(track.id for track in tracks), what)


def _near(table: FeatureTable) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows that are nearer to each other than rows of a class are."""
    values = table.features.astype(np.float64)
    if values.shape[1] < _COLUMNS or len(values) > _MOST:
        return
    values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-12)
    squares = np.square(values).sum(axis=1)
    for begin in range(0, len(values), _AT_ONCE):
        rows = slice(begin, begin + _AT_ONCE)
        distances = squares[rows, None] + squares[None] - 2 * values[rows] @ values.T
        distances = np.sqrt(np.maximum(distances, 0))
        for row, own in enumerate(distances, start=begin):
            of_class = own[table.labels == table.labels[row]]
            close = np.flatnonzero(own < _COPY * np.median(of_class))
            yield from ((row, other) for other in close.tolist() if other > row)
