"""The command line: one module a command, nothing heavy imported before it is needed."""

import gc
import os
import signal
import sys
from pathlib import Path

__all__ = ["main"]


def main() -> None:
    """Run ``zoo`` with the arguments of the process, and exit with its status."""
    # A quick command makes modules, not garbage; looking for it takes a seventh of its time.
    gc.set_threshold(20_000)
    _keep_stdout()
    from zoo.cli.app import run

    status = run()
    # It is done; what libraries do at the end, interrupted, would show a traceback.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    gc.freeze()
    sys.exit(status)


def _keep_stdout() -> None:
    """Let `sys.stdout` alone reach the real one; what libraries write past it goes to stderr."""
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
    sys.__stdout__ = real  # type: ignore[misc]  # which is asked how wide the terminal is
