"""An audio file that is decoded while it is read, whichever library decodes it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["Stream", "block_frames", "codec_name", "missing"]

_TOLERATED = 0.25  # seconds that a file may lack: encoders pad, headers round
_BLOCK = 1 << 18  # frames that are decoded at once; some seconds
# Beginnings of the names of FFmpeg, such as pcm_s16le, and of libsndfile, such as FLOAT.
_CODECS = (
    ("(pcm_)?mulaw|ulaw", "mulaw"),
    ("(pcm_)?alaw", "alaw"),
    ("pcm|float|double", "pcm"),
    ("adpcm|ima_adpcm|ms_adpcm|vox_adpcm|nms_adpcm", "adpcm"),
    ("mpeg_layer_iii|mp3", "mp3"),
    ("mpeg_layer_ii$", "mp2"),
    ("mpeg_layer_i$", "mp1"),
    ("alac", "alac"),
    ("gsm", "gsm"),
)
_CHANNELS = 8  # with more, fewer frames are decoded at once: a file can claim 1,024


@dataclass
class Stream:
    """An open file that is decoded while it is read.

    Attributes
    ----------
    rate, seconds : int, float
        Hz, and duration if a header states it; 0 if it has to be decoded to be known.
    channels, codec : int, str
        Number of channels, and name of the codec as of `codec_name`.
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
    channels: int
    codec: str
    blocks: Iterator[NDArray[np.float32]]
    frames: int = 0
    truncated: str | None = None
    notes: dict[str, str] = field(default_factory=dict)


def codec_name(name: str) -> str:
    """Return one name for a codec, whatever FFmpeg or libsndfile calls it.

    All PCM is "pcm", whatever its width, and all ADPCM is "adpcm".

    Parameters
    ----------
    name : str
        Such as "pcm_s16le", or "PCM_16".
    """
    name = name.lower()
    for pattern, plain in _CODECS:
        if re.match(pattern, name):
            return plain
    return name


def block_frames(channels: int) -> int:
    """Return the number of frames that are decoded at once."""
    return _BLOCK * _CHANNELS // max(_CHANNELS, channels)


def missing(heard: float, stated: float) -> str | None:
    """Return a description of the missing part of a file by its seconds, or None."""
    if stated - heard > _TOLERATED:
        return f"it holds {heard:.2f} of {stated:.2f} s"
    return None
