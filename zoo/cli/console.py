"""What people see: tables on stdout, notes and progress on stderr."""

import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer

from zoo.execution.progress import Bar, Reporter
from zoo_registry.text import encodable, json_text, shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.table import Table

__all__ = [
    "ListFormat",
    "TerminalReporter",
    "Tuner",
    "in_columns",
    "new_table",
    "percent",
    "print_data",
    "print_json",
    "print_table",
    "say",
    "width",
]


class ListFormat(StrEnum):
    """How a list is printed."""

    table = "table"
    json = "json"


class Tuner(StrEnum):
    """How parameters are searched."""

    random = "random"
    bayesian = "bayesian"
    hyperband = "hyperband"


def print_json(value: Any) -> None:
    """Print JSON, and nothing else, on stdout."""
    print_data(json_text(value, indent=2) + "\n")


def print_data(text: str) -> None:
    """Print what programs read, names as they are; what would steer a terminal does not."""
    if sys.stdout.isatty():
        text = "\n".join(map(shown, text.split("\n")))
    sys.stdout.write(encodable(text))


def say(text: object = "", *, err: bool = False) -> None:
    """Print one line, in which whatever a name holds is seen, on stdout or stderr."""
    typer.echo(shown(str(text)), err=err)


def new_table(title: str | None = None, caption: str | None = None) -> "Table":
    """Return an empty table in the zoo's style."""
    from rich import box
    from rich.table import Table

    return Table(
        title=title and shown(title),
        caption=caption and shown(caption),
        box=box.SIMPLE_HEAD,
        title_justify="left",
        caption_justify="left",
        title_style="bold",
        caption_style="dim",
        pad_edge=False,
        padding=(0, 1),
    )


def width() -> int:
    """Return the columns of the terminal; plenty where there is none."""
    # A pipe has no width; what reads it wants whole lines.
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 200


def print_table(table: "Table") -> None:
    """Print a table on stdout, as wide as the terminal; unwrapped where there is none."""
    from rich.console import Console

    # A name such as [red] is a name, not markup.
    console = Console(file=sys.stdout, width=width(), highlight=False, markup=False, emoji=False)
    console.print(table)


class TerminalReporter(Reporter):
    """Notes and progress bars on stderr; without a terminal, notes only."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    @cached_property
    def _console(self) -> "Console":
        from rich.console import Console

        return Console(file=sys.stderr, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print one sentence on stderr, once however many models it concerns."""
        if text not in self._said:
            self._said.add(text)
            self._console.print(shown(text), markup=False, emoji=False)

    @contextmanager
    def bar(self, title: str, total: float) -> Iterator[Bar]:
        """Draw a progress bar with the time that is left."""
        # Asked before rich, whose import takes a tenth of a quick command's time.
        if not (sys.stderr.isatty() and self._console.is_terminal):
            yield Bar()
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[note]}", style="dim", markup=False),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            yield _TerminalBar(progress, progress.add_task(shown(title), total=total, note=""))


class _TerminalBar(Bar):
    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress = progress
        self._task = task

    def update(self, done: float, note: str = "") -> None:
        self._progress.update(self._task, completed=done, note=shown(note))


def percent(value: float | None) -> str:
    """Return an accuracy as boards print it: three digits, no leading zero."""
    return "" if value is None else f"{value:.3f}".removeprefix("0")


def in_columns(values: Iterable[object]) -> list[str]:
    """Return cells of a table: text, with None as nothing and a tuple as so many lines."""
    return ["\n".join(map(_cell, v)) if isinstance(v, tuple) else _cell(v) for v in values]


def _cell(value: object) -> str:
    return "" if value is None else shown(str(value))
