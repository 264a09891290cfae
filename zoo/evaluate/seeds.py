"""Runs that differ in nothing but their random seed: one row of a board."""

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from itertools import chain, count
from statistics import fmean, stdev
from typing import Any

from zoo.evaluate.board import Row
from zoo_registry.predictions import Predictions
from zoo_registry.runs import Run

__all__ = ["averaged", "by_seed", "elsewhere_sentence", "one_per_split", "tested"]

# Figures that are the mean over the seeds; intervals and tests are of all seeds at once.
_MEANS = [item.name for item in fields(Row) if item.type == float | None]
_JOINED = ("seeds", "runs", "seed_accuracy", "fold_accuracy", "same_answer")


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
        seed, identity = run.record.seed, run.record.apart_from_seed
        own = (found.setdefault((identity, number), {}) for number in count())
        next(group for group in own if seed not in group)[seed] = run
    return [list(group.values()) for group in found.values()]


def averaged(rows: Sequence[Row]) -> Row:
    """Return the row of runs that differ in nothing but the seed, with the mean of each figure.

    Parameters
    ----------
    rows : sequence of Row
        Rows of single runs, by rising seed; if there are several, all have scores.

    Returns
    -------
    Row
        In the name of the first run that is complete, or else of the first one. Interval, rank, p
        and numbers of tracks are not those of all seeds, but have to be computed.
    """
    named = next((row for row in rows if row.status == "complete"), rows[0])
    if len(rows) == 1:
        return named
    found: dict[str, Any]
    found = {name: _mean(getattr(row, name) for row in rows) for name in _MEANS}
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
        "failed_changes": {name: n for row in rows for name, n in row.failed_changes.items()},
        "robustness_tracks": max(row.robustness_tracks or 0 for row in rows) or None,
        "artefact_bytes": round(fmean(sizes)) if sizes else None,
        "status": next((row.status for row in rows if row.status != "complete"), "complete"),
        "error": "; ".join(filter(None, (row.problem for row in rows))) or None,
    }
    return replace(named, **found)


def one_per_split(answered: Iterable[tuple[Run, Predictions]]) -> list[tuple[Run, Predictions]]:
    """Return one run for each split of a board; the seed decides on the split, if anything does.

    Parameters
    ----------
    answered : iterable of (Run, Predictions)
        Runs of one board, with their answers.
    """
    of_seed: dict[int, tuple[Run, Predictions]] = {}
    for run, answers in sorted(answered, key=lambda pair: pair[0].record.audit is None):
        of_seed.setdefault(run.record.seed, (run, answers))
    found: dict[tuple[Any, ...], tuple[Run, Predictions]] = {}
    for run, answers in of_seed.values():
        found.setdefault((answers.tracks, answers.folds.tobytes()), (run, answers))
    return list(found.values())


def tested(answered: Iterable[tuple[Run, Predictions]]) -> dict[str, Any]:
    """Return how many tracks and groups some runs have tested together, as fields of a `Row`.

    Parameters
    ----------
    answered : iterable of (Run, Predictions)
        Runs of one board, with their answers.
    """
    tracks, groups, tuned, others = set[str](), set[int](), set[str](), set[str]()
    for run, answers in answered:
        scored, seen = answers.scored, set(run.record.tuned.seen if run.record.tuned else ())
        tracks.update(scored.tracks)
        groups.update(scored.groups.tolist())
        pairs = zip(scored.digests, scored.tracks, strict=True)
        tuned.update(track for sha256, track in pairs if sha256 in seen)
        others.update(answers.tracks)
    return {
        "tracks": len(tracks),
        "groups": len(groups),
        "tuned_on_test": len(tuned),
        "other_tracks": len(others - tracks) or None,
    }


def elsewhere_sentence(seeds: Sequence[int], is_leaky: bool) -> str:
    """Return which seeds of the models of a board are on another one, and why.

    Parameters
    ----------
    seeds : sequence of int
        These seeds; if there are none, the sentence is empty.
    is_leaky : bool
        Whether the splits of this board leak.
    """
    if not seeds:
        return ""
    *most, last = map(str, seeds)
    named = f"Seeds {', '.join(most)} and {last}" if most else f"Seed {last}"
    are, them = ("are", "them") if most else ("is", "it")
    what = "no tested track shares anything" if is_leaky else "tested tracks share something"
    return (
        f"{named} of the same models {are} on another board: with {them}, {what} known with "
        "training."
    )


def _joined(values: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(chain.from_iterable(values))


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are known, None without any."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _means_by_change(shares: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the mean share of each change that all runs were asked about."""
    return {
        name: fmean(own[name] for own in shares)
        for name in (shares[0] if shares else ())
        if all(name in own for own in shares)
    }
