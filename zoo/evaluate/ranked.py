"""Rows of a board with metrics, intervals and ranks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from zoo.evaluate.board import Row
from zoo.evaluate.metrics import ACCURACY, Metric, baseline
from zoo.evaluate.significance import DIGITS, Entries
from zoo_registry.predictions import Predictions

__all__ = ["ranked"]

_TIES = 20  # runs that a row names; more would make boards with many ties too large


def ranked(
    rows: Sequence[Row],
    answers: Sequence[Sequence[Predictions]],
    learnt: float,
    metric: Metric,
) -> tuple[Metric, list[Row], dict[str, Any]]:
    """Return rows with metrics, intervals and ranks of all their seeds, and the baseline.

    Parameters
    ----------
    rows : sequence of Row
        Rows of a board, at least one.
    answers : sequence of sequence of Predictions
        Of each row the out-of-fold predictions for tracks of real classes, one for each seed.
    learnt : float
        Mean number of training tracks per fold.
    metric : Metric
        What ranks the rows.

    Returns
    -------
    metric : Metric
        The given one, or the accuracy if that is not defined for the board.
    rows : list of Row
        The same rows in the same order.
    baseline : dict
        See `zoo.evaluate.metrics.baseline`.
    """
    entries = Entries(answers, learnt, [row.seeds for row in rows])
    figures: list[dict[str, Any]] = []
    for scores in entries.scores():
        found: dict[str, Any] = {key: value for key, (value, *_) in scores.items()}
        found["intervals"] = {key: ends for key, (_, *ends) in scores.items()}
        found["ci_low"], found["ci_high"] = found["intervals"]["accuracy"]
        figures.append(found)
    if metric.key not in figures[0]:  # it needs more classes
        metric = ACCURACY
    _rank(figures, [row.run for row in rows], entries, metric)
    own = [replace(row, **found) for row, found in zip(rows, figures, strict=True)]
    return metric, own, baseline(answers[0][0])


def _rank(
    figures: Sequence[dict[str, Any]], runs_: Sequence[str], entries: Entries, metric: Metric
) -> None:
    """Add ranks, p-values and ties to the figures of the rows of these runs."""
    found = entries.compare(metric)
    means = entries.means(metric)
    ranks = found.ranks(means, metric)
    scores = -metric.ascending(means).round(DIGITS)
    places = np.searchsorted(np.sort(scores), scores)
    names = np.array(runs_, dtype=object)
    order = np.lexsort((names, places))
    is_tied = np.zeros((len(names), len(names)), dtype=bool)
    one, other = found.first[~found.is_sure], found.second[~found.is_sure]
    is_tied[one, other] = is_tied[other, one] = True
    for number, row in enumerate(figures):
        tied = names[order[is_tied[number, order]][:_TIES]]
        row["rank"] = 1 + int(places[number])
        row["rank_low"], row["rank_high"] = int(ranks.low[number]), int(ranks.high[number])
        row["p"] = None if np.isnan(ranks.p[number]) else float(ranks.p[number])
        row["tied_with"] = tuple(tied.tolist())
