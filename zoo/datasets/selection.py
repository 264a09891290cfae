"""Selection of tracks, by class and by their number per class."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from unicodedata import normalize

from msgspec import structs

from zoo.datasets.base import Dataset, Track
from zoo_registry.errors import DatasetError, UsageError
from zoo_registry.predictions import OTHER
from zoo_registry.reading import Reading
from zoo_registry.text import closest, digest, quoted

__all__ = ["select"]


def select(dataset: Dataset, reading: Reading) -> Dataset:
    """Return the dataset with the tracks that a reading takes.

    A limited class has as many groups as possible: those with few tracks come first, then the hash
    of their names decides. So a selection is the same on every machine, and is contained in every
    larger one.

    Parameters
    ----------
    dataset : Dataset
        The whole dataset.
    reading : Reading
        Classes that are taken or left out, and the largest number of tracks per class. Of groups
        that are all larger, a class has the smallest one.

    Raises
    ------
    DatasetError
        If there is no class of a name, or fewer than two classes are left.
    """
    if not (reading.only or reading.without or reading.limit is not None):
        return dataset
    if reading.limit is not None and reading.limit < 1:
        raise UsageError(f"a limit of {reading.limit} takes no track; give 1 or more")
    only = [name for given in reading.only for name in _named(given, dataset)]
    without = [name for given in reading.without for name in _named(given, dataset)]
    left = [n for n in dataset.classes if n in (only or dataset.classes) and n not in without]
    if len(set(left) - {OTHER}) < 2 - reading.alone:
        names = ", ".join(map(quoted, left)) or "none"
        raise DatasetError(
            f"of the classes of {dataset.source}, {names} would be left; at least two are needed "
            "to classify: name others to leave out, or more to take"
        )
    groups = range(len(dataset)) if reading.by_track else dataset.groups.tolist()
    by_part = reading.by_part and not any(track.fold for track in dataset.tracks)
    units = defaultdict[tuple[str, str | None], dict[int, list[Track]]](lambda: defaultdict(list))
    for track, group in zip(dataset.tracks, groups, strict=True):
        if track.label in left:
            units[track.label, track.split if by_part else None][group].append(track)
    kept = {of: _limited(list(own.values()), reading.limit) for of, own in units.items()}
    sizes = {of: sum(map(len, own.values())) for of, own in units.items()}
    limited = sorted({of[0] for of, ids in kept.items() if len(ids) < sizes[of]})
    said = []
    if len(left) < len(dataset.classes):
        said.append(f"{len(left)} of {len(dataset.classes)} classes")
    if limited:
        part = " and part" if len({part for _, part in units}) > 1 else ""
        said.append(f"at most {max(map(len, kept.values()))} tracks per class{part}")
    return replace(
        dataset.without({track.id for track in dataset.tracks}.difference(*kept.values())),
        reading=structs.replace(reading, only=tuple(only), without=tuple(without)),
        selection=", ".join(said),
        limited=limited,
    )


def _named(given: str, dataset: Dataset) -> list[str]:
    """Return the class of a name, in another form of Unicode if there is none in this one."""
    if given in dataset.classes:
        return [given]
    same = [name for name in dataset.classes if normalize("NFC", name) == normalize("NFC", given)]
    if not same:
        best = closest(given, dataset.classes)
        raise DatasetError(
            f"{dataset.source} has no class {quoted(given)}; the closest is {quoted(best)}"
        )
    return same


def _limited(groups: Sequence[list[Track]], limit: int | None) -> list[str]:
    """Return the ids of whole groups with at most so many tracks, of one group at least."""
    found: list[str] = []
    for group in sorted(groups, key=lambda group: (len(group), digest(_name(group)))):
        if found and limit is not None and len(found) + len(group) > limit:
            break
        found += [track.id for track in group]
    return found


def _name(group: Sequence[Track]) -> str:
    """Return a name of the group that does not change if tracks are added to others."""
    return min(track.group or track.recording or track.id for track in group)
