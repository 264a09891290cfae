"""Training windows, their augmentation, and the inner split of Keras networks.

A track is a float32 array of shape (frames, mels) in dB with at least one frame. A track shorter
than a window is repeated to fill one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zoo.audio.windows import cut_windows, last_start

__all__ = ["inner_split", "level", "masked", "random_crops", "spread", "statistics"]


def spread(track: NDArray[np.float32], frames: int, number: int) -> NDArray[np.float32]:
    """Return `number` windows of `frames` frames, evenly spread over the track."""
    starts = np.linspace(0, last_start(track, frames), number).astype(np.int64)
    return cut_windows(track, frames, starts)


def random_crops(
    tracks: Sequence[NDArray[np.float32]], frames: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return one random window of each track, float32 (tracks, frames, mels)."""
    starts = [rng.integers(last_start(track, frames) + 1, size=1) for track in tracks]
    pairs = zip(tracks, starts, strict=True)
    return np.concatenate([cut_windows(track, frames, start) for track, start in pairs])


def level(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean in dB over the last two axes, frames and mels, which have length one."""
    means: NDArray[np.float32] = images.mean(axis=(-2, -1), keepdims=True)
    return means


def masked(
    crops: NDArray[np.float32],
    mean: NDArray[np.float32],
    share: float,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return windows with a random stripe of frames and one of mels hidden (Park et al. 2019).

    Parameters
    ----------
    crops : float32 array, shape (windows, frames, mels)
        Windows in dB.
    mean : float32 array, shape (mels,) or (windows, 1, mels)
        Values in dB of hidden places.
    share : float
        Largest width of a stripe, as a share of the window.
    rng : numpy.random.Generator
        Source of the stripes.
    """
    number, frames, mels = crops.shape
    hidden = _stripes(number, frames, share, rng)[:, :, None]
    return np.where(hidden | _stripes(number, mels, share, rng)[:, None, :], mean, crops)


def _stripes(number: int, size: int, share: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return masks, shape (number, size), each of one stripe of random width and position."""
    width = rng.uniform(0, share * size, (number, 1))
    start = rng.uniform(0, size - width)
    position = np.arange(size)
    return (position >= start) & (position < start + width)


def statistics(
    tracks: Sequence[NDArray[np.float32]], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and variance of each mel over the frames of some tracks.

    Values are relative to the level of their track. One track is in memory at a time.

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
        track = tracks[index] - level(tracks[index])
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
