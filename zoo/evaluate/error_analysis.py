"""Errors: which tracks models get wrong together, which apart, and which labels are in doubt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.evaluate.vote import vote_winners
from zoo_registry.runs import Predictions

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Answers", "Doubt", "answers", "doubtful_labels", "hardest", "only_right"]


@dataclass(frozen=True)
class Answers:
    """What several runs say of the same tracks, out of fold.

    Attributes
    ----------
    runs, classes, tracks : tuple of str
        Tracks are sorted.
    digests : tuple of str
        The start of the sha256 of each track's bytes.
    labels : int64 array, shape (tracks,)
    tested : bool array, shape (runs, tracks)
        Whether the run tested the track; of the others nothing below counts.
    votes : int64 array, shape (runs, tracks, classes)
        Over all repeats of a protocol that tests a track several times.
    probabilities : float64 array, shape (runs, tracks, classes)
        Mean over the repeats.
    winners : int64 array, shape (runs, tracks)
        By majority of `votes`, ties broken by `probabilities`.
    """

    runs: tuple[str, ...]
    classes: tuple[str, ...]
    tracks: tuple[str, ...]
    digests: tuple[str, ...]
    labels: "NDArray[np.int64]"
    tested: "NDArray[np.bool_]"
    votes: "NDArray[np.int64]"
    probabilities: "NDArray[np.float64]"
    winners: "NDArray[np.int64]"

    @property
    def right(self) -> "NDArray[np.bool_]":
        """Whether a run tested a track and is right, shape (runs, tracks)."""
        found: NDArray[np.bool_] = self.tested & (self.winners == self.labels)
        return found

    @property
    def wrong(self) -> "NDArray[np.bool_]":
        """Whether a run tested a track and is wrong, shape (runs, tracks)."""
        found: NDArray[np.bool_] = self.tested & (self.winners != self.labels)
        return found


def answers(predictions: Mapping[str, Predictions]) -> Answers:
    """Put the predictions of runs on one dataset side by side.

    Parameters
    ----------
    predictions : mapping of str to Predictions
        By run; at least one.
    """
    parts = list(predictions.values())
    classes = tuple(sorted({name for part in parts for name in part.classes}))
    known: dict[str, tuple[str, str]] = {}
    for part in parts:
        named = (part.classes[label] for label in part.labels.tolist())
        known |= zip(part.tracks, zip(named, part.digests, strict=True), strict=True)
    tracks = tuple(sorted(known))
    place = {track: number for number, track in enumerate(tracks)}
    shape = (len(parts), len(tracks), len(classes))
    votes, sums = np.zeros(shape, np.int64), np.zeros(shape)
    repeats = np.zeros(shape[:2], np.int64)
    for number, part in enumerate(parts):
        rows = np.array([place[track] for track in part.tracks])
        columns = np.array([classes.index(name) for name in part.classes])
        np.add.at(votes[number], (rows[:, None], columns), part.votes)
        np.add.at(sums[number], (rows[:, None], columns), part.probabilities)
        np.add.at(repeats[number], rows, 1)
    means = sums / np.maximum(repeats, 1)[:, :, None]
    return Answers(
        runs=tuple(predictions),
        classes=classes,
        tracks=tracks,
        digests=tuple(known[track][1] for track in tracks),
        labels=np.array([classes.index(known[track][0]) for track in tracks], np.int64),
        tested=repeats > 0,
        votes=votes,
        probabilities=means,
        winners=np.stack([vote_winners(*pair) for pair in zip(votes, means, strict=True)]),
    )


def hardest(given: Answers) -> list[int]:
    """Return the tracks that more than half of their runs get wrong, the worst first.

    Those that the greatest share gets wrong come first, and among them those whose label lies
    furthest behind the class that the runs find most probable in its place.
    """
    tests = given.tested.sum(axis=0)
    share = given.wrong.sum(axis=0) / np.maximum(tests, 1)
    _, labelled, probability = _rivals(given)
    order = np.lexsort((labelled - probability, -share))
    return [int(track) for track in order if share[track] > 0.5]  # noqa: PLR2004


def only_right(given: Answers) -> "NDArray[np.int64]":
    """Count the tracks that one run gets right and another wrong.

    Returns
    -------
    int64 array, shape (runs, runs)
        By the run that is right, and the one that is wrong.
    """
    right, wrong = given.right.astype(np.int64), given.wrong.astype(np.int64)
    counts: NDArray[np.int64] = right @ wrong.T
    return counts


@dataclass(frozen=True)
class Doubt:
    """A label that every run contradicts.

    Attributes
    ----------
    track : int
        Index into the tracks of the `Answers`.
    suggested : int
        The class that the runs find most probable in its place.
    agreeing, runs : int
        How many of the runs that tested the track suggest this very class.
    labelled, probability : float
        Mean over the runs of the probability of the label, and of the suggested class.
    """

    track: int
    suggested: int
    agreeing: int
    runs: int
    labelled: float
    probability: float


def doubtful_labels(given: Answers) -> list[Doubt]:
    """Find the tracks that all runs count to another class than their label.

    Whether a run does so is asked as in confident learning: a class is claimed if it is at
    least as probable as it is, on average, for the tracks that carry its label; a track is
    counted to the most probable of the claimed classes. So neither a run that is always sure
    nor a class that is always unlikely decides alone.

    Returns
    -------
    list of Doubt
        The greatest margin of the suggested class over the label first.

    Notes
    -----
    Northcutt, Jiang & Chuang (2021), "Confident learning: estimating uncertainty in dataset
    labels", doi:10.1613/jair.1.12125, equations 1 and 2.
    """
    counted = np.stack(
        [_confident(given, number) for number in range(len(given.runs))]
    )  # (runs, tracks), -1 where no class is claimed
    contradicts = given.tested & (counted >= 0) & (counted != given.labels)
    suggested, labelled, probability = _rivals(given)
    agreed = given.tested.any(axis=0) & (contradicts | ~given.tested).all(axis=0)
    found = [
        Doubt(
            track=int(track),
            suggested=int(suggested[track]),
            agreeing=int((contradicts[:, track] & (counted[:, track] == suggested[track])).sum()),
            runs=int(given.tested[:, track].sum()),
            labelled=float(labelled[track]),
            probability=float(probability[track]),
        )
        for track in np.flatnonzero(agreed)
    ]
    return sorted(found, key=lambda doubt: (doubt.labelled - doubt.probability, doubt.track))


def _confident(given: Answers, run: int) -> "NDArray[np.int64]":
    """Return the class that a run counts each track to, -1 for none, int64, shape (tracks,)."""
    probabilities, tested = given.probabilities[run], given.tested[run]
    thresholds = np.full(len(given.classes), np.inf)
    for label in np.unique(given.labels[tested]):
        thresholds[label] = probabilities[tested & (given.labels == label), label].mean()
    claimed = np.where(probabilities >= thresholds, probabilities, -1.0)
    return np.where(claimed.max(axis=1) >= 0, claimed.argmax(axis=1), -1).astype(np.int64)


def _rivals(
    given: Answers,
) -> "tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]":
    """Return the class beside the label that the runs find most probable, for each track.

    Returns
    -------
    rivals : int64 array, shape (tracks,)
    labelled, probability : float64 arrays, shape (tracks,)
        Mean over the runs that tested the track, of its label and of the rival.
    """
    means = given.probabilities.sum(axis=0) / np.maximum(given.tested.sum(axis=0), 1)[:, None]
    each = np.arange(len(means))
    labelled = means[each, given.labels]
    means[each, given.labels] = -1.0
    rivals = means.argmax(axis=1)
    return rivals, labelled, means[each, rivals]
