"""From log-mel tracks to the windows that networks learn from and are asked for.

A track is float32 (frames, mels) in dB and has one frame or more; where it is shorter
than a window, it is repeated to fill one.
"""

from typing import TYPE_CHECKING

import numpy as np

from zoo.audio.windows import cut_windows, last_start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["inner_split", "level", "masked", "random_crops", "spread", "statistics"]


def spread(track: "NDArray[np.float32]", frames: int, number: int) -> "NDArray[np.float32]":
    """Return a few windows, evenly spread over the track.

    Returns
    -------
    float32 array, shape (number, frames, mels)
    """
    starts = np.linspace(0, last_start(track, frames), number).astype(np.int64)
    return cut_windows(track, frames, starts)


def random_crops(
    tracks: "Sequence[NDArray[np.float32]]", frames: int, rng: np.random.Generator
) -> "NDArray[np.float32]":
    """Return a window from anywhere in each track.

    Returns
    -------
    float32 array, shape (tracks, frames, mels)
    """
    return np.concatenate(
        [
            cut_windows(track, frames, rng.integers(last_start(track, frames) + 1, size=1))
            for track in tracks
        ]
    )


def level(images: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Return the mean (dB) of each window, or of a track, over its frames and its mels.

    Returns
    -------
    float32 array of as many dimensions
    """
    means: NDArray[np.float32] = images.mean(axis=(-2, -1), keepdims=True)
    return means


def masked(
    crops: "NDArray[np.float32]",
    mean: "NDArray[np.float32]",
    share: float,
    rng: np.random.Generator,
) -> "NDArray[np.float32]":
    """Hide a stripe of frames and one of mels, others in each window (Park et al. 2019).

    Parameters
    ----------
    crops : float32 array, shape (windows, frames, mels)
    mean : float32 array, shape (mels,) or (windows, 1, mels)
        What hidden places are set to.
    share : float
        Width that a stripe has at most, as a share of the window.
    rng : numpy.random.Generator

    Returns
    -------
    float32 array of the same shape
    """
    number, frames, mels = crops.shape

    def stripe(size: int) -> "NDArray[np.bool_]":
        width = rng.uniform(0, share * size, (number, 1))
        start = rng.uniform(0, size - width)
        position = np.arange(size)
        return (position >= start) & (position < start + width)

    return np.where(stripe(frames)[:, :, None] | stripe(mels)[:, None, :], mean, crops)


def statistics(
    tracks: "Sequence[NDArray[np.float32]]", chosen: "NDArray[np.int64]"
) -> "tuple[NDArray[np.float32], NDArray[np.float32]]":
    """Return the mean (dB) and the variance (dB squared) of each mel over some tracks' frames.

    Values count from the level of their track.

    Parameters
    ----------
    tracks : sequence of float32 arrays, each of shape (frames, mels)
    chosen : int64 array
        Which of them count. One is looked at at a time.

    Returns
    -------
    mean, variance : float32 arrays, shape (mels,)
        The variance is one or more: a band that is empty in training must not blow up
        whatever another track has there.
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
    labels: "NDArray[np.int64]", groups: "NDArray[np.int64]", share: float, seed: int
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Part training tracks into those to learn from and those to hold out.

    Parameters
    ----------
    labels, groups : int64 arrays, shape (tracks,)
        Groups are kept whole.
    share : float
        Wanted share of the held out, 0 to 0.5.
    seed : int

    Returns
    -------
    learnt, held : int64 arrays
        Positions. Nothing is held out if `share` is zero, or if a class has too few
        tracks or groups to be on both sides.
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
