"""The label over time: neighbouring windows of one label as one stretch."""

from collections.abc import Sequence
from itertools import groupby

from zoo.inference.predict import Section

__all__ = ["stretches"]


def stretches(timeline: Sequence[Section]) -> list[Section]:
    """Merge neighbouring windows of one label.

    Parameters
    ----------
    timeline : sequence of Section
        The windows of a track, in order of time.

    Returns
    -------
    list of Section
        Each lasts until the next begins, the last one to the end of the timeline. Its confidence
        is the mean of its windows, or None if none of them has one.
    """
    groups = [list(group) for _, group in groupby(timeline, key=lambda window: window.label)]
    ends = [group[0].start for group in groups[1:]] + [window.end for window in timeline[-1:]]
    merged = []
    for group, end in zip(groups, ends, strict=True):
        known = [window.confidence for window in group if window.confidence is not None]
        mean = sum(known) / len(known) if known else None
        merged.append(Section(group[0].start, end, group[0].label, mean))
    return merged
