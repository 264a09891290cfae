"""Checks of predictions: shapes, probabilities, and tracks of any length."""

import numpy as np

from zoo.testing.outcome import about, require
from zoo.testing.subject import Subject

__all__ = ["any_length", "one_window", "probabilities", "shapes", "silence", "tracks_one_by_one"]

_LENGTHS = (0.1, 0.5, 3.0, 31.0, 600.0)  # seconds
_TOLERANCE = 1e-4  # of a probability; rounding depends on the size of a batch


def shapes(subject: Subject) -> None:
    """`predict` returns (windows, classes) per track, with `vectors` one window per row."""
    arrays = subject.unchecked_predictions()
    require(
        arrays is not None and len(arrays) == len(subject.probe),
        f"predict returned {'None' if arrays is None else len(arrays)} for "
        f"{len(subject.probe)} tracks; return one array per track",
    )
    vectors = subject.model.card.frontend.layout == "vectors"
    for rows, windows in zip(subject.probe, arrays, strict=True):
        shape = np.shape(windows)
        require(
            len(shape) == 2 and shape[0] and shape[1] == subject.fitted.classes,  # noqa: PLR2004
            f"predict returned an array of shape {shape} for rows of shape {rows.shape}; return "
            f"(windows, {subject.fitted.classes}) with at least one window",
        )
        require(
            not vectors or shape[0] == len(rows),
            f"predict returned {shape[0]} windows for {len(rows)} rows; each row of the layout "
            "'vectors' is a window",
        )


def probabilities(subject: Subject) -> None:  # numpydoc ignore=SS05
    """Probabilities are finite, within 0 and 1, and sum to one over the classes."""
    for array in subject.unchecked_predictions():
        windows = np.asarray(array, dtype=np.float64)
        require(np.isfinite(windows).all(), "predict returned NaN or infinity")
        require(
            (windows >= 0).all() and (windows <= 1 + 1e-6).all(),
            f"predict returned {windows.min():.4g}..{windows.max():.4g}; probabilities lie "
            "within 0 and 1",
        )
        sums = windows.sum(axis=-1)
        require(
            np.abs(sums - 1).max() <= 1e-3,  # noqa: PLR2004
            f"the probabilities of a window sum to {sums.min():.4g}..{sums.max():.4g}; divide "
            "by their sum",
        )


def one_window(subject: Subject) -> None:
    """A track of a single row is answered."""
    with about("given a track of one row"):
        subject.predict(subject.fitted, [rows[:1] for rows in subject.probe])


def any_length(subject: Subject) -> None:  # numpydoc ignore=SS05
    """Tracks of 0.1 seconds to 10 minutes are prepared and classified."""
    sound = subject.tone(1, 10.0, np.random.default_rng(3))
    for seconds in _LENGTHS:
        with about(f"given a track of {seconds:g} s"):
            rows = subject.array(np.resize(sound, round(seconds * subject.rate)))
            subject.predict(subject.fitted, [rows])


def silence(subject: Subject) -> None:
    """Digital silence is prepared to finite numbers, and answered."""
    with about("given two seconds of digital silence"):
        rows = subject.array(np.zeros(2 * subject.rate, np.float32))
        require(np.isfinite(rows).all(), "the front end gives numbers that are not finite")
        subject.predict(subject.fitted, [rows])


def tracks_one_by_one(subject: Subject) -> None:
    """The prediction of a track is the same alone, with other tracks, and the second time."""
    for number, rows in enumerate(subject.probe):
        (alone,) = subject.predict(subject.fitted, [rows])
        require(
            alone.shape == subject.predictions[number].shape
            and np.abs(alone - subject.predictions[number]).max() <= _TOLERANCE,
            "a track is answered differently alone and with others; use nothing of the other "
            "tracks in predict, and change nothing in the model",
        )
