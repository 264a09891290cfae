"""Runs that differ in nothing but their random seed: one row of a board."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from itertools import chain, count
from statistics import fmean, stdev
from typing import Any

from zoo.evaluate.board import Row
from zoo_registry.record import RunRecord
from zoo_registry.runs import Run
from zoo_registry.text import digest

__all__ = ["averaged", "by_seed"]

# Figures that are the mean over the seeds; intervals and tests are of all seeds at once.
_MEANS = [item.name for item in fields(Row) if item.type == float | None]
_JOINED = ("seeds", "runs", "seed_accuracy", "fold_accuracy", "same_answer")
_LARGEST = ("tracks", "groups", "tuned_on_test", "robustness_tracks", "other_tracks")


def by_seed(runs: Iterable[Run]) -> list[list[Run]]:
    """Return runs in groups that differ in nothing but the seed, each by rising seed.

    Model with its version, parameters, front end, dataset, protocol, versions of packages and the
    way in which parameters were found are the same in a group: all that identifies a run. Which
    search has found them may differ, since every seed may have one. A group has each seed once: a
    copy of a run is in a group of its own.

    Parameters
    ----------
    runs : iterable of Run
        Runs of one board.
    """
    found: dict[tuple[str, int], dict[int, Run]] = {}
    for run in sorted(runs, key=lambda run: (run.record.seed, not run.is_scored, run.id)):
        seed, identity = run.record.seed, _apart_from_seed(run.record)
        own = (found.setdefault((identity, number), {}) for number in count())
        next(group for group in own if seed not in group)[seed] = run
    return [list(group.values()) for group in found.values()]


def _apart_from_seed(record: RunRecord) -> str:
    """Return a hash of all that identifies a run, apart from its seed and its search."""
    identity = {name: value for name, value in record.identity.items() if name != "seed"}
    if "tuned" in identity:
        identity["tuned"] = {k: v for k, v in identity["tuned"].items() if k != "tuning"}
    return digest(identity)


def averaged(rows: Sequence[Row]) -> Row:
    """Return the row of runs that differ in nothing but the seed, with the mean of each figure.

    Parameters
    ----------
    rows : sequence of Row
        Rows of single runs, by rising seed; if there are several, all have scores.

    Returns
    -------
    Row
        In the name of the first run that is complete, or else of the first one. Interval, rank and
        p are not those of all seeds, but have to be computed.
    """
    named = next((row for row in rows if row.status == "complete"), rows[0])
    if len(rows) == 1:
        return named
    found: dict[str, Any]
    found = {name: _mean(getattr(row, name) for row in rows) for name in _MEANS}
    found |= {name: _largest(getattr(row, name) for row in rows) for name in _LARGEST}
    found |= {name: _joined(getattr(row, name) for row in rows) for name in _JOINED}
    if by_change := _means_by_change([row.by_change for row in rows if row.by_change]):
        worst = min(by_change, key=by_change.__getitem__)
        found |= {
            "by_change": by_change,
            "robustness": fmean(by_change.values()),
            "worst_change": worst,
            "worst_robustness": by_change[worst],
        }
    sizes = [row.artefact_bytes for row in rows if row.artefact_bytes is not None]
    found |= {
        "spread": stdev(found["seed_accuracy"]),
        "same_answer": tuple(dict.fromkeys(found["same_answer"])),
        "artefact_bytes": round(fmean(sizes)) if sizes else None,
        "status": next((row.status for row in rows if row.status != "complete"), "complete"),
        "error": "; ".join(filter(None, (row.problem for row in rows))) or None,
    }
    return replace(named, **found)


def _joined(values: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(chain.from_iterable(values))


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are known, None without any."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _largest(values: Iterable[int | None]) -> int | None:
    """Return the largest of the values that are known, None without any."""
    return max((value for value in values if value is not None), default=None)


def _means_by_change(shares: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean share of each change that all runs were asked about."""
    return {
        name: fmean(own[name] for own in shares)
        for name in (shares[0] if shares else ())
        if all(name in own for own in shares)
    }
