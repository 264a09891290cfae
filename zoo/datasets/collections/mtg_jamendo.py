"""MTG-Jamendo: songs under free licences with tags; here those of exactly one genre.

The recordings lie in numbered folders, ``56/1376256.mp3``, or ``56/1376256.low.mp3`` in the copy
of low quality; the tags are in the project's repository, in one table per part:
``data/splits/split-0/autotagging_genre-train.tsv``, whose lines have as many values as tags.
"""

import re

from zoo.audio.folders import unlisted
from zoo.datasets.collections.collection import (
    Collection,
    Named,
    ask_for_table,
    find_table,
    layout,
    text_lines,
)
from zoo.datasets.layout.listing import Layout, Listing, Row
from zoo_registry.errors import DatasetError
from zoo_registry.text import quoted

__all__ = ["COLLECTIONS", "check_table", "read"]

CITATION = """\
@conference{bogdanov2019mtg,
  author = "Bogdanov, Dmitry and Won, Minz and Tovstogan, Philip and Porter, Alastair and
            Serra, Xavier",
  title = "The MTG-Jamendo Dataset for Automatic Music Tagging",
  booktitle = "Machine Learning for Music Discovery Workshop, International Conference on
               Machine Learning (ICML 2019)",
  year = "2019",
  address = "Long Beach, CA, United States",
  url = "http://hdl.handle.net/10230/42015"
}"""
MTG_JAMENDO = Collection(
    name="mtg-jamendo-genre",
    title="MTG-Jamendo, genres",
    files=55_215,
    classes=95,
    address="https://github.com/MTG/mtg-jamendo-dataset",
    licence="metadata CC BY-NC-SA 4.0; each recording under its own Creative Commons licence",
    citation=CITATION,
    faults="Uploaders chose the tags, and most tracks have several genres: only those of exactly "
    "one take part. 87 of the 95 genres are in the published splits.",
    is_single=False,
    by_artist=True,
)
COLLECTIONS = (MTG_JAMENDO,)

_HEAD = ["TRACK_ID", "ARTIST_ID", "ALBUM_ID", "PATH", "DURATION", "TAGS"]
_GENRE = "genre---"
_PARTS = {"train": "train", "validation": "valid", "test": "test"}
_FILE = re.compile(r"(?:.*/)?(\d\d/\d+)(?:\.low)?\.\w+")
_SHORTEST = len("48/48")
_SEVERAL = "of several genres"


def read(listing: Listing) -> Layout | None:
    """Return the layout if the names are those of MTG-Jamendo, complete or a part.

    Parameters
    ----------
    listing : Listing
        Names in a folder.

    Raises
    ------
    DatasetError
        If a table cannot be read, or other recordings lie beside it.
    """
    files, others = {}, []
    for path in listing.files:
        if match := _FILE.fullmatch(path):
            files[match[1]] = path
        else:
            others.append(path)
    rows = (_split(listing, files) or _whole(listing, files)) if files else []
    if not rows:
        return None
    for file in files.values():
        listing.passed.add(unlisted("autotagging_genre"), file)
    several = listing.passed.count(_SEVERAL)
    known = f"only tracks of exactly one genre ({several} here have several)"
    known += ", published split" * ("split" in rows[0]) + ", songs of one artist kept together"
    return layout(listing, MTG_JAMENDO, Named(rows, others=others), known)


def check_table(listing: Listing) -> None:
    """Raise `DatasetError` if these are files of MTG-Jamendo without their tables."""
    names = filter(None, map(_FILE.fullmatch, listing.files))
    # The folder of a recording has the last two digits of its number.
    count = sum(name[1][:2] == name[1][-2:] and len(name[1]) > _SHORTEST for name in names)
    table = "data/splits/split-0/autotagging_genre-*.tsv"
    ask_for_table(listing, count, "MTG-Jamendo", table, "the recordings and data")


def _split(listing: Listing, files: dict[str, str]) -> list[Row]:
    """Return the rows of the tables of the first published split."""
    rows = []
    for name, part in _PARTS.items():
        tables = find_table(listing, f"autotagging_genre-{name}.tsv")
        for path, _ in sorted(tables, key=lambda found: "split-0/" not in found[0]):
            rows += [row | {"split": part} for row in _tagged(listing, path, files)]
            break
    return rows


def _whole(listing: Listing, files: dict[str, str]) -> list[Row]:
    """Return the rows of the table of all tracks."""
    for path, _ in find_table(listing, "autotagging_genre.tsv"):
        return _tagged(listing, path, files)
    return []


def _tagged(listing: Listing, path: str, files: dict[str, str]) -> list[Row]:
    """Return the rows of the files in a table that have one genre; remove all from `files`."""
    rows = []
    lines = text_lines(listing, path)
    if not lines or lines[0].split("\t") != _HEAD:
        return []
    listing.passed.drop({path})
    for number, line in enumerate(lines[1:], start=2):
        values = line.split("\t")
        if len(values) <= len(_HEAD[:-1]) or not values[-1].startswith(_GENRE):
            raise DatasetError(
                f"{listing.name}/{path}, line {number}: {quoted(line)} is not a track with its "
                "genres; unpack the file again as it was published"
            )
        _, artist, _, name, _, *tags = values
        file = files.pop(name.partition(".")[0], None)
        if file is None:
            continue
        if len(tags) > 1:
            listing.passed.add(_SEVERAL, file)
            continue
        own = {"path": file, "id": "/".join(file.split("/")[-2:])}
        rows.append(own | {"label": tags[0].removeprefix(_GENRE), "group": artist})
    return rows
