"""Comparison of a dataset with the tracks that a run records."""

from collections.abc import Iterator

from zoo.datasets.base import Dataset
from zoo_registry.predictions import Predictions
from zoo_registry.runs import Run

__all__ = ["differences", "usable"]

_SHOWN = 5  # a replaced folder would name thousands of tracks


def usable(run: Run, dataset: Dataset) -> Dataset:
    """Return the dataset of a run without the tracks that the run left out."""
    return dataset.without({item.track for item in run.record.skipped})


def differences(run: Run, dataset: Dataset, predictions: Predictions) -> Iterator[str]:
    """Yield what a dataset lacks of the tracks of a run, or has otherwise; nothing if it is equal.

    Parameters
    ----------
    run : Run
        A complete run.
    dataset : Dataset
        Its dataset, every byte read again.
    predictions : Predictions
        The predictions of the run.
    """
    used = usable(run, dataset)
    # Earlier versions recorded the fingerprint of all tracks.
    same = used if run.record.dataset.whole else dataset
    if same.fingerprint == run.record.dataset.fingerprint:
        return
    digests = {track.id: track.digest for track in used.tracks}
    tested = dict(zip(predictions.tracks, predictions.digests, strict=True))
    missing = sorted(set(tested) - set(digests))
    changed = sorted(t for t in set(tested) & set(digests) if not digests[t].startswith(tested[t]))
    for names, verb in ((missing, "missing"), (changed, "not the bytes that were tested")):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            yield f"{verb}: {', '.join(names[:_SHOWN])}{more}"
    if not missing and not changed:
        yield "the fingerprint differs: tracks were added, or labels, groups or folds changed"
