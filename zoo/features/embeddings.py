"""Embeddings of a finished run, which a published run has in the place of its recordings."""

import hashlib

import numpy as np

from zoo.datasets import Dataset, FeatureTable
from zoo.datasets.embedded import EmbeddedTrack, to_npz
from zoo.datasets.recorded import usable
from zoo.features.cache import FeatureCache, features_folder
from zoo_registry.errors import UsageError
from zoo_registry.files import atomic_path
from zoo_registry.runs import Run

__all__ = ["write_embeddings"]


def write_embeddings(run: Run, dataset: Dataset) -> Run:
    """Write `embeddings.npz` of a finished run, and its hash into the record.

    With this file the classes of a run can be trained again beside others, by ``zoo train --from
    RUN --keep-classes``, where its recordings are missing.

    Parameters
    ----------
    run : Run
        Run of a front end of rows per window, whose arrays are in the cache.
    dataset : Dataset
        Its recordings.

    Returns
    -------
    Run
        The same, with the record that was stored.

    Raises
    ------
    UsageError
        If the dataset is not that of the run, or an array is not in the cache or has many rows.
    """
    used = usable(run, dataset)
    if used.fingerprint != run.record.used or isinstance(used, FeatureTable):
        raise UsageError(f"{dataset.source} is not the dataset of {run.id}")
    cache = FeatureCache(features_folder(), run.record.frontend)
    rows, tracks = [], []
    bandwidth = run.record.dataset.bandwidth or [0] * len(used)
    for track, highest in zip(used.tracks, bandwidth, strict=True):
        array = cache.get(track.digest)
        if array is None:
            raise UsageError(f"the array of {track.id} is not in the cache; train {run.id} again")
        rows.append(array.mean(axis=0, dtype=np.float64))
        tracks.append(
            EmbeddedTrack(
                id=track.id,
                label=track.label,
                sha256=track.file_digest,
                group=track.group,
                recording=track.recording,
                fold=track.fold,
                split=track.split,
                bandwidth=highest,
            )
        )
    content = to_npz(np.stack(rows), tracks)
    with atomic_path(run.embeddings_path) as temporary:
        temporary.write_bytes(content)
    run.record.embeddings = hashlib.sha256(content).hexdigest()
    run.write()
    return run
