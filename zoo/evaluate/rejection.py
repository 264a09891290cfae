"""Answers to tracks of none of the classes, which a model was trained against."""

from dataclasses import dataclass

from zoo.evaluate.vote import vote_winners
from zoo_registry.predictions import OTHER, Predictions

__all__ = ["Rejection", "rejection"]


@dataclass(frozen=True)
class Rejection:
    """Answers to tracks of none of the classes, which a model was trained against.

    Attributes
    ----------
    tracks : int
        Number of tracks that were tested.
    share : float
        Share of them that was assigned to no class.
    """

    tracks: int
    share: float

    @property
    def sentence(self) -> str:
        """Description for people."""
        return (
            f"{self.tracks} tracks of {OTHER} are no part of these scores; "
            f"{100 * self.share:.1f} % of them were rightly assigned to none of the classes"
        )


def rejection(predictions: Predictions) -> Rejection | None:
    """Return the answers to tracks of none of the classes; None if there are none."""
    if OTHER not in predictions.classes:
        return None
    other = predictions.classes.index(OTHER)
    tested = predictions.labels == other
    if not tested.any():
        return None
    winners = vote_winners(predictions.votes, predictions.probabilities)
    tracks = {name for name, own in zip(predictions.tracks, tested, strict=True) if own}
    return Rejection(len(tracks), float((winners[tested] == other).mean()))
