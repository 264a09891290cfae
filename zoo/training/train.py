"""Training of one model: from its name and a dataset to a complete run, fold by fold."""

import copy
import datetime
import hashlib
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.model_card import model_card
from zoo.datasets import Dataset
from zoo.evaluate.audit import audit
from zoo.evaluate.cross_validation import (
    CRASHED_FOLD,
    Experiment,
    FoldResult,
    FoldTask,
    can_fit_in_parallel,
    run_fold,
)
from zoo.evaluate.protocols import DEFAULT_PROTOCOL, Fold, parse_protocol, split_hash
from zoo.execution.engine import Engine, LocalProcesses
from zoo.execution.progress import Bar, Reporter
from zoo.features.extraction import Extraction, extract
from zoo.plugins.registry import find_dataset, open_registry, usable_model
from zoo.training.record import new_record
from zoo.training.refit import Refit, refit
from zoo.tuning.search import Search
from zoo.tuning.trials import find_tuning
from zoo.workspace import locked, run_folder
from zoo_registry.card import ParamValue
from zoo_registry.errors import EngineError, RunError, StorageError, UsageError, ZooError
from zoo_registry.files import atomic_path, drop_links, write_text
from zoo_registry.hooks import Progress
from zoo_registry.plugins import Registry
from zoo_registry.predictions import Predictions
from zoo_registry.record import FoldRecord, RunRecord, Status, TuningInfo
from zoo_registry.runs import FILES, FOLDERS, Run
from zoo_registry.text import in_a_line

__all__ = ["train"]


def train(
    model: str,
    data: str | Dataset = "demo",
    *,
    protocol: str = DEFAULT_PROTOCOL,
    grouped: bool = True,
    params: Mapping[str, str | ParamValue] | None = None,
    tuned: bool = False,
    nested: int = 0,
    tuner: str = "random",
    seed: int = 0,
    jobs: int | None = None,
    engine: Engine | None = None,
    reporter: Reporter | None = None,
    registry: Registry | None = None,
    root: Path | None = None,
) -> Run:
    """Train and evaluate a model, or return the run that did so before.

    An unfinished run of the same command is continued after its last stored fold.

    Parameters
    ----------
    model : str
        A name that ``zoo models`` lists, or the path of a plugin's file.
    data : str or Dataset
        A value of ``--data``, or a dataset that is open already.
    protocol : str
        Way to split, such as "kfold:5"; see `zoo.evaluate.protocols`.
    grouped : bool
        Whether tracks that belong together stay on one side of each split.
    params : mapping, optional
        Parameters that differ from the card's defaults.
    tuned : bool
        Whether the best parameters of the newest `zoo.tune` on this dataset are used, beneath
        `params`. The run records which tracks that search has seen.
    nested : int
        Number of trials of a search inside every fold, which sees the training part of the fold
        only; 0 for no search.
    tuner : {"random", "bayesian", "hyperband"}
        Method of the nested search.
    seed : int
        Random seed for the split and the model, 0 to 2**32 - 1.
    jobs : int, optional
        Number of processes on this machine; all cores by default.
    engine : Engine, optional
        Where the work is done, such as a `zoo.execution.dask_cluster.Cluster`; by default `jobs`
        processes of this machine.
    reporter : Reporter, optional
        Receiver of progress and notes; by default they are not shown.
    registry : Registry, optional
        Registry in which the model is looked up; by default all that is installed.
    root : Path, optional
        Folder for the run; by default the workspace's models folder.

    Returns
    -------
    Run
        Complete, or failed with its error in the record.

    Raises
    ------
    UsageError
        If model, parameters, dataset or protocol are wrong.
    PluginError
        If the plugin cannot be loaded.
    EngineError
        If a cluster has no worker left; the same command continues the run.
    StorageError
        If nothing more can be written.

    Examples
    --------
    >>> import zoo
    >>> run = zoo.train("logistic", "demo", params={"C": 0.1})
    >>> run.complete
    True
    """
    reporter = reporter or Reporter()
    engine = engine or LocalProcesses(jobs)
    registry = registry or open_registry()
    loaded = usable_model(registry, model)
    resolved = loaded.card.resolve(params or {})
    splitting = parse_protocol(protocol)
    if not 0 <= seed < 2**32:
        raise UsageError(f"the seed {seed} is out of range; give one from 0 to {2**32 - 1}")
    if isinstance(data, str):
        data = find_dataset(data, registry, engine=engine)
    splitting.folds(data, seed, grouped)  # an impossible split is refused before the work
    if tuned and nested:
        raise UsageError("--tuned takes parameters that were found, --nested finds its own")
    tuning_info = extraction = None
    if tuned:
        extraction = extract(data, loaded, engine, reporter)
        tuning = find_tuning(loaded, extraction.dataset, root)
        best = tuning.best.params if tuning.best else {}
        resolved = loaded.card.resolve(best | dict(params or {}))
        tuning_info = TuningInfo(
            tuning=tuning.id, trials=len(tuning.trials), seen=tuning.record.seen
        )
    elif nested:
        tuning_info = TuningInfo(nested=True, trials=nested, tuner=tuner, seen=[])

    # A run is known by the tracks that it used. Which can be used is known after the extraction,
    # but a run that used all of them is found without.
    used = extraction.dataset if extraction else data
    while True:
        record = new_record(loaded, resolved, used, splitting, grouped, seed)
        record.tuned = tuning_info
        record.dataset.whole = None if used is data else data.fingerprint
        folder = run_folder(record, root)
        waiting = f"{record.id} is being trained by another process; waiting for it"
        with locked(folder, partial(reporter.note, waiting)):
            run = _open_run(folder, record)
            if run.complete:
                reporter.note(f"{run.id} is trained already: {run.folder}")
                _clear(run)
                return run
            for name in FILES | FOLDERS:
                drop_links(folder / name)  # nothing outside of the run is written through them
            extraction = extraction or extract(data, loaded, engine, reporter)
            if extraction.dataset.fingerprint == used.fingerprint:
                folds = splitting.folds(used, seed, grouped)
                experiment = Experiment(loaded, used, seed)
                search = Search(experiment, tuner, grouped, engine) if nested else None
                training = _Training(run, experiment, extraction, folds, search, reporter, engine)
                return training.finish()
        used = extraction.dataset
        with suppress(OSError):  # it is empty
            folder.rmdir()


