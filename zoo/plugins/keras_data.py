"""Training windows, their levels and augmentation, and the inner split of Keras networks.

A track is a float32 array of shape (frames, mels) in dB with at least one frame. A track shorter
than a window is repeated to fill one.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.audio.windows import RANGE, cut_windows, last_start

__all__ = [
    "inner_split", "levelled", "low_passed", "masked", "noisy", "random_crops", "sounding",
    "spread", "statistics",
]  # fmt: skip

_DECIBEL = math.log(10) / 10  # in powers of e
_SILENCE = -62.0  # dB; the mean power of a frame whose samples reach -70 dB of full scale
_SOUND = 0.05  # share of the frames of a window that is not silent
_LOWEST = 0.6  # of the mels: 2.6 kHz of 11 kHz
_NOISES = (-45.0, -20.0)  # dB; white noise 20 dB below music is about -25


def sounding(windows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return for each window of shape (frames, mels) whether a twentieth of its frames is sound."""
    heard: NDArray[np.bool_] = _loud(windows).mean(axis=-1) >= _SOUND
    return heard


def spread(track: NDArray[np.float32], frames: int, number: int) -> NDArray[np.float32]:
    """Return `number` windows of `frames` frames, evenly spread over those that are not silent."""
    starts = _heard_starts(track, frames)
    chosen = starts[np.linspace(0, len(starts) - 1, number).astype(np.int64)]
    return cut_windows(track, frames, chosen)


