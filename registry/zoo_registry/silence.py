"""Keeping the chatter of C and C++ libraries off the terminal."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_stderr"]

# The descriptor belongs to the whole process: the first block to enter silences it, the last
# one to leave brings it back, whichever threads they run in.
_lock = threading.Lock()
_blocks = 0
_kept = -1


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send what is written to file descriptor 2 to nowhere while the block runs.

    Python's own stderr is not reached this way by design: libraries such as
    TensorFlow and mpg123 write past it, to the descriptor. The whole process is
    silenced, so keep the block short and raise errors out of it.
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
            except OSError:  # a service may have closed it: then there is nothing to silence
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
