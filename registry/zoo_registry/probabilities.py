"""Check of what a plugin's `predict` returns: one array of probabilities per track."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zoo_registry.text import first_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["checked_probabilities"]

_ROUNDING = 1e-3  # by which a sum may miss one


def checked_probabilities(results: Any, tracks: int, classes: int) -> "list[NDArray[np.float64]]":
    """Return the probabilities of the windows of each track.

    Parameters
    ----------
    results : object
        Result of a `predict` hook.
    tracks, classes : int
        Number of tracks and of classes.

    Returns
    -------
    list of float64 arrays, each of shape (windows, classes)
        One array per track.

    Raises
    ------
    ValueError
        If these are no such arrays; the message says what they are, and what to return.
    """
    import numpy as np

    given = "None" if results is None else f"a {type(results).__name__}"
    if is_listed := isinstance(results, Sequence | np.ndarray) and not isinstance(results, str):
        given = f"{len(results)} arrays"
    if not is_listed or len(results) != tracks:
        raise ValueError(
            f"predict returned {given} for {tracks} tracks; return one array per track"
            f"{_as_numpy(results)}"
        )
    return [_windows(result, classes) for result in results]


def _windows(result: Any, classes: int) -> "NDArray[np.float64]":
    """Return the windows of one track, or raise ValueError if they are no probabilities."""
    import numpy as np

    wanted = f"return (windows, {classes}) with at least one window"
    if result is None or np.isscalar(result):  # such as a label
        raise ValueError(f"predict returned {result!r:.40} for a track; {wanted}")
    try:
        if np.iscomplexobj(result):
            raise TypeError("they are complex")
        windows = np.asarray(result, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError) as error:  # the last of torch
        raise ValueError(
            f"predict returned what is not an array of numbers ({first_line(error)}); "
            f"{wanted}{_as_numpy(result)}"
        ) from error
    if windows.ndim != 2 or windows.shape[1] != classes or not len(windows):  # noqa: PLR2004
        raise ValueError(f"predict returned an array of shape {windows.shape}; {wanted}")
    if not np.isfinite(windows).all():
        (wrong, *_) = windows[~np.isfinite(windows)]
        raise ValueError(
            f"predict returned {'NaN' if np.isnan(wrong) else 'infinity'}, which is no "
            "probability; look for a logarithm or a quotient of 0, or weights that grew without "
            "limit in training"
        )
    sums = windows.sum(axis=1)
    if (windows < 0).any() or np.abs(sums - 1).max() > _ROUNDING:
        ends = list(dict.fromkeys(f"{end:.4g}" for end in (sums.min(), sums.max())))
        what = (
            f"predict returned {windows.min():.4g}, which is no probability"
            if (windows < 0).any()
            else f"predicted probabilities sum to {' to '.join(ends)} over the classes"
        )
        raise ValueError(
            f"{what}; return a softmax of scores, or divide each window by its sum, which must be 1"
        )
    return windows


def _as_numpy(result: Any) -> str:
    """Return what makes an array of numpy of a result, as the end of a sentence; often nothing."""
    for method, call in (
        ("toarray", ".toarray()"),  # of scipy's sparse matrices
        ("detach", ".detach().cpu().numpy()"),  # of torch
        ("numpy", ".numpy()"),
    ):
        if hasattr(result, method):
            return f"; `{call}` makes an array of a {type(result).__name__}"
    return ""
