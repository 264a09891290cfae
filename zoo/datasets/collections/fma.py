"""FMA: songs of the Free Music Archive, in subsets of excerpts of half a minute.

The recordings lie in numbered folders, ``fma_small/000/000002.mp3``; their root genres, artists
and the published split are in ``fma_metadata/tracks.csv``, a table with three header rows, which
is downloaded on its own. About half of the tracks of the large set are of several root genres,
and have none in the table.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from zoo.audio.folders import unlisted
from zoo.datasets.collections.collection import (
    Collection,
    Named,
    ask_for_table,
    find_table,
    layout,
)
from zoo.datasets.layout.listing import Layout, Listing, Row
from zoo_registry.errors import DatasetError
from zoo_registry.text import quoted

__all__ = ["COLLECTIONS", "check_table", "read"]

CITATION = """\
@inproceedings{fma_dataset,
  title = {{FMA}: A Dataset for Music Analysis},
  author = {Defferrard, Micha\\"el and Benzi, Kirell and Vandergheynst, Pierre and
            Bresson, Xavier},
  booktitle = {18th International Society for Music Information Retrieval Conference (ISMIR)},
  year = {2017},
  archiveprefix = {arXiv},
  eprint = {1612.01840},
  url = {https://arxiv.org/abs/1612.01840}
}"""
ADDRESS = "https://github.com/mdeff/fma"
LICENCE = "metadata CC BY 4.0; each recording under the licence that its artist chose"
SMALL = Collection(
    name="fma-small",
    title="FMA small",
    files=8000,
    classes=8,
    address=ADDRESS,
    licence=LICENCE,
    citation=CITATION,
    faults="Three files hold no audio (99134, 108925, 133297), and three are much shorter than "
    "half a minute (98565, 98567, 98569).",
    by_artist=True,
)
MEDIUM = Collection(
    name="fma-medium",
    title="FMA medium",
    files=25_000,
    classes=16,
    address=ADDRESS,
    licence=LICENCE,
    citation=CITATION,
    faults="About twenty files hold no audio or less than half a minute, among them those of FMA "
    "small; the largest genre has several hundred times the tracks of the smallest.",
    by_artist=True,
)
LARGE = Collection(
    name="fma-large",
    title="FMA large",
    files=106_574,
    classes=16,
    address=ADDRESS,
    licence=LICENCE,
    citation=CITATION,
    faults="More than a hundred files cannot be decoded; about half of the tracks have several "
    "root genres, and take no part.",
    is_single=False,
    by_artist=True,
)
COLLECTIONS = (SMALL, MEDIUM, LARGE)

_TABLE = "tracks.csv"
_SUBSETS = {"small": SMALL, "medium": MEDIUM, "large": LARGE}
_PARTS = {"training": "train", "validation": "valid", "test": "test"}
_COLUMNS = [("set", "split"), ("set", "subset"), ("artist", "id"), ("track", "genre_top")]
_FILE = re.compile(r"(?:(.*)/)?(\d{3})/(\2\d{3})(?:\.\w+)+")
_LONGEST = 1 << 30  # letters of a value; biographies are longer than the csv module expects


def read(listing: Listing) -> Layout | None:
    """Return the layout if the names are those of FMA, complete or a part.

    Parameters
    ----------
    listing : Listing
        Names in a folder.

    Raises
    ------
    DatasetError
        If several subsets lie in the folder, or other recordings lie beside it.
    """
    files: dict[str, dict[str, str]] = defaultdict(dict)  # paths by number, by folder
    others = []
    for path in listing.files:
        if match := _FILE.fullmatch(path):
            files[match[1] or ""][str(int(match[3]))] = path
        else:
            others.append(path)
    if not files:
        return None
    for path, _ in find_table(listing, _TABLE):
        if found := dict(_tracks(listing, path)):
            break
    else:
        return None
    if len(files) > 1:
        raise DatasetError(
            f"{listing.name} holds FMA more than once, in {', '.join(map(quoted, sorted(files)))}; "
            f"give a folder with one of them and {path}"
        )
    ((folder, own),) = files.items()
    rows, subsets = _rows(listing, own, found)
    if not rows:
        return None
    listing.passed.drop({path})
    wanted = [name for name in _SUBSETS if f"fma_{name}" in folder.lower()]
    largest = [name for name in _SUBSETS if name in subsets]
    which = _SUBSETS[(wanted or largest or ["large"])[-1]]
    known = "root genres, published split, songs of one artist kept together"
    return layout(listing, which, Named(rows, others=others), known)


def check_table(listing: Listing) -> None:
    """Raise `DatasetError` if these are files of FMA without their table."""
    matches = list(filter(None, map(_FILE.fullmatch, listing.files)))
    folders = {(match[1] or "").rpartition("/")[2] for match in matches}
    # Other folders around the numbered ones may be classes.
    if len(folders) == 1 or all(name.startswith("fma_") for name in folders):
        table = f"fma_metadata/{_TABLE}"
        ask_for_table(listing, len(matches), "FMA", table, "the recordings and fma_metadata")


def _rows(
    listing: Listing, files: Mapping[str, str], found: Mapping[str, tuple[Row, str]]
) -> tuple[list[Row], set[str]]:
    """Return the rows of the files that have a root genre, and the subsets of all files."""
    rows, subsets = [], set()
    for number, file in files.items():
        if number not in found:
            listing.passed.add(unlisted(_TABLE), file)
            continue
        row, subset = found[number]
        subsets.add(subset)
        if row["label"]:
            rows.append(row | {"path": file, "id": "/".join(file.split("/")[-2:])})
        else:
            listing.passed.add("without a root genre", file)
    return rows, subsets


def _tracks(listing: Listing, path: str) -> Iterator[tuple[str, tuple[Row, str]]]:
    """Yield the number of each track in the table, with its row and subset."""
    earlier = csv.field_size_limit(_LONGEST)
    try:
        with listing.copy(path) as local, local.open(encoding="utf-8-sig", newline="") as file:
            lines = csv.reader(file)
            heads = list(zip(next(lines, []), next(lines, []), strict=False))
            if not set(heads) >= set(_COLUMNS):
                return
            split, subset, artist, genre = map(heads.index, _COLUMNS)
            for line in lines:
                if len(line) == len(heads) and line[0].isdigit():
                    row = {"label": line[genre], "group": line[artist]}
                    part = _PARTS.get(line[split], line[split])
                    yield line[0], (row | {"split": part}, line[subset])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{listing.name}/{path} cannot be read as CSV: {error}") from error
    finally:
        csv.field_size_limit(earlier)
