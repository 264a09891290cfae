"""Reader of text tables with a header, in any usual separator and encoding.

Errors report file, line and column.
"""

import codecs
import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from zoo_registry.errors import DatasetError
from zoo_registry.text import brief, quoted

__all__ = ["Table", "TableError", "read_table"]

_SEPARATORS = (",", ";", "\t", "|")
_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_LAST = "cp1252"  # of Western Windows; what is not UTF-8 is read as this
_SAMPLE = 100  # rows from which the separator is found
_BLOCK = 1 << 16  # bytes


class TableError(DatasetError):
    """A table cannot be read, or has no such column."""


@dataclass(frozen=True)
class Table:
    """Columns of a table, and its rows, which are read during a single iteration.

    Attributes
    ----------
    path : Path or str
        File, as error messages name it.
    columns : list of str
        Names in the header.
    rows : iterator of (int, dict)
        Line on which a row begins, and its values by column name.
    form : str
        Separator and encoding for a sentence, such as "separated by ';', in cp1252"; empty for
        commas and UTF-8.
    separator : str
        Character between the values.
    """

    path: Path | str
    columns: list[str]
    rows: Iterator[tuple[int, dict[str, str]]]
    form: str = ""
    separator: str = ","

    def require(self, column: str, purpose: str) -> None:
        """Raise `TableError` if `column` is missing; `purpose` explains its content."""
        if column not in self.columns:
            raise TableError(
                f"{self.path} has no column {column!r} ({purpose}); "
                f"its columns are: {', '.join(map(brief, self.columns[:12]))}"
            )


def read_table(path: Path, called: str | None = None) -> Table:
    """Return the columns of a table, and its rows, which are read later.

    The separator is the one of comma, semicolon, tab and bar with which the first rows have the
    same number of values. The encoding is UTF-8, UTF-16, or else cp1252.

    Parameters
    ----------
    path : Path
        Text file.
    called : str, optional
        Name in error messages, if `path` is a temporary copy.

    Raises
    ------
    TableError
        If the file cannot be read, has no header or a column name twice. While the rows are read:
        if a row has another number of values than the header.
    """
    name = called or path
    encoding = _encoding(path, name)
    separator = _separator(path, name, encoding)
    rows = _rows(path, name, encoding, separator)
    _, head = next(rows, (0, None))
    if head is None:
        raise TableError(f"{name} is empty; its first line has to name the columns")
    columns = [name.strip() for name in head]
    if len(set(columns)) < len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise TableError(f"{name} has two columns called {quoted(twice)}; rename one")
    records = ((line, dict(zip(columns, row, strict=True))) for line, row in rows)
    forms = []
    if separator != ",":
        forms.append("separated by " + ("tabs" if separator == "\t" else repr(separator)))
    if not encoding.startswith("utf-8"):
        forms.append(f"in {encoding}" + ", which is a guess" * (encoding == _LAST))
    return Table(name, columns, records, ", ".join(forms), separator)


def _encoding(path: Path, name: Path | str) -> str:
    """Return the encoding with which all of a file can be read."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
            for bom, encoding in _BOMS.items():
                if head.startswith(bom):
                    return encoding
            if len(head) == 4 and head.count(0) == 2:  # noqa: PLR2004  (letters of two bytes)
                return "utf-16-be" if head[0] == 0 else "utf-16-le"
            file.seek(0)
            decoder = codecs.getincrementaldecoder("utf-8")()
            try:
                while block := file.read(_BLOCK):
                    decoder.decode(block)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                return _LAST
    except OSError as error:
        raise TableError(f"{name} cannot be read as CSV: {error.strerror}") from error
    return "utf-8"


def _separator(path: Path, name: Path | str, encoding: str) -> str:
    """Return the separator with which the first rows have most values, all the same number."""
    widths = {}
    for separator in _SEPARATORS:
        rows = _raw(path, name, encoding, separator)
        found = Counter(len(row) for _, row in islice(rows, _SAMPLE))
        if found and max(found) > 1:
            widths[separator] = (len(found) == 1, next(iter(found)))
    return max(widths, key=widths.__getitem__, default=",")


def _rows(
    path: Path, name: Path | str, encoding: str, separator: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the values of each row that is not empty, the header first."""
    width = 0
    for line, row in _raw(path, name, encoding, separator):
        # Spreadsheets write separators for cells that were used once.
        while row and len(row) > width and not row[-1].strip():
            row.pop()
        width = width or len(row)
        if not any(map(str.strip, row)):
            continue
        if len(row) != width:
            raise TableError(f"{name}, line {line}: {len(row)} values for {width} columns")
        yield line, row


def _raw(
    path: Path, name: Path | str, encoding: str, separator: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the values of each row that is not empty, with any number of values."""
    try:
        with path.open(encoding=encoding, newline="") as file:
            reader = csv.reader(file, delimiter=separator)
            begins = 1
            for row in reader:
                # Spreadsheets may write their separator into a line of its own.
                if row and not (begins == 1 and row[0].startswith("sep=")):
                    yield begins, row
                begins = reader.line_num + 1
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise TableError(
            f"{name} cannot be read as CSV in {encoding}: {reason}; save it in UTF-8"
        ) from error
