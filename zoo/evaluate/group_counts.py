"""Number of groups per class, of which a split needs some."""

import shlex
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING

from zoo.datasets.base import Dataset
from zoo.datasets.collections.gtzan import GTZAN
from zoo.datasets.collections.known import COLLECTIONS
from zoo_registry.errors import ProtocolError
from zoo_registry.predictions import OTHER
from zoo_registry.text import quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Indices = NDArray[np.int64]

__all__ = ["check_groups", "groups_by_class"]

_NAMED = 5  # classes in a sentence


def groups_by_class(dataset: Dataset, groups: "Indices") -> dict[str, int]:
    """Return the number of groups that each class has.

    Parameters
    ----------
    dataset : Dataset
        The tracks.
    groups : int64 array, shape (tracks,)
        Group of each track.
    """
    return {
        name: len(set(groups[dataset.labels == number].tolist()))
        for number, name in enumerate(dataset.classes)
    }


def check_groups(
    dataset: Dataset, groups: "Indices", needed: int, spec: str, is_inner: bool = False
) -> bool:
    """Check that each class has enough groups to be split.

    Parameters
    ----------
    dataset : Dataset
        Tracks to split.
    groups : int64 array, shape (tracks,)
        Group of each track.
    needed : int
        Number of groups that each class has to have.
    spec : str
        Name of the split, for the message.
    is_inner : bool
        Whether it is a split of training tracks, for a search.

    Returns
    -------
    bool
        Whether each track is a group.

    Raises
    ------
    ProtocolError
        If a class has too few groups; the message proposes what to do.
    """
    single = len(set(groups.tolist())) == len(groups)
    held = groups_by_class(dataset, groups)
    small = {name: count for name, count in held.items() if count < needed}
    if not small:
        return single
    size = Counter(track.label for track in dataset.tracks)
    (name, fewest), *others = sorted(small.items(), key=itemgetter(1))
    ways, enough = [], ""
    if fewest >= 2 and spec.startswith("kfold") and not is_inner:  # noqa: PLR2004
        ways.append(f"--protocol kfold:{fewest}")
    left = sorted(held.keys() - small.keys() - {OTHER})
    # The option is about the tracks of the user, and not about those that a run added.
    if len(left) >= 2 and not dataset.kept_from:  # noqa: PLR2004
        valid = "" if single else ", for scores that are valid for new groups"
        ways.append(" ".join(f"--exclude-class={shlex.quote(name)}" for name in small) + valid)
        shown = ", ".join(map(quoted, left))
        enough = f"{shown if len(left) <= _NAMED else f'{len(left)} classes'} have enough; "
    if not single and min(size.values()) >= needed:
        ways.append("--ungrouped, which splits by track and gives scores that are too high")
    single = single or fewest == size[name]
    ways.append(f"more {'tracks' if single else 'groups'}")
    s = "" if fewest == 1 else "s"
    what = f"track{s}" if single else f"group{s} of tracks that belong together"
    needs = spec
    if is_inner:
        what, needs = f"{what} to train on", f"the search, by {spec} of these,"
    limit = ""
    if name in dataset.limited:
        tracks = f"{size[name]} track{'s' * (size[name] != 1)}"
        limit = f"--limit {dataset.reading.limit} leaves {tracks} of {quoted(name)}; raise it, or "
    also = "".join(f", {quoted(other)} has {count}" for other, count in others)
    raise ProtocolError(
        f"class {quoted(name)} of {dataset.named} has {fewest} {what}{also}{',' * bool(also)} and "
        f"{needs} needs {needed}; {enough}{_known(dataset, single)}{limit}"
        f"use {', or '.join(ways)}"
    )


def _known(dataset: Dataset, single: bool) -> str:
    """Return why tracks belong together that the user has put into no groups, or nothing."""
    collection = COLLECTIONS.get(dataset.collection or "")
    if single or collection is None or dataset.kept_from:
        return ""
    groups = "artists" if collection.by_artist else "groups"
    place = "are in a table of the zoo" if collection is GTZAN else "are published with it"
    return f"the files were recognised as {collection.title}, whose {groups} {place}; "
