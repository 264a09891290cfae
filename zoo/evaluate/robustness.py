"""Robustness: the share of changed test tracks that a model classifies correctly.

The model of each fold is also asked about a sample of its test tracks, each changed as everyday
handling changes recordings; see `zoo.audio.changes`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo.audio.frontends import FRONTENDS
from zoo.datasets import Dataset, FeatureTable
from zoo.evaluate.protocols import Fold
from zoo.evaluate.vote import vote_winners
from zoo_registry.model import Model
from zoo_registry.predictions import OTHER, ChangedPredictions, Predictions
from zoo_registry.record import RobustnessInfo

if TYPE_CHECKING:
    from zoo.audio.changes import Change
    from zoo.features.changed import Pair

__all__ = [
    "ChangeScore",
    "Sample",
    "by_change",
    "change_sentences",
    "default_size",
    "failed_changes",
    "summary",
]

_TRACKS = 100
_FEWEST = 20  # one of fewer tracks would be more than 5 % of each figure


@dataclass(frozen=True)
class ChangeScore:
    """Answers of a model to all tracks of the sample with one change.

    Attributes
    ----------
    change : str
        Name of the change.
    tracks : int
        Number of changed tracks.
    accuracy, clean : float
        Share that is correct by majority vote, and the same of the unchanged tracks.
    same_answer : bool
        Whether the model of each fold gives one answer to all of them, although they have several
        labels.
    """

    change: str
    tracks: int
    accuracy: float
    clean: float
    same_answer: bool


@dataclass(frozen=True)
class Sample:
    """Test tracks that a model is also asked about as they are changed.

    Attributes
    ----------
    tracks : mapping
        The indices of tracks by the number of the fold whose model is asked, ascending.
    changes : mapping
        The changes by name, in order.
    """

    tracks: Mapping[int, Sequence[int]]
    changes: "Mapping[str, Change]"

    @classmethod
    def draw(
        cls, dataset: Dataset, folds: Sequence[Fold], size: int, changes: "Mapping[str, Change]"
    ) -> "Sample":
        """Draw tracks by their content, so that all runs with these tracks have the same sample.

        Classes have equally many tracks, as far as they have so many; tracks of none of the
        classes are not scored, and not drawn, nor are those without a recording. A track that is
        tested several times is in the sample of the first fold that tests it.

        Parameters
        ----------
        dataset : Dataset
            The tracks.
        folds : sequence of Fold
            Parts of the tracks.
        size : int
            Number of tracks; a larger sample holds all tracks of a smaller one.
        changes : mapping
            The changes by name.

        Returns
        -------
        Sample
            At most so many tracks.
        """
        tested: dict[int, int] = {}
        for fold in folds:
            for index in fold.test.tolist():
                if dataset.tracks[index].label != OTHER and not dataset.tracks[index].embedded:
                    tested.setdefault(index, fold.number)
        ranks: Counter[str] = Counter()
        ranked = []
        for digest, name, index in sorted(
            (dataset.tracks[index].digest, dataset.tracks[index].id, index) for index in tested
        ):
            label = dataset.tracks[index].label
            ranked.append((ranks[label], digest, name, index))
            ranks[label] += 1
        drawn: dict[int, list[int]] = {fold.number: [] for fold in folds}
        for index in sorted(index for *_, index in sorted(ranked)[:size]):
            drawn[tested[index]].append(index)
        return cls(drawn, changes)

    @property
    def info(self) -> RobustnessInfo:
        """What the record of a run has of the sample."""
        size = sum(map(len, self.tracks.values()))
        return RobustnessInfo(
            tracks=size,
            changes={name: change.version for name, change in self.changes.items()},
            sentences={name: str(change.sentence) for name, change in self.changes.items()},
        )

    def pairs(self, fold: int) -> "list[Pair]":
        """Return the changed tracks of a fold, change by change."""
        return [(index, change) for change in self.changes.values() for index in self.tracks[fold]]

    def in_order(self, parts: Sequence[ChangedPredictions]) -> ChangedPredictions:
        """Join the predictions of all folds, change by change."""
        joined = ChangedPredictions.concatenate(parts)
        place = {name: number for number, name in enumerate(self.changes)}
        return joined.take(sorted(range(len(joined)), key=lambda row: place[joined.changes[row]]))


def default_size(model: Model, dataset: Dataset, changes: int) -> int:
    """Return the number of tracks in the sample of a run that nothing else was asked for.

    It depends on the data and the front end alone, so that all models of a board with the same
    front end are asked about the same tracks.

    Parameters
    ----------
    model : Model
        The model, which has a front end.
    dataset : Dataset
        The tracks.
    changes : int
        Number of changes.
    """
    if isinstance(dataset, FeatureTable) or len(dataset.recorded) < _FEWEST:
        return 0
    size = min(_TRACKS, len(dataset.recorded))
    # Models share the arrays of a built-in front end, whose cost is known.
    shared = type(model.card.frontend) in FRONTENDS.values() and not model.overrides_preprocess
    return size if shared or size * changes <= len(dataset.recorded) else 0


def by_change(changed: ChangedPredictions, predictions: Predictions) -> list[ChangeScore]:
    """Return the scores of each change, in the order of their rows.

    Parameters
    ----------
    changed : ChangedPredictions
        Answers to changed tracks.
    predictions : Predictions
        Answers to all tracks without a change.
    """
    own = changed.predictions
    answers = _answers(own)
    right = answers == own.labels
    clean = _clean(own, predictions)
    names = np.array(changed.changes, dtype=object)
    scores = []
    for name in dict.fromkeys(changed.changes):
        rows = np.flatnonzero(names == name)
        scores.append(
            ChangeScore(
                change=name,
                tracks=len(rows),
                accuracy=float(right[rows].mean()),
                clean=float(clean[rows].mean()),
                same_answer=_is_same(answers[rows], own.labels[rows], own.folds[rows]),
            )
        )
    return scores


def summary(changed: ChangedPredictions, predictions: Predictions) -> dict[str, Any]:
    """Return what the row of a leaderboard has of the answers to changed tracks.

    Parameters
    ----------
    changed : ChangedPredictions
        Answers to changed tracks, of which there is at least one.
    predictions : Predictions
        Answers to all tracks without a change.
    """
    scores = by_change(changed, predictions)
    worst = min(scores, key=lambda score: score.accuracy)
    return {
        "robustness": float(np.mean([score.accuracy for score in scores])),
        "worst_change": worst.change,
        "worst_robustness": worst.accuracy,
        "robustness_tracks": changed.tracks,
        "by_change": {score.change: score.accuracy for score in scores},
        "same_answer": [score.change for score in scores if score.same_answer],
    }


def change_sentences(info: RobustnessInfo | None) -> dict[str, str]:
    """Return a sentence on each change by its name, as recorded or else as the zoo knows it.

    Parameters
    ----------
    info : RobustnessInfo or None
        What the record of a run has of the sample.
    """
    from zoo.audio.changes import CHANGES

    known = {name: change.sentence for name, change in CHANGES.items()}
    return known | (info.sentences if info else {})


def failed_changes(
    info: RobustnessInfo | None, changed: ChangedPredictions | None
) -> dict[str, int]:
    """Return the changes without an answer, because they failed for all tracks, and how many.

    Parameters
    ----------
    info : RobustnessInfo or None
        What the record of a run has of the sample.
    changed : ChangedPredictions or None
        The answers of the run to changed tracks.
    """
    if info is None:
        return {}
    answered = set(changed.changes) if changed else set()
    return {name: info.tracks for name in info.changes if name not in answered}


def _answers(predictions: Predictions) -> NDArray[np.int64]:
    """Return the class index of each row, int64; -1 if the model gave no answer."""
    winners = vote_winners(predictions.votes, predictions.probabilities)
    found: NDArray[np.int64] = np.where(predictions.votes.any(axis=1), winners, -1)
    return found


def _is_same(
    answers: NDArray[np.int64], labels: NDArray[np.int64], folds: NDArray[np.int64]
) -> bool:
    """Return whether each fold has one answer to the tracks of several labels."""
    parts = [folds == fold for fold in np.unique(folds)]
    telling = [part for part in parts if np.unique(labels[part]).size > 1]
    return bool(telling) and all(np.unique(answers[part]).size == 1 for part in telling)


def _clean(changed: Predictions, predictions: Predictions) -> NDArray[np.bool_]:
    """Return whether the unchanged track of each row is classified correctly."""
    right = (_answers(predictions) == predictions.labels).tolist()
    keys = zip(predictions.tracks, predictions.folds.tolist(), strict=True)
    known = dict(zip(keys, right, strict=True))
    rows = zip(changed.tracks, changed.folds.tolist(), strict=True)
    return np.array([known.get(key, False) for key in rows], dtype=bool)
