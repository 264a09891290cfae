"""An ensemble as a run: complete runs of one board, combined without training anything."""

import hashlib
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from zoo.artefacts.ensemble import write_ensemble
from zoo.artefacts.model_card import model_card
from zoo.evaluate.ensemble import (
    WEIGHTS,
    Weighting,
    combined,
    combined_changes,
    in_order,
    weigh,
)
from zoo.execution.progress import Reporter
from zoo.plugins.from_run import recorded_run
from zoo.plugins.registry import open_registry
from zoo.training.ensemble_record import dataset_of, ensemble_record, now
from zoo.training.events import keep
from zoo.workspace import chosen, find_alike, locked, run_folder
from zoo.workspace import runs as known_runs
from zoo_registry.errors import CannotExport, RunError, StorageError, UsageError, ZooError
from zoo_registry.files import drop_links, write_text
from zoo_registry.predictions import ChangedPredictions, Predictions
from zoo_registry.published import is_published
from zoo_registry.record import ArtefactInfo, MemberInfo, RobustnessInfo, RunRecord
from zoo_registry.runs import ARTEFACT, FILES, FOLDERS, PREDICTIONS, ROBUSTNESS, Run
from zoo_registry.text import few

__all__ = ["ensemble", "faults", "members_of", "weighting"]

_SHOWN = 5  # members in a sentence
_ROUNDING = 1e-6  # in probability, between two machines
_STEP = 0.002  # of a weight


@dataclass(frozen=True)
class _Combination:
    """What follows from the members: the record, and the answers of the ensemble."""

    record: RunRecord
    predictions: Predictions
    changed: ChangedPredictions | None


def ensemble(
    runs: Iterable[str | Run],
    weights: Weighting = "mean",
    *,
    reporter: Reporter | None = None,
    root: Path | None = None,
) -> Run:
    """Combine complete runs of one board to a run: what `zoo.ensemble` does.

    Parameters
    ----------
    runs, weights : iterable of str or Run, {"mean", "fit"}
        As for `zoo.ensemble`; so are the errors.
    reporter : Reporter, optional
        Receiver of notes; by default they are not shown.
    root : Path, optional
        Folder for the run; by default the workspace's models folder.

    Returns
    -------
    Run
        Complete; or without an artefact, with the reason in the record.
    """
    reporter = reporter or Reporter()
    if weights not in WEIGHTS:
        raise UsageError(f"there are no weights {weights!r}; give one of {', '.join(WEIGHTS)}")
    members = _members(runs)
    made = _combine(members, weights)
    record = made.record
    folder = run_folder(record, root)
    waiting = f"{record.id} is being made by another process; waiting for it"
    with locked(folder, partial(reporter.note, waiting)):
        with suppress(RunError):
            known = Run.read(folder)
            if known.complete and not known.damaged() and known.record.members == record.members:
                reporter.note(f"{known.id} is there already: {folder}")
                return known
            reporter.note(f"{known.id} is made again: {_reason(known, record)}")
        for name in FILES | FOLDERS:
            drop_links(folder / name)  # nothing outside of the run is written through them
        run = Run(folder, record)
        _write(run, members, made)
    return run


def faults(run: Run) -> Iterator[str]:
    """Yield where an ensemble is not what its members give, each as a sentence.

    Parameters
    ----------
    run : Run
        Any run; one that is no ensemble has no members.
    """
    members = []
    for info in run.record.members:
        try:
            members.append(recorded_run(info.run))
            members[-1].predictions()
        except ZooError as error:
            yield f"its member {info.run} cannot be read: {error}; `{info.command}` trains it"
    if not members or len(members) < len(run.record.members):
        return
    others = [*filter(None, map(_change, run.record.members, members))]
    for change in others:
        yield f"{change}; `{run.record.command}` combines what is there now"
    if others:
        return
    try:
        made = _combine(_members(members), weighting(run))
        own, changed = run.predictions(), run.robustness()
    except ZooError as error:
        yield str(error)
        return
    if _differ(own, made.predictions):
        yield "predictions.csv is not what its members and their weights give"
    answers = [each.predictions for each in (changed, made.changed) if each]
    if len(answers) == 1 or (answers and _differ(*answers)):
        yield "robustness.csv is not what its members and their weights give"
    weights = zip(run.record.members, made.record.members, strict=True)
    if any(abs(one.weight - other.weight) > _STEP for one, other in weights):
        yield "its weights are not those that its members give"


