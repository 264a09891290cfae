"""A part of a file, which a library reads without its name."""

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Part", "descriptor"]


def descriptor(path: Path) -> int:
    """Open a file for reading."""
    return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))


class Part:
    """A part of a file, as PyAV and soundfile read one: they see neither a name nor a suffix.

    It has a descriptor of its own, since decoding may be given up at any place: Python's files
    warn of that.

    Parameters
    ----------
    path : Path
        File.
    start : int
        Position of the first byte.
    end : int, optional
        Position of the first byte behind it; the end of the file by default.
    replaced : mapping of int to bytes, optional
        Bytes that are read in place of those in the file, by their position.
    """

    def __init__(
        self,
        path: Path,
        start: int = 0,
        end: int | None = None,
        replaced: Mapping[int, bytes] | None = None,
    ) -> None:
        self._file = -1
        self._file = descriptor(path)
        self._start, self._place = start, start
        self._end = os.fstat(self._file).st_size if end is None else end
        self._replaced = replaced or {}

    def read(self, size: int = -1) -> bytes:
        """Read at most `size` bytes."""
        begin, left = self._place, max(0, self._end - self._place)
        if not left:
            return b""
        os.lseek(self._file, begin, os.SEEK_SET)
        content = os.read(self._file, min(size, left) if size >= 0 else left)
        self._place += len(content)
        if not self._replaced:
            return content
        mended = bytearray(content)
        for place, other in self._replaced.items():
            for position, byte in enumerate(other, place - begin):
                if 0 <= position < len(mended):
                    mended[position] = byte
        return bytes(mended)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, which may lie anywhere: damaged files lead there."""
        self._place = max(self._start, (self._start, self._place, self._end)[whence] + offset)
        return self.tell()

    def tell(self) -> int:
        """Return the position."""
        return self._place - self._start

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    __del__ = close
