"""Columns of tables of labels, by the names that people give them."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import structs

from zoo.datasets.csv_reader import TableError
from zoo_registry.reading import Reading
from zoo_registry.text import brief, closest, quoted

__all__ = [
    "ROLES",
    "Candidates",
    "columns_by_role",
    "in_table",
    "part_and_rest",
    "part_of",
    "plain_name",
]

# Names in small letters without blanks and signs, the most telling first.
ROLES = {
    "path": (
        "path file filename filepath fname slicefilename audio audiofile audiopath audiofilename "
        "audiofilepath wav wavfile wavpath wavfilename clip clipname clippath clipfilename "
        "soundfile soundpath recordingpath beginfile beginpath track trackid name id"
    ),
    "label": (
        "label class category genre tag species labels classes classname classlabel categories "
        "genres tags labelname categoryname genrename soundclass primarylabel emotion instrument "
        "annotation commonname scientificname speciescode"
    ),
    "number": "target classid labelid categoryid genreid classindex labelindex",  # of a class
    "group": (
        "group groupid artist artistname artistid speaker speakerid speakername singer singerid "
        "performer composer subject subjectid patient patientid recordist fsid srcfile sourcefile "
        "source album albumname albumid"
    ),
    "recording": "recording recordingid",
    "fold": "fold folds foldid foldnumber cvfold",
    "split": "split subset partition part set",
    # Of a segment in its file, with or without a unit. Raven counts from the first of its files.
    "start": (
        "fileoffset start onset starttime begintime tstart timestart segmentstart startoffset "
        "begin offset"
    ),
    "end": "end offset endtime tend timeend segmentend endoffset stop stoptime",
    "duration": "duration deltatime dur segmentduration length",
}
_UNITS = ("", "s", "sec", "secs", "second", "seconds", "ms", "msec", "millisecond", "milliseconds")
_TIMES = {"start", "end", "duration"}


def _ranks(role: str) -> dict[str, int]:
    units = _UNITS if role in _TIMES else ("",)
    return {n + unit: rank for rank, n in enumerate(ROLES[role].split()) for unit in units}


_RANK = {role: _ranks(role) for role in ROLES}
_PARTS = {
    **dict.fromkeys(("train", "training", "tr"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "devel", "development"), "valid"),
    **dict.fromkeys(("test", "testing", "tst", "te", "eval", "evaluation", "holdout"), "test"),
}
_SUFFIX = re.compile(r"(set|data)?\d*$")  # as in "trainset", "train1"
# Such as "train", "train_set", "audio-train", "Validation data", "test-clean", "split_test".
_AROUND = (
    "set",
    "data",
    "split",
    "part",
    "audio",
    "clips",
    "wav",
    "wavs",
    "files",
    "clean",
    "other",
)


@dataclass(frozen=True)
class Candidates:
    """Columns that may have each role by their names, the most telling first.

    Attributes
    ----------
    path, label, number, group, recording, fold, split, start, end, duration : tuple of str
        Names of columns; `number` is a label that is only the number of a class; the last three
        are of a segment.
    """

    path: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    number: tuple[str, ...] = ()
    group: tuple[str, ...] = ()
    recording: tuple[str, ...] = ()
    fold: tuple[str, ...] = ()
    split: tuple[str, ...] = ()
    start: tuple[str, ...] = ()
    end: tuple[str, ...] = ()
    duration: tuple[str, ...] = ()


def plain_name(name: str) -> str:
    """Return a column's name in small letters, without blanks and signs."""
    return re.sub(r"[\W_]+", "", name).casefold()


def columns_by_role(
    columns: Sequence[str], reading: Reading | None = None, table: object = "the table"
) -> Candidates:
    """Return the columns that may have each role by their names, or as the user says.

    Parameters
    ----------
    columns : sequence of str
        Names of all columns.
    reading : Reading, optional
        What the user says; a column that is named there is the only candidate for its role, and
        for no other.
    table : object
        File of the table, for messages.

    Raises
    ------
    TableError
        If there is no column that the user names.

    Examples
    --------
    >>> columns_by_role(["slice_file_name", "fsID", "fold", "classID", "class"]).label
    ('class',)
    """
    said = in_table(reading or Reading(), columns, table).columns
    found = {}
    for role, rank in _RANK.items():
        names = [name for name in columns if plain_name(name) in rank]
        names = [name for name in names if name not in said.values()]
        names.sort(key=lambda name: (name not in rank, rank[plain_name(name)]))
        found[role] = (said[role],) if role in said else tuple(names)
    return Candidates(**found)


def in_table(reading: Reading, columns: Sequence[str], table: object) -> Reading:
    """Return what the user says with the names of columns as a table writes them.

    Parameters
    ----------
    reading : Reading
        What the user says; the case of letters and the form of Unicode may differ.
    columns : sequence of str
        Names of all columns.
    table : object
        File of the table, for messages.

    Raises
    ------
    TableError
        If there is no column that the user names.
    """
    found = {}
    for role, given in reading.columns.items():
        same = [name for name in columns if _folded(name) == _folded(given)]
        if given not in columns and len(same) != 1:
            best = f"; the closest is {quoted(closest(given, columns))}" if columns else ""
            raise TableError(
                f"{table} has no column {quoted(given)} for --{role}-column{best}; "
                f"its columns are: {', '.join(map(brief, columns[:12]))}"
            )
        found[role] = given if given in columns else same[0]
    return structs.replace(reading, **found)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip()).casefold()


def part_of(name: str) -> str | None:
    """Return "train", "valid" or "test" if a name is one of a part of a dataset, or None.

    Parameters
    ----------
    name : str
        Name of a folder or of a table, or value of a column.

    Examples
    --------
    >>> part_of("Training-set"), part_of("audio_val"), part_of("trains")
    ('train', 'valid', None)
    """
    part, others = part_and_rest(name)
    # A letter or a number, as in "x_train" or "training-a", is not a name of a class.
    return part if all(word.isdigit() or len(word) == 1 for word in others) else None


def part_and_rest(name: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the part of a dataset that a name speaks of, and the other words of the name.

    Parameters
    ----------
    name : str
        Name of a folder or of a table.

    Examples
    --------
    >>> part_and_rest("birds_trainset")
    ('train', ('birds',))
    """
    words = re.sub(r"[\W_]+", " ", name).casefold().split()
    words = [_SUFFIX.sub("", word) if _SUFFIX.sub("", word) in _PARTS else word for word in words]
    parts = [_PARTS[word] for word in words if word in _PARTS]
    others = tuple(word for word in words if word not in _PARTS and word not in _AROUND)
    return (parts[0], others) if len(parts) == 1 else (None, others)
