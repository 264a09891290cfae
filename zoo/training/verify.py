"""Verification of a run: its claims are computed again from the data and its predictions."""

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from zoo.datasets import Dataset
from zoo.datasets.collections.known import COLLECTIONS
from zoo.datasets.recorded import differences, usable
from zoo.evaluate.audit import audit
from zoo.evaluate.protocols import Fold, parse_protocol, split_hash
from zoo.evaluate.robustness import Sample
from zoo.execution.progress import Reporter
from zoo.plugins.from_run import recorded_run, with_tracks_of
from zoo.plugins.registry import find_dataset, open_registry, recorded_dataset, recorded_model
from zoo.training.ensemble import ensemble, weighting
from zoo.training.ensemble import faults as faults_of_members
from zoo.training.sizes import faults
from zoo.training.train import train
from zoo.training.verify_files import Finding, verify_files
from zoo_registry.errors import RunError, ZooError
from zoo_registry.plugins import Registry
from zoo_registry.predictions import Predictions
from zoo_registry.published import NAMES, is_published
from zoo_registry.runs import IMPORTANCE, WINDOWS, Run
from zoo_registry.temporary import temporary_folder

__all__ = ["differing", "lacks_recordings", "not_here", "verify", "verify_run"]

_DOI = re.compile(r"\bdoi\s*=\s*[{\"]([^}\"]+)")  # of BibTeX
_SHOWN = 5  # tracks in a sentence


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
        is not a URL, and lies in the current folder or was given to a command before. Without it,
        only the files of a published run are verified: its recordings do not come with the zoo.
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
    if run.record.members:
        return _verify_ensemble(run, rerun, data)
    if data is None and is_published(run):
        missing = Finding("dataset", f"{not_here(run)}; --data FOLDER trains it again on them")
        return [missing] * rerun + verify_files(run)[0]
    registry = open_registry()
    record = run.record
    try:
        dataset = _opened(run, data, registry)
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


def _opened(run: Run, data: str | None, registry: Registry) -> Dataset:
    """Return the dataset of a run, which the user may have named."""
    info = run.record.dataset
    opened = partial(recorded_dataset, registry=registry, trust=False, within=Path())
    if data is None:
        return opened(info)
    dataset = find_dataset(data, registry, trust=False, reading=info.reading)
    return (
        with_tracks_of(recorded_run(info.kept_from), dataset, opened) if info.kept_from else dataset
    )


def _verify_ensemble(run: Run, rerun: bool, data: str | None) -> list[Finding]:
    """Verify a run that combines others."""
    findings = [Finding("members", fault) for fault in faults_of_members(run)]
    try:
        if data is None and lacks_recordings(run):
            findings = verify_files(run)[0] + findings
        else:
            findings = verify(run, _opened(run, data, open_registry())) + findings
    except ZooError as error:
        findings.insert(0, Finding("dataset", str(error)))
    return findings or (_combined_again(run) if rerun else [])


def _combined_again(run: Run) -> list[Finding]:
    """Combine the members of an ensemble again, and compare all files."""
    members = [recorded_run(member.run) for member in run.record.members]
    with temporary_folder() as root:
        try:
            again = ensemble(members, weighting(run), root=Path(root))
        except ZooError as error:
            return [Finding("rerun", str(error))]
        findings = differing(run, again)
        if not findings and run.record.artefact.sha256 != again.record.artefact.sha256:
            findings = [Finding("rerun", "the repetition gives another ONNX file")]
    return findings


def lacks_recordings(run: Run) -> bool:
    """Return whether the recordings of a run do not come with the zoo.

    Parameters
    ----------
    run : Run
        A run; such are the published ones, and ensembles of them alone.
    """
    members = run.record.members
    return is_published(run) or bool(members and all(one.run in NAMES for one in members))


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
        return [*findings, Finding("split", f"the data can no longer be split like this: {error}")]
    if split_hash(used, folds) != run.record.split:
        findings.append(
            Finding("split", f"{protocol.spec} with seed {run.record.seed} splits differently")
        )
    if audit(used, folds) != run.record.audit:
        findings.append(Finding("audit", "the audit of this split is not the one recorded"))
    findings += _predictions(run, used, folds, predictions)
    findings += _robustness(run, used, folds)
    findings += [Finding("sizes", fault) for fault in faults(run, used, folds)]
    return findings


def differing(run: Run, again: Run) -> list[Finding]:
    """Compare the predictions of a run, and those of changed tracks, with its repetition."""
    findings = _differing(run.predictions(), again.predictions(), "tracks")
    one, other = run.robustness(), again.robustness()
    if not findings and one and other:
        if one.changes != other.changes:
            return [Finding("rerun", "the repetition was tested on other changes")]
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
        f"{int(changed.sum())} of {len(one)} {what} are predicted differently, "
        f"by up to {worst.max():.2g} in probability"
    )
    return [Finding("rerun", detail)]


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
