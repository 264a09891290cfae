"""Audio files of any kind, as mono waveforms at one rate."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo_registry.errors import AudioError
from zoo_registry.silence import quiet_stderr

__all__ = ["Recording", "decode", "read", "resample", "sample_fault"]


_LOUDEST = 1e6  # of full scale; integers in a float file reach 32,768
_RATES = (1_000, 1_000_000)  # Hz
# Of the lengths in a RIFF file only that of the samples counts; RF64 and W64 log the outer one.
_CORRECTED = re.compile(
    r"^ *(?:data|Data [Ss]ize|SSND|riff|Riff size) *: ([0-9]+) \(should be ([0-9]+)\)", re.MULTILINE
)
_STREAMED = 0x7FFF_0000  # from here on a length means "unknown when this was written"


@dataclass(frozen=True)
class Recording:
    """A decoded file, as it is.

    Attributes
    ----------
    samples : float32 array, shape (frames, channels)
        Full scale is -1..1; finite.
    rate : int
        Hz.
    truncated : str or None
        How much is missing where the file holds less than its header says.
    """

    samples: NDArray[np.float32]
    rate: int
    truncated: str | None = None


def decode(path: Path, rate: int) -> NDArray[np.float32]:
    """Decode a file to one channel at one sample rate.

    Parameters
    ----------
    path : Path
        wav, au, aiff, flac, ogg, opus, mp3, m4a, wma, webm; any rate, channel
        count and sample format.
    rate : int
        Hz wanted.

    Returns
    -------
    float32 array, shape (samples,)
        The mean of the channels, finite, at least one sample.

    Raises
    ------
    AudioError
        If the file cannot be decoded, is cut off, or holds samples that are no numbers.
    """
    recording = read(path)
    if recording.truncated:
        raise AudioError(f"{path} is cut off: {recording.truncated}; replace it by a whole copy")
    return resample(recording.samples.mean(axis=1, dtype=np.float32), recording.rate, rate)


def read(path: Path) -> Recording:
    """Decode a file as it is: with its own rate and channels.

    Raises
    ------
    AudioError
        If the file cannot be decoded or holds samples that are no numbers.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise AudioError(f"{path} cannot be opened: {error.strerror}") from error
    if size == 0:
        raise AudioError(f"{path} is empty (0 bytes); replace it")
    recording = _first_success(path, (_read_libsndfile, _read_ffmpeg))
    if not recording.samples.size:
        raise AudioError(f"{path} holds no sample")
    if fault := sample_fault(recording.samples):
        raise AudioError(f"{path} holds samples that are {fault}; write it anew")
    if not _RATES[0] <= recording.rate <= _RATES[1]:
        raise AudioError(f"{path} claims a sample rate of {recording.rate} Hz; mend its header")
    return recording


def sample_fault(samples: NDArray[np.float32]) -> str | None:
    """Return what is wrong with samples that are no sound, or None."""
    if not np.isfinite(samples).all():
        return "NaN or infinite"
    if samples.size and np.abs(samples).max() > _LOUDEST:
        return f"beyond {_LOUDEST:g} times full scale"
    return None


def resample(mono: NDArray[np.float32], source: int, target: int) -> NDArray[np.float32]:
    """Change the rate of a waveform, shape (samples,), from `source` to `target` Hz."""
    if source == target:
        return np.ascontiguousarray(mono)
    import soxr

    resampled: NDArray[np.float32] = soxr.resample(mono, source, target, quality="HQ")
    # A click shorter than one sample of the target rate still is one sample.
    return resampled if resampled.size else mono[:1].copy()


def _first_success(path: Path, readers: tuple[Callable[[Path], Recording], ...]) -> Recording:
    reasons = []
    damaged = False
    for reader in readers:
        try:
            recording = reader(path)
            if damaged and not recording.truncated:
                recording = replace(recording, truncated="its structure is damaged")
            return recording
        except AudioError:
            raise
        except Exception as error:
            reasons.append(_reason(error))
            damaged = damaged or "malformed" in reasons[-1]
    raise AudioError(f"{path} is no audio that can be decoded ({reasons[-1]})")


def _read_libsndfile(path: Path) -> Recording:
    import soundfile

    # mpg123, inside libsndfile, writes its warnings to the terminal.
    with quiet_stderr(), soundfile.SoundFile(path) as file:
        promised, rate = file.frames, file.samplerate
        log, is_ogg = file.extra_info, file.format == "OGG"
        samples = file.read(dtype="float32", always_2d=True)
    missing = _missing(len(samples), promised, rate, log)
    if is_ogg and not missing and not _ogg_ends(path):
        missing = f"its stream breaks off after {len(samples) / rate:.2f} s"
    return Recording(samples, rate, missing)


def _missing(frames: int, promised: int, rate: int, log: str = "") -> str | None:
    """Return how much of a file is missing, or None."""
    # Compressed formats promise a little more than they hold: encoders pad, headers round.
    if promised - frames > rate // 4:
        return f"it holds {frames / rate:.2f} of {promised / rate:.2f} s"
    # For uncompressed formats libsndfile corrects lengths by the file's size and only logs it.
    for claimed, actual in _CORRECTED.findall(log):
        if int(actual) < int(claimed) < _STREAMED:
            return "its header promises more samples than follow"
    return None


def _ogg_ends(path: Path) -> bool:
    """Whether the last page of an Ogg file is flagged as the last (RFC 3533, section 6)."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 2 * 65_307))  # a page has 65,307 bytes at most
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    head = 27  # bytes before the table of segment lengths, the last of which counts them
    if len(page) < head or not page[5] & 0x04:
        return False
    table = page[head : head + page[26]]
    return len(page) >= head + page[26] + sum(table)


def _read_ffmpeg(path: Path) -> Recording:
    import av

    # Without this FFmpeg may take the name for an address such as http: or concat:.
    with av.open(f"file:{path.absolute()}", mode="r") as container:
        if not container.streams.audio:
            raise AudioError(f"{path} holds no sound, only {_kinds(container)}")
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp")
        blocks, rate, broken = [], 0, None
        try:
            for frame in container.decode(stream):
                rate = frame.sample_rate
                blocks += [part.to_ndarray() for part in resampler.resample(frame)]
        except av.FFmpegError as error:
            broken = error
        if not blocks:
            reason = _reason(broken) if broken else "no frame"
            raise AudioError(f"{path} holds no sample that can be decoded ({reason})")
        samples = np.ascontiguousarray(np.concatenate(blocks, axis=1).T, dtype=np.float32)
        promised = (container.duration or 0) * rate // av.time_base
    truncated = _missing(len(samples), promised, rate)
    if broken and not truncated:
        truncated = f"decoding stopped after {len(samples) / rate:.2f} s"
    return Recording(samples, rate, truncated)


def _kinds(container: Any) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "no stream"


def _reason(error: Exception) -> str:
    """Return a library's reason without the path, which the message has named already."""
    if strerror := getattr(error, "strerror", None):
        return str(strerror)
    return str(error).rsplit(": ", 1)[-1].strip().rstrip(".") or type(error).__name__
