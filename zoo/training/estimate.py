"""Estimate of how long a training takes, from earlier runs on this machine or else by a rule."""

import os
import platform
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from statistics import mean, median

from zoo.audio.decode import open_stream
from zoo.datasets import Dataset, FeatureTable
from zoo.evaluate.protocols import Fold, Protocol
from zoo.execution.progress import Reporter
from zoo.features.arrays import frontend_of
from zoo.features.cache import FeatureCache, features_folder
from zoo.features.changed import changed_paths
from zoo.training.record import new_record
from zoo.training.sizes import Sizes
from zoo.training.wish import Wish
from zoo.tuning.keras_tuner_oracle import EPOCHS
from zoo.tuning.search import INNER
from zoo.workspace import run_folder, runs
from zoo_registry.errors import AudioError, RunError
from zoo_registry.model import Model
from zoo_registry.parameters import ParamValue
from zoo_registry.record import RunRecord, TuningInfo
from zoo_registry.runs import Run

__all__ = ["Estimate", "estimate", "in_words"]

# Seconds per track and training of a model, and per track and processor for its array, if there is
# no earlier run: those of a machine of 2020, for recordings of half a minute.
_CLASSICAL, _NETWORK, _ARRAY, _LENGTH = 0.01, 0.2, 0.1, 30.0
_HEADERS = 10  # recordings whose headers are read for their usual length
_START = 8.0  # seconds for libraries, the ONNX file and its comparison
_HYPERBAND = 1 / 3  # of the budget, which its trials get on average
_UNITS = (("h", 3600), ("min", 60), ("s", 1))
_TEN = 10  # from which on a figure has two digits
_SAME, _OTHER, _RULE = (0.6, 1.7), (0.4, 2.5), (0.25, 4.0)  # of the estimate, lowest and highest


@dataclass(frozen=True)
class Estimate:
    """What a training will do, and how long it may take.

    Attributes
    ----------
    run : str
        Id of the run.
    state : str
        State of the run if it is there already, else "new".
    folds, tracks : int
        Number of folds, and of tracks in the training part of the largest one.
    arrays : int
        Tracks whose arrays are not in the cache, nor computed by a training before this one.
    low, high : float
        Seconds that it takes at least and at most, if the basis holds; both are 0 for a complete
        run.
    basis : str
        What the seconds are estimated from.
    """

    run: str
    state: str
    folds: int
    tracks: int
    arrays: int
    low: float
    high: float
    basis: str


