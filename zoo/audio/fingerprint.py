"""Search for near-duplicate recordings: equal up to level, offset, rate or codec.

The method is that of A. L.-C. Wang, "An industrial-strength audio search algorithm",
ISMIR 2003: peaks of the spectrogram survive nearly all changes of a recording, pairs of
peaks give specific hashes, and only copies of one recording have many hashes that agree
on one offset. Copies at another speed or pitch are not found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.audio.decode import resample

__all__ = ["RATE", "Match", "landmarks", "near_duplicates"]

RATE = 8_000  # Hz: telephone recordings and 8 kHz files contain the whole band

_WINDOW = 1_024  # samples, 128 ms: separates neighbouring notes and still locates drum hits
_HOP = 160  # samples, 20 ms: copies are cut anywhere, and their windows must nearly coincide
_BAND = slice(25, 440)  # bins, 195 to 3,430 Hz: the band of telephones and poor codecs
_NEAR = (6, 10)  # frames and bins, 0.12 s and 78 Hz: makes about 50 peaks a second of music
_FLOOR = 1e-4  # of the loudest, -80 dB: below are only dither and rounding
_RISE = 1.1  # over the level 0.12 s before or after: a steady tone has no position in time

# A peak is paired with later ones nearby, so that a short cut keeps most of its pairs, and
# with many of them, so that enough pairs survive a codec that takes half of the peaks.
_FAN_OUT = 12
_MAX_FRAMES, _MAX_BINS, _BITS = 48, 31, 6  # the bits hold either difference

# Number of collisions of hashes that are used, those of the rarest hashes: it limits time (2 s)
# and memory (0.5 GB) if drum machines, noise or the number of tracks make hashes common.
_COLLISIONS = 1 << 23
_LEAST_VOTES = 3  # of rare hashes; chance alone gives as many to a pair in 10,000

# Two million pairs of different music and noises agree on 6 hashes at most; 30 s over the same
# sampled drum loop on 7 % of theirs. Copies keep 9 % with noise 15 dB below the music or after
# a telephone and a codec at 24 kb/s, and 14 % or more after anything milder.
_LEAST_HASHES = 12
_LEAST_SHARE = 0.08


@dataclass(frozen=True)
class Match:
    """Two tracks with the same recording, at least in a part.

    Attributes
    ----------
    first, second : int
        Positions of the tracks, ``first < second``.
    offset : float
        Seconds by which `second` starts later in the recording than `first`.
    hashes : int
        Number of distinct hashes that agree on the offset.
    share : float
        `hashes` as a share of all hashes of the track with fewer hashes.
    """

    first: int
    second: int
    offset: float
    hashes: int
    share: float


def landmarks(waveform: NDArray[np.float32], rate: int) -> NDArray[np.int32]:
    """Return hashes of pairs of spectral peaks, with the frame (20 ms) of their first occurrence.

    Each hash occurs once, ascending, int32, shape (n, 2). 30 s of music give about 2,000 rows,
    silence, steady tones and less than 128 ms none, most clips under a second too few for a match.

    Parameters
    ----------
    waveform : float32 array, shape (samples,)
        One channel, at any level.
    rate : int
        Hz; other rates than `RATE` are resampled.
    """
    time, bin_ = _peaks(resample(waveform, rate, RATE))
    pairs = []
    for step in range(1, _FAN_OUT + 1):
        frames, bins = time[step:] - time[:-step], bin_[step:] - bin_[:-step]
        near = (frames > 0) & (frames <= _MAX_FRAMES) & (abs(bins) <= _MAX_BINS)
        hashes = (bin_[:-step] << _BITS | bins + _MAX_BINS) << _BITS | frames
        pairs.append(np.stack([hashes, time[:-step]], axis=1)[near])
    rows = np.concatenate(pairs)
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    return rows[np.unique(rows[:, 0], return_index=True)[1]].astype(np.int32)


def _peaks(waveform: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return frames and bins of the local maxima of the spectrogram, in order of time."""
    from scipy.fft import rfft  # numpy's takes three times as long

    if len(waveform) < _WINDOW:
        return np.empty(0, np.intp), np.empty(0, np.intp)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, _WINDOW)[::_HOP]
    magnitude = np.abs(rfft(frames * np.hanning(_WINDOW).astype(np.float32)))
    floor = _FLOOR * magnitude.max()
    magnitude = magnitude[:, _BAND]
    loudest = (magnitude == _around(magnitude)) & (magnitude > floor)
    time, bin_ = np.divmod(np.flatnonzero(loudest), magnitude.shape[1])
    beside = np.clip(np.add.outer((-_NEAR[0], _NEAR[0]), time), 0, len(magnitude) - 1)
    rises = magnitude[time, bin_] > _RISE * magnitude[beside, bin_].min(axis=0)
    return time[rises], bin_[rises]


