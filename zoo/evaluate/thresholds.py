"""Confidence thresholds: how often the answers of a run are right at or above a confidence.

The shares come from out-of-fold tracks. They are estimates: another collection has other tracks.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from zoo.evaluate.vote import vote_winners
from zoo.evaluate.wilson import wilson
from zoo_registry.errors import UsageError
from zoo_registry.predictions import Predictions
from zoo_registry.structures import Count, Structure

__all__ = ["AUTO", "FEWEST", "Threshold", "Thresholds", "choose", "thresholds"]

AUTO = 0.9  # share of right answers of ``--min-confidence auto``
FEWEST = 20  # answered tracks; a share of fewer says little
_ENTRIES = 100
_STEPS = 1000  # of confidence

_Shares = Annotated[list[Annotated[float, Meta(ge=0, le=1)]], Meta(max_length=10 * _ENTRIES)]


class Thresholds(Structure, kw_only=True):
    """Table of confidences, falling, with the answers at or above each of them.

    `right` is the share of these answers that are right, `answered` the share of tracks that they
    make, `tracks` the number of tracks that were tested.
    """

    tracks: Count
    confidence: _Shares
    right: _Shares
    answered: _Shares


@dataclass(frozen=True)
class Threshold:
    """A confidence, and the out-of-fold answers at or above it.

    Attributes
    ----------
    confidence, right, answered : float
        The confidence, the share of right answers, and the share of tracks with an answer.
    tracks : int
        Number of tracks with an answer.
    """

    confidence: float
    right: float
    answered: float
    tracks: int

    @property
    def sentence(self) -> str:
        """Description for people."""
        low, high = (100 * end for end in self.interval)
        return (
            f"an answer needs a confidence of {self.confidence:g}: at or above it "
            f"{100 * self.right:.0f} % of {self.tracks} out-of-fold answers were right "
            f"(95 % interval {low:.0f} to {high:.0f} %), "
            f"and {100 * self.answered:.0f} % of the tracks had one"
        )

    @property
    def interval(self) -> tuple[float, float]:
        """Interval of 95 % of the share that is right, by Wilson 1927 (doi:10.2307/2276774)."""
        low, high = wilson(self.right, self.tracks)
        return float(low), float(high)


def thresholds(predictions: Predictions) -> Thresholds:
    """Return the table of a run, with at most a hundred confidences in steps of 0.001.

    Parameters
    ----------
    predictions : Predictions
        Out-of-fold predictions. The confidence of a track is the mean probability of the winner of
        the vote, as in `zoo predict`.
    """
    scored = predictions.scored
    winners = vote_winners(scored.votes, scored.probabilities)
    answered = np.isin(winners, scored.real)  # not assigned to none of the classes
    winners, labels = winners[answered], scored.labels[answered]
    confidence = scored.probabilities[answered, winners]
    steps = np.floor(np.clip(confidence, 0, 1) * _STEPS).astype(np.int64)
    order = np.argsort(-steps, kind="stable")
    steps, right = steps[order], (winners == labels)[order]
    counts = np.arange(1, len(steps) + 1)
    last = np.flatnonzero(np.diff(steps, append=-1))  # the last track of each confidence
    if last.size > _ENTRIES:
        last = last[np.unique(np.linspace(0, last.size - 1, _ENTRIES).astype(np.int64))]
    return Thresholds(
        tracks=len(set(scored.tracks)),
        confidence=(steps[last] / _STEPS).tolist(),
        right=np.round(np.cumsum(right)[last] / counts[last], 6).tolist(),
        answered=np.round(counts[last] / len(scored), 6).tolist(),
    )


def choose(table: Thresholds, share: float, name: str) -> Threshold:
    """Return the least confidence at or above which answers are right that often.

    Parameters
    ----------
    table : Thresholds
        Table of a run.
    share : float
        Share of right answers, above 0 and at most 1.
    name : str
        The run, for the message.

    Raises
    ------
    UsageError
        If no confidence with at least 20 answered tracks reaches the share; the sentence says what
        is reached.
    """
    columns: Any = zip(table.confidence, table.right, table.answered, strict=False)
    entries = [
        Threshold(confidence, right, answered, round(answered * table.tracks))
        for confidence, right, answered in columns
    ]
    known = [entry for entry in entries if entry.tracks >= FEWEST]
    if not known:
        raise UsageError(
            f"{name} was tested on {table.tracks} tracks, too few to tell at which confidence its "
            "answers are right; give a number with --min-confidence"
        )
    if reached := [entry for entry in known if entry.right >= share]:
        return min(reached, key=lambda entry: entry.confidence)
    best = max(known, key=lambda entry: entry.right)
    raise UsageError(
        f"no confidence of {name} makes {100 * share:g} % of its answers right: out of fold, at "
        f"best {100 * best.right:.1f} % of {best.tracks} answers were, at {best.confidence:g} or "
        "more; ask for less with --precision"
    )
