"""GTZAN: songs in ten genres, half a minute each, and published facts about them.

GTZAN (Tzanetakis & Cook 2002, doi:10.1109/TSA.2002.800560) is the most used dataset of music
genre recognition. Sturm (2013, arXiv:1306.1461) found exact duplicates, repeated artists,
mislabelled and distorted tracks in it. ``gtzan_facts.csv`` has for each of the 1,000 tracks:

* the md5 of the published wav file;
* its part in the fault-filtered partition (Kereliuk, Sturm & Larsen 2015,
  doi:10.1109/TMM.2015.2478068);
* the number of its artist, and its fold in the artist-filtered partition (Foleiss & Tavares
  2020, doi:10.1016/j.asoc.2020.106127), for the 948 tracks of that partition;
* the track of which it is an exact duplicate.

A dataset is recognised as GTZAN, or a part of it, by the file names of its classes:
``blues.00000.*`` etc. Recordings of none of the classes, ``_other``, may have any name. It lies in
one folder per genre: ``genres/blues/blues.00000.au``, as first published, or
``Data/genres_original/blues/blues.00000.wav`` beside pictures and feature tables.
"""

import re
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from zoo.datasets.base import Dataset
from zoo.datasets.collections.collection import Collection, are_enough, layout, named_tracks
from zoo.datasets.csv_reader import read_table
from zoo.datasets.layout.listing import Layout, Listing, Row
from zoo_registry.errors import DatasetError
from zoo_registry.predictions import OTHER
from zoo_registry.text import quoted

__all__ = [
    "COLLECTIONS",
    "GENRES",
    "facts",
    "is_gtzan",
    "published",
    "read",
    "read_facts",
    "track_name",
    "with_facts",
]

CITATION = """\
@article{tzanetakis2002musical,
  author = {Tzanetakis, George and Cook, Perry},
  title = {Musical Genre Classification of Audio Signals},
  journal = {IEEE Transactions on Speech and Audio Processing},
  volume = {10},
  number = {5},
  pages = {293--302},
  year = {2002},
  doi = {10.1109/TSA.2002.800560}
}"""
GTZAN = Collection(
    name="gtzan",
    title="GTZAN",
    files=1000,
    classes=10,
    address="https://www.kaggle.com/datasets/andradaolteanu/gtzan-dataset-music-genre-classification",
    licence="none is stated",
    citation=CITATION,
    faults="14 tracks are exact copies of others, a few artists fill some genres, labels are "
    "debatable, and in most copies jazz.00054 cannot be decoded.",
    by_artist=True,
)
COLLECTIONS = (GTZAN,)
GENRES = (
    "blues", "classical", "country", "disco", "hiphop",
    "jazz", "metal", "pop", "reggae", "rock",
)  # fmt: skip

_NAME = re.compile(rf"({'|'.join(GENRES)})\.\d{{5}}(?=\.|$)")
_COPY = re.compile(rf"({'|'.join(GENRES)})\.\d{{5}}(?!\d)")
_MD5 = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class Facts:
    """Facts about one track; None if the source leaves the track out."""

    md5: str
    part: str | None  # "train", "valid" or "test"
    artist: str | None
    fold: str | None  # "1", "2" or "3"
    duplicate_of: str | None  # track name


@lru_cache(maxsize=1)
def facts() -> dict[str, Facts]:
    """Return the facts by track name, such as "blues.00000"."""
    return read_facts(Path(__file__).with_name("gtzan_facts.csv"))


def read_facts(path: Path) -> dict[str, Facts]:
    """Return the facts in a CSV file by track name; raise `DatasetError` if it is damaged."""
    table = read_table(path)
    names = [item.name for item in fields(Facts)]
    for column in ("track", *names):
        table.require(column, "a fact of GTZAN's tracks")
    found = {}
    for number, row in table.rows:
        track, md5 = row["track"], row["md5"]
        if not _NAME.fullmatch(track) or not _MD5.fullmatch(md5):
            raise DatasetError(f"{path}, line {number}: {quoted(track)} or its md5 is damaged")
        found[track] = Facts(md5, *(row[name] or None for name in names[1:]))
    return found


def track_name(track_id: str) -> str | None:
    """Return "blues.00000" for any path of that file, None if the name is not of GTZAN."""
    match = _NAME.match(PurePosixPath(track_id).name)
    return match[0] if match and match[0] in facts() else None


def read(listing: Listing) -> Layout | None:
    """Return the layout if most names are those of GTZAN and lie in a folder below.

    Genre folders that lie directly in the folder are class folders like others.

    Parameters
    ----------
    listing : Listing
        Names in a folder.

    Raises
    ------
    DatasetError
        If it lies in the folder more than once, or other recordings lie beside it.
    """
    found = named_tracks(listing, GTZAN.title, listing.files, _row)
    if not found or not (found.root or found.strangers):
        return None
    if all(row["label"] == OTHER for row in found.rows):
        return None
    for row in found.strangers:
        if match := _COPY.match(row["id"].rpartition("/")[2]):
            row["recording"] = match[0]  # such as "jazz.00001 (1).wav"
    return layout(listing, GTZAN, found, "songs of one artist, and copies, kept together")


def _row(label: str, name: str) -> Row | None:
    is_known = label == OTHER or (track_name(name) or "").partition(".")[0] == (label or None)
    return {} if is_known else None


def is_gtzan(dataset: Dataset) -> bool:
    """Whether most tracks of the real classes have names of GTZAN."""
    named = [track_name(track.id) for track in dataset.tracks if track.label != OTHER]
    return are_enough(sum(map(bool, named)), len(named))


def with_facts(dataset: Dataset) -> Dataset:
    """Return GTZAN with its artists and duplicates, where it has no groups; others unchanged."""
    if not is_gtzan(dataset):
        return dataset
    tracks = []
    for track, fact in zip(dataset.tracks, published(dataset), strict=True):
        if fact is None:
            tracks.append(track)
            continue
        artist = f"artist {fact.artist}" if fact.artist else None
        own = None if track.segment else track.recording  # of segments it is only the file
        recording = own or fact.duplicate_of or track_name(track.id)
        tracks.append(replace(track, group=track.group or artist, recording=recording))
    return replace(dataset, tracks=tracks, collection="gtzan")


def published(dataset: Dataset) -> list[Facts | None]:
    """Return the facts about each track of a dataset, None for a track not of GTZAN."""
    return [facts().get(track_name(track.id) or "") for track in dataset.tracks]
