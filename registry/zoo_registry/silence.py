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
_kept: int | None = None


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Discard everything written to file descriptor 2 while the block runs.

    Libraries such as TensorFlow and mpg123 write to the descriptor, past Python's
    `sys.stderr`. The block affects all threads of the process: keep it short, and raise errors
    out of it.
    """
    global _blocks, _kept  # noqa: PLW0603  (there is one stderr)
    with _lock:
        _blocks += 1
        if _blocks == 1:
            _kept = _redirect()
    try:
        yield
    finally:
        with _lock:
            _blocks -= 1
            if _blocks == 0 and _kept is not None:
                sys.stderr.flush()
                os.dup2(_kept, 2)
                os.close(_kept)


def _redirect() -> int | None:
    """Discard what is written from now on; return a copy of the former descriptor."""
    if sys.stderr is None:  # the process has no stderr
        return None
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # a service may have closed it: then there is nothing to discard
        return None
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return kept
