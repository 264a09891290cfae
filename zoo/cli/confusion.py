"""The confusion matrix of a run as a table."""

from dataclasses import replace
from typing import TYPE_CHECKING

from zoo.cli.output import Table, columns, make_table, width
from zoo_registry.text import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo_registry.predictions import Predictions

__all__ = ["confusion_table"]

_SHORTEST = 4  # characters of a heading: ten of them fit into 80 columns


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
    labels = [classes[number] for number in predictions.real]
    room = width() - max(map(len, map(shown, labels)))
    most = max(_SHORTEST, room // len(classes) - 3)
    table = make_table(
        [
            *columns("", no_wrap=True),
            *columns(*(shown(name)[:most] for name in classes), justify="right", no_wrap=True),
        ],
        (
            (classes[number], *(count or "." for count in matrix[number].tolist()))
            for number in predictions.real
        ),
        "confusion: rows are labels, columns are answers",
    )
    # The note on what is left out has the whole names.
    return replace(table, left=classes[len(classes) - len(table.left) :])