def random_crops(
    tracks: Sequence[NDArray[np.float32]], frames: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return one random window of each track, not silent if it has any, (tracks, frames, mels)."""
    crops = []
    for track in tracks:
        crop = cut_windows(track, frames, rng.integers(last_start(track, frames) + 1, size=1))
        if not sounding(crop)[0]:  # only then is the whole track looked at
            crop = cut_windows(track, frames, rng.choice(_heard_starts(track, frames), size=1))
        crops.append(crop)
    return np.concatenate(crops)


def _heard_starts(track: NDArray[np.float32], frames: int) -> NDArray[np.int64]:
    """Return the starts of the windows that are not silent, or of all if there are none."""
    starts = np.arange(last_start(track, frames) + 1)
    until = np.concatenate([[0], np.cumsum(_loud(track))])
    frames = min(frames, len(track))
    heard = starts[until[starts + frames] - until[starts] >= _SOUND * frames]
    return heard if heard.size else starts


def _loud(frames: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return for each frame of shape (mels,) whether it is sound."""
    loud: NDArray[np.bool_] = _power(frames, -1)[..., 0] > _SILENCE
    return loud


def levelled(windows: Any, xp: Any = np) -> Any:
    """Return windows in dB relative to the mean power of each, at least -`RANGE`.

    Neither silent frames nor empty bands move this level, unlike a mean in dB.

    Parameters
    ----------
    windows : float32 array or tensor, shape (..., frames, mels)
        Windows in dB.
    xp : module
        Source of the operations: `numpy` or ``keras.ops``.
    """
    return xp.maximum(windows - _power(windows, (-2, -1), xp), -RANGE)


def _power(windows: Any, axis: Any, xp: Any = np) -> Any:
    """Return the mean power over some axes in dB; they get the length one."""
    loudest = xp.max(windows, axis=axis, keepdims=True)
    mean = xp.mean(xp.exp((windows - loudest) * _DECIBEL), axis=axis, keepdims=True)
    return loudest + xp.log(mean) / _DECIBEL


def noisy(
    crops: NDArray[np.float32], share: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return windows of `levelled`, a share of them with white noise: all bands have its power."""
    chosen = np.flatnonzero(rng.random(len(crops)) < share)
    noise = rng.uniform(*_NOISES, (len(chosen), 1, 1)).astype(np.float32)
    mixed = crops.copy()
    mixed[chosen] = np.log(np.exp(crops[chosen] * _DECIBEL) + np.exp(noise * _DECIBEL)) / _DECIBEL
    return mixed


def low_passed(
    crops: NDArray[np.float32], share: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return windows of `levelled`, a share of them with nothing above a random mel."""
    number, _, mels = crops.shape
    cut = np.where(rng.random(number) < share, rng.uniform(_LOWEST * mels, mels, number), mels)
    return np.where(np.arange(mels) >= cut[:, None, None], np.float32(-RANGE), crops)


def masked(
    crops: NDArray[np.float32],
    mean: NDArray[np.float32],
    share: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return windows with a random stripe of frames and one of mels hidden (Park et al. 2019).

    A band in which a window has nothing stays empty.

    Parameters
    ----------
    crops : float32 array, shape (windows, frames, mels)
        Windows in dB, as by `levelled`.
    mean : float32 array, shape (mels,) or (windows, 1, mels)
        Values in dB of hidden places.
    share : float
        Largest width of a stripe, as a share of the window.
    rng : numpy.random.Generator
        Source of the stripes.
    """
    number, frames, mels = crops.shape
    hidden = _stripes(number, frames, share, rng)[:, :, None]
    hidden = hidden | _stripes(number, mels, share, rng)[:, None, :]
    return np.where(hidden & (crops.max(axis=1, keepdims=True) > -RANGE), mean, crops)


def _stripes(number: int, size: int, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return masks, shape (number, size), each of one stripe of random width and position."""
    width = rng.uniform(0, share * size, (number, 1))
    start = rng.uniform(0, size - width)
    position = np.arange(size)
    return (position >= start) & (position < start + width)


def statistics(
    tracks: Sequence[NDArray[np.float32]], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and variance of each mel over the frames of some tracks that are not silent.

    Values are relative to the level of their track, as by `levelled`. One track is in memory at a
    time.

    Parameters
    ----------
    tracks : sequence of float32 arrays, each of shape (frames, mels)
        Tracks in dB.
    chosen : int64 array
        Positions of the tracks that count.

    Returns
    -------
    mean : float32 array, shape (mels,)
        Mean in dB.
    variance : float32 array, shape (mels,)
        Variance in dB squared, at least one, so that a band that is empty in training does not
        amplify the values of another track.
    """
    frames, total, squares = 0, np.float64(0), np.float64(0)
    for index in chosen:
        is_loud = _loud(tracks[index])
        track = levelled(tracks[index][is_loud] if is_loud.any() else tracks[index])
        frames += len(track)
        total = total + track.sum(axis=0, dtype=np.float64)
        squares = squares + np.square(track, dtype=np.float64).sum(axis=0)
    mean = np.atleast_1d(total / frames)
    variance = np.atleast_1d(squares / frames) - mean**2
    return mean.astype(np.float32), np.maximum(variance, 1.0).astype(np.float32)


def inner_split(
    labels: NDArray[np.int64], groups: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split training tracks into tracks to learn from and tracks to hold out.

    Parameters
    ----------
    labels, groups : int64 arrays, shape (tracks,)
        Class and group of each track; groups are kept whole.
    share : float
        Share of tracks to hold out, 0 to 0.5.
    seed : int
        Random seed of the split.

    Returns
    -------
    learnt : int64 array
        Positions of the tracks to learn from.
    held : int64 array
        Positions of the others; empty if `share` is zero, or if a class has too few tracks or
        groups for both parts.
    """
    everything, nothing = np.arange(len(labels)), np.arange(0)
    if share <= 0:
        return everything, nothing
    folds = max(2, round(1 / share))
    present, counts = np.unique(labels, return_counts=True)
    if counts.min() < folds or len(np.unique(groups)) < folds:
        return everything, nothing
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    learnt, held = next(splitter.split(labels, labels, groups))
    if any(len(np.unique(labels[side])) < len(present) for side in (learnt, held)):
        return everything, nothing
    return learnt, held
