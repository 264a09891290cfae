"""Progress of long work; not shown by default, drawn by the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

__all__ = ["SAVED", "Bar", "Reporter"]

SAVED = Event()
"""Set once this process has saved a part of its work, from which the same command continues."""


class Bar:
    """Progress of one piece of work; this class draws nothing."""

    def update(self, done: float, step: str = "", note: str = "") -> None:
        """Show that `done` units are done.

        Parameters
        ----------
        done : float
            Number of units of work that are done.
        step : str
            Name of the current step, such as a fold; a log has a line for every step.
        note : str
            State within the step, such as the epoch. One that changes without progress, such as
            the import of a library, gets a line if it lasts.
        """


class Reporter:
    """Receiver of notes and progress; this class ignores them."""

    def note(self, text: str) -> None:
        """Show one sentence, `text`."""

    def warn(self, text: str) -> None:
        """Show one sentence, `text`, that also matters to who wants no notes."""
        self.note(text)

    def detail(self, text: str) -> None:
        """Show one sentence, `text`, to who wants to know more."""

    @contextmanager
    def bar(self, title: str, total: float | None = None) -> Iterator[Bar]:
        """Yield the bar of a piece of work.

        Parameters
        ----------
        title : str
            What is done, such as "making the demo set, 200 tracks".
        total : float, optional
            Number of units; None for work that has no parts, such as an import.
        """
        yield Bar()
