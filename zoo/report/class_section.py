"""The classes of a board as its page shows them: confusion, precision, recall and F1."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from zoo.evaluate.error_analysis import AlignedPredictions
from zoo.evaluate.metrics import class_scores, confusion
from zoo_registry.predictions import OTHER, Predictions

__all__ = ["CONFUSED", "class_section"]

CONFUSED = 60  # classes in a confusion matrix


def class_section(
    predictions: Mapping[str, Predictions],
    accuracies: Mapping[str, float | None],
    found: AlignedPredictions,
    names: Mapping[str, str],
) -> dict[str, Any]:
    """Return the variables of ``board.html`` for its sections on classes.

    Parameters
    ----------
    predictions, accuracies : mapping of str to Predictions, mapping of str to float or None
        The out-of-fold predictions and the accuracy of each run, by their ids, the best first.
    found : AlignedPredictions
        The same predictions.
    names : mapping of str to str
        The displayed name of each run.
    """
    items = [
        _scores(given) | {"name": names[run], "accuracy": accuracies[run]}
        for run, given in predictions.items()
    ]
    f1 = [{line["name"]: line["f1"] for line in item["scores"]} for item in items]
    return {
        "other": OTHER,
        "classes": items,
        "f1_rows": [
            {
                "name": name,
                "tracks": int((found.labels == number).sum()),
                "scores": [of_run.get(name) for of_run in f1],
            }
            for number, name in enumerate(found.classes)
            if name != OTHER
        ],
    }


def _scores(predictions: Predictions) -> dict[str, Any]:
    """Return the confusion matrix of a run, and counts and scores of each class."""
    counts = confusion(predictions)
    right, answers = np.diag(counts), counts.sum(axis=0)
    return {
        "classes": predictions.classes,
        "counts": counts.tolist() if len(predictions.classes) <= CONFUSED else None,
        "scores": [
            {**vars(one), "right": int(right[number]), "answers": int(answers[number])}
            for number, one in zip(predictions.real, class_scores(predictions), strict=True)
        ],
    }
