"""Progress of long work; not shown by default, drawn by the command line."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Bar", "Reporter"]


class Bar:
    """Progress of one piece of work; this class draws nothing."""

    def update(self, done: float, note: str = "") -> None:
        """Show that `done` steps are done, and a `note` about the current one."""


class Reporter:
    """Receiver of notes and progress; this class ignores them."""

    def note(self, text: str) -> None:
        """Show one sentence, `text`."""

    @contextmanager
    def bar(self, title: str, total: float) -> Iterator[Bar]:
        """Yield the bar of a piece of work, called `title`, of `total` steps."""
        yield Bar()
