"""Notes and progress on stderr: moving bars on a terminal, plain lines elsewhere."""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from zoo.cli.messages import is_printed, passes
from zoo.cli.output import print_note
from zoo.cli.wrapping import in_width
from zoo.execution.progress import Bar, Reporter
from zoo_registry.text import shown

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

__all__ = ["TerminalReporter"]

_SOON = 0.4  # seconds until work is shown; shorter work is not worth a word
_LOOKS = 0.15  # seconds between looks at the work in progress
_STAGE = 2.0  # seconds that a part of a step without progress has to last to get a line
_APART = 5.0  # seconds between lines within a step, at least
_SILENCE = 25.0  # seconds without a line, at most
_FEW = 20  # units of work; of more a line is due per tenth, of fewer per tenth of each
_TEXT = 60  # characters of a bar's text, at most
_BAR, _PERCENT, _TIME = 12, 5, 12  # characters of the rest
_TITLE = 6  # characters of a title that is cut, at least


class TerminalReporter(Reporter):
    """Notes and progress on stderr: moving bars on a terminal, plain lines elsewhere.

    Lines tell each step of the work, each tenth of it, and at least every half minute that it
    goes on. A log gets them in both cases.
    """

    def __init__(self) -> None:
        self._printed: set[str] = set()
        self._works: list[_Work] = []  # those in progress; each is a part of the one before
        self._live: Live | None = None  # what draws them
        self.told = time.monotonic()  # when the last line was written
        self._lock = threading.RLock()
        self._shows = os.environ.get("ZOO_PROGRESS") != "0"
        is_terminal = sys.stderr is not None and sys.stderr.isatty()
        self._moves = self._shows and is_terminal and os.environ.get("TERM") != "dumb"

    def note(self, text: str) -> None:
        """Print one sentence on stderr, only once for several models."""
        self._once(text, logging.INFO)

    def warn(self, text: str) -> None:
        """Print one sentence on stderr, also with --quiet."""
        self._once(text, logging.WARNING)

    def detail(self, text: str) -> None:
        """Print one sentence on stderr with --verbose."""
        if passes(text, logging.DEBUG):
            self._say(text)

    def line(self, text: str) -> None:
        """Write a line on progress to the log, and to stderr where no bar moves."""
        self.told = time.monotonic()
        if passes(text) and self._shows and not self._moves:
            self._say(text)

    def _once(self, text: str, level: int) -> None:
        if text not in self._printed:
            self._printed.add(text)
            if passes(text, level):
                self._say(text)

    def _say(self, text: str) -> None:
        with self._lock:
            for line in in_width(text, err=True):
                if self._live:  # above the bars
                    self._live.console.print(line, markup=False, emoji=False, soft_wrap=True)
                else:
                    print_note(line)

    @contextmanager
    def bar(self, title: str, total: float | None = None) -> Iterator[Bar]:
        """Show the progress of a piece of work, with the remaining time, once it takes a while."""
        work, ended = _Work(self, title, total), threading.Event()
        try:
            with self._lock:
                self._works.append(work)
                if len(self._works) == 1:
                    watch = threading.Thread(target=self._watch, args=[ended], daemon=True)
                    watch.start()
            yield work
        finally:
            ended.set()
            with self._lock:
                self._works.remove(work)
                if self._live and not self._works:
                    self._live.stop()
                    self._live = None
            work.end()

    def _watch(self, ended: threading.Event) -> None:
        """Show work that takes longer than a moment, and that it goes on."""
        while not ended.wait(_LOOKS):
            # The reader of a pipe may have ended; the next result that is written reports it.
            with self._lock, suppress(OSError, ValueError):
                for work in self._works[-1:]:  # the others wait for it
                    work.look()
                is_due = any(time.monotonic() - work.begun > _SOON for work in self._works)
                if self._moves and is_due and not self._live and is_printed():
                    self._live = self._start()

    def _start(self) -> "Live":
        from rich.console import Console
        from rich.live import Live

        console = Console(file=sys.stderr, highlight=False)
        # rich prints what goes to stdout beside the bar, on stderr; a file or pipe has to get it.
        shares = sys.__stdout__ is not None and sys.__stdout__.isatty()
        live = Live(
            get_renderable=lambda: _table(list(self._works), console.width),
            console=console,
            transient=True,
            redirect_stdout=shares,
            refresh_per_second=8,
        )
        live.start()
        return live


