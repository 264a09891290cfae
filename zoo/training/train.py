"""Training: from a model's name and a dataset to a complete run, fold by fold."""

import datetime
import hashlib
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from zoo.artefacts.model_card import model_card
from zoo.datasets import Dataset, open_dataset
from zoo.evaluate.audit import audit
from zoo.evaluate.cross_validation import Curve, Outcome, evaluate_fold, told
from zoo.evaluate.protocols import (
    DEFAULT_PROTOCOL,
    Fold,
    parse_protocol,
    split_hash,
)
from zoo.evaluate.remote_folds import Material, evaluate_there
from zoo.execution.engine import Engine
from zoo.execution.progress import Bar, Reporter
from zoo.features.extraction import Extraction, extract
from zoo.plugins.registry import offered_datasets, open_registry, usable_model
from zoo.training.record import new_record
from zoo.training.refit import finish
from zoo.training.remote_refit import finish_there
from zoo.tuning.search import Search
from zoo.tuning.trials import find_tuning
from zoo.workspace import locked, run_folder
from zoo_registry.card import ParamValue
from zoo_registry.errors import EngineError, RunError, StorageError, UsageError, ZooError
from zoo_registry.files import write_text
from zoo_registry.hooks import Progress
from zoo_registry.model import Model
from zoo_registry.plugins import Registry
from zoo_registry.record import ArtefactInfo, FoldRecord, Status, TuningInfo
from zoo_registry.runs import Predictions, Run, RunRecord

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

    An unfinished run of the same command goes on after its last stored fold.

    Parameters
    ----------
    model : str
        A name that ``zoo models`` lists, or the path of a plugin's file.
    data : str or Dataset
        What ``--data`` takes.
    protocol : str
        Such as "kfold:5"; see `zoo.evaluate.protocols`.
    grouped : bool
        Whether tracks that belong together stay on one side of each split.
    params : mapping, optional
        Parameters that differ from the card's defaults.
    tuned : bool
        Whether the best parameters of the newest `zoo.tune` on this dataset are used, beneath
        `params`. The run remembers which tracks that search has seen.
    nested : int
        Trials of a search inside every fold, which sees the fold's training part alone; 0
        for none.
    tuner : {"random", "bayesian", "hyperband"}
        For `nested`.
    seed : int
        Of the split and of the model.
    jobs : int, optional
        Processes for extraction; all cores by default.
    engine : Engine, optional
        A `zoo.execution.dask_cluster.Cluster` whose workers describe the tracks, and train and
        test; by default this machine does.
    reporter : Reporter, optional
        Where progress is shown; nowhere by default.
    registry : Registry, optional
        Where models are looked up; by default all that is installed.
    root : Path, optional
        Where runs land; by default the workspace's models folder.

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
    """
    reporter = reporter or Reporter()
    engine = engine or Engine(jobs)
    registry = registry or open_registry()
    loaded = usable_model(registry, model)
    resolved = loaded.card.resolve(params or {})
    splitting = parse_protocol(protocol)
    if not 0 <= seed < 2**32:
        raise UsageError(f"the seed {seed} is out of range; give one from 0 to {2**32 - 1}")
    if isinstance(data, str):
        data = open_dataset(data, offered_datasets(registry), engine=engine)
    splitting.folds(data, seed, grouped)  # what cannot be split is refused before the work
    if tuned and nested:
        raise UsageError("--tuned takes parameters that were found, --nested finds its own")
    found = None
    if tuned:
        tuning = find_tuning(loaded, data, root)
        best = tuning.best.params if tuning.best else {}
        resolved = loaded.card.resolve(best | dict(params or {}))
        found = TuningInfo(tuning=tuning.id, trials=len(tuning.trials), seen=tuning.record.seen)
    elif nested:
        found = TuningInfo(nested=True, trials=nested, tuner=tuner, seen=[])
    record = new_record(loaded, resolved, data, splitting, grouped, seed)
    record.tuned = found
    folder = run_folder(record, root)
    waiting = f"{record.id} is being trained by another process; waiting for it"
    with locked(folder, lambda: reporter.note(waiting)):
        run = _earlier(folder, record)
        if run.complete:
            reporter.note(f"{run.id} is trained already: {run.folder}")
            _clear(run)
            return run
        extraction = extract(data, loaded, reporter=reporter, engine=engine)
        for skipped in extraction.skipped:
            reporter.note(f"left out: {skipped.reason}")
        folds = splitting.folds(extraction.dataset, seed, grouped)
        search = None
        if nested:
            usable, arrays = extraction.dataset, extraction.arrays
            search = Search(loaded, usable, arrays, tuner, seed, grouped, engine)
        return _Training(run, loaded, extraction, folds, search, reporter, engine).finish()


def _earlier(folder: Path, record: RunRecord) -> Run:
    """Return the run of this folder, to go on with, or a new one."""
    try:
        return Run.read(folder)
    except RunError:  # absent, or damaged: its folds are read one by one anyway
        return Run(folder, record)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


class _Training:
    """One run being trained; the only writer of its folder, whose lock is held."""

    def __init__(
        self,
        run: Run,
        model: Model,
        extraction: Extraction,
        folds: list[Fold],
        search: Search | None,
        reporter: Reporter,
        engine: Engine,
    ) -> None:
        self.engine = engine
        self.run = run
        self.record = run.record
        self.model = model
        self.dataset = extraction.dataset
        self.arrays = extraction.arrays
        self.folds = folds
        self.search = search
        self.reporter = reporter
        self.record.status, self.record.error = "running", None
        self.record.started = self.record.started or _now()
        for name, value in extraction.effort.items():  # a run that goes on may describe more
            self.record.extraction[name] = self.record.extraction.get(name, 0) + value
        self.record.skipped = extraction.skipped
        self.record.split = split_hash(self.dataset, folds)
        self.record.audit = audit(self.dataset, folds)
        # What failed is tried again.
        self.record.folds = [entry for entry in self.record.folds if entry.error is None]

    def finish(self) -> Run:
        """Train the folds that are missing, then the artefact."""
        self._store()
        self.model.announce("zoo_run_started", run=self.run)
        try:
            with self.reporter.bar(self.record.model.title, len(self.folds) + 1) as bar:
                parts = self._evaluated(bar)
                failed = [entry for entry in self.record.folds if entry.error]
                if not failed:
                    predictions = Predictions.concatenate([part for part in parts if part])
                    text = predictions.to_csv()
                    write_text(self.run.predictions_path, text)
                    self.record.predictions = hashlib.sha256(text.encode()).hexdigest()
                    self.record.artefact = self._artefact(predictions, bar)
        except ZooError as error:
            with suppress(OSError):  # which may be what we tell of
                self._end("failed", str(error))
            raise
        if failed:
            first = failed[0]
            self._end("failed", f"fold {first.fold}: {first.error}")
        else:
            self._end("complete", None, predictions)
            _clear(self.run)
        return self.run

    def _end(self, status: Status, error: str | None, scored: Predictions | None = None) -> None:
        self.record.status, self.record.error, self.record.finished = status, error, _now()
        if scored:  # before the record: what says that it is complete has all its files
            write_text(self.run.card_path, model_card(self.run, scored))
        self._store()
        self.model.announce("zoo_run_finished", run=self.run)
        self._store()  # as after a fold

    def _store(self) -> None:
        self.record.folds.sort(key=lambda entry: entry.fold)
        self.run.write()

    @cached_property
    def material(self) -> Material:
        """What a worker that stands elsewhere needs."""
        return Material.of(self.model, self.dataset, self.record.seed)

    def _evaluated(self, bar: Bar) -> list[Predictions | None]:
        """Return the predictions of all folds, None for one that failed."""
        parts = {fold.number: self._stored(fold) for fold in self.folds}
        missing = [fold for fold in self.folds if parts[fold.number] is None]
        if not self.engine.far:
            bar.update(len(self.folds) - len(missing))
            parts |= {fold.number: self._fold(fold, bar) for fold in missing}
        elif self.search is None:
            parts |= self._folds_there(missing, bar)
        else:  # of its search the trials are shared out, so fold follows fold
            for fold in missing:
                parts |= self._folds_there([fold], bar)
        return [parts[fold.number] for fold in self.folds]

    def _stored(self, fold: Fold) -> Predictions | None:
        """Return the predictions of a fold that was trained earlier."""
        if any(entry.fold == fold.number for entry in self.record.folds):
            try:
                return self.run.read_predictions(self.run.fold_path(fold.number))
            except RunError:
                self.record.folds = [e for e in self.record.folds if e.fold != fold.number]
        return None

    def _entry(self, fold: Fold) -> dict[str, Any]:
        return {
            "fold": fold.number,
            "train_tracks": len(fold.train),
            "test_tracks": len(fold.test),
            "error": None,
        }

    def _fold(self, fold: Fold, bar: Bar) -> Predictions | None:
        """Return the predictions of one fold; None if it failed."""
        entry = self._entry(fold)
        note = f"fold {fold.number + 1}/{len(self.folds)}"
        outcome = None
        try:
            params = self._params(fold.number, fold.train, entry)
            progress = self._progress(bar, fold.number, note, entry)
            outcome = evaluate_fold(
                self.model, self.dataset, self.arrays, fold, params, self.record.seed, progress,
                self.run.scratch_path(fold.number),
            )  # fmt: skip
            bar.update(fold.number + 1, note)
        except StorageError:  # no other fold would do better
            raise
        except Exception as error:
            entry["error"] = told(error)
        return self._keep(fold, entry, outcome)

    def _folds_there(self, folds: Sequence[Fold], bar: Bar) -> dict[int, Predictions | None]:
        """Return what `_fold` does of each, from workers that stand elsewhere."""
        found: dict[int, Predictions | None] = {}
        entries, tasks = [], []
        for fold in folds:
            entry = self._entry(fold)
            try:
                tasks.append((fold, self._params(fold.number, fold.train, entry)))
                entries.append(entry)
            except (StorageError, EngineError):
                raise
            except Exception as error:
                found[fold.number] = self._keep(fold, entry | {"error": told(error)}, None)
        for place, answer in evaluate_there(self.engine, self.material, tasks):
            fold, entry = tasks[place][0], entries[place]
            entry["error"] = answer.error
            if answer.curve:
                entry["curve"] = answer.curve
            found[fold.number] = self._keep(fold, entry, answer.outcome)
            done = len(self.record.folds)
            bar.update(done, f"{done} of {len(self.folds)} folds")
        return found

    def _keep(
        self, fold: Fold, entry: dict[str, Any], outcome: Outcome | None
    ) -> Predictions | None:
        """Store what a fold gave, and tell those who listen."""
        if outcome:
            entry |= {
                "train_seconds": outcome.train_seconds,
                "predict_seconds": outcome.predict_seconds,
            }
            try:
                write_text(self.run.fold_path(fold.number), outcome.predictions.to_csv())
            except StorageError:
                raise
            except OSError as error:
                entry["error"], outcome = told(error), None
        if not outcome:
            self.reporter.note(f"{self.run.id}, fold {fold.number} failed: {entry['error']}")
        self.record.folds.append(FoldRecord(**entry))
        self._store()
        if outcome:  # not before it is stored, or a kill between would cost the fold
            shutil.rmtree(self.run.scratch_path(fold.number), ignore_errors=True)
        self.model.announce(
            "zoo_fold_finished", run=self.run, fold=fold.number, error=entry["error"]
        )
        self._store()  # an extension may have added to the record
        return outcome.predictions if outcome else None

    def _params(self, number: int, seen: Any, entry: dict[str, Any]) -> dict[str, Any]:
        """Return the run's parameters, or with nested tuning those that suit `seen` best."""
        if self.search is None:
            return dict(self.record.params)
        trials = self.record.tuned.trials if self.record.tuned else 0
        folder = self.run.scratch_path(number) / "tuning"
        tuning = self.search.run(seen, trials, folder, {"model": self.record.id})
        best = tuning.best.params if tuning.best else {}
        entry["params"] = best
        return self.record.params | best

    def _progress(self, bar: Bar, done: int, title: str, entry: dict[str, Any]) -> Progress:
        """Return what moves the bar and keeps the figures of a training in `entry`."""
        curve = Curve()

        def progress(fraction: float, note: str = "", **figures: float) -> None:
            bar.update(done + min(max(fraction, 0.0), 1.0), f"{title} {note}".strip())
            curve(fraction, note, **figures)
            if curve.points:
                entry["curve"] = curve.points

        progress(0.0)
        return progress

    def _artefact(self, predictions: Predictions, bar: Bar) -> ArtefactInfo:
        """Fit on all tracks and export; a model without an ONNX form says why in its run."""
        number = len(self.folds)
        entry: dict[str, Any] = {}
        params = self._params(number, np.arange(len(self.dataset)), entry)
        note = self.reporter.note
        if self.engine.far:
            bar.update(number, "all tracks")
            described = finish_there(
                self.engine, self.material, self.run, params, predictions, note
            )
        else:
            progress = self._progress(bar, number, "all tracks", entry)
            described = finish(
                self.run, self.model, self.dataset, self.arrays, params, predictions, progress,
                self.run.scratch_path(number), note,
            )  # fmt: skip
        bar.update(number + 1, "all tracks")
        return ArtefactInfo(**entry, **described)


def _clear(run: Run) -> None:
    """Remove what a complete run needs no more."""
    shutil.rmtree(run.fold_path(0).parent, ignore_errors=True)
