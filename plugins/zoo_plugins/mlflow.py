"""Extension that writes every run to an MLflow tracking store; off until it is enabled.

MLflow's own variables ``MLFLOW_TRACKING_URI`` and ``MLFLOW_EXPERIMENT_NAME`` choose store and
experiment. The default experiment is named after the board, such as ``gtzan/kfold:5``.

A run is an MLflow run with its id (tag ``zoo.run``), found again when it is resumed or repeated; a
finished MLflow run is not changed. Its parameters are those of the model and, as ``zoo.*`` and
``version.*``, the other settings of the run. Its metrics are those of the leaderboard: `accuracy`,
`accuracy_mean`, `macro_f1`. Each fold is a nested run (tag ``zoo.fold``) with its own metrics.
Figures that a training reports are metrics ``training/*`` with one step per report: those of a fold
in the nested run, those of the fit on all tracks in the run. Record, predictions, artefact and
model card are artifacts. A failed run or fold has the status FAILED and the reason as tag
``zoo.error``.

If the store cannot be used, one warning says so, and the training continues. At the end of the run
the store is tried again, and gets everything that it lacks.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from typing import Any

from zoo_plugins._tracking import (
    Part,
    Tracker,
    board_name,
    files,
    fold_part,
    settings,
    steps,
    whole_part,
    without_password,
)
from zoo_registry import hookimpl
from zoo_registry.record import FoldRecord
from zoo_registry.runs import RECORD, Run

__all__ = ["zoo_fold_finished", "zoo_run_finished", "zoo_run_started"]

# By default MLflow waits minutes for a dead server, prints its address after every run, and
# reports its use to its makers. Variables that the user has set are not changed.
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_PATIENCE = 30.0  # seconds for the first answer; a database is otherwise tried for two minutes
_PARAMS, _METRICS = 100, 1000  # per request
_LONGEST_TAG = 5000  # characters
_tracker = Tracker("mlflow", "MLflow", "mlflow", "MLFLOW_TRACKING_URI", _SETTINGS)


@hookimpl
def zoo_run_started(run: Run) -> dict[str, Any]:
    """Open the run."""
    return _report(run, _Store.open)


@hookimpl
def zoo_fold_finished(run: Run, fold: int) -> dict[str, Any] | None:
    """Add the run of a fold."""
    return None if _tracker.failed(run) else _report(run, lambda store: store.add_fold(fold))


# Last, so that the record that is sent has what the other extensions keep of the run.
@hookimpl(trylast=True)
def zoo_run_finished(run: Run) -> dict[str, Any]:
    """Add what is missing, and close the run."""
    return _report(run, _Store.close, again=_tracker.failed(run))


def _report(run: Run, work: Callable[["_Store"], object], again: bool = False) -> dict[str, Any]:
    """Do `work` with the store, and return the entry of the record."""

    def send() -> dict[str, str]:
        store = _Store(run)
        work(store)
        return store.entry

    return _tracker.report(run, send, again=again)


class _Store:
    """The tracking store of one run."""

    def __init__(self, run: Run) -> None:
        from mlflow import MlflowClient

        self.run, self.record = run, run.record
        self.client = MlflowClient()
        self.experiment = self._experiment()
        self.id = ""

    @property
    def entry(self) -> dict[str, str]:
        """What the record of the run keeps."""
        from mlflow import get_tracking_uri

        return {"run_id": self.id, "place": without_password(get_tracking_uri())}

    def open(self) -> bool:
        """Find or make the run; return whether it is unfinished."""
        found = self._find(f"tags.`zoo.run` = '{self.run.id}'")
        if found is None:
            tags = {"zoo.run": self.run.id, "zoo.model": self.record.model.name}
            found = self.client.create_run(self.experiment, tags=tags, run_name=self.run.id)
            self._log_params(found.info.run_id, settings(self.run))
        self.id = found.info.run_id
        if found.info.status == "FINISHED":
            return False
        self._reopen(found)
        return True

    def add_fold(self, number: int) -> None:
        """Open the run, and add the run of one fold."""
        if self.open():
            self._add(next(entry for entry in self.record.folds if entry.fold == number))

    def _add(self, entry: FoldRecord) -> None:
        """Add the run of one fold, unless the store has it."""
        number, error = entry.fold, entry.error
        found = self._find(
            f"tags.`mlflow.parentRunId` = '{self.id}' AND tags.`zoo.fold` = '{number}'"
        )
        if found is None:
            tags = {"mlflow.parentRunId": self.id, "zoo.fold": str(number)}
            name = f"{self.run.id} fold {number}"
            found = self.client.create_run(self.experiment, tags=tags, run_name=name)
        elif found.info.status == "FINISHED" or (error and found.info.status == "FAILED"):
            return
        child = found.info.run_id
        self._reopen(found)
        if not error:
            part = fold_part(self.run, entry)
            self._log_params(child, part.params)
            self._log_metrics(child, part)
        self._end(child, error)

    def close(self) -> None:
        """Open the run; add folds that are missing, scores and files; set the final status."""
        if not self.open():
            return
        for entry in self.record.folds:
            self._add(entry)
        if self.run.complete:
            self._log_metrics(self.id, whole_part(self.run))
        # The record that is sent has what will be stored in it.
        record = json.loads((self.run.folder / RECORD).read_text(encoding="utf-8"))
        record["extensions"]["mlflow"] = self.entry
        text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
        self.client.log_text(self.id, text, RECORD)
        for path in files(self.run):
            self.client.log_artifact(self.id, str(path))
        if self.run.saved_path.is_dir():
            self.client.log_artifacts(self.id, str(self.run.saved_path), "saved")
        self._end(self.id, None if self.run.complete else self.record.error)

    def _experiment(self) -> str:
        """Return the id of the experiment, which is created if it is missing."""
        from mlflow.exceptions import MlflowException

        name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or board_name(self.run)
        found = _in_time(lambda: self.client.get_experiment_by_name(name))
        if found is None:
            try:
                return str(self.client.create_experiment(name))
            except MlflowException:  # another process was quicker
                found = self.client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _find(self, wanted: str) -> Any:
        found = self.client.search_runs([self.experiment], filter_string=wanted, max_results=1)
        return found[0] if found else None

    def _reopen(self, found: Any) -> None:
        if found.info.status != "RUNNING":
            self.client.update_run(found.info.run_id, status="RUNNING")
            if "zoo.error" in found.data.tags:
                self.client.delete_tag(found.info.run_id, "zoo.error")

    def _end(self, run_id: str, error: str | None) -> None:
        if error:
            self.client.set_tag(run_id, "zoo.error", error[:_LONGEST_TAG])
        self.client.set_terminated(run_id, "FAILED" if error else "FINISHED")

    def _log_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        entities = [Param(name, str(value)) for name, value in params.items()]
        for start in range(0, len(entities), _PARAMS):
            self.client.log_batch(run_id, params=entities[start : start + _PARAMS])

    def _log_metrics(self, run_id: str, part: Part) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        entities = [Metric(name, value, now, 0) for name, value in part.metrics.items()]
        for step, figures in steps(part.curve):
            entities += [Metric(name, value, now, step) for name, value in figures.items()]
        for start in range(0, len(entities), _METRICS):
            self.client.log_batch(run_id, metrics=entities[start : start + _METRICS])


def _in_time(ask: Callable[[], Any]) -> Any:
    """Return the result of `ask`, or raise TimeoutError; MLflow has no limit for all stores."""
    result: Future[Any] = Future()

    def work() -> None:
        try:
            result.set_result(ask())
        except BaseException as error:
            result.set_exception(error)

    # An executor's thread would be waited for when the process ends.
    threading.Thread(target=work, daemon=True).start()
    if not wait([result], _PATIENCE).done:
        raise TimeoutError(f"it does not answer within {_PATIENCE:g} s")
    return result.result()
