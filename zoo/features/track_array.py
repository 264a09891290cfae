"""The array of one track: decoding, the front end, and the reason why there is none."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.datasets import Track
from zoo.datasets.hashing import recording
from zoo.features.rows import sounding_rows
from zoo_registry.errors import AudioError, StorageError
from zoo_registry.model import Model
from zoo_registry.text import in_a_line, place

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from zoo.audio.loudness import Peaks
    from zoo.audio.properties import Properties

__all__ = ["Computed", "apply_front_end", "compute", "named", "reason_of"]


@dataclass(frozen=True)
class Computed:
    """Result for one track.

    Attributes
    ----------
    reason : str or None
        Reason why there is no array.
    decode_seconds, frontend_seconds : float
        Time that it took.
    array : float32 array or None
        Array of the front end, shape (rows, columns).
    properties : Properties or None
        What was measured of the recording.
    """

    reason: str | None = None
    decode_seconds: float = 0.0
    frontend_seconds: float = 0.0
    array: "NDArray[np.float32] | None" = None
    properties: "Properties | None" = None


def compute(model: Model, track: Track, location: Path | str) -> Computed:
    """Decode a track and apply the front end.

    Parameters
    ----------
    model : Model
        The model whose front end, or `preprocess` hook, is applied.
    track : Track
        The track.
    location : Path or str
        The place that it is read from.

    Returns
    -------
    Computed
        The array, or the reason why there is none.

    Raises
    ------
    StorageError
        If the file cannot be read now, or there is no room.
    """
    from zoo.audio.decode import decode_measured

    reason, array, decoded, properties = None, None, None, None
    begun = time.perf_counter()
    try:
        with recording(track, location) as file:
            audio, properties, peaks = decode_measured(file, model.card.frontend.sample_rate)
        decoded = time.perf_counter()
        array = apply_front_end(model, audio, track, lambda: peaks)
    except Exception as error:
        reason = reason_of(error, model, track, location)
    ended = time.perf_counter()
    decoded = decoded or ended
    return Computed(reason, decoded - begun, ended - decoded, array, properties)


def apply_front_end(
    model: Model, audio: "NDArray[np.float32]", track: Track, peaks: "Callable[[], Peaks]"
) -> "NDArray[np.float32]":
    """Return the array of a waveform, float32, shape (rows, columns), not empty and finite.

    Rows that are known to be silence are left out; see `zoo.features.rows.sounding_rows`.

    Parameters
    ----------
    model : Model
        The model whose front end, or `preprocess` hook, is applied.
    audio : float32 array, shape (samples,)
        Mono, at the rate of the front end.
    track : Track
        The track that an error names.
    peaks : callable
        Returns the peaks of the recording, before it was resampled.

    Raises
    ------
    AudioError
        If there is no such array.
    """
    array, fault = _checked(model.preprocess(audio))
    if fault:
        raise AudioError(f"{track.path or track.id}: {named(model)} gave {fault}")
    return array[sounding_rows(model, len(array), audio.size, peaks)]


def _checked(result: object) -> "tuple[NDArray[np.float32], str | None]":
    """Return the array of a front end, and what is wrong with it."""
    import numpy as np

    array = np.asarray(result)
    fault = _fault(array)
    with np.errstate(over="ignore"):  # too large a number becomes infinite
        array = array if fault else np.asarray(array, np.float32)
    if not fault and not np.isfinite(array).all():
        fault = "an array with numbers that are not finite; guard logarithms and quotients of 0"
    return array, fault


def _fault(array: "NDArray[Any]") -> str | None:
    """Return what is wrong with shape or type of the array of a front end."""
    if array.dtype == object and not array.ndim:
        return f"{array.item()!r:.40}; a front end returns an array of (rows, columns)"
    if array.ndim != 2:  # noqa: PLR2004
        return f"an array of shape {array.shape}; a front end returns one of (rows, columns)"
    if array.dtype.kind not in "biuf":
        return f"an array of {array.dtype}; a front end returns one of float32"
    if not array.size:
        return f"an array of shape {array.shape}, which is empty"
    return None


def reason_of(error: Exception, model: Model, track: Track, location: Path | str) -> str:
    """Return why a track has no array, or raise the error if the track may have one another time.

    Parameters
    ----------
    error : Exception
        What decoding, or the front end of `model`, raised.
    model : Model
        The model whose front end was applied.
    track : Track
        The track.
    location : Path or str
        The place that it was read from, which the reader need not know.

    Raises
    ------
    StorageError
        If the file cannot be read now, or there is no room.
    """
    path = track.path or Path(track.id)
    if isinstance(error, StorageError):
        raise error
    if isinstance(error, AudioError):
        return str(error).replace(str(location), str(path))
    raised = in_a_line(error)
    at = place(error, model.module.__file__) if model.overrides_preprocess else ""
    reason = f"{path} made {named(model)} raise {raised}{at}"
    if isinstance(error, OSError) and error.errno:  # such as too many open files
        raise StorageError(f"{reason}; give the same command again", raised) from error
    return reason


def named(model: Model) -> str:
    """Return what computes the arrays of a model, in words."""
    return (
        f"the `preprocess` hook of {model.card.name}"
        if model.overrides_preprocess
        else f"the front end {model.card.frontend.name}"
    )
