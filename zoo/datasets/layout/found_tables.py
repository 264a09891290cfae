"""The one table of labels among the tables that lie in a folder of audio files."""

import math
import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from zoo.datasets.csv_reader import TableError
from zoo.datasets.layout.beside import label_files
from zoo.datasets.layout.columns import ROLES, part_of, plain_name
from zoo.datasets.layout.file_index import FileIndex
from zoo.datasets.layout.folder_names import say_nothing
from zoo.datasets.layout.label_rows import UnclearLabels
from zoo.datasets.layout.label_table import LabelTable, NoColumn, PredictionsTable, read_labels
from zoo.datasets.layout.listing import Listing
from zoo.datasets.segments import count_text
from zoo_registry.errors import DatasetError
from zoo_registry.reading import Reading
from zoo_registry.text import quoted

__all__ = ["BESIDE", "METADATA", "found_table"]

METADATA = "metadata.csv"
_MOST = 20  # tables that are read
_DEPTH = 3  # folders in which they may lie
# Folders in which publishers put tables about the recordings beside them.
BESIDE = {"meta", "metadata", "csv", "labels", "annotations", "lists", "splits", "tables"}
_SHOWN = 3  # tables in a sentence
_FOLD = re.compile(r"(?:fold|split|cv)[ _-]?(\d+)", re.IGNORECASE)
_CALLED = ("metadata", "meta", "groundtruth", "dataset")


@dataclass
class _Seen:
    """What is known of the tables in a folder."""

    fits: list[LabelTable] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)  # sentences on the others
    problem: NoColumn | None = None  # of the first table about the files without labels
    lists: list[str] = field(default_factory=list)  # all such tables
    clash: str = ""  # a table of labels and the folders contradict each other


def found_table(
    listing: Listing,
    reading: Reading,
    index: FileIndex,
    label_of: Callable[[str], str] | None = None,
) -> tuple[LabelTable | None, list[str]]:
    """Return the table that has the labels of a folder's files, and sentences on the others.

    A table has to name at least half of the files: others are about something else, such as a list
    of broken files. Where folders give classes, its labels have to agree with them. Tables of
    parts or folds, such as ``train.csv`` and ``test.csv``, are taken together.

    Parameters
    ----------
    listing : Listing
        Names in the folder.
    reading : Reading
        What the user says about the columns.
    index : FileIndex
        Index of the listing.
    label_of : callable, optional
        Returns the label of a file by its folders.

    Raises
    ------
    DatasetError
        If more than one table fits, or the one that fits contradicts itself.
    """
    half = max(1, math.ceil(len(listing.files) / 2))
    seen = _Seen()
    for path in _candidates(listing):
        enough = 1 if _part(path) or _fold(path) else half
        _look(seen, listing, path, label_of, reading, index, enough)
    fits, unused = seen.fits, seen.unused
    fits = [table for table in fits if table.name == METADATA] or fits
    if seen.clash and not fits:
        raise DatasetError(seen.clash)
    parts = [table for table in fits if _part(table.name)]
    parts = parts or [table for table in fits if _fold(table.name)]
    if parts == fits and len({row["path"] for table in parts for row in table.rows}) < half:
        fits = []
    if not fits:
        _check_none(seen, listing, reading, label_of is not None)
        return None, unused
    first, *others = fits
    if all(table.rows == first.rows for table in others):
        return first, unused
    if parts == fits and all(table.columns == first.columns for table in parts):
        _check_apart(parts, listing)
        return _joined(parts), unused
    names = " and ".join(f"{table.name} ({table.roles})" for table in fits[:_SHOWN])
    raise DatasetError(
        f"{len(fits)} tables in {listing.name} could have the labels: {names}; "
        f"give one of them, as in --data {listing.name}/{first.name}"
    )


def _look(
    seen: _Seen,
    listing: Listing,
    path: str,
    label_of: Callable[[str], str] | None,
    reading: Reading,
    index: FileIndex,
    enough: int,
) -> None:
    """Add a table to those that fit, or the reason why it does not."""
    is_called = _is_called_labels(path)
    # Beside class folders, only a table that is called as one of labels is missed.
    is_missed = bool(is_called or reading.columns or not (label_of or _is_text(path)))
    not_used = f"{path} is not used: "
    takes = _takes(listing, path)
    try:
        table = read_labels(listing, path, reading, index, label_of, enough)
    except PredictionsTable as error:
        seen.unused.append(f"{not_used}{error}{takes}")
    except NoColumn as error:
        seen.problem = seen.problem or error
        seen.lists.append(path)
    except UnclearLabels as error:
        if is_missed or not label_of:
            raise
        seen.unused.append(f"{not_used}{error}")
    except TableError as error:
        if is_missed:
            seen.unused.append(f"{not_used}{error}")
    else:
        if table and table.rows:
            said = _contradiction(table, label_of) if label_of and not reading.label else ""
            if not said:
                seen.fits.append(table)
                return
            seen.unused.append(f"{not_used}{said}{takes}")
            if is_called or (label_of and say_nothing({label_of(r["path"]) for r in table.rows})):
                seen.clash = seen.clash or (
                    f"the labels by {listing.called(path)} and by folders contradict each other: "
                    f"{said}{takes}; to take the folders, move the table to another place"
                )
        elif path == METADATA or is_missed or (table and (table.named or table.example)):
            nothing = f"it names 0 of {len(listing.files)} audio files"
            if reading.columns and not reading.path:
                nothing = "no column is known to name audio files; say which with --path-column"
            reason = table.reason(listing) if table else nothing
            seen.unused.append(not_used + reason)


