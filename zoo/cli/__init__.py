"""Command line: one module per command, without heavy imports at import time."""

import gc
import os
import signal
import sys
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """Run ``zoo`` with the arguments of the process, and exit with its status."""
    # Quick commands create little garbage; collecting it takes a seventh of their time.
    gc.set_threshold(20_000)
    _keep_stdout()
    from zoo.cli.app import run

    status = run()
    # An interruption of the exit handlers of libraries would print a traceback.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    gc.freeze()
    sys.exit(status)


def _keep_stdout() -> None:
    """Redirect file descriptor 1, to which libraries write, to stderr; `sys.stdout` stays."""
    if sys.stdout is None:  # it is closed
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  (to the end)
        return
    try:
        kept = os.dup(1)
        os.dup2(2, 1)
    except OSError:  # a service may have closed either
        return
    out = sys.stdout
    buffering = 1 if out.isatty() else -1
    real = os.fdopen(kept, "w", buffering, encoding=out.encoding, errors=out.errors)
    sys.stdout = real
    sys.__stdout__ = real  # type: ignore[misc]  # used for the width of the terminal
