"""Comparison of two runs: what differs between them, and what each does better."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from zoo.evaluate.audit import leaks, summary
from zoo.evaluate.board import TITLES, metric_name, p_text
from zoo.evaluate.comparison import (
    ChangeDifference,
    ClassDifference,
    ComparedRun,
    MetricDifference,
    OneRight,
    RunComparison,
    Setting,
    digits,
    limits,
    signed,
)
from zoo.evaluate.metrics import METRICS, Metric
from zoo.evaluate.robustness import by_change
from zoo.evaluate.row_names import row_names, told_apart
from zoo.evaluate.shared_tests import SharedTests, board_of, shared_changes, shared_tests
from zoo.evaluate.significance import Entries
from zoo.evaluate.vote import is_right, vote_winners
from zoo.workspace import chosen, meant
from zoo_registry.errors import RunError, UsageError
from zoo_registry.predictions import Predictions
from zoo_registry.published import is_published
from zoo_registry.record import RunRecord
from zoo_registry.runs import Run

__all__ = ["compare"]

# Metrics that compare the classes with one another, so that both runs need the same ones.
_OF_CLASSES = ("macro-f1", "roc-auc", "top3")
_FLIPS = (
    "If both runs were equally good, it would be chance which of them is ahead in a group of "
    "tracks. So p is the share of random flips of the signs of all groups that give a difference "
    "as large."
)
_SPLITS = (
    "The splits are repeated, and their training parts overlap. So p is that of a t test of the "
    "differences per split whose variance is corrected for the overlap (Nadeau & Bengio 2003)."
)


def compare(
    first: str | Path | Run, second: str | Path | Run, by: str = "accuracy"
) -> RunComparison:
    """Compare two runs: what `zoo.compare` does.

    Parameters
    ----------
    first, second, by : str, Path or Run, the same, str
        As for `zoo.compare`; so are the errors.

    Returns
    -------
    RunComparison
        Differences are the first run minus the second.
    """
    metric = METRICS[metric_name(by)]
    one, other = _runs(first, second)
    shared = shared_tests(one, other)
    names = _names((one, other))
    metrics = _metrics(one, other, shared)
    about = next((item for item in metrics if item.metric == metric.key), None)
    if about is None:
        raise UsageError(
            f"{TITLES[metric.name]} is not defined for these two runs together; --by accuracy is"
        )
    won, lost = (
        _only(*pair) for pair in ((shared.first, shared.second), (shared.second, shared.first))
    )
    return RunComparison(
        first=_described(one, names[0]),
        second=_described(other, names[1]),
        by=metric.name,
        verdict=_verdict(about, metric, names),
        basis=shared.basis,
        test=_SPLITS if shared.by_split else _FLIPS,
        notes=tuple(_notes((one, other), names, shared)),
        tests=len(shared.first),
        groups=len(set(shared.first.groups.tolist())),
        settings=tuple(_settings(one.record, other.record)),
        metrics=tuple(metrics),
        classes=tuple(_classes(shared)),
        only_first=won,
        only_second=lost,
        changes=tuple(_changes(one, other)),
    )


def _runs(first: str | Path | Run, second: str | Path | Run) -> tuple[Run, Run]:
    """Return the runs that are meant, of one board if the words allow it."""
    firsts, seconds = (
        [each] if isinstance(each, Run) else meant(str(each)) for each in (first, second)
    )
    boards = {board_of(run) for run in seconds if run.is_scored}
    one = chosen(firsts, lambda run: board_of(run) in boards)
    other = chosen(seconds, lambda run: board_of(run) == board_of(one))
    if one.folder.resolve() == other.folder.resolve():
        raise UsageError(
            f"both are the run {one.id}; name two different ones, `zoo runs list` shows them"
        )
    for run in (one, other):
        if not run.is_scored:
            raise RunError(f"there are no scores to compare: {run.lack}")
    return one, other


def _names(runs: Sequence[Run]) -> list[str]:
    """Return what tells the runs apart: as on a board, or else the board."""
    found = row_names([[run] for run in runs])
    records = [run.record for run in runs]
    boards = told_apart(
        [
            {
                "board": {
                    "on ": record.dataset.name,
                    "": f"on {record.dataset.selection or 'the whole dataset'}",
                    "read with ": record.dataset.reading and record.dataset.reading.said,
                    "by ": record.protocol.spec,
                    "split by ": "group" if record.protocol.grouped else "track",
                }
            }
            for record in records
        ]
    )
    for number, run in enumerate(runs):
        if is_published(run):
            found[number] = run.id
        elif boards[0] != boards[1]:
            found[number] = found[number].replace(f"run {run.id}", boards[number])
    return found if found[0] != found[1] else [str(run.folder) for run in runs]


def _described(run: Run, name: str) -> ComparedRun:
    record = run.record
    return ComparedRun(
        name=name,
        run=run.id,
        title=record.title,
        dataset=record.dataset.title,
        protocol=record.protocol.spec,
        grouped=record.protocol.grouped,
        tracks=len(set(run.predictions().scored.tracks)),
    )


def _settings(one: RunRecord, other: RunRecord) -> list[Setting]:
    """Return what differs between two runs, in the order in which people look for it."""
    facts = _facts(one), _facts(other)
    names = dict.fromkeys(
        name for group in zip(*facts, strict=True) for own in group for name in own
    )
    known = [{name: value for group in own for name, value in group.items()} for own in facts]
    pairs = ((name, known[0].get(name), known[1].get(name)) for name in names)
    return [Setting(name, a, b) for name, a, b in pairs if a != b]


def _facts(record: RunRecord) -> list[dict[str, Any]]:
    """Return groups of what the record says of how the run was made, by their names in words."""
    model, plugin, rest = record.model, record.frontend_plugin, dict(record.identity)
    for known in ("model", "params", "frontend", "frontend_plugin", "dataset", "protocol", "seed"):
        rest.pop(known, None)
    versions, tuned = rest.pop("versions"), dict(rest.pop("tuned", {}))
    origin = PurePath(model.file or model.name).name if model.is_file else model.distribution
    nested = tuned.pop("nested", False)
    if record.members:  # and not the hashes of their predictions
        rest["members"] = record.combines
    fields = {key: value for key, value in record.frontend.items() if key != "name"}
    return [
        {"model": model.name, "model from": f"{origin} {model.version or ''}".rstrip()},
        {f"parameter {name}": value for name, value in record.params.items()},
        {"parameters from": "a search per fold" if nested else "a search" if tuned else None},
        {f"search {name}": value for name, value in tuned.items()},
        {
            "front end": record.frontend["name"],
            "front end from": (plugin.origin if plugin else "") or None,
            "front end weights": plugin.package if plugin else None,
        },
        {f"front end {name}": value for name, value in fields.items()},
        {name.replace("_", " "): value for name, value in rest.items()},
        {
            "seed": record.seed,
            "dataset": record.dataset.title,
            "tracks": record.dataset.tracks,
            "fingerprint": record.used[:16],
            "protocol": record.protocol.spec,
            "groups": "kept together" if record.protocol.grouped else "split by track",
        },
        {f"version of {name}": value for name, value in versions.items()},
        {"Python": record.machine.python, "machine": record.machine.platform},
    ]


def _metrics(one: Run, other: Run, shared: SharedTests) -> list[MetricDifference]:
    folds = [f for run in (one, other) for f in run.record.folds if f.is_trained]
    learnt = sum(fold.train_tracks for fold in folds) / max(1, len(folds))
    entries = Entries([[run] for run in shared.tests], learnt)
    scores = entries.scores()
    found = []
    for metric in METRICS.values():
        key = metric.key
        if any(key not in own for own in scores) or not _is_fair(metric, shared):
            continue
        tested = entries.compare(metric)
        low, high = entries.interval_of_difference(metric)
        difference, p = float(tested.difference[0]), float(tested.p[0])
        ahead = "second" if (difference > 0) == metric.is_loss else "first"
        (first, *ends), (second, *other_ends) = (own[key] for own in scores)
        found.append(
            MetricDifference(
                metric=key,
                first=first,
                second=second,
                first_interval=(ends[0], ends[1]),
                second_interval=(other_ends[0], other_ends[1]),
                difference=difference,
                low=low,
                high=high,
                p=p,
                better=ahead if tested.is_sure[0] else None,
            )
        )
    return found


def _is_fair(metric: Metric, shared: SharedTests) -> bool:
    """Whether a metric means the same for both runs in the tests that both took."""
    if shared.is_one_board or metric.name not in _OF_CLASSES:
        return True
    real = [{run.classes[n] for n in run.real} for run in (shared.first, shared.second)]
    tested = {shared.first.classes[label] for label in shared.first.labels.tolist()}
    return real[0] == real[1] == tested


def _right(predictions: Predictions) -> tuple[list[bool], list[str]]:
    """Return whether each answer is right, and the answers."""
    winners = vote_winners(predictions.votes, predictions.probabilities)
    return is_right(predictions).tolist(), [predictions.classes[n] for n in winners]


def _only(one: Predictions, other: Predictions) -> tuple[OneRight, ...]:
    """Return the tracks that only one run gets right, by class and name."""
    found: dict[tuple[int, str], Counter[str]] = {}
    (is_right, _), (is_other_right, says) = _right(one), _right(other)
    rows = zip(one.labels.tolist(), one.tracks, is_right, is_other_right, says, strict=True)
    for label, track, right, other_right, said in rows:
        if right and not other_right:
            found.setdefault((label, track), Counter())[said] += 1
    return tuple(
        OneRight(track, one.classes[label], said.most_common(1)[0][0], said.total())
        for (label, track), said in sorted(found.items())
    )


def _classes(shared: SharedTests) -> list[ClassDifference]:
    first, second = (np.array(_right(run)[0]) for run in (shared.first, shared.second))
    found = []
    for number in np.unique(shared.first.labels).tolist():
        own = shared.first.labels == number
        one, other = first[own], second[own]
        found.append(
            ClassDifference(
                name=shared.first.classes[number],
                tests=int(own.sum()),
                first=float(one.mean()),
                second=float(other.mean()),
                difference=float((one.sum() - other.sum()) / own.sum()),
                won=int((one & ~other).sum()),
                lost=int((other & ~one).sum()),
            )
        )
    return found


def _changes(one: Run, other: Run) -> list[ChangeDifference]:
    """Return the robustness of both runs where they were asked about the same changed tracks."""
    changed, infos = (one.robustness(), other.robustness()), (one.record, other.record)
    if not (changed[0] and changed[1]):
        return []
    versions = [record.robustness.changes if record.robustness else {} for record in infos]
    names = [name for name, version in versions[0].items() if versions[1].get(name) == version]
    parts = shared_changes(changed[0], changed[1], names)
    scores = [
        by_change(part, run.predictions().scored)
        for part, run in zip(parts, (one, other), strict=True)
    ]
    return [
        ChangeDifference(a.change, a.tracks, a.accuracy, b.accuracy, a.accuracy - b.accuracy)
        for a, b in zip(*scores, strict=True)
    ]


def _notes(runs: Sequence[Run], names: Sequence[str], shared: SharedTests) -> list[str]:
    """Return sentences on what makes the score of a run too high."""
    found = []
    tested = set(shared.first.digests)
    for run, name in zip(runs, names, strict=True):
        record = run.record
        if record.audit and leaks(record.audit):
            share = summary(record.audit)["share"]
            found.append(
                f"{share:.0%} of the tested tracks of {name} are not new to its model: its scores "
                "are too high."
            )
        seen = tested & set(record.tuned.seen if record.tuned else ())
        if seen:
            found.append(
                f"The parameters of {name} were tuned on {len(seen)} of these tracks: its scores "
                "are too high."
            )
        found += record.trained_on
    return list(dict.fromkeys(found))


def _verdict(found: MetricDifference, metric: Metric, names: Sequence[str]) -> str:
    """Return in words which run is better."""
    by = "" if metric.name == "accuracy" else f" in {TITLES[metric.name]}"
    within = limits(found.low, found.high, signed).replace("unknown", "interval unknown")
    tail = f", p {p_text(found.p)}."
    if found.better is None:
        return (
            f"These tracks do not tell which is better{by}: {names[0]} minus {names[1]} is "
            f"{signed(found.difference)} ({within}){tail}"
        )
    better = names[0] if found.better == "first" else names[1]
    low, high = sorted(abs(end) for end in (found.low, found.high))
    size = abs(found.difference)
    return f"{better} is better{by} by {digits(size)} ({limits(low, high, digits)}){tail}"
