"""Cross-validation: fit a model to the training part of a fold and classify its test part.

A fold is one picklable task and one function. An engine (`zoo.execution.engine`) decides where the
function is called: in this process, in local processes, or on a Dask cluster.
"""

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.datasets import Dataset
from zoo.evaluate.calibration import FoldAnswers
from zoo.evaluate.importance import falls
from zoo.evaluate.protocols import Fold
from zoo.evaluate.vote import count_votes, rounded
from zoo.execution.engine import crashed
from zoo.features.arrays import Arrays
from zoo.features.changed import Pair, changed_arrays
from zoo.features.copies import with_copies
from zoo.features.extraction import feature_arrays
from zoo.plugins.registry import loaded_model
from zoo_registry.card import ParamValue
from zoo_registry.errors import AudioError, StorageError, ZooError
from zoo_registry.hooks import Progress
from zoo_registry.model import Model, Source
from zoo_registry.predictions import ChangedPredictions, Predictions
from zoo_registry.record import SkippedChange
from zoo_registry.temporary import temporary_folder
from zoo_registry.text import in_a_line, place

__all__ = [
    "CRASHED_FOLD",
    "Experiment",
    "FitTask",
    "FoldResult",
    "FoldTask",
    "LearningCurve",
    "can_fit_in_parallel",
    "run_fold",
]

# Seeds of numpy and Keras belong to a process, and a Dask worker may have several threads.
_one_fit_at_a_time = threading.RLock()  # a model may train others within its own training


class Experiment:
    """Model, dataset and seed: what all folds of a run have in common.

    Pickling stores only where the model comes from, and absolute paths of the tracks; a worker
    loads the model again.

    Parameters
    ----------
    model : Model
        The model that is fitted.
    dataset : Dataset
        The tracks that folds refer to by index.
    seed : int
        Random seed of the model.
    """

    def __init__(self, model: Model, dataset: Dataset, seed: int) -> None:
        self.source: Source = model.source
        self.dataset = dataset
        self.seed = seed
        self.model = model

    @cached_property
    def model(self) -> Model:
        """The model; in a worker it is loaded when it is first used."""
        return loaded_model(self.source)

    def __getstate__(self) -> dict[str, Any]:
        tracks = [
            track if track.path is None else replace(track, path=track.path.absolute())
            for track in self.dataset.tracks
        ]
        dataset = replace(self.dataset, tracks=tracks)
        return {"source": self.source, "dataset": dataset, "seed": self.seed}

    def arrays(self, indices: NDArray[np.int64]) -> Arrays:
        """Return the arrays of some tracks, int64 indices, in their order."""
        return feature_arrays(self.model, self.dataset, indices).take(indices)


class LearningCurve:
    """Figures that a training reports, each with the fraction of the training that was done."""

    def __init__(self, progress: Progress | None) -> None:
        self.points: list[dict[str, float]] = []
        self._progress = progress

    def __call__(self, fraction: float, note: str = "", **figures: float) -> None:
        """Store the figures, and show the progress where somebody looks."""
        fraction = min(max(0.0, float(fraction)), 1.0)  # NaN is 0 in this order
        if figures:
            point = {"fraction": fraction} | {k: float(v) for k, v in figures.items()}
            self.points.append(point)
        if self._progress:
            self._progress(fraction, str(note), **figures)


