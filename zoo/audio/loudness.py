"""Loudness of a recording, measured while it is decoded."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["SILENCE", "Peaks"]

SILENCE = -70  # dB relative to full scale, the absolute gate of ITU-R BS.1770-4
_CELL = 0.1  # seconds per measured value


class Peaks:
    """Magnitudes of the loudest sample of each tenth of a second: `loudest`."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._cell = max(1, round(_CELL * rate))
        self._samples = 0
        self.loudest: list[float] = []

    @property
    def seconds(self) -> float:
        """Duration so far."""
        return self._samples / self._rate

    def watch(self, blocks: "Iterator[NDArray[np.float32]]") -> "Iterator[NDArray[np.float32]]":
        """Yield the blocks unchanged, and measure them."""
        for block in blocks:
            into = self._samples % self._cell
            starts = np.maximum(np.arange(-into, block.size, self._cell), 0)
            found = np.maximum.reduceat(np.abs(block), starts).tolist()
            if into:  # the last cell of the previous block continues
                found[0] = max(found[0], self.loudest.pop())
            self.loudest += found
            self._samples += block.size
            yield block

    def silent(self, start: float = 0.0, end: float = float("inf")) -> bool:
        """Whether all samples from `start` to `end` seconds are below `SILENCE`."""
        last = len(self.loudest) if end == float("inf") else -(-end * self._rate // self._cell)
        part = self.loudest[int(start * self._rate // self._cell) : int(last)]
        return max(part, default=0.0) < 10 ** (SILENCE / 20)
