"""ESC-50 and ESC-10: environmental sounds, five seconds each, from Freesound.

ESC-50 lies in ``audio/`` with a table, ``meta/esc50.csv``; the names of its files are
``fold-source-take-target.wav``. ESC-10 is ten of its classes: marked in the column ``esc10``, and
published on its own in class folders such as ``001 - Dog bark``, without the target in the names.
In each layout a track is called ``dog/1-100032-A.wav``, so that folds, fingerprint and predictions
of equal files are equal.
"""

import re

from zoo.audio.folders import unlisted
from zoo.datasets.collections.collection import Collection, find_table, layout, stem
from zoo.datasets.listing import Layout, Listing, Row
from zoo_registry.errors import DatasetError

__all__ = ["COLLECTIONS", "collection_of", "read"]

CITATION = """\
@inproceedings{piczak2015dataset,
  title = {{ESC}: {Dataset} for {Environmental Sound Classification}},
  author = {Piczak, Karol J.},
  booktitle = {Proceedings of the 23rd {Annual ACM Conference} on {Multimedia}},
  date = {2015-10-13},
  url = {http://dl.acm.org/citation.cfm?doid=2733373.2806390},
  doi = {10.1145/2733373.2806390},
  location = {{Brisbane, Australia}},
  isbn = {978-1-4503-3459-4},
  publisher = {{ACM Press}},
  pages = {1015--1018}
}"""
FAULTS = (
    "Many clips are padded with silence to five seconds, and several clips are of one source: "
    "split by the published folds, or by source."
)
ESC_50 = Collection(
    name="esc-50",
    title="ESC-50",
    files=2000,
    classes=50,
    address="https://github.com/karolpiczak/ESC-50",
    licence="CC BY-NC 3.0",
    citation=CITATION,
    faults=FAULTS,
)
ESC_10 = Collection(
    name="esc-10",
    title="ESC-10",
    files=400,
    classes=10,
    address="https://github.com/karolpiczak/ESC-10",
    licence="CC BY 3.0",
    citation=CITATION,
    faults=FAULTS,
)
COLLECTIONS = (ESC_50, ESC_10)

TEN = (
    "chainsaw", "clock_tick", "crackling_fire", "crying_baby", "dog",
    "helicopter", "rain", "rooster", "sea_waves", "sneezing",
)  # fmt: skip
FIFTY = (
    *TEN,
    "airplane", "breathing", "brushing_teeth", "can_opening", "car_horn", "cat", "chirping_birds",
    "church_bells", "clapping", "clock_alarm", "coughing", "cow", "crickets", "crow",
    "door_wood_creaks", "door_wood_knock", "drinking_sipping", "engine", "fireworks", "footsteps",
    "frog", "glass_breaking", "hand_saw", "hen", "insects", "keyboard_typing", "laughing",
    "mouse_click", "pig", "pouring_water", "sheep", "siren", "snoring", "thunderstorm",
    "toilet_flush", "train", "vacuum_cleaner", "washing_machine", "water_drops", "wind",
)  # fmt: skip
_TABLE = "meta/esc50.csv"
_COLUMNS = {"filename", "fold", "category", "esc10", "src_file"}
_NAME = re.compile(r"([1-5])-(\d+)-([A-Z])(-\d{1,2})?")
_FOLDER = re.compile(r"(?:\d{3} - )?(.+)")
_FORMER = {  # class folders of ESC-10 as it was published on its own
    "dog_bark": "dog",
    "baby_cry": "crying_baby",
    "person_sneeze": "sneezing",
    "fire_crackling": "crackling_fire",
}
_KNOWN = "published folds, clips of one source kept together"


def read(listing: Listing) -> Layout | None:
    """Return the layout if the names are those of ESC-50 or ESC-10, complete or a part.

    Parameters
    ----------
    listing : Listing
        Names in a folder.

    Raises
    ------
    DatasetError
        If the table with the labels is missing.
    """
    for path, root in find_table(listing, _TABLE):
        if rows := _listed(listing, path, root):
            listing.passed.drop({path})
            others = [file for file in listing.files if not file.startswith(root)]
            return layout(listing, _which(rows), rows, _KNOWN, others)
    rows, roots = [], set()
    for path in listing.files:
        folder, _, name = path.rpartition("/")
        label = _class(folder.rpartition("/")[2])
        row = _row(path, label, stem(name))
        if row is None:
            _check_labels(listing)
            return None
        rows.append(row)
        roots.add(folder[: folder.rfind("/") + 1])
    if len(roots) != 1:
        return None
    return layout(listing, _which(rows), rows, _KNOWN)


def collection_of(rows: list[Row]) -> str | None:
    """Return "esc-50" or "esc-10" if files of these paths and labels are of it.

    Parameters
    ----------
    rows : list of dict
        Rows with ``path``, ``label`` and maybe ``fold``.
    """
    for row in rows:
        own = _row(row["path"], row["label"], stem(row["path"]))
        if own is None or row.get("fold", own["fold"]) != own["fold"]:
            return None
    return _which(rows).name if rows else None


def _listed(listing: Listing, path: str, root: str) -> list[Row]:
    """Return the rows of the files in a table, none if it is another table of that name."""
    table = listing.read_table(path)
    if not set(table.columns) >= _COLUMNS:
        return []
    files = {stem(file): file for file in listing.files if file.startswith(f"{root}audio/")}
    rows = []
    for _, line in table.rows:
        name = stem(line["filename"])
        row = _row(files.get(name, ""), line["category"], name)
        if row is None or row["fold"] != line["fold"] or row["group"] != line["src_file"]:
            return []
        if name in files:
            rows.append(row)
            del files[name]
    for file in files.values() if rows else ():
        listing.passed.add(unlisted("esc50.csv"), file)
    return rows


def _row(path: str, label: str, name: str) -> Row | None:
    """Return the row of a file with this stem, None if it is not of ESC-50."""
    match = _NAME.fullmatch(name)
    if match is None or label not in FIFTY:
        return None
    fold, source, take, _ = match.groups()
    suffix = path[path.rfind("/") + 1 + len(name) :]
    return {
        "path": path,
        "id": f"{label}/{fold}-{source}-{take}{suffix}",
        "label": label,
        "fold": fold,
        "group": source,
    }


def _class(folder: str) -> str:
    """Return the class of a folder in any of the published layouts."""
    match = _FOLDER.fullmatch(folder.lower().replace(" ", "_").replace("_-_", " - "))
    name = match[1] if match else folder
    return _FORMER.get(name, name)


def _which(rows: list[Row]) -> Collection:
    return ESC_10 if all(row["label"] in TEN for row in rows) else ESC_50


def _check_labels(listing: Listing) -> None:
    """Raise `DatasetError` if these are the files of ESC-50 without their table."""
    names = [_NAME.fullmatch(stem(path)) for path in listing.files]
    folders = {path.rpartition("/")[0] for path in listing.files}
    if not listing.tables and len(folders) == 1 and all(name and name[4] for name in names):
        raise DatasetError(
            f"{listing.name} holds files of ESC-50, whose labels are in {_TABLE}; "
            "give the folder that holds both audio and meta"
        )
