"""Bandwidth of a recording: the frequency above which there is nothing, from its spectra."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bandwidth", "usual_bandwidth"]

_NOTHING = 1e-17  # added to a power density, so that digital zero has a logarithm
_BINS = 2  # of the spectrum that make a band; 86 Hz at 44.1 kHz
_OFTEN, _SELDOM = 0.9, 0.2  # shares of the spectra with less in a band; a click is seldom
_BELOW, _ABOVE = 2 ** (1 / 3), 1.09  # a cut-off compares a third of an octave with all above that
_STEEP = 30.0  # dB that sound falls at a cut-off, which no instrument does within that third
_STEEP_TO_NOISE = 10.0  # the same, if what is above is steady noise of the same level everywhere
_FLAT, _STEADY, _QUIET = 10.0, 8.0, -40.0  # dB: range over frequency, over time, and level of it
_TOP = 0.02  # of all bands, which must be above a cut-off
_FEW = 0.05  # of recordings, which do not count
_LEAST = 12  # bands below a cut-off; a lower tone also falls steeply, unless there is nothing else
_ROUNDING = -130.0  # dB per Hz; samples of 16 bits have more than this only where there is sound

# Sound that was brought to a higher rate without a filter has mirror images of its spectrum.
_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000)  # Hz, of which copies are made
_FRAMES = 12  # spectra that are compared at first
_MIRRORED = 0.4  # correlation of both sides of half a rate; recordings of full band stay below 0.35
_PERHAPS = 0.3  # the same of the mean over time, which is quickly computed
_MOST = 0.75  # of all spectra that have mirror images; those of a few clicks have them by chance
_POINTS = 48  # compared on each side
_SMOOTH = 2.0  # squared differences of these points; a click has less, which proves nothing


def bandwidth(powers: "NDArray[np.floating]", rate: int) -> float:
    """Return the frequency in Hz above which a recording has nothing.

    That is the lowest cut-off of its past, such as the low-pass of an encoder or a lower sample
    rate; without one it is half the rate. Quiet treble is not a cut-off, whereas steady
    noise of the same level everywhere is not treble: dither, or the noise of samples of 8 bits.

    Parameters
    ----------
    powers : floating array, shape (frames, bins)
        Short-time power densities of the recording from 0 to half its rate.
    rate : int
        Hz.
    """
    width = _BINS * rate / 2 / powers.shape[1]
    top = _mirror(powers, rate)
    bands = (powers[:, ::_BINS] + powers[:, 1::_BINS]) / _BINS
    return float(min(top, _cut_off(bands[:, : round(top / width)], width) * width))


def usual_bandwidth(found: Sequence[int]) -> int:
    """Return the frequency in Hz that 95 % of recordings reach, 0 if that is not known.

    Parameters
    ----------
    found : sequence of int
        Bandwidths in Hz, 0 of silence.
    """
    reached = sorted(value for value in found if value)
    return reached[int(_FEW * len(reached))] if reached else 0


def _cut_off(bands: "NDArray[np.floating]", width: float) -> int:
    """Return the number of bands of this width in Hz below the cut-off; all if there is none."""
    last, count = len(bands) - 1, int(bands.shape[1])
    levels = np.sort(bands, axis=0)[[int(_OFTEN * last), int(_SELDOM * last)]]
    often, seldom = 10 * np.log10(levels + _NOTHING)
    edges, low, first = _edges(count)
    if not edges.size:
        return count
    sums = np.cumsum(often)
    below = (sums[edges] - sums[low] + often[low]) / (edges + 1 - low)
    above = np.maximum.accumulate(often[::-1])[::-1][first]
    least = np.minimum.accumulate(often[::-1])[::-1][first]
    spread = np.cumsum((often - seldom)[::-1])[::-1][first] / (count - first)
    is_noise = (above - least < _FLAT) & (spread < _STEADY)
    is_noise &= above < _QUIET - 10 * np.log10(width * count)
    falls = below - above - np.where(is_noise, _STEEP_TO_NOISE, _STEEP)
    falls[(edges < _LEAST) & (above > _ROUNDING)] = -np.inf
    best = int(falls.argmax())
    if falls[best] < 0:
        return count
    height = below[best] - above[best]
    content = often[: first[best]] > above[best] + height / 2
    return int(content.nonzero()[0][-1]) + 1


@lru_cache(maxsize=8)
def _edges(count: int) -> "tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]":
    """Return places of a cut-off, each between two of so many bands.

    Of each there is the number of bands below it, the first of them that is compared, and the first
    one above it: those right above it belong to the fall.
    """
    edges = np.arange(1, count)
    first = (edges * _ABOVE).astype(int) + 2
    edges = edges[first < count * (1 - _TOP) - 2]
    return edges, (edges / _BELOW).astype(int), first[: edges.size]


def _mirror(powers: "NDArray[np.floating]", rate: int) -> float:
    """Return half the rate that a recording was brought to this one from without a filter.

    The spectrum above it is the mirror image of that below. Without such a rate it is half its own.
    """
    halves, places, parts = _mirrors(rate, powers.shape[1])
    if halves.size:
        some = powers[np.arange(_FRAMES) * len(powers) // _FRAMES]
        mean = np.log10(some + _NOTHING).mean(axis=0, keepdims=True)
        if (_likeness(mean, places, parts) > _PERHAPS).any():
            logs = np.log10(powers + _NOTHING)
            often = (_likeness(logs, places, parts) > _PERHAPS).mean(axis=0) >= _MOST
            logs -= logs.mean(axis=0)  # a steady hum has multiples of 50 Hz on both sides
            found = often & (_likeness(logs, places, parts, (0, 2)) > _MIRRORED)
            if found.any():
                return float(halves[found.argmax()])
    return rate / 2


def _likeness(
    logs: "NDArray[np.float32]",
    places: "NDArray[np.intp]",
    parts: "NDArray[np.float32]",
    over: tuple[int, ...] = (2,),
) -> "NDArray[np.float32]":
    """Return the correlation of the fine structure of both sides, for each of the `_mirrors`.

    It is that of each spectrum, or over them all.
    """
    values = logs[:, places] * (1 - parts) + logs[:, places + 1] * parts
    low, high = np.moveaxis(values[..., 1:] - values[..., :-1], 1, 0)
    pairs = ((low, high), (low, low), (high, high))
    both, one, other = ((a * b).sum(axis=over) for a, b in pairs)
    found: NDArray[np.float32] = both / (np.sqrt(one * other) + _SMOOTH)
    return found


@lru_cache(maxsize=8)
def _mirrors(
    rate: int, bins: int
) -> "tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float32]]":
    """Return half of each usual rate, and points of the spectrum as far below it as above.

    Returns
    -------
    halves : float64 array, shape (mirrors,)
        Hz.
    places : int array, shape (2, mirrors, points)
        Bins before the points.
    parts : float32 array, shape (2, mirrors, points)
        What remains from there to the points.
    """
    width = rate / 2 / bins
    halves, points = [], []
    for half in (source / 2 for source in _RATES):
        middle = half / width
        reach, least = 0.75 * min(middle, bins - 2 - middle), max(3.0, middle / 20)
        if reach - least > _POINTS / 4:
            steps = np.round(np.linspace(least, reach, _POINTS))
            halves.append(half)
            points.append((middle - steps, middle + steps))
    found = np.array(points).reshape(-1, 2, _POINTS).transpose(1, 0, 2)
    whole = found.astype(int)
    return np.array(halves), whole, (found - whole).astype(np.float32)
