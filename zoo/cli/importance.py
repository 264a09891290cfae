"""Importance of the families of columns of a model, as a table with small bars."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from zoo.cli.output import Text, columns, make_table
from zoo.report.svg import short_name
from zoo_registry.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo.evaluate.importance import Importance
    from zoo_registry.predictions import Predictions
    from zoo_registry.runs import Run

__all__ = ["importance_part"]

_BAR = 20  # characters of the longest bar
_BLOCK = "\N{FULL BLOCK}"


def importance_part(
    run: "Run", predictions: "Predictions"
) -> tuple[list[dict[str, Any]] | None, Text]:
    """Return the importances of a run for JSON and for people, or the reason why it has none.

    Parameters
    ----------
    run : Run
        A run whose folds are done.
    predictions : Predictions
        All its predictions.
    """
    from zoo.evaluate.importance import CAVEAT, importances, lack_of_importances

    try:
        found, lack = importances(run, predictions), lack_of_importances(run)
    except RunError as error:  # the scores do not need it
        found, lack = None, str(error)
    if found:
        return list(map(asdict, found)), iter(["", _table(found), CAVEAT])
    return None, iter(["", f"importance of columns: {lack}."] if lack else [])


def _table(found: "Sequence[Importance]") -> Any:
    most = max(0.0, *(one.fall for one in found))
    return make_table(
        [
            *columns("columns"),
            *columns("", "loss", "95 % interval", justify="right", no_wrap=True),
            *columns("", no_wrap=True),
        ],
        (
            (
                short_name(one.family),
                one.columns,
                _signed(one.fall),
                "" if one.low is None else f"{_signed(one.low)} to {_signed(one.high)}",
                _BLOCK * round(_BAR * max(one.fall, 0.0) / (most or 1.0)),
            )
            for one in found
        ),
        "importance: loss of accuracy if the values of these columns are shuffled",
    )


def _signed(value: float | None) -> str:
    """Return a figure with its sign, which zero does not have; empty if it is not known."""
    text = "" if value is None else f"{value:+.3f}"
    return ".000" if text in ("+0.000", "-0.000") else text.replace("0.", ".", 1)
