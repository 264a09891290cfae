"""UrbanSound8K: sounds of a city, up to four seconds each, from Freesound.

It lies in ``audio/fold1`` to ``audio/fold10`` with a table, ``metadata/UrbanSound8K.csv``; some
copies have the folds beside the table. The excerpts of one recording have its number, ``fsID``.
"""

import re

from zoo.audio.folders import unlisted
from zoo.datasets.collections.collection import (
    Collection,
    Named,
    ask_for_table,
    elsewhere,
    find_table,
    layout,
    stem,
)
from zoo.datasets.layout.listing import Layout, Listing, Row

__all__ = ["COLLECTIONS", "check_table", "read"]

CITATION = """\
@inproceedings{Salamon:UrbanSound:ACMMM:14,
  author = {Salamon, J. and Jacoby, C. and Bello, J. P.},
  title = {A Dataset and Taxonomy for Urban Sound Research},
  booktitle = {22nd {ACM} International Conference on Multimedia (ACM-MM'14)},
  address = {Orlando, FL, USA},
  month = {Nov.},
  pages = {1041--1044},
  year = {2014}
}"""
URBANSOUND8K = Collection(
    name="urbansound8k",
    title="UrbanSound8K",
    files=8732,
    classes=10,
    address="https://urbansounddataset.weebly.com/urbansound8k.html",
    licence="CC BY-NC 3.0",
    citation=CITATION,
    faults="Excerpts of one recording are alike, so scores of newly drawn folds are too "
    "high: use the ten published folds. Rates, bit depths and channels differ from file to file.",
    kind="sounds of a city",
    example="recording.wav",
)
COLLECTIONS = (URBANSOUND8K,)

CLASSES = (
    "air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling",
    "engine_idling", "gun_shot", "jackhammer", "siren", "street_music",
)  # fmt: skip
_TABLE = "metadata/UrbanSound8K.csv"
_COLUMNS = {"slice_file_name", "fsID", "fold", "class"}
_NAME = re.compile(r"(\d+)-\d-\d+-\d+")
_FOLD = re.compile(r"fold([1-9]|10)")


def read(listing: Listing) -> Layout | None:
    """Return the layout if the names are those of UrbanSound8K, complete or a part.

    Parameters
    ----------
    listing : Listing
        Names in a folder.

    Raises
    ------
    DatasetError
        If other recordings lie beside it.
    """
    for path, root in find_table(listing, _TABLE, "UrbanSound8K.csv"):
        if rows := _listed(listing, path, root):
            known = "published folds, excerpts of one recording kept together"
            listing.passed.drop({path})
            found = Named(rows, others=elsewhere(listing.files, rows))
            return layout(listing, URBANSOUND8K, found, known)
    return None


def check_table(listing: Listing) -> None:
    """Raise `DatasetError` if these are files of UrbanSound8K without their table."""
    count = sum(map(_is_slice, listing.files))
    ask_for_table(listing, count, URBANSOUND8K.title, _TABLE, "audio and metadata")


def _listed(listing: Listing, path: str, root: str) -> list[Row]:
    """Return the rows of the files in a table, none if it is another table of that name."""
    table = listing.read_table(path)
    if not set(table.columns) >= _COLUMNS:
        return []
    files = {stem(file): file for file in listing.files if file.startswith(root)}
    rows = []
    for _, line in table.rows:
        name, fold, label = stem(line["slice_file_name"]), line["fold"], line["class"]
        match = _NAME.fullmatch(name)
        if not match or match[1] != line["fsID"] or label not in CLASSES:
            return []
        file = files.pop(name, "")
        lies = _FOLD.fullmatch(file.split("/")[-2]) if "/" in file else None
        if lies and lies[1] != fold:
            return []
        if file:
            names = {"path": file, "id": f"fold{fold}/{file.rpartition('/')[2]}"}
            rows.append(names | {"label": label, "fold": fold, "group": line["fsID"]})
    for file in files.values() if rows else ():
        listing.passed.add(unlisted("UrbanSound8K.csv"), file)
    return rows


def _is_slice(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    return bool(_NAME.fullmatch(stem(name)) and _FOLD.fullmatch(folder.rpartition("/")[2]))
