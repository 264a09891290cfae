"""Tests that two runs have in common, whether they are of one board or not."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zoo.datasets.base import components
from zoo.evaluate.audit import leaks
from zoo_registry.errors import UsageError
from zoo_registry.predictions import ChangedPredictions, Predictions
from zoo_registry.runs import Run

__all__ = ["SharedTests", "board_of", "shared_changes", "shared_tests"]


@dataclass(frozen=True)
class SharedTests:
    """Answers of two runs in the tests that both took.

    Attributes
    ----------
    first, second : Predictions
        Answers to tracks of real classes, in the same order, with the same names and groups.
    basis : str
        Sentence on what is compared; empty if the runs are of one board and took the same tests.
    is_one_board : bool
        Whether the runs are of one board.
    by_split : bool
        Whether the tests are those of repeated splits which both runs have in common. If not,
        groups of tracks are independent of each other.
    """

    first: Predictions
    second: Predictions
    basis: str
    is_one_board: bool
    by_split: bool = False

    @property
    def tests(self) -> tuple[Predictions, Predictions]:
        """The answers of both; without common splits each test of a track has an own name."""
        if self.by_split:
            return self.first, self.second
        names = tuple(f"{track} {number}" for track, number in _nth(self.first.tracks))
        return replace(self.first, tracks=names), replace(self.second, tracks=names)


def board_of(run: Run) -> Hashable:
    """Return what runs of one board have in common."""
    record = run.record
    return record.used, record.protocol.spec, record.protocol.grouped, leaks(record.audit)


def shared_tests(one: Run, other: Run) -> SharedTests:
    """Return the answers of two runs in the tests that both took.

    On one board these are tests of the same track and, if it is tested several times, in the same
    split. Another seed means other splits: then the tests of a track are paired in their order, and
    groups of tracks are independent. On different boards a track is recognised by its content, and
    its first test counts; tracks are of one group if they are so in either run.

    Parameters
    ----------
    one, other : Run
        Runs with all folds.

    Raises
    ------
    UsageError
        If no track was tested by both.
    RunError
        If the predictions of a run are missing or damaged.
    """
    both = one.predictions().scored, other.predictions().scored
    is_one_board = board_of(one) == board_of(other)
    keys: list[list[Hashable]] = [list(own) for own in _keys(*both)]
    is_repeated = any(len(set(own)) < len(own) for own in keys)
    seeds = [run.record.seed for run in (one, other)]
    by_split = is_one_board and is_repeated and seeds[0] == seeds[1]
    if by_split:
        folds = (run.folds.tolist() for run in both)
        keys = [list(zip(own, of, strict=True)) for own, of in zip(keys, folds, strict=True)]
    elif is_one_board:
        keys = [list(_nth(own)) for own in keys]
    pairs = _pairs(*keys)
    labels = [[run.classes[label] for label in run.labels.tolist()] for run in both]
    alike = [(a, b) for a, b in pairs if labels[0][a] == labels[1][b]]
    if not alike:
        raise UsageError(
            f"{one.id} and {other.id} cannot be compared, since no track was tested by both under "
            f"the same label: {_apart(one, other)}"
        )
    first, second = (run.take([pair[side] for pair in alike]) for side, run in enumerate(both))
    if not is_one_board:
        both_groups = zip(first.groups.tolist(), second.groups.tolist(), strict=True)
        groups = np.array(components([[f"0 {a}", f"1 {b}"] for a, b in both_groups]))
        first = replace(first, groups=groups, folds=np.zeros_like(groups))
    second = replace(second, tracks=first.tracks, groups=first.groups, folds=first.folds)
    unit = "tests" if is_repeated else "tracks"
    took = f"{len(alike)} {unit} that both took, of {len(both[0])} and {len(both[1])}"
    sentences = []
    if is_one_board and is_repeated and not by_split:
        sentences.append(
            f"The seeds {seeds[0]} and {seeds[1]} have other splits, so that the runs are compared "
            "by track: the tests of a track are paired in their order, and p and interval are "
            "those of single splits."
        )
    if not is_one_board:
        took = f"{len(alike)} tracks that both were tested on, of {_tracks(both[0])} and "
        took += f"{_tracks(both[1])}"
        sentences.append(
            f"The runs are of different boards ({_apart(one, other)}), and are compared on the "
            f"{took}." + " The first test of each track counts." * is_repeated
        )
    elif len(alike) < max(map(len, both)):
        sentences.append(f"The runs are compared in the {took}.")
    if left := len(pairs) - len(alike):
        sentences.append(f"{left} more have another label in the other run.")
    sizes = [len(run.real) for run in both]
    if {both[0].classes[n] for n in both[0].real} != {both[1].classes[n] for n in both[1].real}:
        sentences.append(
            f"{one.id} chooses among {sizes[0]} classes, {other.id} among {sizes[1]}"
            + (" others." if sizes[0] == sizes[1] else ".")
        )
    return SharedTests(first, second, " ".join(sentences), is_one_board, by_split)


def shared_changes(
    one: ChangedPredictions, other: ChangedPredictions, names: Sequence[str]
) -> tuple[ChangedPredictions, ChangedPredictions]:
    """Return the answers of two runs to the tracks that both were asked about with a change.

    Parameters
    ----------
    one, other : ChangedPredictions
        Answers of the runs.
    names : sequence of str
        Changes that are the same for both.
    """
    both = (one, other)
    keys = [
        list(zip(changed.changes, own, strict=True))
        for changed, own in zip(both, _keys(one.predictions, other.predictions), strict=True)
    ]
    pairs = [(a, b) for a, b in _pairs(*keys) if one.changes[a] in names]
    return one.take([a for a, _ in pairs]), other.take([b for _, b in pairs])


def _keys(*runs: Predictions) -> list[list[tuple[str, str]]]:
    """Return what tells each row's track: its content, and its name if copies have that."""
    several = set()
    for run in runs:
        names: dict[str, str] = {}
        for content, name in zip(run.digests, run.tracks, strict=True):
            if names.setdefault(content, name) != name:
                several.add(content)
    return [
        [(d, t if d in several else "") for d, t in zip(run.digests, run.tracks, strict=True)]
        for run in runs
    ]


