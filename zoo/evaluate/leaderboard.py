"""Leaderboards: all runs that share a dataset and a protocol, ranked from their predictions."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from zoo.datasets import dataset_name
from zoo.evaluate.audit import leaks, summary
from zoo.evaluate.protocols import parse_protocol
from zoo.workspace import remembered, runs
from zoo_registry.errors import RunError
from zoo_registry.runs import Run

__all__ = ["Board", "Difference", "Row", "leaderboard", "side_by_side"]

LEVEL = 0.05  # two models are told apart below this p-value
# Raised whenever the same predictions come to give other figures.
_VERSION = "boards-1"


@dataclass(frozen=True)
class Row:
    """One run on a board; a run that is not complete has no scores and no rank.

    Attributes
    ----------
    rank : int or None
    tied_with : tuple of str
        Ids of the runs that share the rank, since the data cannot tell them from its first.
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
    title : str
    params : dict
    tracks : int or None
        Tested tracks.
    seed : int
    p_above : float or None
        Of the test against the row above, after Holm's correction over the board.
    error : str or None
    tuned : bool
        Whether a search found its parameters.
    tuned_on_test : int
        How many of its tested tracks that search had seen: if any, its scores flatter.
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
    p_above: float | None = None
    error: str | None = None
    tuned: bool = False
    tuned_on_test: int = 0


