"""The end of a command: by an error, an interruption, or when all is printed."""

import logging
import os
import re
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress

from zoo.cli.colour import ERROR, painted
from zoo.cli.messages import command_word
from zoo.cli.wrapping import in_width
from zoo.execution.progress import SAVED

__all__ = ["CONTINUES", "Interrupted", "fail", "flush", "resumption"]

CONTINUES = {"train": "", "tune": "", "predict": "--output"}
"""Commands that save their progress, and the option that they need for it."""

_log = logging.getLogger("zoo.cli.printed")


class Interrupted:
    """Handler of SIGINT (Ctrl-C) and SIGTERM (schedulers, shutdown): both end the work in order."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:  # as in the background
                    signal.signal(number, self._interrupt)

    def _interrupt(self, number: int, frame: object) -> None:
        self.signal = signal.Signals(number)
        # Threads of libraries would each print a traceback.
        threading.excepthook = lambda _: None
        warnings.simplefilter("ignore")
        raise KeyboardInterrupt

    def status(self) -> int:
        """Print the reason; return the exit status that shells give to the signal."""
        number = self.signal or signal.SIGINT
        what = "interrupted" if number == signal.SIGINT else "stopped"
        kept = resumption(command_word(), sys.argv[1:], SAVED.is_set())
        return fail(f"{what}; {kept}", 128 + number)


def resumption(command: str | None, arguments: Sequence[str], is_saved: bool) -> str:
    """Return what an interrupted command has kept, and what it does when it is given again.

    Parameters
    ----------
    command : str, optional
        Name of the command.
    arguments : sequence of str
        Arguments of the process.
    is_saved : bool
        Whether the command has saved anything yet, if it saves its progress.
    """
    option = CONTINUES.get(command or "", "")
    # What goes to the standard output is not kept.
    if option and not re.search(rf" {option}[ =](?!- )", f" {' '.join(arguments)} "):
        return f"nothing was saved; {option} FILE keeps what is done and continues"
    if command in CONTINUES and is_saved:
        return "progress is saved; run the same command to continue"
    return "run the same command again"  # an earlier one may have saved progress


def fail(sentence: str, status: int) -> int:
    """Print an error on stderr, with its traceback if ZOO_DEBUG is set.

    Parameters
    ----------
    sentence : str
        What went wrong, where, and what to do.
    status : int
        Exit status.

    Returns
    -------
    int
        The same exit status.
    """
    if os.environ.get("ZOO_DEBUG"):
        traceback.print_exc()
    _log.error("%s", sentence)
    _log.debug("exit status %d", status, exc_info=isinstance(sys.exception(), Exception))
    first, *others = in_width(f"zoo: {sentence}", err=True)
    first = painted("zoo:", ERROR) + first.removeprefix("zoo:")
    with suppress(OSError):  # stderr may be a closed pipe, or on a full disk
        sys.stderr.write("\n".join([first, *others, ""]))
    return status


def flush(status: int) -> int:
    """Write what stdout and stderr still hold; print an error if that fails.

    Parameters
    ----------
    status : int
        Exit status so far.

    Returns
    -------
    int
        Exit status, not 0 if something was lost.
    """
    for stream, name in ((sys.stdout, "standard output"), (sys.stderr, "standard error")):
        try:
            stream.flush()
        except OSError as error:
            # Python would write what is left once more, and fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            if not status and not isinstance(error, BrokenPipeError):
                status = fail(f"{name} cannot be written: {error.strerror}", 1)
    return status