def _nth(keys: Iterable[Hashable]) -> Iterator[tuple[Hashable, int]]:
    """Yield each key, and the number of times that it was there before."""
    before: Counter[Hashable] = Counter()
    for key in keys:
        yield key, before[key]
        before[key] += 1


def _pairs(one: Sequence[Hashable], other: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Return the rows of either run that have a key in common, the first ones of each key."""
    first, second = (
        {key: row for row, key in reversed(list(enumerate(keys)))} for keys in (one, other)
    )
    return sorted((row, second[key]) for key, row in first.items() if key in second)


def _tracks(predictions: Predictions) -> int:
    return len(set(predictions.tracks))


def _apart(one: Run, other: Run) -> str:
    """Return in words why two runs are of different boards, or took other tests."""
    records = one.record, other.record
    titles = [record.dataset.title for record in records]
    if titles[0] == titles[1]:  # of two states
        titles = [f"{record.dataset.title} {record.used[:8]}" for record in records]
    kinds = {
        "dataset": titles if records[0].used != records[1].used else ["", ""],
        "protocol": [record.protocol.spec for record in records],
        "groups": [
            "kept together" if record.protocol.grouped else "split by track" for record in records
        ],
    }
    differing = {name: pair for name, pair in kinds.items() if pair[0] != pair[1]}
    is_leaky = [leaks(record.audit) for record in records]
    words = [f"{name} {a} and {b}" for name, (a, b) in differing.items()]
    if is_leaky[0] != is_leaky[1]:
        words.append(f"leakage in the {'first' if is_leaky[0] else 'second'} only")
    return "; ".join(words) or f"seed {records[0].seed} and {records[1].seed}"
