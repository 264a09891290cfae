"""``zoo leaderboard``: ranking of the runs, and the uncertainty of their differences."""

from collections import defaultdict
from collections.abc import Collection
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from zoo.cli.options import BoardDataOption, BoardProtocolOption, ByOption
from zoo.cli.output import (
    Text,
    cell,
    columns,
    make_table,
    percent,
    print_result,
    print_text,
    say,
    say_no_run,
    width,
)

if TYPE_CHECKING:
    from zoo.evaluate.board import Board, Difference, Row

__all__ = ["command", "print_board"]

_NAMES = (
    *("rank", "model", "accuracy", "robustness", "worst change", "95 % interval", "p"),
    *("macro F1", "mean prob.", "folds", "train s"),
    *("balanced accuracy", "ROC AUC", "log loss", "top 3", "calibration error"),
)
_NONE = ("", "-")  # cells without a value
_FIT = 7  # columns of a board in a narrow terminal
# Left out, in this order, if a word of a name would be broken, and if words of ten are too long.
_LESS = ("worst change", "robustness", "accuracy", "p")
_LEAST = ("95 % interval", "rank")
_WORD, _PART, _TEXT = 40, 10, 60  # characters of a word, its part and a name that are not broken
_WRAPPED = ("model", "worst change")
_BETWEEN = 3  # characters between two columns
_ROOMY = 110  # columns of a terminal that shows all columns of a board
_LONG = 200  # rows of a board that are shown; drawing ten thousand takes seconds


Format = Literal["table", "markdown", "csv", "json", "html"]


def command(
    data: BoardDataOption = None,
    protocol: BoardProtocolOption = None,
    side_by_side: Annotated[
        bool,
        typer.Option("--side-by-side", help="Each model with groups kept together, and without."),
    ] = False,
    by: ByOption = "accuracy",
    seeds: Annotated[
        Literal["together", "apart"],
        typer.Option(help="Runs that differ only in the seed: one row with their mean, or each."),
    ] = "together",
    format: Annotated[Format, typer.Option(help="How to print them.")] = "table",
) -> None:
    """Rank the runs that share a dataset and a protocol.

    Example: zoo leaderboard --data demo --format markdown
    """
    from zoo.evaluate.leaderboard import leaderboard
    from zoo.evaluate.side_by_side import side_by_side as compared
    from zoo.report import tables

    boards = leaderboard(data, protocol, by, seeds=seeds)
    differences = compared(boards) if side_by_side else []
    if side_by_side and (differences or format == "json"):
        print_result(
            format,
            json=map(vars, differences),
            table=_differences_text(differences),
            csv=lambda: tables.differences_csv(differences),
            markdown=lambda: tables.differences_markdown(differences),
        )
    elif side_by_side:
        say("No model was trained both ways; train it with and without --ungrouped.", err=True)
    elif boards or format == "json":
        print_result(
            format,
            json=(board.to_json() for board in boards),
            table=chain.from_iterable(map(_board_text, boards)),
            csv=lambda: tables.boards_csv(boards),
            markdown=lambda: "\n".join(map(tables.board_markdown, boards)),
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
        *columns("dataset", "protocol", "model", overflow="fold"),
        *columns(*numbers, justify="right", no_wrap=True),
    ]
    yield make_table(headings, rows, "groups kept together, and split by track")


def print_board(board: "Board", reported: Collection[str] = ()) -> None:
    """Print one board as a table, without the problems of the runs that are reported elsewhere."""
    print_text(_board_text(board, reported))


def _board_text(board: "Board", reported: Collection[str] = ()) -> Text:
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
    order = dict.fromkeys((*_NAMES[:2], TITLES[board.by], *_NAMES))  # what ranks comes first
    names = [name for name in order if any(row[name] not in _NONE for row in cells)]
    fitting, word = _fitting(names, TITLES[board.by], cells)
    room = width() - _width(fitting, cells, word)
    headings = []
    for name in fitting:
        if name in _WRAPPED:  # they share the room that is left
            least = _least_width(name, cells, word)
            own = max(1, min(_full_width(name, cells), least + room))
            room -= own - least
            headings += columns(name, overflow="fold", width=own)
        else:
            headings += columns(name, justify="right", no_wrap=True, overflow="fold")
    yield make_table(
        headings,
        ([row[name] for name in fitting] for row in cells),
        heading(board),
        (None if row.status == "complete" else "yellow" for row in rows),
    )
    if more := len(board.rows) - len(rows):
        yield f"{more} further runs are not shown; `--format csv` lists them all."
    left = [name for name in names if name not in fitting]
    if left:
        yield f"{', '.join(left)}: not shown at this width; `--format csv` has them."
    yield from ranking(board, left)
    yield from explanations(board, left)
    yield from audit_sentences(board.audit, is_repeated(board))
    yield from notes(board)
    yield from problems([row for row in rows if row.run not in reported])
    yield "`zoo runs list` has the ids of the runs."
    yield ""


def _fitting(names: list[str], score: str, cells: list[dict[str, str]]) -> tuple[list[str], int]:
    """Return the columns that fit into the terminal, and the length of words that are not broken.

    Figures are shown whole or not at all; the score that ranks and the names are always shown.
    """
    fitting = names if width() >= _ROOMY else names[:_FIT]
    while len(fitting) > _FIT and _width(fitting, cells) > width():
        fitting = fitting[:-1]
    further = [name for name in reversed(fitting) if name not in ("model", *_LESS, *_LEAST)]
    for word, less in ((_WORD, (*further, *_LESS)), (_PART, _LEAST)):
        for name in less:
            if _width(fitting, cells, word) <= width():
                return fitting, word
            fitting = [each for each in fitting if each != name or name == score]
    return fitting, word


def _width(names: list[str], cells: list[dict[str, str]], word: int | None = None) -> int:
    """Return the width of a table with these columns; names are broken as for `_least_width`.

    Without `word` they are not broken at all.
    """
    own = [
        _full_width(name, cells) if word is None else _least_width(name, cells, word)
        for name in names
    ]
    return sum(own) + _BETWEEN * len(own) - 1


def _least_width(name: str, cells: list[dict[str, str]], word: int) -> int:
    """Return the width of a column in which no figure and no shorter word is broken."""
    if name not in _WRAPPED:
        return _longest([name, *(row[name] for row in cells)])
    return min(
        _longest([*name.split(), *(part for row in cells for part in row[name].split())]), word
    )


def _full_width(name: str, cells: list[dict[str, str]]) -> int:
    """Return the width of a column in which no text is broken, unless it is long."""
    longest = _longest([name, *(row[name] for row in cells)])
    return min(longest, _TEXT) if name in _WRAPPED else longest


def _longest(texts: list[str]) -> int:
    """Return the most columns of the terminal that one of the texts takes."""
    from rich.cells import cell_len

    return max(cell_len(cell(text)) for text in texts)


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
        "accuracy": with_spread(row, percent),
        "robustness": percent(row.robustness) or "-",
        "worst change": worst_cell(row, percent(row.worst_robustness)) if row.worst_change else "-",
        "95 % interval": interval_cell(row, board, percent),
        "p": p_cell(row),
        "mean prob.": percent(row.accuracy_mean),
        "folds": f"{percent(min(folds))}-{percent(max(folds))}" if folds else "",
        "train s": "" if row.train_seconds is None else f"{row.train_seconds:.1f}",
    }
