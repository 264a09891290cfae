"""``zoo leaderboard``: ranking of the runs, and the uncertainty of their differences."""

from collections import defaultdict
from collections.abc import Collection
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zoo.cli.colour import BEST, TIED, WARNING
from zoo.cli.console import TerminalReporter
from zoo.cli.options import BoardDataOption, BoardProtocolOption, ByOption
from zoo.cli.output import (
    Alert,
    Text,
    columns,
    make_table,
    percent,
    print_result,
    print_text,
    say,
    say_no_run,
)
from zoo_registry.errors import UsageError

if TYPE_CHECKING:
    from zoo.evaluate.board import Board, Difference, Row

__all__ = ["board_text", "command", "print_board"]

_NAMES = (
    *("rank", "model", "accuracy", "robustness", "worst change", "95 % interval", "p"),
    *("macro F1", "mean prob.", "folds", "train s"),
    *("balanced accuracy", "ROC AUC", "log loss", "top 3", "calibration error"),
)
_NONE = ("", "-")  # cells without a value
# Left out last, in this order.
_LESS = ("worst change", "robustness", "accuracy", "p", "95 % interval", "rank")
_WRAPPED = ("model", "worst change")
_LONG = 200  # rows of a board that are shown; drawing ten thousand takes seconds


Format = Literal["table", "markdown", "csv", "json", "html", "latex"]


def command(
    data: BoardDataOption = None,
    protocol: BoardProtocolOption = None,
    side_by_side: Annotated[
        bool,
        typer.Option(
            "--side-by-side",
            help="Compare each model with groups kept together and with groups split.",
        ),
    ] = False,
    by: ByOption = "accuracy",
    seeds: Annotated[
        Literal["together", "apart"],
        typer.Option(
            help="Show runs that differ only in the seed as one row with their mean, or apart."
        ),
    ] = "together",
    format: Annotated[Format, typer.Option(help="Output format.")] = "table",
) -> None:
    """Rank the runs that share a dataset and a protocol.

    Example: zoo leaderboard --data demo --format markdown
    """
    with TerminalReporter().bar("reading runs"):
        from zoo.evaluate.leaderboard import leaderboard
        from zoo.evaluate.side_by_side import no_pair
        from zoo.evaluate.side_by_side import side_by_side as compared
        from zoo.report import tables

        boards = leaderboard(data, protocol, by, seeds=seeds)
        differences = compared(boards) if side_by_side else []
    if side_by_side and format == "latex":
        raise UsageError("--side-by-side has no --format latex; use markdown or csv")
    if format == "html":
        from zoo.report import page
    if format == "latex":
        from zoo.report.latex import boards_latex
    if side_by_side and (differences or format == "json"):
        print_result(
            format,
            json=map(vars, differences),
            table=_differences_text(differences),
            csv=lambda: tables.differences_csv(differences),
            markdown=lambda: tables.differences_markdown(differences),
            html=lambda: page.differences_page(differences),
        )
    elif side_by_side:
        say(no_pair(boards), err=True)
    elif boards or format == "json":
        print_result(
            format,
            json=(board.to_json() for board in boards),
            table=chain.from_iterable(map(board_text, boards)),
            csv=lambda: tables.boards_csv(boards),
            markdown=lambda: "\n".join(map(tables.board_markdown, boards)),
            html=lambda: page.boards_page(boards),
            latex=lambda: boards_latex(boards),
        )
    else:
        say_no_run(data)


def _differences_text(differences: "list[Difference]") -> Text:
    rows = (
        (
            *(item.dataset, item.protocol, item.model),
            *(percent(item.grouped), percent(item.ungrouped), f"{item.difference:+.3f}"),
            None if item.leakage is None else f"{item.leakage:.0%}",
        )
        for item in differences
    )
    numbers = ("grouped", "by track", "difference", "leakage")
    headings = [
        *columns("dataset", "protocol", "model"),
        *columns(*numbers, justify="right"),
    ]
    title = "groups kept together, and split by track"
    yield make_table(headings, rows, title, leave=("protocol", "dataset"), whole="`--format csv`")


def print_board(board: "Board", reported: Collection[str] = ()) -> None:
    """Print one board as a table, without the problems of the runs that are reported elsewhere."""
    print_text(board_text(board, reported))


def board_text(board: "Board", reported: Collection[str] = ()) -> Text:
    """Yield the table of a board, and the sentences below it.

    Parameters
    ----------
    board : Board
        The board.
    reported : collection of str
        Runs whose problems are reported elsewhere.
    """
    from zoo.evaluate.board import TITLES
    from zoo.report.ranking import ranking
    from zoo.report.tables import (
        audit_sentences,
        explanations,
        heading,
        is_repeated,
        notes,
        problems,
    )

    rows = board.rows[:_LONG]
    cells = [_cells(board, row) for row in rows]
    score = TITLES[board.by]
    order = dict.fromkeys((*_NAMES[:2], score, *_NAMES))  # what ranks comes first
    names = [name for name in order if any(row[name] not in _NONE for row in cells)]
    table = make_table(
        [
            (name, {} if name in _WRAPPED else {"justify": "right", "no_wrap": True})
            for name in names
        ],
        ([row[name] for name in names] for row in cells),
        heading(board),
        map(_style, rows),
        leave=_order(names, score),
        whole="`--format csv`",
    )
    yield table
    left = table.left
    if more := len(board.rows) - len(rows):
        yield f"{more} further runs are not shown; `--format csv` lists them all."
    yield from ranking(board, left)
    yield from explanations(board, left)
    audited = audit_sentences(board.audit, is_repeated(board))
    yield from map(Alert, audited) if board.audit and board.audit["any"] else audited
    yield from notes(board)
    yield from map(Alert, problems([row for row in rows if row.run not in reported]))
    yield "`zoo runs list` has the ids of the runs."
    yield ""


def _order(names: list[str], score: str) -> list[str]:
    """Return the columns that a narrow terminal does not show, in the order of leaving them out."""
    always = ("model", score)
    further = [name for name in reversed(names) if name not in _LESS]
    return [name for name in (*further, *_LESS) if name in names and name not in always]


def _style(row: "Row") -> str | None:
    """Return the colour of a row; the best ones also have 1 as their first rank."""
    if row.status != "complete":
        return WARNING
    return {1: BEST}.get(row.rank or 0) or (TIED if row.rank_low == 1 else None)


def _cells(board: "Board", row: "Row") -> dict[str, str]:
    """Return the cells of a row by column."""
    from zoo.evaluate.board import TITLES, metric_key
    from zoo.report.ranking import interval_cell, p_cell, rank_cell
    from zoo.report.tables import model_name, with_spread, worst_cell

    if row.rank is None:
        return defaultdict(str, model=model_name(row, board.name(row)))
    folds = row.fold_accuracy
    return {
        "rank": rank_cell(row),
        "model": model_name(row, board.name(row)),
        **{title: percent(getattr(row, metric_key(name))) for name, title in TITLES.items()},
        "accuracy": with_spread(row),
        "robustness": percent(row.robustness) or "-",
        "worst change": worst_cell(row) or "-",
        "95 % interval": interval_cell(row, board),
        "p": p_cell(row),
        "mean prob.": percent(row.accuracy_mean),
        "folds": f"{percent(min(folds))}-{percent(max(folds))}" if folds else "",
        "train s": "" if row.train_seconds is None else f"{row.train_seconds:.1f}",
    }
