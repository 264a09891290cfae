"""Windows of a track of frames, for models that classify stretches of one length.

What `cut_windows` does by default is also the first part of a network's ONNX graph; see
`zoo.plugins.keras_defaults`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["cut_windows", "hop_of", "last_start"]


def cut_windows(
    track: "NDArray[np.float32]", rows: int, starts: "NDArray[np.int64] | None" = None
) -> "NDArray[np.float32]":
    """Return windows of a track, all of one length.

    Parameters
    ----------
    track : float32 array, shape (frames, columns)
        Of one frame or more; one that is shorter than a window is repeated to fill one.
    rows : int
        Frames in a window.
    starts : int64 array, optional
        Where windows begin. By default they lie half a window apart, and the last one ends
        with the track.

    Returns
    -------
    float32 array, shape (windows, rows, columns)
    """
    import numpy as np

    if starts is None:
        last, hop = last_start(track, rows), hop_of(rows)
        starts = np.minimum(np.arange(0, last + hop, hop), last)
    cut: NDArray[np.float32] = track[(starts[:, None] + np.arange(rows)) % len(track)]
    return cut


def last_start(track: "NDArray[np.float32]", rows: int) -> int:
    """Return where the last window of `track` begins."""
    return max(len(track) - rows, 0)


def hop_of(rows: int) -> int:
    """Return how many frames lie between the starts of two windows."""
    return max(rows // 2, 1)
