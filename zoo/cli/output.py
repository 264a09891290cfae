"""Output of commands on stdout: lines, tables, JSON, CSV and Markdown."""

import io
import logging
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

from zoo.cli.colour import WARNING, is_coloured, painted
from zoo.cli.fitting import BETWEEN, fitted, measured
from zoo.cli.messages import passes
from zoo.cli.wrapping import in_width, is_terminal, width
from zoo_registry.text import encodable, json_text, quoted, shown

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable
    from rich.tree import Tree

__all__ = [
    "Alert",
    "AlertNote",
    "Note",
    "Text",
    "as_text",
    "cell",
    "columns",
    "escaped",
    "make_table",
    "make_tree",
    "percent",
    "print_data",
    "print_note",
    "print_result",
    "print_text",
    "say",
    "say_no_run",
]

Text: TypeAlias = "Iterable[str | Table | Tree]"
"""Result of a command for people: lines for stdout, notes for stderr, tables and trees."""


class Note(str):
    """Line for stderr, left out with --quiet."""

    __slots__ = ()


class Alert(str):
    """Line that warns, for stdout."""

    __slots__ = ()


class AlertNote(Alert, Note):
    """Line that warns, for stderr, also with --quiet."""

    __slots__ = ()


def print_result(
    format: str,
    *,
    json: Any,
    table: Text,
    csv: Callable[[], str] | None = None,
    markdown: Callable[[], str] | None = None,
    html: Callable[[], str] | None = None,
    latex: Callable[[], str] | None = None,
) -> None:
    """Print the result of a command in one of the formats that it offers.

    Parameters
    ----------
    format : str
        The chosen format: "json", "table", "csv", "markdown", "html" or "latex".
    json : JSON value or iterator
        The result as data; an iterator is read only if JSON is printed.
    table : Text
        The result for people; read only if it is printed.
    csv, markdown, html, latex : callable, optional
        Functions that return the result as text.
    """
    if format == "json":
        value = list(json) if isinstance(json, Iterator) else json
        print_data(json_text(value, indent=2) + "\n")
    elif format == "csv" and csv:
        print_data(csv())
    elif format == "markdown" and markdown:
        print_data(markdown())
    elif format == "html" and html:
        print_data(html())
    elif format == "latex" and latex:
        print_data(latex())
    else:
        print_text(table)


def print_text(text: Text) -> None:
    """Print lines, tables and trees on stdout, and notes on stderr."""
    for item in text:
        if isinstance(item, str):
            is_note, style = isinstance(item, Note), WARNING if isinstance(item, Alert) else None
            if is_note and not passes(item, logging.WARNING if style else logging.INFO):
                continue
            for line in in_width(item, err=is_note):
                _echo(line, is_note, style)
            continue
        from rich.console import Console

        # A name such as [red] is a name, not markup.
        console = Console(file=sys.stdout, width=width(), highlight=False)
        console.print(item, markup=False, emoji=False)


def as_text(text: Text) -> str:
    """Return what `print_text` prints on stdout, without colours."""
    from rich.console import Console

    written = io.StringIO()
    # In a notebook rich would display a table instead of writing it.
    console = Console(
        file=written, width=width(), highlight=False, color_system=None, force_jupyter=False
    )
    for item in text:
        if isinstance(item, str):
            written.writelines(f"{line}\n" for line in in_width(item) if not isinstance(item, Note))
        else:
            console.print(item, markup=False, emoji=False)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines()).rstrip()


def print_data(text: str) -> None:
    """Print text for programs: unchanged, but for control characters on a terminal."""
    sys.stdout.write(encodable(escaped(text) if is_terminal() else text))


def escaped(text: str) -> str:
    """Return lines with control characters escaped."""
    return "\n".join(map(shown, text.split("\n")))


def say(text: object = "", *, err: bool = False, style: str | None = None) -> None:
    """Print one line on stdout or stderr, with control characters escaped.

    Parameters
    ----------
    text : object
        What is printed.
    err : bool
        Whether it is for stderr: a note, or with a style a warning, which --quiet leaves.
    style : str, optional
        One of the styles of `zoo.cli.colour`.
    """
    if not err:
        _echo(str(text), err, style)
    elif passes(str(text), logging.WARNING if style else logging.INFO):
        for line in in_width(str(text), err=True):
            _echo(line, err, style)


def print_note(line: str) -> None:
    """Print one line on stderr, with control characters escaped; not to the log."""
    _echo(line, err=True)