class _Work(Bar):
    """A piece of work in progress, which knows when a line on it is due."""

    def __init__(self, reporter: TerminalReporter, title: str, total: float | None) -> None:
        self.title, self.total = shown(title), total
        self.step, self.note, self.done = "", "", 0.0
        self.begun = time.monotonic()
        self._reporter = reporter
        self._first: tuple[float, float] | None = None  # time and units; from then on it is timed
        self._step_begun = self.begun
        self._unit = total if total and total > _FEW else 1.0
        self._tenths = 0  # of it that are done
        self._told: float | None = None  # when the last line on it was written
        self._stage: float | None = None  # when a part of a step began that has no line yet

    def update(self, done: float, step: str = "", note: str = "") -> None:
        """Show that `done` units are done, the current step, and a note on it."""
        now, is_step = time.monotonic(), shown(step) != self.step
        if self._first is None or done == self._first[1]:  # it is timed from its first progress on
            self._first = (now, done)
        self._stage = now if note != self.note and done == self.done else None
        if is_step:
            self._end_step(now)
        self.done, self.step, self.note = done, shown(step), shown(note)
        tenths = int(done * 10 / self._unit + 1e-6)
        is_tenth, self._tenths = tenths > self._tenths, tenths
        if (is_step and step) or (is_tenth and now - (self._told or self.begun) > _APART):
            self._tell(now)

    def look(self) -> None:
        """Write a line if there was none for long."""
        now = time.monotonic()
        is_new = self._told is None and now - self.begun > _SOON
        is_stage = self._stage is not None and now - self._stage > _STAGE
        if is_new or is_stage or now - max(self._reporter.told, self.begun) > _SILENCE:
            self._tell(now)

    def end(self) -> None:
        """Tell how long it took."""
        now = time.monotonic()
        self._end_step(now)
        self._reporter.detail(f"{self.title}: {now - self.begun:.1f} s")

    def _end_step(self, now: float) -> None:
        if self.step:
            self._reporter.detail(f"{self.title}: {self.step}: {now - self._step_begun:.1f} s")
        self._step_begun = now

    def _tell(self, now: float) -> None:
        took = f"{clock(now - self.begun)} so far" if now - self.begun > 1 else ""
        state = f"{self.percent}, {self.left}" if self.left else self.percent or took
        self._told, self._stage = now, None
        self._reporter.line(self.text + f" ({state})" * bool((state and self.done) or took))

    @property
    def percent(self) -> str:
        """The part that is done; empty if it is not known."""
        return f"{100 * min(self.done / self.total, 1):.0f} %" if self.total else ""

    @property
    def left(self) -> str:
        """The remaining time in words; empty if it is not known."""
        if not (self.total and self._first and self.done > self._first[1]):
            return ""
        seconds = time.monotonic() - self._first[0]
        rest = seconds * (self.total - self.done) / (self.done - self._first[1])
        return f"{clock(rest)} left"

    @property
    def text(self) -> str:
        """Title, step and note."""
        state = ", ".join(filter(None, (self.step, self.note)))
        return ": ".join(filter(None, (self.title, state)))

    def shortened(self, room: int) -> str:
        """Return the text in a number of characters: what changes last is cut last."""
        state = ", ".join(filter(None, (self.step, self.note)))
        if self.note and len(state) + _TITLE + 2 > room:
            state = self.note
        if not state or len(self.text) <= room:
            return self.text
        title = max(_TITLE, room - len(state) - 2)
        cut = self.title if len(self.title) <= title else f"{self.title[: title - 1]}…"
        return f"{cut}: {state}"


def clock(seconds: float) -> str:
    """Return a time as hours, minutes and seconds, such as 1:02:03 or 0:07."""
    minutes, rest = divmod(round(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _table(works: "list[_Work]", width: int) -> "Table":
    """Return the bars of all work in progress, in columns that stay where they are."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    # Columns, and a space behind each.
    room = max(10, min(_TEXT, width - _BAR - _PERCENT - _TIME - 4))
    table = Table.grid(padding=(0, 1, 0, 0))
    for work in works:
        text = Text(work.shortened(room), no_wrap=True)
        text.truncate(room, overflow="ellipsis", pad=True)
        table.add_row(
            text,
            ProgressBar(work.total, work.done, width=_BAR, pulse=work.total is None),
            Text(work.percent.rjust(_PERCENT)),
            Text(work.left or f"{clock(time.monotonic() - work.begun)} so far", no_wrap=True),
        )
    return table