@dataclass(frozen=True)
class Board:
    """All runs on one dataset under one protocol, the best first.

    Attributes
    ----------
    dataset, fingerprint, protocol : str
    grouped : bool
        Whether groups were kept together.
    audit : dict or None
        What test tracks share with training tracks, as `zoo.evaluate.audit.summary`
        gives it, of the first run that recorded it.
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


@dataclass(frozen=True)
class Difference:
    """A model's honest accuracy beside its flattering one.

    Attributes
    ----------
    dataset, protocol, model : str
    grouped, ungrouped : float
        Accuracy with groups kept together, and split by track.
    difference : float
        ``ungrouped - grouped``.
    leakage : float or None
        Share of the tracks tested by track that were not new to the model.
    """

    dataset: str
    protocol: str
    model: str
    grouped: float
    ungrouped: float
    difference: float
    leakage: float | None


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
    boards: dict[tuple[str, str, bool, str, bool], list[Run]] = {}
    for run in runs():
        if isinstance(run, RunError):
            continue
        record = run.record
        key = (
            record.dataset["name"],
            record.protocol["spec"],
            not record.protocol["grouped"],
            record.dataset["fingerprint"],
            leaks(record.audit),
        )
        if name in (None, key[0]) and spec in (None, key[1]):
            boards.setdefault(key, []).append(run)
    return [_board(members) for _, members in sorted(boards.items())]


def _board(members: Sequence[Run]) -> Board:
    record = members[0].record
    figures = _figures(members)
    rows = [_row(run, figures["runs"].get(run.id)) for run in members]
    ranked = sorted((row for row in rows if row.accuracy is not None), key=_order)
    others = sorted((row for row in rows if row.accuracy is None), key=_order)
    audited = next((run.record.audit for run in members if run.record.audit), None)
    return Board(
        dataset=record.dataset["name"],
        fingerprint=record.dataset["fingerprint"],
        protocol=record.protocol["spec"],
        grouped=record.protocol["grouped"],
        audit=summary(audited) if audited else None,
        rows=(*_ranked(ranked, figures["p"]), *others),
    )


def _order(row: Row) -> tuple[float, float, str, str]:
    return (-(row.accuracy or 0), -(row.macro_f1 or 0), row.model, row.run)


def _figures(members: Sequence[Run]) -> dict[str, Any]:
    """Return the scores of the complete runs and the p-values of their pairs.

    Computed from the predictions, and remembered by the hash of these, so that a
    board that was shown before loads no numerical library.

    Returns
    -------
    dict
        ``runs``: the scores by run id; ``p``: p-values by run id and run id.
    """
    contents = {}
    for run in members:
        if run.complete:
            with suppress(OSError):
                content = run.predictions_path.read_bytes()
                contents[run.id] = hashlib.sha256(content).hexdigest()
    trained = [
        entry["train_tracks"]
        for run in members
        for entry in run.record.folds
        if "train_seconds" in entry
    ]
    learnt = sum(trained) / max(1, len(trained))
    seen = {run.id: set((run.record.tuned or {}).get("seen", ())) for run in members}

    def compute() -> dict[str, Any]:
        from zoo.evaluate.metrics import score
        from zoo.evaluate.significance import compare, interval

        sound = {}
        for run in members:
            with suppress(RunError):
                if run.id in contents:
                    sound[run.id] = run.predictions()
        scores = {}
        for identifier, predictions in sound.items():
            low, high = interval(predictions, learnt)
            tracks = len(set(predictions.tracks))
            tested = {*zip(predictions.digests, predictions.tracks, strict=True)}
            scores[identifier] = asdict(score(predictions)) | {
                "ci_low": low, "ci_high": high, "tracks": tracks,
                "tuned_on_test": sum(sha256 in seen[identifier] for sha256, _ in tested),
            }  # fmt: skip
        p = compare(list(sound.values()), learnt).tolist()
        return {
            "runs": scores,
            "p": {
                one: dict(zip(sound, line, strict=True)) for one, line in zip(sound, p, strict=True)
            },
        }

    key = [contents, learnt, {name: sorted(tracks) for name, tracks in seen.items()}]
    figures: dict[str, Any] = remembered(_VERSION, key, compute)
    return figures


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
        tuned=record.tuned is not None,
        tuned_on_test=figures.get("tuned_on_test", 0),
    )


def _ranked(rows: Sequence[Row], p: dict[str, dict[str, float]]) -> list[Row]:
    """Return the rows with ranks: who cannot be told from the first of a rank shares it.

    Compared with the first of the rank rather than with the row above, so that a
    long board of small steps is not one great tie.
    """
    first = 0
    ranks = []
    for place, row in enumerate(rows):
        if p[rows[first].run][row.run] < LEVEL:
            first = place
        ranks.append(first + 1)
    return [
        replace(
            row,
            rank=rank,
            tied_with=tuple(
                other.run
                for other, its in zip(rows, ranks, strict=True)
                if its == rank and other.run != row.run
            ),
            p_above=p[rows[place - 1].run][row.run] if place else None,
        )
        for place, (row, rank) in enumerate(zip(rows, ranks, strict=True))
    ]


def side_by_side(boards: Sequence[Board]) -> list[Difference]:
    """Pair the runs that differ only in whether groups were kept together.

    Parameters
    ----------
    boards : sequence of Board

    Returns
    -------
    list of Difference
        Those of one dataset and protocol by falling grouped accuracy.
    """
    flattering = {
        _but_for_grouping(board, row): (board, row)
        for board in boards
        for row in board.rows
        if not board.grouped and row.accuracy is not None
    }
    found = []
    for board in boards:
        for row in board.rows:
            key = _but_for_grouping(board, row)
            if not board.grouped or row.accuracy is None or key not in flattering:
                continue
            other_board, other = flattering[key]
            ungrouped = other.accuracy or 0.0
            found.append(
                Difference(
                    dataset=board.dataset,
                    protocol=board.protocol,
                    model=row.model,
                    grouped=row.accuracy,
                    ungrouped=ungrouped,
                    difference=ungrouped - row.accuracy,
                    leakage=other_board.audit["share"] if other_board.audit else None,
                )
            )
    return found


def _but_for_grouping(board: Board, row: Row) -> tuple[str, str, str, str, str, int]:
    """Return what two runs have in common that differ in nothing but the grouping."""
    params = str(row.params)
    return board.dataset, board.fingerprint, board.protocol, row.model, params, row.seed
