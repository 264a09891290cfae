"""The table of a board on a page: its columns, and a line per row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from zoo.evaluate.board import TITLES, Board, Row, score_text
from zoo.report.ranking import interval_cell, p_cell, rank_cell, score_cell
from zoo.report.tables import model_name, with_spread, worst_cell

__all__ = ["BoardTable", "Column", "Line", "board_table"]


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes
    ----------
    title, help : str
        Its heading, and a sentence that explains it; empty if none is needed.
    best : {"high", "low", ""}
        Which of its numbers are the best, and come first when it is sorted; empty for text.
    """

    title: str
    help: str = ""
    best: Literal["high", "low", ""] = "high"


@dataclass(frozen=True)
class Line:
    """A row of a board with its cells.

    Attributes
    ----------
    row : Row
        The row.
    cells : list of str
        A text per column; a row without scores has the name and its error only.
    leads : str
        Classes of style of a row that may be the best beside another one.
    """

    row: Row
    cells: list[str]
    leads: str = ""


@dataclass(frozen=True)
class BoardTable:
    """The table of a board.

    Attributes
    ----------
    columns : list of Column
        Columns of which any row has a value.
    lines : list of Line
        Rows with scores, the best first, and then the others.
    """

    columns: list[Column]
    lines: list[Line]


_Cells = dict[Column, Callable[[Row], str]]


def board_table(board: Board) -> BoardTable:
    """Return the table of a board, without columns that are empty."""
    cells = _columns(board)
    ranked = [row for row in board.rows if row.rank is not None]
    columns = [
        column
        for column, text in cells.items()
        if column.title in ("rank", "model") or any(map(text, ranked))
    ]
    if len({row.frontend for row in board.rows}) == 1:
        columns = [column for column in columns if column.title != "front end"]
    lines = [
        Line(row, [cells[column](row) for column in columns], leads)
        for row, leads in zip(ranked, _leads(ranked), strict=True)
    ]
    if not ranked:
        columns.append(Column("state", best=""))  # why there is no score
    lines += [
        Line(row, ["", model_name(row, board.name(row)), row.error or ""])
        for row in board.rows
        if row.rank is None
    ]
    return BoardTable(columns, lines)


def _columns(board: Board) -> _Cells:
    """Return the text of a row in each column."""
    title = TITLES[board.by]
    cells: _Cells = {
        Column("rank", "Range of places that the data allow (95 %)", "low"): rank_cell,
        Column("model", best=""): lambda row: model_name(row, board.name(row)),
        Column("front end", "Preprocessing of the audio", ""): lambda row: row.frontend,
    }
    if board.by != "accuracy":
        best: Literal["low", "high"] = (
            "low" if board.by in ("log-loss", "calibration-error") else "high"
        )
        cells[Column(title, "Ranks the rows", best)] = lambda row: score_cell(row, board)
    cells |= {
        Column("accuracy", "Share of the tracks that the majority vote gets right"): with_spread,
        Column("95 % interval", f"Of the {title}"): lambda row: interval_cell(row, board),
        Column(
            "p", "Smallest p-value of a comparison with a better row, corrected for all pairs",
            "low",
        ): p_cell,
    }  # fmt: skip
    if board.by != "macro-f1":
        cells[Column("macro F1", "Mean over the classes of the F1 score")] = lambda row: score_text(
            row.macro_f1
        )
    return cells | {
        Column("robustness", "Mean accuracy on tracks with everyday changes"): lambda row: (
            score_text(row.robustness)
        ),
        Column("worst change", "The change with the lowest accuracy"): worst_cell,
        Column("mean prob.", "Accuracy if the mean probability decides"): lambda row: score_text(
            row.accuracy_mean
        ),
        Column("folds", "Accuracy of the worst and of the best fold"): _folds,
        Column("train s", "Training time in seconds, mean over the folds", "low"): lambda row: (
            "" if row.train_seconds is None else f"{row.train_seconds:.1f}"
        ),
        Column(
            "ms per track", "Milliseconds from the front end's array to probabilities", "low"
        ): lambda row: (
            "" if row.predict_ms_per_track is None else f"{row.predict_ms_per_track:.2g}"
        ),
        Column("kB", "Size of the ONNX file in kilobytes", "low"): lambda row: (
            f"{row.artefact_bytes / 1000:.0f}" if row.artefact_bytes else ""
        ),
    }


def _folds(row: Row) -> str:
    folds = row.fold_accuracy
    return f"{score_text(min(folds))}-{score_text(max(folds))}" if folds else ""


def _leads(rows: list[Row]) -> list[str]:
    """Return the classes of style of each row: neighbours that may be the best have a bracket."""
    leads = [False, *(row.rank_low == 1 for row in rows), False]
    return [
        " ".join(["tie", *["first"] * (not above), *["last"] * (not below)])
        if here and (above or below)
        else ""
        for above, here, below in zip(leads, leads[1:], leads[2:], strict=False)
    ]
