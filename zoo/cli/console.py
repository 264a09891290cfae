"""Notes and progress bars on stderr."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from zoo.cli.output import in_width
from zoo.execution.progress import Bar, Reporter
from zoo_registry.text import shown

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

__all__ = ["TerminalReporter"]


class TerminalReporter(Reporter):
    """Notes and progress bars on stderr; without a terminal, notes only."""

    def __init__(self) -> None:
        self._printed: set[str] = set()

    @cached_property
    def _console(self) -> "Console":
        from rich.console import Console

        return Console(file=sys.stderr, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print one sentence on stderr, only once for several models."""
        if text not in self._printed:
            self._printed.add(text)
            for line in in_width(text):
                self._console.print(line, markup=False, emoji=False)

    @contextmanager
    def bar(self, title: str, total: float) -> Iterator[Bar]:
        """Draw a progress bar with the remaining time."""
        # Tested before rich is imported, which takes a tenth of the time of a quick command.
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
        # rich prints what goes to stdout beside the bar, on stderr; a file or pipe has to get it.
        shares = sys.__stdout__ is not None and sys.__stdout__.isatty()
        with Progress(
            *columns, console=self._console, transient=True, redirect_stdout=shares
        ) as progress:
            yield _TerminalBar(progress, progress.add_task(shown(title), total=total, note=""))


class _TerminalBar(Bar):
    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress = progress
        self._task = task

    def update(self, done: float, note: str = "") -> None:
        self._progress.update(self._task, completed=done, note=shown(note))
