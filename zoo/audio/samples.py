"""Recordings in memory: arrays of samples as librosa, soundfile, scipy and torch give them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zoo_registry.errors import UsageError
from zoo_registry.text import brief

__all__ = ["RATES", "Samples"]

_MOST_CHANNELS = 16
RATES = (1_000, 1_000_000)  # Hz
_STEREO = 2  # axes


@dataclass(frozen=True, eq=False)
class Samples:
    """A recording in memory.

    Attributes
    ----------
    values : float32 array, shape (frames, channels)
        Full scale is -1..1.
    rate : int
        Hz.
    name : str
        What stands in the place of a path.
    """

    values: NDArray[np.float32]
    rate: int
    name: str

    def __str__(self) -> str:
        return self.name

    @classmethod
    def of(cls, array: ArrayLike, rate: Any, name: str) -> "Samples":
        """Return samples that were checked, as float32 and with channels last.

        Parameters
        ----------
        array : array-like, shape (samples,), (channels, samples) or (samples, channels)
            Float with full scale -1..1, or integers of 8 (unsigned), 16 or 32 bits. Of two axes
            that with at most 16 entries is that of the channels; if both or none have so few, the
            array is refused.
        rate : number
            Whole number of Hz.
        name : str
            What it is called in messages.

        Raises
        ------
        UsageError
            If it is no recording.
        """
        values = np.asarray(array)
        if rate is None:
            raise UsageError(
                f"{name} has no sample rate; give it in Hz, such as `rate=22050` (librosa.load and "
                "soundfile.read return it)"
            )
        try:
            hertz = int(rate)
            is_whole = bool(hertz == rate) and not isinstance(rate, bool)
        except (TypeError, ValueError, OverflowError):  # such as a list, a text, infinity
            hertz, is_whole = 0, False
        if not is_whole or not RATES[0] <= hertz <= RATES[1]:
            raise UsageError(
                f"the rate {brief(repr(rate))} of {name} is no sample rate; give a whole number of "
                f"Hz from {RATES[0]} to {RATES[1]}"
            )
        return cls(_full_scale(_channels_last(values, name), name), hertz, name)


def _channels_last(values: NDArray[Any], name: str) -> NDArray[Any]:
    shape = values.shape
    if values.size == 0:
        raise UsageError(f"{name} is empty: its shape is {shape}")
    if values.ndim == 1:
        return values[:, None]
    few = [length <= _MOST_CHANNELS for length in shape]
    if values.ndim != _STEREO or few[0] == few[1]:
        raise UsageError(
            f"the shape {shape} of {name} does not tell channels from samples; give one channel, "
            f"shape (samples,), or (channels, samples) or (samples, channels) with at most "
            f"{_MOST_CHANNELS} channels"
        )
    return values.T if few[0] else values


def _full_scale(values: NDArray[Any], name: str) -> NDArray[np.float32]:
    kind, size = values.dtype.kind, values.dtype.itemsize
    if kind == "f":
        return values.astype(np.float32)
    if (kind, size) in {("i", 2), ("i", 4)}:
        return (values / -float(np.iinfo(values.dtype).min)).astype(np.float32)
    if (kind, size) == ("u", 1):
        return ((values.astype(np.float32) - 128) / 128).astype(np.float32)
    raise UsageError(
        f"{name} holds {values.dtype} values; give float with full scale -1 to 1, int16, int32 or "
        "uint8"
    )
