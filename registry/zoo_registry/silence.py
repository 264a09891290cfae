"""Keeping the chatter of C and C++ libraries off the terminal."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet_stderr"]


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send what is written to file descriptor 2 to nowhere while the block runs.

    Python's own stderr is not reached this way by design: libraries such as
    TensorFlow and mpg123 write past it, to the descriptor. The whole process is
    silenced, so keep the block short and raise errors out of it.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # there is no stderr, as under pythonw
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  (a descriptor, not a path)
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
