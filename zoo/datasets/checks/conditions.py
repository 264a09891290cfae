"""Comparison of classes by properties of their files that have nothing to do with content.

A class whose files were made differently, such as padded with silence or encoded by another codec,
is recognised by that alone, and a model may learn it in place of the sound.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import comb
from statistics import median
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from zoo.audio.properties import Properties

__all__ = ["differences"]

_FOLDS = 5
_DEPTH = 2  # splits of a tree; a range of values has two ends
_LEAST = 0.93  # mean of the shares recognised of both sides; the level of sound itself makes .9
_ALPHA = 0.05  # probability of a false difference in a dataset whose classes do not differ
_NAMED = 6  # classes whose values are listed
_USUAL, _LISTED = 0.8, 3  # share of tracks that one value stands for, otherwise so many are listed
_AUDIBLE = 0.02  # seconds of silence at an end
_QUIETEST = -120.0  # dB, of silence

_Booleans: TypeAlias = NDArray[np.bool_]
_Integers: TypeAlias = NDArray[np.intp]
_Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class _Property:
    """A property: the numbers by which tracks are compared, and typical values of some tracks.

    Differences of the size of `blur` do not matter, and are hidden by noise.
    """

    name: str
    numbers: Callable[[Properties], Sequence[float | str]]
    typical: Callable[[Sequence[Properties]], str]
    blur: float = 0.0


def _silence(tracks: Sequence[Properties]) -> str:
    front = median(found.leading for found in tracks)
    back = median(found.trailing for found in tracks)
    if max(front, back) < _AUDIBLE:
        return "no silence"
    if abs(front - back) < _AUDIBLE:
        return f"{front:.2g} s of silence at both ends"
    ends = [(front, "at the beginning"), (back, "at the end")]
    return ", ".join(f"{time:.2g} s of silence {end}" for time, end in ends if time >= _AUDIBLE)


def _most(values: Sequence[object]) -> str:
    (first, count), *others = Counter(values).most_common(_LISTED)
    usual = [first] if count >= _USUAL * len(values) else [first, *(value for value, _ in others)]
    return " or ".join(map(str, usual))


def _channels(tracks: Sequence[Properties]) -> str:
    names = {1: "mono", 2: "stereo"}
    return _most([names.get(found.channels, f"{found.channels} channels") for found in tracks])


_PROPERTIES = (
    _Property("silence", lambda p: (p.leading, p.trailing), _silence, 0.01),
    _Property(
        "the sample rate", lambda p: (p.rate,), lambda some: _most([p.rate for p in some]) + " Hz"
    ),
    _Property("the number of channels", lambda p: (p.channels,), _channels),
    _Property("the codec", lambda p: (p.codec,), lambda some: _most([p.codec for p in some])),
    _Property(
        "the bandwidth",
        lambda p: (np.log(p.bandwidth or 1),),
        lambda some: f"{median(p.bandwidth or 0 for p in some) / 1000:.1f} kHz",
        0.05,  # encoders differ by less
    ),
    _Property(
        "the level",
        lambda p: (_QUIETEST if p.level is None else p.level,),
        lambda some: f"{median(_QUIETEST if p.level is None else p.level for p in some):.0f} dB",
        1.0,
    ),
    _Property(
        "the length",
        lambda p: (np.log(max(p.seconds, 1e-3)),),
        lambda some: f"{median(p.seconds for p in some):.3g} s",
        0.02,
    ),
)


def differences(
    labels: Sequence[str], groups: Sequence[int], found: Sequence[Properties]
) -> Iterator[tuple[bool, str]]:
    """Yield sentences on properties that alone tell classes apart, each with whether it is proven.

    Shallow trees guess from the property, for tracks of groups that they were not fitted to,
    whether a track is of one class or of the others; and of which half of the classes it is. A
    difference counts if a one-sided exact test of Fisher, with one observation per group, finds
    it at 5 % divided by the number of all tests, and if it tells 93 % of either side on average.
    Classes of too few groups for this are named, and not proven are properties of which all tracks
    of such a class have one value that no other track has.

    Parameters
    ----------
    labels : sequence of str
        Class of each track.
    groups : sequence of int
        Group of each track; tracks of a group are on one side of a split.
    found : sequence of Properties
        Those of each track.
    """
    names, classes = np.unique(labels, return_inverse=True)
    if len(names) < 2:  # noqa: PLR2004
        return
    numbers, noise = np.asarray(groups), np.random.default_rng(0)
    folds, proven = _folds(classes, numbers), set[str]()
    tests: list[tuple[_Property, set[int], float, float]] = []
    for kind, values in _varying(found):
        blurred = values + kind.blur * noise.standard_normal(values.shape)
        for side, tested, actual, guessed in _guesses(blurred, classes, folds):
            if actual.any() and not actual.all():
                right = (guessed[actual].mean() + 1 - guessed[~actual].mean()) / 2
                p = _p_value(actual, guessed, numbers[tested])
                tests.append((kind, side, float(right), p))
    for kind in _PROPERTIES:
        strong = [
            (right, side)
            for other, side, right, p in tests
            if other is kind and right >= _LEAST and p * len(tests) <= _ALPHA
        ]
        if strong:
            best = max(right for right, _ in strong)
            apart = sorted(set().union(*(side for _, side in strong)))
            typical = _typical(kind, apart, names, classes, found)
            share = f"{100 * best:.0f} % of tracks"
            proven.add(kind.name)
            yield True, f"{typical}; {kind.name} alone separates them for {share}"
    few = _of_few_groups(classes, numbers, len(tests))
    varying = [(kind, values) for kind, values in _varying(found) if kind.name not in proven]
    if not few or not varying:
        return
    unit = "track" if len(set(groups)) == len(labels) else "group"
    listed = [f"{names[one]} ({own} {unit}{'s' * (own != 1)})" for one, own in few.items()]
    if len(few) > _NAMED:
        listed[_NAMED:] = [f"{len(few) - _NAMED} more classes"]
    what = ", ".join(kind.name.removeprefix("the ") for kind, _ in varying)
    yield False, f"too few {unit}s to compare {what}: {', '.join(listed)}"
    for kind, values in varying:
        if apart := [one for one in few if _is_apart(values, classes == one, kind.blur)]:
            typical = _typical(kind, apart, names, classes, found)
            yield (
                False,
                f"{typical}; {kind.name} alone tells all of these tracks apart, but of so few "
                f"{unit}s this may be chance",
            )


def _of_few_groups(classes: _Integers, groups: _Integers, tests: int) -> dict[int, int]:
    """Return the number of groups of each class that is not told apart even if all are right."""
    few = {}
    for one in range(int(classes.max()) + 1):
        own = len(set(groups[classes == one].tolist()))
        others = len(set(groups[classes != one].tolist()))
        if own < 2 or tests > _ALPHA * comb(own + others, own):  # noqa: PLR2004
            few[one] = own
    return few


def _varying(found: Sequence[Properties]) -> Iterator[tuple[_Property, _Floats]]:
    """Yield each property that is not the same for all tracks, and its columns."""
    for kind in _PROPERTIES:
        values = np.array([kind.numbers(one) for one in found])
        if values.dtype.kind == "U":  # names, of which each becomes a column
            values = (values == np.unique(values)).astype(float)
        if (values != values[0]).any():
            yield kind, values


def _is_apart(values: _Floats, own: _Booleans, blur: float) -> bool:
    """Return whether some tracks, at least two, have one value that no other track has."""
    low, high = values[own].min(axis=0), values[own].max(axis=0)
    near = ((values >= low - blur) & (values <= high + blur)).all(axis=1)
    return bool(own.sum() > 1 and (high - low <= blur).all() and not near[~own].any())


def _typical(
    kind: _Property,
    apart: Sequence[int],
    names: NDArray[np.str_],
    classes: _Integers,
    found: Sequence[Properties],
) -> str:
    """Return the typical values of some classes, and of the others."""

    def typical(some: Sequence[int]) -> str:
        return kind.typical([one for one, own in zip(found, classes, strict=True) if own in some])

    rest = [number for number in range(len(names)) if number not in apart]
    listed = [f"{names[number]}: {typical([number])}" for number in apart[:_NAMED]]
    if len(apart) > _NAMED:
        listed.append(f"{len(apart) - _NAMED} more classes")
    if rest:
        listed.append(f"{names[rest[0]] if len(rest) == 1 else 'others'}: {typical(rest)}")
    return ", ".join(listed)


def _folds(classes: _Integers, groups: _Integers) -> _Integers:
    """Return the fold of each track: groups stay together, classes are spread evenly."""
    shuffled = np.random.default_rng(0).permutation(np.unique(groups))
    sizes = np.zeros((classes.max() + 1, _FOLDS))
    folds = np.zeros(classes.size, int)
    for group in shuffled:
        members = groups == group
        of_class = sizes[classes[members][0]]
        fold = int(np.lexsort((sizes.sum(axis=0), of_class))[0])
        folds[members] = fold
        of_class[fold] += members.sum()
    return folds


def _guesses(
    values: _Floats, classes: _Integers, folds: _Integers
) -> Iterator[tuple[set[int], _Booleans, _Booleans, _Booleans]]:
    """Yield comparisons of some classes with the others, from trees that guess out of fold.

    Each has these classes, whether each track was tested, and of those that were, whether it is of
    the classes, and whether a tree says so. A track is not tested without another group of its
    class.
    """
    from sklearn.tree import DecisionTreeClassifier

    count = int(classes.max()) + 1
    parts = [(folds == fold, folds != fold) for fold in np.unique(folds)]
    if len(parts) == 1:
        return
    fit = partial(DecisionTreeClassifier, class_weight="balanced", random_state=0)
    tested, actual, guessed = np.zeros((3, classes.size), bool)
    for test, rest in parts:
        tested[test] = np.isin(classes[test], classes[rest])
    for one in range(count if count > 2 else 1):  # noqa: PLR2004
        for test, rest in parts:
            tree = fit(max_depth=_DEPTH).fit(values[rest], classes[rest] == one)
            guessed[test] = tree.predict(values[test])
        yield {one}, tested, classes[tested] == one, guessed[tested]
    if count == 2:  # noqa: PLR2004
        return
    # Several classes that were made alike: the best split of all decides on which side a class is.
    votes, used = np.zeros(count), 0
    for test, rest in parts:
        above = fit(max_depth=1).fit(values[rest], classes[rest]).apply(values) == 1
        side = 2 * np.bincount(classes[rest], above[rest], count) > np.bincount(
            classes[rest], minlength=count
        )
        if 2 * side.sum() > count:  # the smaller side is named
            side, above = ~side, ~above
        actual[test], guessed[test] = side[classes[test]], above[test]
        # Tracks of one side alone tell nothing: in another fold they may be on the other side.
        if len(set(actual[test & tested].tolist())) < 2:  # noqa: PLR2004
            tested[test] = False
            continue
        votes += side
        used += 1
    named = set((2 * votes > used).nonzero()[0].tolist())
    yield named, tested, actual[tested], guessed[tested]


def _p_value(actual: _Booleans, guessed: _Booleans, groups: _Integers) -> float:
    """Return the one-sided p-value of Fisher's exact test, with one observation per group."""
    from scipy.stats import fisher_exact

    units, members = np.unique(np.stack([groups, actual]), axis=1, return_inverse=True)
    share = np.bincount(members, guessed) / np.bincount(members)
    table = np.zeros((2, 2), int)
    np.add.at(table, (units[1], (share >= 0.5).astype(int)), 1)  # noqa: PLR2004
    return float(fisher_exact(table, alternative="greater").pvalue)
