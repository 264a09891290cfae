"""Out-of-fold probabilities of all windows, which a run keeps in `windows.npy`.

It is one array, float16, shape (windows, classes): for each row of `predictions.csv` as many
windows as the row has votes, in order of time. They are calibrated, so that their mean is the
probability of the row, and the winner of each is the vote that it had.
"""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.calibration import FoldAnswers
from zoo.evaluate.vote import rounded
from zoo_registry.errors import RunError
from zoo_registry.predictions import Predictions
from zoo_registry.runs import WINDOWS, Run

__all__ = ["lack_of_windows", "to_npy", "window_answers", "window_faults"]

_MOST = 1 << 24  # numbers, of two bytes each
_MAGIC = b"\x93NUMPY"
_ROUNDING = 2e-3  # half precision has eleven bits


def to_npy(folds: Sequence[FoldAnswers]) -> bytes | None:
    """Return the content of `windows.npy`, None if it would be larger than 32 MB.

    Parameters
    ----------
    folds : sequence of FoldAnswers
        Calibrated answers, in the order of the predictions.
    """
    parts = [fold.windows[: int(fold.predictions.votes.sum())] for fold in folds]
    if sum(part.size for part in parts) > _MOST:
        return None
    content = io.BytesIO()
    np.save(content, rounded(np.concatenate(parts), np.float16).astype("<f2"))
    return content.getvalue()


def window_answers(run: Run, predictions: Predictions) -> list[NDArray[np.float64]] | None:
    """Return the probabilities of the windows of each row of the predictions, in order of time.

    Parameters
    ----------
    run : Run
        A run whose folds are done.
    predictions : Predictions
        All its predictions, which tell the number of windows of each row.

    Returns
    -------
    list of float64 arrays, each of shape (windows, classes), or None
        None if the run does not keep them.

    Raises
    ------
    RunError
        If the file is missing or damaged.
    """
    known, path = run.record.windows, run.kept_windows_path
    if known is None:
        return None
    if run.sha256(path) != known:
        raise RunError(run.damage([WINDOWS]))
    counts = predictions.votes.sum(axis=1)
    size = 2 * int(counts.sum()) * len(predictions.classes)
    try:
        content = run.content(path)
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from error
    # The header is not needed, and may be forged.
    values = np.frombuffer(content[len(content) - size :] if size < len(content) else b"", "<f2")
    windows = values.astype(np.float64).reshape(-1, len(predictions.classes))
    if not content.startswith(_MAGIC) or len(windows) != counts.sum():
        raise RunError(f"{path} is damaged: it has other windows than the predictions")
    return np.split(windows, np.cumsum(counts)[:-1])


def window_faults(run: Run, predictions: Predictions) -> list[str]:
    """Return a sentence if the windows are not those of the votes and probabilities.

    Parameters
    ----------
    run : Run
        A run whose folds are done.
    predictions : Predictions
        All its predictions.
    """
    try:
        windows = window_answers(run, predictions)
    except RunError as error:
        return [str(error)]
    if windows is None:
        return []
    count = len(predictions.classes)
    votes = [np.bincount(own.argmax(axis=1), minlength=count) for own in windows]
    means = np.array([own.sum(axis=0) / (own.sum() or 1.0) for own in windows])
    differences = np.abs(means - predictions.probabilities)
    if np.array_equal(votes, predictions.votes) and (differences <= _ROUNDING).all():
        return []
    return [f"{WINDOWS} has other answers than the predictions"]


def lack_of_windows(run: Run, predictions: Predictions) -> str:
    """Return why a run does not keep the windows of its folds, and what to do.

    Parameters
    ----------
    run : Run
        A run without `windows.npy`.
    predictions : Predictions
        All its predictions.
    """
    if run.record.members:
        return "an ensemble combines answers about tracks, not windows"
    if predictions.votes.sum() * len(predictions.classes) > _MOST:
        return "its folds had too many windows to keep"
    return f"the windows of its folds were not kept by an earlier version; {run.afresh}"
