"""Recognition of MP3 files, and the length that they state."""

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mp3Head", "mp3_head"]

_TAG = 10  # bytes of the header of an ID3 tag
_SEARCHED = 1 << 16  # bytes behind the tags; FFmpeg looks for a frame in as many
# The first frame may hold the number of frames, behind side information of three lengths.
_COUNT = re.compile(
    rb"\xff([\xe2-\xff])..(?:.{9}|.{17}|.{32})(?:Xing|Info)\0\0\0[\x01\x03\x05\x07\x0b\x0f](.{4})",
    re.DOTALL,
)
_OTHERS = (b"RIFF", b"RF64", b"FORM", b"fLaC", b"OggS")  # formats that are at times named .mp3


@dataclass(frozen=True)
class Mp3Head:
    """Beginning of an MP3 file.

    Attributes
    ----------
    start : int
        Position in the file of the first byte behind the ID3 tags, or of the frame that holds the
        number of frames.
    samples : int
        Number of samples by the number of frames; 0 if it is not stated.
    """

    start: int
    samples: int = 0


def mp3_head(path: Path) -> Mp3Head | None:
    """Return the head of a file that libsndfile takes for MPEG audio; None for any other."""
    start = 0
    with path.open("rb") as file:
        while (head := file.read(_SEARCHED)).startswith(b"ID3") and len(head) > _TAG:
            size = 0
            for byte in head[_TAG - 4 : _TAG]:
                size = size << 7 | byte & 0x7F
            start += _TAG + size
            file.seek(start)
    is_frame = head[:1] == b"\xff" and head[1:2] >= b"\xe0"
    is_named = path.suffix.lower() == ".mp3" and not head.startswith(_OTHERS)
    if not is_frame and not is_named:
        return None
    if found := _COUNT.search(head):
        per_frame = 1_152 if found[1][0] & 0x08 else 576
        return Mp3Head(start + found.start(), per_frame * int.from_bytes(found[2]))
    return Mp3Head(start)
