"""Hyperparameter search on the training part of one split.

An oracle proposes parameters. A trial is scored by its mean accuracy over inner folds of the tracks
that the search may see; they respect groups as any folds do. The first trial has the card's
defaults. A continued search replays the stored trials into a new oracle, so that it proposes the
same next trial as an uninterrupted one.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.datasets import Dataset
from zoo.evaluate.cross_validation import (
    CRASHED_FOLD,
    Experiment,
    FoldResult,
    FoldTask,
    can_fit_in_parallel,
    run_fold,
)
from zoo.evaluate.metrics import score
from zoo.evaluate.protocols import Fold, chosen_protocol, inner_folds, parse_protocol
from zoo.execution.engine import Engine, LocalProcesses
from zoo.execution.progress import SAVED, Bar, Reporter
from zoo.features.arrays import frontend_of
from zoo.features.copies import VERSION, extract_copies, has_copies
from zoo.features.extraction import extract
from zoo.plugins.classical import check_estimator
from zoo.plugins.registry import find_dataset, open_registry, usable_model
from zoo.tuning.keras_tuner_oracle import EPOCHS, TUNERS, Oracle, Proposal, oracle_version
from zoo.tuning.trials import FORMAT, Trial, Tuning, stored
from zoo.workspace import file_name, locked, models_folder
from zoo_registry.errors import UsageError
from zoo_registry.files import read_json, write_text
from zoo_registry.hooks import Progress
from zoo_registry.plugins import Registry
from zoo_registry.processes import this_process
from zoo_registry.structures import from_plain
from zoo_registry.text import digest, in_a_line

__all__ = ["INNER", "Search", "check_search", "tune"]

_UNFINISHED = "unfinished.json"
INNER = 3
"""Number of inner folds, by which a trial is scored."""

_FEWEST = 3  # training tracks per class, however small the share


def tune(
    model: str,
    data: str | Dataset = "demo",
    *,
    frontend: str | None = None,
    trials: int = 20,
    tuner: str = "random",
    protocol: str | None = None,
    grouped: bool = True,
    seed: int = 0,
    jobs: int | None = None,
    engine: Engine | None = None,
    reporter: Reporter | None = None,
    registry: Registry | None = None,
    root: Path | None = None,
) -> Tuning:
    """Search parameters: what `zoo.tune` does.

    Parameters
    ----------
    model, data, frontend, trials, tuner : str, str or Dataset, str, int, str
        As for `zoo.tune`.
    protocol, grouped, seed, jobs, engine : str, bool, int, int, Engine
        As for `zoo.tune`.
    reporter : Reporter, optional
        Receiver of progress and notes; by default they are not shown.
    registry, root : Registry, Path, optional
        As for `zoo.tune`; so are the errors.

    Returns
    -------
    Tuning
        The search with its trials.
    """
    reporter = reporter or Reporter()
    engine = engine or LocalProcesses(jobs)
    registry = registry or open_registry()
    loaded = usable_model(registry, model, frontend)
    check_estimator(loaded, loaded.card.params)
    if protocol is not None:
        parse_protocol(protocol)
    if isinstance(data, str):
        data = find_dataset(data, registry, engine=engine, reporter=reporter)
    dataset = extract(data, loaded, engine, reporter).dataset
    extract_copies(dataset, loaded, engine, reporter)
    splitting = chosen_protocol(protocol, dataset, grouped, reporter.warn)
    fold = splitting.folds(dataset, seed, grouped)[0]
    described = {
        "model": [loaded.card.name, loaded.source.distribution, loaded.source.version],
        "frontend": frontend_of(loaded, dataset),
        "dataset": dataset.fingerprint,
        "protocol": {"spec": splitting.spec, "grouped": grouped},
        "seed": seed,
        "tuner": tuner,
    }
    if has_copies(loaded, dataset):
        described["copies"] = VERSION
    name = f"{loaded.card.name}-{digest(described)[:10]}"
    folder = (root or models_folder()) / file_name(dataset.name) / "tuning" / name
    search = Search(Experiment(loaded, dataset, seed), tuner, grouped, engine)
    waiting = f"{name} is being tuned already; waiting for it"
    title = f"{loaded.card.title} on {dataset.name}, {trials} trials"
    with locked(folder, lambda: reporter.note(waiting)), reporter.bar(title, trials + 1) as bar:
        spec = {"spec": loaded.source.frontend_spec}
        return search.run(fold.train, trials, folder, described | spec, bar)


def check_search(dataset: Dataset, seen: NDArray[np.int64], seed: int, grouped: bool) -> None:
    """Raise `ProtocolError` if tracks are too few for the inner folds of a search.

    Parameters
    ----------
    dataset : Dataset
        All tracks.
    seen : int64 array, shape (tracks,)
        Indices of the tracks that the search may see.
    seed : int
        Random seed.
    grouped : bool
        Whether the inner folds keep groups together.
    """
    inner_folds(_part(dataset, seen), INNER, seed, grouped)


def _part(dataset: Dataset, indices: NDArray[np.int64]) -> Dataset:
    """Return the dataset with the tracks of these indices alone."""
    ids = {dataset.tracks[index].id for index in indices}
    return dataset.without({track.id for track in dataset.tracks} - ids)


class Search:
    """A search over the space of one model's card.

    Parameters
    ----------
    experiment : Experiment
        Model, dataset, and the seed of oracle, inner folds and model.
    tuner : str
        One of `TUNERS`.
    grouped : bool
        Whether the inner folds keep groups together.
    engine : Engine
        Where the inner folds are trained.

    Raises
    ------
    UsageError
        If the model has nothing to tune, or the tuner does not exist.
    """

    def __init__(self, experiment: Experiment, tuner: str, grouped: bool, engine: Engine) -> None:
        card = experiment.model.card
        if not card.space:
            raise UsageError(f"{card.name} has no search space; its card declares none")
        if tuner not in TUNERS:
            raise UsageError(f"there is no tuner {tuner!r}; give one of {', '.join(TUNERS)}")
        self._experiment = experiment
        self._tuner = tuner
        self._grouped = grouped
        self._engine = engine

    def run(
        self,
        seen: NDArray[np.int64],
        trials: int,
        folder: Path,
        described: Mapping[str, Any],
        bar: Bar | None = None,
    ) -> Tuning:
        """Run trials until there are as many as asked for, the stored ones included.

        Parameters
        ----------
        seen : int64 array, shape (tracks,)
            Indices of the tracks that the search may see.
        trials : int
            Number of trials in addition to that of the defaults.
        folder : Path
            Folder of the search.
        described : mapping
            Identity of the search, as JSON values.
        bar : Bar, optional
            Receiver of the progress.

        Returns
        -------
        Tuning
            The search with its trials.
        """
        dataset = _part(self._experiment.dataset, seen)
        model, seed = self._experiment.model, self._experiment.seed
        record = {
            "format": FORMAT,
            **described,
            "inner": f"kfold:{INNER}",
            "keras_tuner": oracle_version(),  # another version may propose other parameters
            "seen": [track.digest[:16] for track in dataset.tracks],
        }
        tuning = stored(folder, record)
        trying = _Trials(
            Experiment(model, dataset, seed),
            inner_folds(dataset, INNER, seed, self._grouped),
            self._engine, folder, bar or Bar(),
        )  # fmt: skip
        with Oracle(model.card, self._tuner, trials, seed) as oracle, _marked(tuning) as mark:
            while batch := oracle.propose():
                known = [item for item in batch if item.number < len(tuning.trials)]
                for proposal in known:
                    oracle.finish(proposal, tuning.trials[proposal.number].score)
                new = batch[len(known) :]
                if new:
                    mark(trials)
                for proposal, trial in zip(new, trying.run(new), strict=True):
                    tuning.trials.append(trial)
                    tuning.write()
                    SAVED.set()
                    trying.clear()
                    oracle.finish(proposal, trial.score)
                    trying.show(trial.number + 1, tuning.best)
        trying.clear()  # a killed search may have stored its last trial and not more
        return tuning


@contextmanager
def _marked(tuning: Tuning) -> Iterator[Callable[[int], None]]:
    """Yield a function that stores that this process does the search, until the block ends."""
    record = tuning.record
    record.process = None  # of a search that was interrupted

    def mark(trials: int) -> None:
        if record.process is None:
            record.wanted, record.process = trials, this_process()
            tuning.write()

    try:
        yield mark
    except BaseException:
        if record.process:  # which may live on, as a notebook does
            record.process = None
            with suppress(OSError):
                tuning.write()
        raise
    if record.wanted is not None:
        record.wanted = record.process = None
        tuning.write()


class _Trials:
    """Scoring of trials, whose inner folds are trained by an engine."""

    def __init__(
        self, experiment: Experiment, folds: Sequence[Fold], engine: Engine, folder: Path, bar: Bar
    ) -> None:
        self._experiment = experiment
        self._folds = folds
        self._engine = engine
        self._folder = folder
        self._bar = bar

    def run(self, proposals: Sequence[Proposal]) -> Iterator[Trial]:
        """Yield the trial of each proposal with its scores, in order."""
        trials = [
            self._continued(Trial(item.number, item.params, item.share)) for item in proposals
        ]
        begun: list[tuple[Trial, int]] = []
        in_parallel = can_fit_in_parallel(self._experiment.model)
        results = self._engine.map_fits(run_fold, self._tasks(trials, begun), in_parallel)
        ready: dict[tuple[int, int], FoldResult] = {}
        arrived = 0
        with closing(results):
            for trial in trials:
                # Folds arrive in any order, and are stored in theirs.
                for number in range(len(trial.scores), len(self._folds)):
                    while not trial.error and (trial.number, number) not in ready:
                        if (found := next(results, None)) is None:
                            break  # the trial failed before its fold
                        owner, place = begun[found[0]]
                        ready[owner.number, place] = found[1] or CRASHED_FOLD
                        arrived += 1
                        self._bar.update(trials[0].number + arrived / len(self._folds))
                    if trial.error:
                        break
                    self._score(trial, ready.pop((trial.number, number)))
                yield trial

    def _tasks(self, trials: Sequence[Trial], begun: list[tuple[Trial, int]]) -> Iterator[FoldTask]:
        """Yield the tasks of all trials; add the trial and the number of the fold to `begun`."""
        for trial in trials:
            for number, fold in list(enumerate(self._folds))[len(trial.scores) :]:
                if trial.error:
                    break
                try:
                    params, part = self._reduced(trial, fold)
                except Exception as error:
                    trial.error = in_a_line(error)
                    break
                begun.append((trial, number))
                yield FoldTask(
                    self._experiment, params, part,
                    scratch=self._folder / "scratch" / f"{trial.number}-{fold.number}",
                    progress=self._progress(trial, number),
                )  # fmt: skip

    def _reduced(self, trial: Trial, fold: Fold) -> tuple[dict[str, Any], Fold]:
        """Return the parameters and the fold of a trial, reduced to its share of the budget."""
        params = self._experiment.model.card.resolve(trial.params)
        if EPOCHS in params:
            params[EPOCHS] = max(1, round(trial.share * int(str(params[EPOCHS]))))
        elif trial.share < 1:
            fold = _thinned(fold, self._experiment, trial.share)
        return params, fold

    def _score(self, trial: Trial, result: FoldResult) -> None:
        trial.seconds += result.train_seconds + result.predict_seconds
        if result.predictions is None:
            trial.error = result.error
            return
        trial.scores.append(score(result.predictions).accuracy)
        write_text(self._folder / _UNFINISHED, json.dumps(trial.to_dict()), durable=False)

    def _continued(self, fresh: Trial) -> Trial:
        """Return the trial that was running when the search was interrupted, or the new one."""
        try:
            trial = from_plain(read_json(self._folder / _UNFINISHED), Trial)
        except (OSError, ValueError):
            return fresh
        same = (trial.number, trial.params, trial.share) == (
            fresh.number, fresh.params, fresh.share,
        )  # fmt: skip
        return trial if same else fresh

    def _progress(self, trial: Trial, done: int) -> Progress:
        def progress(fraction: float, note: str = "", **figures: float) -> None:
            position = trial.number + (done + fraction) / len(self._folds)
            self._bar.update(position, f"trial {trial.number}", note)

        return progress

    def show(self, done: int, best: Trial | None) -> None:
        """Show how many trials are done, and the best score."""
        self._bar.update(done, note=f"best {best.score:.3f}" if best and best.score else "")

    def clear(self) -> None:
        """Delete what only an unfinished trial needs."""
        shutil.rmtree(self._folder / "scratch", ignore_errors=True)
        (self._folder / _UNFINISHED).unlink(missing_ok=True)


def _thinned(fold: Fold, experiment: Experiment, share: float) -> Fold:
    """Return the fold with a share of its training tracks, the same share of each class."""
    order = np.random.default_rng(experiment.seed).permutation(fold.train)
    labels = experiment.dataset.labels[order]
    kept = []
    for label in np.unique(labels):
        own = order[labels == label]
        kept.append(own[: max(_FEWEST, round(share * len(own)))])
    return Fold(fold.number, np.sort(np.concatenate(kept)), fold.test)
