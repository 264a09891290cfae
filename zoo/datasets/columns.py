"""CSV files with a header, read with messages that name file, line and column."""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zoo_registry.errors import DatasetError
from zoo_registry.text import brief, quoted

__all__ = ["Table", "read_table"]


@dataclass(frozen=True)
class Table:
    """The rows of a CSV file, each as long as the header, and the lines on which they begin."""

    path: Path
    columns: list[str]
    rows: list[list[str]]
    lines: list[int]

    def require(self, column: str, purpose: str) -> None:
        """Raise `DatasetError` unless there is this column."""
        if column not in self.columns:
            raise DatasetError(
                f"{self.path} has no column {column!r} ({purpose}); "
                f"its columns are: {', '.join(map(brief, self.columns[:12]))}"
            )

    def numbered(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the line number of each row, and the row by column name."""
        for number, row in zip(self.lines, self.rows, strict=True):
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
            numbered = list(_numbered(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DatasetError(f"{path} cannot be read as CSV in UTF-8: {reason}") from error
    if not numbered:
        raise DatasetError(f"{path} is empty; its first line has to name the columns")
    lines, rows = [line for line, _ in numbered[1:]], [row for _, row in numbered[1:]]
    columns = [name.strip() for name in numbered[0][1]]
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise DatasetError(f"{path} has two columns called {quoted(twice)}; rename one")
    for number, row in zip(lines, rows, strict=True):
        if len(row) != len(columns):
            raise DatasetError(
                f"{path}, line {number}: {len(row)} values for {len(columns)} columns"
            )
    return Table(path, columns, rows, lines)


def _numbered(file: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that is not empty, and the line on which it begins."""
    reader = csv.reader(file)
    begins = 1
    for row in reader:
        if row:
            yield begins, row
        begins = reader.line_num + 1