def _change(info: MemberInfo, member: Run) -> str | None:
    """Return what has changed of a member since the ensemble was made."""
    known = member.hashes
    if known.get(PREDICTIONS) != info.predictions:
        return f"its member {info.run} has other answers now"
    if known.get(ROBUSTNESS) != info.robustness:
        return f"its member {info.run} was tested on other changes since"
    return None if known.get(ARTEFACT) == info.artefact else f"{info.run} has another ONNX file now"


def weighting(run: Run) -> Weighting:
    """Return how an ensemble was asked to weigh its members.

    Parameters
    ----------
    run : Run
        The ensemble.
    """
    return "fit" if run.record.params.get("weights") == "fit" else "mean"


def _differ(one: Predictions, other: Predictions) -> bool:
    """Whether two predictions differ by more than rounding."""
    rows = [(each.classes, each.tracks, each.folds.tolist()) for each in (one, other)]
    if rows[0] != rows[1]:
        return True
    return bool(np.abs(one.probabilities - other.probabilities).max(initial=0) > _ROUNDING)


def _reason(known: Run, record: RunRecord) -> str:
    """Return why an ensemble that is there is made again."""
    if known.lack:
        return known.record.error or known.status
    if known.record.members != record.members:
        return "a member has another ONNX file, or other answers to changed tracks"
    return f"{' and '.join(known.damaged())} is missing or changed"


def members_of(runs: Iterable[str | Run]) -> list[Run]:
    """Return the runs that are meant, of one split if the words allow it.

    Parameters
    ----------
    runs : iterable of str or Run
        As for `ensemble`.
    """
    return find_alike(runs, _tests)


def _tests(run: Run) -> Hashable:
    """Return what two runs have in common that tested the same tracks alike."""
    own = run.record
    classes = tuple(sorted(own.dataset.classes))
    return own.used, own.protocol.spec, own.protocol.grouped, own.split, classes


def _members(runs: Iterable[str | Run]) -> list[Run]:
    """Return different complete runs of one board, sorted by id."""
    members = sorted(members_of(runs), key=lambda run: run.id)
    if len(members) < 2:  # noqa: PLR2004
        raise UsageError("an ensemble has two members at least; name two runs or more")
    for run in members:
        if run.lack:
            raise UsageError(run.lack)
        if run.record.members:
            names = few([member.run for member in run.record.members], _SHOWN)
            raise UsageError(f"{run.id} is an ensemble itself; name its members: {names}")
    for one, other in pairwise(members):
        if one.record.predictions == other.record.predictions:
            twice = one.id == other.id
            raise UsageError(
                f"{one.id} is named twice; an ensemble has different members"
                if twice
                else f"{one.id} and {other.id} have the same answers; leave one of them out"
            )
        if reason := _apart(one, other):
            raise UsageError(
                f"{one.id} and {other.id} cannot be combined: {reason}; {_instead(one, other)}"
            )
    return members


def _apart(one: Run, other: Run) -> str | None:
    """Return what two runs have not in common, None if they tested the same tracks alike."""
    own, its = one.record, other.record
    if own.used != its.used:
        return f"they have other tracks ({own.dataset.title} and {its.dataset.title})"
    if own.protocol.spec != its.protocol.spec:
        return f"they have other protocols ({own.protocol.spec} and {its.protocol.spec})"
    if own.protocol.grouped != its.protocol.grouped:
        return "one of them split groups (--ungrouped)"
    if own.split != its.split:
        seeds = f" (seeds {own.seed} and {its.seed})" * (own.seed != its.seed)
        return f"they were split otherwise{seeds}"
    if sorted(own.dataset.classes) != sorted(its.dataset.classes):
        return "they have other classes"
    return None


