"""Tracks of two origins as one dataset: those of the user, and those of an earlier run."""

from collections.abc import Sequence
from dataclasses import replace

from zoo.datasets.base import Dataset, Track
from zoo_registry.text import few, quoted

__all__ = ["merged"]

_SHOWN = 5  # labels in a sentence


def merged(
    dataset: Dataset,
    added: Sequence[Track],
    run: str,
    title: str,
    kept_from: str,
    collection: str | None = None,
) -> Dataset:
    """Return a dataset with the tracks of a run added; classes of the same name are one.

    A track whose file is in the dataset, too, is not added, and has the label that it has there.
    Groups and recordings of the same name
    are the same. Published folds and parts are those of one dataset, and are left out of both.

    Parameters
    ----------
    dataset : Dataset
        Recordings of the user.
    added : sequence of Track
        The tracks of the run.
    run : str
        Id of the run, with which the ids of its tracks begin.
    title, kept_from : str
        Name of the dataset of the run, and what finds the run again.
    collection : str, optional
        Name of the published collection that the added tracks belong to.
    """
    known = {track.file_digest: track.label for track in dataset.tracks}
    tracks = [
        replace(track, id=f"{run}/{track.id}", fold=None, split=None)
        for track in added
        if track.file_digest not in known
    ]
    relabelled = [
        known[track.file_digest]
        for track in added
        if known.get(track.file_digest, track.label) != track.label
    ]
    names = few([quoted(label) for label in sorted(set(relabelled))], _SHOWN)
    said = (
        f"{len(relabelled)} track{'s' * (len(relabelled) != 1)} of {run} taken from "
        f"{dataset.source}, with the label there: {names}"
    )
    return replace(
        dataset,
        said=said if relabelled else "",
        name=f"{dataset.name} + {title}",
        tracks=[*(replace(track, fold=None, split=None) for track in dataset.tracks), *tracks],
        collection=dataset.collection or collection,
        kept_from=kept_from,
    )
