"""Command line: one module per command, without heavy imports at import time."""

import gc
import os
import signal
import sys
import threading
from pathlib import Path

from zoo.cli.colour import settle
from zoo.cli.ending import Interrupted, flush
from zoo_registry.silence import move_stderr, private_copy

__all__ = ["main"]

_PATIENCE = 10.0  # seconds until a process that was interrupted ends at the latest


def main() -> None:
    """Run ``zoo`` with the arguments of the process, and exit with its status."""
    interrupted = Interrupted()
    # Quick commands create little garbage; collecting it takes a seventh of their time.
    gc.set_threshold(20_000)
    try:
        _keep_streams()
        settle()
        from zoo.cli.app import run

        status = flush(run(interrupted))
    except KeyboardInterrupt:
        status = interrupted.status()
    # An interruption of the exit handlers of libraries would print a traceback.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if interrupted.signal:
        # Python waits for its threads; one may be waiting for a network, or in an endless loop.
        last = threading.Timer(_PATIENCE, os._exit, [status])
        last.daemon = True
        last.start()
    if threading.active_count() > 1:
        from zoo.execution.threads import end_despite_threads

        end_despite_threads(status, None if interrupted.signal else _say_left)
    gc.freeze()
    sys.exit(status)


def _say_left(threads: list[str]) -> None:
    """Print which threads of plugins the command does not wait for."""
    from zoo.cli.colour import WARNING
    from zoo.cli.output import say

    names = ", ".join(sorted(set(threads)))
    say(f"not waited for: a thread of a plugin that still runs ({names})", err=True, style=WARNING)


def _keep_streams() -> None:
    """Redirect file descriptor 1 to stderr, and let only Python's streams print for the command.

    Libraries write to the descriptors; `sys.stdout` and `sys.stderr` get copies.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:  # it is closed, and the next file that is opened would get its number
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  (to the end)
    # The second one is used for the width of the terminal.
    sys.stdout = sys.__stdout__ = private_copy(sys.stdout, 1)  # type: ignore[misc]
    os.dup2(2, 1)
    move_stderr()
