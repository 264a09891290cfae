"""First bytes of audio files: tags, MP3's number of frames, and songs that were joined."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

__all__ = ["Head", "OggPart", "asf_seconds", "flac_parts", "mp3_count", "ogg_parts", "read_head"]

_TAG = 10  # bytes of the header of an ID3 tag, and of its footer
_SEARCHED = 1 << 16  # bytes behind the tags
# The first frame may hold the number of frames, behind side information of three lengths.
_COUNT = re.compile(
    rb"\xff([\xe2-\xff])..(?:(?:.{9}|.{17}|.{32})(?:Xing|Info)\0\0\0[\x01\x03\x05\x07\x0b\x0f]"
    rb"|.{32}VBRI.{10})(.{4})",
    re.DOTALL,
)
# File properties of ASF: the playing time in 100 ns, the preroll in ms, and flags.
_ASF = re.compile(
    rb"\xa1\xdc\xab\x8c\x47\xa9\xcf\x11\x8e\xe4\x00\xc0\x0c\x20\x53\x65"
    rb".{48}(.{8}).{8}(.{8})(.{4})",
    re.DOTALL,
)
_MPEG_IN_WAV = re.compile(rb"R(?:IF|F6)[F4].{8,4096}?fmt .{4}[\x50\x55]\0", re.DOTALL)
_PAGE = re.compile(rb"OggS\0([\0-\7])", re.DOTALL)
_FLAC = re.compile(rb"fLaC[\0\x80]\0\0\x22", re.DOTALL)
_BEGINNING = re.compile(rb"fLaC[\0\x80]\0\0\x22|OggS\0\x02", re.DOTALL)
_HOLDER = re.compile(rb"PK\x03\x04|ustar|\x1aE\xdf\xa3|RIFF")  # marks of archives and films
_JUNK = 4_096 + 8  # bytes in which FLAC and Ogg begin behind junk
_PIECE = 1 << 20  # bytes
_PAGE_HEAD = 27  # bytes before the table of segment lengths, the last of which counts them
_FIRST, _LAST = 0x02, 0x04  # flags of pages


@dataclass(frozen=True)
class Head:
    """Beginning of a file.

    Attributes
    ----------
    start : int
        Position of the first byte behind ID3 tags and zeros.
    content : bytes
        Bytes from there on.
    """

    start: int
    content: bytes

    @property
    def is_ogg(self) -> bool:
        """Whether it is an Ogg file."""
        return self.content.startswith(b"OggS")

    @property
    def is_flac(self) -> bool:
        """Whether it is a FLAC file."""
        return self.content.startswith(b"fLaC")

    def behind_junk(self) -> "Head | None":
        """Return the beginning of FLAC or Ogg near the beginning of a file, or None."""
        found = _BEGINNING.search(self.content, 1, _JUNK)
        if not found or _HOLDER.search(self.content, 0, found.start()):
            return None
        return Head(self.start + found.start(), self.content[found.start() :])

    @property
    def is_compressed(self) -> bool:
        """Whether it is Ogg or MPEG audio, or has a tag that only such files should have."""
        return (
            self.start > 0
            or self.is_ogg
            or (self.content[:1] == b"\xff" and self.content[1:2] >= b"\xe0")
            or self.is_mpeg_in_wav
        )

    @property
    def is_mpeg_in_wav(self) -> bool:
        """Whether it is a WAV file of MPEG audio."""
        return _MPEG_IN_WAV.match(self.content) is not None


def read_head(path: Path) -> Head:
    """Return the beginning of a file behind its ID3 tags, and behind many zeros."""
    start = 0
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        while len(content := file.read(_SEARCHED)) > _TAG:
            if len(content) == _SEARCHED and not any(content):
                start += len(content)
                continue
            if not content.startswith(b"ID3"):
                break
            length = 0
            for byte in content[_TAG - 4 : _TAG]:
                length = length << 7 | byte & 0x7F
            behind = start + _TAG + length + (_TAG if content[5] & 0x10 else 0)
            if behind >= size:  # then the length is wrong, or there is nothing else
                break
            start = behind
            file.seek(start)
    padding = len(content) - len(content.lstrip(b"\0")) if start else 0
    return Head(start + padding, content[padding:])


def mp3_count(content: bytes) -> tuple[int, int]:
    """Return the position of the frame that states MP3's length, and the samples; or zeros."""
    if not (found := _COUNT.search(content)):
        return 0, 0
    per_frame = 1_152 if found[1][0] & 0x08 else 576
    return found.start(), per_frame * int.from_bytes(found[2])


def asf_seconds(content: bytes) -> float:
    """Return the length by the file properties of an ASF file; 0 if it was broadcast."""
    if not (found := _ASF.search(content)):
        return 0.0
    ticks, preroll, flags = (int.from_bytes(field, "little") for field in found.groups())
    return 0.0 if flags & 1 else max(0.0, ticks / 1e7 - preroll / 1e3)


@dataclass(frozen=True)
class OggPart:
    """One of the streams that a chained Ogg file consists of (RFC 3533, section 4).

    Attributes
    ----------
    start, end : int
        Positions of its first byte, and of the first one behind its last page.
    is_whole : bool
        Whether its last page is there, and is flagged as the last.
    """

    start: int
    end: int
    is_whole: bool


def flac_parts(path: Path, start: int) -> list[tuple[int, int]]:
    """Return the first and the last position of each FLAC file of those in one file."""
    begins = [found for found, _ in _marks(path, start + 1, _FLAC, 8)]
    return list(pairwise([start, *begins, path.stat().st_size]))


def ogg_parts(path: Path, start: int) -> list[OggPart]:
    """Return the parts of an Ogg file; what follows the last page belongs to none of them."""
    parts: list[OggPart] = []
    size = path.stat().st_size
    with path.open("rb") as file:
        begin, before = start, (start, _FIRST)
        for place, mark in _marks(path, start, _PAGE, 6):
            flags = mark[-1]
            if flags & _FIRST and not before[1] & _FIRST:
                parts.append(OggPart(begin, place, bool(before[1] & _LAST)))
                begin = place
            before = place, flags
        place, flags = before
        file.seek(place)
        head = file.read(_PAGE_HEAD + 255)
        table = (
            head[_PAGE_HEAD : _PAGE_HEAD + head[_PAGE_HEAD - 1]] if len(head) > _PAGE_HEAD else b""
        )
        end = place + _PAGE_HEAD + len(table) + sum(table)
        parts.append(OggPart(begin, min(end, size), bool(flags & _LAST) and end <= size))
    return parts


def _marks(
    path: Path, start: int, pattern: re.Pattern[bytes], size: int
) -> Iterator[tuple[int, bytes]]:
    """Yield position and bytes of all that a pattern of some size finds in a file."""
    with path.open("rb") as file:
        file.seek(start)
        base, rest = start, b""
        while piece := file.read(_PIECE):
            content = rest + piece
            for found in pattern.finditer(content):
                yield base + found.start(), found[0]
            rest = content[1 - size :]
            base += len(content) - len(rest)
