"""Windows of equal length from a track of frames.

`CUTTING` has the steps of `cut_windows` with its default as a part of an ONNX graph.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CUTTING", "RANGE", "cut_windows", "hop_of", "last_start"]

RANGE = 60.0  # dB below the loudest; what is softer depends on silence, codec and bandwidth

# From `track`, (frames, columns), to `windows`, (windows, width, columns), with the int64 scalars
# `zero`, `one`, `width` and `hop`, the int64 vector `axis`, which is [1], and `range`, a float32.
CUTTING = """
    shape = Shape (track)
    length = Gather (shape, zero)
    slack = Sub (length, width)
    last = Max (slack, zero)
    limit = Add (last, hop)
    every = Range (zero, limit, hop)
    starts = Min (every, last)
    rows = Unsqueeze (starts, axis)
    offsets = Range (zero, width, one)
    positions = Add (rows, offsets)
    peaks = ReduceMax <keepdims = 0> (track, axis)
    peak = ReduceMax <keepdims = 0> (peaks)
    faint = Sub (peak, range)
    sounding = Greater (peaks, faint)
    places = NonZero (sounding)
    earliest = ReduceMin <keepdims = 0> (places)
    latest = ReduceMax <keepdims = 0> (places)
    is_short = Less (length, width)
    begin = Where (is_short, earliest, zero)
    behind = Add (latest, one)
    finish = Where (is_short, behind, length)
    size = Sub (finish, begin)
    wrapped = Mod (positions, size)
    moved = Add (wrapped, begin)
    windows = Gather (track, moved)
"""


def cut_windows(
    track: "NDArray[np.float32]", rows: int, starts: "NDArray[np.int64] | None" = None
) -> "NDArray[np.float32]":
    """Return windows of a track, float32, shape (windows, rows, columns).

    Parameters
    ----------
    track : float32 array, shape (frames, columns)
        Track of at least one frame, in dB. One that is shorter than a window is repeated to fill
        it, without the silence at its ends.
    rows : int
        Frames in a window.
    starts : int64 array, optional
        First frame of each window. By default windows begin half a window apart, and the last
        one ends with the track.
    """
    import numpy as np

    if starts is None:
        last, hop = last_start(track, rows), hop_of(rows)
        starts = np.minimum(np.arange(0, last + hop, hop), last)
    if len(track) < rows:
        peaks = track.max(axis=1)
        sounding = np.flatnonzero(peaks > peaks.max() - RANGE)
        track = track[sounding[0] : sounding[-1] + 1]
    cut: NDArray[np.float32] = track[(starts[:, None] + np.arange(rows)) % len(track)]
    return cut


def last_start(track: "NDArray[np.float32]", rows: int) -> int:
    """Return the first frame of the last window of `track`."""
    return max(len(track) - rows, 0)


def hop_of(rows: int) -> int:
    """Return the number of frames between the starts of two windows."""
    return max(rows // 2, 1)
