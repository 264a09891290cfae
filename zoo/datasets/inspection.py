"""Properties of one audio file that the check of a dataset needs, from decoding it once."""

import hashlib
import io
import struct
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.audio.decode import Recording, read
from zoo.audio.files import on_disk
from zoo.audio.fingerprint import landmarks
from zoo_registry.errors import AudioError

__all__ = ["Inspection", "inspect"]

_CLIP_RUN = 3  # consecutive samples at the peak: music touches its peak, clipping stays at it


@dataclass(frozen=True)
class Inspection:
    """Properties of an audio file.

    Attributes
    ----------
    error : str or None
        Reason why it cannot be decoded; the other attributes have their defaults then.
    truncated : str or None
        Sentence about the missing part.
    seconds : float
        Duration.
    rate, channels : int
        Sample rate in Hz, and number of channels.
    peak : float
        Maximum absolute sample; full scale is 1.
    clipped : float
        Share of the samples that stay at the peak.
    samples : str
        SHA-256 of rate and decoded samples, equal for lossless files of the same recording.
    wav_md5 : str
        MD5 of the samples as a plain 16-bit wav file, the format in which GTZAN is published.
    landmarks : int32 array, shape (n, 2)
        Result of `zoo.audio.fingerprint.landmarks`.
    """

    error: str | None = None
    truncated: str | None = None
    seconds: float = 0.0
    rate: int = 0
    channels: int = 0
    peak: float = 0.0
    clipped: float = 0.0
    samples: str = ""
    wav_md5: str = ""
    landmarks: NDArray[np.int32] | None = None


def inspect(location: Path | str) -> Inspection:
    """Return the properties of a file, or the error of decoding it."""
    try:
        with on_disk(location) as path:
            recording = read(path)
    except AudioError as error:
        return Inspection(error=str(error))
    samples, rate = recording.samples, recording.rate
    mono = samples.mean(axis=1, dtype=np.float32)
    return Inspection(
        truncated=recording.truncated,
        seconds=len(samples) / rate,
        rate=rate,
        channels=samples.shape[1],
        peak=float(np.abs(samples).max()),
        clipped=_clipped(mono),
        samples=hashlib.sha256(struct.pack("<I", rate) + samples.tobytes()).hexdigest(),
        wav_md5=_wav_md5(recording),
        landmarks=landmarks(mono, rate),
    )


def _clipped(mono: NDArray[np.float32]) -> float:
    level = np.abs(mono)
    at_peak = level >= level.max() - 2 / 32768
    edges = np.flatnonzero(np.diff(np.concatenate([[False], at_peak, [False]])))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= _CLIP_RUN].sum() / len(mono)) if level.max() > 0 else 0.0


def _wav_md5(recording: Recording) -> str:
    whole = np.clip(np.rint(recording.samples * 32768), -32768, 32767).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(whole.shape[1])
        writer.setsampwidth(2)
        writer.setframerate(recording.rate)
        writer.writeframes(whole.tobytes())
    return hashlib.md5(file.getbuffer(), usedforsecurity=False).hexdigest()
