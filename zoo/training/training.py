"""A run in progress: its folds, the fit on all tracks, and what is stored of both."""

import datetime
import hashlib
import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.model_card import model_card
from zoo.evaluate.audit import audit
from zoo.evaluate.calibration import FoldAnswers, calibrate
from zoo.evaluate.cross_validation import (
    CRASHED_FOLD,
    Experiment,
)
from zoo.evaluate.importance import families_of, to_csv
from zoo.evaluate.protocols import Fold, split_hash
from zoo.evaluate.robustness import Sample
from zoo.evaluate.window_answers import to_npy
from zoo.execution.engine import Engine
from zoo.execution.progress import SAVED, Bar, Reporter
from zoo.features.copies import extract_copies
from zoo.features.extraction import Extraction
from zoo.features.neighbours import alike_added
from zoo.training.evaluation import Evaluation, params_of_fit, progress_of_fit
from zoo.training.events import keep
from zoo.training.folds import clear
from zoo.training.refit import Refit, refit
from zoo.tuning.search import Search
from zoo_registry.errors import RunError, ZooError
from zoo_registry.files import atomic_path, write_text
from zoo_registry.own_files import remember_own
from zoo_registry.predictions import ChangedPredictions, Predictions
from zoo_registry.processes import this_process
from zoo_registry.record import ArtefactInfo, FoldRecord, ImportanceInfo
from zoo_registry.runs import ARTEFACT, IMPORTANCE, WINDOWS, Run

__all__ = ["Training"]


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


