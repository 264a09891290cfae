"""The search for better parameters, on tracks that the search may see, and that it names.

An oracle proposes parameters; a trial is scored by the mean accuracy of inner folds of the
tracks it is given, which are grouped as any folds are. The first trial is the card's defaults.
An oracle is made anew whenever a search goes on and is told the trials that are stored: so the
next one is the one that would have come anyway.
"""

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.datasets import Dataset, open_dataset
from zoo.evaluate.cross_validation import evaluate_fold
from zoo.evaluate.metrics import score
from zoo.evaluate.protocols import DEFAULT_PROTOCOL, Fold, parse_protocol
from zoo.evaluate.remote_folds import Answer, Material, evaluate_there
from zoo.execution.engine import Engine
from zoo.execution.progress import Bar, Reporter
from zoo.features.extraction import Arrays, describe_frontend, extract
from zoo.plugins.registry import offered_datasets, open_registry, usable_model
from zoo.tuning.chief_worker import Post, follow, lead, post_of_process
from zoo.tuning.keras_tuner_oracle import EPOCHS, TUNERS, Finish, oracle_version, proposals
from zoo.tuning.trials import FORMAT, Trial, Tuning, stored
from zoo.workspace import file_name, locked, models_folder
from zoo_registry.card import ParamValue
from zoo_registry.errors import StorageError, UsageError
from zoo_registry.files import read_json, write_text
from zoo_registry.hooks import Progress
from zoo_registry.model import Model
from zoo_registry.plugins import Registry
from zoo_registry.runs import digest
from zoo_registry.structures import from_plain
from zoo_registry.text import first_line, in_a_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Search", "tune"]

_UNFINISHED = "unfinished.json"
_INNER = "kfold:3"
_FEWEST = 3  # training tracks of a class, however small the share


def tune(
    model: str,
    data: str | Dataset = "demo",
    *,
    trials: int = 20,
    tuner: str = "random",
    protocol: str = DEFAULT_PROTOCOL,
    grouped: bool = True,
    seed: int = 0,
    jobs: int | None = None,
    engine: Engine | None = None,
    reporter: Reporter | None = None,
    registry: Registry | None = None,
    root: Path | None = None,
) -> Tuning:
    """Search parameters on the training part of the first fold of a protocol.

    A search of the same command goes on where it stopped; with more trials it is continued.

    Parameters
    ----------
    model : str
        A name that ``zoo models`` lists, or the path of a plugin's file.
    data : str or Dataset
        What ``--data`` takes.
    trials : int
        Beside that of the card's defaults.
    tuner : {"random", "bayesian", "hyperband"}
        See `zoo.tuning.keras_tuner_oracle`.
    protocol, grouped, seed
        As for training: of the first fold the test tracks are not seen.
    jobs, engine, reporter, registry, root
        As for `zoo.train`.

    Raises
    ------
    UsageError
        If model, dataset, protocol or tuner do not fit.
    """
    reporter = reporter or Reporter()
    engine = engine or Engine(jobs)
    registry = registry or open_registry()
    loaded = usable_model(registry, model)
    splitting = parse_protocol(protocol)
    if isinstance(data, str):
        data = open_dataset(data, offered_datasets(registry), engine=engine)
    extraction = extract(data, loaded, reporter=reporter, engine=engine)
    dataset = extraction.dataset
    fold = splitting.folds(dataset, seed, grouped)[0]
    described = {
        "model": [loaded.card.name, loaded.source.distribution, loaded.source.version],
        "frontend": describe_frontend(loaded, dataset),
        "dataset": dataset.fingerprint,
        "protocol": {"spec": splitting.spec, "grouped": grouped},
        "seed": seed,
        "tuner": tuner,
    }
    if post := post_of_process():  # what comes first depends on who is faster
        described["shared"] = True
    name = f"{loaded.card.name}-{digest(described)[:10]}"
    folder = (root or models_folder()) / file_name(dataset.name) / "tuning" / name
    search = Search(loaded, dataset, extraction.arrays, tuner, seed, grouped, engine)
    if post and not post.chief:
        return search.share(fold.train, trials, folder, described, post)
    with locked(folder, lambda: reporter.note(f"{name} is being tuned already; waiting for it")):
        title = f"{loaded.card.title}, {trials} trials"
        with reporter.bar(title, trials + 1) as bar:
            if post:
                return search.share(fold.train, trials, folder, described, post, bar)
            return search.run(fold.train, trials, folder, described, bar)


