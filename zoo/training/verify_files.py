"""Verification of a run without its data: its files against its record and its predictions."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from zoo.artefacts.model_card import EDITIONS, model_card
from zoo.evaluate.importance import importances
from zoo.evaluate.window_answers import window_faults
from zoo_registry.errors import RunError
from zoo_registry.predictions import OTHER, Predictions
from zoo_registry.published import is_published
from zoo_registry.runs import EMBEDDINGS, Run
from zoo_registry.text import shown

__all__ = ["Finding", "verify_files"]

_CARD = "README.md does not show what the predictions give"


@dataclass(frozen=True)
class Finding:
    """A difference between a run and its claims.

    Attributes
    ----------
    what : str
        "record", "dataset", "split", "audit", "predictions", "windows", "robustness",
        "importance", "sizes", "card", "artefact", "embeddings", "members" or "rerun".
    detail : str
        One sentence.
    """

    what: str
    detail: str


def verify_files(run: Run) -> tuple[list[Finding], Predictions | None]:
    """Compare the files of a complete run with its record and its predictions, without its dataset.

    Parameters
    ----------
    run : Run
        A complete run.

    Returns
    -------
    list of Finding
        The differences; empty if there are none.
    Predictions or None
        The predictions, if they can be read.
    """
    findings = list(_record(run))
    if not run.is_scored:
        return [*findings, Finding("record", f"the run is not complete: {run.lack}")], None
    try:
        predictions = run.read_predictions(run.predictions_path)
    except RunError as error:
        return [*findings, Finding("predictions", str(error))], None
    content = run.content(run.predictions_path)
    if hashlib.sha256(content).hexdigest() != run.record.predictions:
        changed = "predictions.csv is not the file that the run wrote"
        findings.append(Finding("predictions", changed))
    try:
        run.robustness()
    except RunError as error:
        findings.append(Finding("robustness", str(error)))
    try:
        importances(run, predictions)
    except RunError as error:
        findings.append(Finding("importance", str(error)))
    findings += [Finding("windows", fault) for fault in window_faults(run, predictions)]
    return [*findings, *_files(run, predictions)], predictions


def _record(run: Run) -> Iterator[Finding]:
    # The id is computed from the record. A folder may be renamed; then other files name the run.
    if run.id != run.record.id and not is_published(run) and not _is_named(run):
        yield Finding(
            "record",
            f"run.json describes {run.record.id}, and its folder is {run.id}: seed, parameters, "
            "versions or data were changed afterwards",
        )


def _is_named(run: Run) -> bool:
    """Return whether the card and the ONNX file of a run have the id that its record gives."""
    name = run.record.id.encode()
    try:
        return name in run.content(run.card_path) and (
            not run.has_artefact or name in run.content(run.artefact_path)
        )
    except OSError:
        return False


def _files(run: Run, predictions: Predictions) -> Iterator[Finding]:
    try:
        card = run.content(run.card_path)
        if not any(model_card(run, predictions, edition=n).encode() == card for n in EDITIONS):
            yield Finding("card", _of_former_version(run, card) or _CARD)
    except OSError as error:
        yield Finding("card", f"README.md cannot be read: {error.strerror}")
    except RunError:
        pass  # it shows answers to changed tracks, and their damage is a finding already
    if run.record.status == "no artefact":
        yield Finding("artefact", str(run.lack))
    expected = run.record.artefact.sha256
    if expected is not None:
        try:
            found = hashlib.sha256(run.content(run.artefact_path)).hexdigest()
        except OSError as error:
            yield Finding("artefact", f"{run.artefact_path.name} cannot be read: {error.strerror}")
        else:
            if found != expected:
                yield Finding("artefact", "model.onnx is not the file that the run wrote")
    damaged = run.damaged()
    if lost := [name for name in damaged if name in run.record.artefact.saved]:
        yield Finding("artefact", run.damage(lost))
    if EMBEDDINGS in damaged:
        yield Finding("embeddings", run.damage([EMBEDDINGS]))


def _of_former_version(run: Run, card: bytes) -> str | None:
    """Return a sentence if `OTHER` is a class on the card, as it was to earlier versions."""
    if f"\n| {OTHER} |".encode() not in card:
        return None
    return (
        f"README.md is that of an earlier version, which scored {OTHER} as a class; to train the "
        f"model again, run `zoo runs remove {run.id}` and `{shown(run.record.command)}`"
    )
