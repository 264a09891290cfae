"""Decoding by FFmpeg, through PyAV: compressed sound of every kind."""

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, groupby
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zoo.audio.heads import Head, asf_seconds, flac_parts, mp3_count, ogg_parts, read_head
from zoo.audio.parts import Part
from zoo.audio.streams import Stream, block_frames, codec_name, missing
from zoo_registry.errors import AudioError

if TYPE_CHECKING:
    from av import AudioFrame, AudioStream, Packet
    from av.container import InputContainer

__all__ = ["open_ffmpeg", "read_tags", "stated_genre"]

# Others name further files and addresses, which FFmpeg opens: playlists, lists of parts, pictures.
_CONTAINERS = (
    *("aa", "aac", "ac3", "aiff", "amr", "amrnb", "amrwb", "ape", "asf", "au", "avi", "caf"),
    *("dsf", "dss", "dts", "dtshd", "dv", "eac3", "flac", "flv", "gsm", "iff", "ilbc", "loas"),
    *("matroska", "mlp", "mov", "mp3", "mpc", "mpc8", "mpeg", "mpegts", "mxf", "nistsphere"),
    *("nut", "ogg", "oma", "qcp", "qoa", "rm", "shn", "sox", "tak", "truehd", "tta", "voc"),
    *("vqf", "w64", "wav", "wtv", "wv", "xwma"),
)
_OPTIONS = {"format_whitelist": ",".join(_CONTAINERS), "protocol_whitelist": ""}
# Of all others FFmpeg guesses the length by the first frames.
_STATING = frozenset(
    (
        *("aiff", "ape", "au", "caf", "dsf", "flac", "iff", "matroska", "mov", "mpc"),
        *("mpc8", "ogg", "qoa", "tak", "tta", "w64", "wav", "wv"),
    )
)
_MPEG = ("mp3", "mp3float", "mp2", "mp2float")
_OF_ALL = frozenset(("asf", "matroska"))  # one length for all tracks, from the time 0 on
_LONGEST = 1e8  # seconds; a statement of more is damaged
_PIECE = 1 << 14  # frames that are converted at once, within the cache of the processor
_UNFINISHED = b"\xff" * 4  # size of a RIFF file from a pipe
_INDEXED = b"ftyp"  # mark of MP4, which cannot be read without the index at its end


@dataclass
class _Opened:
    """A part of a file as a container, and the seconds that its header states, or 0."""

    part: Part
    container: "InputContainer"
    stated: float = 0.0
    is_whole: bool = True

    @property
    def track(self) -> "AudioStream":
        """The track that is heard."""
        return self.container.streams.audio[0]

    @property
    def names(self) -> list[str]:
        """The names of its format."""
        return self.container.format.name.split(",")

    @property
    def begin(self) -> float:
        """The time at which the stated seconds begin; in Ogg that depends on the codec."""
        if self.has_one_length or "ogg" in self.names:
            return 0.0
        if not self.track.start_time or not self.track.time_base:
            return 0.0
        return float(self.track.start_time * self.track.time_base)

    @property
    def has_one_length(self) -> bool:
        """Whether its header states one length for all tracks."""
        return not _OF_ALL.isdisjoint(self.names)

    def claimed(self) -> float:
        """Return the seconds that its header states, or 0."""
        codec = self.track.codec_context
        if _STATING.isdisjoint(self.names) or ("wav" in self.names and codec.name in _MPEG):
            return 0.0
        duration, unit = self.container.duration or 0, Fraction(1, 1_000_000)
        if not self.has_one_length and self.track.time_base:
            duration, unit = self.track.duration or 0, self.track.time_base
            if "caf" in self.names:  # FFmpeg takes the duration from the size of the file
                duration = max(duration, self.track.frames)
        seconds = float(duration * unit)
        return seconds if 0 < seconds < _LONGEST else 0.0

    def close(self) -> None:
        """Close container and file."""
        self.container.close()
        self.part.close()


def open_ffmpeg(path: Path) -> Stream:
    """Open a file, or raise an error of FFmpeg's, or `AudioError` if it holds no sound."""
    head = read_head(path)
    try:
        return _stream(path, head)
    except ValueError:  # FFmpeg's errors on bad data are of this kind, too
        if not (behind := head.behind_junk()):
            raise
        return _stream(path, behind)


