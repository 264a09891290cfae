"""Checks of training: reproducible, resumable, and better than chance."""

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.datasets.demo import ARTISTS
from zoo.datasets.synthesis import GENRES, RATE, synthesise
from zoo.evaluate.vote import count_votes, vote_winner
from zoo.testing.outcome import CheckFailed, about, require
from zoo.testing.subject import LabelledTracks, RecordedProgress, Subject, class_names

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

_LEVEL = 1e-3  # significance level of the test against chance
_COLUMNS = "take the classes from `classes`, and not from the numbers that `labels` happens to have"
_ARTISTS = 3  # per genre of the demo set in the training part; the others are in the test part


def one_track_a_class(subject: Subject) -> None:
    """A model can be trained on one track of each class."""
    advice = (
        "a fold may have one track of a class: nothing may need two, such as a variance or a split"
    )
    _train_and_predict(subject, 1, 1, 1, advice=advice)


def two_classes(subject: Subject) -> None:
    """A model can be trained on two classes, and has two columns then."""
    _train_and_predict(subject, 4, 4, advice=_COLUMNS)


def twenty_classes(subject: Subject) -> None:
    """A model can be trained on twenty classes."""
    _train_and_predict(subject, *[2] * 20, advice=_COLUMNS)


def class_without_track(subject: Subject) -> None:
    """A class without a training track, also the last class, keeps its column."""
    _train_and_predict(subject, 3, 0, 3, 0, advice=_COLUMNS)


def _train_and_predict(subject: Subject, *counts: int, advice: str) -> None:
    """Train on so many tracks of each class, and predict; an error gets the advice."""
    with about(f"trained on classes of {', '.join(map(str, counts))} tracks; {advice}"):
        subject.predict(subject.fit(subject.tones(*counts)), subject.probe)


def same_seed(subject: Subject) -> None:
    """The same tracks and the same seed give the same predictions, bit by bit."""
    expected = subject.predictions
    again = subject.predict(subject.fit(subject.tones(4, 4, 4)), subject.probe)
    require(
        _equal(expected, again),
        "two fits with the same tracks and the same seed predict differently; draw everything "
        "at random from `seed`",
    )


def refitting_leaves_no_trace(subject: Subject) -> None:
    """A fit to other tracks changes neither an earlier model nor a later fit."""
    expected = subject.predictions
    tones = subject.tones(4, 4, 4)
    subject.fit(replace(tones, labels=(tones.labels + 1) % 3))
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


def inputs_unchanged(subject: Subject) -> None:
    """Neither `train` nor `predict` changes what it is given, which is read-only in a run."""
    tones = subject.tones(4, 4, 4)
    for writeable in (True, False):
        given = deepcopy(tones)
        for array in _arrays(given):
            array.flags.writeable = writeable
        params = subject.params(epochs=1)
        before = dict(params)
        try:
            fitted = subject.train(given, params)
            subject.model.predict(fitted.value, given.arrays, fitted.classes)
        except ValueError as error:
            if "read-only" not in str(error):
                raise
            raise CheckFailed(
                "it writes into the read-only arrays that a run gives it; work on a copy"
            ) from error
        require(
            _equal(_arrays(given), _arrays(tones)) and params == before,
            "train or predict changes the tracks, labels, groups or parameters that it is given; "
            "work on a copy",
        )


def _arrays(tracks: LabelledTracks) -> list[NDArray[Any]]:
    return [*tracks.arrays, tracks.labels, tracks.groups]


def reads_no_test_labels(subject: Subject) -> None:
    """The predictions of test tracks do not depend on their labels."""
    # There is nothing to learn from noise with random labels. As in a run, the model is also
    # fitted to all tracks: with the right labels of the test part, and with inverted ones.
    rng = np.random.default_rng(4)
    count = 24
    arrays = [subject.array(_noise(rng, subject.rate)) for _ in range(count)]
    labels = rng.permutation(np.arange(count) % 2)
    learnt = np.concatenate([np.flatnonzero(labels == label)[:6] for label in (0, 1)])
    tested = np.setdiff1d(np.arange(count), learnt)
    other = labels.copy()
    other[tested] = 1 - other[tested]
    predictions = []
    for given in (labels, other):
        tracks = LabelledTracks(arrays, given, np.arange(count), class_names(2))
        subject.fit(tracks)
        fitted = subject.fit(tracks.take(learnt))
        predictions.append(subject.predict(fitted, [arrays[index] for index in tested]))
    require(
        _equal(*predictions),
        "predictions of test tracks change with the test tracks' labels, which an earlier fit "
        "has seen; keep nothing between calls of `train`",
    )
    for given in (labels, other):
        chance, right = _chance_of(predictions[0], given[tested], 2)
        require(
            chance > _LEVEL,
            f"of {len(tested)} tracks of noise with random labels {right} are named rightly, "
            "which chance does not do; the test tracks' labels must have leaked in",
        )