class Training:
    """A run that is being trained; the only writer of its folder, whose lock is held."""

    def __init__(
        self,
        run: Run,
        experiment: Experiment,
        extraction: Extraction,
        folds: list[Fold],
        search: Search | None,
        sample: Sample | None,
        reporter: Reporter,
        engine: Engine,
    ) -> None:
        self.run, self.record = run, run.record
        self.experiment = experiment
        self.folds = folds
        self.search = search
        self.sample = sample
        self.reporter = reporter
        self.engine = engine
        self.record.status, self.record.error = "running", None
        self.record.machine.process = this_process()
        self.record.started = self.record.started or _now()
        for name, value in extraction.effort.items():  # a continued run may extract more
            self.record.extraction[name] = self.record.extraction.get(name, 0) + value
        self.record.skipped = extraction.skipped
        self.record.dataset.noted = extraction.noted
        self.record.dataset.bandwidth = extraction.bandwidth
        self.record.dataset.alike = alike_added(experiment.dataset, experiment.model)
        if sentence := self.record.dataset.copies:
            reporter.note(sentence)
        split = split_hash(experiment.dataset, folds)
        if self.record.split not in (None, split):  # what is stored is of other tracks
            self.record.folds, self.record.predictions, self.record.sizes = [], None, None
        self.record.split = split
        self.record.audit = audit(experiment.dataset, folds)
        # Failed folds are tried again.
        self.record.folds = [entry for entry in self.record.folds if entry.error is None]

    def finish(self) -> Run:
        """Train the folds that are missing, then make the artefact."""
        self.reporter.note(self._about)
        self._store()
        self._announce("zoo_run_started")
        predictions = None
        try:
            model, dataset = self.experiment.model, self.experiment.dataset
            extract_copies(dataset, model, self.engine, self.reporter)
            with self.reporter.bar(self._title, len(self.folds) + 2) as bar:
                predictions = self._kept() or self._evaluated(bar)
                if predictions and not self._has_artefact:
                    self._refit(predictions, bar)
        except ZooError as error:
            with suppress(OSError):  # which may be the error itself
                self._end(str(error), predictions)
            raise
        except BaseException:
            self.record.machine.process = None  # it may live on, as a notebook does
            with suppress(OSError):
                self._store()
            raise
        failed = [f"{folds}: {reason}" for reason, folds in self.record.failures.items()]
        self._end(failed[0] if failed else self.record.artefact.error, predictions)
        if self.run.complete:
            clear(self.run)
        return self.run

    @property
    def _title(self) -> str:
        """What is trained: model, dataset and seed, by which several runs are told apart."""
        return f"{self.record.title} on {self.record.dataset.name}, seed {self.record.seed}"

    @property
    def _about(self) -> str:
        split, folds = self.record.protocol, len(self.folds)
        ungrouped = "" if split.grouped else ", split by track"
        return (
            f"{self._title}: {len(self.experiment.dataset)} tracks, {split.spec}{ungrouped}, "
            f"{folds} fold{'s' * (folds != 1)}"
        )

    def _end(self, error: str | None, scored: Predictions | None) -> None:
        record, is_due = self.record, self.record.artefact.is_due
        record.machine.process, record.finished = None, _now()
        record.status = "failed" if not scored else "no artefact" if is_due else "complete"
        record.error = None if record.status == "complete" else error
        if scored:  # before the record: a run that is recorded as complete has all its files
            write_text(self.run.card_path, model_card(self.run, scored))
        self._store()
        self._announce("zoo_run_finished")

    def _store(self) -> None:
        self.record.folds.sort(key=lambda entry: entry.fold)
        self.run.write(durable=self.record.status != "running")
        SAVED.set()

    def _announce(self, event: str, **facts: Any) -> None:
        """Call the hooks of an event, and store in the record what extensions return."""
        keep(self.run, self.experiment.model.announce(event, run=self.run, **facts), self._store)

    def _kept(self) -> Predictions | None:
        """Return the predictions of a run whose folds are done, such as one without artefact."""
        trained = {entry.fold for entry in self.record.folds}
        if self.record.predictions and trained == {fold.number for fold in self.folds}:
            with suppress(RunError):  # missing or damaged
                if not self._are_whole({WINDOWS, IMPORTANCE}):
                    return None
                self.run.robustness()
                return self.run.predictions()
        return None

    @property
    def _has_artefact(self) -> bool:
        """Whether the run has an artefact, or what is there instead, and its files are whole."""
        made = self.record.artefact.fit_seconds is not None and not self.record.artefact.is_due
        return made and self._are_whole({ARTEFACT, *self.record.artefact.saved})

    def _are_whole(self, names: Collection[str]) -> bool:
        return not set(self.run.damaged()).intersection(names)

    def _kept_model(self) -> dict[str, bytes]:
        """Return the files of a fitted model whose artefact could not be made; empty without."""
        names = self.record.artefact.saved
        if not (names and self.record.artefact.is_due and self._are_whole(names)):
            return {}
        return {name: self.run.content(self.run.folder / name) for name in names}

    def _evaluated(self, bar: Bar) -> Predictions | None:
        """Return and store the predictions of all folds; None if one failed."""
        parts = self._evaluate(bar)
        if any(entry.error for entry in self.record.folds):
            return None
        found = calibrate([parts[fold.name] for fold in self.folds], self.record.protocol.grouped)
        for fold, betas in zip(self.folds, found.betas, strict=True):
            entry = next(entry for entry in self.record.folds if entry.fold == fold.number)
            entry.betas = betas
        predictions = Predictions.concatenate([part.predictions for part in found.folds])
        self._store_robustness([part.changed for part in found.folds if part.changed is not None])
        self._store_importance([part.importance for part in found.folds], predictions)
        self._store_windows(to_npy(found.folds))
        text = predictions.to_csv()
        sha256 = hashlib.sha256(text.encode()).hexdigest()
        if self.record.predictions != sha256:  # the artefact names the scores
            self.record.artefact = ArtefactInfo()
        write_text(self.run.predictions_path, text)
        self.record.predictions, self.record.beta = sha256, found.beta
        # As they are read later: what is computed from them is the same after an interruption.
        return Predictions.from_csv(text, str(self.run.predictions_path))

    def _store_robustness(self, parts: list[ChangedPredictions]) -> None:
        """Store the predictions of changed tracks; without any, no earlier ones stay."""
        info = self.record.robustness
        if not (info and self.sample and any(map(len, parts))):
            self.run.robustness_path.unlink(missing_ok=True)
            return
        text = self.sample.in_order(parts).to_csv()
        write_text(self.run.robustness_path, text)
        info.sha256 = hashlib.sha256(text.encode()).hexdigest()

    def _store_importance(
        self, parts: Sequence[NDArray[np.float32] | None], predictions: Predictions
    ) -> None:
        """Store what shuffled columns cost each track; without that, no earlier one stays."""
        info, known = self.record.importance, [part for part in parts if part is not None]
        if not (info and len(known) == len(parts)):
            self.record.importance = None
            self.run.importance_path.unlink(missing_ok=True)
            return
        text = to_csv(list(info.families), np.concatenate(known), predictions)
        write_text(self.run.importance_path, text)
        info.sha256 = hashlib.sha256(text.encode()).hexdigest()

    def _store_windows(self, content: bytes | None) -> None:
        """Store the windows, unless there are too many; then no earlier ones stay."""
        path = self.run.kept_windows_path
        if content is None:
            self.record.windows = None
            path.unlink(missing_ok=True)
            return
        with atomic_path(path) as temporary:
            temporary.write_bytes(content)
        self.record.windows = hashlib.sha256(content).hexdigest()

    def _evaluate(self, bar: Bar) -> dict[str, FoldAnswers]:
        """Return the answers of each fold that did not fail, by its name."""
        info = self.sample.info if self.sample else None
        former = self.record.robustness
        if info and (former is None or msgspec.structs.replace(former, sha256=None) != info):
            self.record.folds = []  # their models were asked about another sample
        self.record.robustness = info
        families = families_of(self.experiment.model, self.experiment.dataset) or {}
        counts = {name: len(columns) for name, columns in families.items()}
        self.record.importance = ImportanceInfo(families=counts) if families else None
        return Evaluation(
            self.run, self.experiment, self.folds, self.record.folds, self.search, self.sample,
            self.engine, self.reporter, self._store, self._announce_fold, families,
        ).answers(bar)  # fmt: skip

    def _announce_fold(self, entry: FoldRecord) -> None:
        self._announce("zoo_fold_finished", fold=entry.fold, error=entry.error)

    def _refit(self, predictions: Predictions, bar: Bar) -> None:
        """Fit the model to all tracks, or take the one that was kept, and make its artefact."""
        scratch = self.run.scratch_path(len(self.folds))
        former, kept = self.record.artefact, self._kept_model()
        if kept:
            params, found = self.record.params | (former.params or {}), former.params
        else:
            everything = np.arange(len(self.experiment.dataset))
            params, found = params_of_fit(self.run, self.search, everything, scratch)
        task = Refit(
            self.experiment, params, self.record, self.folds, predictions, kept,
            scratch=scratch, progress=progress_of_fit(bar, len(self.folds), "all tracks"),
        )  # fmt: skip
        ((_, result),) = self.engine.map_fits(refit, [task])
        if result is None:
            raise RunError(f"{self.run.id} was not fitted to all tracks: {CRASHED_FOLD.error}")
        if result.described.saved and result.described.saved != former.saved:
            shutil.rmtree(self.run.saved_path, ignore_errors=True)
        for name, content in result.files.items():
            with atomic_path(self.run.folder / name) as temporary:
                temporary.write_bytes(content)
            remember_own(hashlib.sha256(content).hexdigest())
        for sentence in result.notes:
            self.reporter.warn(sentence)
        self.record.artefact = result.described
        self.record.artefact.params = found
        if former.saved and not result.described.saved:  # not before: it was kept for this artefact
            self._store()
            shutil.rmtree(self.run.saved_path, ignore_errors=True)
        if self.record.artefact.impossible:
            self.reporter.note(f"{self.run.id} has {self.run.form}")
        bar.update(len(self.folds) + 2, "all tracks")
