"""The map of a board's tracks in two dimensions, from arrays that are in the cache already."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from zoo.datasets import Dataset, FeatureTable
from zoo.evaluate.error_analysis import AlignedPredictions
from zoo.features.cache import FeatureCache, features_folder
from zoo.workspace import remembered
from zoo_registry.runs import Run

__all__ = ["MOST", "Point", "TrackMap", "track_map"]

MOST = 1_000  # tracks on a map, in addition to those that can be played
_FEWEST = 10  # tracks, below which nothing can be seen
_ROWS = 60  # of a track; a front end of more has a row per short-time frame
_COMPONENTS = 50  # principal components that are unfolded
_STEPS = 300  # of t-SNE; with 500 the classes of GTZAN's pieces are no more apart
_VERSION = "maps-2"  # must be raised whenever the same arrays give another map
_WIDTH, _HEIGHT, _MARGIN = 480.0, 360.0, 8.0
_COLOURS = 8  # of ``report.css``
# Paths around a point: circle, square, triangle and diamond.
_SHAPES = ("m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z", "m-3.5-3.5h7v7h-7z", "m0-5 4.5 8h-9z",
           "m0-5 5 5-5 5-5-5z")  # fmt: skip
_NAMED = 36  # classes in the legend


@dataclass(frozen=True)
class Point:
    """A track on the map, its position in units of the figure."""

    x: float
    y: float
    number: int
    name: str
    label: int
    answer: str
    is_right: bool


@dataclass(frozen=True)
class TrackMap:
    """A map as the page shows it.

    Attributes
    ----------
    run : str
        Id of the run whose arrays and answers it shows.
    frontend : str
        Front end of the arrays.
    points : list of Point
        Right ones first, so that errors are drawn above them.
    tracks : int
        Number of tracks that the run has tested.
    legend : list of (int, str)
        Index and name of the classes, the largest first if there are too many.
    classes : int
        Number of classes on the map.
    beyond : int
        Number of points that lie outside of the figure and are drawn at its edge.
    """

    run: str
    frontend: str
    points: list[Point]
    tracks: int
    legend: list[tuple[int, str]]
    classes: int
    beyond: int = 0
    width: float = _WIDTH
    height: float = _HEIGHT

    @property
    def has_shapes(self) -> bool:
        """Whether there are more classes than colours."""
        return any(self.shape(label) != _SHAPES[0] for label, _ in self.legend)

    @staticmethod
    def colour(label: int) -> str:
        """Return the CSS colour of a class."""
        return f"var(--c{label % _COLOURS})"

    @staticmethod
    def shape(label: int) -> str:
        """Return the path around a point of a class; classes of one colour differ in it."""
        return _SHAPES[label // _COLOURS % len(_SHAPES)]


def track_map(
    found: AlignedPredictions,
    runs: Mapping[str, Run],
    opened: Dataset | str,
    playable: Iterable[int],
) -> TrackMap | None:
    """Return the map of the first run with a row per window whose arrays are in the cache.

    Parameters
    ----------
    found : AlignedPredictions
        Predictions of the board's runs, the best first.
    runs : mapping of str to Run
        All runs, by their ids.
    opened : Dataset or str
        The recordings; a string if they cannot be had.
    playable : iterable of int
        Tracks that a reader can listen to, which are always on the map.

    Returns
    -------
    TrackMap or None
        None if too few tracks have an array: a report computes none.
    """
    if isinstance(opened, str):
        return None
    places = {track.id: place for place, track in enumerate(opened.tracks)}
    for number, run in enumerate(found.runs):
        tested = np.flatnonzero(found.tested[number])
        chosen = tested[:: -(-len(tested) // MOST)].tolist()
        chosen = sorted({*chosen, *(track for track in playable if found.tested[number, track])})
        arrays = _arrays(found, runs[run], opened, places, chosen)
        if len(arrays) >= _FEWEST:
            return _drawn(found, number, runs[run].record.frontend_spec, arrays, len(tested))
    return None


def _arrays(
    found: AlignedPredictions,
    run: Run,
    opened: Dataset,
    places: Mapping[str, int],
    chosen: Sequence[int],
) -> dict[int, NDArray[np.float32]]:
    """Return the mean row of each track that is the same as then, and in the cache."""
    cache = FeatureCache(features_folder(), run.record.frontend)
    rows: dict[int, NDArray[np.float32]] = {}
    for track in chosen:
        place = places.get(found.tracks[track])
        if place is None or not opened.tracks[place].digest.startswith(found.digests[track]):
            continue
        if isinstance(opened, FeatureTable):
            array = opened.features[place][None]
        elif (cached := cache.get(opened.tracks[place].digest)) is None:
            continue
        elif len(cached) > _ROWS:
            return {}
        else:
            array = cached
        rows[track] = array.mean(axis=0)
    return rows


def _drawn(
    found: AlignedPredictions,
    number: int,
    frontend: str,
    arrays: Mapping[int, NDArray[np.float32]],
    tested: int,
) -> TrackMap:
    rows = np.stack(list(arrays.values()))
    key = [found.runs[number], [[found.tracks[t], found.digests[t]] for t in arrays]]
    positions = np.array(remembered(_VERSION, key, partial(_unfolded, rows)))
    size = np.array([_WIDTH, _HEIGHT])
    inside = positions.clip(_MARGIN, size - _MARGIN)
    points = [
        Point(
            x, y, track, found.tracks[track], int(found.labels[track]),
            found.classes[found.winners[number, track]], bool(found.right[number, track]),
        )
        for track, (x, y) in zip(arrays, inside.tolist(), strict=True)
    ]  # fmt: skip
    sizes = Counter(point.label for point in points)
    named = sorted(label for label, _ in sizes.most_common(_NAMED))
    return TrackMap(
        run=found.runs[number],
        frontend=frontend,
        points=sorted(points, key=lambda point: not point.is_right),
        tracks=tested,
        legend=[(label, found.classes[label]) for label in named],
        classes=len(sizes),
        beyond=int((inside != positions).any(axis=1).sum()),
    )


def _unfolded(rows: NDArray[np.float32]) -> list[list[float]]:
    """Return positions by t-SNE of the principal components of standardised rows.

    Those of outliers lie outside of the figure.
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    deviations = rows.std(axis=0, dtype=np.float64)
    varying = deviations > 1e-6 * np.abs(rows).max(axis=0)
    if not varying.any():
        return [[_WIDTH / 2, _HEIGHT / 2]] * len(rows)
    standard = (rows - rows.mean(axis=0, dtype=np.float64))[:, varying] / deviations[varying]
    with threadpool_limits(1):  # the sums are the same, however many cores there are
        left, scales, _ = np.linalg.svd(standard, full_matrices=False)
        components = left[:, :_COMPONENTS] * scales[:_COMPONENTS]
        # The sign of a component is that of its largest value.
        largest = np.abs(components).argmax(axis=0)
        components *= np.sign(components[largest, np.arange(components.shape[1])])
        plane = np.zeros((len(rows), 2), np.float32)
        plane[:, : components.shape[1]] = 1e-4 * components[:, :2] / components[:, 0].std()
        unfolding = TSNE(
            init=plane, perplexity=min(30.0, (len(rows) - 1) / 3), max_iter=_STEPS, random_state=0
        )
        plane = unfolding.fit_transform(components.astype(np.float32))
    # A track far from the others (Tukey's fences) would squeeze them into a corner.
    first, third = np.quantile(plane, [0.25, 0.75], axis=0)
    fence = 1.5 * (third - first)
    low = np.maximum(plane.min(axis=0), first - fence)
    high = np.minimum(plane.max(axis=0), third + fence)
    size = np.array([_WIDTH, _HEIGHT]) - 2 * _MARGIN
    placed = _MARGIN + (plane - low) / np.maximum(high - low, 1e-9) * size
    return [[round(float(x), 1), round(float(y), 1)] for x, y in placed]
