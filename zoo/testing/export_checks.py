"""Checks of the saved form of a fitted model: an ONNX graph, or the plugin's own files."""

from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.artefact import Artefact
from zoo.artefacts.compose import add_metadata, compose
from zoo.artefacts.export import compare
from zoo.artefacts.metadata import FORMAT, ArtefactMetadata
from zoo.evaluate.vote import count_votes
from zoo.testing.base_subject import PROBE_SECONDS
from zoo.testing.outcome import Skipped, require
from zoo.testing.subject import Subject, class_names
from zoo_registry.errors import CannotExport
from zoo_registry.frontend import identity

__all__ = ["export_or_reason", "export_parity", "saved_and_loaded"]

_TOLERANCE = 1e-3  # of a probability, as in `zoo.artefacts.export.compare`


def export_or_reason(subject: Subject) -> str | None:
    """The model and its front end become one ONNX graph, or `CannotExport` says why not."""
    try:
        _artefact(subject)
    except CannotExport as refusal:
        require(str(refusal).strip(), "CannotExport gives no reason; say why there is no ONNX form")
        return f"it has no ONNX form: {refusal}"
    return None


def export_parity(subject: Subject) -> None:
    """The ONNX graph answers sounds of any length as `predict` does."""
    try:
        artefact = _artefact(subject)
    except CannotExport as refusal:
        raise Skipped(f"it has no ONNX form: {refusal}") from refusal
    tracks = zip(PROBE_SECONDS, subject.probe_sounds, subject.predictions, strict=True)
    for seconds, waveform, windows in tracks:
        name = f"a track of {seconds:g} s"
        _, alike = compare(artefact.run(waveform).probabilities, windows, name)
        require(
            alike or _close(windows), f"the ONNX graph names another winner than predict for {name}"
        )


def saved_and_loaded(subject: Subject) -> None:
    """A saved model without an ONNX form predicts the same when another process loads it."""
    model, fitted = subject.model, subject.fitted
    folder = subject.new_folder()
    saved = folder / "model"
    saved.mkdir()
    if "save" not in model.hooks:
        with suppress(CannotExport):
            model.export(fitted.value)
            raise Skipped("it leaves as ONNX")
    if not model.save(fitted.value, saved):
        raise Skipped("it has neither `export` nor `save`; `zoo predict` cannot use its runs")
    np.savez(folder / "tracks.npz", *subject.probe)
    (folder / "classes").write_text(str(fitted.classes), encoding="utf-8")
    subject.in_worker("predict", folder)
    with np.load(folder / "answers.npz") as stored:
        loaded = [stored[key] for key in stored.files]
    require(
        all(
            one.shape == other.shape and np.allclose(one, other, rtol=0, atol=_TOLERANCE)
            for one, other in zip(loaded, subject.predictions, strict=True)
        ),
        "a saved model answers differently when it is loaded; save all that `predict` uses",
    )


def _artefact(subject: Subject) -> Artefact:
    """Return the artefact of a run, without the metadata that only a run has."""
    model, fitted = subject.model, subject.fitted
    graph, windows = compose(model, fitted.value)
    metadata = ArtefactMetadata(
        format=FORMAT,
        classes=list(class_names(fitted.classes)),
        frontend=identity(model.card.frontend),
        windows=windows,
    )
    add_metadata(graph, metadata)
    path = subject.new_folder() / "model.onnx"
    path.write_bytes(graph.SerializeToString())
    return Artefact(path, own=True)


def _close(windows: NDArray[np.float64]) -> bool:
    """Return whether rounding may decide between the first two classes."""
    votes, mean = count_votes(windows)
    second, first = np.sort(mean)[-2:]
    close = np.sort(windows, axis=1)[:, -2:]
    return bool(
        first - second < 2 * _TOLERANCE
        or (np.diff(close, axis=1) < 2 * _TOLERANCE).any()
        or np.sort(votes)[-2] == votes.max()
    )
