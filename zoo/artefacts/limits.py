"""Limits of a model in sentences: what it confuses, and what it must not be used for."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.audit import leaks
from zoo.evaluate.metrics import score
from zoo.evaluate.robustness import by_change
from zoo_registry.predictions import OTHER, Predictions
from zoo_registry.record import RunRecord
from zoo_registry.runs import Run

__all__ = ["confusions", "limits", "taken_for"]

_SHOWN = 5  # confusions, and classes of few groups
_FEW = 15  # groups of a class, such as artists


def taken_for(predictions: Predictions, matrix: NDArray[np.int64], number: int) -> str:
    """Return the two classes that tracks of a class are most often taken for, with their counts.

    Parameters
    ----------
    predictions : Predictions
        Out-of-fold predictions.
    matrix : int64 array, shape (classes, classes)
        Their `zoo.evaluate.metrics.confusion`.
    number : int
        Index of the class.
    """
    wrong = matrix[number].copy()
    wrong[number] = 0
    most = [n for n in np.argsort(-wrong, kind="stable")[:2] if wrong[n]]
    names = _answers(predictions)
    return ", ".join(f"{names[n]} {wrong[n]}" for n in most)


def confusions(run: Run, predictions: Predictions, matrix: NDArray[np.int64]) -> Iterator[str]:
    """Yield sentences on the classes that a model confuses most, and on the worst change.

    Parameters
    ----------
    run : Run
        The run.
    predictions, matrix : Predictions, int64 array
        As for `taken_for`.
    """
    classes, names, tracks = predictions.classes, _answers(predictions), matrix.sum(axis=1)
    shares = matrix / np.maximum(tracks, 1)[:, None]
    np.fill_diagonal(shares, 0)
    for place in np.argsort(-shares, axis=None, kind="stable")[:_SHOWN].tolist():
        label, answer = divmod(place, len(classes))
        if count := matrix[label, answer] * (label != answer):
            called = f"are called {names[answer]}."
            yield f"{classes[label]}: {count} of {tracks[label]} tracks {called}"
    if not shares.any():
        yield "No tested track was taken for one of another class."
    if changed := run.robustness():
        worst = min(by_change(changed, predictions), key=lambda each: each.accuracy)
        yield (
            f"Of the changes above, {worst.change} confuses it most: {worst.accuracy:.3f} right, "
            f"instead of {worst.clean:.3f}."
        )


def limits(record: RunRecord, predictions: Predictions) -> Iterator[str]:
    """Yield what a model must not be used for, each with its reason.

    Parameters
    ----------
    record : RunRecord
        The record of its run.
    predictions : Predictions
        Its out-of-fold predictions.
    """
    dataset, frontend = record.dataset, record.frontend_plugin
    wrong = 100 * (1 - score(predictions).accuracy)
    yield "Sounds of other classes, which it takes for its own unless it calls them unknown."
    yield (
        f"Recordings unlike those of {dataset.title}, such as of other devices, years, places or "
        "styles: its accuracy there was not measured."
    )
    yield (
        "Decisions about people and their work, such as payments or deletions, unless a person "
        f"listens: {wrong:.0f} % of its answers to the tested tracks are wrong."
    )
    about_new = "Claims about recordings of new artists or sources: "
    if leaks(record.audit):
        yield about_new + "in the test it knew some of them, so that its accuracy there is lower."
    elif record.audit and not record.audit.known:
        yield about_new + (
            "nothing says which tracks belong together, so that its accuracy there may be lower."
        )
    elif few := _of_few_groups(predictions):
        yield (
            f"Claims about classes of few groups, such as artists: {few}. It may know the groups "
            "instead of the class."
        )
    overlaps = frontend.trained_on.values() if frontend else ()
    if any((dataset.collection or "") in names for names in overlaps):
        yield (
            "Claims about recordings that are new to the weights of its front end: "
            f"{' '.join(record.trained_on)}"
        )
    if dataset.licence and dataset.licence.startswith("none"):
        yield (
            "Products, before you have judged the rights: no licence is stated for the recordings "
            "that it was trained on."
        )


def _answers(predictions: Predictions) -> list[str]:
    """Return the names of the classes, as answers."""
    return ["none of them" if name == OTHER else name for name in predictions.classes]


def _of_few_groups(predictions: Predictions) -> str:
    """Return the classes whose tracks are of few groups, with the numbers of both."""
    own = predictions.scored
    found = []
    for number in own.real:
        tracks = own.labels == number
        groups = len(np.unique(own.groups[tracks]))
        if groups < min(_FEW, len({own.tracks[n] for n in np.flatnonzero(tracks)})):
            found.append((groups, own.classes[number], int(tracks.sum())))
    return ", ".join(
        f"{name} ({groups} for {n} tracks)" for groups, name, n in sorted(found)[:_SHOWN]
    )
