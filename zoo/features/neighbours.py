"""Suspicious tracks of a dataset: neighbours that are too near, of other labels, or too remote.

Two tracks have the squared distance of their embeddings, which are averaged over each track and
standardised over the dataset. `docs/evaluation.md` has the figures behind the thresholds.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zoo.datasets import Dataset, FeatureTable
from zoo.datasets.checks.problem import Problem
from zoo.execution.engine import LocalProcesses
from zoo.execution.progress import Reporter
from zoo.features.arrays import averaged, cached_arrays, frontend_of
from zoo.features.cache import FeatureCache, features_folder
from zoo.features.extraction import extract
from zoo.features.files import model_of_rows, standardised
from zoo.plugins.registry import open_registry
from zoo_registry.errors import ZooError
from zoo_registry.frontend import identity
from zoo_registry.model import Model
from zoo_registry.predictions import OTHER

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["alike_added", "cached_encoder", "check_neighbours", "embeddings"]

_COPY = 0.5  # of the distance to any third track
_NEAREST = 10  # tracks, none of which has the label of an odd one
_OWN = 3  # tracks of a class, whose mean is the distance to the class
_ODD = 1.6  # distance to the own class over that to the nearest other class
_REMOTE = 3.5  # robust standard deviations of the logarithm of the distance
_FEWEST = 20  # tracks, from which a distance can be called usual
_MOST = 5_000  # tracks, whose distances take 100 MB


def cached_encoder(dataset: Dataset) -> str | None:
    """Return an installed encoder that has the array of every track in the cache, or None."""
    if isinstance(dataset, FeatureTable):
        return None
    registry = open_registry()
    for entry in registry.entries:
        if entry.kind != "front-end" or entry.withheld:
            continue
        with suppress(ZooError):  # a broken one has no arrays
            card = registry.frontend(entry.name).card
            cache = FeatureCache(features_folder(), identity(card.frontend))
            if card.trained_on and all(cache.path(t.digest).is_file() for t in dataset.tracks):
                return card.name
    return None


def embeddings(
    dataset: Dataset, frontend: str, jobs: int | None = None, reporter: Reporter | None = None
) -> "tuple[Dataset, NDArray[np.float32]]":
    """Return the tracks that could be read, and the mean row of each, shape (tracks, columns).

    Parameters
    ----------
    dataset : Dataset
        Recordings.
    frontend : str
        Front end of layout "vectors", such as "musicnn".
    jobs : int, optional
        Number of processes; all cores by default.
    reporter : Reporter, optional
        Display of the progress.

    Raises
    ------
    UsageError
        If there is no such front end, or it has another layout.
    """
    model = model_of_rows(frontend)
    dataset = extract(dataset, model, LocalProcesses(jobs), reporter).dataset
    cache = FeatureCache(features_folder(), frontend_of(model, dataset))
    arrays = cached_arrays(cache, dataset.tracks)
    return dataset, np.stack([array.mean(axis=0, dtype=np.float32) for array in arrays])


def check_neighbours(
    dataset: Dataset,
    problems: Sequence[Problem],
    frontend: str,
    jobs: int | None = None,
    reporter: Reporter | None = None,
) -> list[Problem]:
    """Return what the embeddings of a front end make suspicious; none of it is proven.

    Parameters
    ----------
    dataset : Dataset
        Recordings.
    problems : sequence of Problem
        Result of `zoo.datasets.checks.recordings.check`: tracks that cannot be used are left out,
        and known copies are not named again.
    frontend : str
        Front end of layout "vectors", such as "musicnn".
    jobs : int, optional
        Number of processes; all cores by default.
    reporter : Reporter, optional
        Display of the progress.

    Returns
    -------
    list of Problem
        Of the kinds "near-duplicate", "odd-label" and "odd-sound".
    """
    unusable = {
        track
        for problem in problems
        if problem.kind in {"undecodable", "silent"}
        for track in problem.tracks
    }
    tracks = len(dataset) - len(unusable)
    if not _FEWEST <= tracks <= _MOST:
        if reporter:
            reporter.warn(
                f"Tracks are not compared by {frontend}: that needs {_FEWEST} to {_MOST:,} tracks, "
                f"and there are {tracks:,}."
            )
        return []
    used, rows = embeddings(dataset.without(unusable), frontend, jobs, reporter)
    known = {problem.tracks for problem in problems if len(problem.tracks) > 1}
    squares = _squares(rows)
    name = frontend.partition(":")[0]
    return [
        *_copies(used, squares, known, name),
        *_odd_labels(used, squares, name),
        *_odd_sounds(used, squares, name),
    ]


def alike_added(dataset: Dataset, model: Model) -> list[tuple[str, str]] | None:
    """Return the pairs of a track and one that was added from a run, if they may be copies.

    A pair is much nearer than either of the two is to any other added track. None is returned if
    nothing was added, or the tracks cannot be compared.

    Parameters
    ----------
    dataset : Dataset
        Recordings, whose arrays are in the cache; see `zoo.datasets.merged`.
    model : Model
        The model whose front end gave the arrays.
    """
    if dataset.kept_from is None or model.card.frontend.layout != "vectors":
        return None
    if not _FEWEST <= len(dataset) <= _MOST:
        return None
    begin = f"{Path(dataset.kept_from).name}/"
    is_added = np.array([track.id.startswith(begin) for track in dataset.tracks])
    added, own = np.flatnonzero(is_added), np.flatnonzero(~is_added)
    if added.size <= _OWN:
        return None
    cache = FeatureCache(features_folder(), frontend_of(model, dataset))
    # Rows of different precision would differ in every column that is else constant.
    arrays = averaged(cached_arrays(cache, dataset.tracks), dataset)
    squares = _squares(np.stack([array.mean(axis=0, dtype=np.float32) for array in arrays]))
    from_own = squares[np.ix_(own, added)]
    third = np.sort(from_own, axis=1)[:, 1]
    between = squares[np.ix_(added, added)].min(axis=1)
    pairs = []
    for row, place in enumerate(from_own.argmin(axis=1)):
        one, other = dataset.tracks[own[row]], dataset.tracks[added[place]]
        is_known = dataset.groups[own[row]] == dataset.groups[added[place]]
        if from_own[row, place] < _COPY * min(third[row], between[place]) and not is_known:
            pairs.append((one.id, other.id))
    return pairs


def _squares(rows: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Return the squared distances of standardised rows; of a row to itself it is infinite."""
    standard = standardised(rows)
    norms = np.square(standard).sum(axis=1)
    squares: NDArray[np.float32] = norms[:, None] + norms - 2 * standard @ standard.T
    np.fill_diagonal(squares, np.inf)
    return np.maximum(squares, 0.0)


