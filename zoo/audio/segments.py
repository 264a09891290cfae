"""Segments of audio files, each as a file of its own."""

import atexit
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from zoo.audio.decode import LONGEST, open_stream
from zoo.audio.ffmpeg import open_ffmpeg
from zoo.audio.files import opening
from zoo.audio.heads import read_head
from zoo.audio.libsndfile import open_libsndfile
from zoo.audio.parts import descriptor
from zoo.audio.streams import Stream, codec_name
from zoo_registry.errors import AudioError, StorageError
from zoo_registry.temporary import temporary_folder

__all__ = ["BEYOND", "codec_of", "decoded_seconds", "segment_file", "stated_seconds"]

BEYOND = 0.25  # seconds that a segment may end behind its file: tables round, encoders cut
# Of these libsndfile finds every sample without decoding those before it.
_CONTAINERS = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "CAF", "AU", "FLAC"}
_CODECS = {"pcm", "mulaw", "alaw"}
_SAMPLE = 4  # bytes of a float
_Samples = tuple[NDArray[np.float32], int]  # of shape (frames, channels), and their rate in Hz


@contextmanager
def segment_file(path: Path, start: float, end: float) -> Iterator[Path]:
    """Yield a WAV file of floats with a segment, at the rate and with the channels of its file.

    A file in which samples are found without decoding is read there only. Any other is decoded
    once, up to the last segment that is asked for, if its segments follow each other.

    Parameters
    ----------
    path : Path
        File, as for `zoo.audio.decode.decode`.
    start, end : float
        Seconds.

    Raises
    ------
    FileUnavailable
        If the file cannot be opened.
    AudioError
        If it cannot be decoded, or does not hold the segment.
    """
    import soundfile

    if end - start > LONGEST:
        raise AudioError(
            f"{path} from {start:g} to {end:g} s is longer than one hour, the "
            "limit for a track; split it"
        )
    samples, rate = _sought(path, start, end) or _decoded(path, start, end)
    with temporary_folder() as folder:
        target = Path(folder) / "segment.wav"
        try:
            soundfile.write(target, samples, rate, "FLOAT")
        except (OSError, soundfile.LibsndfileError) as error:
            raise _no_room(path) from error
        yield target


def stated_seconds(path: Path) -> float:
    """Return the duration that a file's header states; 0 if it has to be decoded to be known.

    Parameters
    ----------
    path : Path
        Any file; 0 is returned also if it is no audio.
    """
    stream = _opened(path)
    return stream.seconds if stream else 0.0


def codec_of(path: Path) -> str:
    """Return the name of a file's codec, as of `zoo.audio.streams.codec_name`; empty if unknown.

    Parameters
    ----------
    path : Path
        Any file.
    """
    stream = _opened(path)
    return stream.codec if stream else ""


def _opened(path: Path) -> Stream | None:
    """Open a file without decoding it, None if it is no audio."""
    with suppress(OSError):
        for opener in [] if read_head(path).is_compressed else [open_libsndfile]:
            with suppress(Exception):
                return opener(path)
        with suppress(Exception):
            return open_ffmpeg(path)
    return None


def _frames(start: float, end: float, rate: int) -> tuple[int, int]:
    """Return the numbers of the first frame of a segment, and of the one behind it."""
    first = round(start * rate)
    return first, max(round(end * rate), first + 1)


def _sought(path: Path, start: float, end: float) -> _Samples | None:
    """Return the samples of a segment if they are found without decoding those before."""
    import soundfile

    with opening(path):
        if read_head(path).is_compressed:
            return None
    try:
        with soundfile.SoundFile(descriptor(path), closefd=True) as file:
            first, last = _frames(start, end, file.samplerate)
            codec = "pcm" if file.format == "FLAC" else codec_name(file.subtype)
            if file.format not in _CONTAINERS or codec not in _CODECS or last > file.frames:
                return None
            file.seek(first)
            samples = file.read(last - first, dtype="float32", always_2d=True)
    except (OSError, RuntimeError):  # a file that only `open_stream` reads, or no audio
        return None
    return (samples, file.samplerate) if len(samples) == last - first else None


class _Decoding:
    """A file that is decoded into a temporary one, as far as it is needed.

    Parameters
    ----------
    path : Path
        The file.
    """

    def __init__(self, path: Path) -> None:
        self._stream = open_stream(path)
        self._folder = temporary_folder()
        self._raw = Path(self._folder.name) / "samples"
        self._frames, self._error = 0, ""

    def __del__(self) -> None:
        if hasattr(self, "_folder"):
            self._folder.cleanup()

    def read(self, start: float, end: float) -> _Samples:
        """Return the samples of a segment."""
        stream = self._stream
        first, last = _frames(start, end, stream.rate)
        try:
            with self._raw.open("ab") as raw:
                while self._frames < last and (block := next(stream.blocks, None)) is not None:
                    raw.write(np.ascontiguousarray(block, dtype=np.float32).data)
                    self._frames += len(block)
        except AudioError as error:  # the generator has ended
            self._error = str(error)
        except OSError as error:
            raise _no_room(stream.path) from error
        if last > self._frames:
            self._check_end(start, end)
        count = min(last, self._frames) - first
        with self._raw.open("rb") as raw:
            raw.seek(first * stream.channels * _SAMPLE)
            samples = np.fromfile(raw, np.float32, count * stream.channels)
        return samples.reshape(count, stream.channels), stream.rate

    def _check_end(self, start: float, end: float) -> None:
        """Raise `AudioError` if the file ends too early for a segment."""
        if self._error:
            raise AudioError(self._error)
        path, there = self._stream.path, self._frames / self._stream.rate
        if cut := self._stream.truncated:
            raise AudioError(f"{path} is cut off: {cut}; replace it by a whole copy")
        if end > there + BEYOND or start >= there:
            raise AudioError(
                f"{path} ends after {there:.2f} s, and the segment lies from {start:g} to {end:g} s"
            )


@lru_cache(maxsize=1)
def _decoding(path: Path, *_: int) -> _Decoding:
    return _Decoding(path)


atexit.register(_decoding.cache_clear)
_LOCK = Lock()


def _decoded(path: Path, start: float, end: float) -> _Samples:
    """Return the samples of a segment of a file that is decoded from its beginning."""
    with _LOCK:
        with opening(path):
            status = path.stat()
        # Whatever replaces a file has another number or time of change.
        stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
        return _decoding(path, *stamp).read(start, end)


def _no_room(path: Path) -> StorageError:
    return StorageError(
        f"a segment of {path} cannot be written to a temporary folder; "
        "set TMPDIR to a folder with more room",
        "no room",
    )


def decoded_seconds(path: Path) -> float:
    """Return the duration of a file from decoding it; 0 if it cannot be decoded.

    Parameters
    ----------
    path : Path
        File.
    """
    try:
        stream = open_stream(path)
        return sum(map(len, stream.blocks)) / stream.rate
    except AudioError:
        return 0.0