def _echo(text: str, err: bool, style: str | None = None) -> None:
    stream, own = (sys.stderr, sys.__stderr__) if err else (sys.stdout, sys.__stdout__)
    # Beside a bar rich puts a stream there that erases it first; left to itself, typer evades it.
    line = shown(text)
    coloured = style is not None and is_coloured(stream)
    if style is not None:
        line = painted(line, style, stream)
    typer.echo(line, file=None if stream is own else stream, err=err, color=coloured or None)


def say_no_run(data: str | None) -> None:
    """Print on stderr that there is no run, or none of this dataset, and how to make one."""
    of, option = (f" of {quoted(data)}", f" --data {shlex.quote(data)}") if data else ("", "")
    say(f"There is no run{of} to show; `zoo train svm{option}` makes one.", err=True)


def columns(*names: str, **options: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return columns for `make_table` that share the options of rich's `add_column`."""
    return [(name, options) for name in names]


@dataclass(frozen=True)
class Table:
    """Table that fits into the terminal, and the columns that do not.

    Attributes
    ----------
    table : rich.table.Table
        What is shown.
    left : tuple of str
        Names of the columns that are left out.
    title : str or None
        Line above the table.
    whole : str
        What shows all columns, in the words of the note on those that are left out.
    """

    table: "RichTable"
    left: tuple[str, ...] = ()
    title: str | None = None
    whole: str = "`--format json`"

    def __rich__(self) -> "RenderableType":
        """Return what rich prints."""
        from rich.console import Group
        from rich.text import Text as Line

        above = [Line(shown(self.title), "bold")] if self.title else []
        left = ", ".join(name for name in self.left if name)
        note = f"Not shown for lack of room: {left}; a wider terminal or {self.whole} shows all."
        return Group(*above, self.table, *[Line(shown(note))] * bool(left))


def make_table(
    columns: Sequence[tuple[str, dict[str, Any]]],
    rows: Iterable[Iterable[object]],
    title: str | None = None,
    styles: Iterable[str | None] = repeat(None),
    *,
    leave: Sequence[str] | None = None,
    whole: str = Table.whole,
    is_close: bool = False,
) -> Table:
    """Return a table in the style of the zoo, with the columns that fit into the terminal.

    Without a terminal it has all of them, and wraps nothing.

    Parameters
    ----------
    columns : sequence of (str, dict)
        Results of `columns`, joined. Text is wrapped at words if need be, but for columns with
        ``no_wrap`` or ``justify="right"``, which are shown whole or not at all.
    rows : iterable of iterables
        Cells as for `cell`.
    title : str, optional
        Line above the table.
    styles : iterable of str or None
        Colour of each row.
    leave : sequence of str, optional
        Names of the columns that may be left out, in the order in which they are; by default all
        but the first one, from the right.
    whole : str
        What shows all columns, such as an option.
    is_close : bool
        Whether columns are one space apart, and not three.
    """
    from rich import box
    from rich.table import Table as RichTable

    names = [name for name, _ in columns]
    texts = [list(map(cell, row)) for row in rows]
    sizes = [
        measured(
            shown(name),
            [row[place] for row in texts],
            not options.get("no_wrap") and options.get("justify") != "right",
        )
        for place, (name, options) in enumerate(columns)
    ]
    order = range(len(names) - 1, 0, -1) if leave is None else map(names.index, leave)
    widths = fitted(sizes, list(order), width(), 1 if is_close else BETWEEN)
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0 if is_close else 1))
    for place, own in widths.items():
        name, options = columns[place]
        table.add_column(shown(name), **{"overflow": "fold"} | options | {"width": own})
    for row, style in zip(texts, styles, strict=False):
        table.add_row(*(row[place] for place in widths), style=style)
    left = (name for place, name in enumerate(names) if place not in widths)
    return Table(table, tuple(left), title, whole)


def make_tree(title: str, branches: Iterable[tuple[str, Iterable[str]]]) -> "Tree":
    """Return a tree of a title, branches and leaves.

    Parameters
    ----------
    title : str
        Text of the root.
    branches : iterable of (str, iterable of str)
        Text of each branch, and of its leaves.
    """
    from rich.text import Text as Label
    from rich.tree import Tree

    tree = Tree(Label(shown(title)))
    for text, leaves in branches:
        branch = tree.add(Label(shown(text)))
        for leaf in leaves:
            branch.add(Label(shown(leaf)))
    return tree


def cell(value: object) -> str:
    """Return the text of a cell: None is empty, a tuple one line per value."""
    if isinstance(value, tuple):
        return "\n".join(map(cell, value))
    return "" if value is None else shown(str(value))


def percent(value: float | None) -> str:
    """Return an accuracy as boards print it: three digits, no leading zero."""
    from zoo.evaluate.board import score_text

    return score_text(value)
