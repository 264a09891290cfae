"""Fits of a run to fewer tracks, from which the accuracy against their number is known."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np

from zoo.datasets import Dataset
from zoo.evaluate.calibration import FoldAnswers, calibrate
from zoo.evaluate.cross_validation import Experiment
from zoo.evaluate.protocols import Fold
from zoo.evaluate.subsets import Subsets, subsets
from zoo.execution.engine import Engine
from zoo.execution.progress import Reporter
from zoo.features.copies import extract_copies
from zoo.training.evaluation import Evaluation
from zoo.training.folds import clear
from zoo.tuning.search import Search
from zoo_registry.errors import RunError
from zoo_registry.files import write_text
from zoo_registry.predictions import Predictions, SizedPredictions
from zoo_registry.record import SizesInfo
from zoo_registry.runs import Run

__all__ = ["Sizes", "faults"]


class Sizes:
    """Fits of a run to fewer tracks: those that are asked for, and those that it has already.

    Without a wish there is nothing to do, unless the answers of earlier fits are damaged.

    Parameters
    ----------
    run : Run
        A run whose lock is held.
    dataset : Dataset
        Its tracks.
    split : callable
        Returns its folds.
    wanted : collection of int
        Numbers of training tracks per class.
    """

    def __init__(
        self,
        run: Run,
        dataset: Dataset,
        split: Callable[[], list[Fold]],
        wanted: Collection[int],
    ) -> None:
        self._run, self._dataset = run, dataset
        self._folds: list[Fold] = []
        self._subsets: list[Subsets] = []
        self._notes: list[str] = []
        self._known: set[int] = set()  # sizes whose subsets are those of the record
        self._kept: dict[int, Predictions] = {}  # answers of each size that is done
        try:
            found, is_damaged = run.sizes(), False
        except RunError:
            found, is_damaged = None, True
        if wanted or is_damaged:
            self._folds, record = split(), run.record
            splits = {one.size: one.split for one in record.sizes.sizes} if record.sizes else {}
            # Those that the run has come first: another size with the same tracks is left out.
            sizes = [*splits, *sorted(set(wanted) - set(splits))]
            self._subsets, self._notes = subsets(
                dataset, self._folds, sizes, record.seed, record.protocol.grouped
            )
            infos = [own.info for own in self._subsets]
            self._known = {one.size for one in infos if splits.get(one.size) == one.split}
        if found:
            self._kept = {size: found.of(size) for size in self._known.intersection(found.sizes)}

    @property
    def are_complete(self) -> bool:
        """Whether there is nothing to train."""
        return len(self._kept) == len(self._subsets)

    @property
    def missing(self) -> list[Subsets]:
        """The subsets that the model is still to be fitted to."""
        return [own for own in self._subsets if own.info.size not in self._kept]

    def note(self, reporter: Reporter) -> None:
        """Show which sizes were left out, and which classes have fewer tracks.

        Parameters
        ----------
        reporter : Reporter
            Receiver of the notes.
        """
        for note in [*self._notes, *(own.shortage for own in self._subsets if own.shortage)]:
            reporter.note(note)

    def train(
        self, experiment: Experiment, search: Search | None, engine: Engine, reporter: Reporter
    ) -> None:
        """Fit the model to each subset that is missing, and store the answers.

        Nothing is done if a fold of the run itself has failed.

        Parameters
        ----------
        experiment : Experiment
            Model, dataset and seed.
        search : Search or None
            Search inside every fold.
        engine : Engine
            Where the models are fitted.
        reporter : Reporter
            Receiver of progress and notes.
        """
        run, record = self._run, self._run.record
        if not (self._subsets and run.is_scored):
            return
        self.note(reporter)
        missing = self.missing
        info = record.sizes = record.sizes or SizesInfo()
        info.sizes = [own.info for own in self._subsets]
        info.folds = [one for one in info.folds if one.error is None and one.size in self._known]
        folds = [fold for own in missing for fold in own.folds]
        groups = {fold.name: self._groups(fold) for fold in [*self._folds, *folds]}
        for entry in record.folds:
            entry.train_groups = groups[entry.name]

        def store() -> None:
            """Write the record."""
            info.folds.sort(key=lambda entry: (entry.size or 0, entry.fold))
            for entry in info.folds:
                entry.train_groups = groups.get(entry.name, entry.train_groups)
            run.write(durable=False)

        store()
        done = sum(entry.name in groups for entry in info.folds)
        sizes, per_size = len(missing), len(self._folds)
        title = f"{record.title}, seed {record.seed}"
        reporter.note(
            f"{title}, {len(folds)} fit{'s' * (len(folds) != 1)} to fewer tracks ({sizes} "
            f"size{'s' * (sizes != 1)}, {per_size} fold{'s' * (per_size != 1)})"
            + f", {done} of which are done"
            * bool(done)
        )
        extract_copies(self._dataset, experiment.model, engine, reporter)
        with reporter.bar(f"{title}, fewer tracks", len(folds)) as bar:
            parts = Evaluation(
                run, experiment, folds, info.folds, search, None, engine, reporter, store
            ).answers(bar)
        for own in missing:
            answers = [parts[fold.name] for fold in own.folds if fold.name in parts]
            if len(answers) == len(own.folds):
                self._kept[own.info.size] = self._joined(own.folds, answers)
        self._store(info)

    def _groups(self, fold: Fold) -> int:
        """Return the number of groups in the training part of a fold."""
        grouped = self._run.record.protocol.grouped
        return len(np.unique(self._dataset.groups[fold.train])) if grouped else len(fold.train)

    def _joined(self, folds: Sequence[Fold], answers: Sequence[FoldAnswers]) -> Predictions:
        """Return the calibrated answers of one size."""
        found = calibrate(answers, self._run.record.protocol.grouped)
        info = self._run.record.sizes or SizesInfo()
        entries = {entry.name: entry for entry in info.folds}
        for fold, betas in zip(folds, found.betas, strict=True):
            entries[fold.name].betas = betas
        return Predictions.concatenate([part.predictions for part in found.folds])

    def _store(self, info: SizesInfo) -> None:
        """Write the answers of all sizes that are done, and the record."""
        # A file without its hash in the record is no damage, if this process is killed now.
        info.sha256 = None
        self._run.write(durable=False)
        if self._kept:
            kept = sorted(self._kept.items())
            sizes = tuple(size for size, own in kept for _ in range(len(own)))
            joined = Predictions.concatenate([own for _, own in kept])
            text = SizedPredictions(sizes, joined).to_csv()
            write_text(self._run.sizes_path, text)
            info.sha256 = hashlib.sha256(text.encode()).hexdigest()
        self._run.write()
        if self.are_complete:
            clear(self._run)


def faults(run: Run, dataset: Dataset, folds: Sequence[Fold]) -> Iterator[str]:
    """Yield where the fits to fewer tracks are not those to subsets of the training parts.

    Parameters
    ----------
    run : Run
        A run whose folds are done.
    dataset : Dataset
        Its tracks, every byte read again.
    folds : sequence of Fold
        Its folds.
    """
    info, protocol = run.record.sizes, run.record.protocol
    if info is None:
        return
    try:
        found = run.sizes()
    except RunError as error:
        yield str(error)
        return
    sizes = [one.size for one in info.sizes]
    expected, _ = subsets(dataset, folds, sizes, run.record.seed, protocol.grouped)
    if [own.info for own in expected] != info.sizes:
        yield "the subsets of the training parts are not those recorded"
        return
    groups = dataset.groups if protocol.grouped else np.arange(len(dataset))
    trained = {
        fold.name: (len(fold.train), len(np.unique(groups[fold.train])))
        for own in expected
        for fold in own.folds
    }
    for entry in info.folds:
        if trained.get(entry.name) != (entry.train_tracks, entry.train_groups):
            yield f"{entry.description} was fitted to other tracks"
    if found:
        done = [fold for own in expected if own.info.size in found.sizes for fold in own.folds]
        yield from _rows_of_sizes(found, dataset, done)


def _rows_of_sizes(
    found: SizedPredictions, dataset: Dataset, folds: Sequence[Fold]
) -> Iterator[str]:
    """Yield where the answers are not those to the test parts of these folds."""
    answers, tested = found.predictions, [n for fold in folds for n in fold.test]
    rows = zip(found.sizes, answers.folds.tolist(), answers.tracks, strict=True)
    if list(rows) != [(f.size, f.number, dataset.tracks[n].id) for f in folds for n in f.test]:
        yield "its rows are not the tested tracks of each size"
    elif (
        answers.classes != dataset.classes
        or not np.array_equal(answers.labels, dataset.labels[tested])
        or not np.array_equal(answers.groups, dataset.groups[tested])
    ):
        yield "its labels or groups are not those of the dataset"
