"""The artefact of a run: written as one ONNX file, and compared with the model it comes from."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from msgspec import UNSET, UnsetType
from msgspec.structs import replace
from numpy.typing import NDArray

from zoo.artefacts.artefact import Artefact, Windows
from zoo.artefacts.compose import add_metadata, compose
from zoo.artefacts.metadata import FORMAT, ArtefactMetadata, TrainingData, WindowGrid
from zoo.artefacts.model_card import intended_use
from zoo.artefacts.novelty_graph import add_novelty
from zoo.audio.bandwidth import usual_bandwidth
from zoo.audio.decode import decode_measured
from zoo.audio.frontends import FRONTENDS
from zoo.datasets import Dataset, FeatureTable, Track
from zoo.datasets.hashing import recording
from zoo.evaluate.calibration import calibrated
from zoo.evaluate.metrics import score
from zoo.evaluate.novelty import Novelty, Windowing, fit_novelty
from zoo.evaluate.protocols import Fold
from zoo.evaluate.thresholds import thresholds
from zoo.evaluate.vote import count_votes, vote_winner
from zoo.features.extraction import feature_arrays
from zoo.features.rows import sounding_rows
from zoo_registry.errors import ArtefactError, RunError
from zoo_registry.files import atomic_path
from zoo_registry.frontend import TimedFrontEnd, VerifiableFrontEnd, shortest
from zoo_registry.model import Model
from zoo_registry.predictions import Predictions
from zoo_registry.record import FrontEndInfo, RunRecord
from zoo_registry.runs import Run

__all__ = ["compare", "metadata_of", "write_artefact"]

_TOLERANCE = 1e-3  # in probability
_ROUNDING = 1e-5  # in probability, between two runs of one graph
_TRACKS = 50  # compared with the model,
_SECONDS = 1800.0  # or fewer that last as long in sum
_METRICS = ("accuracy", "accuracy_mean", "macro_f1")
_REFERENCES = 3  # of them, compared with the slow reference of the front end,
_WORTH_LIBROSA = 50  # tracks; less work than what librosa compiles before its first answer
_REFERENCE_TOLERANCE = 0.1  # of `_reference_difference`; rounding causes less than a hundredth


def write_artefact(
    run: Run,
    model: Model,
    fitted: object,
    dataset: Dataset,
    arrays: Sequence[NDArray[np.float32]],
    folds: Sequence[Fold],
    predictions: Predictions,
    stage: Callable[[str], object] = str,
) -> dict[str, Any]:
    """Export a fitted model into its run, and compare the two on real tracks.

    Parameters
    ----------
    run : Run
        Run that gets the file.
    model : Model
        Plugin that trained it.
    fitted : object
        The return value of `train`.
    dataset : Dataset
        Tracks to compare on.
    arrays : sequence of float32 arrays, each of shape (rows, columns)
        Front-end array of each track of `dataset`.
    folds : sequence of Fold
        Those of the evaluation, from which the threshold of the novelty comes.
    predictions : Predictions
        Those of the evaluation; their scores are written into the file.
    stage : callable, optional
        Called with the name of each step.

    Returns
    -------
    dict
        ``file, sha256, bytes``; ``parity``, the largest difference in probability of a window
        between artefact and calibrated plugin, over ``parity_tracks`` tracks, ``same_winner`` of
        which have the same winner; and ``reference``, the difference between the front end and its
        reference, in standard deviations of its columns.

    Raises
    ------
    CannotExport
        If model or front end have no ONNX form.
    RunError
        If artefact and plugin differ by more than 1e-3 in probability, or the novelty does.
    """
    stage("writing the ONNX file")
    beta, takes_audio = run.record.beta or 1.0, not isinstance(dataset, FeatureTable)
    proto, windows = compose(model, fitted, takes_audio=takes_audio, beta=beta)
    needed = 0 if isinstance(dataset, FeatureTable) else shortest(model.card.frontend)
    novelty = _novelty(model, windows, arrays, folds)
    if novelty:
        add_novelty(proto, novelty, arrays[0].shape[1])
    add_metadata(proto, metadata_of(run, predictions, windows, needed))
    content: bytes = proto.SerializeToString(deterministic=True)
    frontend, recorded = model.card.frontend, np.array(dataset.recorded)
    chosen = recorded[_evenly(len(recorded), _TRACKS)].tolist()
    heard = feature_arrays(model, dataset, chosen, whole=True) if dataset.is_averaged else arrays
    if takes_audio and isinstance(frontend, TimedFrontEnd):
        lasting = sum(len(heard[index]) for index in chosen) * frontend.hop / frontend.sample_rate
        most = max(_REFERENCES, int(len(chosen) * _SECONDS / lasting))
        chosen = [chosen[place] for place in _evenly(len(chosen), most)]
    tracks = [dataset.tracks[index] for index in chosen]
    rows = [heard[index] for index in chosen]
    stage("comparing the ONNX file with the model")
    with atomic_path(run.artefact_path, durable=False) as temporary:
        temporary.write_bytes(content)
        try:
            artefact = Artefact(temporary, own=True)
            checked = _compare_tracks(artefact, model, fitted, tracks, rows, novelty, beta)
        except ArtefactError as error:
            reason = str(error).replace(str(temporary), run.artefact_path.name)
            raise RunError(f"{reason}; it was not kept") from error
        # Tests of the zoo compare its own front ends, on every system.
        own = type(frontend) in FRONTENDS.values() and len(dataset) < _WORTH_LIBROSA
        if artefact.takes_audio and isinstance(frontend, VerifiableFrontEnd) and not own:
            stage("comparing the front end with its reference")
            checked["reference"] = _reference_difference(model, frontend, tracks, rows)
    sha256 = hashlib.sha256(content).hexdigest()
    return {
        "file": run.artefact_path.name,
        "sha256": sha256,
        "bytes": len(content),
        **checked,
    }


def compare(
    artefact_windows: NDArray[np.float64], model_windows: NDArray[np.float64], name: str
) -> tuple[float, bool]:
    """Return the largest difference in probability of a window, and whether the winner is the same.

    Parameters
    ----------
    artefact_windows, model_windows : float64 arrays, shape (windows, classes)
        Probabilities of each.
    name : str
        Track, for the message.

    Raises
    ------
    RunError
        If they differ in windows, or by more than 1e-3 in probability.
    """
    if artefact_windows.shape != model_windows.shape:
        raise RunError(
            f"the ONNX file gives {name} {len(artefact_windows)} windows, the model "
            f"{len(model_windows)}; it was not kept"
        )
    difference = float(np.abs(artefact_windows - model_windows).max())
    if not difference <= _TOLERANCE:
        raise RunError(
            f"the ONNX file differs from the model by {difference:.2g} in the probability of "
            f"{name}, more than {_TOLERANCE:g}; it was not kept"
        )
    winners = [vote_winner(*count_votes(item)) for item in (artefact_windows, model_windows)]
    return difference, winners[0] == winners[1]


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    """Return indices of at most so many of `count` items, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def metadata_of(
    run: Run, predictions: Predictions, windows: WindowGrid | None, needed: int
) -> ArtefactMetadata:
    """Return the metadata of the artefact of a run.

    Parameters
    ----------
    run : Run
        The run.
    predictions : Predictions
        Those of its evaluation.
    windows : WindowGrid or None
        Position of the windows in samples, where it is known.
    needed : int
        Samples of the shortest waveform that can be judged; 0 if that is not known.
    """
    record, dataset = run.record, run.record.dataset
    scores = score(predictions)
    return ArtefactMetadata(
        format=FORMAT,
        run=run.id,
        model=replace(record.model.description, title=record.title),
        classes=list(predictions.classes),
        frontend=record.frontend,
        frontend_plugin=_frontend_plugin(record),
        shortest=needed or UNSET,
        windows=windows,
        decision="mean" if record.members else UNSET,
        params=record.params,
        dataset=TrainingData(
            name=dataset.name,
            fingerprint=dataset.fingerprint,
            tracks=dataset.tracks,
            bandwidth=usual_bandwidth(dataset.bandwidth) or UNSET,
        ),
        protocol=record.protocol,
        seed=record.seed,
        metrics={name: getattr(scores, name) for name in _METRICS},
        thresholds=thresholds(predictions),
        versions=record.versions,
        intended_use=intended_use(record),
    )


