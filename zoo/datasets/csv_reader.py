"""CSV files with a header, read with messages that name file, line and column."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo_registry.errors import DatasetError
from zoo_registry.text import brief, quoted

__all__ = ["Table", "read_table"]


@dataclass(frozen=True)
class Table:
    """A CSV file: its columns, and its rows, which are read while one goes through them, once.

    Attributes
    ----------
    path : Path
    columns : list of str
    rows : iterator of (int, list of str)
        The line on which each row begins, and as many values as there are columns.
    """

    path: Path | str
    columns: list[str]
    rows: Iterator[tuple[int, list[str]]]

    def require(self, column: str, purpose: str) -> None:
        """Raise `DatasetError` unless there is this column."""
        if column not in self.columns:
            raise DatasetError(
                f"{self.path} has no column {column!r} ({purpose}); "
                f"its columns are: {', '.join(map(brief, self.columns[:12]))}"
            )

    def numbered(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the line number of each row, and the row by column name."""
        for number, row in self.rows:
            yield number, dict(zip(self.columns, row, strict=True))


def read_table(path: Path, called: str | None = None) -> Table:
    """Begin to read a CSV file.

    Parameters
    ----------
    path : Path
    called : str, optional
        What messages call it, where `path` is that of a copy.

    Raises
    ------
    DatasetError
        If it cannot be read, has no header, names a column twice, or, once one comes to it, holds
        a row of another length.
    """
    name = called or path
    rows = _rows(path, name)
    _, head = next(rows, (0, None))
    if head is None:
        raise DatasetError(f"{name} is empty; its first line has to name the columns")
    columns = [name.strip() for name in head]
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise DatasetError(f"{name} has two columns called {quoted(twice)}; rename one")
    return Table(name, columns, rows)


def _rows(path: Path, name: Path | str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty, the first of which is the header, and its line."""
    width = None
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            begins = 1
            for row in reader:
                width = width or len(row)
                if row and len(row) != width:
                    raise DatasetError(
                        f"{name}, line {begins}: {len(row)} values for {width} columns"
                    )
                if row:
                    yield begins, row
                begins = reader.line_num + 1
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatasetError(f"{name} cannot be read as CSV in UTF-8: {reason}") from error
