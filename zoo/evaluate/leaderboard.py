"""Leaderboards: all runs that share a dataset and a protocol, ranked from their predictions."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any

from zoo.datasets import dataset_name
from zoo.evaluate.audit import leaks, summary
from zoo.evaluate.protocols import parse_protocol
from zoo.workspace import models_folder, remembered, runs, stamps
from zoo_registry.errors import RunError
from zoo_registry.runs import Run

if TYPE_CHECKING:
    from zoo.evaluate.significance import Comparison

__all__ = ["Board", "Difference", "Row", "leaderboard", "side_by_side"]

LEVEL = 0.05  # two models are told apart below this p-value
# Raised whenever the same predictions come to give other figures.
_VERSION = "boards-2"
_TIES = 100  # runs that a row names; in a great tie every row naming all of them would be too many


@dataclass(frozen=True)
class Row:
    """One run on a board; a run that is not complete has no scores and no rank.

    Attributes
    ----------
    rank : int or None
    tied_with : tuple of str
        Ids of the runs that share the rank, since the data cannot tell them from its first; of
        more than a hundred the best hundred.
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
        return vars(self) | {"rows": [dict(vars(row)) for row in self.rows]}


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
    query = [str(models_folder().absolute()), name, spec]
    form = [item.name for kind in (Board, Row) for item in fields(kind)]
    # Ten thousand runs take seconds to read; whether any has changed shows without reading.
    known = remembered(
        _VERSION,
        [*query, form, stamps()],
        lambda: [asdict(board) for board in _boards(name, spec)],
        place=query,
    )
    return [_revived(board) for board in known]


def _boards(name: str | None, spec: str | None) -> list[Board]:
    boards: dict[tuple[str, str, bool, str, bool], list[Run]] = {}
    for run in runs():
        if isinstance(run, RunError):
            continue
        record = run.record
        key = (
            record.dataset.name,
            record.protocol.spec,
            not record.protocol.grouped,
            record.dataset.fingerprint,
            leaks(record.audit),
        )
        if name in (None, key[0]) and spec in (None, key[1]):
            boards.setdefault(key, []).append(run)
    return [_board(members, key) for key, members in sorted(boards.items())]


def _revived(board: dict[str, Any]) -> Board:
    """Return a board from its JSON values; who ties with whom follows from the ranks."""
    tied: dict[int, list[str]] = {}
    for row in board["rows"]:
        tied.setdefault(row["rank"], []).append(row["run"])
    rows = []
    for row in board["rows"]:
        first = tied[row["rank"]][: _TIES + 1] if row["rank"] else []
        others = [run for run in first if run != row["run"]][:_TIES]
        folds = tuple(row["fold_accuracy"])
        rows.append(Row(**row | {"tied_with": tuple(others), "fold_accuracy": folds}))
    return Board(**board | {"rows": tuple(rows)})


def _board(members: Sequence[Run], place: tuple[Any, ...]) -> Board:
    record = members[0].record
    figures = _figures(members, place)
    rows = [_row(run, figures.get(run.id)) for run in members]
    audited = next((run.record.audit for run in members if run.record.audit), None)
    return Board(
        dataset=record.dataset.name,
        fingerprint=record.dataset.fingerprint,
        protocol=record.protocol.spec,
        grouped=record.protocol.grouped,
        audit=summary(audited) if audited else None,
        rows=tuple(sorted(rows, key=_order)),
    )


def _order(row: Row) -> tuple[bool, float, float, str, str]:
    return (row.accuracy is None, -(row.accuracy or 0), -(row.macro_f1 or 0), row.model, row.run)