def _frontend_plugin(record: RunRecord) -> FrontEndInfo | UnsetType:
    """Return what an artefact tells of the weights in it, without the path of a loose file."""
    plugin = record.frontend_plugin
    return replace(plugin, spec=None) if plugin and plugin.package else UNSET


def _novelty(
    model: Model,
    windows: WindowGrid | None,
    arrays: Sequence[NDArray[np.float32]],
    folds: Sequence[Fold],
) -> Novelty | None:
    """Return the novelty of the windows of a model, None if their position is not known."""
    frontend = model.card.frontend
    if windows is None or not isinstance(frontend, TimedFrontEnd):
        return None
    rows, step = windows.length // frontend.hop, windows.hop // frontend.hop
    return fit_novelty(arrays, folds, Windowing(frontend.layout, rows, step))


def _compare_tracks(
    artefact: Artefact,
    model: Model,
    fitted: object,
    tracks: Sequence[Track],
    rows: Sequence[NDArray[np.float32]],
    novelty: Novelty | None = None,
    beta: float = 1.0,
) -> dict[str, float]:
    """Return the number of tracks, the largest difference, and the number of equal winners."""
    answers = model.predict(fitted, rows, len(artefact.classes))
    expected = [calibrated(answer, beta) for answer in answers]
    found: Iterable[NDArray[np.float64]]
    if artefact.takes_audio:
        heard = (_heard(artefact, model, track) for track in tracks)
        found = (
            _with_novelty_of(novelty, windows, array, track.id)
            for windows, array, track in zip(heard, rows, tracks, strict=True)
        )
    else:
        found = _run_together(artefact, rows)
    compared = [
        compare(windows, answer, track.id)
        for windows, answer, track in zip(found, expected, tracks, strict=True)
    ]
    differences, same = zip(*compared, strict=True)
    return {"parity_tracks": len(tracks), "parity": max(differences), "same_winner": sum(same)}


