"""Properties of a recording that say nothing about its content, measured while it is decoded."""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from zoo.audio.bandwidth import bandwidth
from zoo.audio.loudness import SILENCE, Peaks
from zoo_registry.structures import Count, Number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from zoo.audio.streams import Stream

__all__ = ["Meter", "Properties"]

_FRAMES = 12  # short-time spectra of each block, which has some seconds
_BLOCKS = 64  # whose spectra are held; of a longer recording only every second, fourth, ... is used
_RANGE = 40  # dB below the loudest moment of a block, down to which it is measured
_LEAST = 1e-12  # added to a power, which may be lost by rounding
_SPARSE = 16  # every which sample tells the constant offset


@dataclass(frozen=True, kw_only=True)
class Properties:
    """Properties of an audio file.

    Attributes
    ----------
    rate, channels : int
        Of the file; the rate in Hz.
    codec : str
        Such as "pcm", of any width, "flac", "mp3", "vorbis" or "aac".
    seconds : float
        Duration.
    bandwidth : int or None
        Frequency in Hz above which there is nothing: the lowest cut-off of its past, such as that
        of an encoder or a lower sample rate, otherwise half the rate. None for silence.
    level : float or None
        Root mean square of what is not silent, without a constant offset, in dB of full scale.
    leading, trailing : float
        Seconds of silence at both ends.
    notes : dict of str to str
        Descriptions of sound that is not used as it is, as of `Stream`.
    """

    rate: Count
    channels: Count
    codec: str
    seconds: Number
    bandwidth: Count | None = None
    level: float | None = None
    leading: Number = 0.0
    trailing: Number = 0.0
    notes: dict[str, str] = field(default_factory=dict)


class Meter(Peaks):
    """Measurement of the `Properties` of a mono waveform, block by block."""

    def __init__(self, rate: int) -> None:
        super().__init__(rate)
        self._size = 1 << round(np.log2(rate / 44))  # samples of a spectrum; 23 ms at 44.1 kHz
        self._energy = 0.0
        self._spectra: list[NDArray[np.floating]] = []
        self._blocks, self._every = 0, 1

    def measure(self, block: "NDArray[np.float32]") -> None:
        """Measure the next samples of a waveform, shape (samples,), not empty."""
        before, into = len(self.loudest), self._samples % self._cell
        super().measure(block)
        offset = float(np.add.reduce(block[::_SPARSE])) / -(-block.size // _SPARSE)
        self._energy += float(np.vdot(block, block)) - block.size * offset * offset
        if self._blocks % self._every == 0:
            peaks = np.asarray(self.loudest[before - bool(into) :], np.float32)
            floor = max(10 ** (SILENCE / 20), float(peaks.max()) * 10 ** (-_RANGE / 20))
            places = (peaks >= floor).nonzero()[0] * self._cell - into
            if places.size:
                self._spectra.append(self._powers(block, places))
            if len(self._spectra) > _BLOCKS:
                del self._spectra[1::2]
                self._every *= 2
        self._blocks += 1

    def _powers(
        self, block: "NDArray[np.float32]", places: "NDArray[np.intp]"
    ) -> "NDArray[np.floating]":
        """Return power densities per Hz, shape (frames, bins), near some of these samples."""
        length = min(self._size, block.size)
        if places.size > _FRAMES:
            places = places[np.arange(_FRAMES) * places.size // _FRAMES]
        begins = places + (self._cell - length) // 2
        begins = np.maximum(np.minimum(begins, block.size - length), 0)
        window = _window(length)
        frames = block[begins[:, None] + np.arange(length)] * window
        bins = np.fft.rfft(frames, n=self._size, axis=1)[:, : self._size // 2]
        scale = 2 / (float(np.vdot(window, window)) * self._rate)
        powers: NDArray[np.floating] = (bins.real**2 + bins.imag**2) * np.float32(scale)
        return powers

    def properties(self, stream: "Stream") -> Properties:
        """Return the properties of a file, after its last block."""
        is_loud = np.asarray(self.loudest, np.float32) >= 10 ** (SILENCE / 20)
        count = int(is_loud.sum())
        leading, trailing = self.seconds, 0.0
        level = band = None
        if count:
            cell = self._cell / self._rate
            leading = int(is_loud.argmax()) * cell
            trailing = max(0.0, self.seconds - (is_loud.size - int(is_loud[::-1].argmax())) * cell)
            power = max(self._energy, 0.0) / min(count * self._cell, self._samples)
            level = round(float(10 * np.log10(power + _LEAST)), 1)
            band = round(bandwidth(np.concatenate(self._spectra), self._rate))
        return Properties(
            rate=self._rate,
            channels=stream.channels,
            codec=stream.codec,
            seconds=round(self.seconds, 3),
            bandwidth=band,
            level=level,
            leading=round(leading, 3),
            trailing=round(trailing, 3),
            notes=dict(stream.notes),
        )


@lru_cache(maxsize=8)
def _window(length: int) -> "NDArray[np.float32]":
    return np.hanning(length + 2)[1:-1].astype(np.float32)
