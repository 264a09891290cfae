"""Loudness of a recording, measured while it is decoded, and what of it is silence."""

from array import array
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SILENCE", "SILENT", "Peaks", "too_short"]

SILENCE = -70  # dB relative to full scale, the absolute gate of ITU-R BS.1770-4
SILENT = f"silence: almost nothing is above {SILENCE} dB of full scale"
_CELLS = 100  # measured values per second
_LEAST = 10  # measured values with sound; fewer are the edge of a sound, or traces of an encoder
_SHARE = 0.05  # of a window; with less sound, it says nothing but how silence looks to a model


class Peaks:
    """Peaks of each hundredth of a second: `loudest`, the magnitude without a constant offset."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._cell = max(1, rate // _CELLS)
        self._samples = 0
        self._lowest = self._highest = 0.0
        self.loudest = array("f")

    @classmethod
    def of(cls, audio: "NDArray[np.float32]", rate: int) -> "Peaks":
        """Return the peaks of a whole waveform, shape (samples,), not empty; the rate in Hz."""
        peaks = cls(rate)
        peaks.measure(audio)
        return peaks

    @property
    def seconds(self) -> float:
        """Duration so far."""
        return self._samples / self._rate

    def measure(self, block: "NDArray[np.float32]") -> None:
        """Measure the next samples of a waveform, shape (samples,), not empty."""
        into = self._samples % self._cell
        starts = np.maximum(np.arange(-into, block.size, self._cell), 0)
        low, high = np.minimum.reduceat(block, starts), np.maximum.reduceat(block, starts)
        if into:  # the last cell of the previous block continues
            self.loudest.pop()
            low[0], high[0] = min(low[0], self._lowest), max(high[0], self._highest)
        self.loudest.frombytes(((high - low) / 2).astype(np.float32).tobytes())
        self._lowest, self._highest = low[-1], high[-1]
        self._samples += block.size

    def silent(self, times: "NDArray[np.float64]") -> "NDArray[np.bool_]":
        """Return for each window of the recording whether it is silent, bool, shape (windows,).

        A window is silent if less than a twentieth of it is above `SILENCE`, or less than 0.1 s,
        or if it is shorter than 0.2 s, less than half of it. If this holds for all windows of a
        recording with 0.1 s of sound, only those without any are silent.

        Parameters
        ----------
        times : float64 array, shape (windows, 2)
            Begin and end of each window in seconds; NaN for the whole recording.
        """
        is_loud = np.asarray(self.loudest, np.float32) >= 10 ** (SILENCE / 20)
        sounding = np.concatenate([[0], np.cumsum(is_loud)])
        cells = np.where(np.isnan(times), [0.0, self.seconds], times) * self._rate / self._cell
        first, end = np.floor(cells[:, 0]), np.minimum(np.ceil(cells[:, 1]), is_loud.size)
        sound = sounding[end.astype(int)] - sounding[np.minimum(first, end).astype(int)]
        length = np.diff(cells)[:, 0]
        silent: NDArray[np.bool_] = sound < np.clip(_LEAST, _SHARE * length, length / 2)
        if silent.all() and sounding[-1] >= min(_LEAST, is_loud.size / 2):
            silent = sound == 0
        return silent


def too_short(seconds: float, needed: float, by: str) -> str:
    """Return why a recording says nothing.

    Parameters
    ----------
    seconds, needed : float
        Length of the recording, and the least that is needed.
    by : str
        What needs it: a model, or a front end.
    """
    return f"too short: {seconds:.3f} s, the {by} needs {needed:.3f} s"
