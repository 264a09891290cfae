"""Progress by itself where a person looks on: in a notebook, and on a terminal."""

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

from zoo.execution.progress import Bar, Reporter
from zoo_registry.text import shown

__all__ = ["NotebookReporter", "usual_reporter"]

_OFTEN = 0.1  # seconds between two drawings


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

    # rich draws in notebooks only with ipywidgets, which many do not have.

    def __init__(self) -> None:
        self._printed: set[str] = set()
        # tqdm, which skops imports, warns of the same lack.
        warnings.filterwarnings("ignore", message="IProgress not found")

    def note(self, text: str) -> None:
        """Print one sentence on stderr, only once for several models."""
        if text not in self._printed:
            self._printed.add(text)
            print(text, file=sys.stderr)

    @contextmanager
    def bar(self, title: str, total: float | None = None) -> Iterator[Bar]:
        """Draw a progress bar, with a note behind it."""
        bar = _NotebookBar(title, total)
        try:
            yield bar
        finally:
            bar.clear()


class _NotebookBar(Bar):
    def __init__(self, title: str, total: float | None) -> None:
        from IPython.display import display

        self._title, self._total, self._drawn = title, total, time.monotonic()
        self._handle = display(_Html(self._html(0, "")), display_id=True)

    def update(self, done: float, step: str = "", note: str = "") -> None:
        if time.monotonic() - self._drawn > _OFTEN:
            self._drawn = time.monotonic()
            self._handle.update(_Html(self._html(done, ", ".join(filter(None, (step, note))))))

    def clear(self) -> None:
        """Draw nothing in the place of the bar."""
        self._handle.update(_Html(""))

    def _html(self, done: float, note: str) -> str:
        known = f' max="{self._total}" value="{done}"' if self._total else ""  # else it moves
        bar = f"<progress{known}></progress>"
        return f"<div>{escape(shown(self._title))} {bar} {escape(shown(note))}</div>"


class _Html:
    """What a notebook shows as HTML, and anything else as nothing."""

    def __init__(self, html: str) -> None:
        self._html = html

    def __repr__(self) -> str:
        return ""

    def _repr_html_(self) -> str:
        return self._html