def _around(magnitude: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the maximum around every place; twice as fast as scipy's `maximum_filter`."""
    around = np.pad(magnitude, [(near, near) for near in _NEAR])
    for near in _NEAR:
        width, full = 1, 2 * near + 1
        while width < full:
            step = min(width, full - width)
            around = np.maximum(around[step:], around[:-step])
            width += step
        around = around.T
    return around


def near_duplicates(tracks: Sequence[NDArray[np.int32]]) -> list[Match]:
    """Return the pairs of tracks with the same recording, whole or in part, in order.

    Tracks that consist mostly of the same samples, such as one drum kit, count as the same.

    Parameters
    ----------
    tracks : sequence of int32 arrays, shape (n, 2)
        Result of `landmarks` for each track.
    """
    matches = (_compare(tracks, *pair) for pair in _candidates(tracks))
    return [m for m in matches if m.hashes >= _LEAST_HASHES and m.share >= _LEAST_SHARE]


def _compare(tracks: Sequence[NDArray[np.int32]], first: int, second: int) -> Match:
    """Return the match of two tracks at the offset on which most common hashes agree."""
    one, other = tracks[first], tracks[second]
    _, *places = np.intersect1d(one[:, 0], other[:, 0], assume_unique=True, return_indices=True)
    frames = one[places[0], 1] - other[places[1], 1]
    votes = np.bincount(frames - frames.min(), minlength=2)
    # The hashes of an offset between two frames are divided between both.
    pooled = votes[:-1] + votes[1:]
    best = int(pooled.argmax())
    hashes = int(pooled[best])
    offset = int(frames.min()) + best + int(votes[best + 1]) / hashes
    return Match(first, second, offset * _HOP / RATE, hashes, hashes / min(len(one), len(other)))


def _candidates(tracks: Sequence[NDArray[np.int32]]) -> list[tuple[int, int]]:
    """Return the sorted pairs of tracks whose rare hashes agree on an offset."""
    rows = np.concatenate([np.empty((0, 2), np.int32), *tracks]).astype(np.int64)
    owner = np.repeat(np.arange(len(tracks)), [len(track) for track in tracks])
    rare = _rare(rows[:, 0])
    hash_, time, owner = rows[rare, 0], rows[rare, 1], owner[rare]
    # Votes are counted by sorting integers. The offset is the last part of the key, with a gap on
    # each side, so that only neighbouring offsets of a pair are neighbouring keys.
    span = 2 * int(time.max(initial=0)) + 3
    keys = [np.empty(0, np.int64)]
    for a, b in _collisions(hash_):
        keys.append((owner[a] * len(tracks) + owner[b]) * span + time[a] - time[b] + span // 2)
    key, votes = np.unique(np.concatenate(keys), return_counts=True)
    votes[:-1] += np.where(np.diff(key) == 1, votes[1:], 0)
    pair, votes = key[votes >= _LEAST_VOTES] // span, votes[votes >= _LEAST_VOTES]
    first, second = np.divmod(pair, len(tracks))
    size = np.bincount(owner, minlength=len(tracks))
    likely = votes >= _LEAST_SHARE * np.minimum(size[first], size[second])
    return [divmod(number, len(tracks)) for number in np.unique(pair[likely]).tolist()]


def _rare(hashes: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the positions of the rarest hashes with at most `_COLLISIONS` collisions, sorted."""
    order = np.argsort(hashes, kind="stable")
    _, size = np.unique(hashes, return_counts=True)
    rarest = np.argsort(size, kind="stable")
    kept = np.empty(len(size), bool)
    kept[rarest] = np.cumsum(size[rarest] * (size[rarest] - 1) // 2) <= _COLLISIONS
    return np.compress(np.repeat(kept, size), order)


def _collisions(hashes: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield all pairs of positions of equal hashes; `hashes` is sorted."""
    place, step = np.arange(len(hashes)), 0
    while len(place):
        step += 1
        place = place[: np.searchsorted(place, len(hashes) - step)]
        place = place[hashes[place] == hashes[place + step]]
        yield place, place + step
