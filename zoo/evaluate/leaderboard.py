"""Leaderboards: all runs that share a dataset and a protocol, ranked from their predictions."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from zoo.datasets import dataset_name
from zoo.evaluate.protocols import parse_protocol
from zoo.workspace import remembered, runs
from zoo_registry.errors import RunError
from zoo_registry.runs import Run

__all__ = ["Board", "Row", "leaderboard"]

# Raised whenever the same predictions come to give other figures.
_VERSION = "scores-1"


@dataclass(frozen=True)
class Row:
    """One run on a board; a run that is not complete has no scores and no rank.

    Attributes
    ----------
    rank : int or None
    tied_with : tuple of str
        Ids of the runs that share the rank.
    model, run : str
    status : {"complete", "failed", "incomplete"}
    accuracy : float or None
        Share of tracks that the majority vote gets right.
    ci_low, ci_high : float or None
        95 % interval of `accuracy`.
    accuracy_mean : float or None
        The same as `accuracy`, deciding by mean probability.
    macro_f1 : float or None
    fold_accuracy : tuple of float
    train_seconds : float or None
        Mean over the folds.
    predict_ms_per_track : float or None
        From front-end array to probabilities.
    artefact_bytes : int or None
    settings : dict
        Parameters that differ from those of most runs on the board.
    tracks : int or None
        Tested tracks.
    seed : int
    error : str or None
    """

    rank: int | None
    tied_with: tuple[str, ...]
    model: str
    run: str
    status: str
    accuracy: float | None
    ci_low: float | None
    ci_high: float | None
    accuracy_mean: float | None
    macro_f1: float | None
    fold_accuracy: tuple[float, ...]
    train_seconds: float | None
    predict_ms_per_track: float | None
    artefact_bytes: int | None
    title: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    tracks: int | None = None
    seed: int = 0
    error: str | None = None


@dataclass(frozen=True)
class Board:
    """All runs on one dataset under one protocol, the best first.

    Attributes
    ----------
    dataset, fingerprint, protocol : str
    grouped : bool
        Whether groups were kept together.
    audit : dict or None
        What test tracks share with training tracks.
    rows : tuple of Row
    """

    dataset: str
    fingerprint: str
    protocol: str
    grouped: bool
    audit: dict[str, Any] | None
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def leaderboard(data: str | None = None, protocol: str | None = None) -> list[Board]:
    """Return the boards of the workspace.

    Parameters
    ----------
    data : str, optional
        Only boards of this dataset, given as for ``--data``.
    protocol : str, optional
        Only boards of this protocol.

    Returns
    -------
    list of Board
        Sorted by dataset, protocol, and grouped before ungrouped.

    Raises
    ------
    ProtocolError
        If there is no such protocol.
    """
    name = None if data is None else dataset_name(data)
    spec = None if protocol is None else parse_protocol(protocol).spec
    boards: dict[tuple[str, str, bool, str], list[Run]] = {}
    for run in runs():
        if isinstance(run, RunError):
            continue
        record = run.record
        key = (
            record.dataset["name"],
            record.protocol["spec"],
            not record.protocol["grouped"],
            record.dataset["fingerprint"],
        )
        if name in (None, key[0]) and spec in (None, key[1]):
            boards.setdefault(key, []).append(run)
    return [_board(members) for _, members in sorted(boards.items())]


def _board(members: Sequence[Run]) -> Board:
    record = members[0].record
    scores = _scores(members)
    rows = [_row(run, scores.get(run.id)) for run in members]
    ranked = sorted(
        (row for row in rows if row.accuracy is not None),
        key=lambda row: (-(row.accuracy or 0), -(row.macro_f1 or 0), row.model, row.run),
    )
    others = sorted(
        (row for row in rows if row.accuracy is None), key=lambda row: (row.model, row.run)
    )
    return Board(
        dataset=record.dataset["name"],
        fingerprint=record.dataset["fingerprint"],
        protocol=record.protocol["spec"],
        grouped=record.protocol["grouped"],
        audit=None,
        rows=(*_rank(ranked), *others),
    )


def _scores(members: Sequence[Run]) -> dict[str, dict[str, Any]]:
    """Return the figures of the complete runs by id, computed from their predictions.

    They are remembered by the hash of these predictions, so that a board that was
    shown before loads no numerical library.
    """
    contents = {}
    for run in members:
        if run.complete:
            try:
                contents[run.id] = hashlib.sha256(run.predictions_path.read_bytes()).hexdigest()
            except OSError:
                continue
    by_id = {run.id: run for run in members}

    def compute() -> dict[str, dict[str, Any]]:
        from zoo.evaluate.metrics import score
        from zoo.evaluate.significance import interval

        figures = {}
        for identifier in contents:
            try:
                predictions = by_id[identifier].predictions()
            except RunError:
                continue
            low, high = interval(predictions)
            figures[identifier] = asdict(score(predictions)) | {
                "ci_low": low,
                "ci_high": high,
                "tracks": len(set(predictions.tracks)),
            }
        return figures

    scores: dict[str, dict[str, Any]] = remembered(_VERSION, contents, compute)
    return scores


def _row(run: Run, figures: dict[str, Any] | None) -> Row:
    record = run.record
    status = {"running": "incomplete"}.get(record.status, record.status)
    error = record.error
    if run.complete and figures is None:
        status, error = "failed", f"{run.predictions_path} is missing or damaged"
    figures = figures or {}
    timed = [entry for entry in record.folds if "train_seconds" in entry]
    tested = sum(entry["test_tracks"] for entry in timed)
    return Row(
        rank=None,
        tied_with=(),
        model=record.model["name"],
        run=run.id,
        status=status,
        accuracy=figures.get("accuracy"),
        ci_low=figures.get("ci_low"),
        ci_high=figures.get("ci_high"),
        accuracy_mean=figures.get("accuracy_mean"),
        macro_f1=figures.get("macro_f1"),
        fold_accuracy=tuple(figures.get("fold_accuracy", ())),
        train_seconds=sum(e["train_seconds"] for e in timed) / len(timed) if timed else None,
        predict_ms_per_track=(
            1000 * sum(e["predict_seconds"] for e in timed) / tested if tested else None
        ),
        artefact_bytes=record.artefact.get("bytes"),
        title=record.model["title"],
        params=record.params,
        tracks=figures.get("tracks"),
        seed=record.seed,
        error=error,
    )


def _rank(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with their ranks; equal accuracies share one."""
    from dataclasses import replace

    ranked = []
    for row in rows:
        same = [other for other in rows if other.accuracy == row.accuracy]
        ranked.append(
            replace(
                row,
                rank=1 + rows.index(same[0]),
                tied_with=tuple(other.run for other in same if other.run != row.run),
            )
        )
    return ranked