def stated_genre(path: Path) -> str | None:
    """Return the genre that a tag of any kind states, None if FFmpeg finds none.

    Parameters
    ----------
    path : Path
        Audio file.
    """
    return next((tags["genre"] for tags in _tags(path) if "genre" in tags), None)


def read_tags(path: Path) -> dict[str, str]:
    """Return the tags of a file by their names in small letters, none if FFmpeg finds none.

    Parameters
    ----------
    path : Path
        Audio file.
    """
    return next(filter(None, _tags(path)), {})


def _tags(path: Path) -> Iterator[dict[str, str]]:
    """Yield the tags that are not empty, as FFmpeg finds them at each place of a file."""
    import av

    with suppress(OSError):
        start, end = read_head(path).start, path.stat().st_size
        for begin in sorted({0, start}):  # behind a tag at the beginning, one at the end is read
            with suppress(av.FFmpegError, ValueError, OSError):
                opened = _container(path, begin, end)
                found: dict[str, str] = {}
                with closing(opened):
                    for owner in (opened.container, *opened.container.streams):
                        for name, text in owner.metadata.items():
                            if text.strip():
                                found.setdefault(name.casefold(), str(text).strip())
                yield found


def _stream(path: Path, head: Head) -> Stream:
    """Open a file that begins with a head."""
    size, riff = path.stat().st_size, 0
    is_estimated = head.is_mpeg_in_wav or head.content[8:12] == b"AVI "
    if is_estimated and head.content[4:8] != _UNFINISHED:
        riff = int.from_bytes(head.content[4:8], "little")
    # FFmpeg estimates the length of these by the size of the file; what they state is a size.
    parts = [(head.start, size, head.start + riff <= size)]
    if head.is_flac:
        parts = [(*part, True) for part in flac_parts(path, head.start)]
    if head.is_ogg:
        parts = [(part.start, part.end, part.is_whole) for part in ogg_parts(path, head.start)]
    first = _open(path, *parts[0], head.content)
    codec = codec_name(first.track.codec_context.codec.canonical_name)
    channels = first.track.channels
    stream = Stream(path, first.track.rate or 0, first.stated, channels, codec, iter(()))
    if (tracks := len(first.container.streams.audio)) > 1:
        stream.notes["unheard"] = f"it has {tracks} sound tracks: only the first is used"
    stream.blocks = _blocks(stream, _frames(stream, first, parts[1:]))
    return stream


def _open(path: Path, start: int, end: int, is_whole: bool, content: bytes = b"") -> _Opened:
    """Open a part of a file, whose first bytes are given."""
    import av

    try:
        opened = _container(path, start, end)
    except av.ArgumentError as error:
        raise ValueError("it is not a sound format") from error
    except av.InvalidDataError as error:
        if content[4:8] != _INDEXED:
            raise
        raise AudioError(
            f"{path} is cut off: its index cannot be read; replace it by a whole copy"
        ) from error
    place, samples = mp3_count(content)
    is_mp3 = "mp3" in opened.names
    if is_mp3 and place:  # FFmpeg reads the count only where it begins to read
        first = next(opened.container.demux(opened.track), None)
        if first and (first.pos or 0) + first.size < place:  # then it is that of another song
            place = samples = 0
        opened.close()
        opened = _container(path, start + place, end)
    if not opened.container.streams.audio:
        kinds = {stream.type for stream in opened.container.streams}
        opened.close()
        raise AudioError(f"{path} holds no sound, only {', '.join(sorted(kinds)) or 'no stream'}")
    if not opened.track.codec_context:
        opened.close()
        raise ValueError("no decoder is known for its sound")
    opened.is_whole = is_whole
    if is_mp3:
        opened.stated = samples / (opened.track.rate or 1)
    elif "asf" in opened.names:  # FFmpeg estimates it again if the file is shorter than it says
        opened.stated = asf_seconds(content)
    else:
        opened.stated = opened.claimed()
    return opened


def _container(path: Path, start: int, end: int) -> _Opened:
    import av

    part = Part(path, start, end)
    try:
        return _Opened(part, av.open(part, mode="r", container_options=_OPTIONS))
    except BaseException:
        part.close()
        raise


