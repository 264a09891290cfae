"""Embeddings of audio files without labels, for comparing recordings; arrays come from the cache.

Two recordings have the distance of their embeddings: the means of the rows that a front end gives,
each column divided by its spread over all recordings. `zoo data check` measures in the same way.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.audio.files import STDIN, audio_files, opening
from zoo.datasets.base import Track
from zoo.datasets.hashing import file_digests
from zoo.execution.progress import Reporter
from zoo.features.arrays import identity_of
from zoo.features.cache import FeatureCache, features_folder
from zoo.features.extraction import fill_cache
from zoo.plugins.from_run import frontend_of_run
from zoo.plugins.registry import open_registry, usable_model
from zoo.workspace import find_run
from zoo_registry.errors import AudioError, UsageError
from zoo_registry.model import Model
from zoo_registry.published import NAMES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Embeddings", "embed", "model_of_rows", "standardised"]

_MODEL = "logistic"  # any model of one row per window; only its front end is used


@dataclass(frozen=True)
class Embeddings:
    """Embeddings of recordings.

    Attributes
    ----------
    front_end : str
        Name of the front end.
    files : list of str
        Recordings that could be read.
    digests : list of str
        SHA-256 of the bytes of each.
    rows : float32 array, shape (files, columns)
        Mean of the rows that the front end gives for each.
    failed : dict of str to str
        The other files, and why they have no embedding.
    """

    front_end: str
    files: list[str]
    digests: list[str]
    rows: "NDArray[np.float32]"
    failed: dict[str, str]

    def distances(self, file: str) -> "NDArray[np.float32]":
        """Return the distance of one of the files to each, shape (files,).

        Equal recordings, of any format, have the distance 0. Independent ones have about the root
        of twice the number of columns.

        Parameters
        ----------
        file : str
            One of `files`.
        """
        import numpy as np

        points = standardised(self.rows)
        found: NDArray[np.float32] = np.linalg.norm(points - points[self.files.index(file)], axis=1)
        return found


def embed(
    paths: str | Path | Iterable[str | Path],
    run: str | None = None,
    *,
    front_end: str | None = None,
    jobs: int | None = None,
    reporter: Reporter | None = None,
) -> Embeddings:
    """Compute the embeddings of audio files.

    Parameters
    ----------
    paths : str, Path or iterable of them
        Files, folders and patterns, as for `zoo.predict`.
    run : str, optional
        Run whose front end is used, as for `zoo.predict`; by default the first published one.
    front_end : str, optional
        Front end in its place, such as "musicnn"; of rows per window.
    jobs : int, optional
        Number of processes; all cores by default.
    reporter : Reporter, optional
        Receives the progress, and notes.

    Returns
    -------
    Embeddings
        What was computed, or was in the cache: arrays are kept by the content of the files.

    Raises
    ------
    UsageError
        If a path, the run or the front end does not exist, or cannot be used here.
    StorageError
        If the cache cannot be written.

    Examples
    --------
    >>> import zoo
    >>> from zoo.datasets import open_dataset
    >>> tracks = open_dataset("demo").tracks[:3]
    >>> found = zoo.embed([track.path for track in tracks], front_end="handcrafted")
    >>> found.distances(found.files[0]).argmin()
    0
    """
    import numpy as np

    reporter = reporter or Reporter()
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if STDIN in map(str, given):
        raise UsageError("recordings are compared as files; write standard input into one")
    files = audio_files(given, reporter.note)
    model = model_of_rows(front_end or frontend_of_run(find_run(run or NAMES[0]), open_registry()))
    failed = dict[str, str]()
    tracks = list(_tracks(files, failed))
    cache = FeatureCache(features_folder(), identity_of(model))
    # Of equal files one is computed.
    missing = {track.digest: track for track in tracks if cache.known(track.digest) is None}
    reasons = fill_cache(cache, list(missing.values()), model, jobs, reporter)
    why = {digest: reasons[track.id] for digest, track in missing.items() if track.id in reasons}
    failed |= {track.id: why[track.digest] for track in tracks if track.digest in why}
    used = [track for track in tracks if track.id not in failed]
    if not used:
        raise AudioError(f"no recording could be read; the first: {next(iter(failed.values()))}")
    rows = [cache.load(track.digest).mean(axis=0, dtype=np.float32) for track in used]
    return Embeddings(
        model.card.frontend.name,
        [track.id for track in used],
        [track.digest for track in used],
        np.stack(rows),
        failed,
    )


def model_of_rows(front_end: str) -> Model:
    """Return a model with a front end of rows per window.

    Parameters
    ----------
    front_end : str
        Such as "musicnn".

    Raises
    ------
    UsageError
        If there is no such front end, or it has another layout.
    """
    registry = open_registry()
    if registry.frontend(front_end).card.frontend.layout != "vectors":
        raise UsageError(
            f"{front_end} gives a row per short-time frame, and tracks are compared by rows per "
            "window; choose a front end such as musicnn"
        )
    return usable_model(registry, _MODEL, front_end)


def standardised(rows: "NDArray[np.floating[Any]]") -> "NDArray[np.float32]":
    """Return rows with each column divided by its spread, without columns that do not vary.

    Parameters
    ----------
    rows : float array, shape (tracks, columns)
        Embeddings.

    Returns
    -------
    float32 array, shape (tracks, columns that vary)
        Columns of mean 0 and standard deviation 1.
    """
    import numpy as np

    deviations = rows.std(axis=0)
    varying = deviations > 1e-6 * np.abs(rows).max(axis=0)
    points = (rows - rows.mean(axis=0))[:, varying] / deviations[varying]
    standard: NDArray[np.float32] = points.astype(np.float32)
    return standard


def _tracks(files: list[str], failed: dict[str, str]) -> Iterator[Track]:
    """Yield files that can be opened; the others get a reason in `failed`."""
    for folder, together in groupby(files, os.path.dirname):
        readable = []
        for file in together:
            try:
                with opening(Path(file)), Path(file).open("rb"):
                    readable.append(file)
            except AudioError as error:
                failed[file] = str(error)
        digests = file_digests(Path(folder), [Path(file) for file in readable])
        for file, digest in zip(readable, digests, strict=True):
            yield Track(file, "", digest, Path(file))
