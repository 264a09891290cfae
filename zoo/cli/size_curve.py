"""Accuracy by the number of training tracks, as a table with a small curve."""

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from zoo.cli.output import Text, columns, make_table, percent
from zoo_registry.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo.evaluate.size_curve import SizeCurve, SizePoint
    from zoo_registry.runs import Run

__all__ = ["size_text", "sizes_part"]

_STRIP = 21  # characters for accuracies from 0 to 1
_AXIS = "0" + "1".rjust(_STRIP - 1)
_LINE, _DOT = "\N{BOX DRAWINGS LIGHT HORIZONTAL}", "\N{BLACK CIRCLE}"


def size_text(curves: "Sequence[SizeCurve]") -> Text:
    """Return a table of all curves, and what more tracks are expected to give.

    Parameters
    ----------
    curves : sequence of SizeCurve
        The curves, of runs with the same tracks.

    Yields
    ------
    str or Table
        The table, and sentences below it.
    """
    if not curves:
        return
    unit, are_several = curves[0].unit, len(curves) > 1
    rows = [
        {
            "model": name,
            "size": point.name,
            "tracks": f"{point.tracks:.0f}",
            unit: f"{point.groups:.0f}",
            "accuracy": percent(point.accuracy),
            _AXIS: _strip(point),
            "95 % interval": f"{percent(point.low)}-{percent(point.high)}",
        }
        for curve in curves
        for name, point in zip_longest([curve.name], curve.points)
    ]
    # All fit into 80 columns; the names of several models take the room of the tracks.
    left_out = {"tracks"} - {unit} if are_several else {"model"}
    names = [name for name in rows[0] if name not in left_out]
    headings = [
        *columns(*[name for name in names if name == "model"]),
        *columns(*[name for name in names if name != "model"], justify="right", no_wrap=True),
    ]
    cells = ([row[name] for name in names] for row in rows)
    yield ""
    yield make_table(headings, cells, "accuracy by training tracks per class")
    for curve in curves:
        before = f"{curve.name}: " * are_several
        yield from (before + text for text in (curve.sentence, *curve.notes))


def _strip(point: "SizePoint") -> str:
    """Return the interval as a line, and the accuracy as a dot on it."""
    at, low, high = (round(x * (_STRIP - 1)) for x in (point.accuracy, point.low, point.high))
    signs = [_LINE if low <= place <= high else " " for place in range(_STRIP)]
    signs[at] = _DOT
    return "".join(signs)


def sizes_part(run: "Run") -> tuple[dict[str, Any] | None, Text]:
    """Return the curve of a run by training size, for JSON and for people.

    Parameters
    ----------
    run : Run
        A run whose folds are done.

    Returns
    -------
    dict or None, iterable
        None without any, or if its file is damaged, which is said.
    """
    from zoo.evaluate.size_curve import size_curve

    try:
        curve = size_curve(run)
    except RunError as error:
        return None, iter(["", f"{error}."])
    return curve.to_json() if curve else None, size_text([curve] if curve else [])
