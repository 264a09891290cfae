"""Decoding of audio files of any kind to mono waveforms, whole or block by block."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.audio.channels import Downmix
from zoo.audio.ffmpeg import open_ffmpeg
from zoo.audio.files import opening
from zoo.audio.heads import read_head
from zoo.audio.libsndfile import open_libsndfile
from zoo.audio.loudness import Peaks
from zoo.audio.properties import Meter, Properties
from zoo.audio.samples import RATES, Samples
from zoo.audio.streams import Stream, block_frames
from zoo_registry.errors import AudioError

__all__ = [
    "DECODING",
    "LONGEST",
    "RATES",
    "Recording",
    "Stream",
    "decode",
    "decode_measured",
    "decode_unresampled",
    "open_samples",
    "open_stream",
    "read",
    "resample",
    "sample_fault",
    "waveform",
]

_LOUDEST = 1e6  # of full scale; integers in a float file reach 32,768
DECODING = 3  # must be raised whenever some file gives other samples than before
LONGEST = 3_600.0  # seconds of a track that is held whole
_MOST = 2 * 48_000 * 3_600  # samples of all channels that are held in memory


@dataclass(frozen=True)
class Recording:
    """A decoded file with its own rate and channels.

    Attributes
    ----------
    samples : float32 array, shape (frames, channels)
        Full scale is -1..1; finite.
    rate : int
        Hz.
    mono : float32 array, shape (frames,)
        One channel: the mean, or one of those that cancel each other out.
    properties : Properties
        Those of the file.
    truncated : str or None
        Description of the missing part, if the file holds less than its header says.
    """

    samples: NDArray[np.float32]
    rate: int
    mono: NDArray[np.float32]
    properties: Properties
    truncated: str | None = None


def decode(path: Path, rate: int) -> NDArray[np.float32]:
    """Return the mean of the channels of a file, finite float32, shape (samples,), not empty.

    Of channels that cancel each other out one is used.

    Parameters
    ----------
    path : Path
        File of a kind in `zoo.audio.kinds`, with any name, rate, number of channels and sample
        format.
    rate : int
        Hz of the result.

    Raises
    ------
    FileUnavailable
        If the file cannot be opened.
    AudioError
        If the file cannot be decoded, is cut off, is longer than an hour, or holds samples that
        are no numbers.
    """
    stream = open_stream(path)
    return _whole(stream, waveform(stream, rate), round(LONGEST * rate))


def decode_measured(path: Path, rate: int) -> tuple[NDArray[np.float32], Properties, Peaks]:
    """Return the result of `decode`, the properties of the file, and its peaks."""
    stream = open_stream(path)
    meter = Meter(stream.rate)
    whole = _whole(stream, waveform(stream, rate, meter), round(LONGEST * rate))
    return whole, meter.properties(stream), meter


def decode_unresampled(path: Path) -> tuple[NDArray[np.float32], int]:
    """Return the same as `decode` with the rate of the file, and that rate in Hz."""
    stream = open_stream(path)
    return _whole(stream, waveform(stream, stream.rate), round(LONGEST * stream.rate)), stream.rate


def waveform(
    stream: Stream, rate: int, peaks: Peaks | None = None
) -> Iterator[NDArray[np.float32]]:
    """Yield the result of `decode` in blocks; a cut-off is known after the last block.

    Parameters
    ----------
    stream : Stream
        An open file.
    rate : int
        Hz of the result.
    peaks : Peaks, optional
        Measurement of the waveform before it is resampled, which blurs where sound begins.
    """
    import soxr

    resampler = None
    if stream.rate != rate:
        resampler = soxr.ResampleStream(stream.rate, rate, 1, dtype="float32", quality="HQ")
    first, given = np.zeros(0, np.float32), 0
    for _, mono in _mixed(stream):
        if peaks:
            peaks.measure(mono)
        first = first if first.size else mono[:1]
        part = mono if resampler is None else resampler.resample_chunk(mono)
        given += part.size
        if part.size:
            yield part
    if stream.truncated:
        raise AudioError(
            f"{stream.path} is cut off: {stream.truncated}; replace it by a whole copy"
        )
    if resampler is not None:
        rest = resampler.resample_chunk(first[:0], last=True)
        # A click shorter than one sample of the target rate is still one sample.
        if rest.size or not given:
            yield rest if rest.size else first


def read(path: Path) -> Recording:
    """Decode a file with its own rate and channels, or raise `AudioError` as `decode` does."""
    stream = open_stream(path)
    meter, mono = Meter(stream.rate), list[NDArray[np.float32]]()
    samples = _whole(stream, _watched(stream, meter, mono), _MOST)
    properties = meter.properties(stream)
    return Recording(samples, stream.rate, np.concatenate(mono), properties, stream.truncated)


def _watched(
    stream: Stream, meter: Meter, mono: list[NDArray[np.float32]]
) -> Iterator[NDArray[np.float32]]:
    """Yield the blocks; measure and collect the one channel that is made of each."""
    for block, mixed in _mixed(stream):
        meter.measure(mixed)
        mono.append(mixed)
        yield block


def _mixed(stream: Stream) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Yield each block, and the one channel made of it."""
    downmix = Downmix(stream.rate)
    for block in stream.blocks:
        yield block, downmix(block)
        if downmix.note:
            stream.notes["cancelling"] = downmix.note