def _takes(listing: Listing, path: str) -> str:
    """Return how the labels of a table that is not used are taken, as the end of a sentence."""
    folder = posixpath.dirname(path)
    if folder and posixpath.basename(folder).casefold() not in BESIDE:
        return f"; move it to {listing.name} and give it as --data to take them"
    return f"; --data {listing.name}/{path} takes them"


def _check_none(seen: _Seen, listing: Listing, reading: Reading, has_classes: bool) -> None:
    """Raise `DatasetError` if a table would be needed, and none fits."""
    if seen.problem and (reading.columns or not has_classes):
        if len(seen.lists) > 1 and not reading.columns and not any(map(_part, seen.lists)):
            raise DatasetError(
                f"{' and '.join(seen.lists[:_SHOWN])} in {listing.name} name files and have no "
                "column of labels; if each of them lists one class, write them into one table "
                "with the columns path and label"
            )
        raise seen.problem
    if reading.columns:
        reason = f"no table in {listing.name} has these columns and names files"
        raise DatasetError("; ".join([reason, *seen.unused]))


def _contradiction(table: LabelTable, label_of: Callable[[str], str]) -> str:
    """Return a sentence if the labels of a table are not those of the folders, or "".

    Other names for the same classes are none, nor are labels by folders further inside.
    """
    if "label" not in table.columns:
        return ""
    pairs = {(label_of(row["path"]), row["label"]) for row in table.rows}
    folders, labels = ({pair[side] for pair in pairs} for side in (0, 1))
    if len(pairs) == len(folders) == len(labels) > 1:
        return ""
    differ = dict[str, str]()
    for row in table.rows:
        *names, _ = row["path"].casefold().split("/")
        if row["label"].casefold() not in names:
            differ.setdefault(row["path"], row["label"])
    if not differ:
        return ""
    path, label = next(iter(differ.items()))
    count = len({row["path"] for row in table.rows})
    return (
        f"its labels differ from the folders' for {len(differ)} of {count} files "
        f"({quoted(path)} is {quoted(label)})"
    )


def _is_called_labels(path: str) -> bool:
    """Whether a table is called as one of labels, such as ``labels.csv``."""
    stem = plain_name(posixpath.splitext(posixpath.basename(path))[0])
    names = (*_CALLED, *ROLES["label"].split())
    return stem in names or stem.removesuffix("s") in names or bool(_part(path))


def _candidates(listing: Listing) -> Sequence[str]:
    """Return the tables that may have labels; a table beside each recording is none."""
    beside = {table for tables in label_files(listing).values() for table in tables}
    tables = [path for path in listing.tables if path.count("/") <= _DEPTH and path not in beside]
    tables.sort(key=lambda path: (path != METADATA, _is_text(path), path.count("/"), path))
    return tables[:_MOST]


def _part(path: str) -> str | None:
    """Return the part of a dataset that a table is called by, or its folder is."""
    folder, name = posixpath.split(posixpath.splitext(path)[0])
    return part_of(name) or part_of(posixpath.basename(folder))


def _is_text(path: str) -> bool:
    return path.lower().endswith(".txt")


def _fold(path: str) -> str | None:
    """Return the number of the fold that a table is called by."""
    match = _FOLD.fullmatch(posixpath.basename(posixpath.splitext(path)[0]))
    return match[1] if match else None


def _check_apart(tables: Sequence[LabelTable], listing: Listing) -> None:
    """Raise `DatasetError` if two tables of parts name the same file."""
    paths = [(table.name, {row["path"] for row in table.rows}) for table in tables]
    for number, (name, own) in enumerate(paths):
        for other, theirs in paths[:number]:
            if both := own & theirs:
                count = f"{len(both)} file{'s' * (len(both) > 1)}"
                raise DatasetError(
                    f"{other} and {name} in {listing.name} are tables of parts, and both name "
                    f"{count}, such as {quoted(min(both))}; remove it from one, or give one of "
                    f"the tables, as in --data {listing.name}/{other}"
                )


def _joined(tables: Sequence[LabelTable]) -> LabelTable:
    """Return the rows of tables of parts as those of one table."""
    role, value = ("split", _part) if _part(tables[0].name) else ("fold", _fold)
    rows = [{role: value(table.name) or ""} | row for table in tables for row in table.rows]
    return replace(
        tables[0],
        name=" and ".join(table.name for table in tables),
        tables=tuple(table.name for table in tables),
        rows=rows,
        missing=[item for table in tables for item in table.missing],
        unlabelled=[item for table in tables for item in table.unlabelled],
        note=count_text(rows) or tables[0].note,
    )