def estimate(
    model: Model,
    dataset: Dataset,
    params: dict[str, ParamValue],
    protocol: Protocol,
    *,
    grouped: bool,
    seed: int,
    wish: Wish,
    tuning: TuningInfo | None = None,
    sizes: Collection[int] = (),
    jobs: int | None = None,
    before: set[Path] | None = None,
) -> Estimate:
    """Estimate how long `zoo.train` takes, without training or decoding anything.

    Parameters
    ----------
    model : Model
        The model, with its front end.
    dataset : Dataset
        All tracks; that some may be left out is not known yet.
    params : dict
        Every parameter of the card.
    protocol, grouped, seed : Protocol, bool, int
        The split.
    wish : Wish
        What is asked about changed tracks.
    tuning : TuningInfo, optional
        The search that the run is to have in its record.
    sizes : collection of int
        Numbers of training tracks per class that the model is to be fitted to as well.
    jobs : int, optional
        Number of processes; all cores by default.
    before : set of Path, optional
        Arrays that earlier trainings of the same command compute; those of this one are added.

    Returns
    -------
    Estimate
        State of the run, and the time that is left of it.
    """
    record = new_record(model, params, dataset, protocol, grouped, seed)
    record.tuned = tuning
    folds = protocol.folds(dataset, seed, grouped)
    run = Run(run_folder(record, None), record)
    try:
        run = Run.read(run.folder)
        state = run.status
    except RunError:
        state = "new"
    if wish.tracks and run.is_scored:
        wish = wish.reopen(run, dataset, folds, Reporter())
        if run.record.status == "running":  # so it was reopened
            state = f"{state}, more changed tracks due"
    if run.complete and run.damaged():
        state = "damaged"
    due = Sizes(run, dataset, lambda: folds, sizes).missing
    if run.complete and due:
        state = f"{state}, sizes due"
    tracks = max(len(fold.train) for fold in folds)
    if run.complete and state == "complete":
        return Estimate(run.id, state, len(folds), tracks, 0, 0.0, 0.0, "it is trained already")
    missing, changed = _arrays(
        run, model, dataset, folds, wish, set() if before is None else before
    )
    fits = sum(len(fold.train) for own in due for fold in own.folds)
    if not run.complete:
        fits += sum(len(fold.train) for fold in folds[len(run.record.folds) :]) + len(dataset)
    fits = round(max(fits, len(dataset)) * _searched(tuning))  # at least the artefact: a repair
    known = [one.record for one in runs() if isinstance(one, Run) and _is_of_here(one)]
    known = [one for one in known if one.started and one.finished]
    own, what, (least, most) = _basis([r for r in known if r.model.name == model.card.name], record)
    length = _usual_length(dataset)
    each = _array_seconds(known, record.frontend["name"]) / (jobs or os.cpu_count() or 1)
    arrays = length * each * (missing + changed)
    rest = [_rate(one, length) * _epochs(params) / _epochs(one.params) for one in own]
    if not rest:
        each = _CLASSICAL if model.card.family == "classical" else _NETWORK
        each *= _epochs(params) / _epochs(model.card.params)
        rest = [(_START + each * fits) / fits]
        what = f"no complete run of {model.card.name} that was trained on this machine is here"
        basis = f"a rule, {each:g} s per track and training: {what}"
    else:
        basis = f"{len(rest)} earlier run{'s' * (len(rest) > 1)} of {model.card.name} {what}"
        if (least, most) == _SAME:  # the first run may have waited for what the others found
            rest = [median(rest)]
    low, high = (end * fits + arrays for end in (min(rest), max(rest)))
    return Estimate(run.id, state, len(folds), tracks, missing, least * low, most * high, basis)


def _basis(
    runs_of_it: Sequence[RunRecord], new: RunRecord
) -> tuple[Sequence[RunRecord], str, tuple[float, float]]:
    """Return the runs of a model that are most like a new one, what they are, and the margin."""
    scaled = "scaled by tracks and their length"
    alike = [one for one in runs_of_it if one.frontend == new.frontend]
    same = [one for one in alike if one.dataset.fingerprint == new.dataset.fingerprint]
    if same:
        return same, "on this dataset", _SAME
    if alike:
        return alike, f"on other data, {scaled}", _OTHER
    return runs_of_it, f"with another front end, {scaled}", _OTHER if runs_of_it else _RULE


def _arrays(
    run: Run, model: Model, dataset: Dataset, folds: Sequence[Fold], wish: Wish, before: set[Path]
) -> tuple[int, int]:
    """Return how many arrays a run is to compute, of tracks and of changed ones."""
    if isinstance(dataset, FeatureTable):
        return 0, 0
    cache = FeatureCache(features_folder(), frontend_of(model, dataset))
    missing = _added((cache.path(dataset.tracks[n].digest) for n in dataset.recorded), before)
    sample = wish.sample(run, model, dataset, folds)
    pairs = (pair for fold in folds for pair in (sample.pairs(fold.number) if sample else ()))
    return missing, _added(changed_paths(dataset, model, pairs), before)


def _added(paths: Iterable[Path], before: set[Path]) -> int:
    """Return how many of the files are still to be written; add these to `before`."""
    new = {path for path in paths if path not in before and not path.is_file()}
    before |= new
    return len(new)


def _searched(tuning: TuningInfo | None) -> float:
    """Return the trainings that a training is with its nested search, in numbers of its tracks."""
    if tuning is None or not tuning.nested:
        return 1.0
    share = _HYPERBAND if tuning.tuner == "hyperband" else 1.0
    # The parameters of the card are tried, too; the inner folds see each track all times but one.
    return 1 + (INNER - 1) * (1 + share * tuning.trials)