def _instead(one: Run, other: Run) -> str:
    """Return what can be given in place of one of two runs that do not fit each other."""
    known = [run for run in known_runs() if isinstance(run, Run) and run.complete]
    for stays, goes in ((one, other), (other, one)):
        name, params = goes.record.model.name, goes.record.params
        fitting = [
            run
            for run in known
            if run.record.model.name == name and run.id != stays.id and _tests(run) == _tests(stays)
        ]
        if fitting:
            same = [run for run in fitting if run.record.params == params]
            return f"give {chosen(same or fitting).id} in place of {goes.id}"
    own, its = one.record, other.record
    if own.used == its.used and own.seed != its.seed and not is_published(other):
        again = replace(its, protocol=own.protocol, seed=own.seed)
        return f"`{again.command}` trains one that fits {one.id}"
    return "name runs of one board of `zoo leaderboard`, such as svm@DATASET"


def _check_answers(members: Sequence[Run], answers: Sequence[Predictions]) -> None:
    """Raise `UsageError` if the rows of the answers are not the same."""
    first = answers[0]
    for member, each in zip(members, answers, strict=True):
        tested = [(own.tracks, own.folds.tolist(), own.labels.tolist()) for own in (first, each)]
        if tested[0] != tested[1]:
            raise UsageError(f"{members[0].id} and {member.id} were not tested on the same tracks")


def _combine(members: Sequence[Run], weights: Weighting) -> _Combination:
    """Return the record and the answers of an ensemble, whose files are not written."""
    for member in members:
        known = member.record.artefact.sha256
        if known and member.sha256(member.artefact_path) != known:
            raise RunError(member.damage([ARTEFACT]))
    classes = dataset_of(members).classes
    answers = [in_order(member.predictions(), classes) for member in members]
    _check_answers(members, answers)
    found = weigh(answers, weights, members[0].record.protocol.grouped)
    record = ensemble_record(members, weights, found)
    infos = [info for member in members if (info := member.record.robustness)]
    asked = [one for member in members if (one := member.robustness())]
    if len(infos) < len(members) or len(asked) < len(members):
        return _Combination(record, combined(answers, found), None)
    changes = {
        name: number
        for name, number in infos[0].changes.items()
        if all(info.changes.get(name) == number for info in infos)
    }
    changed = combined_changes(asked, answers[0], found)
    changed = changed.take([row for row, name in enumerate(changed.changes) if name in changes])
    if not changed:
        return _Combination(record, combined(answers, found), None)
    record.robustness = RobustnessInfo(
        tracks=min(info.tracks for info in infos),
        changes=changes,
        sentences={n: text for info in infos for n, text in info.sentences.items() if n in changes},
    )
    return _Combination(record, combined(answers, found), changed)


def _write(run: Run, members: Sequence[Run], made: _Combination) -> None:
    """Write the files of an ensemble, and last its record."""
    record, text = run.record, made.predictions.to_csv()
    write_text(run.predictions_path, text)
    record.predictions = _sha256(text)
    predictions = Predictions.from_csv(text, str(run.predictions_path))
    if made.changed and record.robustness:
        text = made.changed.to_csv()
        write_text(run.robustness_path, text)
        record.robustness.sha256 = _sha256(text)
    else:
        run.robustness_path.unlink(missing_ok=True)
    weights = [member.weight for member in record.members]
    try:
        described = write_ensemble(run, members, weights, predictions)
    except StorageError:
        raise
    except ZooError as error:
        described = {"error": str(error), "impossible": isinstance(error, CannotExport)}
        run.artefact_path.unlink(missing_ok=True)
    record.artefact = ArtefactInfo(**described)
    record.status = "no artefact" if record.artefact.is_due else "complete"
    record.error = record.artefact.error if record.artefact.is_due else None
    record.finished = now()
    write_text(run.card_path, model_card(run, predictions))
    run.write()
    registry = open_registry()
    for event in ("zoo_run_started", "zoo_run_finished"):
        keep(run, registry.announce(event, run=run), run.write)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
