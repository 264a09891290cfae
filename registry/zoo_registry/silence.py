"""Suppression of messages that C and C++ libraries print."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

__all__ = ["CHATTER", "move_stderr", "private_copy", "quiet_stderr"]

CHATTER = "ZOO_LOG"
"""Variable with the file of a log, which gets what `quiet_stderr` takes from the terminal."""

_STDERR = 2  # the descriptor

# All threads share the descriptor: the first block that begins redirects it, the last one that
# ends restores it.
_lock = threading.Lock()
_blocks = 0
_kept: int | None = None


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep everything written to file descriptor 2 off the terminal while the block runs.

    A log gets it, if there is one.

    The block is for libraries that cannot be told to be quiet, such as TensorFlow while it is
    imported: they write to the descriptor, past Python's `sys.stderr`. All threads share it.
    Nothing is discarded if another thread may lose what it writes to `sys.stderr`; after
    `move_stderr` none does.
    """
    global _blocks, _kept  # noqa: PLW0603  (there is one stderr)
    with _lock:
        redirected = not _is_shared()
        _blocks += redirected
        if redirected and _blocks == 1:
            _kept = _redirect()
    try:
        yield
    finally:
        with _lock:
            _blocks -= redirected
            if redirected and _blocks == 0 and _kept is not None:
                if sys.stderr is not None:
                    sys.stderr.flush()
                os.dup2(_kept, _STDERR)
                os.close(_kept)


def move_stderr() -> None:
    """Let `sys.stderr` write to a private copy of its descriptor, past `quiet_stderr`.

    Called when a process begins: a logger or thread that has the former stream keeps it.
    """
    sys.stderr = sys.__stderr__ = private_copy(sys.stderr, _STDERR)  # type: ignore[misc]


def private_copy(stream: TextIO | None, descriptor: int) -> TextIOWrapper:
    """Return a stream like this one that writes to a copy of the descriptor.

    Parameters
    ----------
    stream : text stream or None
        `sys.stdout` or `sys.stderr`; None if the process began without it.
    descriptor : int
        Its descriptor.
    """
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    buffering = 1 if stream.isatty() or descriptor == _STDERR else -1
    copy = os.dup(descriptor)
    return os.fdopen(copy, "w", buffering, encoding=stream.encoding, errors=stream.errors)


def _is_shared() -> bool:
    """Whether another thread may write to the descriptor through `sys.stderr`."""
    try:
        writes = sys.stderr is not None and sys.stderr.fileno() == _STDERR
    except (OSError, ValueError, AttributeError):  # such as a stream in memory
        writes = False
    return writes and threading.active_count() > 1


def _redirect() -> int | None:
    """Discard or log what is written from now on; return a copy of the former descriptor."""
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        kept = os.dup(_STDERR)
    except OSError:  # a service may have closed it: then there is nothing to discard
        return None
    try:
        place = os.open(os.environ.get(CHATTER) or os.devnull, os.O_WRONLY | os.O_APPEND)
    except OSError:  # the log was removed
        place = os.open(os.devnull, os.O_WRONLY)
    os.dup2(place, _STDERR)
    os.close(place)
    return kept