def _epochs(params: Mapping[str, object]) -> float:
    """Return the epochs of a network, to which its time is proportional; 1 of other models."""
    epochs = params.get(EPOCHS)
    return float(epochs) if isinstance(epochs, int | float) and epochs > 0 else 1.0


def _is_of_here(run: Run) -> bool:
    """Whether a complete run was trained on this machine, as far as its record tells."""
    machine = run.record.machine
    here = (platform.platform(), os.cpu_count(), platform.python_version())
    return run.complete and (machine.platform, machine.processors, machine.python) == here


def _usual_length(dataset: Dataset) -> float:
    """Return the usual length of a track in seconds, as headers of some recordings state it."""
    if isinstance(dataset, FeatureTable):
        return _LENGTH
    recorded = [(track.path, track.segment) for track in dataset.tracks if track.path]
    lengths = list[float]()
    for path, part in recorded[:: -(-len(recorded) // _HEADERS) or 1]:
        with suppress(AudioError):
            lengths.append(part.end - part.start if part else open_stream(path).seconds)
    return mean([one for one in lengths if isfinite(one)] or [_LENGTH])


def _recorded_length(record: RunRecord) -> float | None:
    """Return the mean length of the tracks of a run in seconds; None if it was not recorded."""
    return (record.extraction.get("audio_seconds") or 0.0) / record.dataset.tracks or None


def _array_seconds(records: Iterable[RunRecord], frontend: str | None = None) -> float:
    """Return the seconds of one processor per second of sound for arrays of a front end."""
    for record in records:
        computed, length = record.extraction, _recorded_length(record) or _LENGTH
        if computed.get("tracks") and frontend in (None, record.frontend["name"]):
            seconds = computed["decode_seconds"] + computed["frontend_seconds"]
            return seconds / computed["tracks"] / length
    return _ARRAY / _LENGTH


def _rate(record: RunRecord, length: float) -> float:
    """Return the seconds per track and training that a run took apart from its arrays.

    Parameters
    ----------
    record : RunRecord
        A run that began and ended.
    length : float
        Usual length of the tracks of the other run that is estimated, in seconds.
    """
    begun, ended = record.started or "", record.finished or ""
    wall = (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()
    own_length = _recorded_length(record)
    computed = record.extraction.get("tracks") or 0
    changed = (record.robustness.tracks if record.robustness else 0) * bool(computed)
    arrays = _array_seconds([record]) * (own_length or _LENGTH) * (computed + changed)
    arrays /= os.cpu_count() or 1
    searched = _searched(record.tuned)
    fits = searched * (sum(fold.train_tracks for fold in record.folds) + record.dataset.tracks)
    fitted = sum(fold.train_seconds or 0.0 for fold in record.folds)
    fitted += record.artefact.fit_seconds or 0.0
    fitted *= searched
    # A run that was interrupted waited for days.
    each = max(fitted, min(wall - arrays, 10 * fitted + 60)) / max(fits, 1)
    return each * (length / own_length if own_length else 1.0)


def in_words(estimates: Sequence[Estimate]) -> str:
    """Return the time of all trainings, such as "2 to 9 min"; never more than two digits.

    Parameters
    ----------
    estimates : sequence of Estimate
        One per training.

    Returns
    -------
    str
        Lowest and highest time.
    """
    low, high = sum(one.low for one in estimates), sum(one.high for one in estimates)
    unit, seconds = next((unit, size) for unit, size in _UNITS if high >= 1.5 * size or size == 1)
    ends = [_two_digits(end / seconds) for end in (low, high)]
    return f"{ends[0]} to {ends[1]} {unit}"


def _two_digits(value: float) -> str:
    rounded = float(f"{value:.2g}") if value >= _TEN else float(f"{value:.1g}")
    return f"{rounded:g}"