@dataclass(frozen=True)
class FitTask:
    """A model that is to be fitted to some tracks.

    Attributes
    ----------
    experiment : Experiment
        Model, dataset and seed.
    params : mapping
        Every parameter of the card.
    scratch : Path or None
        Folder in which the training may store its state, so that it can be continued. A temporary
        folder takes its place if it is None, or if a worker does not see the folder of the run.
    progress : callable or None
        Receiver of the progress; it is not sent to another process.
    """

    experiment: Experiment
    params: Mapping[str, ParamValue]
    scratch: Path | None = field(default=None, kw_only=True)
    progress: Progress | None = field(default=None, kw_only=True)

    def __getstate__(self) -> dict[str, Any]:
        scratch = self.scratch and self.scratch.absolute()
        return vars(self) | {"scratch": scratch, "progress": None}

    def stage(self, name: str) -> None:
        """Show what is done after the fit, such as the export."""
        if self.progress:
            self.progress(1.0, name)

    @contextmanager
    def locked_scratch(self) -> Iterator[Path]:
        """Wait until no other model is fitted in this process; yield the folder for its state."""
        with _one_fit_at_a_time:
            if self.scratch is None or not self.scratch.parents[1].is_dir():
                with temporary_folder() as folder:
                    yield Path(folder)
            else:
                self.scratch.mkdir(parents=True, exist_ok=True)
                yield self.scratch

    def fit(self, indices: NDArray[np.int64], curve: LearningCurve, scratch: Path) -> object:
        """Return the model, fitted to the tracks of these int64 indices, and to their copies."""
        experiment, dataset = self.experiment, self.experiment.dataset
        arrays, tracks = with_copies(experiment.arrays(indices), dataset, experiment.model, indices)
        labels, groups = dataset.labels[tracks], dataset.groups[tracks]
        # Where a model cannot split by groups, because a class has one, it keeps tracks together:
        # a track and its copy are one.
        if len(tracks) > len(indices) and any(
            np.unique(groups[labels == label]).size == 1 for label in np.unique(labels)
        ):
            groups = tracks
        return experiment.model.train(
            arrays,
            labels,
            dataset.classes,
            groups,
            dict(self.params),
            experiment.seed,
            curve,
            scratch,
        )


@dataclass(frozen=True)
class FoldTask(FitTask):
    """A model that is to be fitted to the training part of a fold and tested on its test part.

    Attributes
    ----------
    fold : Fold
        Training and test part.
    changed : sequence of (int, Change), or None
        Changed test tracks that the model is asked about, too; their time does not count.
    families : sequence of sequence of int, or None
        Columns whose importance is measured, if any, as for `zoo.evaluate.importance.falls`; that
        time does not count, either.
    """

    fold: Fold
    changed: Sequence[Pair] | None = field(default=None, kw_only=True)
    families: Sequence[Sequence[int]] | None = field(default=None, kw_only=True)


@dataclass(frozen=True)
class FoldResult:
    """Result of a fold.

    Attributes
    ----------
    predictions : Predictions or None
        Predictions of the test part; None if the fold failed.
    train_seconds, predict_seconds : float
        Wall-clock time of fitting and of predicting.
    curve : list of dict
        The figures that the training reported, in order, each with the ``fraction`` done.
    error : str or None
        The reason of a failure.
    robustness : ChangedPredictions or None
        Predictions of changed tracks; None if none were asked for.
    skipped : list of SkippedChange
        Changed tracks that the model failed to classify.
    windows : float32 array, shape (windows, classes), or None
        Probabilities of the windows of all predictions; None if the fold failed.
    importance : float32 array, shape (tracks, families), or None
        Result of `zoo.evaluate.importance.falls`; None if it was not asked for.
    """

    predictions: Predictions | None
    train_seconds: float = 0.0
    predict_seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)
    error: str | None = None
    robustness: ChangedPredictions | None = None
    skipped: list[SkippedChange] = field(default_factory=list)
    windows: NDArray[np.float32] | None = None
    importance: NDArray[np.float32] | None = None

    @property
    def answers(self) -> FoldAnswers | None:
        """What the model answered; None if the fold failed."""
        if self.predictions is None or self.windows is None:
            return None
        return FoldAnswers(self.predictions, self.robustness, self.windows, self.importance)


CRASHED_FOLD = FoldResult(None, error=f"it {crashed('trained')}")
"""Result of a fold whose worker died."""


def can_fit_in_parallel(model: Model) -> bool:
    """Return whether several fits of `model` on one machine may be faster than one by one."""
    # Networks use all cores by themselves, and an extension sees calls in its own process only.
    if model.card.family != "classical" or model.is_observed:
        return False
    try:
        return loaded_model(model.source).source == model.source
    except ZooError:  # a registry of the caller's own has it, which workers do not know
        return False


