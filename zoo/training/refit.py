"""Refit on all tracks of a dataset after the folds, and the files that result from it."""

import hashlib
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.artefacts.export import write_artefact
from zoo.evaluate.cross_validation import FitTask, LearningCurve
from zoo.evaluate.protocols import Fold
from zoo_registry.errors import CannotExport, RunError, StorageError, ZooError
from zoo_registry.files import make_folder
from zoo_registry.model import Model
from zoo_registry.predictions import Predictions
from zoo_registry.record import ArtefactInfo, RunRecord
from zoo_registry.runs import Run
from zoo_registry.temporary import temporary_folder
from zoo_registry.text import in_a_line, place

__all__ = ["Refit", "Refitted", "refit"]


@dataclass(frozen=True)
class Refit(FitTask):
    """A model that is to be fitted to all tracks and exported.

    Attributes
    ----------
    record : RunRecord
        Record of the run, whose facts go into the artefact.
    folds : list of Fold
        Folds of the evaluation, from which the artefact's threshold of novelty comes.
    predictions : Predictions
        Predictions of the evaluation, whose scores go into the artefact.
    kept : dict
        The content of each file of the fitted model by its path in the run's folder, if it was
        kept because its artefact could not be made; otherwise empty.
    """

    record: RunRecord
    folds: list[Fold]
    predictions: Predictions
    kept: dict[str, bytes]


@dataclass(frozen=True)
class Refitted:
    """Result of a refit.

    Attributes
    ----------
    described : ArtefactInfo
        Description of the artefact, or the reason why there is none.
    files : dict
        The content of each file by its path in the run's folder: the artefact, or what the plugin
        saves of a model without one.
    notes : list of str
        Sentences for the user.
    """

    described: ArtefactInfo
    files: dict[str, bytes]
    notes: list[str]


def refit(task: Refit) -> Refitted:
    """Fit a model to all tracks, unless it was kept, and export it.

    Parameters
    ----------
    task : Refit
        The model, its parameters and the run.

    Returns
    -------
    Refitted
        The files of the run's folder, and what the record says of them.

    Raises
    ------
    RunError
        If the model raises an error.
    StorageError
        If nothing more can be written during the fit.
    """
    notes: list[str] = []
    with task.locked_scratch() as scratch, temporary_folder() as folder:
        run = Run(Path(folder) / task.record.id, task.record)
        run.folder.mkdir()
        restored = _restored(run, task, notes)
        fitted, described = restored or _fitted(run, task, scratch)
        described |= _exported(run, task, fitted)
        # The same reason as that of the fitted model is none of the restored one.
        if restored and described.get("error") not in (None, task.record.artefact.error):
            _drop(run, described["error"], notes)
            fitted, described = _fitted(run, task, scratch)
            described |= _exported(run, task, fitted)
        if described.get("error") is None:
            shutil.rmtree(run.saved_path, ignore_errors=True)
        elif not run.saved_path.exists():
            _save(run, task.experiment.model, fitted, notes)
        files = {
            path.relative_to(run.folder).as_posix(): path.read_bytes()
            for path in sorted(run.folder.rglob("*"))
            if path.is_file()
        }
    described["saved"] = {
        name: hashlib.sha256(content).hexdigest()
        for name, content in files.items()
        if name != run.artefact_path.name
    }
    return Refitted(ArtefactInfo(**described), files, notes)


def _exported(run: Run, task: Refit, fitted: object) -> dict[str, Any]:
    """Return the description of the artefact, or the reason why it could not be made."""
    experiment = task.experiment
    model, dataset = experiment.model, experiment.dataset
    arrays = experiment.arrays(np.arange(len(dataset)))
    try:
        return write_artefact(
            run, model, fitted, dataset, arrays, task.folds, task.predictions, task.stage
        )
    except Exception as error:
        at = "" if isinstance(error, ZooError) else place(error, model.module.__file__)
        return {"error": in_a_line(error) + at, "impossible": isinstance(error, CannotExport)}


def _drop(run: Run, reason: str, notes: list[str]) -> None:
    notes.append(f"{run.id} is fitted to all tracks again: {reason}")
    shutil.rmtree(run.saved_path, ignore_errors=True)


def _restored(run: Run, task: Refit, notes: list[str]) -> tuple[object, dict[str, Any]] | None:
    """Return the model that was kept, and the description of its fit; None without."""
    if not task.kept:
        return None
    try:
        for name, content in task.kept.items():
            make_folder((run.folder / name).parent, durable=False)
            (run.folder / name).write_bytes(content)
        fitted = task.experiment.model.load(run.saved_path)
    except Exception as error:
        _drop(run, in_a_line(error), notes)
        return None
    former = task.record.artefact
    return fitted, {"curve": former.curve, "fit_seconds": former.fit_seconds}


def _fitted(run: Run, task: Refit, scratch: Path) -> tuple[object, dict[str, Any]]:
    """Return the model, fitted to all tracks, and the description of the fit."""
    curve, begun = LearningCurve(task.progress), time.perf_counter()
    everything = np.arange(len(task.experiment.dataset))
    try:
        fitted = task.fit(everything, curve, scratch)
    except StorageError:
        raise
    except Exception as error:
        raise RunError(f"{run.id} was not fitted to all tracks: {in_a_line(error)}") from error
    return fitted, {"curve": curve.points, "fit_seconds": time.perf_counter() - begun}


def _save(run: Run, model: Model, fitted: object, notes: list[str]) -> None:
    """Let the plugin store a model that has no artefact, or none yet."""
    run.saved_path.mkdir()
    try:
        saved = model.save(fitted, run.saved_path)
    except Exception as error:
        notes.append(f"{run.id} could not be saved: {in_a_line(error)}")
        saved = False
    if not saved:
        shutil.rmtree(run.saved_path)
