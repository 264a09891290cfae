"""Decoding of audio files of any kind to mono waveforms, whole or block by block."""

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoo.audio.files import opening
from zoo.audio.mp3 import mp3_head
from zoo_registry.errors import AudioError

if TYPE_CHECKING:
    from av import AudioFifo, AudioFrame, AudioStream
    from av.container import InputContainer

__all__ = [
    "LONGEST",
    "Recording",
    "Stream",
    "decode",
    "open_stream",
    "read",
    "resample",
    "sample_fault",
    "waveform",
]

_LOUDEST = 1e6  # of full scale; integers in a float file reach 32,768
_RATES = (1_000, 1_000_000)  # Hz
# Of the lengths in a RIFF file only that of the samples counts; RF64 and W64 log the outer one.
_CORRECTED = re.compile(
    r"^ *(?:data|Data [Ss]ize|SSND|riff|Riff size) *: ([0-9]+) \(should be ([0-9]+)\)", re.MULTILINE
)
LONGEST = 3_600.0  # seconds of a track that is held whole
_MOST = 2 * 48_000 * 3_600  # samples of all channels that are held in memory
_TOLERATED = 0.25  # seconds that a compressed file may lack
_BLOCK = 1 << 18  # frames that are decoded at once; some seconds
_CHANNELS = 8  # with more, fewer frames are decoded at once: a file can claim 1,024
_STREAMED = 0x7FFF_0000  # from here on a length means "unknown when this was written"
# Others name further files and addresses, which FFmpeg opens: playlists, lists of parts, pictures.
_CONTAINERS = (
    *("aa", "aac", "ac3", "aiff", "amr", "amrnb", "amrwb", "ape", "asf", "au", "avi", "caf"),
    *("dsf", "dss", "dts", "dtshd", "dv", "eac3", "flac", "flv", "gsm", "iff", "ilbc", "loas"),
    *("matroska", "mlp", "mov", "mp3", "mpc", "mpc8", "mpeg", "mpegts", "mxf", "nistsphere"),
    *("nut", "ogg", "oma", "qcp", "qoa", "rm", "shn", "sox", "tak", "truehd", "tta", "voc"),
    *("vqf", "w64", "wav", "wtv", "wv", "xwma"),
)
_OPTIONS = {"format_whitelist": ",".join(_CONTAINERS), "protocol_whitelist": "file"}


@dataclass(frozen=True)
class Recording:
    """A decoded file with its own rate and channels.

    Attributes
    ----------
    samples : float32 array, shape (frames, channels)
        Full scale is -1..1; finite.
    rate : int
        Hz.
    truncated : str or None
        Description of the missing part, if the file holds less than its header says.
    """

    samples: NDArray[np.float32]
    rate: int
    truncated: str | None = None


@dataclass
class Stream:
    """An open file that is decoded while it is read.

    Attributes
    ----------
    rate, seconds : int, float
        Hz, and duration by the header; 0 if the header has none.
    blocks : iterator of float32 arrays, each of shape (frames, channels)
        Finite samples; raises `AudioError` at values that are no sound.
    frames : int
        Number of frames decoded so far.
    truncated : str or None
        Description of the missing part, known after the last block.
    """

    path: Path
    rate: int
    seconds: float
    blocks: Iterator[NDArray[np.float32]]
    frames: int = 0
    truncated: str | None = None


def decode(path: Path, rate: int) -> NDArray[np.float32]:
    """Return the mean of the channels of a file, finite float32, shape (samples,), not empty.

    Parameters
    ----------
    path : Path
        File of format wav, au, aiff, flac, ogg, opus, mp3, m4a, wma or webm, with any rate,
        number of channels and sample format.
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


def waveform(stream: Stream, rate: int) -> Iterator[NDArray[np.float32]]:
    """Yield the result of `decode` in blocks; a cut-off is known after the last block."""
    import soxr

    resampler = None
    if stream.rate != rate:
        resampler = soxr.ResampleStream(stream.rate, rate, 1, dtype="float32", quality="HQ")
    first, given = np.zeros(0, np.float32), 0
    for block in stream.blocks:
        mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
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
    samples = _whole(stream, stream.blocks, _MOST)
    return Recording(samples, stream.rate, stream.truncated)


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
    raise AudioError(
        f"{stream.path} is longer than a track may be, which is held in memory: an hour; cut it up"
    )


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
        If the content is no audio that can be decoded.
    """
    with opening(path):
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would block
            raise AudioError(f"{path} is no file; what comes in on standard input is called -")
        if status.st_size == 0:
            raise AudioError(f"{path} is empty (0 bytes); replace it")
        # libsndfile would give it to mpg123, which writes its warnings to stderr.
        openers = [_open_ffmpeg] if mp3_head(path) else [_open_libsndfile, _open_ffmpeg]
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
        if not _RATES[0] <= stream.rate <= _RATES[1]:
            raise AudioError(f"{path} claims a sample rate of {stream.rate} Hz; mend its header")
        damaged = any("malformed" in reason for reason in reasons)
        stream.blocks = _sound(stream, chain([first], stream.blocks), damaged)
        return stream
    raise AudioError(f"{path} is no audio that can be decoded ({reasons[-1]})")


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
            raise AudioError(f"{stream.path} holds samples that are {fault}; write it anew")
        yield block
    stream.truncated = stream.truncated or broken
    if damaged and not stream.truncated:
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


