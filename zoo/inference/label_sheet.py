"""The table of ``zoo label``: recordings, and the labels that a person gives them."""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from zoo.datasets.csv_reader import TableError, read_table
from zoo.datasets.layout.columns import columns_by_role, plain_name
from zoo_registry.errors import UsageError
from zoo_registry.files import atomic_path, unwritable
from zoo_registry.text import csv_text, quoted

__all__ = ["COLUMNS", "LabelSheet"]

COLUMNS = ("path", "label", "group", "guess", "confidence", "reason")

# A spreadsheet takes a cell that begins so for a formula; a blank in front makes it a text, and is
# not part of the value (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA = re.compile(r"[=+\-@\t\r]")
_PLAIN = re.compile(r"\w[^:]*")  # begins no formula, no other folder, and no address
_LEAST = 2  # classes, and groups of each, that can be trained on and tested
_BOM = "\ufeff"  # without it, spreadsheets take UTF-8 for something else


class LabelSheet:
    """The rows of the table, in order, as it is on the disk.

    Spreadsheets may save it with other separators and encodings, and people may rename the columns
    of paths and labels, and add others, and rows: all that is kept. Paths are relative to the
    folder of the table where the file is below it, and absolute elsewhere.

    Parameters
    ----------
    path : Path
        The table, which may not exist yet.

    Attributes
    ----------
    rows : list of dict
        Values by column, as they are written.

    Raises
    ------
    UsageError
        If there is another file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, str]] = []
        self._columns: Sequence[str] = COLUMNS
        self._header: Sequence[str] = COLUMNS  # as the table writes them
        self._separator = ","
        self._stamp: tuple[int, ...] | None = None
        self.refresh()

    def refresh(self) -> None:
        """Read the table again if it has changed on the disk."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return
        except OSError as error:
            raise UsageError(unwritable(self.path, error, "give another --out")) from error
        stamp = (status.st_size, status.st_mtime_ns, status.st_ino)
        if stamp == self._stamp:
            return
        if not self.path.is_file():
            raise UsageError(f"{self.path} is not a file; give another --out")
        if not status.st_size:
            return
        try:
            table = read_table(self.path)
            roles = columns_by_role(table.columns)
            given = {plain_name(name): name for name in reversed(table.columns)}
            names = {given[name]: name for name in COLUMNS if name in given}
            for name, found in (("path", roles.path), ("label", roles.label)):
                if name not in given and found:
                    names[found[0]] = name
            rows = [{names.get(of, of): row[of] for of in table.columns} for _, row in table.rows]
        except TableError as error:
            raise UsageError(f"{error}; or give another --out") from error
        if missing := [name for name in COLUMNS if name not in names.values()]:
            raise UsageError(
                f"{self.path} is not a table of `zoo label`: it has no column {quoted(missing[0])}"
                "; give another --out"
            )
        self.rows, self._separator = rows, table.separator
        self._header, self._columns = table.columns, [names.get(of, of) for of in table.columns]
        self._stamp = stamp

    def file(self, row: Mapping[str, str]) -> str:
        """Return the absolute path of the recording of a row."""
        return os.path.normpath(self.path.absolute().parent / row["path"].strip())

    def waiting(self) -> list[dict[str, str]]:
        """Return the rows without a label."""
        return [row for row in self.rows if not row["label"].strip()]

    def lack(self) -> str:
        """Return which labels are missing for a training, one sentence; empty if none are."""
        groups: dict[str, set[str]] = {}
        for row in self.rows:
            if label := row["label"].strip():
                groups.setdefault(label, set()).add(row["group"].strip() or self.file(row))
        few = [quoted(name) for name, found in groups.items() if len(found) < _LEAST]
        if len(groups) >= _LEAST and not few:
            return ""
        missing = f"too few for {', '.join(few)}" if few else "there is one class"
        return (
            "A training needs two classes, and two recordings of each that are not of the same "
            f"group; {missing if groups else 'there is no label'}."
        )

    def row_of(self, file: str) -> dict[str, str] | None:
        """Return the row of a recording, given by its absolute path."""
        return next((row for row in self.rows if self.file(row) == file), None)

    def add(self, rows: Iterable[Mapping[str, str]]) -> None:
        """Add rows, whose ``path`` is absolute, at the end; what others have changed is kept."""
        self.refresh()
        for row in rows:
            known = {name: _text(value) for name, value in row.items()}
            known["path"] = self._written(row["path"])
            self.rows.append(dict.fromkeys(self._columns, "") | known)
        self._write()

    def set_label(self, file: str, label: str) -> None:
        """Write the label of a recording; what others have changed meanwhile is kept.

        Parameters
        ----------
        file : str
            Absolute path.
        label : str
            Class; empty to take the label away.

        Raises
        ------
        UsageError
            If the table has no such row any more, or cannot be written.
        """
        self.refresh()
        row = self.row_of(file)
        if row is None:
            raise UsageError(f"{self.path} has no row of {quoted(Path(file).name)} any more")
        row["label"] = _text(label)
        self._write()

    def _written(self, file: str) -> str:
        """Return the path that the table has for a file: no formula, and without blanks around."""
        try:
            within = str(Path(file).relative_to(self.path.absolute().parent))
        except ValueError:
            return file
        return within if _PLAIN.fullmatch(within) else f"./{within}"

    def _write(self) -> None:
        lines = [self._header, *([row[name] for name in self._columns] for row in self.rows)]
        try:
            with atomic_path(self.path) as temporary:
                text = _BOM + csv_text(lines, "\r\n", self._separator)
                temporary.write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise UsageError(unwritable(self.path, error, "give another --out")) from error
        status = self.path.stat()
        self._stamp = (status.st_size, status.st_mtime_ns, status.st_ino)


def _text(value: str) -> str:
    """Return the text of a cell that no spreadsheet takes for a formula."""
    return f" {value}" if _FORMULA.match(value) else value