class Search:
    """A search over the space of one model's card.

    Parameters
    ----------
    model : Model
    dataset : Dataset
    arrays : Arrays
        One a track of `dataset`.
    tuner : str
        One of `TUNERS`.
    seed : int
        Of oracle, inner folds and model.
    grouped : bool
        Whether the inner folds keep groups together.
    engine : Engine, optional
        Whose workers evaluate the folds, if they stand elsewhere.

    Raises
    ------
    UsageError
        If the model has nothing to tune, or the tuner does not fit.
    """

    def __init__(
        self,
        model: Model,
        dataset: Dataset,
        arrays: Arrays,
        tuner: str,
        seed: int,
        grouped: bool,
        engine: Engine | None = None,
    ) -> None:
        if not model.card.space:
            raise UsageError(f"{model.card.name} has no search space; its card declares none")
        if tuner not in TUNERS:
            raise UsageError(f"there is no tuner {tuner!r}; give one of {', '.join(TUNERS)}")
        self._model = model
        self._dataset = dataset
        self._arrays = arrays
        self._tuner = tuner
        self._seed = seed
        self._grouped = grouped
        self._engine = engine or Engine()

    def run(
        self,
        seen: "NDArray[np.int64]",
        trials: int,
        folder: Path,
        described: Mapping[str, Any],
        bar: Bar | None = None,
    ) -> Tuning:
        """Try parameters until there are as many trials, those that are stored included.

        Parameters
        ----------
        seen : int64 array
            The tracks of the dataset that the search may look at.
        trials : int
            Beside that of the defaults.
        folder : Path
            Where the search is stored.
        described : mapping
            What it is about.
        bar : Bar, optional
        """
        bar = bar or Bar()
        seen, dataset, inner, tuning = self._begun(seen, folder, described)
        with closing(proposals(self._model.card, self._tuner, trials, self._seed)) as proposed:
            numbered = enumerate(proposed)
            while batch := list(islice(numbered, trials + 1 if self._all_at_once else 1)):
                begun: list[tuple[Trial, Finish]] = []
                for number, (params, share, finish) in batch:
                    if number < len(tuning.trials):  # stored: the oracle is told, and goes on
                        finish(tuning.trials[number].score)
                    else:
                        begun.append((_unfinished(folder, Trial(number, params, share)), finish))
                new = [trial for trial, _ in begun]
                tried = self._tried(new, dataset, seen, inner, folder, bar)
                for trial, (_, finish) in zip(tried, begun, strict=True):
                    tuning.trials.append(trial)
                    tuning.write()
                    _clear(folder)
                    finish(trial.score)
                    best = tuning.best
                    note = f"best {best.score:.3f}" if best and best.score else ""
                    bar.update(trial.number + 1, note)
        _clear(folder)  # a killed search may have stored its last trial, and no more
        return tuning

    def share(
        self,
        seen: "NDArray[np.int64]",
        trials: int,
        folder: Path,
        described: Mapping[str, Any],
        post: Post,
        bar: Bar | None = None,
    ) -> Tuning:
        """Do the part of this process in a search that it shares with others.

        Parameters
        ----------
        seen, trials, folder, described, bar
            As for `run`.
        post : Post
        """
        bar = bar or Bar()
        seen, dataset, inner, tuning = self._begun(seen, folder, described)

        def try_(trial: Trial, place: Path) -> Trial:
            trial = _unfinished(place, trial)
            (tried,) = self._tried([trial], dataset, seen, inner, place, Bar())
            _clear(place)
            return tried

        part = lead if post.chief else follow
        card, seed = self._model.card, self._seed
        return part(post, card, self._tuner, trials, seed, tuning, try_, bar)

    def _begun(
        self, seen: "NDArray[np.int64]", folder: Path, described: Mapping[str, Any]
    ) -> "tuple[NDArray[np.int64], Dataset, list[Fold], Tuning]":
        """Return the tracks that are seen, by number and as a dataset, its folds, the search."""
        names = {self._dataset.tracks[index].id for index in seen}
        dataset = self._dataset.without({track.id for track in self._dataset.tracks} - names)
        inner = parse_protocol(_INNER).folds(dataset, self._seed, self._grouped)
        record = {
            "format": FORMAT,
            **described,
            "inner": _INNER,
            "keras_tuner": oracle_version(),  # another one may propose otherwise
            "seen": [track.digest[:16] for track in dataset.tracks],
        }
        # Sorted, as the smaller dataset is.
        return np.sort(seen), dataset, inner, stored(folder, record)

    @property
    def _all_at_once(self) -> bool:
        """Whether no trial waits for another's score: the oracle learns nothing from it."""
        return self._engine.far and self._tuner == "random"

    def _tried(
        self,
        trials: Sequence[Trial],
        dataset: Dataset,
        seen: "NDArray[np.int64]",
        folds: Sequence[Fold],
        folder: Path,
        bar: Bar,
    ) -> Iterator[Trial]:
        """Yield each trial with its scores, in their order."""
        if self._engine.far:
            yield from self._tried_there(trials, dataset, folds, folder, bar)
            return
        for trial in trials:
            self._try(trial, dataset, self._arrays.take(seen), folds, folder, bar)
            yield trial

    def _tried_there(
        self,
        trials: Sequence[Trial],
        dataset: Dataset,
        folds: Sequence[Fold],
        folder: Path,
        bar: Bar,
    ) -> Iterator[Trial]:
        """Do what `_try` does with each trial, all folds at once, on workers elsewhere."""
        tasks: list[tuple[Fold, dict[str, ParamValue]]] = []
        places: list[list[int]] = []
        for trial in trials:
            places.append([])
            try:
                for fold in folds[len(trial.scores) :]:
                    tasks.append(self._task(trial, fold, dataset))
                    places[-1].append(len(tasks) - 1)
            except Exception as error:
                trial.error = in_a_line(error)
        material = Material.of(self._model, dataset, self._seed)
        with closing(evaluate_there(self._engine, material, tasks)) as answers:
            known: dict[int, Answer] = {}
            for trial, own in zip(trials, places, strict=True):
                for place in own:
                    while place not in known:  # they come in any order, and are kept in theirs
                        found, answer = next(answers)
                        known[found] = answer
                        bar.update(trials[0].number + len(known) / len(folds))
                    answer = known[place]
                    if answer.outcome is None:
                        trial.error = first_line(Exception(answer.error))
                        break
                    outcome = answer.outcome
                    trial.seconds += outcome.train_seconds + outcome.predict_seconds
                    trial.scores.append(score(outcome.predictions).accuracy)
                    write_text(folder / _UNFINISHED, json.dumps(trial.to_dict()))
                yield trial

    def _task(
        self, trial: Trial, fold: Fold, dataset: Dataset
    ) -> tuple[Fold, dict[str, ParamValue]]:
        """Return the fold and the parameters of a trial, both cut to its share of the budget."""
        params = self._model.card.resolve(trial.params)
        if EPOCHS in params:
            params[EPOCHS] = max(1, round(trial.share * int(str(params[EPOCHS]))))
        elif trial.share < 1:
            fold = _thinned(fold, dataset, trial.share, self._seed)
        return fold, params

    def _try(
        self,
        trial: Trial,
        dataset: Dataset,
        arrays: Arrays,
        folds: Sequence[Fold],
        folder: Path,
        bar: Bar,
    ) -> None:
        """Score a trial on the folds that it has not been scored on; a failure is marked."""
        for fold in folds[len(trial.scores) :]:
            begun = time.perf_counter()
            progress = _in_trial(bar, trial.number, len(trial.scores), len(folds))
            scratch = folder / "scratch" / f"{trial.number}-{fold.number}"
            try:
                part, params = self._task(trial, fold, dataset)
                outcome = evaluate_fold(
                    self._model, dataset, arrays, part, params, self._seed, progress, scratch
                )
                trial.scores.append(score(outcome.predictions).accuracy)
            except StorageError:  # no fault of the parameters, and a failure would be kept
                raise
            except Exception as error:
                trial.error = in_a_line(error)
                return
            finally:
                trial.seconds += time.perf_counter() - begun
            write_text(folder / _UNFINISHED, json.dumps(trial.to_dict()))


