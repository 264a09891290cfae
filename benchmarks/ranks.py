"""Whether equal models are told apart, and different ones are not: all tests of a board, simulated.

Usage: python benchmarks/ranks.py [--boards N] [--entries N ...] [--groups N ...]

Boards are made up: groups of 1 to 7 tracks, models that fail at the same tracks and groups, as
models do (the latent score of a track is .3 its group's, .3 its own, .15 the model's on the group,
.25 chance). In "all alike" every model has an accuracy of .7; in "half" half of the models have .75
and half .65; in "steps" accuracies go from .6 to .8. Errors are the share of boards on which any
two equal models are told apart, which has to be at most .05; power is the share of the pairs of
different models that are told apart. Both methods see the same boards in turns: flips of signs with
step-down max-T, which the zoo uses, and Student's t with Holm's correction. Ratios are that of the
powers, of the zoo's over Holm's; where all models are alike, that of the shares of errors.
"""

import argparse
from collections.abc import Iterator

import numpy as np
from _common import Row, main
from numpy.typing import NDArray

from zoo.evaluate.intervals import LEVEL
from zoo.evaluate.pairs import Pairs, holm

_PARTS = {"own group": 0.3, "own track": 0.3, "model's group": 0.15, "chance": 0.25}


def rows(given: argparse.Namespace) -> Iterator[Row]:
    """Simulate every size with every kind of board."""
    for entries, groups in zip(given.entries, given.groups, strict=True):
        kinds = {
            "all alike": np.full(entries, 0.7),
            "half": np.where(np.arange(entries) < entries // 2, 0.75, 0.65),
            "steps": np.linspace(0.6, 0.8, entries),
        }
        for kind, accuracies in kinds.items():
            yield _simulated(
                f"{entries} models, {groups} groups, {kind}", accuracies, groups, given.boards
            )


def _simulated(what: str, accuracies: NDArray[np.float64], groups: int, boards: int) -> Row:
    rng = np.random.default_rng(0)
    first, second = np.triu_indices(len(accuracies), 1)
    equal = accuracies[first] == accuracies[second]
    errors = np.zeros((boards, 2))
    found = np.zeros((boards, 2))
    for board in range(boards):
        right, units = _answers(rng, accuracies, groups)
        took = np.ones(right.shape, dtype=bool)
        nothing = [np.zeros(0)] * len(right)
        pairs = Pairs(right, took, units, nothing, first, second)
        for method, p in enumerate((pairs.step_down(), holm(pairs.of_units()))):
            sure = p < LEVEL
            errors[board, method] = sure[equal].any()
            found[board, method] = sure[~equal].mean() if (~equal).any() else 0.0
    (error, of_holm), (power, power_of_holm) = errors.mean(axis=0), found.mean(axis=0)
    figures, ratio = [], 1.0
    if equal.any():
        figures.append(f"errors {error:.3f} against {of_holm:.3f}")
        ratio = error / of_holm if of_holm else float(bool(error))
    if (~equal).any():
        figures.append(f"power {power:.3f} against {power_of_holm:.3f}")
        ratio = power / power_of_holm if power_of_holm else float(bool(power))
    return Row(what, [ratio], f"{', '.join(figures)}; {boards} boards")


def _answers(
    rng: np.random.Generator, accuracies: NDArray[np.float64], groups: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return which tracks each model gets right, shape (models, tracks), and their groups."""
    from scipy.stats import norm

    units = np.repeat(np.arange(groups), rng.integers(1, 8, groups))
    tracks, models = len(units), len(accuracies)
    scores = (
        np.sqrt(_PARTS["own group"]) * rng.normal(size=groups)[units]
        + np.sqrt(_PARTS["own track"]) * rng.normal(size=tracks)
        + np.sqrt(_PARTS["model's group"]) * rng.normal(size=(models, groups))[:, units]
        + np.sqrt(_PARTS["chance"]) * rng.normal(size=(models, tracks))
    )
    return (scores < norm.ppf(accuracies)[:, None]).astype(np.float64), units


if __name__ == "__main__":
    sizes = {"type": int, "nargs": "+"}
    options = {
        "--boards": {"type": int, "default": 400},
        "--entries": sizes | {"default": [5, 5, 5, 10, 20, 20, 20]},
        "--groups": sizes | {"default": [20, 50, 200, 100, 20, 100, 500]},
    }
    main(__doc__, rows, options)
