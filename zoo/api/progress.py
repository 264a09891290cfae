"""Progress by itself where a person looks on: in a notebook, and on a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from zoo.execution.progress import Bar, Reporter

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["NotebookReporter", "usual_reporter"]


def usual_reporter(given: Reporter | None = None) -> Reporter:
    """Return the reporter of a call that names none.

    It draws in a notebook, and on stderr if that is a terminal, which is so in an interactive
    session. Elsewhere (a script in a pipe, a job, a test) it shows nothing. Nothing ever goes to
    stdout.

    Parameters
    ----------
    given : Reporter, optional
        The one that the call names, which is returned; `Reporter()` shows nothing.
    """
    if given is not None:
        return given
    if _is_notebook():
        return NotebookReporter()
    if sys.stderr is not None and sys.stderr.isatty():
        from zoo.cli.console import TerminalReporter

        return TerminalReporter()
    return Reporter()


def _is_notebook() -> bool:
    shell = sys.modules.get("IPython")
    get_ipython = getattr(shell, "get_ipython", lambda: None)
    return getattr(get_ipython(), "kernel", None) is not None


class NotebookReporter(Reporter):
    """Notes and progress bars below the cell of a notebook; a bar vanishes when it is done."""

    def __init__(self) -> None:
        self._shown: set[str] = set()

    def note(self, text: str) -> None:
        """Print one sentence on stderr, only once for several models."""
        if text not in self._shown:
            self._shown.add(text)
            print(text, file=sys.stderr)

    @contextmanager
    def bar(self, title: str, total: float) -> Iterator[Bar]:
        """Draw a progress bar with the remaining time."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        from zoo_registry.text import shown

        with Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:3.0f} %"),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("{task.fields[note]}", markup=False),
            console=Console(force_jupyter=True, width=100),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as progress:
            yield _NotebookBar(progress, progress.add_task(shown(title), total=total, note=""))


class _NotebookBar(Bar):
    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self._progress = progress
        self._task = task

    def update(self, done: float, note: str = "") -> None:
        self._progress.update(self._task, completed=done, note=note)
