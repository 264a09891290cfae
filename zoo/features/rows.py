"""Rows of a front end of layout `vectors`: their position, and those that are not silence."""

from typing import TYPE_CHECKING

import numpy as np

from zoo_registry.frontend import TimedFrontEnd

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from zoo.audio.loudness import Peaks
    from zoo_registry.model import Model

__all__ = ["row_times", "sounding_rows"]


def row_times(model: "Model", count: int, samples: int) -> "NDArray[np.float64] | None":
    """Return begin and end of each row in seconds, shape (rows, 2); None if they are not known.

    Parameters
    ----------
    model : Model
        The model whose front end, or `preprocess` hook, gives the rows.
    count : int
        Number of rows.
    samples : int
        Length of the waveform at the rate of the front end.
    """
    frontend = model.card.frontend
    if frontend.layout != "vectors" or model.overrides_preprocess:
        return None
    if not isinstance(frontend, TimedFrontEnd):
        return None
    begins = np.arange(count) * frontend.hop
    return np.stack([begins, np.append(begins[1:], samples)], axis=1) / frontend.sample_rate


def sounding_rows(
    model: "Model", count: int, samples: int, peaks: "Callable[[], Peaks]"
) -> "NDArray[np.bool_]":
    """Return which rows a model is trained and tested on, bool, shape (rows,).

    These are the windows that vote in `zoo predict`, and the first one of a silent recording. All
    rows count if their position is not known.

    Parameters
    ----------
    model : Model
        The model whose front end, or `preprocess` hook, gives the rows.
    count : int
        Number of rows of the whole recording.
    samples : int
        Length of the waveform at the rate of the front end.
    peaks : callable
        Returns the peaks of the recording, at any rate.
    """
    # A single row is kept in any case, so that nothing has to be measured.
    if count == 1 or (times := row_times(model, count, samples)) is None:
        return np.ones(count, np.bool_)
    sounding = ~peaks().silent(times)
    sounding[0] |= not sounding.any()
    return sounding
