"""Splits that come with a dataset: its own folds and parts, and the partitions of GTZAN."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import lazy_loader

from zoo.datasets.base import Dataset
from zoo.datasets.collections.gtzan import is_gtzan, published
from zoo_registry.errors import ProtocolError
from zoo_registry.predictions import OTHER

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]
    Splits = Iterator[tuple[Indices, Indices]]
else:
    np = lazy_loader.load("numpy")  # leaderboards only parse names, and have to be quick

Splitter = Callable[[Dataset, "Indices", int], "Splits"]

__all__ = ["PUBLISHED", "Splitter", "note_published"]


def _predefined(dataset: Dataset, groups: "Indices", seed: int) -> "Splits":
    del groups, seed  # published splits are used as they are
    if any(track.fold for track in dataset.tracks):
        yield from _by_fold(dataset, [track.fold for track in dataset.tracks])
    elif any(track.split for track in dataset.tracks):
        yield from _by_part(dataset, [track.split for track in dataset.tracks])
    else:
        raise ProtocolError(
            f"{dataset.named} comes with no published folds: it has no column `fold`, nor a "
            "column `split` with train and test; use kfold:5 instead"
        )


def _gtzan(dataset: Dataset, groups: "Indices", seed: int, spec: str) -> "Splits":
    del groups, seed
    facts = [fact for fact in published(dataset) if fact]
    if not is_gtzan(dataset):
        raise ProtocolError(
            f"{spec} is a partition of GTZAN, and {dataset.named} is not GTZAN: "
            "its files are not called blues.00000.* and so on; use kfold:5 instead"
        )
    if more := len(dataset) - len(facts):
        kind = OTHER if more == sum(track.label == OTHER for track in dataset.tracks) else "others"
        raise ProtocolError(
            f"{spec} is a partition of GTZAN, and has no part for {more} "
            f"track{'s' * (more != 1)} of {kind} in {dataset.named}; use kfold:5 instead"
        )
    if spec == "artist-3fold":
        yield from _by_fold(dataset, [fact.fold for fact in facts])
    else:
        yield from _by_part(dataset, [fact.part for fact in facts])


PUBLISHED: dict[str, Splitter] = {
    "predefined": _predefined,
    "fault-filtered": partial(_gtzan, spec="fault-filtered"),
    "artist-3fold": partial(_gtzan, spec="artist-3fold"),
}
"""The protocols that are published splits, by name."""


def note_published(dataset: Dataset, protocol: str) -> str:
    """Return a sentence if a dataset has published folds or parts that a protocol does not use.

    Parameters
    ----------
    dataset : Dataset
        The tracks.
    protocol : str
        Such as "kfold:5".
    """
    if protocol in PUBLISHED:
        return ""
    try:
        any(_predefined(dataset, np.empty(0, np.intp), 0))
    except ProtocolError:
        return ""
    what = "folds are" if any(track.fold for track in dataset.tracks) else "split is"
    return f"the published {what} not used by {protocol}, but by `--protocol predefined`"


def _by_fold(dataset: Dataset, folds: Sequence[str | None]) -> "Splits":
    """Yield each fold as the test part; a track without a fold is left out."""
    own = np.array([fold or "" for fold in folds])
    names = sorted(set(own[own != ""]), key=lambda name: (len(name), name))
    if len(names) < 2:  # noqa: PLR2004
        raise ProtocolError(f"{dataset.named} has one published fold only; use kfold:5 instead")
    for name in names:
        yield np.flatnonzero((own != name) & (own != "")), np.flatnonzero(own == name)


def _by_part(dataset: Dataset, parts: Sequence[str | None]) -> "Splits":
    """Yield "test" as the test part, all others as training; a track without a part is left out."""
    own = np.array([part or "" for part in parts])
    train, test = np.flatnonzero((own != "test") & (own != "")), np.flatnonzero(own == "test")
    if not (train.size and test.size):
        missing = "to train on" if test.size else "called test"
        raise ProtocolError(
            f"{dataset.named} has no track with a label in a published part {missing}; "
            "use kfold:5 instead"
        )
    yield train, test