def _noise(rng: np.random.Generator, rate: int) -> NDArray[np.float32]:
    """Return one or two seconds of white noise."""
    return 0.1 * rng.standard_normal(max(1, round(rng.uniform(1, 2) * rate)), np.float32)


def progress_grows(subject: Subject) -> str | None:
    """Progress goes from 0 to 1 and never back; its figures are numbers."""
    _ = subject.fitted
    calls = subject.progress.calls
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


def interrupted_and_resumed(subject: Subject) -> str | None:
    """A training that is interrupted half-way and begun again ends as an undisturbed one."""
    # After one epoch there would be nothing to resume.
    fit = partial(subject.fit, subject.tones(4, 4, 4), epochs=2)
    undisturbed, half = RecordedProgress(), 0.5
    expected = subject.predict(fit(progress=undisturbed), subject.probe)
    if not any(fraction >= half for fraction, _, _ in undisturbed.calls):
        return "it reports no progress, and so is trained in one go"
    scratch = subject.new_folder()
    try:
        fit(progress=RecordedProgress(stop=half), scratch=scratch)
    except KeyboardInterrupt:
        pass
    else:
        raise CheckFailed(
            "training goes on after the KeyboardInterrupt that `progress` raised; let it pass"
        )
    found = subject.predict(fit(scratch=scratch), subject.probe)
    require(
        _equal(expected, found),
        "a training that was interrupted and begun again predicts differently from an "
        "undisturbed one; keep in `scratch` all that is needed to go on (weights, optimiser, "
        "generators), or nothing",
    )
    return None


def learns_the_demo_set(subject: Subject) -> str | None:
    """On new artists of the demo set, its genres are better than chance."""
    music, artists = _demo_music(subject)
    classes = len(music.classes)
    tested = music.take(np.flatnonzero(artists >= _ARTISTS))
    fitted = subject.fit(music.take(np.flatnonzero(artists < _ARTISTS)), epochs=None)
    predictions = subject.predict(fitted, tested.arrays)
    chance, right = _chance_of(predictions, tested.labels, classes)
    found = (
        f"{right} of {len(tested.labels)} tracks of unheard artists are right, in {classes} genres"
    )
    require(
        chance <= _LEVEL,
        f"{found}: chance does as well with probability {chance:.2g}, more than {_LEVEL:g}; look "
        "for labels in another order than tracks, or give it more epochs",
    )
    return found


def _demo_music(subject: Subject) -> tuple[LabelledTracks, NDArray[np.int64]]:
    """Return part of the demo set, and the number of each track's artist within the genre."""
    import soxr

    keys = [
        (label, artist, take)
        for label in range(len(GENRES))
        for artist in range(ARTISTS)
        # In the test part a second take of an artist would not be independent evidence.
        for take in range(2 if artist < _ARTISTS else 1)
    ]
    waveforms = [synthesise(GENRES[label], artist, take) for label, artist, take in keys]
    if subject.rate != RATE:
        waveforms = [soxr.resample(samples, RATE, subject.rate) for samples in waveforms]
    labels, artists, _ = np.array(keys, dtype=np.int64).T
    groups = artists + labels * len(labels)
    arrays = [subject.array(waveform) for waveform in waveforms]
    return LabelledTracks(arrays, labels, groups, class_names(len(GENRES))), artists


def _chance_of(
    predictions: list[NDArray[np.float64]], labels: NDArray[np.int64], classes: int
) -> tuple[float, int]:
    """Return the p-value of a one-sided binomial test, and the number of tracks that are right."""
    from scipy.stats import binom

    winners = np.array([vote_winner(*count_votes(windows)) for windows in predictions])
    right = int((winners == labels).sum())
    return float(binom.sf(right - 1, len(labels), 1 / classes)), right


def _equal(one: Sequence[NDArray[Any]], other: Sequence[NDArray[Any]]) -> bool:
    return all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def _is_finite(figure: object) -> bool:
    try:
        return math.isfinite(float(figure))  # type: ignore[arg-type]  # to be found out
    except (TypeError, ValueError):
        return False
