"""How tracks are split into training and test: named, seeded, and leak-free where groups are known.

``kfold:K``
    K folds, each the test part once; stratified by class, groups kept together.
``kfold:KxR``
    The same R times, each time shuffled anew.
``holdout:FxR``
    The share F of the tracks is tested, R times (R may be left out).
``predefined``
    The dataset's own folds, or its own parts: trained on all that is not "test".
``fault-filtered``
    GTZAN's partition without its faults (Kereliuk, Sturm & Larsen 2015): trained on the
    443 + 197 tracks of its training and validation parts, tested on 290.
``artist-3fold``
    GTZAN's three folds that no artist crosses, 948 tracks (Foleiss & Tavares 2020).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo.datasets.base import Dataset
from zoo.datasets.gtzan import Facts, published
from zoo_registry.errors import ProtocolError
from zoo_registry.runs import digest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["DEFAULT_PROTOCOL", "Fold", "Protocol", "parse_protocol", "split_hash"]

DEFAULT_PROTOCOL = "kfold:5"


@dataclass(frozen=True)
class Fold:
    """One training and test part.

    Attributes
    ----------
    number : int
        From 0; repeats count on.
    train, test : int64 array
        Indices of tracks, sorted, disjoint.
    """

    number: int
    train: "NDArray[np.int64]"
    test: "NDArray[np.int64]"


def split_hash(dataset: Dataset, folds: Sequence[Fold]) -> str:
    """Return the sha256 over the track ids of every training and test part."""
    names = [track.id for track in dataset.tracks]
    return digest(
        [[[names[n] for n in fold.train], [names[n] for n in fold.test]] for fold in folds]
    )


Splitter = Callable[
    [Dataset, "NDArray[np.int64]", int],
    Iterator[tuple["NDArray[np.int64]", "NDArray[np.int64]"]],
]


@dataclass(frozen=True)
class Protocol:
    """A way to split.

    Attributes
    ----------
    spec : str
        The canonical text, as boards show it.
    repeats : int
        How often every track is tested, or how many splits are drawn.
    splitter : callable
        ``(dataset, groups, seed)`` to pairs of training and test indices.
    """

    spec: str
    repeats: int
    splitter: Splitter

    def folds(self, dataset: Dataset, seed: int, grouped: bool = True) -> list[Fold]:
        """Split the dataset; the same on every machine for the same arguments.

        Parameters
        ----------
        dataset : Dataset
        seed : int
        grouped : bool
            Whether tracks of one group stay on one side. `False` splits by track, on
            purpose.

        Raises
        ------
        ProtocolError
            If the dataset cannot be split so; the message says what would work.
        """
        import numpy as np

        groups = dataset.groups if grouped else np.arange(len(dataset))
        return [
            Fold(number, np.sort(train), np.sort(test))
            for number, (train, test) in enumerate(self.splitter(dataset, groups, seed))
        ]


def parse_protocol(text: str) -> Protocol:
    """Read a protocol.

    Raises
    ------
    ProtocolError
        If there is no such protocol or its numbers make no sense.
    """
    if match := re.fullmatch(r"kfold:([0-9]{1,6})(?:x([0-9]{1,6}))?", text):
        k, repeats = int(match[1]), int(match[2] or 1)
        if k < 2 or repeats < 1:  # noqa: PLR2004
            raise ProtocolError(f"{text!r} makes no folds; give at least 2, such as kfold:5")
        spec = f"kfold:{k}" + (f"x{repeats}" if repeats > 1 else "")
        return Protocol(spec, repeats, _kfold(k, repeats))
    if match := re.fullmatch(r"holdout:(0?\.[0-9]{1,12})(?:x([0-9]{1,6}))?", text):
        share, repeats = float(match[1]), int(match[2] or 1)
        if not 0 < share < 1 or repeats < 1:
            raise ProtocolError(f"{text!r} holds nothing out; give a share such as holdout:0.3x3")
        spec = f"holdout:{share:.12f}".rstrip("0") + (f"x{repeats}" if repeats > 1 else "")
        return Protocol(spec, repeats, _holdout(share, repeats))
    if text in _PUBLISHED:
        return Protocol(text, 1, _PUBLISHED[text])
    raise ProtocolError(
        f"there is no protocol {text!r}; use kfold:5, kfold:5x3, holdout:0.3x3, "
        f"{', '.join(list(_PUBLISHED)[:-1])} or {list(_PUBLISHED)[-1]}"
    )


def _kfold(k: int, repeats: int) -> Splitter:
    def split(
        dataset: Dataset, groups: "NDArray[np.int64]", seed: int
    ) -> "Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]":
        import numpy as np
        from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

        _check_groups(dataset, groups, k, f"kfold:{k}")
        single = _all_single(groups)
        kind = StratifiedKFold if single else StratifiedGroupKFold
        for repeat in range(repeats):
            splitter = kind(n_splits=k, shuffle=True, random_state=_seed(seed, repeat))
            together = None if single else groups
            yield from splitter.split(np.zeros((len(groups), 1)), dataset.labels, together)

    return split


def _seed(seed: int, repeat: int) -> int:
    """Return the seed of a repeat; those of neighbouring seeds have nothing in common."""
    import numpy as np

    return seed if repeat == 0 else int(np.random.SeedSequence([seed, repeat]).generate_state(1)[0])


def _holdout(share: float, repeats: int) -> Splitter:
    def split(
        dataset: Dataset, groups: "NDArray[np.int64]", seed: int
    ) -> "Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]":
        import numpy as np

        _check_groups(dataset, groups, 2, "holdout")
        for repeat in range(repeats):
            test = _draw(dataset.labels, groups, share, np.random.default_rng([seed, repeat]))
            yield np.flatnonzero(~test), np.flatnonzero(test)

    return split


def _draw(
    labels: "NDArray[np.int64]",
    groups: "NDArray[np.int64]",
    share: float,
    rng: "np.random.Generator",
) -> "NDArray[np.bool_]":
    """Draw whole groups until each class has its share of tracks in the test part.

    scikit-learn's GroupShuffleSplit does not stratify; this takes the groups in
    random order and keeps one if that brings the class counts nearer to the share.
    """
    import numpy as np

    sizes = np.bincount(labels)
    wanted = np.maximum(1, np.round(share * sizes))
    counts = np.zeros((groups.max() + 1, sizes.size))
    np.add.at(counts, (groups, labels), 1)
    drawn = np.zeros(sizes.size)
    chosen = np.zeros(len(counts), dtype=bool)
    for group in rng.permutation(np.unique(groups)):
        after = drawn + counts[group]
        own = counts[group] > 0
        nearer = np.abs(after - wanted).sum() < np.abs(drawn - wanted).sum()
        # A class keeps a track to be tested and one to learn from, however its groups fall.
        if (nearer or (drawn[own] == 0).any()) and (after < sizes)[own].all():
            drawn, chosen[group] = after, True
    return chosen[groups]


def _predefined(
    dataset: Dataset, groups: "NDArray[np.int64]", seed: int
) -> "Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]":
    del groups, seed  # what is published is taken as it is
    if any(track.fold for track in dataset.tracks):
        yield from _by_fold(dataset, [track.fold for track in dataset.tracks])
    elif any(track.split for track in dataset.tracks):
        yield from _by_part(dataset, [track.split for track in dataset.tracks])
    else:
        raise ProtocolError(
            f"{dataset.source} comes with no published folds: it has no column `fold`, nor a "
            "column `split` with train and test; use kfold:5 instead"
        )


def _fault_filtered(
    dataset: Dataset, groups: "NDArray[np.int64]", seed: int
) -> "Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]":
    del groups, seed
    yield from _by_part(dataset, [fact.part for fact in _facts(dataset, "fault-filtered")])


def _artist_3fold(
    dataset: Dataset, groups: "NDArray[np.int64]", seed: int
) -> "Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]":
    del groups, seed
    yield from _by_fold(dataset, [fact.fold for fact in _facts(dataset, "artist-3fold")])


_PUBLISHED: dict[str, Splitter] = {
    "predefined": _predefined,
    "fault-filtered": _fault_filtered,
    "artist-3fold": _artist_3fold,
}


def _facts(dataset: Dataset, spec: str) -> list[Facts]:
    facts = [fact for fact in published(dataset) if fact]
    if len(facts) < len(dataset):
        raise ProtocolError(
            f"{spec} is a partition of GTZAN, and {dataset.source} is not GTZAN: "
            "its files are not called blues.00000.* and so on; use kfold:5 instead"
        )
    return facts


def _by_fold(
    dataset: Dataset, folds: Sequence[str | None]
) -> "Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]":
    """Yield each fold as the test part of the others; a track without a fold is left out."""
    import numpy as np

    own = np.array([fold or "" for fold in folds])
    names = sorted(set(own[own != ""]), key=lambda name: (len(name), name))
    if len(names) < 2:  # noqa: PLR2004
        raise ProtocolError(f"{dataset.source} has one published fold only; use kfold:5 instead")
    for name in names:
        yield np.flatnonzero((own != name) & (own != "")), np.flatnonzero(own == name)


def _by_part(
    dataset: Dataset, parts: Sequence[str | None]
) -> "Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]":
    """Yield the part "test" against all other parts; a track of no part is left out."""
    import numpy as np

    own = np.array([part or "" for part in parts])
    train, test = np.flatnonzero((own != "test") & (own != "")), np.flatnonzero(own == "test")
    if not (train.size and test.size):
        missing = "to train on" if test.size else "called test"
        raise ProtocolError(
            f"{dataset.source} has no published part {missing}; use kfold:5 instead"
        )
    yield train, test


def _all_single(groups: "NDArray[np.int64]") -> bool:
    return len(set(groups.tolist())) == len(groups)


def _check_groups(dataset: Dataset, groups: "NDArray[np.int64]", needed: int, spec: str) -> None:
    """Raise `ProtocolError` if a class cannot be spread over the folds."""
    single = _all_single(groups)
    held = {
        name: len(set(groups[dataset.labels == number].tolist()))
        for number, name in enumerate(dataset.classes)
    }
    name, fewest = min(held.items(), key=lambda item: item[1])
    if fewest >= needed:
        return
    size = Counter(track.label for track in dataset.tracks)
    ways = []
    if fewest >= 2 and spec.startswith("kfold"):  # noqa: PLR2004
        ways.append(f"--protocol kfold:{fewest}")
    if not single and min(size.values()) >= needed:
        ways.append("--ungrouped, which splits by track and says so on the board")
    short = sum(count < needed for count in held.values())
    ways.append(f"more {'tracks' if single else 'artists'}, or leave out the classes that small")
    what = "track" if single else "group of tracks that belong together"
    if fewest != 1:
        what = what.replace("track", "tracks", 1) if single else what.replace("group", "groups", 1)
    raise ProtocolError(
        f"class {name!r} of {dataset.source} has {fewest} {what} and {spec} needs {needed}"
        + (f" ({short} classes are too small)" if short > 1 else "")
        + f"; use {', or '.join(ways)}"
    )
