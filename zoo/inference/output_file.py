"""Predictions as lines of JSON or CSV, and a file of them that can be continued."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from zoo.inference.prediction import Prediction
from zoo_registry.errors import UsageError
from zoo_registry.files import naming, write_text
from zoo_registry.text import brief, csv_text, encodable, json_text

__all__ = ["OutputFile", "csv_header", "csv_lines", "json_line"]

_COLUMNS = (
    *("path", "label", "label_mean", "confidence", "windows", "seconds", "reason", "error"),
    "run",
)
_TIMELINE = ("path", "start", "end", "label", "confidence", "reason", "error", "run")


def json_line(prediction: Prediction) -> str:
    """Return one line of JSON."""
    return json_text(prediction.to_json()) + "\n"


def csv_header(timeline: bool) -> str:
    """Return the line with the names of the columns."""
    return _csv([_TIMELINE if timeline else _COLUMNS])


def csv_lines(prediction: Prediction, timeline: bool) -> str:
    """Return the row of a file, or with its timeline one row per window."""
    plain = prediction.to_json()
    windows = plain["timeline"] if timeline and prediction.error is None else [{}]
    columns = _TIMELINE if timeline else _COLUMNS
    cells = ([(plain | window).get(name) for name in columns] for window in windows)
    return _csv([f"{x:.6g}" if isinstance(x, float) else x for x in row] for row in cells)


def _csv(rows: Iterable[Iterable[Any]]) -> str:
    return encodable(csv_text(rows))


class OutputFile:
    """File of predictions that grows during a command.

    Predictions of an interrupted command are kept, so that the same command continues it.
    Files with an error are classified again.

    Parameters
    ----------
    path : Path
        The file; created if it does not exist.
    as_csv, timeline : bool
        Whether it holds CSV rather than lines of JSON; and one row per window, in CSV.
    run : str
        Name of the model.

    Attributes
    ----------
    done : set of str
        Audio files that have a prediction.

    Raises
    ------
    UsageError
        If the file holds something else, or predictions of another run.
    """

    def __init__(self, path: Path, as_csv: bool, timeline: bool, run: str) -> None:
        self.path = path
        self._as_csv = as_csv
        self._timeline = timeline
        self.done: set[str] = set()
        head = csv_header(timeline) if as_csv else ""
        try:
            content = path.read_bytes() if path.exists() else b""
            # An interruption may have cut the last line, also within a character.
            whole = content[: content.rfind(b"\n") + 1].decode("utf-8")
            if whole and not whole.startswith(head):
                raise ValueError("its columns are others")
            kept = list(self._kept(whole[len(head) :], run))
        except (OSError, ValueError, KeyError, TypeError, RecursionError, csv.Error) as error:
            raise UsageError(
                f"{path} cannot be continued ({error}); give another --output"
            ) from error
        write_text(path, head + "".join(kept))

    def _kept(self, text: str, run: str) -> Iterator[str]:
        """Yield the lines of complete predictions."""
        rows: list[tuple[dict[str, Any], str]]
        if self._as_csv:
            names = _TIMELINE if self._timeline else _COLUMNS
            read = list(csv.reader(io.StringIO(text, newline="")))
            if read and len(read[-1]) < len(names):  # cut at a line end within a name
                del read[-1]
            rows = [(dict(zip(names, cells, strict=True)), _csv([cells])) for cells in read]
        else:
            # A name may contain other line ends of `splitlines`; JSON ends lines with this one.
            rows = [(json.loads(line), line + "\n") for line in text.split("\n")[:-1]]
        # Some windows of the last file may be missing.
        last = rows[-1][0]["path"] if rows and self._as_csv and self._timeline else None
        for row, line in rows:
            if row["run"] != run:
                raise ValueError(f"it holds answers of {brief(str(row['run']))}, not of {run}")
            if not row["error"] and row["path"] != last:
                self.done.add(row["path"])
                yield line

    def holds(self, path: str) -> bool:
        """Return whether an audio file has a prediction, also if its name is not UTF-8."""
        return path in self.done or encodable(path) in self.done

    @contextmanager
    def open(self) -> Iterator[TextIO]:
        """Open the file to add lines."""
        with naming(self.path), self.path.open("a", encoding="utf-8", newline="") as file:
            yield file
