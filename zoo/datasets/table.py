"""Reader of CSV feature tables: one row per track, numeric features, a ``label`` column."""

import hashlib
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.datasets.base import ANNOTATIONS, FeatureTable, Track
from zoo.datasets.csv_reader import read_table
from zoo_registry.errors import DatasetError
from zoo_registry.text import quoted

__all__ = ["read_feature_table"]

_ID_COLUMNS = ("track", "path", "filename", "file", "id")
# A widespread table of GTZAN has the length of the file as a column. It depends on the source of
# a recording rather than on the music, and alone raises a random forest by nine points.
_NOT_MUSIC = ("length",)
_AT_ONCE = 1024  # rows


def read_feature_table(path: Path) -> FeatureTable:
    """Return the feature table in a CSV file.

    The first column named track, path, filename, file or id has the ids of the tracks; without
    one, they are numbered. ``group``, ``recording``, ``fold`` and ``split`` have the same meaning
    as in ``metadata.csv``; ``length`` is ignored. Every other column is a feature.

    Parameters
    ----------
    path : Path
        CSV file in UTF-8.

    Raises
    ------
    DatasetError
        If there is no label, no feature, or a value that is not a finite number.
    """
    table = read_table(path)
    table.require("label", "the class of each track")
    columns = table.columns
    id_column = next((name for name in _ID_COLUMNS if name in columns), None)
    known = [name for name in ("label", *ANNOTATIONS, id_column) if name in columns]
    names = [name for name in columns if name not in (*known, *_NOT_MUSIC)]
    if not names:
        raise DatasetError(f"{path} has no feature: every column is an annotation")
    tracks: list[Track] = []
    parts = [np.empty((0, len(names)), dtype=np.float32)]
    # Converted in parts, because text takes twenty times the memory of the numbers.
    while lines := list(islice(table.rows, _AT_ONCE)):
        parts.append(_numbers(path, lines, names))
        for (number, row), values in zip(lines, parts[-1], strict=True):
            if not row["label"].strip():
                raise DatasetError(f"{path}, line {number}: the label is missing")
            name = row[id_column] if id_column else f"line {number:06d}"
            digest = hashlib.sha256(values.tobytes()).hexdigest()
            tracks.append(Track.from_row(name, row, digest))
    return FeatureTable(path.stem, str(path), tracks, np.concatenate(parts), names)


def _numbers(
    path: Path, lines: list[tuple[int, dict[str, str]]], names: list[str]
) -> NDArray[np.float32]:
    """Return the features of some lines, float32, shape (lines, names)."""
    texts = [[row[name] for name in names] for _, row in lines]
    try:
        values = np.array(texts, dtype=np.float64)
    except ValueError:
        values = np.array([[_number(text) for text in row] for row in texts])
    finite = np.abs(values) <= np.finfo(np.float32).max
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise DatasetError(
            f"{path}, line {lines[row][0]}: {quoted(texts[row][column])} in column "
            f"{quoted(names[column])} is no finite number; mend the value or remove the column"
        )
    return values.astype(np.float32)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
