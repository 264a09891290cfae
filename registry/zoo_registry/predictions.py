"""Out-of-fold predictions of a run, and their CSV forms.

These are `predictions.csv`, `robustness.csv` and `sizes.csv`.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zoo_registry.errors import RunError
from zoo_registry.frames import data_frame
from zoo_registry.text import csv_text, first_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray
    from pandas import DataFrame

__all__ = [
    "MOST_CLASSES",
    "OTHER",
    "ChangedPredictions",
    "Predictions",
    "SizedPredictions",
    "real_columns",
]

_CHANGE, _SIZE = "change", "size"  # columns in front of the others
_LEADING = ("track", "label", "fold", "sha256", "group")
_VOTES = "votes:"
_MEAN = "probability:"
OTHER = "_other"  # label of tracks that models are trained against; no class on a board
MOST_CLASSES = 4096  # pairs of more would fill the memory
_MOST = 2**31  # windows of a track; sums of more could leave the 64 bits
_SURE = 1.001  # a plugin's probabilities may be off by rounding


@dataclass(frozen=True)
class Predictions:
    """Out-of-fold predictions, one row per tested track.

    Attributes
    ----------
    classes : tuple of str
    tracks : tuple of str
        Track ids; each occurs several times if a protocol repeats.
    labels : int64 array, shape (rows,)
        Index into `classes`.
    folds : int64 array, shape (rows,)
    digests : tuple of str
        The first 16 hexadecimal digits of the sha256 of each track's bytes.
    groups : int64 array, shape (rows,)
        Tracks with the same number belong together.
    votes : int64 array, shape (rows, classes)
        Number of windows of the track with each class as winner.
    probabilities : float64 array, shape (rows, classes)
        Mean over the windows.
    """

    classes: tuple[str, ...]
    tracks: tuple[str, ...]
    labels: "NDArray[np.int64]"
    folds: "NDArray[np.int64]"
    digests: tuple[str, ...]
    groups: "NDArray[np.int64]"
    votes: "NDArray[np.int64]"
    probabilities: "NDArray[np.float64]"

    def __len__(self) -> int:
        return len(self.tracks)

    @classmethod
    def concatenate(cls, parts: Sequence["Predictions"]) -> "Predictions":
        """Join the predictions of several folds, in the order given."""
        import numpy as np

        return cls(
            parts[0].classes,
            tuple(track for part in parts for track in part.tracks),
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.folds for part in parts]),
            tuple(item for part in parts for item in part.digests),
            np.concatenate([part.groups for part in parts]),
            np.concatenate([part.votes for part in parts]),
            np.concatenate([part.probabilities for part in parts]),
        )

    @property
    def scored(self) -> "Predictions":
        """The rows that scores are computed from: those of tracks of a real class."""
        # The columns stay, because such a track may be taken for `OTHER`, which is wrong.
        if OTHER not in self.classes:
            return self
        return self.take((self.labels != self.classes.index(OTHER)).nonzero()[0].tolist())

    @property
    def real(self) -> list[int]:
        """The columns of the real classes, which are all but `OTHER`."""
        return real_columns(self.classes)

    def take(self, rows: Sequence[int]) -> "Predictions":
        """Return some of the rows, by number, in the order given."""
        picked = list(rows)
        return Predictions(
            self.classes,
            tuple(self.tracks[row] for row in picked),
            self.labels[picked],
            self.folds[picked],
            tuple(self.digests[row] for row in picked),
            self.groups[picked],
            self.votes[picked],
            self.probabilities[picked],
        )

    def to_frame(self) -> "DataFrame":
        """Return a data frame with the columns of `predictions.csv`; it needs pandas."""
        head, *rows = self._to_rows(lambda mean: mean)
        return data_frame(dict(zip(map(str, head), zip(*rows, strict=True), strict=True)))

    def to_csv(self) -> str:
        """Return the text of `predictions.csv`."""
        # The line ends are those of RFC 4180, so that a name with either sign is quoted.
        return csv_text(self._to_rows(), "\r\n")

    def _to_rows(self, figure: Callable[[float], object] = "{:.9g}".format) -> list[list[object]]:
        """Return the header and the rows of the CSV form."""
        head = [_VOTES + name for name in self.classes] + [_MEAN + name for name in self.classes]
        rows: list[list[object]] = [[*_LEADING, *head]]
        for track, label, fold, sha256, group, votes, means in zip(
            self.tracks,
            self.labels.tolist(),
            self.folds.tolist(),
            self.digests,
            self.groups.tolist(),
            self.votes.tolist(),
            self.probabilities.tolist(),
            strict=True,
        ):
            leading = (track, self.classes[label], fold, sha256, group)
            rows.append([*leading, *votes, *map(figure, means)])
        return rows

    @classmethod
    def from_csv(cls, text: str, origin: str) -> "Predictions":
        """Return predictions of `predictions.csv`; raises `RunError`, with `origin`, if damaged."""
        return cls._of_rows(_rows(text, origin), origin)

    @classmethod
    def _of_rows(cls, rows: list[list[str]], origin: str, least: int = 1) -> "Predictions":
        """Return the predictions of the header and at least so many rows of a CSV file."""
        import numpy as np

        head = rows[0] if rows else []
        classes = tuple(name[len(_VOTES) :] for name in head if name.startswith(_VOTES))
        expected = [*_LEADING, *(_VOTES + c for c in classes)]
        if not classes or head != expected + [_MEAN + c for c in classes]:
            raise RunError(f"{origin} does not have the columns of predictions")
        if len(classes) > MOST_CLASSES:
            raise RunError(f"{origin} is damaged: it has more than {MOST_CLASSES} classes")
        index = {name: number for number, name in enumerate(classes)}
        first, last = len(_LEADING), len(_LEADING) + len(classes)
        body = rows[1:]
        try:
            if len(body) < least or any(len(row) != len(head) for row in body):
                raise ValueError("it has no row, or a row is cut off")
            read = cls(
                classes,
                tuple(row[0] for row in body),
                np.array([index[row[1]] for row in body], dtype=np.int64),
                np.array([int(row[2]) for row in body], dtype=np.int64),
                tuple(row[3] for row in body),
                np.array([int(row[4]) for row in body], dtype=np.int64),
                _matrix([list(map(int, row[first:last])) for row in body], len(classes), np.int64),
                _matrix([list(map(float, row[last:])) for row in body], len(classes), np.float64),
            )
            counted, means = read.votes, read.probabilities
            if not ((counted >= 0) & (counted < _MOST) & (means >= 0) & (means <= _SURE)).all():
                raise ValueError("a vote or probability is out of range")
            if (read.folds < 0).any() or (read.groups < 0).any():
                raise ValueError("a fold or group is below zero")
        except (ValueError, KeyError, OverflowError) as error:
            raise RunError(f"{origin} is damaged: {first_line(error)}") from error
        return read


@dataclass(frozen=True)
class ChangedPredictions:
    """Out-of-fold predictions of changed tracks, one row per track and change.

    Attributes
    ----------
    changes : tuple of str
        Name of the change of each row; see `zoo.audio.changes`.
    predictions : Predictions
        The rows. One without votes is of a track that the model failed to classify.
    """

    changes: tuple[str, ...]
    predictions: Predictions

    def __len__(self) -> int:
        return len(self.changes)

    @property
    def tracks(self) -> int:
        """Number of tracks that were changed."""
        return len(set(self.predictions.tracks))

    @classmethod
    def concatenate(cls, parts: Sequence["ChangedPredictions"]) -> "ChangedPredictions":
        """Join the predictions of several folds, in the order given."""
        joined = Predictions.concatenate([part.predictions for part in parts])
        return cls(tuple(change for part in parts for change in part.changes), joined)

    def take(self, rows: Sequence[int]) -> "ChangedPredictions":
        """Return some of the rows, by number, in the order given."""
        return ChangedPredictions(
            tuple(self.changes[row] for row in rows), self.predictions.take(rows)
        )

    def to_csv(self) -> str:
        """Return the text of `robustness.csv`."""
        return _with_column(_CHANGE, self.changes, self.predictions)

    @classmethod
    def from_csv(cls, text: str, origin: str) -> "ChangedPredictions":
        """Return those of `robustness.csv`; raises `RunError`, with `origin`, if it is damaged."""
        # A fold may have no row, because it tests no track of the sample.
        return cls(*_without_column(_CHANGE, text, origin, least=0))


@dataclass(frozen=True)
class SizedPredictions:
    """Out-of-fold predictions of models that were fitted to fewer tracks.

    Attributes
    ----------
    sizes : tuple of int
        Number of training tracks per class that was asked for, of each row.
    predictions : Predictions
        The rows.
    """

    sizes: tuple[int, ...]
    predictions: Predictions

    def of(self, size: int) -> Predictions:
        """Return the predictions of one size."""
        return self.predictions.take([row for row, own in enumerate(self.sizes) if own == size])

    def to_csv(self) -> str:
        """Return the text of `sizes.csv`."""
        return _with_column(_SIZE, self.sizes, self.predictions)

    @classmethod
    def from_csv(cls, text: str, origin: str) -> "SizedPredictions":
        """Return those of `sizes.csv`; raises `RunError`, with `origin`, if it is damaged."""
        sizes, read = _without_column(_SIZE, text, origin)
        try:
            return cls(tuple(map(int, sizes)), read)
        except ValueError as error:
            raise RunError(f"{origin} is damaged: {first_line(error)}") from error


def _with_column(column: str, values: Sequence[object], predictions: Predictions) -> str:
    """Return predictions as CSV, with one more column in front of the others."""
    rows = zip([column, *values], predictions._to_rows(), strict=True)
    return csv_text([[value, *row] for value, row in rows], "\r\n")


def _without_column(
    column: str, text: str, origin: str, least: int = 1
) -> tuple[tuple[str, ...], Predictions]:
    """Return the values of the column in front, and the predictions of at least so many rows."""
    rows = _rows(text, origin)
    if not rows or rows[0][:1] != [column]:
        raise RunError(f"{origin} does not have the columns of predictions by {column}")
    read = Predictions._of_rows([row[1:] for row in rows], origin, least)
    return tuple(row[0] for row in rows[1:]), read


def real_columns(classes: Sequence[str]) -> list[int]:
    """Return the places of the real classes, which are all but `OTHER`."""
    return [number for number, name in enumerate(classes) if name != OTHER]


def _rows(text: str, origin: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise RunError(f"{origin} is damaged: {first_line(error)}") from error


def _matrix(rows: list[list[Any]], columns: int, dtype: "DTypeLike") -> "NDArray[Any]":
    import numpy as np

    return np.array(rows, dtype=dtype).reshape(len(rows), columns)
