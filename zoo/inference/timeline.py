"""Labels over time: windows of one label merged into stretches, and times as text."""

from collections.abc import Sequence
from itertools import groupby

from zoo.inference.prediction import Section

__all__ = ["clock", "stretches"]


def stretches(timeline: Sequence[Section]) -> list[Section]:
    """Return stretches of neighbouring windows of one label, or of one reason for none.

    Each lasts until the next begins, the last one to the end of the timeline. Its confidence is
    the mean of its windows; a stretch of silence has none. A stretch that is shown by its reason
    has that of its first window.

    Parameters
    ----------
    timeline : sequence of Section
        The windows of a track, in order of time.
    """
    groups = [list(group) for _, group in groupby(timeline, key=_kind)]
    ends = [group[0].start for group in groups[1:]] + [window.end for window in timeline[-1:]]
    merged = []
    for group, end in zip(groups, ends, strict=True):
        first = group[0]
        known = [window.confidence for window in group if window.confidence is not None]
        mean = sum(known) / len(known) if known else None
        reason = first.reason if first.shown != first.label else None
        merged.append(Section(first.start, end, first.label, mean, reason))
    return merged


def _kind(window: Section) -> tuple[str, str]:
    return window.label, window.shown


def clock(seconds: float, decimals: int = 0) -> str:
    """Return a time such as ``3:07``, ``3:07.5`` or ``1:03:07``."""
    minutes, rest = divmod(round(seconds, decimals), 60)
    hours, minutes = divmod(int(minutes), 60)
    tail = f"{rest:0{decimals + 3 if decimals else 2}.{decimals}f}"
    return f"{hours}:{minutes:02d}:{tail}" if hours else f"{minutes}:{tail}"
