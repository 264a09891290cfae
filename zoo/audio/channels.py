"""One channel from several: their mean, or one of them where they cancel each other out."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["Downmix"]

_CANCELLED = 0.01  # power of the mean relative to a channel's; unrelated ones have 1/channels
_LOUD = 1e-6  # mean square, 60 dB below full scale; the mean of less may be silent by chance
_PIECES = 4  # that a second is divided into, which is enough to decide
_AUDIBLE = 1e-3  # of full scale


class Downmix:
    """Mean of the channels, block by block.

    From the first second on in which the mean is nearly silent though the channels are loud, as
    where one is the other upside down, it is the loudest channel of that second.

    Parameters
    ----------
    rate : int
        Hz.

    Attributes
    ----------
    note : str or None
        Sentence about a channel that is used alone.
    """

    def __init__(self, rate: int) -> None:
        self.note: str | None = None
        self._rate = rate
        self._frames = 0
        self._channel: int | None = None

    def __call__(self, block: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one channel, shape (frames,), for the next block, shape (frames, channels)."""
        channels = block.shape[1]
        if channels == 1:
            return block[:, 0]
        if self._channel is None:
            mean: NDArray[np.float32] = block.mean(axis=1, dtype=np.float32)
            if (first := self._first(block, mean)) is not None:
                mean[first:] = block[first:, self._channel]
            self._frames += len(block)
            return mean
        return np.ascontiguousarray(block[:, self._channel])

    def _first(self, block: NDArray[np.float32], mean: NDArray[np.float32]) -> int | None:
        """Choose a channel if they cancel for a second, and return its first row, or None."""
        count = int(_PIECES * len(block) / self._rate) or 1
        # A short rest of a file is no reason to change: it may cancel by chance.
        if self._frames and count < _PIECES:
            return None
        edges = [len(block) * number // count for number in range(count + 1)]
        loud, left = (
            [float(np.vdot(part, part)) for part in (rows[a:b].ravel() for a, b in pairwise(edges))]
            for rows in (block, mean)
        )
        for first in range(max(1, count - _PIECES + 1)):
            begin, end = edges[first], edges[min(first + _PIECES, count)]
            power = sum(loud[first : first + _PIECES]) / ((end - begin) * block.shape[1])
            rest = sum(left[first : first + _PIECES]) / (end - begin)
            if power > _LOUD and rest < _CANCELLED * power:
                self._use(block[begin:end], self._frames + begin)
                return edges[max(0, first - 1)]  # the change may lie in the piece before
        return None

    def _use(self, second: NDArray[np.float32], begin: int) -> None:
        """Use the loudest channel of a second that begins at a frame."""
        self._channel = int(np.einsum("ij,ij->j", second, second).argmax())
        begin += int((np.abs(second[:, self._channel]) > _AUDIBLE).argmax())
        since = f" from {begin // self._rate} s on" if begin >= self._rate else ""
        number = f"channel {self._channel + 1} of {second.shape[1]}"
        self.note = f"its channels cancel each other out{since}: only {number} is used"
