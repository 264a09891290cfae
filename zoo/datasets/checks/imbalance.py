"""Classes of very different sizes, and what a user can do about them."""

from collections import Counter

from zoo.datasets.base import Dataset
from zoo_registry.predictions import OTHER

__all__ = ["BALANCED", "RANKED", "sizes_apart"]

BALANCED = "--set class_weight=balanced"
RANKED = "zoo leaderboard --by balanced-accuracy"


def sizes_apart(dataset: Dataset, times: float) -> str:
    """Return the largest and the smallest class in words if one is so many times the other.

    Parameters
    ----------
    dataset : Dataset
        The tracks; those of no class do not count.
    times : float
        Number of tracks of the largest class over that of the smallest.

    Returns
    -------
    str
        Such as "pop has 57 tracks, rare 5"; empty if the classes are more alike.
    """
    sizes = Counter(track.label for track in dataset.tracks if track.label != OTHER)
    (most, high), *_, (least, low) = sizes.most_common()
    return f"{most} has {high} tracks, {least} {low}" if high >= times * low else ""
