"""``zoo leaderboard``: who is ahead, by how much, and how sure that is."""

from collections import defaultdict
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.console import (
    in_columns,
    new_table,
    percent,
    print_data,
    print_json,
    print_table,
    say,
    width,
)
from zoo.cli.options import BoardDataOption, BoardProtocolOption

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo.evaluate.leaderboard import Board, Row

__all__ = ["command", "print_board"]

_ROOMY = 110  # columns
_LONG = 200  # rows; nobody reads more in a terminal, and drawing ten thousand takes seconds


class BoardFormat(StrEnum):
    """How boards are printed."""

    table = "table"
    markdown = "markdown"
    csv = "csv"
    json = "json"
    html = "html"


def command(
    data: BoardDataOption = None,
    protocol: BoardProtocolOption = None,
    side_by_side: Annotated[
        bool,
        typer.Option("--side-by-side", help="Each model with groups kept together, and without."),
    ] = False,
    format: Annotated[BoardFormat, typer.Option(help="How to print them.")] = BoardFormat.table,
) -> None:
    """Rank the runs that share a dataset and a protocol.

    Example: zoo leaderboard --data demo --format markdown
    """
    from zoo.evaluate.leaderboard import leaderboard

    boards = leaderboard(data, protocol)
    if side_by_side:
        _print_differences(boards, format)
    elif format is BoardFormat.json:
        print_json([board.to_json() for board in boards])
    elif not boards:
        say("There is no run to show; `zoo train svm` makes one.", err=True)
    elif format is BoardFormat.table:
        for board in boards:
            print_board(board)
    else:
        from zoo.report.tables import board_markdown, boards_csv

        if format is BoardFormat.csv:
            print_data(boards_csv(boards))
        else:
            _echo_markdown("\n".join(map(board_markdown, boards)), format)


def _echo_markdown(text: str, format: BoardFormat) -> None:
    from zoo.report.tables import as_html

    print_data(as_html(text) if format is BoardFormat.html else text)


def _print_differences(boards: "Sequence[Board]", format: BoardFormat) -> None:
    from zoo.evaluate.leaderboard import side_by_side
    from zoo.report.tables import differences_csv, differences_markdown

    differences = side_by_side(boards)
    if format is BoardFormat.json:
        print_json([asdict(difference) for difference in differences])
    elif not differences:
        say("No model was trained both ways; train it with and without --ungrouped.", err=True)
    elif format is BoardFormat.table:
        table = new_table(title="groups kept together, and split by track")
        for name in ("dataset", "protocol", "model"):
            table.add_column(name, overflow="fold")
        for name in ("grouped", "by track", "difference", "leakage"):
            table.add_column(name, justify="right", no_wrap=True)
        for item in differences:
            leakage = "" if item.leakage is None else f"{item.leakage:.0%}"
            cells = (
                *(item.dataset, item.protocol, item.model),
                *(percent(item.grouped), percent(item.ungrouped)),
                *(f"{item.difference:+.3f}", leakage),
            )
            table.add_row(*in_columns(cells))
        print_table(table)
    elif format is BoardFormat.csv:
        print_data(differences_csv(differences))
    else:
        _echo_markdown(differences_markdown(differences), format)


def print_board(board: "Board") -> None:
    """Print one board as a table."""
    from zoo.report.tables import audit_sentences, heading, tuning_sentences

    # What fits into 80 columns is what decides; the rest is for those who have room.
    names = ["rank", "model", "accuracy", "95 % interval", "p", "macro F1"]
    if width() >= _ROOMY:
        names += ["mean prob.", "folds", "train s"]
    table = new_table(title=heading(board))
    for name in names:
        wraps = name == "model"
        table.add_column(
            name,
            justify="left" if wraps else "right",
            no_wrap=not wraps,
            overflow="fold",
        )
    shown = board.rows[:_LONG]
    for row in shown:
        cells = _cells(row)
        listed = in_columns(cells[name] for name in names)
        table.add_row(*listed, style=None if row.rank else "yellow")
    print_table(table)
    if more := len(board.rows) - len(shown):
        say(f"{more} further runs are not shown; `--format csv` lists them all.")
    for sentence in [*audit_sentences(board.audit), *tuning_sentences(board)]:
        say(sentence)
    for row in shown:
        if row.error:
            say(f"{row.run}: {row.error}")
    say()


def _cells(row: "Row") -> dict[str, str]:
    """Return what a row shows, by column."""
    from zoo.report.tables import MARK

    if row.rank is None:
        return defaultdict(str, model=f"{row.model} ({row.status})")
    folds = row.fold_accuracy
    return {
        "rank": f"{row.rank}{'=' if row.tied_with else ''}",
        "model": row.model + MARK * bool(row.tuned_on_test),
        "accuracy": percent(row.accuracy),
        "95 % interval": f"{percent(row.ci_low)}-{percent(row.ci_high)}",
        "p": "" if row.p_above is None else f"{row.p_above:.2g}",
        "macro F1": percent(row.macro_f1),
        "mean prob.": percent(row.accuracy_mean),
        "folds": f"{percent(min(folds))}-{percent(max(folds))}" if folds else "",
        "train s": "" if row.train_seconds is None else f"{row.train_seconds:.1f}",
    }
