"""Evaluation of a run: folds that are stored are read, the others are trained and stored."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.calibration import FoldAnswers
from zoo.evaluate.cross_validation import (
    CRASHED_FOLD,
    Experiment,
    FoldResult,
    FoldTask,
    can_fit_in_parallel,
    run_fold,
)
from zoo.evaluate.protocols import Fold
from zoo.evaluate.robustness import Sample
from zoo.execution.engine import Engine
from zoo.execution.progress import Bar, Reporter
from zoo.features.changed import extract_changed
from zoo.training.folds import read_fold, write_fold
from zoo.tuning.search import Search
from zoo_registry.card import ParamValue
from zoo_registry.errors import EngineError, RunError, StorageError
from zoo_registry.hooks import Progress
from zoo_registry.record import FoldRecord, SkippedChange
from zoo_registry.runs import Run
from zoo_registry.text import in_a_line

__all__ = ["Evaluation", "params_of_fit", "progress_of_fit"]


def params_of_fit(
    run: Run, search: Search | None, seen: NDArray[np.int64], scratch: Path
) -> tuple[dict[str, ParamValue], dict[str, ParamValue] | None]:
    """Return the parameters of a fit, and those of them that a nested search has found.

    Parameters
    ----------
    run : Run
        The run of the fit.
    search : Search or None
        The nested search, if there is one.
    seen : int64 array, shape (tracks,)
        Indices of the tracks that are fitted to, the only ones that the search sees.
    scratch : Path
        Folder for the state of the fit.
    """
    record = run.record
    if search is None:
        return dict(record.params), None
    trials = record.tuned.trials if record.tuned else 0
    tuning = search.run(seen, trials, scratch / "tuning", {"model": record.id})
    best = tuning.best.params if tuning.best else {}
    return record.params | best, best


def progress_of_fit(bar: Bar, done: int, title: str) -> Progress:
    """Return a function that shows the progress of one fit in this process.

    Parameters
    ----------
    bar : Bar
        Where it is shown.
    done : int
        Number of fits that are done.
    title : str
        Name of this one.
    """

    def progress(fraction: float, note: str = "", **figures: float) -> None:
        """Show the fraction that is done."""
        bar.update(done + fraction, title, note)

    progress(0.0)
    return progress


@dataclass
class Evaluation:
    """Folds of a run, with their whole training parts or with fewer tracks.

    Attributes
    ----------
    run : Run
        The run, whose lock is held.
    experiment : Experiment
        Model, dataset and seed.
    folds : sequence of Fold
        The folds.
    entries : list of FoldRecord
        What the record has of the folds that are done; each one is added before `store` is called.
    search : Search or None
        Search inside every fold.
    sample : Sample or None
        Changed tracks that the models are asked about.
    engine : Engine
        Where the work is done.
    reporter : Reporter
        Receiver of notes.
    store : callable
        Writes the record.
    finished : callable
        Called with the entry of a fold after it is stored.
    families : mapping
        Columns of each family whose importance is measured; empty for none.
    """

    run: Run
    experiment: Experiment
    folds: Sequence[Fold]
    entries: list[FoldRecord]
    search: Search | None
    sample: Sample | None
    engine: Engine
    reporter: Reporter
    store: Callable[[], None]
    finished: Callable[[FoldRecord], None] = field(default=lambda entry: None)
    families: Mapping[str, Sequence[int]] = field(default_factory=dict)
    _unchanged: dict[tuple[int, str], str] = field(default_factory=dict)  # of `extract_changed`

    def answers(self, bar: Bar) -> dict[str, FoldAnswers]:
        """Return the answers of each fold that did not fail, by its name.

        Parameters
        ----------
        bar : Bar
            Receiver of the progress.
        """
        parts = self._stored_parts()
        bar.update(self._done)
        missing = [fold for fold in self.folds if fold.name not in parts]
        self._extract_changed(missing)
        # The trials of a nested search can occupy all workers, so fold follows fold.
        batches = [missing] if self.search is None else [[fold] for fold in missing]
        in_parallel = can_fit_in_parallel(self.experiment.model)
        for batch in batches:
            started_folds: list[tuple[Fold, FoldRecord]] = []
            tasks = self._tasks(batch, started_folds, bar)
            for position, result in self.engine.map_fits(run_fold, tasks, in_parallel):
                fold, entry = started_folds[position]
                found = result or CRASHED_FOLD
                if answers := self._store_fold(fold, entry, found):
                    parts[fold.name] = answers
                bar.update(self._done, self._title(fold))
        return parts

    @property
    def _done(self) -> int:
        names = {fold.name for fold in self.folds}
        return sum(entry.name in names for entry in self.entries)

    def _title(self, fold: Fold) -> str:
        title = f"fold {fold.number + 1}/{len({each.number for each in self.folds})}"
        return title if fold.size is None else f"{fold.size} tracks per class, {title}"

    def _extract_changed(self, folds: Iterable[Fold]) -> None:
        """Compute the arrays of changed tracks that the models of these folds are asked about."""
        if self.sample:
            model, dataset = self.experiment.model, self.experiment.dataset
            pairs = [pair for fold in folds for pair in self.sample.pairs(fold.number)]
            self._unchanged = extract_changed(dataset, model, pairs, self.engine, self.reporter)
            self._note_skipped(self._skipped(index for index, _ in pairs), "not asked about")

    def _skipped(self, indices: Iterable[int]) -> list[SkippedChange]:
        """Return the changes of some tracks that have no array."""
        wanted = set(indices)
        return [
            SkippedChange(track=self.experiment.dataset.tracks[i].id, change=change, reason=reason)
            for (i, change), reason in self._unchanged.items()
            if i in wanted
        ]

    def _note_skipped(self, skipped: Iterable[SkippedChange], what: str) -> None:
        """Show one sentence per change."""
        reasons: dict[str, list[str]] = {}
        for item in skipped:
            reasons.setdefault(item.change, []).append(item.reason)
        for change, found in reasons.items():
            tracks = f"{len(found)} track{'s' * (len(found) > 1)}"
            self.reporter.warn(f"{what} {tracks} changed by {change}: {found[0]}")

    def _stored_parts(self) -> dict[str, FoldAnswers]:
        """Return the answers of the folds that were trained earlier."""
        parts = {}
        names = {fold.name for fold in self.folds}
        for entry in [entry for entry in self.entries if entry.name in names]:
            try:
                asked = self.sample is not None
                parts[entry.name] = read_fold(self.run, entry, asked, len(self.families))
            except RunError as error:
                if self.run.fold_path(entry.name).exists():
                    self.reporter.warn(f"{error}; the fold is trained again")
                self.entries.remove(entry)
        return parts

    def _tasks(
        self, folds: Iterable[Fold], started_folds: list[tuple[Fold, FoldRecord]], bar: Bar
    ) -> Iterator[FoldTask]:
        """Append each fold and its entry of the record to `started_folds`, and yield its task."""
        for fold in folds:
            entry = FoldRecord(
                fold=fold.number,
                size=fold.size,
                train_tracks=len(fold.train),
                test_tracks=len(fold.test),
                error=None,
            )
            scratch = self.run.scratch_path(fold.name)
            try:
                params, entry.params = params_of_fit(self.run, self.search, fold.train, scratch)
            except (StorageError, EngineError):
                raise
            except Exception as error:
                self._store_fold(fold, entry, FoldResult(None, error=in_a_line(error)))
                continue
            started_folds.append((fold, entry))
            progress = progress_of_fit(bar, self._done, self._title(fold))
            pairs = self.sample.pairs(fold.number) if self.sample else None
            if pairs and self._unchanged:
                pairs = [pair for pair in pairs if (pair[0], pair[1].name) not in self._unchanged]
            yield FoldTask(
                self.experiment, params, fold, changed=pairs,
                families=list(self.families.values()) or None, scratch=scratch, progress=progress,
            )  # fmt: skip

    def _store_fold(self, fold: Fold, entry: FoldRecord, result: FoldResult) -> FoldAnswers | None:
        """Store the result of a fold and announce it; return its answers, None if it failed."""
        answers = result.answers
        entry.error, entry.curve = result.error, result.curve
        if answers:
            entry.train_seconds = result.train_seconds
            entry.predict_seconds = result.predict_seconds
            try:
                write_fold(self.run, entry, answers)
                if answers.changed is not None:
                    self._note_skipped(result.skipped, f"fold {fold.number}: no answer to")
                    entry.skipped = self._skipped(fold.test.tolist()) + result.skipped
            except StorageError:
                raise
            except OSError as error:
                entry.error, answers = in_a_line(error), None
        if not answers and entry.error not in {one.error for one in self.entries}:
            self.reporter.warn(f"{self.run.id}, {entry.description} failed: {entry.error}")
        self.entries.append(entry)
        self.store()
        if answers:  # not before it is stored, or a kill in between would cost the fold
            shutil.rmtree(self.run.scratch_path(fold.name), ignore_errors=True)
        self.finished(entry)
        return answers
