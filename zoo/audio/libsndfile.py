"""Decoding by libsndfile, the fastest for sound without loss."""

import os
import re
import string
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from zoo.audio.ffmpeg import open_ffmpeg
from zoo.audio.parts import Part, descriptor
from zoo.audio.streams import Stream, block_frames, codec_name, missing
from zoo_registry.errors import AudioError

if TYPE_CHECKING:
    from soundfile import SoundFile

__all__ = ["open_libsndfile"]

# Of the lengths in a RIFF file only that of the samples counts; RF64 and W64 log the outer one.
_CORRECTED = re.compile(
    r"^ *(?:data|Data [Ss]ize|SSND|riff|Riff size) *: ([0-9]+) \(should be ([0-9]+)\)", re.MULTILINE
)
_STREAMED = 0x7F00_0000  # from here on a length means "unknown when this was written"
_UNKNOWN = b"\xff" * 4
_DS64 = 28  # position of the length in an RF64
_BUFFER = 1 << 14  # bytes; libsndfile reads that far ahead in FLAC
_LEAST = 1_024  # bytes of sound behind a header that was never finished
_NO_LENGTH = 1 << 62  # frames; then libsndfile does not know the length
_PADDED = 4  # bytes of the lengths of formats whose chunks have an even number of bytes
# Of each kind: the chunk with the samples, the place of the first chunk, the bytes of a length,
# what it is without a sample, and its order.
_CHUNKS: dict[bytes, tuple[bytes, int, int, int, Literal["big", "little"]]] = {
    b"RIFF": (b"data", 12, 4, 0, "little"),
    b"RF64": (b"data", 12, 4, 0, "little"),
    b"RIFX": (b"data", 12, 4, 0, "big"),
    b"FORM": (b"SSND", 12, 4, 8, "big"),
    b"caff": (b"data", 8, 8, 4, "big"),
}
_PRINTABLE = frozenset(string.printable.encode())


def open_libsndfile(path: Path) -> Stream:
    """Open a file; raise an error of any kind if libsndfile does not read it."""
    import soundfile

    try:
        # By a descriptor, since libsndfile would consider the suffix of a name.
        file = soundfile.SoundFile(handle := descriptor(path), closefd=True)
    except soundfile.LibsndfileError:
        if not (lengths := _lengths(path)):
            raise
    else:
        lengths = {} if file.frames else _lengths(path)
        if not file.frames and not lengths:
            file.close()
            raise AudioError(f"{path} holds no sample")
    if lengths:
        file = soundfile.SoundFile(Part(path, replaced=lengths))
    promised = file.frames if file.frames < _NO_LENGTH else 0
    codec = codec_name("flac" if file.format == "FLAC" else file.subtype)
    seconds = promised / file.samplerate
    stream = Stream(path, file.samplerate, seconds, file.channels, codec, iter(()))
    stream.blocks = _blocks(stream, file, promised, handle)
    return stream


def _blocks(
    stream: Stream, file: "SoundFile", promised: int, handle: int
) -> Iterator[NDArray[np.float32]]:
    """Yield the blocks of a file that promises so many frames, or 0; record what is missing."""
    with file:
        yield from _readable(file)
        log, is_flac = file.extra_info, file.format == "FLAC"
        size = max(_BUFFER, stream.path.stat().st_size)
        unread = is_flac and os.lseek(handle, 0, os.SEEK_CUR) < size
    if is_flac and (unread or not 0 < promised <= stream.frames):
        # It stops for good at the first damaged frame, and at what it takes for the end.
        yield from _rest(stream)
    else:
        heard = stream.frames / stream.rate
        stream.truncated = missing(heard, promised / stream.rate) or _shortened(log, heard)


def _readable(file: "SoundFile") -> Iterator[NDArray[np.float32]]:
    """Yield blocks up to the end, or for FLAC to the first damage."""
    import soundfile

    count = block_frames(file.channels)
    try:
        while len(block := file.read(count, dtype="float32", always_2d=True)):
            yield block
    except soundfile.LibsndfileError:
        if file.format != "FLAC":
            raise


def _rest(stream: Stream) -> Iterator[NDArray[np.float32]]:
    """Yield what FFmpeg decodes behind the frames that were decoded; both decode the same."""
    other, skipped = open_ffmpeg(stream.path), stream.frames
    for block in other.blocks:
        if skipped < len(block):
            yield block[skipped:]
        skipped = max(0, skipped - len(block))
    stream.truncated = other.truncated


def _shortened(log: str, heard: float) -> str | None:
    """Return a description of the missing part: libsndfile corrects lengths, and only logs it."""
    for claimed, actual in _CORRECTED.findall(log):
        if int(actual) < int(claimed) < _STREAMED:
            return missing(heard, heard * int(claimed) / max(1, int(actual)))
    return None


def _lengths(path: Path) -> dict[int, bytes]:
    """Return lengths, by position, for a header that was written before any sample, and left.

    Parameters
    ----------
    path : Path
        File whose header says that it holds no sample, or more than there can be.
    """
    with closing(Part(path)) as file:
        return _mended(file)


def _mended(file: Part) -> dict[int, bytes]:
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(8)
    kind = head[:4]
    if kind == b".snd":
        return {8: _UNKNOWN} if size > int.from_bytes(head[4:]) else {}
    if kind not in _CHUNKS:
        return {}
    name, first, width, empty, order = _CHUNKS[kind]
    found = [chunk for chunk in _chunks(file, first, size, width, order) if chunk[0] == name]
    if not found:
        return {}
    _, begin, length = found[0]
    if kind == b"RF64":
        file.seek(_DS64)
        length = int.from_bytes(file.read(8), order)
    if empty < length < 256 ** (8 if kind == b"RF64" else width) - 1:
        return {}
    end = begin + empty
    if length <= empty:
        for other, at, count in _chunks(file, end, size, width, order):
            if not _PRINTABLE.issuperset(other) or at + count > size:
                break
            end = at + count
    if size - end < _LEAST:  # nothing but other chunks, or padding, follows
        return {}
    whole = size - begin
    return {
        b"FORM": {begin - 4: bytes(4)},  # libsndfile then takes what is there
        b"RF64": {_DS64: whole.to_bytes(8, "little"), begin - 4: _UNKNOWN},
        b"caff": {begin - 8: whole.to_bytes(8)},
    }.get(kind, {begin - 4: _UNKNOWN})


def _chunks(
    file: Part, place: int, size: int, width: int, order: Literal["big", "little"]
) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, position of the content, and length of each chunk from a place on."""
    while place + 4 + width <= size:
        file.seek(place)
        head = file.read(4 + width)
        length = int.from_bytes(head[4:], order)
        place += 4 + width
        yield head[:4], place, length
        place += length + (length % 2 if width == _PADDED else 0)
