"""A CSV feature table: one row a track, numbers as features, a ``label`` column."""

import hashlib
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.datasets.base import FeatureTable, Track
from zoo.datasets.csv_reader import read_table
from zoo_registry.errors import DatasetError
from zoo_registry.text import quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["read_feature_table"]

_ID_COLUMNS = ("track", "path", "filename", "file", "id")
_ANNOTATIONS = ("label", "group", "recording", "fold", "split")
# The length of the file, which a widespread table of GTZAN carries: it tells from which disc a
# track was cut, not how it sounds, and alone lifts a random forest by nine points.
_OF_THE_FILE = ("length",)
_AT_ONCE = 1024  # rows


def read_feature_table(path: Path) -> FeatureTable:
    """Read a feature table.

    The first column called track, path, filename, file or id names the tracks
    (without one they are numbered); ``group``, ``recording``, ``fold`` and ``split`` are as in
    ``metadata.csv``; ``length`` is left out; every other column has to be numeric,
    and is a feature.

    Raises
    ------
    DatasetError
        If there is no label, no feature, or a value that is no finite number.
    """
    import numpy as np

    table = read_table(path)
    table.require("label", "the class of each track")
    id_column = next((name for name in _ID_COLUMNS if name in table.columns), None)
    names = [
        name for name in table.columns if name not in (*_ANNOTATIONS, *_OF_THE_FILE, id_column)
    ]
    if not names:
        raise DatasetError(f"{path} has no feature: every column is an annotation")
    places = [table.columns.index(name) for name in names]
    known = {
        name: table.columns.index(name)
        for name in (*_ANNOTATIONS, id_column)
        if name in table.columns
    }
    tracks: list[Track] = []
    parts = [np.empty((0, len(names)), dtype=np.float32)]
    # As text a table is twenty times as large as in numbers.
    while rows := list(islice(table.rows, _AT_ONCE)):
        texts = [[row[place] for place in places] for _, row in rows]
        parts.append(_numbers(path, [line for line, _ in rows], names, texts))
        for (number, row), values in zip(rows, parts[-1], strict=True):
            said = {name: row[place] for name, place in known.items()}
            track = Track(
                id=said[id_column] if id_column else f"line {number:06d}",
                label=_label(path, number, said["label"]),
                digest=hashlib.sha256(values.tobytes()).hexdigest(),
                group=said.get("group") or None,
                recording=said.get("recording") or None,
                fold=said.get("fold") or None,
                split=said.get("split") or None,
            )
            tracks.append(track)
    return FeatureTable(path.stem, str(path), tracks, np.concatenate(parts), names)


def _numbers(
    path: Path, lines: list[int], names: list[str], texts: list[list[str]]
) -> "NDArray[np.float32]":
    """Return the numbers of some rows, float32, shape (rows, names)."""
    import numpy as np

    try:
        values = np.array(texts, dtype=np.float64)
    except ValueError:
        values = np.array([[_number(text) for text in row] for row in texts])
    sound = np.abs(values) <= np.finfo(np.float32).max
    if not sound.all():
        row, column = np.argwhere(~sound)[0]
        raise DatasetError(
            f"{path}, line {lines[row]}: {quoted(texts[row][column])} in column "
            f"{quoted(names[column])} is no finite number; mend the value or remove the column"
        )
    return values.astype(np.float32)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def _label(path: Path, number: int, label: str) -> str:
    if not label.strip():
        raise DatasetError(f"{path}, line {number}: the label is missing")
    return label