def _frames(
    stream: Stream, first: _Opened, others: Sequence[tuple[int, int, bool]]
) -> Iterator["AudioFrame"]:
    """Yield the frames of all parts; record what is missing."""
    import av

    lacking, total = None, 0.0
    for part in (None, *others):
        try:
            opened = first if part is None else _open(stream.path, *part)
        except (av.FFmpegError, AudioError, ValueError):  # a part without sound
            continue
        heard = reached = lost = 0.0
        begin = opened.begin
        with closing(opened):
            for packet, end in _packets(opened):
                reached = max(reached, end)
                try:
                    decoded = packet.decode() if packet else ()
                except av.FFmpegError:  # players go on, too
                    if packet and packet.time_base:
                        lost += float((packet.duration or 0) * packet.time_base)
                    continue
                for frame in decoded:
                    seconds = frame.samples / frame.sample_rate
                    heard += seconds
                    # It may have begun late, and have gaps.
                    reached = max(reached, (frame.time or 0.0) + seconds - begin - lost)
                    yield frame
        lacking = lacking or missing(max(heard, reached), opened.stated)
        total += heard
        if not lacking and not opened.is_whole:
            lacking = f"its stream breaks off after {total:.2f} s"
    stream.truncated = lacking


def _packets(opened: _Opened) -> Iterator[tuple["Packet | None", float]]:
    """Yield the packets of the track, up to errors behind which nothing follows.

    If one length is stated for all tracks, then each packet of another track is None, with the
    seconds at which it ends.
    """
    import av

    track, goes_on = opened.track, True
    while goes_on:
        goes_on = False
        try:
            for packet in opened.container.demux(*(() if opened.has_one_length else (track,))):
                is_heard, end = packet.stream_index == track.index, 0.0
                if not is_heard and packet.pts is not None:
                    end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                yield packet if is_heard else None, end
                goes_on = packet.size > 0
        except av.FFmpegError:
            continue
        return


def _blocks(stream: Stream, frames: Iterator["AudioFrame"]) -> Iterator[NDArray[np.float32]]:
    """Yield blocks of the rate and the number of channels that the first frame has."""
    channels = None
    for (rate, own, _), group in groupby(frames, _kind):
        if channels is None:
            channels, stream.rate = own, rate
            stream.channels = own
        if (rate, own) == (stream.rate, channels):
            yield from _joined(group, own)
        else:
            yield from _like(_joined(group, own), rate, stream.rate, channels)
    if channels is None:
        raise AudioError(f"{stream.path} holds no sample that can be decoded")


def _kind(frame: "AudioFrame") -> tuple[int, int, str]:
    return frame.sample_rate, frame.layout.nb_channels, frame.format.name


def _joined(frames: Iterator["AudioFrame"], channels: int) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of frames of one kind as blocks of floats, shape (frames, channels)."""
    import av

    fifo, size = av.AudioFifo(), block_frames(channels)
    block, filled = np.empty((size, channels), np.float32), 0
    for frame in chain(frames, [None]):
        if frame is not None:
            frame.pts = None  # the FIFO refuses gaps
            fifo.write(frame)
            if fifo.samples < _PIECE:
                continue
        while fifo.samples:
            piece = fifo.read(min(fifo.samples, size - filled))
            filled += _fill(block[filled:], piece)
            if filled == size:
                yield block
                block, filled = np.empty((size, channels), np.float32), 0
    if filled:
        yield block[:filled]


def _fill(rows: NDArray[np.float32], frame: "AudioFrame") -> int:
    """Copy samples of any format to the first rows, as floats; return their number."""
    samples = frame.to_ndarray()
    rows = rows[: frame.samples]
    rows[:] = samples.T if frame.format.is_planar else samples.reshape(rows.shape)
    if samples.dtype.kind != "f":
        full = 2.0 ** (8 * samples.dtype.itemsize - 1)
        if samples.dtype.kind == "u":
            rows -= full
        rows /= full
    return len(rows)


def _like(
    pieces: Iterator[NDArray[np.float32]], source: int, rate: int, channels: int
) -> Iterator[NDArray[np.float32]]:
    """Bring pieces of a rate, shape (frames, any), to another one and a number of channels."""
    import soxr

    resampler = soxr.ResampleStream(source, rate, channels, dtype="float32", quality="HQ")
    for rows in chain(pieces, [None]):
        is_last = rows is None
        same = np.zeros((0, channels), np.float32) if rows is None else rows
        if same.shape[1] != channels:
            mean = same.mean(axis=1, dtype=np.float32, keepdims=True)
            same = np.repeat(mean, channels, axis=1)
        found = resampler.resample_chunk(same, last=is_last)
        if len(found):  # it waits for more before it gives the first
            yield found
