"""Accuracies with groups kept together beside those of a split by track."""

import re
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from zoo.evaluate.board import Board, Difference, Row
from zoo.workspace import runs
from zoo_registry.runs import Run

__all__ = ["no_pair", "side_by_side"]

_USUAL = 5  # folds


def side_by_side(boards: Sequence[Board]) -> list[Difference]:
    """Return the pairs of runs that differ only in whether groups were kept together.

    Rows of several seeds are compared by the means over the seeds that both have.

    Parameters
    ----------
    boards : sequence of Board
        Grouped and ungrouped ones.
    """
    scored = [(board, row) for board in boards for row in board.rows if row.accuracy is not None]
    ungrouped: dict[Any, dict[int, tuple[Board, float]]] = {}
    for board, row in scored:
        if not board.grouped:
            known = ungrouped.setdefault(_experiment(board, row), {})
            known |= {seed: (board, own) for seed, own in _accuracies(row)}
    found = []
    for board, row in scored:
        pairs = ungrouped.get(_experiment(board, row), {}) if board.grouped else {}
        shared = {seed: own for seed, own in _accuracies(row) if seed in pairs}
        if shared:
            grouped = fmean(shared.values())
            accuracy = fmean(pairs[seed][1] for seed in shared)
            audit = pairs[min(shared)][0].audit
            found.append(
                Difference(
                    dataset=board.title,
                    protocol=board.protocol,
                    model=board.name(row)
                    + f" (seed{'s' * (len(shared) > 1)} {', '.join(map(str, shared))})"
                    * (len(shared) < len(row.seeds)),
                    grouped=grouped,
                    ungrouped=accuracy,
                    difference=accuracy - grouped,
                    leakage=audit["share"] if audit else None,
                )
            )
    return found


def no_pair(boards: Sequence[Board]) -> str:
    """Return why `side_by_side` finds nothing, and the command that mends it.

    Parameters
    ----------
    boards : sequence of Board
        Grouped and ungrouped ones.
    """
    scored = [board for board in boards if any(row.accuracy is not None for row in board.rows)]
    for board in scored:
        own = [each for each in scored if each.fingerprint == board.fingerprint]
        kept, split = ([b.protocol for b in own if b.grouped is way] for way in (True, False))
        if board.grouped and split and not {*kept} & {*split}:
            return (
                f"No model was trained both ways with one protocol: on {board.title} groups were "
                f"kept together with {', '.join(kept)}, and split with {', '.join(split)}; the "
                "same `zoo train` commands, with and without --ungrouped, with "
                f"--protocol {_for_both(board)} make them comparable."
            )
    return (
        "No model was trained both ways; train it with and without --ungrouped, if each class "
        "has two groups at least (`zoo data info` counts them)."
    )


def _for_both(board: Board) -> str:
    """Return a protocol that splits the tracks of a board by group and by track alike."""
    if re.match("kfold|holdout", board.protocol):
        return board.protocol
    own = {run for row in board.rows if row.accuracy is not None for run in row.runs}
    tested = next(r for r in runs() if isinstance(r, Run) and r.id in own).predictions().scored
    pairs = set(zip(tested.labels.tolist(), tested.groups.tolist(), strict=True))
    fewest = min(sum(label == one for label, _ in pairs) for one, _ in pairs)
    return f"kfold:{max(2, min(fewest, _USUAL))}"


def _accuracies(row: Row) -> Iterator[tuple[int, float]]:
    """Yield seed and accuracy of each run of a row."""
    return zip(row.seeds, row.seed_accuracy, strict=True)


def _experiment(board: Board, row: Row) -> tuple[str, str, str, str, str]:
    """Return all that identifies a run, apart from the grouping and the seed."""
    params = str(row.params)
    model = f"{row.model} on {row.frontend} {row.frontend_origin}"
    return board.dataset, board.fingerprint, board.protocol, model, params
