"""The last fit on a worker of a cluster."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from zoo.evaluate.cross_validation import Curve
from zoo.evaluate.remote_folds import DIED, ONE_AT_A_TIME, Material
from zoo.execution.engine import Engine
from zoo.features.extraction import arrays_here, model_of_worker
from zoo.training.refit import finish
from zoo_registry.card import ParamValue
from zoo_registry.errors import RunError
from zoo_registry.files import atomic_path
from zoo_registry.runs import Predictions, Run, RunRecord

__all__ = ["finish_there"]


def finish_there(
    engine: Engine,
    material: Material,
    run: Run,
    params: Mapping[str, ParamValue],
    predictions: Predictions,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Do on a worker what `zoo.training.refit.finish` does, and fetch the files.

    Raises
    ------
    RunError
        If the worker dies of it.
    """
    task = (run.record, params, predictions)
    answer = engine.alone(partial(_finish, material), task)
    if answer is None:
        raise RunError(f"{run.id} was not fitted to all tracks: {DIED}")
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
    with ONE_AT_A_TIME, tempfile.TemporaryDirectory(prefix="zoo-") as scratch:
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
