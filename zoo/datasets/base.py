"""Labelled tracks, and the groups of tracks that a split keeps together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Self

from zoo_registry.errors import DatasetError
from zoo_registry.predictions import MOST_CLASSES, OTHER
from zoo_registry.reading import Reading
from zoo_registry.text import digest, quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "ANNOTATIONS",
    "Dataset",
    "Embedded",
    "FeatureTable",
    "Segment",
    "Track",
    "check_labels",
    "components",
]

ANNOTATIONS = ("group", "recording", "fold", "split")  # optional columns of metadata and tables


@dataclass(frozen=True)
class Segment:
    """Part of an audio file that is a track of its own.

    Attributes
    ----------
    start, end : float
        Seconds in the file.
    file : str
        SHA-256 of the bytes of the whole file, in hexadecimal.
    """

    start: float
    end: float
    file: str

    @property
    def digest(self) -> str:
        """SHA-256 that identifies the sound of the segment, in hexadecimal."""
        return digest([self.file, self.start, self.end])

    @property
    def times(self) -> dict[str, str]:
        """Start and end as a table has them: in seconds, with the digits that they need."""
        times = {"start": self.start, "end": self.end}
        return {name: f"{value:.6f}".rstrip("0").rstrip(".") for name, value in times.items()}

    def __str__(self) -> str:
        return f"{self.start:g} to {self.end:g} s"


@dataclass(frozen=True)
class Embedded:
    """What is known of a recording that is not on this machine.

    Attributes
    ----------
    file : str
        SHA-256 of the bytes of its file, in hexadecimal.
    row : float16 or float32 array, shape (1, columns)
        Mean of the rows that a front end gives for it.
    bandwidth : int
        Frequency in Hz above which there is nothing, 0 for silence.
    """

    file: str
    row: "NDArray[np.floating]"
    bandwidth: int


@dataclass(frozen=True)
class Track:
    """One audio file or segment of it, or one row of a feature table, with its label.

    Attributes
    ----------
    id : str
        Unique in the dataset: the path relative to its folder, with forward slashes; of a segment
        also its seconds, as in "song.wav#12.5-15".
    label : str
        Class.
    digest : str
        SHA-256 of the audio bytes, of the `segment`, or of the row, in hexadecimal.
    path : Path or None
        Local file; None for a row of a table and for a file at a URL.
    group : str or None
        Artist, or another reason to keep tracks on one side of a split; None if unknown.
    recording : str or None
        Equal for tracks that are the same recording; None if unknown.
    fold, split : str or None
        Published fold, and published part ("train", "valid" or "test").
    url : str or None
        Address of a file that is not on this machine.
    segment : Segment or None
        The part of the file that is the track; None if it is all of it.
    embedded : Embedded or None
        What takes the place of the sound of a track without a recording.
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
    segment: Segment | None = None
    embedded: Embedded | None = field(default=None, repr=False, compare=False)

    @classmethod
    def from_row(
        cls,
        identifier: str,
        row: Mapping[str, str],
        digest: str,
        path: Path | None = None,
        url: str | None = None,
    ) -> Self:
        """Return the track of a row with a ``label`` and, where known, the other columns."""
        known = {name: row.get(name) or None for name in ANNOTATIONS}
        segment = None
        if (path or url) and "start" in row:
            segment = Segment(float(row["start"]), float(row["end"]), digest)
            digest = segment.digest
        return cls(
            identifier,
            row["label"],
            digest,
            path,
            url=url,
            segment=segment,
            embedded=None,
            **known,
        )

    @property
    def file_digest(self) -> str:
        """SHA-256 of all bytes of the file, or of the row, in hexadecimal."""
        known = self.segment or self.embedded
        return known.file if known else self.digest

    @property
    def location(self) -> Path | str:
        """URL or absolute path of the file, valid for workers in another working directory."""
        return self.url or (self.path or Path(self.id)).absolute()


