"""How sure a score is: intervals, and tests of one model against another."""

from zoo.evaluate.vote import vote_winners
from zoo_registry.runs import Predictions

__all__ = ["interval"]


def interval(predictions: Predictions) -> tuple[float, float]:
    """Return the 95 % interval of the accuracy of the vote (Wilson 1927)."""
    from scipy.stats import binomtest

    right = vote_winners(predictions.votes, predictions.probabilities) == predictions.labels
    bounds = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return float(bounds.low), float(bounds.high)
