"""One fold: a model fitted to its training part, and asked about its test part."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.datasets import Dataset
from zoo.evaluate.protocols import Fold
from zoo.evaluate.vote import count_votes
from zoo.features.extraction import Arrays
from zoo_registry.card import ParamValue
from zoo_registry.errors import ZooError
from zoo_registry.hooks import Progress
from zoo_registry.model import Model
from zoo_registry.runs import Predictions

__all__ = ["Curve", "Outcome", "evaluate_fold", "fit", "told"]


class Curve:
    """The figures that a training tells on its way, each with how far it had come."""

    def __init__(self) -> None:
        self.points: list[dict[str, float]] = []

    def __call__(self, fraction: float, note: str = "", **figures: float) -> None:
        """Keep the figures."""
        if figures:
            fraction = min(max(fraction, 0.0), 1.0)
            point = {"fraction": fraction} | {k: float(v) for k, v in figures.items()}
            self.points.append(point)


@dataclass(frozen=True)
class Outcome:
    """What a fold gave.

    Attributes
    ----------
    predictions : Predictions
        Of the test part.
    train_seconds, predict_seconds : float
    """

    predictions: Predictions
    train_seconds: float
    predict_seconds: float


def evaluate_fold(
    model: Model,
    dataset: Dataset,
    arrays: Arrays,
    fold: Fold,
    params: Mapping[str, ParamValue],
    seed: int,
    progress: Progress,
    scratch: Path,
) -> Outcome:
    """Fit a model to the training part of a fold, and let the windows of its test part vote.

    Parameters
    ----------
    model : Model
    dataset : Dataset
    arrays : Arrays
        One a track of `dataset`.
    fold : Fold
    params : mapping
        Every parameter of the card.
    seed : int
    progress : Progress
    scratch : Path
        Where the training may keep its state; made if it is missing.
    """
    begun = time.perf_counter()
    fitted = fit(model, dataset, arrays, fold.train, params, seed, progress, scratch)
    trained = time.perf_counter()
    windows = model.predict(fitted, arrays.take(fold.test), len(dataset.classes))
    ended = time.perf_counter()
    counted = [count_votes(rows) for rows in windows]
    predictions = Predictions(
        dataset.classes,
        tuple(dataset.tracks[index].id for index in fold.test),
        dataset.labels[fold.test],
        np.full(len(fold.test), fold.number),
        tuple(dataset.tracks[index].digest[:16] for index in fold.test),
        dataset.groups[fold.test],
        np.stack([votes for votes, _ in counted]),
        np.stack([mean for _, mean in counted]),
    )
    return Outcome(predictions, trained - begun, ended - trained)


def fit(
    model: Model,
    dataset: Dataset,
    arrays: Arrays,
    indices: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    params: Mapping[str, ParamValue],
    seed: int,
    progress: Progress,
    scratch: Path,
) -> object:
    """Fit a model to some tracks of a dataset; parameters as in `evaluate_fold`."""
    scratch.mkdir(parents=True, exist_ok=True)
    return model.train(
        arrays.take(indices),
        dataset.labels[indices],
        dataset.classes,
        dataset.groups[indices],
        dict(params),
        seed,
        progress,
        scratch,
    )


def told(error: Exception) -> str:
    """Return what a record says of an error: a sentence of ours, or its kind and first line."""
    text = str(error).strip().splitlines()
    return (
        str(error)
        if isinstance(error, ZooError)
        else f"{type(error).__name__}: " + " ".join(text[:1])
    )
