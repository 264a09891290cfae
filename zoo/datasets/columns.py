"""CSV files with a header, read with messages that name file, line and column."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo_registry.errors import DatasetError

__all__ = ["Table", "read_table"]


@dataclass(frozen=True)
class Table:
    """The rows of a CSV file, each as long as the header."""

    path: Path
    columns: list[str]
    rows: list[list[str]]

    def require(self, column: str, purpose: str) -> None:
        """Raise `DatasetError` unless there is this column."""
        if column not in self.columns:
            raise DatasetError(
                f"{self.path} has no column {column!r} ({purpose}); "
                f"its columns are: {', '.join(self.columns[:12])}"
            )

    def numbered(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the line number of each row, and the row by column name."""
        for number, row in enumerate(self.rows, start=2):
            yield number, dict(zip(self.columns, row, strict=True))

    def column(self, name: str) -> list[str]:
        """Return all values of a column."""
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


def read_table(path: Path) -> Table:
    """Read a CSV file.

    Raises
    ------
    DatasetError
        If it cannot be read, has no header, names a column twice, or holds a row of another length.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatasetError(f"{path} cannot be read as CSV in UTF-8: {reason}") from error
    if not lines:
        raise DatasetError(f"{path} is empty; its first line has to name the columns")
    columns = [name.strip() for name in lines[0]]
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise DatasetError(f"{path} has two columns called {twice!r}; rename one")
    for number, row in enumerate(lines[1:], start=2):
        if len(row) != len(columns):
            raise DatasetError(
                f"{path}, line {number}: {len(row)} values for {len(columns)} columns"
            )
    return Table(path, columns, lines[1:])
