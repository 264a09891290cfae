"""Accuracies with groups kept together beside those of a split by track."""

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import Any

from zoo.evaluate.board import Board, Difference, Row

__all__ = ["side_by_side"]


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
                    dataset=board.dataset,
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


def _accuracies(row: Row) -> Iterator[tuple[int, float]]:
    """Yield seed and accuracy of each run of a row."""
    return zip(row.seeds, row.seed_accuracy, strict=True)


def _experiment(board: Board, row: Row) -> tuple[str, str, str, str, str]:
    """Return all that identifies a run, apart from the grouping and the seed."""
    params = str(row.params)
    model = f"{row.model} on {row.frontend} {row.frontend_origin}"
    return board.dataset, board.fingerprint, board.protocol, model, params
