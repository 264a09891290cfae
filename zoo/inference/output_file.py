"""Predictions as lines of a file, one file of audio after the other, that can be continued."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from zoo.inference.predict import Prediction
from zoo_registry.errors import UsageError
from zoo_registry.files import naming, write_text
from zoo_registry.text import brief, encodable, json_text

__all__ = ["AnswerFile", "csv_header", "csv_lines", "json_line"]

_COLUMNS = (
    *("path", "label", "label_mean", "confidence", "windows", "seconds", "reason", "error"),
    "run",
)
_TIMELINE = ("path", "start", "end", "label", "confidence", "reason", "error", "run")


def json_line(found: Prediction) -> str:
    """Return one line of JSON."""
    return json_text(found.to_json()) + "\n"


def csv_header(timeline: bool) -> str:
    """Return the line of the columns' names."""
    return _row(_TIMELINE if timeline else _COLUMNS)


def csv_lines(found: Prediction, timeline: bool) -> str:
    """Return the row of a file, or with its timeline the rows of its windows."""
    plain = found.to_json()
    if not timeline or found.error is not None:
        return _row(_cell(plain.get(name)) for name in (_TIMELINE if timeline else _COLUMNS))
    return "".join(
        _row(_cell((plain | section).get(name)) for name in _TIMELINE)
        for section in plain["timeline"]
    )


def _cell(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def _row(cells: Iterable[Any]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return encodable(out.getvalue())


class AnswerFile:
    """A file of answers that grows while files are classified.

    What is in it already is kept if it was answered, so that an interrupted command goes
    on where it stopped; errors are tried again.

    Parameters
    ----------
    path : Path
    as_csv : bool
        CSV, or JSON lines.
    timeline : bool
        Whether a file of audio has a row a window; CSV only.

    Attributes
    ----------
    done : set of str
        The paths that are answered.

    Raises
    ------
    UsageError
        If the file holds something else, or answers of another run than `run`.
    """

    def __init__(self, path: Path, as_csv: bool, timeline: bool, run: str) -> None:
        self.path = path
        self._as_csv = as_csv
        self._timeline = timeline
        self.done: set[str] = set()
        head = csv_header(timeline) if as_csv else ""
        try:
            content = path.read_bytes() if path.exists() else b""
            # A line may have been cut by the interruption, within a letter too.
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
        """Yield the lines of what is answered."""
        rows: list[tuple[dict[str, Any], str]] = []
        if self._as_csv:
            names = _TIMELINE if self._timeline else _COLUMNS
            read = list(csv.reader(io.StringIO(text, newline="")))
            if read and len(read[-1]) < len(names):  # cut at a line's end within a name
                del read[-1]
            for cells in read:
                rows.append((dict(zip(names, cells, strict=True)), _row(cells)))
        else:
            # A name may hold what `splitlines` takes for the end of a line, JSON's is this one.
            rows = [(json.loads(line), line + "\n") for line in text.split("\n")[:-1]]
        # The windows of the last file may be there in part only.
        last = rows[-1][0]["path"] if rows and self._as_csv and self._timeline else None
        for row, line in rows:
            if row["run"] != run:
                raise ValueError(f"it holds answers of {brief(str(row['run']))}, not of {run}")
            if not row["error"] and row["path"] != last:
                self.done.add(row["path"])
                yield line

    def holds(self, path: str) -> bool:
        """Whether a file of audio is answered, also one whose name is not in UTF-8."""
        return path in self.done or encodable(path) in self.done

    @contextmanager
    def open(self) -> Iterator[TextIO]:
        """Open the file to add lines."""
        with naming(self.path), self.path.open("a", encoding="utf-8", newline="") as file:
            yield file