def _copies(
    dataset: Dataset, squares: "NDArray[np.float32]", known: set[tuple[str, ...]], name: str
) -> Iterator[Problem]:
    ids = [track.id for track in dataset.tracks]
    place = {identifier: number for number, identifier in enumerate(ids)}
    squares = squares.copy()
    for pair in known:
        numbers = [place[identifier] for identifier in pair if identifier in place]
        squares[np.ix_(numbers, numbers)] = np.inf
    nearest = squares.argmin(axis=1)
    third = np.partition(squares, 1, axis=1)[:, 1]
    for one, other in enumerate(nearest.tolist()):
        least = min(third[one], third[other])
        mutual = one < other and nearest[other] == one
        if not mutual or not squares[one, other] < _COPY * least:
            continue
        if dataset.groups[one] == dataset.groups[other]:
            continue
        share = (squares[one, other] / least) ** 0.5
        labels = sorted({dataset.tracks[one].label, dataset.tracks[other].label})
        under = f", under two labels, {' and '.join(labels)}" if labels[1:] else ""
        detail = f"{name} finds them alike, {share:.2f} of the distance to any other track{under}"
        yield Problem("near-duplicate", False, (ids[one], ids[other]), detail)


def _odd_labels(dataset: Dataset, squares: "NDArray[np.float32]", name: str) -> Iterator[Problem]:
    labels = np.array([track.label for track in dataset.tracks])
    to_class = {
        label: np.sort(squares[:, labels == label], axis=1)[:, :_OWN].mean(axis=1)
        for label in dataset.classes
        if label != OTHER and (labels == label).sum() > _OWN
    }
    for number, track in enumerate(dataset.tracks):
        others = [far[number] for label, far in to_class.items() if label != track.label]
        if track.label not in to_class or not others:
            continue
        near = labels[np.argsort(squares[number], kind="stable")[:_NEAREST]].tolist()
        ratio = to_class[track.label][number] / max(min(others), 1e-9)
        if track.label not in near and ratio > _ODD:
            found = ", ".join(f"{label} {count}" for label, count in Counter(near).most_common(3))
            detail = (
                f"{name} finds no {track.label} among the {_NEAREST} nearest tracks, but {found}; "
                "listen to it"
            )
            yield Problem("odd-label", False, (track.id,), detail)


def _odd_sounds(dataset: Dataset, squares: "NDArray[np.float32]", name: str) -> Iterator[Problem]:
    distances = np.sqrt(np.sort(squares, axis=1)[:, :_OWN]).mean(axis=1)
    logarithms = np.log(np.maximum(distances, 1e-9))
    middle = np.median(logarithms)
    spread = 1.4826 * np.median(np.abs(logarithms - middle))
    for track, value in zip(dataset.tracks, logarithms.tolist(), strict=True):
        if value - middle > _REMOTE * max(spread, 1e-9):
            detail = (
                f"{name} finds it unlike every other track, {np.exp(value - middle):.1f} times the "
                "usual distance from the nearest; listen to it"
            )
            yield Problem("odd-sound", False, (track.id,), detail)
