"""Protocols: named, seeded splits of tracks into training and test parts that do not leak.

``kfold:K``
    K folds, each the test part once; stratified by class, groups kept together.
``kfold:KxR``
    The same R times, shuffled differently each time.
``holdout:FxR``
    The share F of the tracks is tested, R times (1 if R is left out).
``leave-one-group-out``
    One group of each class is left out at a time, until each group was the test part once. If the
    groups of a class are fewer, they are tested in the first folds. Were single groups left out,
    the class of the tested group would be the smaller one in training: of two classes of two
    tracks an SVM then never answers it.
``predefined``
    The dataset's own folds, or its own parts: all tracks not in the part "test" are for training.
``fault-filtered``
    GTZAN's partition without its faults (Kereliuk, Sturm & Larsen 2015,
    doi:10.1109/TMM.2015.2478068): trained on the 443 + 197 tracks of its training and validation
    parts, tested on 290.
``artist-3fold``
    Three folds of 948 tracks of GTZAN, with every artist in one fold only (Foleiss & Tavares 2020,
    doi:10.1016/j.asoc.2020.106127).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING

import lazy_loader

from zoo.datasets.base import Dataset
from zoo.evaluate.group_counts import check_groups, groups_by_class
from zoo.evaluate.published_splits import PUBLISHED, Splitter
from zoo_registry.errors import ProtocolError
from zoo_registry.text import digest, quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]
    Splits = Iterator[tuple[Indices, Indices]]
else:
    np = lazy_loader.load("numpy")  # leaderboards only parse names, and have to be quick

__all__ = [
    "DEFAULT_PROTOCOL",
    "LEAVE_ONE_GROUP_OUT",
    "Fold",
    "Protocol",
    "chosen_protocol",
    "inner_folds",
    "parse_protocol",
    "split_hash",
]

DEFAULT_PROTOCOL = "kfold:5"
LEAVE_ONE_GROUP_OUT = "leave-one-group-out"
_ENOUGH, _LEAST = 5, 2  # groups of a class, for the default, and for any split
_OTHER_SHARE = 0.05  # difference of the tested share from that of a holdout that is worth a note
_FEW = 50  # groups of a class, of which each costs a training


@dataclass(frozen=True)
class Fold:
    """One training part and one test part.

    Attributes
    ----------
    number : int
        From 0, without a gap over all repeats.
    train, test : int64 array, shape (tracks,)
        Indices of tracks, sorted, disjoint.
    size : int or None
        Number of tracks per class to which the training part was cut; None if it is whole.
    """

    number: int
    train: "Indices"
    test: "Indices"
    size: int | None = None

    @property
    def name(self) -> str:
        """The number, with the size in front if it has one; see `FoldRecord.name`."""
        return f"{self.number}" if self.size is None else f"{self.size}-{self.number}"


def split_hash(dataset: Dataset, folds: Sequence[Fold]) -> str:
    """Return the SHA-256 of the track ids of every training and test part."""
    names = [track.id for track in dataset.tracks]
    return digest(
        [[[names[n] for n in fold.train], [names[n] for n in fold.test]] for fold in folds]
    )


@dataclass(frozen=True)
class Protocol:
    """Method to split a dataset.

    Attributes
    ----------
    spec : str
        Canonical name, shown on leaderboards.
    repeats : int
        Number of tests of every track (k-fold), or of splits (holdout).
    splitter : callable
        Yields pairs of training and test indices for ``(dataset, groups, seed)``.
    """

    spec: str
    repeats: int
    splitter: Splitter

    def folds(self, dataset: Dataset, seed: int, grouped: bool = True) -> list[Fold]:
        """Return the folds of all repeats, the same on every machine.

        Parameters
        ----------
        dataset : Dataset
            Tracks to split.
        seed : int
            Random seed.
        grouped : bool
            Whether tracks of one group are kept on one side. `False` splits by track, on purpose.

        Raises
        ------
        ProtocolError
            If the dataset cannot be split in this way; the message proposes an alternative.
        """
        groups = dataset.groups if grouped else np.arange(len(dataset))
        return [
            Fold(number, np.sort(train), np.sort(test))
            for number, (train, test) in enumerate(self.splitter(dataset, groups, seed))
        ]

    def refusal(self, dataset: Dataset, grouped: bool = True) -> str | None:
        """Return why `folds` cannot split a dataset, None if it can.

        Parameters
        ----------
        dataset : Dataset
            Tracks to split.
        grouped : bool
            As for `folds`.
        """
        try:
            self.folds(dataset, 0, grouped)
        except ProtocolError as error:
            return str(error)
        return None


def inner_folds(dataset: Dataset, k: int, seed: int, grouped: bool) -> list[Fold]:
    """Return folds of the training tracks of a fold, as a search needs them.

    Parameters
    ----------
    dataset : Dataset
        The training tracks.
    k : int
        Number of folds.
    seed : int
        Random seed.
    grouped : bool
        As for `Protocol.folds`.

    Raises
    ------
    ProtocolError
        If a class has too few tracks.
    """
    splitter = partial(_kfold, k=k, repeats=1, is_inner=True)
    return Protocol(f"kfold:{k}", 1, splitter).folds(dataset, seed, grouped)


def chosen_protocol(
    text: str | None,
    dataset: Dataset,
    grouped: bool = True,
    note: Callable[[str], None] | None = None,
    seed: int = 0,
) -> Protocol:
    """Return the protocol of this name, or the usual one of a dataset.

    The latter is "kfold:5". If a class has three or four groups, it is "leave-one-group-out", or
    "kfold:3" or "kfold:4" if another has more than fifty; if a class has two, it is "kfold:2". Of a
    class with one group nothing can be tested, which `Protocol.folds` says.

    Parameters
    ----------
    text : str or None
        A name, as for `parse_protocol`; None if none is given.
    dataset : Dataset
        Tracks to split.
    grouped : bool
        As for `Protocol.folds`.
    note : callable, optional
        Receiver of a sentence if the usual one is not "kfold:5", or if a holdout cannot test the
        share that it names, since groups stay whole.
    seed : int
        Random seed of the splits, for that sentence.

    Raises
    ------
    ProtocolError
        If there is no protocol of this name.
    """
    if text is not None:
        given = parse_protocol(text)
        if note and (sentence := _on_share(given, dataset, grouped, seed)):
            note(sentence)
        return given
    usual = parse_protocol(DEFAULT_PROTOCOL)
    groups = dataset.groups if grouped else np.arange(len(dataset))
    held = groups_by_class(dataset, groups)
    name, fewest = min(held.items(), key=itemgetter(1))
    if fewest >= _ENOUGH:
        return usual
    one_out = parse_protocol(LEAVE_ONE_GROUP_OUT)
    if fewest < _LEAST:
        return one_out  # which refuses the dataset, and names only what no split can test
    kind = "track" if len(set(groups.tolist())) == len(groups) else "group"
    models = max(held.values())
    if fewest > _LEAST and models <= _FEW:
        splitting = one_out
        said = f"by {one_out.spec} one {kind} of each class is tested at a time, by {models} models"
    else:
        splitting = parse_protocol(f"kfold:{fewest}")
        said = f"{splitting.spec} is used"
        said += f", since {one_out.spec} would train {models} models" * (models > _FEW)
    if note:
        note(f"class {quoted(name)} has {fewest} {kind}s, too few for {usual.spec}: {said}")
    return splitting


def _on_share(protocol: Protocol, dataset: Dataset, grouped: bool, seed: int) -> str:
    """Return a sentence if a holdout tests another share of the tracks than it names."""
    named = re.match(r"holdout:([\d.]+)", protocol.spec)
    if named is None or protocol.refusal(dataset, grouped):
        return ""
    tests = [len(fold.test) for fold in protocol.folds(dataset, seed, grouped)]
    tested, whole = round(sum(tests) / len(tests)), len(dataset)
    if abs(tested / whole - float(named[1])) < _OTHER_SHARE:
        return ""
    groups = dataset.groups if grouped else np.arange(whole)
    name, fewest = min(groups_by_class(dataset, groups).items(), key=itemgetter(1))
    kind = "track" if len(set(groups.tolist())) == whole else "group"
    kept = "" if kind == "track" else "groups stay whole, and "
    few = f"class {quoted(name)} has {fewest} {kind}{'s' * (fewest != 1)}"
    return f"{protocol.spec} tests {tested} of {whole} tracks: {kept}{few}"


def parse_protocol(text: str) -> Protocol:
    """Return the protocol of this name; raise `ProtocolError` if there is none."""
    if match := re.fullmatch(r"kfold:([0-9]{1,6})(?:x([0-9]{1,6}))?", text):
        k, repeats = int(match[1]), int(match[2] or 1)
        if k < 2 or repeats < 1:  # noqa: PLR2004
            raise ProtocolError(f"{text!r} makes no folds; give at least 2, such as kfold:5")
        spec = f"kfold:{k}" + (f"x{repeats}" if repeats > 1 else "")
        return Protocol(spec, repeats, partial(_kfold, k=k, repeats=repeats))
    if match := re.fullmatch(r"holdout:(0?\.[0-9]{1,12})(?:x([0-9]{1,6}))?", text):
        share, repeats = float(match[1]), int(match[2] or 1)
        if not 0 < share < 1 or repeats < 1:
            raise ProtocolError(f"{text!r} holds nothing out; give a share such as holdout:0.3x3")
        spec = f"holdout:{share:.12f}".rstrip("0") + (f"x{repeats}" if repeats > 1 else "")
        return Protocol(spec, repeats, partial(_holdout, share=share, repeats=repeats))
    if text == LEAVE_ONE_GROUP_OUT:
        return Protocol(text, 1, _leave_one_group_out)
    if text in PUBLISHED:
        return Protocol(text, 1, PUBLISHED[text])
    raise ProtocolError(
        f"there is no protocol {text!r}; use kfold:5, kfold:5x3, holdout:0.3x3, "
        f"{LEAVE_ONE_GROUP_OUT}, "
        f"{', '.join(list(PUBLISHED)[:-1])} or {list(PUBLISHED)[-1]}"
    )


def _kfold(
    dataset: Dataset, groups: "Indices", seed: int, k: int, repeats: int, is_inner: bool = False
) -> "Splits":
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    single = check_groups(dataset, groups, k, f"kfold:{k}", is_inner)
    kind = StratifiedKFold if single else StratifiedGroupKFold
    for repeat in range(repeats):
        # The splits of consecutive seeds have nothing in common.
        own = np.random.SeedSequence([seed, repeat]).generate_state(1)[0] if repeat else seed
        splitter = kind(n_splits=k, shuffle=True, random_state=int(own))
        together = None if single else groups
        yield from splitter.split(np.zeros((len(groups), 1)), dataset.labels, together)


def _leave_one_group_out(dataset: Dataset, groups: "Indices", seed: int) -> "Splits":
    del seed
    check_groups(dataset, groups, _LEAST, "any split")
    folds = np.empty_like(groups)
    taken: dict[int, set[int]] = {label: set() for label in range(len(dataset.classes))}
    for group in np.unique(groups):
        own = [taken[label] for label in set(dataset.labels[groups == group].tolist())]
        fold = next(n for n in count() if not any(n in places for places in own))
        folds[groups == group] = fold
        for places in own:
            places.add(fold)
    for fold in range(folds.max() + 1):
        yield np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)


def _holdout(
    dataset: Dataset, groups: "Indices", seed: int, share: float, repeats: int
) -> "Splits":
    check_groups(dataset, groups, 2, "holdout")
    for repeat in range(repeats):
        test = _draw(dataset.labels, groups, share, np.random.default_rng([seed, repeat]))
        yield np.flatnonzero(~test), np.flatnonzero(test)


def _draw(
    labels: "Indices", groups: "Indices", share: float, rng: "np.random.Generator"
) -> "NDArray[np.bool_]":
    """Draw whole groups until each class has its share of tracks in the test part.

    Groups come in random order; one is kept if that moves the class counts towards the share.
    scikit-learn's GroupShuffleSplit does not stratify.
    """
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
        # Each class keeps at least one track for the test and one for the training.
        if (nearer or (drawn[own] == 0).any()) and (after < sizes)[own].all():
            drawn, chosen[group] = after, True
    return chosen[groups]
