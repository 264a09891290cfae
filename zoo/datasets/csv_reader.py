"""Reader of CSV files with a header, whose errors report file, line and column."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo_registry.errors import DatasetError
from zoo_registry.text import brief, quoted

__all__ = ["Table", "read_table"]


@dataclass(frozen=True)
class Table:
    """Columns of a CSV file, and its rows, which are read during a single iteration.

    Attributes
    ----------
    path : Path or str
        File, as error messages name it.
    columns : list of str
        Names in the header.
    rows : iterator of (int, dict)
        Line on which a row begins, and its values by column name.
    """

    path: Path | str
    columns: list[str]
    rows: Iterator[tuple[int, dict[str, str]]]

    def require(self, column: str, purpose: str) -> None:
        """Raise `DatasetError` if `column` is missing; `purpose` explains its content."""
        if column not in self.columns:
            raise DatasetError(
                f"{self.path} has no column {column!r} ({purpose}); "
                f"its columns are: {', '.join(map(brief, self.columns[:12]))}"
            )


def read_table(path: Path, called: str | None = None) -> Table:
    """Return the columns of a CSV file, and its rows, which are read later.

    Parameters
    ----------
    path : Path
        File in UTF-8.
    called : str, optional
        Name in error messages, if `path` is a temporary copy.

    Raises
    ------
    DatasetError
        If the file cannot be read, has no header or a column name twice. While the rows are read:
        if a row has another number of values than the header.
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
    records = ((line, dict(zip(columns, row, strict=True))) for line, row in rows)
    return Table(name, columns, records)


def _rows(path: Path, name: Path | str) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the values of each row that is not empty, the header first."""
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