def _open_run(folder: Path, record: RunRecord) -> Run:
    """Return the run of this folder, to be continued, or a new one."""
    try:
        run = Run.read(folder)
    except RunError:  # absent, or damaged
        return Run(folder, record)
    # A run of an earlier version may have left out tracks that its id does not tell.
    if run.record.used != record.used:
        return Run(folder, record)
    if not run.complete:  # the same tracks may be in another folder now, beside others
        run.record.dataset = record.dataset
    return run


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


class _Training:
    """A run that is being trained; the only writer of its folder, whose lock is held."""

    def __init__(
        self,
        run: Run,
        experiment: Experiment,
        extraction: Extraction,
        folds: list[Fold],
        search: Search | None,
        reporter: Reporter,
        engine: Engine,
    ) -> None:
        self.run, self.record = run, run.record
        self.experiment = experiment
        self.folds = folds
        self.search = search
        self.reporter = reporter
        self.engine = engine
        self.record.status, self.record.error = "running", None
        self.record.started = self.record.started or _now()
        for name, value in extraction.effort.items():  # a continued run may extract more
            self.record.extraction[name] = self.record.extraction.get(name, 0) + value
        self.record.skipped = extraction.skipped
        self.record.split = split_hash(experiment.dataset, folds)
        self.record.audit = audit(experiment.dataset, folds)
        # Failed folds are tried again.
        self.record.folds = [entry for entry in self.record.folds if entry.error is None]

    def finish(self) -> Run:
        """Train the folds that are missing, then refit on all tracks."""
        self._store()
        self._announce("zoo_run_started")
        try:
            with self.reporter.bar(self.record.model.title, len(self.folds) + 1) as bar:
                parts = self._evaluate(bar)
                failed = [entry for entry in self.record.folds if entry.error]
                if not failed:
                    ordered = [parts[fold.number] for fold in self.folds]
                    predictions = Predictions.concatenate(ordered)
                    text = predictions.to_csv()
                    write_text(self.run.predictions_path, text)
                    self.record.predictions = hashlib.sha256(text.encode()).hexdigest()
                    self._refit(predictions, bar)
        except ZooError as error:
            with suppress(OSError):  # which may be the error itself
                self._end("failed", str(error))
            raise
        if failed:
            self._end("failed", f"fold {failed[0].fold}: {failed[0].error}")
        else:
            self._end("complete", None, predictions)
            _clear(self.run)
        return self.run

    def _end(self, status: Status, error: str | None, scored: Predictions | None = None) -> None:
        self.record.status, self.record.error, self.record.finished = status, error, _now()
        if scored:  # before the record: a run that is recorded as complete has all its files
            write_text(self.run.card_path, model_card(self.run, scored))
        self._store()
        self._announce("zoo_run_finished")

    def _store(self) -> None:
        self.record.folds.sort(key=lambda entry: entry.fold)
        self.run.write(durable=self.record.status != "running")

    def _announce(self, event: str, **facts: Any) -> None:
        """Call the hooks of an event, and store in the record what extensions return."""
        before = copy.deepcopy(self.record.extensions)
        for kept in self.experiment.model.announce(event, run=self.run, **facts):
            self.record.extensions.update(kept)
            self._store()
        # Extensions of the former contract change the record themselves.
        if self.record.extensions != before:
            self._store()

    def _evaluate(self, bar: Bar) -> dict[int, Predictions]:
        """Return the predictions of each fold that did not fail, by its number."""
        parts = self._stored_predictions()
        bar.update(len(parts))
        missing = [fold for fold in self.folds if fold.number not in parts]
        # The trials of a nested search can occupy all workers, so fold follows fold.
        batches = [missing] if self.search is None else [[fold] for fold in missing]
        in_parallel = can_fit_in_parallel(self.experiment.model)
        for batch in batches:
            started_folds: list[tuple[Fold, FoldRecord]] = []
            tasks = self._tasks(batch, started_folds, bar)
            for position, result in self.engine.map_fits(run_fold, tasks, in_parallel):
                fold, entry = started_folds[position]
                if predictions := self._store_fold(fold, entry, result or CRASHED_FOLD):
                    parts[fold.number] = predictions
                bar.update(len(self.record.folds), f"fold {fold.number + 1}/{len(self.folds)}")
        return parts

    def _stored_predictions(self) -> dict[int, Predictions]:
        """Return the predictions of the folds that were trained earlier."""
        parts = {}
        for entry in list(self.record.folds):
            try:
                parts[entry.fold] = self.run.read_predictions(self.run.fold_path(entry.fold))
            except RunError:
                self.record.folds.remove(entry)
        return parts

    def _tasks(
        self, folds: Iterable[Fold], started_folds: list[tuple[Fold, FoldRecord]], bar: Bar
    ) -> Iterator[FoldTask]:
        """Append each fold and its entry of the record to `started_folds`, and yield its task."""
        for fold in folds:
            entry = FoldRecord(
                fold=fold.number,
                train_tracks=len(fold.train),
                test_tracks=len(fold.test),
                error=None,
            )
            scratch = self.run.scratch_path(fold.number)
            try:
                params, entry.params = self._params(fold.train, scratch)
            except (StorageError, EngineError):
                raise
            except Exception as error:
                self._store_fold(fold, entry, FoldResult(None, error=in_a_line(error)))
                continue
            started_folds.append((fold, entry))
            progress = self._progress(bar, f"fold {fold.number + 1}/{len(self.folds)}")
            yield FoldTask(self.experiment, params, fold, scratch=scratch, progress=progress)

    def _store_fold(self, fold: Fold, entry: FoldRecord, result: FoldResult) -> Predictions | None:
        """Store the result of a fold and announce it; return its predictions, None if it failed."""
        predictions = result.predictions
        entry.error, entry.curve = result.error, result.curve
        if predictions:
            entry.train_seconds = result.train_seconds
            entry.predict_seconds = result.predict_seconds
            try:
                write_text(self.run.fold_path(fold.number), predictions.to_csv(), durable=False)
            except StorageError:
                raise
            except OSError as error:
                entry.error, predictions = in_a_line(error), None
        if not predictions:
            self.reporter.note(f"{self.run.id}, fold {fold.number} failed: {entry.error}")
        self.record.folds.append(entry)
        self._store()
        if predictions:  # not before it is stored, or a kill in between would cost the fold
            shutil.rmtree(self.run.scratch_path(fold.number), ignore_errors=True)
        self._announce("zoo_fold_finished", fold=fold.number, error=entry.error)
        return predictions

    def _params(
        self, seen: NDArray[np.int64], scratch: Path
    ) -> tuple[dict[str, ParamValue], dict[str, ParamValue] | None]:
        """Return the parameters of a fit, and those of them that a nested search has found.

        The search sees the tracks of the indices `seen` only.
        """
        if self.search is None:
            return dict(self.record.params), None
        trials = self.record.tuned.trials if self.record.tuned else 0
        tuning = self.search.run(seen, trials, scratch / "tuning", {"model": self.record.id})
        best = tuning.best.params if tuning.best else {}
        return self.record.params | best, best

    def _progress(self, bar: Bar, title: str) -> Progress:
        """Return a function that shows the progress of one fit in this process."""
        done = len(self.record.folds)

        def progress(fraction: float, note: str = "", **figures: float) -> None:
            bar.update(done + fraction, f"{title} {note}".strip())

        progress(0.0)
        return progress

    def _refit(self, predictions: Predictions, bar: Bar) -> None:
        """Fit the model to all tracks, and store what results from it."""
        scratch = self.run.scratch_path(len(self.folds))
        everything = np.arange(len(self.experiment.dataset))
        params, found = self._params(everything, scratch)
        task = Refit(
            self.experiment, params, self.record, predictions,
            scratch=scratch, progress=self._progress(bar, "all tracks"),
        )  # fmt: skip
        ((_, result),) = self.engine.map_fits(refit, [task])
        if result is None:
            raise RunError(f"{self.run.id} was not fitted to all tracks: {CRASHED_FOLD.error}")
        shutil.rmtree(self.run.saved_path, ignore_errors=True)
        for name, content in result.files.items():
            with atomic_path(self.run.folder / name) as temporary:
                temporary.write_bytes(content)
        for sentence in result.notes:
            self.reporter.note(sentence)
        self.record.artefact = result.described
        self.record.artefact.params = found
        bar.update(len(self.folds) + 1, "all tracks")


def _clear(run: Run) -> None:
    """Remove the files that only an unfinished run needs."""
    shutil.rmtree(run.fold_path(0).parent, ignore_errors=True)
