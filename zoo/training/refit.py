"""Refit on all tracks of a dataset after the folds, and the files that result from it."""

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.artefacts.export import write_artefact
from zoo.evaluate.cross_validation import FitTask, LearningCurve
from zoo_registry.errors import RunError, StorageError, ZooError
from zoo_registry.model import Model
from zoo_registry.predictions import Predictions
from zoo_registry.record import ArtefactInfo, RunRecord
from zoo_registry.runs import Run
from zoo_registry.temporary import temporary_folder
from zoo_registry.text import in_a_line

__all__ = ["Refit", "Refitted", "refit"]


@dataclass(frozen=True)
class Refit(FitTask):
    """A model that is to be fitted to all tracks and exported.

    Attributes
    ----------
    record : RunRecord
        Record of the run, whose facts go into the artefact.
    predictions : Predictions
        Predictions of the evaluation, whose scores go into the artefact.
    """

    record: RunRecord
    predictions: Predictions


@dataclass(frozen=True)
class Refitted:
    """Result of a refit.

    Attributes
    ----------
    described : ArtefactInfo
        Description of the artefact, or the reason why there is none.
    files : dict
        The content of each file by its path in the run's folder: the artefact, or what the plugin
        saves of a model without an ONNX form.
    notes : list of str
        Sentences for the user.
    """

    described: ArtefactInfo
    files: dict[str, bytes]
    notes: list[str]


def refit(task: Refit) -> Refitted:
    """Fit a model to all tracks, and export it.

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
        If nothing more can be written.
    """
    experiment, curve = task.experiment, LearningCurve(task.progress)
    everything = np.arange(len(experiment.dataset))
    notes: list[str] = []
    with task.locked_scratch() as scratch, temporary_folder() as folder:
        run = Run(Path(folder) / task.record.id, task.record)
        run.folder.mkdir()
        begun = time.perf_counter()
        try:
            fitted = task.fit(everything, curve, scratch)
        except ZooError:
            raise
        except (Exception, SystemExit) as error:
            raise RunError(f"{run.id} was not fitted to all tracks: {in_a_line(error)}") from error
        described: dict[str, Any] = {"curve": curve.points}
        described["fit_seconds"] = time.perf_counter() - begun
        arrays = experiment.arrays(everything)
        try:
            described |= write_artefact(
                run, experiment.model, fitted, experiment.dataset, arrays, task.predictions
            )
        except StorageError:  # there may be room tomorrow; a missing artefact would be final
            raise
        except Exception as error:
            described["error"] = in_a_line(error)
            notes.append(f"{run.id} has no artefact: {described['error']}")
            _save(run, experiment.model, fitted, notes.append)
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


def _save(run: Run, model: Model, fitted: object, note: Callable[[str], None]) -> None:
    """Let the plugin store a model that has no ONNX form."""
    run.saved_path.mkdir()
    try:
        saved = model.save(fitted, run.saved_path)
    except Exception as error:
        note(f"{run.id} could not be saved: {in_a_line(error)}")
        saved = False
    if not saved:
        shutil.rmtree(run.saved_path)
