"""A CSV feature table: one row a track, numbers as features, a ``label`` column."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.datasets.base import Dataset, Track
from zoo.datasets.columns import Table, read_table
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


def read_feature_table(path: Path) -> Dataset:
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
    features = np.column_stack([_numbers(table, name) for name in names])
    tracks = [
        Track(
            id=row[id_column] if id_column else f"line {number:06d}",
            label=_label(path, number, row["label"]),
            digest=hashlib.sha256(values.tobytes()).hexdigest(),
            group=row.get("group") or None,
            recording=row.get("recording") or None,
            fold=row.get("fold") or None,
            split=row.get("split") or None,
        )
        for (number, row), values in zip(table.numbered(), features, strict=True)
    ]
    return Dataset(path.stem, str(path), tracks, features, names)


def _numbers(table: Table, name: str) -> "NDArray[np.float32]":
    import numpy as np

    texts = table.column(name)
    try:
        values = np.array(texts, dtype=np.float64)
    except ValueError:
        values = np.array([_number(text) for text in texts])
    sound = np.abs(values) <= np.finfo(np.float32).max
    if not sound.all():
        row = int(np.flatnonzero(~sound)[0])
        where = f"{table.path}, line {table.lines[row]}"
        raise DatasetError(
            f"{where}: {quoted(texts[row])} in column {quoted(name)} is no finite number; "
            "mend the value or remove the column"
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
