"""Folds and the last fit on workers that stand elsewhere, and what comes back from them.

Arrays do not travel: a worker has them in its cache, or describes the tracks for itself. What comes
back is small: predictions, figures, the files of an artefact.
"""

import tempfile
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo.datasets import Dataset
from zoo.evaluate.cross_validation import Curve, Outcome, evaluate_fold, told
from zoo.evaluate.protocols import Fold
from zoo.execution.engine import Engine
from zoo.features.extraction import arrays_here, describe_frontend, model_of_worker
from zoo_registry.card import ParamValue
from zoo_registry.errors import StorageError
from zoo_registry.model import Model, Source

__all__ = ["DIED", "ONE_AT_A_TIME", "Answer", "Material", "evaluate_there"]

DIED = "it ended the process that trained it: it was killed, or out of memory"
# Seeds belong to a process, and a worker may have several threads.
ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Material:
    """What work on a dataset needs beside the arrays; it travels.

    Attributes
    ----------
    source : Source
        Of the model.
    frontend : mapping
        The identity of the arrays.
    dataset : Dataset
        Its tracks have absolute paths.
    seed : int
    """

    source: Source
    frontend: Mapping[str, Any]
    dataset: Dataset
    seed: int

    @classmethod
    def of(cls, model: Model, dataset: Dataset, seed: int) -> "Material":
        """Return what travels of a dataset."""
        described = describe_frontend(model, dataset)
        placed = [
            track if track.path is None else replace(track, path=track.path.absolute())
            for track in dataset.tracks
        ]
        return cls(model.source, described, replace(dataset, tracks=placed), seed)


@dataclass(frozen=True)
class Answer:
    """What became of a fold.

    Attributes
    ----------
    outcome : Outcome or None
        None if it failed.
    error : str or None
        Why.
    curve : list of dict
        What the training said of its progress.
    """

    outcome: Outcome | None
    error: str | None = None
    curve: list[dict[str, float]] = field(default_factory=list)


def evaluate_there(
    engine: Engine, material: Material, tasks: Sequence[tuple[Fold, Mapping[str, ParamValue]]]
) -> Generator[tuple[int, Answer], None, None]:
    """Evaluate folds, each with its parameters; yield the place of each and what became of it."""
    for place, answer in engine.work(partial(_evaluate, material), tasks):
        yield place, answer or Answer(None, DIED)


def _evaluate(material: Material, task: tuple[Fold, Mapping[str, ParamValue]]) -> Answer:
    fold, params = task
    dataset, curve = material.dataset, Curve()
    with ONE_AT_A_TIME, tempfile.TemporaryDirectory(prefix="zoo-") as scratch:
        try:
            model = model_of_worker(material.source)
            needed = np.concatenate([fold.train, fold.test])
            arrays = arrays_here(model, material.frontend, dataset, needed)
            outcome = evaluate_fold(
                model, dataset, arrays, fold, params, material.seed, curve, Path(scratch)
            )
        except StorageError:  # no fault of the fold
            raise
        except Exception as error:
            return Answer(None, told(error), curve.points)
    return Answer(outcome, None, curve.points)
