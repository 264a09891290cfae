"""Importance of descriptors: the accuracy that a model loses without what a family of columns says.

The values of all columns of a family are shuffled together among the windows of the test part of a
fold, so that they no longer belong to their tracks, and the model of the fold is asked again
(Breiman 2001, doi:10.1023/A:1010933404324). No model is fitted for it.
"""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zoo.audio.frontends import Handcrafted
from zoo.datasets import Dataset, FeatureTable
from zoo.evaluate.intervals import student
from zoo.evaluate.vote import count_votes, vote_winner
from zoo.features.extraction import feature_arrays
from zoo_registry.errors import PluginError, RunError
from zoo_registry.frontend import NamedFrontEnd
from zoo_registry.model import Model
from zoo_registry.predictions import Predictions
from zoo_registry.published import is_published
from zoo_registry.record import TABLE
from zoo_registry.runs import IMPORTANCE, Run
from zoo_registry.text import csv_text, first_line, in_a_line

__all__ = [
    "CAVEAT",
    "Importance",
    "falls",
    "families",
    "families_of",
    "importances",
    "lack_of_importances",
    "to_csv",
]

CAVEAT = (
    "Families that say the same share the loss, or hide it: a small figure does not mean that a "
    "family is of no use (Strobl et al. 2008)."
)
_TRACKS, _WINDOWS = 30, 5  # of a fold, and of a track, that are asked about at most
_FAMILIES = 64
_NUMBERS = 1 << 23  # that a model is given at once
_LARGEST = 64 << 20  # bytes of the file
_SEPARATORS = re.compile(r"[\s_.\-:/()\[\],']+")
# A statistic over the frames of a window is not part of the name of a descriptor.
_STATISTIC = re.compile(
    r"(a?mean|avg|average|std|stdev|sd|stddev(norm)?|var|variance|min|max|minimum|maximum"
    r"|median|iqr|kurt|kurtosis|skew|skewness|sma\d*(nz)?"
    r"|(q|p|perc|percentile|quantile)\d+|\d+)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Importance:
    """Loss of accuracy of a model whose tested windows have shuffled values of some columns.

    Attributes
    ----------
    family : str
        Name of the family of columns.
    columns : int
        Their number.
    fall : float
        Share of tracks that is right, minus that with shuffled values; below 0 by chance.
    low, high : float or None
        Its 95 % interval over groups of tested tracks; None if there is only one.
    """

    family: str
    columns: int
    fall: float
    low: float | None
    high: float | None


def families(names: Sequence[str]) -> dict[str, list[int]]:
    """Return the columns of each family, in order of appearance.

    Columns belong together if their names differ in a statistic or a number only.

    Parameters
    ----------
    names : sequence of str
        Names of all columns.

    Examples
    --------
    >>> families(["mfcc1_mean", "mfcc2_std", "tempo", "chroma.cens.mean.01"])
    {'mfcc': [0, 1], 'tempo': [2], 'chroma_cens': [3]}
    """
    found: dict[str, list[int]] = {}
    for column, name in enumerate(names):
        words = [word for word in _SEPARATORS.split(name) if not _STATISTIC.fullmatch(word)]
        stem = "_".join(filter(None, (word.rstrip("0123456789") for word in words)))
        found.setdefault(stem or name, []).append(column)
    return found


def families_of(model: Model, dataset: Dataset) -> dict[str, list[int]] | None:
    """Return the families of the columns that a model is given; None if they are not measured.

    They are measured for a classical model on columns that have names, which those of an encoder
    have not. More than 64 families would take too long, and a single one says nothing.

    Parameters
    ----------
    model : Model
        The model.
    dataset : Dataset
        Its tracks.
    """
    frontend = model.card.frontend
    if model.card.family != "classical" or model.overrides_preprocess:
        return None
    if isinstance(dataset, FeatureTable):
        names = list(dataset.feature_names)
    elif frontend.layout != "vectors":
        return None
    else:
        try:
            if not isinstance(frontend, NamedFrontEnd):
                return None
            names = list(map(str, frontend.column_names))
        except Exception as error:
            said = f"column_names of the front end {frontend.name} raises {in_a_line(error)}"
            raise PluginError(said) from error
    found, first = families(names), np.array([0])
    is_whole = feature_arrays(model, dataset, first)[0].shape[1] == len(names)
    return found if is_whole and 1 < len(found) <= _FAMILIES else None


def falls(
    answer: Callable[[Sequence[NDArray[np.float32]]], Sequence[NDArray[np.float64]]],
    tracks: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    columns: Sequence[Sequence[int]],
    seed: Sequence[int],
) -> NDArray[np.float32]:
    """Return how much less often each track is right with shuffled values of each family.

    Parameters
    ----------
    answer : callable
        Returns the probabilities of the windows of each track.
    tracks : sequence of float32 arrays, each of shape (windows, columns)
        Tested tracks. At most 30, and five windows of each, are asked about.
    labels : int64 array, shape (tracks,)
        Their classes.
    columns : sequence of sequence of int
        Columns of each family.
    seed : sequence of int
        Seed of the shuffling.

    Returns
    -------
    float32 array, shape (tracks, families)
        -1 to 1; NaN for tracks that were not asked about.
    """
    chosen = _evenly(len(tracks), _TRACKS)
    parts = [track[_evenly(len(track), _WINDOWS)] for track in (tracks[n] for n in chosen)]
    rows, ends = np.concatenate(parts), np.cumsum([len(part) for part in parts])[:-1]

    def right(given: Sequence[NDArray[np.float32]]) -> NDArray[np.bool_]:
        """Return whether the vote of each track is right, once per set of the chosen tracks."""
        winners = [vote_winner(*count_votes(windows)) for windows in answer(given)]
        are_right: NDArray[np.bool_] = np.reshape(winners, (-1, len(parts))) == labels[chosen]
        return are_right

    rng = np.random.default_rng(seed)
    others = rows[rng.permutation(len(rows))]
    found = np.full((len(tracks), len(columns)), np.nan, np.float32)
    before = right(parts)[0]
    at_once = max(1, _NUMBERS // rows.size)  # one question is faster than many
    for first in range(0, len(columns), at_once):
        asked: list[NDArray[np.float32]] = []
        for family in columns[first : first + at_once]:
            shuffled = rows.copy()
            shuffled[:, family] = others[:, family]
            asked += np.split(shuffled, ends)
        after = right(asked)
        found[chosen[:, None], range(first, first + len(after))] = (before * 1.0 - after).T
    return found


def _evenly(count: int, most: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def to_csv(names: Sequence[str], values: NDArray[np.float32], predictions: Predictions) -> str:
    """Return the text of `importance.csv`.

    Parameters
    ----------
    names : sequence of str
        The families.
    values : float32 array, shape (rows, families)
        Results of `falls` for all folds. Rows that are NaN are left out.
    predictions : Predictions
        The tested tracks, in the same order.
    """
    rows: list[list[object]] = [["track", "fold", *names]]
    for track, fold, own in zip(predictions.tracks, predictions.folds, values, strict=True):
        if not np.isnan(own).any():
            rows.append([track, fold, *(f"{value:g}" for value in own)])
    return csv_text(rows, "\r\n")


def importances(run: Run, predictions: Predictions | None = None) -> list[Importance] | None:
    """Return the importance of each family of columns of a run, the greatest first.

    Parameters
    ----------
    run : Run
        A run whose folds are done.
    predictions : Predictions, optional
        All its predictions; they are read by default.

    Returns
    -------
    list of Importance or None
        None if it was not measured.

    Raises
    ------
    RunError
        If the predictions or `importance.csv` are missing or damaged.

    Examples
    --------
    >>> importances(zoo.train("svm", "demo"))[0].family  # doctest: +SKIP
    'mfcc'
    """
    info = run.record.importance
    if info is None or info.sha256 is None:
        return None
    path, scored = run.importance_path, (predictions or run.predictions()).scored
    if run.sha256(path) != info.sha256:
        raise RunError(run.damage([IMPORTANCE]))
    try:
        content = run.content(path)
        if len(content) > _LARGEST:
            raise ValueError(f"it has more than {_LARGEST >> 20} MB")
        head, *body = csv.reader(io.StringIO(content.decode(), newline=""))
        if head != ["track", "fold", *info.families]:
            raise ValueError("its columns are not the families of the record")
        read = {(row[0], int(row[1])): list(map(float, row[2:])) for row in body}
        keys = list(zip(scored.tracks, scored.folds.tolist(), strict=True))
        values = np.array([read[key] for key in keys if key in read])
        groups = scored.groups[[key in read for key in keys]]
        if values.shape != (len(groups), len(info.families)) or not (np.abs(values) <= 1).all():
            raise ValueError("a row is cut off, or a value out of range")
    except (OSError, ValueError, csv.Error) as error:
        raise RunError(f"{path} is damaged: {first_line(error)}") from error
    if not len(values):
        return None
    found = [
        Importance(name, count, *_mean(own, groups))
        for (name, count), own in zip(info.families.items(), values.T, strict=True)
    ]
    return sorted(found, key=lambda one: -one.fall)


def _mean(
    values: NDArray[np.float64], groups: NDArray[np.int64]
) -> tuple[float, float | None, float | None]:
    """Return the mean of values, and its interval if groups of them are independent."""
    mean = float(values.mean())
    _, places = np.unique(groups, return_inverse=True)
    sums = np.bincount(places, values - mean)
    if len(sums) == 1:
        return mean, None, None
    error = np.sqrt(len(sums) / (len(sums) - 1) * np.square(sums).sum()) / len(values)
    reach = float(student(len(sums) - 1) * error)
    return mean, max(mean - reach, -1.0), min(mean + reach, 1.0)


def lack_of_importances(run: Run) -> str | None:
    """Return why a run has no importances; None if it has them, or none can be expected.

    Parameters
    ----------
    run : Run
        A run whose folds are done.
    """
    record, frontend = run.record, run.record.frontend
    names = frontend.get("columns") if frontend["name"] == TABLE else ()
    is_named = names or frontend["name"] == Handcrafted.name
    if record.importance or record.model.family != "classical" or not is_named:
        return None
    if names and not 1 < (count := len(families(names))) <= _FAMILIES:
        many = f"{count} famil{'y' if count == 1 else 'ies'}"
        return f"its columns have {many}; 2 to {_FAMILIES} are compared"
    return None if is_published(run) else f"an earlier version trained it; {run.afresh}"
