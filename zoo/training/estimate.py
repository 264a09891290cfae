"""Estimate of how long a training takes, from earlier runs on this machine or else by a rule."""

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from zoo.datasets import Dataset, FeatureTable
from zoo.evaluate.protocols import Protocol
from zoo.features.arrays import frontend_of
from zoo.features.cache import FeatureCache, features_folder
from zoo.training.record import new_record
from zoo.training.wish import Wish
from zoo.workspace import run_folder, runs
from zoo_registry.errors import RunError
from zoo_registry.model import Model
from zoo_registry.parameters import ParamValue
from zoo_registry.record import RunRecord
from zoo_registry.runs import Run

__all__ = ["Estimate", "estimate", "in_words"]

# Seconds per track and training of a model, and per track and processor for its array, where no
# earlier run tells: those of a machine of 2020.
_CLASSICAL, _NETWORK, _ARRAY = 0.01, 0.2, 0.1
_START = 8.0  # seconds for libraries, the ONNX file and its comparison
_UNITS, _LEAST = (("h", 3600), ("min", 60), ("s", 1)), 1.5
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
        Tracks whose arrays are not in the cache.
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

    Returns
    -------
    Estimate
        State of the run, and the time that is left of it.
    """
    record = new_record(model, params, dataset, protocol, grouped, seed)
    folds = protocol.folds(dataset, seed, grouped)
    run = Run(run_folder(record, None), record)
    try:
        run = Run.read(run.folder)
        state = run.status
    except RunError:
        state = "new"
    tracks = max(len(fold.train) for fold in folds)
    missing, changed = 0, 0
    if not isinstance(dataset, FeatureTable):
        cache = FeatureCache(features_folder(), frontend_of(model, dataset))
        recorded = [dataset.tracks[index] for index in dataset.recorded]
        missing = sum(not cache.path(track.digest).is_file() for track in recorded)
        sample = wish.sample(run, model, dataset, folds)
        changed = len(sample.tracks) * len(wish.changes) if sample and missing else 0
    if run.complete and state == "complete":
        return Estimate(run.id, state, len(folds), tracks, 0, 0.0, 0.0, "it is trained already")
    fits = sum(len(fold.train) for fold in folds[len(run.record.folds) :]) + len(dataset)
    known = [one.record for one in runs() if isinstance(one, Run) and _is_of_here(one)]
    own = [one for one in known if one.model.name == model.card.name]
    arrays = _array_seconds(known, record.frontend["name"]) * (missing + changed)
    rest = [rate for one in own if (rate := _rate(one, _array_seconds([one], "") or 0.0))]
    if not rest:
        each = _CLASSICAL if model.card.family == "classical" else _NETWORK
        rest, (least, most) = [(_START + each * fits) / fits], _RULE
        basis = f"a rule, {each:g} s per track and training: no run of {model.card.name} is here"
    else:
        same = [one for one in own if one.dataset.fingerprint == dataset.fingerprint]
        least, most = _SAME if same else _OTHER
        what = "this dataset" if same else "other data, scaled by tracks"
        basis = f"{len(rest)} earlier run{'s' * (len(rest) > 1)} of {model.card.name} on {what}"
    low, high = (end * fits + arrays for end in (min(rest), max(rest)))
    return Estimate(run.id, state, len(folds), tracks, missing, least * low, most * high, basis)


def _is_of_here(run: Run) -> bool:
    """Whether a complete run was trained on this machine, as far as its record tells."""
    machine = run.record.machine
    here = (platform.platform(), os.cpu_count(), platform.python_version())
    return run.complete and (machine.platform, machine.processors, machine.python) == here


def _array_seconds(records: Iterable[RunRecord], frontend: str) -> float:
    """Return the seconds per array that runs with a front end took; by a rule if none tells."""
    for record in records:
        computed = record.extraction
        if computed.get("tracks") and record.frontend["name"] == (
            frontend or record.frontend["name"]
        ):
            seconds = computed["decode_seconds"] + computed["frontend_seconds"]
            return seconds / computed["tracks"] / (os.cpu_count() or 1)
    return _ARRAY / (os.cpu_count() or 1)


def _rate(record: RunRecord, array: float) -> float | None:
    """Return the seconds per track and training of a run, without those for its arrays."""
    if not (record.started and record.finished):
        return None
    wall = (
        datetime.fromisoformat(record.finished) - datetime.fromisoformat(record.started)
    ).total_seconds()
    computed = record.extraction.get("tracks") or 0
    changed = (record.robustness.tracks if record.robustness else 0) * bool(computed)
    fits = sum(fold.train_tracks for fold in record.folds) + record.dataset.tracks
    fitted = sum(fold.train_seconds or 0.0 for fold in record.folds)
    fitted += record.artefact.fit_seconds or 0.0
    # A run that was interrupted waited for days.
    return max(fitted, min(wall - array * (computed + changed), 10 * fitted + 60)) / max(fits, 1)


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
    unit, seconds = next(
        (unit, size)
        for unit, size in (("h", 3600), ("min", 60), ("s", 1))
        if high >= 1.5 * size or size == 1
    )
    ends = [_two_digits(end / seconds) for end in (low, high)]
    return f"{ends[0]} to {ends[1]} {unit}"


def _two_digits(value: float) -> str:
    rounded = float(f"{value:.2g}") if value >= _TEN else float(f"{value:.1g}")
    return f"{rounded:g}"
