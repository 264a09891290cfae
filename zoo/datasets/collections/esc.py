"""ESC-50 and ESC-10: environmental sounds, five seconds each, from Freesound.

ESC-50 lies in ``audio/`` with a table, ``meta/esc50.csv``; the names of its files are
``fold-source-take-target.wav``. ESC-10 is ten of its classes: marked in the column ``esc10``, and
published on its own in class folders such as ``001 - Dog bark``, without the target in the names.
In each layout a track is called ``dog/1-100032-A.wav``, so that folds, fingerprint and predictions
of equal files are equal.
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
    named_tracks,
    stem,
)
from zoo.datasets.layout.listing import Layout, Listing, Row

__all__ = ["COLLECTIONS", "check_table", "collection_of", "read"]

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
    kind="kinds of sound",
    example="recording.wav",
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
    kind="kinds of sound",
    example="recording.wav",
)
COLLECTIONS = (ESC_50, ESC_10)

TEN = (
    "chainsaw", "clock_tick", "crackling_fire", "crying_baby", "dog",
    "helicopter", "rain", "rooster", "sea_waves", "sneezing",
)  # fmt: skip
FIFTY = (  # in the order of their numbers, the column `target`
    "dog", "rooster", "pig", "cow", "frog", "cat", "hen", "insects", "sheep", "crow",
    "rain", "sea_waves", "crackling_fire", "crickets", "chirping_birds", "water_drops", "wind",
    "pouring_water", "toilet_flush", "thunderstorm",
    "crying_baby", "sneezing", "clapping", "breathing", "coughing", "footsteps", "laughing",
    "brushing_teeth", "snoring", "drinking_sipping",
    "door_wood_knock", "mouse_click", "keyboard_typing", "door_wood_creaks", "can_opening",
    "washing_machine", "vacuum_cleaner", "clock_alarm", "clock_tick", "glass_breaking",
    "helicopter", "chainsaw", "siren", "car_horn", "engine", "train", "church_bells", "airplane",
    "fireworks", "hand_saw",
)  # fmt: skip
_TABLE = "meta/esc50.csv"
_COLUMNS = {"filename", "fold", "category", "esc10", "src_file"}
_NAME = re.compile(r"([1-5])-(\d+)-([A-Z])(-\d{1,2})?")
_SHORTEST = 3  # digits of a source; those of ESC-10 have more
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
        If it lies in the folder more than once, or other recordings lie beside it.
    """
    for path, root in find_table(listing, _TABLE):
        if rows := _listed(listing, path, root):
            listing.passed.drop({path})
            others = elsewhere(listing.files, rows)
            return layout(listing, _which(rows), Named(rows, others=others), _KNOWN)
    found = named_tracks(listing, ESC_50.title, listing.files, _named_row, _class)
    if not found or found.root is None:
        return None
    return layout(listing, _which(found.rows), found, _KNOWN)


def check_table(listing: Listing) -> None:
    """Raise `DatasetError` if these are files of ESC-50 without their table."""
    names = {path: _NAME.fullmatch(stem(path)) for path in listing.files}
    known = [path for path, name in names.items() if name and name[4]]
    folders = {path.rpartition("/")[0] for path in known}
    if len(folders) == 1 and not {_class(path.rpartition("/")[2]) for path in folders} & {*FIFTY}:
        ask_for_table(listing, len(known), ESC_50.title, _TABLE)


def collection_of(rows: list[Row]) -> str | None:
    """Return "esc-50" or "esc-10" if files of these paths and labels are of it.

    Parameters
    ----------
    rows : list of dict
        Rows with ``path``, ``label`` and maybe ``fold``.
    """
    for row in rows:
        own = _named_row(row["label"], row["path"].rpartition("/")[2])
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


def _named_row(label: str, name: str) -> Row | None:
    """Return the row of a file in a class folder, None if its name is not a published one.

    Without the table, a source has to be such a number as Freesound has, and the class that of the
    name; names without the class are those of ESC-10.
    """
    row, match = _row(name, label, stem(name)), _NAME.fullmatch(stem(name))
    if row is None or match is None:
        return None
    target, digits = match[4], len(row["group"])
    if target != f"-{FIFTY.index(label)}" if target else label not in TEN:
        return None
    shortest = _SHORTEST + (not target)
    return {key: row[key] for key in ("id", "fold", "group")} if digits >= shortest else None


def _class(folder: str) -> str:
    """Return the class of a folder in any of the published layouts."""
    match = _FOLDER.fullmatch(folder.lower().replace(" ", "_").replace("_-_", " - "))
    name = match[1] if match else folder
    return _FORMER.get(name, name)


def _which(rows: list[Row]) -> Collection:
    return ESC_10 if all(row["label"] in TEN for row in rows) else ESC_50
