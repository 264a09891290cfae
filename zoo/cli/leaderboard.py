"""``zoo leaderboard``: who is ahead, by how much, and how sure that is."""

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.console import new_table, percent, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoo.evaluate.leaderboard import Board, Row

__all__ = ["command", "print_board"]


class BoardFormat(StrEnum):
    """How boards are printed."""

    table = "table"
    markdown = "markdown"
    csv = "csv"
    json = "json"


def command(
    data: Annotated[
        str | None, typer.Option(help="Only boards of this dataset, as for `zoo train`.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="Only boards of this protocol.")] = None,
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
        typer.echo("There is no run to show; `zoo train svm` makes one.", err=True)
    elif format is BoardFormat.table:
        for board in boards:
            print_board(board)
    else:
        from zoo.report.tables import board_markdown, boards_csv

        text = (
            boards_csv(boards)
            if format is BoardFormat.csv
            else "\n".join(board_markdown(board) for board in boards)
        )
        typer.echo(text, nl=False)


def _print_differences(boards: "Sequence[Board]", format: BoardFormat) -> None:
    from zoo.evaluate.leaderboard import side_by_side
    from zoo.report.tables import differences_csv, differences_markdown

    differences = side_by_side(boards)
    if format is BoardFormat.json:
        print_json([asdict(difference) for difference in differences])
    elif not differences:
        typer.echo(
            "No model was trained both ways; train it with and without --ungrouped.", err=True
        )
    elif format is BoardFormat.table:
        table = new_table(title="groups kept together, and split by track")
        for name in ("dataset", "protocol", "model"):
            table.add_column(name, overflow="fold")
        for name in ("grouped", "by track", "difference", "leakage"):
            table.add_column(name, justify="right", no_wrap=True)
        for item in differences:
            leakage = "" if item.leakage is None else f"{item.leakage:.0%}"
            table.add_row(
                *(item.dataset, item.protocol, item.model),
                *(percent(item.grouped), percent(item.ungrouped)),
                *(f"{item.difference:+.3f}", leakage),
            )
        print_table(table)
    else:
        write = differences_csv if format is BoardFormat.csv else differences_markdown
        typer.echo(write(differences), nl=False)


def print_board(board: "Board") -> None:
    """Print one board as a table."""
    from zoo.report.tables import audit_sentences, heading

    table = new_table(title=heading(board))
    table.add_column("rank", justify="right")
    table.add_column("model", overflow="fold")
    for name in ("accuracy", "95 % interval", "p", "mean prob.", "macro F1", "folds", "train s"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in board.rows:
        table.add_row(*_cells(row), style=None if row.rank else "yellow")
    print_table(table)
    for sentence in audit_sentences(board.audit):
        typer.echo(sentence)
    for row in board.rows:
        if row.error:
            typer.echo(f"{row.run}: {row.error}")
    typer.echo()


def _cells(row: "Row") -> list[str]:
    if row.rank is None:
        return ["", f"{row.model} ({row.status})", *[""] * 7]
    folds = row.fold_accuracy
    spread = f"{percent(min(folds))}-{percent(max(folds))}" if folds else ""
    return [
        f"{row.rank}{'=' if row.tied_with else ''}",
        row.model,
        percent(row.accuracy),
        f"{percent(row.ci_low)}-{percent(row.ci_high)}",
        "" if row.p_above is None else f"{row.p_above:.2g}",
        percent(row.accuracy_mean),
        percent(row.macro_f1),
        spread,
        "" if row.train_seconds is None else f"{row.train_seconds:.1f}",
    ]