def _figures(members: Sequence[Run], place: tuple[Any, ...]) -> dict[str, dict[str, Any]]:
    """Return scores and ranks of the complete runs, by their ids.

    Computed from the predictions, and remembered by the hash of these, so that a
    board that was shown before loads no numerical library.
    """
    contents = {}
    for run in members:
        if run.complete:
            with suppress(OSError):
                content = run.predictions_path.read_bytes()
                contents[run.id] = hashlib.sha256(content).hexdigest()
    trained = [
        entry.train_tracks for run in members for entry in run.record.folds if entry.is_trained
    ]
    learnt = sum(trained) / max(1, len(trained))
    seen = {run.id: set(run.record.tuned.seen if run.record.tuned else ()) for run in members}

    def compute() -> dict[str, dict[str, Any]]:
        from zoo.evaluate.metrics import score
        from zoo.evaluate.significance import compare, intervals

        sound = {}
        for run in members:
            with suppress(RunError):
                if run.id in contents:
                    sound[run.id] = run.predictions()
        figures = {}
        ends = intervals(list(sound.values()), learnt)
        for (identifier, predictions), (low, high) in zip(sound.items(), ends, strict=True):
            tested = {*zip(predictions.digests, predictions.tracks, strict=True)}
            figures[identifier] = asdict(score(predictions)) | {
                "ci_low": low, "ci_high": high, "tracks": len(set(predictions.tracks)),
                "tuned_on_test": sum(sha256 in seen[identifier] for sha256, _ in tested),
            }  # fmt: skip
        p = compare(list(sound.values()), learnt)
        rows = [_row(run, figures[run.id]) for run in members if run.id in figures]
        places = {identifier: number for number, identifier in enumerate(figures)}
        ranked = sorted(rows, key=_order)
        for identifier, rank in _ranks([row.run for row in ranked], p, places).items():
            figures[identifier] |= rank
        return figures

    key = [contents, learnt, {name: sorted(tracks) for name, tracks in seen.items()}]
    figures: dict[str, dict[str, Any]] = remembered(
        f"{_VERSION}-figures", key, compute, [str(models_folder().absolute()), *place]
    )
    return figures


def _ranks(
    ordered: Sequence[str], p: "Comparison", places: dict[str, int]
) -> dict[str, dict[str, Any]]:
    """Return the rank of each run, the best first: who cannot be told from its first shares it.

    Compared with the first of the rank rather than with the row above, so that a
    long board of small steps is not one great tie.
    """
    first, ranks = 0, {}
    numbers = [places[run] for run in ordered]
    for place, run in enumerate(ordered):
        if p[numbers[first], numbers[place]] < LEVEL:
            first = place
        above = p[numbers[place - 1], numbers[place]] if place else None
        ranks[run] = {"rank": first + 1, "p_above": above}
    return ranks


def _row(run: Run, figures: dict[str, Any] | None) -> Row:
    record = run.record
    status = {"running": "incomplete"}.get(record.status, record.status)
    error = record.error
    if run.complete and figures is None:
        status, error = "failed", f"{run.predictions_path} is missing or damaged"
    figures = figures or {}
    timed = [entry for entry in record.folds if entry.is_trained]
    tested = sum(entry.test_tracks for entry in timed)
    return Row(
        rank=figures.get("rank"),
        tied_with=(),
        model=record.model.name,
        run=run.id,
        status=status,
        accuracy=figures.get("accuracy"),
        ci_low=figures.get("ci_low"),
        ci_high=figures.get("ci_high"),
        accuracy_mean=figures.get("accuracy_mean"),
        macro_f1=figures.get("macro_f1"),
        fold_accuracy=tuple(figures.get("fold_accuracy", ())),
        train_seconds=sum(e.train_seconds or 0 for e in timed) / len(timed) if timed else None,
        predict_ms_per_track=(
            1000 * sum(e.predict_seconds or 0 for e in timed) / tested if tested else None
        ),
        artefact_bytes=record.artefact.bytes,
        title=record.model.title,
        params=record.params,
        tracks=figures.get("tracks"),
        seed=record.seed,
        error=error,
        tuned=record.tuned is not None,
        tuned_on_test=figures.get("tuned_on_test", 0),
        p_above=figures.get("p_above"),
    )


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
