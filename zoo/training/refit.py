"""The last fit: on all tracks of a dataset, and what is kept of it."""

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo.artefacts.export import write_artefact
from zoo.datasets import Dataset
from zoo.evaluate.cross_validation import fit, told
from zoo.features.extraction import Arrays
from zoo_registry.card import ParamValue
from zoo_registry.errors import StorageError
from zoo_registry.hooks import Progress
from zoo_registry.model import Model
from zoo_registry.runs import Predictions, Run

__all__ = ["finish"]


def finish(
    run: Run,
    model: Model,
    dataset: Dataset,
    arrays: Arrays,
    params: Mapping[str, ParamValue],
    predictions: Predictions,
    progress: Progress,
    scratch: Path,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Fit a model to all tracks and put its artefact into the run's folder.

    A model without an ONNX form keeps what its plugin saves.

    Parameters
    ----------
    run : Run
    model : Model
    dataset : Dataset
    arrays : Arrays
        One a track of `dataset`.
    params : mapping
        Every parameter of the card.
    predictions : Predictions
        Of the evaluation.
    progress : Progress
    scratch : Path
        Where the training may keep its state.
    note : callable
        Told why there is no artefact.

    Returns
    -------
    dict
        ``fit_seconds``, and what `write_artefact` tells, or ``error``.

    Raises
    ------
    StorageError
        If nothing more can be written.
    """
    begun = time.perf_counter()
    everything = np.arange(len(dataset))
    fitted = fit(model, dataset, arrays, everything, params, run.record.seed, progress, scratch)
    seconds = {"fit_seconds": time.perf_counter() - begun}
    try:
        return seconds | write_artefact(run, model, fitted, dataset, arrays, predictions)
    except StorageError:  # there may be room tomorrow; without an artefact is for ever
        raise
    except Exception as error:
        reason = told(error)
    note(f"{run.id} has no artefact: {reason}")
    _save(run, model, fitted, note)
    return seconds | {"error": reason}


def _save(run: Run, model: Model, fitted: object, note: Callable[[str], None]) -> None:
    """Let the plugin keep in its own way what has no ONNX form."""
    folder = run.saved_path
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        saved = model.save(fitted, folder)
    except Exception as error:
        note(f"{run.id} could not be saved: {told(error)}")
        saved = False
    if not saved:
        shutil.rmtree(folder)
