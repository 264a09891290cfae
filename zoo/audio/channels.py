"""One channel from several: their mean, or one of them where they cancel each other out."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Downmix"]

_CANCELLED = 0.01  # power of the mean relative to a channel's; unrelated ones have 1/channels
_LOUD = 1e-6  # mean square, 60 dB below full scale; the mean of less may be silent by chance
_LEAST = 1.0  # seconds that are enough to decide


class Downmix:
    """Mean of the channels, block by block.

    From the first block on in which the mean is nearly silent though the channels are loud, as
    where one is the other upside down, it is the loudest channel of that block.

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
            if not self._cancels(block, mean):
                self._frames += len(block)
                return mean
            self._channel = int(np.einsum("ij,ij->j", block, block).argmax())
            since = f" from {self._frames / self._rate:.0f} s on" if self._frames else ""
            number = f"channel {self._channel + 1} of {channels}"
            self.note = f"its channels cancel each other out{since}: only {number} is used"
        return np.ascontiguousarray(block[:, self._channel])

    def _cancels(self, block: NDArray[np.float32], mean: NDArray[np.float32]) -> bool:
        # A short rest of a file is no reason to change: it may cancel by chance.
        if self._frames and len(block) < _LEAST * self._rate:
            return False
        flat = block.ravel()
        power = float(np.vdot(flat, flat)) / flat.size
        return power > _LOUD and float(np.vdot(mean, mean)) / len(mean) < _CANCELLED * power
