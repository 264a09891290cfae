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
from zoo.audio.loudness import SILENT, too_short
from zoo.audio.properties import Properties
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
from zoo_registry.frames import data_frame
from zoo_registry.frontend import FrontEnd, shortest
from zoo_registry.model import Model
from zoo_registry.published import NAMES
from zoo_registry.runs import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from pandas import DataFrame

__all__ = ["Embeddings", "embed", "model_of_rows", "standardised"]

_HALF = 0.0005  # seconds; durations are rounded
_MODEL = "logistic"  # any model of one row per window; only its front end is used


@dataclass(frozen=True, repr=False)
class Embeddings:
    """Embeddings of recordings.

    Attributes
    ----------
    front_end : str
        Name of the front end.
    files : list of str
        Recordings that could be used.
    digests : list of str
        SHA-256 of the bytes of each.
    rows : float32 array, shape (files, columns)
        Mean of the rows that the front end gives for each.
    failed : dict of str to str
        The other files, and why they have no embedding, such as silence.
    """

    front_end: str
    files: list[str]
    digests: list[str]
    rows: "NDArray[np.float32]"
    failed: dict[str, str]

    def __repr__(self) -> str:
        """Return the front end and the shape of the rows."""
        failed = f", {len(self.failed)} failed" if self.failed else ""
        return f"<embeddings by {self.front_end}, shape {self.rows.shape}{failed}>"

    def to_frame(self) -> "DataFrame":
        """Return a data frame with one row per recording; it needs pandas."""
        return data_frame(dict(enumerate(self.rows.T)), index=self.files)

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
    run: str | Run | None = None,
    *,
    front_end: str | None = None,
    jobs: int | None = None,
    reporter: Reporter | None = None,
) -> Embeddings:
    """Compute the embeddings of audio files: what `zoo.embed` does, without arrays.

    Parameters
    ----------
    paths : str, Path or iterable of them
        Files, folders and patterns.
    run : str or Run, optional
        Run whose front end is used; by default the first published one.
    front_end, jobs : str, int, optional
        As for `zoo.embed`; so are the errors.
    reporter : Reporter, optional
        Receives the progress, and notes.

    Returns
    -------
    Embeddings
        What was computed, or was in the cache.
    """
    import numpy as np

    reporter = reporter or Reporter()
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if STDIN in map(str, given):
        raise UsageError("recordings are compared as files; write standard input into one")
    files = audio_files(given, reporter.note)
    found = run if isinstance(run, Run) else find_run(run or NAMES[0])
    model = model_of_rows(front_end or frontend_of_run(found, open_registry()))
    failed = dict[str, str]()
    tracks = list(_tracks(files, failed))
    cache = FeatureCache(features_folder(), identity_of(model))
    # Of equal files one is computed.
    missing = {track.digest: track for track in tracks if cache.known(track.digest) is None}
    reasons = fill_cache(cache, list(missing.values()), model, jobs, reporter)
    why = {digest: reasons[track.id] for digest, track in missing.items() if track.id in reasons}
    failed |= {track.id: why[track.digest] for track in tracks if track.digest in why}
    for track in tracks:
        if reason := _nothing(cache.known(track.digest), model.card.frontend):
            failed[track.id] = f"{track.id} is {reason}"
    used = [track for track in tracks if track.id not in failed]
    if not used:
        raise AudioError(f"no recording can be used; the first: {next(iter(failed.values()))}")
    rows = [cache.load(track.digest).mean(axis=0, dtype=np.float32) for track in used]
    return Embeddings(
        model.card.frontend.name,
        [track.id for track in used],
        [track.digest for track in used],
        np.stack(rows),
        failed,
    )


def _nothing(properties: Properties | None, frontend: FrontEnd) -> str | None:
    """Return why an array says nothing of a recording, in the words of a prediction, or None."""
    if properties is None:
        return None
    needed = shortest(frontend)
    if (properties.seconds + _HALF) * frontend.sample_rate < needed:
        return too_short(properties.seconds, needed / frontend.sample_rate, "front end")
    return SILENT if properties.level is None else None


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