def run_fold(task: FoldTask) -> FoldResult:
    """Fit a model to the training part of a fold, and let the windows of each test track vote.

    Parameters
    ----------
    task : FoldTask
        The fold, model and parameters.

    Returns
    -------
    FoldResult
        The predictions, or the error that the model raised.

    Raises
    ------
    StorageError
        If nothing more can be written, which no other fold would survive either.
    """
    experiment, fold = task.experiment, task.fold
    curve = LearningCurve(task.progress)
    try:
        with task.locked_scratch() as scratch:
            tested = experiment.arrays(fold.test)
            begun = time.perf_counter()
            fitted = task.fit(fold.train, curve, scratch)
            trained = time.perf_counter()
            windows = experiment.model.predict(fitted, tested, len(experiment.dataset.classes))
            ended = time.perf_counter()
            if task.changed:
                task.stage("asking about changed tracks")
            robustness, changed, skipped = _ask_about_changes(task, fitted)
            if task.families:
                task.stage("measuring importance")
            importance = _importance(task, fitted, tested)
    except StorageError:
        raise
    except Exception as error:
        at = "" if isinstance(error, ZooError) else place(error, experiment.model.module.__file__)
        return FoldResult(None, curve=curve.points, error=in_a_line(error) + at)
    predictions = _predictions(experiment.dataset, fold.number, fold.test, windows)
    return FoldResult(
        predictions,
        trained - begun,
        ended - trained,
        curve.points,
        robustness=robustness,
        skipped=skipped,
        windows=rounded(np.concatenate([*windows, *changed]), np.float32),
        importance=importance,
    )


def _importance(task: FoldTask, fitted: object, tested: Arrays) -> NDArray[np.float32] | None:
    """Return what shuffled columns cost each test track; None if that was not asked for."""
    if task.families is None:
        return None
    experiment, fold = task.experiment, task.fold
    model, dataset = experiment.model, experiment.dataset
    answer = partial(model.predict, fitted, n_classes=len(dataset.classes))
    seed = (experiment.seed, fold.number)
    try:
        return falls(answer, tested, dataset.labels[fold.test], task.families, seed)
    except StorageError:
        raise
    except Exception:  # a plugin that takes no mixture of windows; its own answers are there
        return None


def _ask_about_changes(
    task: FoldTask, fitted: object
) -> tuple[ChangedPredictions | None, list[NDArray[np.float64]], list[SkippedChange]]:
    """Return predictions and windows of changed tracks, and those without an answer."""
    if task.changed is None:
        return None, [], []
    model, dataset, pairs = task.experiment.model, task.experiment.dataset, list(task.changed)
    classes, skipped = len(dataset.classes), list[SkippedChange]()
    try:
        arrays = changed_arrays(dataset, model, pairs)
    except AudioError as error:  # this worker cannot change them
        skipped += [_skipped(dataset, pair, error) for pair in pairs]
        arrays, pairs = Arrays([]), []
    try:
        windows = model.predict(fitted, arrays, classes) if pairs else []
    except StorageError:
        raise
    except Exception:  # one by one, so that it costs only those that the model cannot classify
        windows = []
        for number, pair in enumerate(pairs):
            try:
                windows += model.predict(fitted, arrays[number : number + 1], classes)
            except StorageError:
                raise
            except Exception as error:
                windows.append(np.zeros((0, classes)))
                skipped.append(_skipped(dataset, pair, error))
    indices = np.array([index for index, _ in pairs], dtype=np.int64)
    predictions = _predictions(dataset, task.fold.number, indices, windows)
    changes = tuple(change.name for _, change in pairs)
    return ChangedPredictions(changes, predictions), windows, skipped


def _skipped(dataset: Dataset, pair: Pair, error: Exception) -> SkippedChange:
    index, change = pair
    track = dataset.tracks[index].id
    return SkippedChange(track=track, change=change.name, reason=in_a_line(error))


def _predictions(
    dataset: Dataset,
    fold: int,
    indices: NDArray[np.int64],
    windows: Sequence[NDArray[np.float64]],
) -> Predictions:
    shape = (len(indices), len(dataset.classes))
    votes, means = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    for row, each in enumerate(windows):
        if len(each):
            votes[row], means[row] = count_votes(each)
    return Predictions(
        dataset.classes,
        tuple(dataset.tracks[index].id for index in indices),
        dataset.labels[indices],
        np.full(len(indices), fold),
        tuple(dataset.tracks[index].digest[:16] for index in indices),
        dataset.groups[indices],
        votes,
        means,
    )
