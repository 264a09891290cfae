"""The undo file of ``zoo tag``: a line of JSON per file, written before it is replaced."""

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from zoo_plugins._tagging.genres import TagsError, read_tags, remove_tags, write_genre
from zoo_plugins._tagging.replacement import obstacle, replace_file, sha256_of
from zoo_registry.errors import UsageError
from zoo_registry.files import naming, sweep, sync, unwritable
from zoo_registry.structures import Structure, from_plain
from zoo_registry.text import in_a_line

__all__ = ["Entry", "UndoFile", "read_entries", "undo"]


class Entry(Structure, kw_only=True):
    """What a file had, and what it got.

    `former` holds the values of its genre as its tags had them; `is_new` is true if it had no tags.
    `size` is that of the file before.
    """

    path: str
    kind: str
    genre: str
    former: list[Any]
    is_new: bool
    size: int
    before: str
    after: str
    run: str
    confidence: float


class UndoFile:
    """File to which entries are added; it is created with the first one.

    Parameters
    ----------
    path : Path, optional
        File, continued if it exists; by default one of this moment in the current folder.

    Raises
    ------
    UsageError
        If the file holds something else, or cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        moment = datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
        self.path = path or Path(f"zoo-tag-{moment}-{os.getpid()}.undo.jsonl")
        self.count = 0
        self._begin = b""
        folder = self.path.parent
        try:
            if self.path.exists():
                if not self.path.is_file():  # a device keeps nothing, a pipe would wait
                    raise UsageError(f"{self.path} is not a file; give another --undo-file")
                content = self.path.read_bytes()
                if content and not list(_parsed(content)):
                    raise UsageError(
                        f"{self.path} is not an undo file of `zoo tag`; give another --undo-file"
                    )
                self._begin = b"\n" if content and not content.endswith(b"\n") else b""
                self.path.open("ab").close()  # raises the error of a file that may not be written
            elif not os.access(folder, os.W_OK | os.X_OK):
                raise UsageError(
                    f"the undo file cannot be written to {folder.absolute()}; give another place "
                    "with --undo-file"
                )
        except OSError as error:
            reason = unwritable(self.path, error, "give another --undo-file")
            raise UsageError(reason) from error

    def add(self, entry: Entry) -> None:
        """Add a line; it is on the disk when this returns."""
        is_new = not self.path.exists()
        line = json.dumps(entry.to_dict()).encode("ascii") + b"\n"
        with naming(self.path), self.path.open("ab") as file:
            file.write(self._begin + line)  # at once, as another process may add lines, too
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync(self.path.parent)
        self._begin = b""
        self.count += 1


def read_entries(path: Path) -> list[Entry]:
    """Return the entries of an undo file, without one that was being written.

    Parameters
    ----------
    path : Path
        Undo file.

    Raises
    ------
    UsageError
        If it cannot be read, or is none.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    entries = list(_parsed(content))
    if not entries:
        raise UsageError(f"{path} is not an undo file: it has no line that `zoo tag` has written")
    return entries


def _parsed(content: bytes) -> Iterator[Entry]:
    # A line that was cut off belongs to a file that was not replaced.
    for line in content.split(b"\n"):
        try:
            yield from_plain(json.loads(line), Entry)
        except (ValueError, RecursionError):
            continue


def undo(entries: list[Entry]) -> Iterator[tuple[Entry, str | None, bool]]:
    """Restore former genres, the last one first.

    Parameters
    ----------
    entries : list of Entry
        Result of `read_entries`.

    Yields
    ------
    entry : Entry
        One of them.
    reason : str or None
        Why the file was left as it is, None if its genre is restored.
    failed : bool
        Whether the file should have been restored, but could not be.
    """
    for folder in {Path(entry.path).parent for entry in entries}:
        sweep(folder)  # an undo that was killed may have left a copy where nothing is left to do
    restored: dict[str, str] = {}  # what the content of a file stands for, after its last undo
    for entry in reversed(entries):
        path = Path(entry.path)
        try:
            now = restored.get(entry.path) or sha256_of(path)
            if now == entry.after:
                _restore(path, entry)
                restored[entry.path] = entry.before
                yield entry, None, False
            elif now == entry.before or _has_former(path, entry):
                yield entry, "it is as it was before", False
            else:
                yield entry, "it was changed after `zoo tag`; nothing was restored", True
        except FileNotFoundError:
            yield entry, "the file no longer exists", True
        except (OSError, TagsError) as error:
            yield entry, in_a_line(error), True


def _has_former(path: Path, entry: Entry) -> bool:
    found = read_tags(path, entry.kind)
    return found is not None and found.values == entry.former


def _restore(path: Path, entry: Entry) -> None:
    if path.is_symlink():
        raise TagsError("it has become a link; nothing was restored")
    if reason := obstacle(path, [path]):
        raise TagsError(reason)
    seen, tags = path.stat(), read_tags(path, entry.kind)
    if tags is None:
        raise TagsError("its tags are gone")

    def change(copy: Path) -> None:
        if entry.is_new:
            remove_tags(path, copy, tags, entry.size)
        else:
            write_genre(path, copy, tags, entry.former, entry.size)

    replace_file(path, seen, change, lambda *_: None)