def _whole(stream: Stream, blocks: Iterator[NDArray[np.float32]], most: int) -> NDArray[np.float32]:
    """Join blocks, or raise `AudioError` if they need too much memory."""
    held, size = [], 0
    if stream.seconds <= LONGEST:
        for block in blocks:
            held.append(block)
            size += block.size
            if size > most:
                break
        else:
            return np.concatenate(held)
    raise AudioError(f"{stream.path} is longer than one hour, the limit for a track; split it")


def open_stream(path: Path) -> Stream:
    """Open a file, or raise `AudioError` if its first block cannot be decoded.

    Parameters
    ----------
    path : Path
        File, as for `decode`.

    Returns
    -------
    Stream
        The file, whose blocks are still to be decoded.

    Raises
    ------
    FileUnavailable
        If the system does not open the file, whose content is then unknown.
    AudioError
        If the content is not audio that can be decoded.
    """
    with opening(path):
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would block
            raise AudioError(f"{path} is not a file; for standard input, give -")
        if status.st_size == 0:
            raise AudioError(f"{path} is empty (0 bytes); replace it")
        compressed = read_head(path).is_compressed
    openers = [open_ffmpeg] if compressed else [open_libsndfile, open_ffmpeg]
    reasons: list[str] = []
    for opener in openers:
        try:
            stream = opener(path)
            first = next(stream.blocks, None)
        except AudioError:
            raise
        except Exception as error:
            reasons.append(_reason(error))
            continue
        if first is None:
            raise AudioError(f"{path} holds no sample")
        if not RATES[0] <= stream.rate <= RATES[1]:
            raise AudioError(f"{path} claims a sample rate of {stream.rate} Hz; correct its header")
        damaged = any("malformed" in reason for reason in reasons)
        stream.blocks = _sound(stream, chain([first], stream.blocks), damaged)
        return stream
    raise AudioError(f"{path} is not audio that can be decoded ({reasons[-1]})")


def open_samples(samples: Samples) -> Stream:
    """Return samples in memory as `open_stream` returns a file.

    Parameters
    ----------
    samples : Samples
        Frames by channels.
    """
    values, rate = samples.values, samples.rate
    frames = block_frames(values.shape[1])
    blocks = (values[start : start + frames] for start in range(0, len(values), frames))
    seconds = len(values) / rate
    stream = Stream(Path(samples.name), rate, seconds, values.shape[1], "pcm", iter(blocks))
    stream.blocks = _sound(stream, stream.blocks, damaged=False)
    return stream


def _sound(
    stream: Stream, blocks: Iterator[NDArray[np.float32]], damaged: bool
) -> Iterator[NDArray[np.float32]]:
    """Yield the blocks, counted and checked; record where decoding stops early."""
    broken = None
    while True:
        try:
            block = next(blocks, None)
        except AudioError:
            raise
        except Exception:
            broken, block = f"decoding stopped after {stream.frames / stream.rate:.2f} s", None
        if block is None:
            break
        stream.frames += len(block)
        if fault := sample_fault(block):
            raise AudioError(f"{stream.path} holds samples that are {fault}; write it again")
        yield block
    stream.truncated = stream.truncated or broken
    if damaged and not stream.truncated and not stream.seconds:
        stream.truncated = "its structure is damaged"


def sample_fault(samples: NDArray[np.float32]) -> str | None:
    """Return a description of the fault of samples that are no sound, or None."""
    # A NaN makes the extremes NaN; they take a third of the time of a check of each sample.
    peak = max(samples.max(initial=0.0), -samples.min(initial=0.0))
    if not np.isfinite(peak):
        return "NaN or infinite"
    if peak > _LOUDEST:
        return f"beyond {_LOUDEST:g} times full scale"
    return None


def resample(mono: NDArray[np.float32], source: int, target: int) -> NDArray[np.float32]:
    """Change the rate of a waveform, shape (samples,), from `source` to `target` Hz."""
    if source == target:
        return np.ascontiguousarray(mono)
    import soxr

    resampled: NDArray[np.float32] = soxr.resample(mono, source, target, quality="HQ")
    # A click shorter than one sample of the target rate is still one sample.
    return resampled if resampled.size else mono[:1].copy()


def _reason(error: Exception) -> str:
    """Return a library's reason without the path, which the message names already."""
    if strerror := getattr(error, "strerror", None):
        return str(strerror)
    return str(error).rsplit(": ", 1)[-1].strip().rstrip(".") or type(error).__name__
