"""An audio file that is decoded while it is read, whichever library decodes it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stream", "block_frames", "missing"]

_TOLERATED = 0.25  # seconds that a file may lack: encoders pad, headers round
_BLOCK = 1 << 18  # frames that are decoded at once; some seconds
_CHANNELS = 8  # with more, fewer frames are decoded at once: a file can claim 1,024


@dataclass
class Stream:
    """An open file that is decoded while it is read.

    Attributes
    ----------
    rate, seconds : int, float
        Hz, and duration if a header states it; 0 if it has to be decoded to be known.
    blocks : iterator of float32 arrays, each of shape (frames, channels)
        Finite samples; raises `AudioError` at values that are no sound.
    frames : int
        Number of frames decoded so far.
    truncated : str or None
        Description of the missing part, known after the last block.
    notes : dict of str to str
        Descriptions of sound that is not used as it is, complete after the last block:
        ``cancelling`` channels, ``unheard`` tracks.
    """

    path: Path
    rate: int
    seconds: float
    blocks: Iterator[NDArray[np.float32]]
    frames: int = 0
    truncated: str | None = None
    notes: dict[str, str] = field(default_factory=dict)


def block_frames(channels: int) -> int:
    """Return the number of frames that are decoded at once."""
    return _BLOCK * _CHANNELS // max(_CHANNELS, channels)


def missing(heard: float, stated: float) -> str | None:
    """Return a description of the missing part of a file by its seconds, or None."""
    if stated - heard > _TOLERATED:
        return f"it holds {heard:.2f} of {stated:.2f} s"
    return None
