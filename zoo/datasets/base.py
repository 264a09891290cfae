"""What a dataset is: labelled tracks, and what is known about which belong together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from zoo_registry.errors import DatasetError
from zoo_registry.runs import digest
from zoo_registry.text import quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Dataset", "Track", "check_labels", "components"]


@dataclass(frozen=True)
class Track:
    """One audio file, or one row of a feature table, with its label.

    Attributes
    ----------
    id : str
        Unique in the dataset: the path below its folder, with forward slashes.
    label : str
    digest : str
        sha256 of the audio bytes, or of the row.
    path : Path or None
        None for a row of a table, and for what is at a URL.
    group : str or None
        Artist, or whatever else must stay on one side of a split; None if unknown.
    recording : str or None
        Equal for tracks that are the same recording; None if unknown.
    fold, split : str or None
        The published fold, or the published part ("train", "valid", "test").
    url : str or None
        Where the file is, if it is none of this system.
    """

    id: str
    label: str
    digest: str
    path: Path | None = None
    group: str | None = None
    recording: str | None = None
    fold: str | None = None
    split: str | None = None
    url: str | None = None

    @property
    def location(self) -> Path | str:
        """Where the file is, also for a worker that stands in another folder: a path or a URL."""
        return self.url or (self.path or Path(self.id)).absolute()


@dataclass(frozen=True)
class Dataset:
    """Labelled tracks.

    Parameters
    ----------
    name : str
        What boards call it.
    source : str
        What to give to ``--data`` to have it again.
    tracks : sequence of Track
        Stored sorted by id, so that no order of a file system reaches a split.
    features : float32 array, shape (tracks, features), optional
        For a feature table, rows in the order of `tracks`.
    feature_names : sequence of str
        Its columns.

    Raises
    ------
    DatasetError
        If two tracks share an id, or there are fewer than two classes.
    """

    name: str
    source: str
    tracks: Sequence[Track]
    features: "NDArray[np.float32] | None" = field(default=None, repr=False)
    feature_names: Sequence[str] = ()

    def __post_init__(self) -> None:
        order = sorted(range(len(self.tracks)), key=lambda number: self.tracks[number].id)
        if self.features is not None:
            object.__setattr__(self, "features", self.features[order])
        object.__setattr__(self, "tracks", tuple(self.tracks[number] for number in order))
        check_labels(self.source, [track.label for track in self.tracks])
        for one, other in zip(self.tracks, self.tracks[1:], strict=False):
            if one.id == other.id:
                raise DatasetError(
                    f"{self.source} names the track {quoted(one.id)} twice; keep one of the rows"
                )

    def __len__(self) -> int:
        return len(self.tracks)

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """All labels, sorted."""
        return tuple(sorted({track.label for track in self.tracks}))

    @cached_property
    def labels(self) -> "NDArray[np.int64]":
        """Index into `classes` of each track, int64, shape (tracks,)."""
        import numpy as np

        index = {name: number for number, name in enumerate(self.classes)}
        return np.array([index[track.label] for track in self.tracks], dtype=np.int64)

    @cached_property
    def groups(self) -> "NDArray[np.int64]":
        """Number of each track's group, int64, shape (tracks,).

        Tracks of one named group, of one recording, and tracks whose bytes are
        equal share a number; a track of which nothing is known is a group of its own.
        """
        import numpy as np

        keys = [
            (("digest", track.digest), ("group", track.group), ("recording", track.recording))
            for track in self.tracks
        ]
        known = [[f"{kind} {key}" for kind, key in own if key] for own in keys]
        return np.array(components(known), dtype=np.int64)

    @property
    def has_groups(self) -> bool:
        """Whether any two tracks are known to belong together."""
        return len(set(self.groups.tolist())) < len(self.tracks)

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over everything that bears on a score: audio, labels, groups, folds, parts."""
        return digest(
            [(t.id, t.label, t.digest, t.group, t.recording, t.fold, t.split) for t in self.tracks]
        )

    def without(self, ids: set[str]) -> "Dataset":
        """Return the dataset without the tracks of these ids."""
        keep = [number for number, track in enumerate(self.tracks) if track.id not in ids]
        return Dataset(
            self.name,
            self.source,
            [self.tracks[number] for number in keep],
            None if self.features is None else self.features[keep],
            self.feature_names,
        )


def check_labels(source: str, labels: Sequence[str]) -> None:
    """Raise `DatasetError` unless there is something to tell apart."""
    if not labels:
        raise DatasetError(f"{source} holds no track; give a folder with one sub-folder a class")
    if len(set(labels)) < 2:  # noqa: PLR2004
        raise DatasetError(
            f"{source} holds one class only, {quoted(labels[0])}; "
            "at least two are needed to classify"
        )


def components(keys: Sequence[Sequence[str]]) -> list[int]:
    """Return the number of each item's component; items that share a key are connected."""
    parent = list(range(len(keys)))

    def root(item: int) -> int:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    holder: dict[str, int] = {}
    for item, own in enumerate(keys):
        for key in own:
            parent[root(item)] = root(holder.setdefault(key, item))
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(item), len(numbers)) for item in range(len(keys))]
