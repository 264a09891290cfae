"""How long work says what it does; silent by default, drawn by the command line."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Bar", "Reporter"]


class Bar:
    """One piece of work of known size; this one draws nothing."""

    def update(self, done: float, note: str = "") -> None:
        """Say how many of the steps are done, and a few words about where one is."""


class Reporter:
    """Where notes and bars go; this one swallows them."""

    def note(self, text: str) -> None:
        """Say one sentence."""

    @contextmanager
    def bar(self, title: str, total: float) -> Iterator[Bar]:
        """Show a piece of work of `total` steps while the block runs."""
        yield Bar()
