"""GTZAN's published facts: artists, duplicates, and two partitions that avoid its faults.

GTZAN (Tzanetakis & Cook 2002, doi:10.1109/TSA.2002.800560) is the most used dataset of
music genre recognition, and a faulty one: Sturm (2013, arXiv:1306.1461) found exact
duplicates, repeated artists, mislabelled and distorted tracks. The table beside this
module holds, for each of its 1,000 tracks: the md5 of the published wav file; the part in
the fault-filtered partition (Kereliuk, Sturm & Larsen 2015, doi:10.1109/TMM.2015.2478068);
the artist's number and the fold of the artist-filtered partition (Foleiss & Tavares 2020,
doi:10.1016/j.asoc.2020.106127), for the 948 tracks it keeps; and of which other track it is
an exact duplicate.

A dataset whose files are all called ``blues.00000.*`` and so on is GTZAN, or a part of it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from zoo.datasets.base import Dataset, Track
from zoo.datasets.csv_reader import read_table
from zoo_registry.errors import DatasetError
from zoo_registry.text import quoted

__all__ = [
    "GENRES",
    "Facts",
    "facts",
    "is_gtzan",
    "published",
    "read_facts",
    "track_name",
    "with_facts",
]

GENRES = (
    "blues", "classical", "country", "disco", "hiphop",
    "jazz", "metal", "pop", "reggae", "rock",
)  # fmt: skip

_NAME = re.compile(rf"({'|'.join(GENRES)})\.\d{{5}}(?=\.|$)")
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Facts:
    """What is known of one track; None where the source leaves it out.

    Attributes
    ----------
    md5 : str
        Of the published wav file.
    part : {"train", "valid", "test"} or None
        In the fault-filtered partition.
    artist : str or None
        Equal for tracks of one artist.
    fold : {"1", "2", "3"} or None
        In the artist-filtered partition.
    duplicate_of : str or None
        The track that holds the same samples.
    """

    md5: str
    part: str | None
    artist: str | None
    fold: str | None
    duplicate_of: str | None


@lru_cache(maxsize=1)
def facts() -> dict[str, Facts]:
    """Return the facts by track name, such as "blues.00000"."""
    return read_facts(Path(__file__).with_name("gtzan_facts.csv"))


def read_facts(path: Path) -> dict[str, Facts]:
    """Return the facts of a table.

    Raises
    ------
    DatasetError
        If it is damaged.
    """
    table = read_table(path)
    for column in ("track", *(item.name for item in fields(Facts))):
        table.require(column, "a fact of GTZAN's tracks")
    found = {}
    for number, row in table.numbered():
        name, md5 = row["track"], row["md5"]
        if not _NAME.fullmatch(name) or not _MD5.fullmatch(md5):
            raise DatasetError(f"{path}, line {number}: {quoted(name)} or its md5 is damaged")
        found[name] = Facts(
            md5,
            row["part"] or None,
            row["artist"] or None,
            row["fold"] or None,
            row["duplicate_of"] or None,
        )
    return found


def track_name(track_id: str) -> str | None:
    """Return "blues.00000" for any path of that file, None for a name that is not GTZAN's."""
    match = _NAME.match(PurePosixPath(track_id).name)
    return match[0] if match and match[0] in facts() else None


def is_gtzan(dataset: Dataset) -> bool:
    """Whether all tracks carry names of GTZAN."""
    return all(track_name(track.id) for track in dataset.tracks)


def with_facts(dataset: Dataset) -> Dataset:
    """Return the dataset with artists and duplicates, if it is GTZAN; else as it is.

    Groups that the dataset names itself stay.
    """
    if not is_gtzan(dataset):
        return dataset
    return replace(dataset, tracks=[_annotated(track) for track in dataset.tracks])


def _annotated(track: Track) -> Track:
    name = track_name(track.id) or ""
    fact = facts()[name]
    return replace(
        track,
        group=track.group or (f"artist {fact.artist}" if fact.artist else None),
        recording=track.recording or fact.duplicate_of or name,
    )


def published(dataset: Dataset) -> Sequence[Facts | None]:
    """Return the facts of each track of a dataset, None for a track that is not GTZAN's."""
    names = (track_name(track.id) for track in dataset.tracks)
    return [facts()[name] if name else None for name in names]