def _open_libsndfile(path: Path) -> Stream:
    import soundfile

    file = soundfile.SoundFile(path)
    if file.format == "RAW":  # libsndfile's format of any file named .au or .snd without a header
        file.close()
        raise ValueError("it has no header")
    stream = Stream(path, file.samplerate, file.frames / file.samplerate, iter(()))

    def blocks() -> Iterator[NDArray[np.float32]]:
        promised = file.frames
        count = _BLOCK * _CHANNELS // max(_CHANNELS, file.channels)
        with file:
            while True:
                block = file.read(count, dtype="float32", always_2d=True)
                if not len(block):
                    break
                yield block
            log, is_ogg = file.extra_info, file.format == "OGG"
        stream.truncated = _missing(stream.frames, promised, stream.rate, log)
        if is_ogg and not stream.truncated and not _ogg_ends(path):
            seconds = stream.frames / stream.rate
            stream.truncated = f"its stream breaks off after {seconds:.2f} s"

    stream.blocks = blocks()
    return stream


def _missing(frames: int, promised: int, rate: int, log: str = "") -> str | None:
    """Return a description of the missing part of a file, or None."""
    # Headers of compressed formats state a little too much: encoders pad, headers round.
    if promised - frames > int(_TOLERATED * rate):
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


def _open_ffmpeg(path: Path) -> Stream:
    import av

    mp3 = mp3_head(path)
    counted = mp3.samples if mp3 else 0
    # FFmpeg reads the count only where it begins to read.
    skipped = {"skip_initial_bytes": str(mp3.start)} if mp3 and counted else {}
    # Without this FFmpeg may take the name for an address such as http: or concat:.
    try:
        container = av.open(
            f"file:{path.absolute()}", mode="r", container_options=_OPTIONS | skipped
        )
    except av.ArgumentError as error:
        raise ValueError("it is no sound format") from error
    if not container.streams.audio:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "no stream"
        container.close()
        raise AudioError(f"{path} holds no sound, only {kinds}")
    track = container.streams.audio[0]
    rate = track.rate or 0
    promised = max(0.0, (container.duration or 0) / av.time_base)
    if counted and rate:  # tags at the end do not count
        promised = min(promised, counted / rate)
    stream = Stream(path, rate, promised, iter(()))

    def blocks() -> Iterator[NDArray[np.float32]]:
        fifo, broken = av.AudioFifo(), None
        with container:
            try:
                for frame in _frames(container, track, _TOLERATED if mp3 else 0.0):
                    stream.rate = frame.sample_rate
                    frame.pts = None  # the FIFO refuses gaps
                    fifo.write(frame)
                    if fifo.samples >= _BLOCK:
                        yield _rows(fifo)
            except (av.FFmpegError, ValueError) as error:
                broken = error
            if fifo.samples:
                yield _rows(fifo)
        if not stream.frames:
            reason = _reason(broken) if broken else "no frame"
            raise AudioError(f"{path} holds no sample that can be decoded ({reason})")
        stream.truncated = _missing(stream.frames, int(promised * stream.rate), stream.rate)
        # After all frames that were counted something else may follow.
        if broken and not counted and not stream.truncated:
            stream.truncated = f"decoding stopped after {stream.frames / stream.rate:.2f} s"

    stream.blocks = blocks()
    return stream


def _frames(
    container: "InputContainer", track: "AudioStream", damage: float
) -> Iterator["AudioFrame"]:
    """Yield the frames as planar floats, without damaged ones of that many seconds."""
    import av

    resampler = av.AudioResampler(format="fltp")
    kind = None
    for packet in container.demux(track):
        try:
            decoded = packet.decode()
        except av.InvalidDataError:
            damage -= float((packet.duration or 0) * (packet.time_base or 0))
            if damage <= 0:
                raise
            continue
        for frame in decoded:
            kind = kind or (frame.sample_rate, frame.layout.name)
            if kind != (frame.sample_rate, frame.layout.name):  # it would crash PyAV's FIFO
                raise ValueError("rate or channels change")
            yield from resampler.resample(frame)


def _rows(fifo: "AudioFifo") -> NDArray[np.float32]:
    """Empty a FIFO of planar floats into an array, shape (frames, channels)."""
    return np.ascontiguousarray(fifo.read().to_ndarray().T, np.float32)


def _reason(error: Exception) -> str:
    """Return a library's reason without the path, which the message names already."""
    if strerror := getattr(error, "strerror", None):
        return str(strerror)
    return str(error).rsplit(": ", 1)[-1].strip().rstrip(".") or type(error).__name__
