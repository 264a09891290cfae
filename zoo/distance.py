"""Folds and the last fit on workers that stand elsewhere, and what comes back from them.

Arrays do not travel: a worker has them in its cache, or describes the tracks for itself. What comes
back is small: predictions, figures, the files of an artefact.
"""

import shutil
import tempfile
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo.datasets import Dataset
from zoo.evaluate.protocols import Fold
from zoo.extraction import arrays_here, describe_frontend, model_of_worker
from zoo.finishing import finish
from zoo.folds import Curve, Outcome, evaluate_fold, told
from zoo.workers import Engine
from zoo_registry.card import ParamValue
from zoo_registry.errors import RunError, StorageError
from zoo_registry.files import atomic_path
from zoo_registry.model import Model, Source
from zoo_registry.runs import Predictions, Run, RunRecord

__all__ = ["Answer", "Material", "evaluate_there", "finish_there"]

_DIED = "it ended the process that trained it: it was killed, or out of memory"
# Seeds belong to a process, and a worker may have several threads.
_one_at_a_time = threading.Lock()


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
        yield place, answer or Answer(None, _DIED)


def _evaluate(material: Material, task: tuple[Fold, Mapping[str, ParamValue]]) -> Answer:
    fold, params = task
    dataset, curve = material.dataset, Curve()
    with _one_at_a_time, tempfile.TemporaryDirectory(prefix="zoo-") as scratch:
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


def finish_there(
    engine: Engine,
    material: Material,
    run: Run,
    params: Mapping[str, ParamValue],
    predictions: Predictions,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Do on a worker what `zoo.finishing.finish` does, and bring the files into the run's folder.

    Raises
    ------
    RunError
        If the worker dies of it.
    """
    task = (run.record, params, predictions)
    answer = engine.alone(partial(_finish, material), task)
    if answer is None:
        raise RunError(f"{run.id} was not fitted to all tracks: {_DIED}")
    shutil.rmtree(run.saved_path, ignore_errors=True)
    for name, content in answer.files.items():
        with atomic_path(run.folder / name) as temporary:
            temporary.write_bytes(content)
    for sentence in answer.notes:
        note(sentence)
    return answer.described


@dataclass(frozen=True)
class _Finished:
    """What `finish` told, and the files that it left, by their path in the run's folder."""

    described: dict[str, Any]
    notes: list[str]
    files: dict[str, bytes]


def _finish(
    material: Material, task: tuple[RunRecord, Mapping[str, ParamValue], Predictions]
) -> _Finished:
    record, params, predictions = task
    dataset, curve = material.dataset, Curve()
    notes: list[str] = []
    with _one_at_a_time, tempfile.TemporaryDirectory(prefix="zoo-") as scratch:
        model = model_of_worker(material.source)
        arrays = arrays_here(model, material.frontend, dataset, range(len(dataset)))
        run = Run(Path(scratch) / record.id, record)
        run.folder.mkdir()
        described = finish(
            run, model, dataset, arrays, params, predictions, curve, Path(scratch) / "state",
            notes.append,
        )  # fmt: skip
        files = {
            path.relative_to(run.folder).as_posix(): path.read_bytes()
            for path in sorted(run.folder.rglob("*"))
            if path.is_file()
        }
    curved = {"curve": curve.points} if curve.points else {}
    return _Finished(curved | described, notes, files)
