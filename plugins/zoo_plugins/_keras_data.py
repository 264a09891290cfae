"""From log-mel tracks to the windows that networks are trained on and asked for."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["inner_split", "masked", "random_crop", "spread", "statistics", "windows"]


def inner_split(
    labels: "NDArray[np.int64]", groups: "NDArray[np.int64]", share: float, seed: int
) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
    """Return positions to learn from and positions to hold out, groups kept whole.

    Nothing is held out if a class has too few tracks or groups to be on both sides.
    """
    everything, nothing = np.arange(len(labels)), np.arange(0)
    present, counts = np.unique(labels, return_counts=True)
    folds = max(2, round(1 / share)) if share > 0 else 0
    if not folds or counts.min() < folds or len(np.unique(groups)) < folds:
        return everything, nothing
    from sklearn.model_selection import StratifiedGroupKFold

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed % 2**32)
    learnt, held = next(splitter.split(labels, labels, groups))
    if any(len(np.unique(labels[side])) < len(present) for side in (learnt, held)):
        return everything, nothing
    return learnt, held


def statistics(
    tracks: "Sequence[NDArray[np.float32]]",
) -> "tuple[NDArray[np.float32], NDArray[np.float32]]":
    """Return the mean and the variance of each mel over the frames of all tracks."""
    frames = sum(len(track) for track in tracks)
    mean = sum(track.sum(axis=0, dtype=np.float64) for track in tracks) / frames
    variance = sum(((track - mean) ** 2).sum(axis=0) for track in tracks) / frames
    # Bands that are empty in training must not blow up whatever another track has there.
    variance = np.maximum(variance, 1.0)
    return mean.astype(np.float32), variance.astype(np.float32)


def _cut(
    track: "NDArray[np.float32]", starts: "NDArray[np.int64]", frames: int
) -> "NDArray[np.float32]":
    """Return the windows of `track` that begin at `starts`; a shorter track is repeated."""
    windows: NDArray[np.float32] = track[(starts[:, None] + np.arange(frames)) % len(track)]
    return windows


def windows(track: "NDArray[np.float32]", frames: int) -> "NDArray[np.float32]":
    """Return the windows of `track` that prediction takes."""
    last, hop = max(len(track) - frames, 0), frames // 2
    return _cut(track, np.minimum(np.arange(0, last + hop, hop), last), frames)


def spread(track: "NDArray[np.float32]", frames: int, number: int) -> "NDArray[np.float32]":
    """Return a few windows of `track`, evenly spread."""
    last = max(len(track) - frames, 0)
    return _cut(track, np.linspace(0, last, number).astype(np.int64), frames)


def random_crop(
    track: "NDArray[np.float32]", frames: int, rng: np.random.Generator
) -> "NDArray[np.float32]":
    """Return one window of `track` from anywhere."""
    return _cut(track, rng.integers(max(len(track) - frames, 0) + 1, size=1), frames)[0]


def masked(
    windows: "NDArray[np.float32]",
    mean: "NDArray[np.float32]",
    share: float,
    rng: np.random.Generator,
) -> "NDArray[np.float32]":
    """Set a stripe of frames and one of mels to the mean, in each window others."""
    number, frames, mels = windows.shape

    def stripe(size: int) -> "NDArray[np.bool_]":
        width = rng.uniform(0, share * size, (number, 1))
        start = rng.uniform(0, size - width)
        position = np.arange(size)
        return (position >= start) & (position < start + width)

    return np.where(stripe(frames)[:, :, None] | stripe(mels)[:, None, :], mean, windows)
