"""Accuracy against the number of tracks and groups that a model was trained on, and what more give.

The accuracy is taken to follow a power law of the number of groups, a - b n^-c (Cortes et al. 1993,
"Learning curves: asymptotic values and rate of convergence"; Figueroa et al. 2012,
doi:10.1186/1472-6947-12-8; Hestness et al. 2017, arXiv:1712.00409). Few points do not tell the
exponent. So the law is fitted for several exponents from 0, which is a straight line over the
logarithm, to 2, and the results are averaged with Akaike weights (Burnham & Anderson 2002, Model
Selection and Multimodel Inference, chapter 2). The interval comes from resampled groups of
tested tracks, each with an exponent drawn by these weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zoo.datasets.collections.known import COLLECTIONS
from zoo.evaluate.intervals import LEVEL, resampled
from zoo.evaluate.significance import intervals
from zoo.evaluate.subsets import ALL, shortage
from zoo.evaluate.vote import is_right
from zoo_registry.frames import data_frame
from zoo_registry.predictions import Predictions
from zoo_registry.record import FoldRecord, RunRecord
from zoo_registry.runs import Run

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["Expected", "SizeCurve", "SizePoint", "expected_gain", "size_curve"]

# Denser towards zero, since small exponents are the usual ones; the large ones are for curves that
# are almost flat at their end, whose gain would be too high without them.
_EXPONENTS = np.array([0, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0])
_FEWEST_POINTS = 3
_FEWEST_GROUPS = 10  # tested; resampling fewer gives intervals that are too short


@dataclass(frozen=True)
class SizePoint:
    """Accuracy of a model that was trained on so many tracks.

    Attributes
    ----------
    size : int or None
        Number of tracks per class that was asked for; None for all.
    tracks, groups : float
        Number of tracks and groups in the training part, the mean over the folds; tracks without
        a group, and all if they are split by track, are groups of their own.
    accuracy : float
        Share of the tested tracks that is right by majority vote.
    low, high : float
        Its 95 % interval, as of a leaderboard.
    """

    size: int | None
    tracks: float
    groups: float
    accuracy: float
    low: float
    high: float

    @property
    def name(self) -> str:
        """The size, or "all"."""
        return ALL if self.size is None else f"{self.size}"


@dataclass(frozen=True)
class Expected:
    """What is expected of twice as many groups as the model was trained on, an extrapolation.

    Attributes
    ----------
    gain : float
        Difference of accuracy.
    low, high : float
        Its 95 % interval.
    """

    gain: float
    low: float
    high: float

    def __str__(self) -> str:
        low, high = _signed(self.low), _signed(self.high)
        return f"{_signed(self.gain)} ({low} to {high})"


@dataclass(frozen=True)
class SizeCurve:
    """Accuracies of a run by the number of tracks that were trained on.

    Attributes
    ----------
    run, name : str
        Id of the run, and the name of its model, with the front end if that is not its own.
    unit : {"artists", "groups", "tracks"}
        What the groups are; "tracks" if every track is a group of its own.
    points : tuple of SizePoint
        Ascending; the last one is the run itself.
    expected : Expected or None
        What twice as many would give; None if nothing can be calculated.
    notes : tuple of str
        Sentences on classes that have fewer tracks than a size, and on fits that are missing.
    tested : int
        Number of groups of the tested tracks, also if the tracks are split one by one.
    tested_tracks : int
        Number of the tested tracks.
    """

    run: str
    name: str
    unit: str
    points: tuple[SizePoint, ...]
    expected: Expected | None
    notes: tuple[str, ...]
    tested: int = 0
    tested_tracks: int = 0

    @property
    def is_telling(self) -> bool:
        """Whether something can be said of twice as many groups."""
        found = self.expected
        return found is not None and not round(found.low, 2) <= 0 <= round(found.high, 2)

    @property
    def sentence(self) -> str:
        """What twice as many groups are expected to give, or why this cannot be said."""
        twice = f"twice as many {self.unit}"
        if self.is_telling:
            return f"With {twice}, expect about {self.expected}, if the curve goes on like this."
        if self.expected is not None:
            return f"What {twice} would give cannot be said: {self.expected} includes no change."
        if len(self.points) < _FEWEST_POINTS:
            left = " and ".join(point.name for point in self.points)
            return (
                f"What {twice} would give cannot be said: it takes two sizes and all, and the "
                f"curve has only {left}."
            )
        # Without groups in the split, songs of one artist still are less than one track each.
        unit = "groups" if self.tested < self.tested_tracks and self.unit == "tracks" else self.unit
        of = f"the {self.tested_tracks} tracks are of" * (self.tested < self.tested_tracks)
        return (
            f"What {twice} would give cannot be said: it takes {_FEWEST_GROUPS} tested {unit}, and "
            f"{of or 'there are'} {self.tested}."
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return vars(self) | {
            "points": [dict(vars(point)) for point in self.points],
            "expected": self.expected and dict(vars(self.expected)),
            "sentence": self.sentence,
        }

    def to_frame(self) -> "DataFrame":
        """Return a data frame with one row per size; it needs pandas."""
        return data_frame((vars(each) | {"size": each.name} for each in self.points), index="size")


def size_curve(run: Run) -> SizeCurve | None:
    """Return the accuracies of a run by the number of tracks that were trained on.

    Parameters
    ----------
    run : Run
        A run that was trained with ``sizes``.

    Returns
    -------
    SizeCurve or None
        None if it has no sizes.

    Raises
    ------
    RunError
        If its predictions are missing or damaged.
    """
    record, found = run.record, run.sizes() if run.is_scored else None
    info = record.sizes
    if info is None or not run.is_scored:
        return None
    done = sorted(set(found.sizes)) if found else []
    answers: list[tuple[int | None, Predictions]] = []
    if found:
        answers = [(size, found.of(size).scored) for size in done]
    answers.append((None, run.predictions().scored))
    folds: dict[int | None, list[FoldRecord]] = {}
    for entry in [*info.folds, *record.folds]:
        folds.setdefault(entry.size, []).append(entry)
    points = tuple(_point(size, own, folds[size]) for size, own in answers)
    notes = [shortage(one) for one in info.sizes if one.size in done and one.short]
    missing = [one.size for one in info.sizes if one.size not in done]
    if missing:
        listed = ", ".join(map(str, missing))
        notes.append(f"{listed} tracks per class: not done yet; run `{record.command}` again")
    is_given = record.frontend_plugin and record.frontend_plugin.spec
    is_grouped = any(entry.train_groups != entry.train_tracks for entry in record.folds)
    return SizeCurve(
        run=run.id,
        name=record.model.name + f" on {record.frontend_spec}" * bool(is_given),
        unit=_unit(record) if is_grouped else "tracks",
        points=points,
        expected=_expected([point.groups for point in points], [own for _, own in answers]),
        notes=tuple(notes),
        tested=len(np.unique(answers[-1][1].groups)),
        tested_tracks=len(set(answers[-1][1].tracks)),
    )


def _point(size: int | None, own: Predictions, folds: Sequence[FoldRecord]) -> SizePoint:
    tracks = float(np.mean([fold.train_tracks for fold in folds]))
    ((low, high),) = intervals([own], tracks)
    return SizePoint(
        size=size,
        tracks=tracks,
        groups=float(np.mean([fold.train_groups or 0 for fold in folds])),
        accuracy=float(is_right(own).mean()),
        low=low,
        high=high,
    )


def _unit(record: RunRecord) -> str:
    """Return what the groups are, as far as that is known."""
    collection = COLLECTIONS.get(record.dataset.collection or "")
    column = (record.dataset.reading and record.dataset.reading.group) or ""
    known = record.dataset.source == "demo" or "artist" in column.casefold()
    return "artists" if known or (collection and collection.by_artist) else "groups"


def _expected(counts: Sequence[float], answers: Sequence[Predictions]) -> Expected | None:
    """Return what twice as many groups would give, None if there are too few points or groups."""
    _, units = np.unique(answers[-1].groups, return_inverse=True)
    sizes = np.bincount(units).astype(np.float64)
    if len(counts) < _FEWEST_POINTS or len(sizes) < _FEWEST_GROUPS:
        return None
    hits = np.array([np.bincount(units, is_right(own)) for own in answers])
    return expected_gain(np.array(counts), hits, sizes)


def expected_gain(
    counts: NDArray[np.float64],
    hits: NDArray[np.float64],
    sizes: NDArray[np.float64],
    times: float = 2.0,
) -> Expected:
    """Return the difference of accuracy that more groups are expected to make.

    Parameters
    ----------
    counts : float64 array, shape (points,)
        Number of groups in training, ascending; at least three.
    hits : float64 array, shape (points, groups)
        Number of correct tracks of each tested group.
    sizes : float64 array, shape (groups,)
        Number of tracks of each tested group.
    times : float
        How many times as many groups as at the last point.
    """
    samples = resampled(hits, sizes)
    measured = hits.sum(axis=1, keepdims=True) / sizes.sum()
    # The noise of the points, without what all of them share.
    noise = (samples - samples.mean(axis=0)).var(axis=1).sum() / (len(counts) - 1)
    gains, weights = _fits(counts / counts[-1], measured, times, noise)
    value = float((weights * gains).sum())
    gains, weights = _fits(counts / counts[-1], samples, times, noise)
    drawn = np.random.default_rng(0).random(samples.shape[1])  # the same figures every time
    chosen = (weights.cumsum(axis=0) < drawn).sum(axis=0).clip(0, len(_EXPONENTS) - 1)
    spread = gains[chosen, np.arange(samples.shape[1])]
    low, high = np.percentile(spread, [50 * LEVEL, 100 - 50 * LEVEL]).tolist()
    most = 1 - float(measured[-1, 0])  # no accuracy is above one
    return Expected(min(value, most), min(low, most), min(high, most))


def _fits(
    shares: NDArray[np.float64], accuracies: NDArray[np.float64], times: float, noise: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return gains and weights of the exponents, both of shape (exponents, samples).

    Shares of the last point's groups have the shape (points,), accuracies (points, samples).
    """
    gains, errors = [], []
    for exponent in _EXPONENTS:
        design = np.stack([np.ones(len(shares)), _power(shares, exponent)], axis=1)
        found = np.linalg.lstsq(design, accuracies, rcond=None)[0]
        gains.append(found[1] * _power(np.array([times]), exponent))
        errors.append(((accuracies - design @ found) ** 2).sum(axis=0))
    badness = np.array(errors) - np.min(errors, axis=0)
    weights = np.exp(-badness / (2 * max(noise, 1e-12)))
    return np.array(gains), weights / weights.sum(axis=0)


def _power(shares: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """Return the power law that is 0 at a share of one, and rises by one with its logarithm."""
    found: NDArray[np.float64]
    found = np.log(shares) if exponent == 0 else (1 - shares**-exponent) / exponent
    return found


def _signed(value: float) -> str:
    """Return a difference with its sign and two digits, such as "+.04"."""
    return f"{round(value, 2) + 0.0:+.2f}".replace("0.", ".", 1)
