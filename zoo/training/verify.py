"""Verification of a run: its claims are computed again from the data and its predictions."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from zoo.artefacts.model_card import EDITIONS, model_card
from zoo.datasets import Dataset
from zoo.datasets.collections.known import COLLECTIONS
from zoo.datasets.recorded import differences, usable
from zoo.evaluate.audit import audit
from zoo.evaluate.importance import importances
from zoo.evaluate.protocols import Fold, parse_protocol, split_hash
from zoo.evaluate.robustness import Sample
from zoo.evaluate.window_answers import window_faults
from zoo.execution.progress import Reporter
from zoo.plugins.from_run import recorded_run, with_tracks_of
from zoo.plugins.registry import find_dataset, open_registry, recorded_dataset, recorded_model
from zoo.training.sizes import faults
from zoo.training.train import train
from zoo_registry.errors import RunError, ZooError
from zoo_registry.predictions import OTHER, Predictions
from zoo_registry.published import is_published
from zoo_registry.runs import EMBEDDINGS, IMPORTANCE, WINDOWS, Run
from zoo_registry.temporary import temporary_folder
from zoo_registry.text import shown

__all__ = ["Finding", "differing", "not_here", "verify", "verify_files", "verify_run"]

_CARD = "README.md does not show what the predictions give"
_DOI = re.compile(r"\bdoi\s*=\s*[{\"]([^}\"]+)")  # of BibTeX
_SHOWN = 5  # tracks in a sentence


@dataclass(frozen=True)
class Finding:
    """A difference between a run and its claims.

    Attributes
    ----------
    what : str
        "record", "dataset", "split", "audit", "predictions", "windows", "robustness",
        "importance", "sizes", "card", "artefact", "embeddings" or "rerun".
    detail : str
        One sentence.
    """

    what: str
    detail: str


def verify_run(
    run: Run,
    *,
    rerun: bool = False,
    data: str | None = None,
    file: str | None = None,
    frontend: str | None = None,
    reporter: Reporter | None = None,
) -> list[Finding]:
    """Verify a run.

    Parameters
    ----------
    run : Run
        A complete run.
    rerun : bool
        Whether to train it again and compare the predictions.
    data : str, optional
        The dataset, as ``--data`` takes it; by default the source that the run records, if that
        is no URL, and lies in the current folder or was given to a command before. Without it, only
        the files of a published run are verified, because its recordings do not come with the zoo.
    file : str, optional
        File of the model, if the user has named it; the code of no other file is loaded.
    frontend : str, optional
        File of the front end, if the user has named it.
    reporter : Reporter, optional
        Receiver of the progress of a repetition.

    Returns
    -------
    list of Finding
        The differences; empty if there are none.
    """
    if data is None and is_published(run):
        missing = Finding("dataset", f"{not_here(run)}; --data FOLDER trains it again on them")
        return [missing] * rerun + verify_files(run)[0]
    registry = open_registry()
    record = run.record
    try:
        if data is None:
            dataset = recorded_dataset(record.dataset, registry, trust=False, within=Path())
        else:
            dataset = find_dataset(data, registry, trust=False, reading=record.dataset.reading)
            if kept_from := record.dataset.kept_from:
                opened = partial(recorded_dataset, registry=registry, trust=False, within=Path())
                dataset = with_tracks_of(recorded_run(kept_from), dataset, opened)
    except ZooError as error:
        return [Finding("dataset", str(error))]
    findings = verify(run, dataset)
    if rerun and not findings:
        tuned = record.tuned
        with temporary_folder() as root:
            try:
                model = recorded_model(
                    record, file, "zoo runs verify {} --rerun", registry, frontend
                )
                again = train(
                    model.source.name,
                    dataset,
                    frontend=model.source.frontend_spec,
                    protocol=record.protocol.spec,
                    grouped=record.protocol.grouped,
                    params=record.params,
                    nested=tuned.trials if tuned and tuned.nested else 0,
                    tuner=(tuned and tuned.tuner) or "random",
                    seed=record.seed,
                    robustness=record.robustness.tracks if record.robustness else 0,
                    sizes=[one.size for one in record.sizes.sizes] if record.sizes else (),
                    reporter=reporter,
                    registry=registry,
                    root=Path(root),
                )
            except ZooError as error:
                return [Finding("rerun", str(error))]
            if not again.complete:
                return [Finding("rerun", f"the repetition is not complete: {again.lack}")]
            findings = differing(run, again)
    return findings


def not_here(run: Run) -> str:
    """Return a sentence on the recordings of a published run, and where they are published."""
    dataset, of = run.record.dataset, ""
    if known := COLLECTIONS.get(dataset.collection or ""):
        doi = _DOI.search(known.citation)
        of = f", {dataset.tracks} of {known.title} ({f'doi:{doi[1]}' if doi else known.address}),"
    return f"its recordings{of} do not come with the zoo"


def verify(run: Run, dataset: Dataset) -> list[Finding]:
    """Compare a complete run with its dataset.

    Parameters
    ----------
    run : Run
        A complete run.
    dataset : Dataset
        Its dataset, every byte read again.

    Returns
    -------
    list of Finding
        The differences; empty if there are none.
    """
    findings, predictions = verify_files(run)
    if not predictions:
        return findings
    protocol = run.record.protocol
    try:
        used = usable(run, dataset)
        findings += [Finding("dataset", text) for text in differences(run, dataset, predictions)]
        if parse_protocol(protocol.spec).repeats > len(run.record.folds):
            return [*findings, Finding("split", f"{protocol.spec} has more folds than the run")]
        folds = parse_protocol(protocol.spec).folds(used, run.record.seed, protocol.grouped)
    except ZooError as error:
        return [*findings, Finding("split", f"the data cannot be split so any more: {error}")]
    if split_hash(used, folds) != run.record.split:
        findings.append(
            Finding("split", f"{protocol.spec} with seed {run.record.seed} splits otherwise")
        )
    if audit(used, folds) != run.record.audit:
        findings.append(Finding("audit", "the audit of this split is not the one recorded"))
    findings += _predictions(run, used, folds, predictions)
    findings += _robustness(run, used, folds)
    findings += [Finding("sizes", fault) for fault in faults(run, used, folds)]
    return findings


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


def differing(run: Run, again: Run) -> list[Finding]:
    """Compare the predictions of a run, and those of changed tracks, with its repetition."""
    findings = _differing(run.predictions(), again.predictions(), "tracks")
    one, other = run.robustness(), again.robustness()
    if not findings and one and other:
        if one.changes != other.changes:
            return [Finding("rerun", "the repetition was asked about other changes")]
        findings = _differing(one.predictions, other.predictions, "changed tracks")
    elif not findings and (one or other):
        return [Finding("rerun", "only one of run and repetition was asked about changes")]
    fewer, fewer_again = run.sizes(), again.sizes()
    if not findings and fewer:
        if fewer_again is None or fewer.sizes != fewer_again.sizes:
            return [Finding("rerun", "the repetition was not fitted to the same numbers of tracks")]
        what = "answers after training on fewer tracks"
        findings = _differing(fewer.predictions, fewer_again.predictions, what)
    for name in (WINDOWS, IMPORTANCE):  # runs of earlier versions have neither
        known, found = run.hashes.get(name), again.hashes.get(name)
        if not findings and known and found != known:
            return [Finding("rerun", f"the repetition has another {name}")]
    return findings


def _differing(one: Predictions, other: Predictions, what: str) -> list[Finding]:
    if one.tracks != other.tracks or one.folds.tolist() != other.folds.tolist():
        return [Finding("rerun", f"the repetition tested other {what}")]
    worst = np.abs(one.probabilities - other.probabilities).max(axis=1)
    changed = (worst > 0) | (one.votes != other.votes).any(axis=1)
    if not changed.any():
        return []
    detail = (
        f"{int(changed.sum())} of {len(one)} {what} are predicted otherwise, "
        f"by up to {worst.max():.2g} in probability"
    )
    return [Finding("rerun", detail)]


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


def _predictions(
    run: Run, dataset: Dataset, folds: Sequence[Fold], predictions: Predictions
) -> Iterator[Finding]:
    expected = [(dataset.tracks[n].id, fold.number) for fold in folds for n in fold.test]
    if expected != list(zip(predictions.tracks, predictions.folds.tolist(), strict=True)):
        yield Finding("predictions", "its rows are not the tested tracks in the order of the split")
        return
    tested = [n for fold in folds for n in fold.test]
    if predictions.classes != dataset.classes:
        yield Finding("predictions", "its classes are not those of the dataset")
    else:
        wrong = np.flatnonzero(predictions.labels != dataset.labels[tested])
        if wrong.size:
            names = ", ".join(predictions.tracks[row] for row in wrong[:_SHOWN])
            yield Finding("predictions", f"the label is not the dataset's: {names}")
    if not np.array_equal(predictions.groups, dataset.groups[tested]):
        yield Finding("predictions", "its groups are not those of the dataset")
    sums = predictions.probabilities.sum(axis=1)
    if (np.abs(sums - 1) > 1e-6).any() or (predictions.votes.sum(axis=1) < 1).any():  # noqa: PLR2004
        yield Finding("predictions", "it holds rows without votes, or probabilities off one")


def _robustness(run: Run, dataset: Dataset, folds: Sequence[Fold]) -> Iterator[Finding]:
    """Yield where the answers to changed tracks are not those of the sample."""
    info = run.record.robustness
    if info is None:
        return
    try:
        changed = run.robustness()
    except RunError:  # a finding already
        return
    tracks = Sample.draw(dataset, folds, info.tracks, {}).tracks
    skipped = {(entry.track, entry.change) for fold in run.record.folds for entry in fold.skipped}
    expected = {
        (change, dataset.tracks[index].id, fold)
        for fold, indices in tracks.items()
        for index in indices
        for change in info.changes
    }
    found, labelled = [], []
    if changed:
        own = changed.predictions
        found = list(zip(changed.changes, own.tracks, own.folds.tolist(), strict=True))
        labelled = [(t, own.classes[n]) for t, n in zip(own.tracks, own.labels, strict=True)]
    missing = {(track, change) for change, track, _ in expected - set(found)}
    if len(set(found)) < len(found) or set(found) - expected or missing - skipped:
        yield Finding("robustness", "its rows are not the changes of the tracks of the sample")
    labels = {track.id: track.label for track in dataset.tracks}
    if any(labels.get(track) != label for track, label in labelled):
        yield Finding("robustness", "a label is not the dataset's")


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
