"""Nested subsets of the training tracks of folds: so many tracks per class, in whole groups."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import lazy_loader

from zoo.datasets.base import Dataset
from zoo.evaluate.protocols import Fold, split_hash
from zoo_registry.errors import UsageError
from zoo_registry.record_sizes import SizeInfo
from zoo_registry.text import digest, quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]
else:
    np = lazy_loader.load("numpy")

__all__ = ["ALL", "Subsets", "checked_sizes", "subsets"]

ALL = "all"
_LARGEST = 2**63 - 1  # that a record can hold


def checked_sizes(given: Iterable[int | str]) -> tuple[int, ...]:
    """Return numbers of training tracks per class, sorted, without "all", which is the run itself.

    Parameters
    ----------
    given : iterable of int or str
        Numbers, and "all" if the user likes; nothing at all is not a wish.

    Raises
    ------
    UsageError
        If one is not a number, or is given twice, or "all" stands alone.
    """
    found: list[int | str] = []
    for item in given:
        text = str(item).strip()
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0  # noqa: PLR2004
        size = ALL if text == ALL else number
        if size != ALL and not 1 <= number <= _LARGEST:
            raise UsageError(
                f"{quoted(text)} is not a number of tracks per class; give --sizes whole numbers, "
                "such as 5,10,20,all"
            )
        if size in found:
            raise UsageError(f"--sizes names {size} twice; give each size once")
        found.append(size)
    if found == [ALL]:
        raise UsageError(
            "--sizes all alone is what is trained anyway; give at least one number, such as "
            "--sizes 5,10,20,all"
        )
    return tuple(sorted(size for size in found if isinstance(size, int)))


@dataclass(frozen=True)
class Subsets:
    """The folds of a run with their training parts cut to one size.

    Attributes
    ----------
    info : SizeInfo
        What the record of the run has of the size.
    folds : list of Fold
        The test parts are those of the run.
    """

    info: SizeInfo
    folds: list[Fold]

    @property
    def shortage(self) -> str:
        """A sentence on the classes that have fewer tracks; empty if there is none."""
        return shortage(self.info)


def shortage(info: SizeInfo) -> str:
    """Return a sentence on the classes that have fewer tracks than a size; empty without any."""
    few = [
        f"{quoted(name)} has {least}" + f" to {most}" * (most > least)
        for name, (least, most) in info.short.items()
    ]
    return f"{info.size} tracks per class: {', '.join(few)} to train on" if few else ""


def subsets(
    dataset: Dataset, folds: Sequence[Fold], sizes: Iterable[int], seed: int, grouped: bool
) -> tuple[list[Subsets], list[str]]:
    """Cut the training parts of folds to so many tracks per class.

    A class has as many whole groups as come nearest to the size, at least one. Their order depends
    on the names of their tracks, the seed and the fold only; but no group comes before the class
    has as many tracks as that group, so that few tracks are not all of one large group. A subset is
    contained in every larger one.

    Parameters
    ----------
    dataset : Dataset
        The tracks.
    folds : sequence of Fold
        The folds of a run.
    sizes : iterable of int
        Numbers of training tracks per class; of several that take the same tracks, the first
        counts.
    seed : int
        Random seed of the run.
    grouped : bool
        Whether groups are kept together.

    Returns
    -------
    list of Subsets
        One for each size that takes other tracks than those before it, and not all; ascending.
    list of str
        Sentences on sizes that were left out.
    """
    groups = dataset.groups if grouped else np.arange(len(dataset))
    orders = [_orders(dataset, groups, fold, seed) for fold in folds]
    found: list[Subsets] = []
    notes: list[str] = []
    for size in sizes:
        cut = [
            replace(fold, train=_cut(order, size), size=size)
            for fold, order in zip(folds, orders, strict=True)
        ]
        if all(len(own.train) == len(fold.train) for own, fold in zip(cut, folds, strict=True)):
            notes.append(
                f"{size} tracks per class: left out, since the folds have no more to train on"
            )
            continue
        split = split_hash(dataset, cut)
        same = next((other.info.size for other in found if other.info.split == split), None)
        if same is not None:
            notes.append(f"{size} tracks per class: the same whole groups as for {same}, left out")
            continue
        short: dict[str, tuple[int, int]] = {}
        for number, name in enumerate(dataset.classes):
            held = [int((dataset.labels[fold.train] == number).sum()) for fold in folds]
            taken = [int((dataset.labels[fold.train] == number).sum()) for fold in cut]
            if any(have == took < size for have, took in zip(held, taken, strict=True)):
                short[name] = (min(taken), max(taken))
        found.append(Subsets(SizeInfo(size=size, split=split, short=short), cut))
    return sorted(found, key=lambda own: own.info.size), notes


def _cut(orders: Sequence[Sequence["Indices"]], size: int) -> "Indices":
    """Return the tracks of the first groups of each class, as many as come nearest to a size."""
    taken: list[Indices] = []
    for groups in orders:
        reached = np.cumsum([len(group) for group in groups])
        taken += groups[: int(np.abs(reached - size).argmin()) + 1]
    return np.sort(np.concatenate(taken))


def _orders(dataset: Dataset, groups: "Indices", fold: Fold, seed: int) -> list[list["Indices"]]:
    """Return the groups of each class of a training part, in the order in which they are taken."""
    own: dict[int, dict[int, list[int]]] = {}
    for index in fold.train.tolist():
        of_class = own.setdefault(int(dataset.labels[index]), {})
        of_class.setdefault(int(groups[index]), []).append(index)
    orders = []
    for _, of_class in sorted(own.items()):
        # A hash, and no random generator, whose numbers may change with the version of numpy.
        names = {
            digest([seed, fold.number, min(dataset.tracks[i].id for i in group)]): group
            for group in of_class.values()
        }
        orders.append([np.array(group) for group in _in_order([names[n] for n in sorted(names)])])
    return orders


def _in_order(waiting: list[list[int]]) -> list[list[int]]:
    """Return groups in their order, but none before there are as many tracks as it has."""
    taken: list[list[int]] = []
    total, largest = 0, max(map(len, waiting))
    while waiting and total < largest:
        limit = max(total, min(map(len, waiting)))
        group = next(group for group in waiting if len(group) <= limit)
        waiting.remove(group)
        taken.append(group)
        total += len(group)
    return taken + waiting
