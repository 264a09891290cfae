"""The confusion matrix of a run as a table."""

from dataclasses import replace
from typing import TYPE_CHECKING

from zoo.cli.fitting import BETWEEN
from zoo.cli.output import Table, columns, make_table
from zoo.cli.wrapping import width
from zoo_registry.text import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo_registry.predictions import Predictions

__all__ = ["confusion_table"]

_SHORTEST = 4  # characters of a heading, if not all of them fit


def confusion_table(predictions: "Predictions", matrix: "NDArray[np.int64]") -> Table:
    """Return the confusion matrix as a table, with headings as long as fit into the terminal.

    Parameters
    ----------
    predictions : Predictions
        Answers of a run.
    matrix : array
        Result of `zoo.evaluate.metrics.confusion`.
    """
    classes = predictions.classes
    names, digits = list(map(shown, classes)), len(str(matrix.max()))
    longest = max(map(len, names))

    def fits(most: int, between: int) -> bool:
        """Return whether all columns fit with so many characters of a heading."""
        columns = (max(digits, min(len(name), most)) + between for name in names)
        return max(len(names[number]) for number in predictions.real) + sum(columns) <= width()

    is_close = not fits(longest, BETWEEN)
    lengths = range(longest, _SHORTEST, -1)
    most = next((each for each in lengths if fits(each, 1 if is_close else BETWEEN)), _SHORTEST)
    table = make_table(
        [
            *columns("", no_wrap=True),
            *columns(*(name[:most] for name in names), justify="right", no_wrap=True),
        ],
        (
            (classes[number], *(count or "." for count in matrix[number].tolist()))
            for number in predictions.real
        ),
        "confusion: rows are labels, columns are answers",
        is_close=is_close,
    )
    # The note on what is left out has the whole names.
    return replace(table, left=classes[len(classes) - len(table.left) :])
