"""Error analysis: tracks that several runs classify wrongly, and labels that may be wrong."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.evaluate.vote import vote_winners
from zoo_registry.predictions import Predictions

__all__ = ["AlignedPredictions", "Doubt", "align", "doubtful_labels", "hardest", "only_right"]


@dataclass(frozen=True)
class AlignedPredictions:
    """Out-of-fold predictions of several runs, aligned by track and class.

    Attributes
    ----------
    runs, classes, tracks : tuple of str
        Names; tracks are sorted.
    digests : tuple of str
        Beginning of the SHA-256 of each track.
    labels : int64 array, shape (tracks,)
        Index of the class.
    tested : bool array, shape (runs, tracks)
        Whether the run tested the track; the values below are meaningless if not.
    votes, probabilities : int64 array, float64 array, shape (runs, tracks, classes)
        Sum, and mean, over the repeats of the protocol.
    winners : int64 array, shape (runs, tracks)
        Majority of `votes`; `probabilities` decide ties.
    """

    runs: tuple[str, ...]
    classes: tuple[str, ...]
    tracks: tuple[str, ...]
    digests: tuple[str, ...]
    labels: NDArray[np.int64]
    tested: NDArray[np.bool_]
    votes: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    winners: NDArray[np.int64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether a run tested a track and is right, bool, shape (runs, tracks)."""
        found: NDArray[np.bool_] = self.tested & (self.winners == self.labels)
        return found

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Whether a run tested a track and is wrong, bool, shape (runs, tracks)."""
        return self.tested & ~self.right


def align(predictions: Mapping[str, Predictions]) -> AlignedPredictions:
    """Return all tracks and classes of several runs on one dataset, from predictions by run."""
    parts = list(predictions.values())
    classes = tuple(sorted({name for part in parts for name in part.classes}))
    known: dict[str, tuple[str, str]] = {}
    for part in parts:
        labels = (part.classes[label] for label in part.labels.tolist())
        known |= zip(part.tracks, zip(labels, part.digests, strict=True), strict=True)
    tracks = tuple(sorted(known))
    row_of = {track: number for number, track in enumerate(tracks)}
    shape = (len(parts), len(tracks), len(classes))
    votes, sums = np.zeros(shape, np.int64), np.zeros(shape)
    repeats = np.zeros(shape[:2], np.int64)
    for number, part in enumerate(parts):
        rows = np.array([row_of[track] for track in part.tracks])
        columns = np.array([classes.index(name) for name in part.classes])
        np.add.at(votes[number], (rows[:, None], columns), part.votes)
        np.add.at(sums[number], (rows[:, None], columns), part.probabilities)
        np.add.at(repeats[number], rows, 1)
    means = sums / np.maximum(repeats, 1)[:, :, None]
    return AlignedPredictions(
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


def hardest(aligned: AlignedPredictions) -> list[int]:
    """Return the indices of the tracks that more than half of their runs classify wrongly.

    They are sorted by falling share of wrong runs, then by falling difference between the highest
    mean probability of another class and that of the label.

    Parameters
    ----------
    aligned : AlignedPredictions
        Predictions of all runs.
    """
    share = aligned.wrong.sum(axis=0) / np.maximum(aligned.tested.sum(axis=0), 1)
    _, labelled, probability = _alternatives(aligned)
    order = np.lexsort((labelled - probability, -share))
    return [int(track) for track in order if share[track] > 0.5]  # noqa: PLR2004


def only_right(aligned: AlignedPredictions) -> NDArray[np.int64]:
    """Count the tracks that one run (row) has right and another (column) wrong, int64."""
    right, wrong = aligned.right.astype(np.int64), aligned.wrong.astype(np.int64)
    counts: NDArray[np.int64] = right @ wrong.T
    return counts


@dataclass(frozen=True)
class Doubt:
    """Label that all runs contradict.

    Attributes
    ----------
    track : int
        Index of the track in `AlignedPredictions`.
    suggested : int
        Class with the highest mean probability, apart from the label.
    agreeing, runs : int
        Number of runs that suggest this class, and number of runs that tested the track.
    labelled, probability : float
        Mean over the runs of the probability of the label, and of the suggested class.
    """

    track: int
    suggested: int
    agreeing: int
    runs: int
    labelled: float
    probability: float


def doubtful_labels(aligned: AlignedPredictions) -> list[Doubt]:
    """Return the tracks that all runs assign to another class than their label.

    They are sorted by falling difference of the probabilities of suggested class and label.

    Confident learning decides the class of a track in one run: candidates are the classes whose
    probability is at least the mean over the tracks with this label; the most probable candidate
    wins. These thresholds compensate for overconfident runs and for rare classes. Source:
    Northcutt, Jiang & Chuang (2021), "Confident learning: estimating uncertainty in dataset
    labels", doi:10.1613/jair.1.12125, equations 1 and 2.

    Parameters
    ----------
    aligned : AlignedPredictions
        Predictions of all runs.
    """
    tested = aligned.tested
    assigned = np.stack([_assigned(aligned, run) for run in range(len(aligned.runs))])
    contradicts = tested & (assigned >= 0) & (assigned != aligned.labels)
    suggested, labelled, probability = _alternatives(aligned)
    found = [
        Doubt(
            track=int(track),
            suggested=int(suggested[track]),
            agreeing=int((contradicts[:, track] & (assigned[:, track] == suggested[track])).sum()),
            runs=int(tested[:, track].sum()),
            labelled=float(labelled[track]),
            probability=float(probability[track]),
        )
        for track in np.flatnonzero(tested.any(axis=0) & (contradicts | ~tested).all(axis=0))
    ]
    return sorted(found, key=lambda doubt: (doubt.labelled - doubt.probability, doubt.track))


def _assigned(aligned: AlignedPredictions, run: int) -> NDArray[np.int64]:
    """Return the class of each track by confident learning, -1 for none, shape (tracks,)."""
    probabilities, tested = aligned.probabilities[run], aligned.tested[run]
    thresholds = np.full(len(aligned.classes), np.inf)
    for label in np.unique(aligned.labels[tested]):
        thresholds[label] = probabilities[tested & (aligned.labels == label), label].mean()
    candidates = np.where(probabilities >= thresholds, probabilities, -1.0)
    return np.where(candidates.max(axis=1) >= 0, candidates.argmax(axis=1), -1).astype(np.int64)


def _alternatives(
    aligned: AlignedPredictions,
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the best class apart from the label, and mean probabilities of label and class."""
    tests = np.maximum(aligned.tested.sum(axis=0), 1)
    means = aligned.probabilities.sum(axis=0) / tests[:, None]
    each = np.arange(len(means))
    labelled = means[each, aligned.labels]
    means[each, aligned.labels] = -1.0
    alternatives = means.argmax(axis=1)
    return alternatives, labelled, means[each, alternatives]
