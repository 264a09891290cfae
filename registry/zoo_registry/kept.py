"""What the code of a plugin leaves behind in its process: the rest of the command is not affected.

Code that was written for a process of its own changes folders, signals and limits at will.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

__all__ = ["process_kept", "stdout_kept"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_NUMPY = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


@contextmanager
def process_kept() -> Iterator[None]:
    """Restore what the code of a plugin has changed, for the next plugin and for the command.

    That is the current directory, to which the user's paths are relative; the handlers of Ctrl-C
    and SIGTERM; numpy's treatment of errors; and the recursion limit, unless it was raised.
    """
    folder, depth, errors = _current_folder(), sys.getrecursionlimit(), _numpy_errors()
    # Only the main thread may set handlers. A handler that is not of Python is None.
    is_main = threading.current_thread() is threading.main_thread()
    handlers = {n: signal.getsignal(n) for n in _SIGNALS} if is_main else {}
    try:
        yield
    finally:
        sys.setrecursionlimit(max(depth, sys.getrecursionlimit()))
        for number, handler in handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        if (found := _numpy_errors()) != errors and found:
            sys.modules["numpy"].seterr(**(errors or _NUMPY))
        if folder and _current_folder() != folder:
            os.chdir(folder)


@contextmanager
def stdout_kept() -> Iterator[None]:
    """Do the same, and send the output of a plugin to stderr: stdout is for results."""
    with process_kept():
        # All threads share stdout; only the main one may redirect it.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        with redirect_stdout(_Unclosed(sys.stderr)):
            yield


class _Unclosed:
    """The same stream, which a plugin that closes its stdout does not close."""

    def __init__(self, stream: object) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        """Do nothing."""


def _current_folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it was deleted
        return None


def _numpy_errors() -> dict[str, str]:
    """Return how numpy treats errors; empty if it is not imported, at least not completely."""
    geterr = getattr(sys.modules.get("numpy"), "geterr", None)
    return dict(geterr()) if geterr else {}
