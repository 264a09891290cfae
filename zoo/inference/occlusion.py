"""Occlusion: how sure a model is of a class if a part of the recording is made quieter.

A part is a stretch of time within a band of frequencies. It is attenuated in the waveform, so that
any model can be asked (Zeiler & Fergus 2014, doi:10.1007/978-3-319-10590-1_53).
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["ATTENUATION", "occluded"]

ATTENUATION = 30  # dB; a part that is silenced would be unlike any recording
_FRAME, _HOP = 1024, 256  # samples


def occluded(
    probability: Callable[[NDArray[np.float32]], float],
    samples: NDArray[np.float32],
    rate: int,
    bands: Sequence[float],
    pieces: int,
) -> NDArray[np.float64]:
    """Return the probability without each part, float64, shape (bands, pieces).

    Parameters
    ----------
    probability : callable
        Returns the probability of the class for a waveform.
    samples : float32 array, shape (samples,)
        Waveform.
    rate : int
        Its sample rate in Hz.
    bands : sequence of float
        Edges of the bands in Hz, rising; what is below the first and above the last belongs to the
        bands beside it.
    pieces : int
        Number of equal pieces of time.
    """
    from scipy.signal import ShortTimeFFT, get_window

    size, frame = samples.size, min(_FRAME, samples.size)
    transform = ShortTimeFFT(get_window("hann", frame), min(_HOP, -(-frame // 2)), rate)
    spectrum = transform.stft(samples)
    band_of = np.digitize(transform.f, bands[1:-1])
    piece_of = np.digitize(transform.t(size), np.linspace(0, size / rate, pieces + 1)[1:-1])
    found = np.full((len(bands) - 1, pieces), probability(samples))
    for band, low in enumerate(bands[:-1]):
        if low >= rate / 2:
            continue
        for piece in range(pieces):
            is_part = (band_of == band)[:, None] & (piece_of == piece)
            part = transform.istft(np.where(is_part, spectrum, 0), k1=size)
            quieter = samples - (1 - 10 ** (-ATTENUATION / 20)) * part
            found[band, piece] = probability(quieter.astype(np.float32))
    return found
