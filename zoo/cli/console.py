"""What people see: tables on stdout, notes and progress on stderr."""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zoo.progress import Bar, Reporter

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
    "print_json",
    "print_table",
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
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def new_table(title: str | None = None, caption: str | None = None) -> "Table":
    """Return an empty table in the zoo's style."""
    from rich import box
    from rich.table import Table

    return Table(
        title=title,
        caption=caption,
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

    Console(file=sys.stdout, highlight=False, width=width()).print(table)


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
            self._console.print(text, markup=False)

    @contextmanager
    def bar(self, title: str, total: float) -> Iterator[Bar]:
        """Draw a progress bar with the time that is left."""
        # Asked before rich, whose import takes a tenth of a quick command's time.
        if not (sys.stderr.isatty() and self._console.is_terminal):
            yield Bar()
            return
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("[dim]{task.fields[note]}"),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            yield _TerminalBar(progress, progress.add_task(title, total=total, note=""))


class _TerminalBar(Bar):
    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress = progress
        self._task = task

    def update(self, done: float, note: str = "") -> None:
        self._progress.update(self._task, completed=done, note=note)


def percent(value: float | None) -> str:
    """Return an accuracy as boards print it: three digits, no leading zero."""
    return "" if value is None else f"{value:.3f}".removeprefix("0")


def in_columns(values: Iterable[object]) -> list[str]:
    """Return cells of a table: text, with None as nothing."""
    return ["" if value is None else str(value) for value in values]