def _with_novelty_of(
    novelty: Novelty | None, windows: Windows, array: NDArray[np.float32], name: str
) -> NDArray[np.float64]:
    """Return the probabilities of windows whose novelty is that of the front-end array."""
    if novelty and not np.allclose(windows.novelty, novelty(array), _TOLERANCE, _TOLERANCE):
        raise RunError(f"the ONNX file gives {name} another novelty; it was not kept")
    return windows.probabilities


def _run_together(
    artefact: Artefact, tracks: Sequence[NDArray[np.float32]]
) -> Sequence[NDArray[np.float64]]:
    """Return the probabilities of tracks of a feature table, in one run if rows are independent."""
    first = artefact.run(tracks[0]).probabilities
    together = artefact.run(np.concatenate(tracks)).probabilities
    lengths = [len(track) for track in tracks]
    by_row = len(first) == lengths[0] and len(together) == sum(lengths)
    if by_row and np.allclose(first, together[: len(first)], rtol=0, atol=_ROUNDING):
        return np.split(together, np.cumsum(lengths)[:-1])
    return [artefact.run(track).probabilities for track in tracks]


def _heard(artefact: Artefact, model: Model, track: Track) -> Windows:
    """Return the windows of a track that have a row in its array."""
    audio, kept = _waveform(model, track)
    windows = artefact.run(audio)
    is_kept = kept(len(windows.times))
    return Windows(*(values[is_kept] for values in windows[:3]))


def _waveform(
    model: Model, track: Track
) -> tuple[NDArray[np.float32], Callable[[int], NDArray[np.bool_]]]:
    """Return a waveform, and a function that tells which of its rows are in the array."""
    with recording(track) as path:
        audio, _, peaks = decode_measured(path, model.card.frontend.sample_rate)
    return audio, lambda count: sounding_rows(model, count, audio.size, lambda: peaks)


def _reference_difference(
    model: Model,
    frontend: VerifiableFrontEnd,
    tracks: Sequence[Track],
    rows: Sequence[NDArray[np.float32]],
) -> float:
    """Return the difference between front-end arrays and the reference, from 0 to 1.

    For each of a few tracks, it is the mean over columns of the difference in standard deviations
    of the column, each limited to one. The largest of these is returned.
    """
    spread = np.concatenate(rows).std(axis=0) + 1e-6
    every = -(-len(tracks) // _REFERENCES)
    worst = 0.0
    for track, array in zip(tracks[::every], rows[::every], strict=True):
        audio, kept = _waveform(model, track)
        reference = frontend.reference(audio)
        reference = reference[kept(len(reference))]
        difference = np.abs(array - reference) / spread
        worst = max(worst, float(np.minimum(difference, 1.0).mean()))
    if worst > _REFERENCE_TOLERANCE:
        raise RunError(
            f"the front end's graph differs from its reference by {worst:.2g} standard "
            f"deviations on {track.id}; the ONNX file was not kept"
        )
    return worst
