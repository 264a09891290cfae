"""Checks of how a model is trained."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.evaluate.vote import count_votes, vote_winner
from zoo.testing.outcome import CheckFailed, about, require
from zoo.testing.sounds import demo_music, noise
from zoo.testing.subject import Labelled, Reports, class_names
from zoo_registry.hooks import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from zoo.testing.subject import Fitted, Subject

__all__ = [
    "class_without_track",
    "inputs_unchanged",
    "interrupted_and_resumed",
    "learns_the_demo_set",
    "one_track_a_class",
    "progress_grows",
    "reads_no_test_labels",
    "refitting_leaves_no_trace",
    "same_seed",
    "twenty_classes",
    "two_classes",
]

_LEVEL = 1e-3  # how rarely chance alone does as well as a model must do
_ARTISTS = 3  # of a genre of the demo set that a model learns from; it is asked about the rest


def one_track_a_class(subject: "Subject") -> None:
    """A model can be trained on one track of each class."""
    _answers_after(subject, 1, 1, 1)


def two_classes(subject: "Subject") -> None:
    """A model can be trained on two classes, and has two columns then."""
    _answers_after(subject, 4, 4)


def twenty_classes(subject: "Subject") -> None:
    """A model can be trained on twenty classes."""
    _answers_after(subject, *[2] * 20)


def class_without_track(subject: "Subject") -> None:
    """A class that has no training track, the last one too, keeps its column."""
    _answers_after(subject, 3, 0, 3, 0)


def _answers_after(subject: "Subject", *counts: int) -> None:
    """Train on so many tracks of each class, and ask for answers."""
    with about(f"trained on classes of {', '.join(map(str, counts))} tracks"):
        subject.predict(subject.fit(subject.tones(*counts)), subject.probe)


def same_seed(subject: "Subject") -> None:
    """The same tracks and the same seed give the same predictions, bit by bit."""
    expected = subject.answers
    again = subject.predict(subject.fit(subject.tones(4, 4, 4)), subject.probe)
    require(
        _equal(expected, again),
        "two fits with the same tracks and the same seed predict differently; draw everything "
        "at random from `seed`",
    )


def refitting_leaves_no_trace(subject: "Subject") -> None:
    """A fit to other tracks changes neither an earlier model nor a later fit."""
    expected = subject.answers
    tones = subject.tones(4, 4, 4)
    turned = Labelled(tones.arrays, (tones.labels + 1) % 3, tones.groups, tones.classes)
    subject.fit(turned)
    require(
        _equal(expected, subject.predict(subject.fitted, subject.probe)),
        "a fitted model predicts differently after another fit; `train` must return an object "
        "of its own, not one that the next fit changes",
    )
    again = subject.predict(subject.fit(tones), subject.probe)
    require(
        _equal(expected, again),
        "a fit depends on the one before it; keep nothing between calls of `train`, and start "
        "from a new estimator",
    )


def inputs_unchanged(subject: "Subject") -> None:
    """Neither `train` nor `predict` changes what it is given, which is read-only in a run."""
    tones = subject.tones(4, 4, 4)
    for writeable in (True, False):
        given = [rows.copy() for rows in tones.arrays]
        labels, groups = tones.labels.copy(), tones.groups.copy()
        arrays: list[NDArray[Any]] = [*given, labels, groups]
        for array in arrays:
            array.flags.writeable = writeable
        params = subject.params(epochs=1)
        kept = dict(params)
        try:
            value = _train(subject, given, labels, groups, tones.classes, params)
            subject.model.predict(value, given, len(tones.classes))
        except ValueError as error:
            if "read-only" not in str(error):
                raise
            raise CheckFailed(
                "it writes into the read-only arrays that a run gives it; work on a copy"
            ) from error
        pairs = [*zip(given, tones.arrays, strict=True), (labels, tones.labels)]
        require(
            _equal(*zip(*pairs, (groups, tones.groups), strict=True)) and params == kept,
            "train or predict changes the tracks, labels, groups or parameters that it is given; "
            "work on a copy",
        )


def _train(
    subject: "Subject",
    given: "Sequence[NDArray[np.float32]]",
    labels: "NDArray[np.int64]",
    groups: "NDArray[np.int64]",
    classes: tuple[str, ...],
    params: dict[str, Any],
) -> object:
    """Train on these very arrays, not on copies."""
    subject.require_modules()
    folder = subject.new_folder()
    return subject.model.train(given, labels, classes, groups, params, 0, Reports(), folder)


def reads_no_test_labels(subject: "Subject") -> None:
    """What a model says of test tracks does not depend on their labels, by whatever way.

    Noise with random labels is a canary: there is nothing to learn. As in a run, the model is
    also fitted to all tracks, with the labels of the test part one way and the other.
    """
    rng = np.random.default_rng(4)
    count = 24
    arrays = [subject.array(noise(rng.uniform(1, 2), subject.rate, rng)) for _ in range(count)]
    labels = rng.permutation(np.arange(count) % 2)
    learnt = np.concatenate([np.flatnonzero(labels == label)[:6] for label in (0, 1)])
    asked = np.setdiff1d(np.arange(count), learnt)
    other = labels.copy()
    other[asked] = 1 - other[asked]
    said = []
    for given in (labels, other):
        everything = Labelled(arrays, given, np.arange(count), class_names(2))
        subject.fit(everything)
        fitted = subject.fit(everything.take(learnt))
        said.append(subject.predict(fitted, [arrays[index] for index in asked]))
    require(
        _equal(*said),
        "predictions of test tracks change with the test tracks' labels, which an earlier fit "
        "has seen; keep nothing between calls of `train`",
    )
    for given in (labels, other):
        chance, right = _chance_of(said[0], given[asked], 2)
        require(
            chance > _LEVEL,
            f"of {len(asked)} tracks of noise with random labels {right} are named rightly, "
            "which chance does not do; the test tracks' labels must have leaked in",
        )


def progress_grows(subject: "Subject") -> str | None:
    """Progress goes from 0 to 1 and never back; its figures are numbers."""
    _ = subject.fitted
    calls = subject.reports.calls
    before = 0.0
    for fraction, note, figures in calls:
        require(
            isinstance(fraction, int | float) and before <= fraction <= 1,
            f"progress({fraction!r}) came after progress({before!r}); report shares from 0 to 1 "
            "that do not fall",
        )
        before = fraction
        require(isinstance(note, str), f"progress was given the note {note!r}; give a string")
        for name, figure in figures.items():
            require(
                _is_finite(figure), f"progress was given {name}={figure!r}; give a finite number"
            )
    return None if calls else "it reports no progress"


def interrupted_and_resumed(subject: "Subject") -> str | None:
    """A training that is interrupted half-way and begun again ends as an undisturbed one."""
    tones = subject.tones(4, 4, 4)

    def train(progress: Progress, scratch: Any = None) -> "Fitted":
        # With one epoch there would be nothing to go on with.
        return subject.fit(tones, epochs=2, progress=progress, scratch=scratch)

    undisturbed, half = Reports(), 0.5
    expected = subject.predict(train(undisturbed), subject.probe)
    if not any(fraction >= half for fraction, _, _ in undisturbed.calls):
        return "it reports no progress, and so is trained in one go"
    scratch = subject.new_folder()
    try:
        train(Reports(stop=half), scratch)
    except KeyboardInterrupt:
        pass
    else:
        raise CheckFailed(
            "training goes on after the KeyboardInterrupt that `progress` raised; let it pass"
        )
    found = subject.predict(train(Reports(), scratch), subject.probe)
    require(
        _equal(expected, found),
        "a training that was interrupted and begun again predicts differently from an "
        "undisturbed one; keep in `scratch` all that is needed to go on (weights, optimiser, "
        "generators), or nothing",
    )
    return None


def learns_the_demo_set(subject: "Subject") -> str | None:
    """Of artists of the demo set that it has not heard, it knows the genre better than chance."""
    waveforms, labels, artists = demo_music(subject.rate, _ARTISTS)
    arrays = [subject.array(waveform) for waveform in waveforms]
    classes = int(labels.max()) + 1
    music = Labelled(arrays, labels, artists + labels * len(labels), class_names(classes))
    (learnt,), (asked,) = np.nonzero(artists < _ARTISTS), np.nonzero(artists >= _ARTISTS)
    fitted = subject.fit(music.take(learnt), epochs=None)
    answers = subject.predict(fitted, [arrays[index] for index in asked])
    chance, right = _chance_of(answers, labels[asked], classes)
    found = f"{right} of {len(asked)} tracks of unheard artists are right, in {classes} genres"
    require(
        chance <= _LEVEL,
        f"{found}: chance does as well with probability {chance:.2g}, more than {_LEVEL:g}; look "
        "for labels in another order than tracks, or give it more epochs",
    )
    return found


def _chance_of(
    answers: "list[NDArray[np.float64]]", labels: "NDArray[np.int64]", classes: int
) -> tuple[float, int]:
    """Return how probably guessing does at least as well, and how many tracks are right.

    The one-sided binomial test.
    """
    from scipy.stats import binom

    winners = np.array([vote_winner(*count_votes(windows)) for windows in answers])
    right = int((winners == labels).sum())
    return float(binom.sf(right - 1, len(labels), 1 / classes)), right


def _equal(one: "Sequence[NDArray[Any]]", other: "Sequence[NDArray[Any]]") -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def _is_finite(figure: object) -> bool:
    try:
        return math.isfinite(float(figure))  # type: ignore[arg-type]  # that is the question
    except (TypeError, ValueError):
        return False