@dataclass(frozen=True)
class Dataset:
    """Labelled recordings.

    Attributes
    ----------
    name, source : str
        Name on leaderboards, and value of ``--data`` that opens the dataset again.
    tracks : sequence of Track
        Sorted by id, so that the order of files in a file system does not affect splits.
    said : str
        One line on what was understood of its names and tables, empty if there is nothing to say.
    collection : str or None
        Name of the published collection, such as "gtzan", if it is known.
    reading : Reading
        What the user said about the meaning of names and columns, and which tracks to take.
    selection : str
        What was taken of a larger dataset, such as "3 of 10 classes"; empty if it is whole.
    unlisted : sequence of str
        Audio files in class folders that its ``metadata.csv`` does not list.
    limited : sequence of str
        Classes of which a limit has left out tracks.
    kept_from : str or None
        The run whose tracks were added to those of `source`; see `zoo.datasets.merged`.

    Raises
    ------
    DatasetError
        If two tracks have the same id, or there are fewer than two classes.

    Examples
    --------
    >>> from zoo.datasets import Dataset, Track
    >>> tracks = [
    ...     Track(id="a.wav", label="rock", digest="5f2c", group="Ann"),
    ...     Track(id="b.wav", label="pop", digest="93d1", group="Bo"),
    ...     Track(id="c.wav", label="rock", digest="0c77", group="Ann"),
    ... ]
    >>> dataset = Dataset("songs", "songs", tracks)
    >>> dataset.classes
    ('pop', 'rock')
    >>> dataset.labels
    array([1, 0, 1])
    >>> dataset.groups
    array([0, 1, 0])
    """

    name: str
    source: str
    tracks: Sequence[Track]
    said: str = field(default="", kw_only=True)
    collection: str | None = field(default=None, kw_only=True)
    reading: Reading = field(default_factory=Reading, kw_only=True)
    selection: str = field(default="", kw_only=True)
    unlisted: Sequence[str] = field(default=(), kw_only=True)
    limited: Sequence[str] = field(default=(), kw_only=True)
    kept_from: str | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tracks", tuple(sorted(self.tracks, key=attrgetter("id"))))
        check_labels(self.named, [track.label for track in self.tracks], alone=self.reading.alone)
        for one, other in zip(self.tracks, self.tracks[1:], strict=False):
            if one.id == other.id:
                raise DatasetError(
                    f"{self.named} names the track {quoted(one.id)} twice; keep one of the rows"
                )

    def __len__(self) -> int:
        return len(self.tracks)

    def __repr__(self) -> str:
        """Return name, and numbers of tracks and classes: the tracks would fill the screen."""
        return f"<dataset {self.named}: {len(self)} tracks, {len(self.classes)} classes>"

    @property
    def named(self) -> str:
        """What a sentence calls it: the value of ``--data``, or the name of both its origins."""
        return self.name if self.kept_from else self.source

    @property
    def segments(self) -> str:
        """Such as "5 segments of 2 recordings", empty if all tracks are whole files."""
        files = [track.location for track in self.tracks if track.segment]
        count, recordings = len(files), len(set(files))
        text = f"{count} segment{'s' * (count != 1)} of {recordings} recording"
        return (text + "s" * (recordings != 1)) * bool(count)

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
        """Return the number of each track's group, int64, shape (tracks,).

        Identical files, segments of one file, and tracks of the same named group or recording
        have the same number.
        """
        import numpy as np

        kinds = ("file_digest", "group", "recording")
        keys = [
            [f"{kind} {key}" for kind in kinds if (key := getattr(track, kind))]
            for track in self.tracks
        ]
        return np.array(components(keys), dtype=np.int64)

    @cached_property
    def recorded(self) -> tuple[int, ...]:
        """The indices of the tracks that have a recording, or a row of a table."""
        return tuple(n for n, track in enumerate(self.tracks) if track.embedded is None)

    @property
    def is_averaged(self) -> bool:
        """Whether each track is one row, the mean of its rows, because some have no recording."""
        return len(self.recorded) < len(self)

    @property
    def has_groups(self) -> bool:
        """Whether any two tracks are known to belong together."""
        return len(set(self.groups.tolist())) < len(self.tracks)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that affects a score: audio, labels, groups, folds, parts."""
        return digest(
            [(t.id, t.label, t.digest, t.group, t.recording, t.fold, t.split) for t in self.tracks]
        )

    def without(self, ids: set[str]) -> Self:
        """Return the dataset without the tracks of these ids."""
        return replace(self, tracks=[track for track in self.tracks if track.id not in ids])


@dataclass(frozen=True, repr=False)
class FeatureTable(Dataset):
    """Dataset without recordings: one row of features per track.

    Attributes
    ----------
    features : float32 array, shape (tracks, features)
        Rows in the order of `tracks`.
    feature_names : sequence of str
        Names of the columns.
    left_out : mapping
        Columns of the file that are no features, and the reason of each.
    suspicious : mapping
        Features that tell the labels too well, and the reason of each.
    """

    features: "NDArray[np.float32]" = field(repr=False)
    feature_names: Sequence[str]
    left_out: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    suspicious: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        order = sorted(range(len(self.tracks)), key=lambda row: self.tracks[row].id)
        object.__setattr__(self, "features", self.features[order])
        super().__post_init__()

    def without(self, ids: set[str]) -> Self:
        """Return the table without the tracks of these ids."""
        rows = [row for row, track in enumerate(self.tracks) if track.id not in ids]
        tracks = [self.tracks[row] for row in rows]
        return replace(self, tracks=tracks, features=self.features[rows])


def check_labels(source: str, labels: Sequence[str], advice: str = "", alone: bool = False) -> None:
    """Raise `DatasetError` unless there are at least two classes, or one `alone`; or too many."""
    if not labels:
        raise DatasetError(f"{source} holds no track; give a folder with one sub-folder per class")
    real = sorted(set(labels) - {OTHER})
    if len(real) < 2 - alone:
        others = f" beside {OTHER}" if OTHER in labels else ""
        found = f"one class only{others}, {quoted(real[0])}" if real else f"no class but {OTHER}"
        raise DatasetError(f"{source} holds {found}; at least two are needed to classify{advice}")
    if len(set(labels)) > MOST_CLASSES:
        raise DatasetError(
            f"{source} holds {len(set(labels))} classes, and {MOST_CLASSES} are the most; "
            "check that the labels are not the names of tracks"
        )


def components(keys: Sequence[Sequence[str]]) -> list[int]:
    """Return the component number of each item; items with a common key are connected."""
    parent = list(range(len(keys)))

    def root(item: int) -> int:
        """Return the item that stands for the component of `item`."""
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
