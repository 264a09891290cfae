"""``zoo leaderboard``: who is ahead, by how much, and how sure that is."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from zoo.cli.console import new_table, percent, print_json, print_table

if TYPE_CHECKING:
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
    format: Annotated[BoardFormat, typer.Option(help="How to print them.")] = BoardFormat.table,
) -> None:
    """Rank the runs that share a dataset and a protocol.

    Example: zoo leaderboard --data demo --format markdown
    """
    from zoo.evaluate.leaderboard import leaderboard

    boards = leaderboard(data, protocol)
    if format is BoardFormat.json:
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


def print_board(board: "Board") -> None:
    """Print one board as a table."""
    from zoo.report.tables import heading

    table = new_table(title=heading(board))
    table.add_column("rank", justify="right")
    table.add_column("model", overflow="fold")
    for name in ("accuracy", "95 % interval", "mean prob.", "macro F1", "folds", "train s"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in board.rows:
        table.add_row(*_cells(row), style=None if row.rank else "yellow")
    print_table(table)
    for row in board.rows:
        if row.error:
            typer.echo(f"{row.run}: {row.error}")


def _cells(row: "Row") -> list[str]:
    if row.rank is None:
        return ["", f"{row.model} ({row.status})", *[""] * 6]
    folds = row.fold_accuracy
    spread = f"{percent(min(folds))}-{percent(max(folds))}" if folds else ""
    return [
        f"{row.rank}{'=' if row.tied_with else ''}",
        row.model,
        percent(row.accuracy),
        f"{percent(row.ci_low)}-{percent(row.ci_high)}",
        percent(row.accuracy_mean),
        percent(row.macro_f1),
        spread,
        "" if row.train_seconds is None else f"{row.train_seconds:.1f}",
    ]