def _clear(folder: Path) -> None:
    shutil.rmtree(folder / "scratch", ignore_errors=True)
    (folder / _UNFINISHED).unlink(missing_ok=True)


def _in_trial(bar: Bar, trial: int, done: int, folds: int) -> Progress:
    def progress(fraction: float, note: str = "", **figures: float) -> None:
        bar.update(trial + (done + min(fraction, 1.0)) / folds, f"trial {trial} {note}".strip())

    return progress


def _unfinished(folder: Path, fresh: Trial) -> Trial:
    """Return the trial that was running when the search was interrupted, or the new one."""
    try:
        trial = from_plain(read_json(folder / _UNFINISHED), Trial)
    except (OSError, ValueError):
        return fresh
    same = (trial.number, trial.params, trial.share) == (fresh.number, fresh.params, fresh.share)
    return trial if same else fresh


def _thinned(fold: Fold, dataset: Dataset, share: float, seed: int) -> Fold:
    """Return the fold with a share of its training tracks, of each class alike."""
    order = np.random.default_rng(seed).permutation(fold.train)
    labels = dataset.labels[order]
    kept = []
    for label in np.unique(labels):
        own = order[labels == label]
        kept.append(own[: max(_FEWEST, round(share * len(own)))])
    return Fold(fold.number, np.sort(np.concatenate(kept)), fold.test)
