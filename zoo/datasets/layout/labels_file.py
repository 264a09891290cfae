"""Datasets that are given as a table of labels instead of a folder."""

import os
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from zoo.audio.folders import PassedOver
from zoo.audio.kinds import is_audio
from zoo.datasets.base import Dataset
from zoo.datasets.csv_reader import read_table
from zoo.datasets.folder import read_listing, tracks_in
from zoo.datasets.layout.columns import Candidates, columns_by_role
from zoo.datasets.layout.file_index import local_path
from zoo.datasets.layout.found_tables import BESIDE
from zoo.datasets.layout.listing import Listing, local_listing
from zoo.datasets.layout.understand import NoFileNamed
from zoo.execution.progress import Reporter
from zoo_registry.files import is_file
from zoo_registry.reading import Reading

__all__ = ["read_labels_file"]

_SAMPLE = 200  # rows
_FEATURES = 8  # columns of numbers that nobody writes beside a label


@dataclass(frozen=True)
class _Look:
    """The columns of a table, and its first rows."""

    path: Path
    roles: Candidates
    columns: list[str]
    sample: list[dict[str, str]]

    @cached_property
    def places(self) -> list[str]:
        """Columns that may name files, by their names or by their values."""
        paths = self.roles.path
        like = [name for name in self.columns if any(is_audio(row[name]) for row in self.sample)]
        return list(dict.fromkeys((*paths, *like)))

    @cached_property
    def numbers(self) -> list[str]:
        """Columns that hold nothing but numbers, and have no other role."""
        roles = {name for names in vars(self.roles).values() for name in names}
        others = [name for name in self.columns if name and name not in roles]
        return [
            name
            for name in others
            if all(_is_number(row[name]) for row in self.sample)
            and any(row[name].strip() for row in self.sample)
        ]

    @property
    def has_names(self) -> bool:
        """Whether any value is called like an audio file."""
        return any(is_audio(row[name]) for row in self.sample for name in self.places)

    def existing(self) -> Iterator[tuple[Path, bool]]:
        """Yield the files that the table names as they are, and whether by an absolute path."""
        for _, row in read_table(self.path).rows:
            for name in self.places:
                value = local_path(row[name])
                if is_audio(value) and is_file(file := self.path.parent / value):
                    yield Path(os.path.normpath(file.absolute())), value.startswith("/")
                    break


def read_labels_file(
    path: Path,
    trust: bool = True,
    reporter: Reporter | None = None,
    reading: Reading | None = None,
) -> Dataset | None:
    """Return the recordings that a table names, with its labels; None for a feature table.

    The paths in the table begin at its folder or are absolute; otherwise the files are looked for
    below its folder, and if this is called ``meta`` or alike, beside it. A table with many columns
    of numbers is a feature table, also if its files are there.

    Parameters
    ----------
    path : Path
        Table.
    trust : bool
        Whether files of unchanged size and time are assumed to be unchanged.
    reporter, reading : Reporter, Reading, optional
        As for `zoo.datasets.folder.read_folder`.

    Raises
    ------
    DatasetError
        If it names no file that is there, more than one reading fits, or there are no two classes.
    """
    reading = reading or Reading()
    table = read_table(path)
    roles = columns_by_role(table.columns, reading, path)
    look = _Look(path, roles, table.columns, [row for _, row in islice(table.rows, _SAMPLE)])
    is_sure = bool(look.places) and not look.numbers
    may_be = look.has_names and len(look.numbers) < _FEATURES
    if not (is_sure or may_be or reading.path):
        return None
    reason: NoFileNamed | None = None
    for root, listing in _listings(look):
        try:
            return read_listing(
                listing,
                path.stem,
                tracks_in(root, trust),
                reporter,
                reading,
                Path(os.path.relpath(path, root)).as_posix(),
            )
        except NoFileNamed as error:
            reason = reason or error
    # A column of numbers or two, such as the years of an export, makes no feature table.
    if reason and (is_sure or (reading.path and len(look.numbers) < _FEATURES)):
        raise reason
    return None


def _listings(look: _Look) -> Iterator[tuple[Path, Listing]]:
    """Yield the listings in which the files of a table may be, each with its folder."""
    folder = look.path.parent
    here = Path(os.path.normpath(folder.absolute()))
    found = dict(look.existing())
    if outside := [file for file in found if here not in file.parents]:
        ends = {str(file.parent) for file in outside}
        if not all(found.values()):
            ends.add(str(here))
        root = Path(os.path.commonpath(ends))
        yield root, _only(root, found, look.path)
        return
    yield folder, local_listing(folder)
    if here.name.casefold() in BESIDE:
        yield here.parent, local_listing(here.parent)


def _only(root: Path, files: Iterable[Path], table: Path) -> Listing:
    """Return a listing of these files alone: nothing else in their folders is looked at."""
    paths = {file.relative_to(root).as_posix() for file in files}
    return Listing(
        name=str(root),
        files=sorted(paths),
        folders=(),
        tables=(),
        passed=PassedOver(),
        exists=paths.__contains__,
        copy=lambda path: nullcontext(root / path if path in paths else table),
    )


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return not text.strip()
    return True
