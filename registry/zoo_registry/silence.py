"""Suppression of messages that C and C++ libraries print."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_stderr"]

# All threads share the descriptor: the first block that begins redirects it, the last one that
# ends restores it.
_lock = threading.Lock()
_blocks = 0
_kept = -1


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard everything written to file descriptor 2 while the block runs.

    Libraries such as TensorFlow and mpg123 write to the descriptor, past Python's
    `sys.stderr`. The block affects all threads of the process: keep it short, and raise errors
    out of it.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _blocks, _kept  # noqa: PLW0603  (there is one stderr)
    with _lock:
        _blocks += 1
        if _blocks == 1 and sys.stderr is not None:  # None where the process has no stderr
            sys.stderr.flush()
            try:
                _kept = os.dup(2)
            except OSError:  # a service may have closed it: then there is nothing to discard
                return
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 2)
            os.close(nowhere)


def _leave() -> None:
    global _blocks, _kept  # noqa: PLW0603
    with _lock:
        _blocks -= 1
        if _blocks == 0 and _kept >= 0:
            sys.stderr.flush()
            os.dup2(_kept, 2)
            os.close(_kept)
            _kept = -1
