"""Scores of the user's tracks and of those of the run whose classes were kept, each on its own."""

from pathlib import Path

import numpy as np

from zoo.evaluate.significance import intervals
from zoo.evaluate.vote import is_right
from zoo_registry.predictions import Predictions
from zoo_registry.runs import Run

__all__ = ["origin_sentence"]


def origin_sentence(run: Run, predictions: Predictions, learnt: float) -> str:
    """Return how good the user's classes are, and those of the run that was added.

    Parameters
    ----------
    run : Run
        Any run.
    predictions : Predictions
        Its answers to tracks of real classes.
    learnt : float
        Mean number of training tracks per fold, as for `intervals`.

    Returns
    -------
    str
        A sentence without its full stop; empty if the tracks are of one origin.
    """
    kept_from = run.record.dataset.kept_from
    if kept_from is None:
        return ""
    name = Path(kept_from).name
    # The ids of added tracks begin with the run, see `zoo.datasets.merged`.
    added = np.array([track.startswith(f"{name}/") for track in predictions.tracks], dtype=bool)
    parts = [predictions.take(np.flatnonzero(rows).tolist()) for rows in (~added, added)]
    if not all(map(len, parts)):
        return ""
    own, other = (_scores(part, learnt) for part in parts)
    classes = len(set(parts[0].labels.tolist()))
    return (
        f"your {classes} class{'es' * (classes != 1)}: {own}; "
        f"the {len(set(parts[1].labels.tolist()))} of {name}: {other}"
    )


def _scores(part: Predictions, learnt: float) -> str:
    right = is_right(part)
    ((low, high),) = intervals([part], learnt)
    tracks = len(set(part.tracks))
    return f"{right.mean():.3f} ({low:.3f}-{high:.3f}), {tracks} track{'s' * (tracks != 1)}"
