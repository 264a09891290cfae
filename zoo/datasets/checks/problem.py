"""Problem of a dataset."""

from dataclasses import dataclass

__all__ = ["UNUSABLE", "Problem"]

UNUSABLE = {"undecodable", "truncated", "silent"}  # kinds of problems of tracks that are left out


@dataclass(frozen=True)
class Problem:
    """Problem of a dataset.

    Attributes
    ----------
    kind : str
        "undecodable", "truncated", "silent", "clipped", "cancelling" channels, "unheard" sound
        tracks, "odd-rate", "odd-length", "narrow-band", "unlisted" files in class folders,
        "duplicate", "near-duplicate", "label-conflict", "imbalance",
        "class-names" that look alike, "pieces" of one recording by their names,
        "left-out" and "doubtful" columns of a feature table,
        "recording-conditions" that differ between classes, "untested-conditions" of classes with
        too few groups, "gtzan-altered", "gtzan-missing" or "collection-incomplete";
        "odd-label" and "odd-sound" are of
        `zoo.features.neighbours`, "refused" by a protocol of `zoo.evaluate.protocols`.
    distorts : bool
        Whether it would distort a score; the others are reported for information.
    tracks : tuple of str
        Ids.
    detail : str
        Measured values behind the problem.
    """

    kind: str
    distorts: bool
    tracks: tuple[str, ...]
    detail: str
