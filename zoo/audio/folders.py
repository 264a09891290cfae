"""Audio files in folders, and a count of what is skipped there."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from heapq import heappop, heappush
from operator import attrgetter
from pathlib import Path

from zoo.audio.kinds import is_audio, is_foreign, suffix_of
from zoo_registry.errors import UsageError
from zoo_registry.files import is_file
from zoo_registry.text import shown

__all__ = [
    "EMPTY",
    "LISTED",
    "NO_FILE",
    "OUTSIDE",
    "PassedOver",
    "folders",
    "may_be_file",
    "sift",
    "unlisted",
    "walk",
]

LISTED = (
    "audio files end in .wav, .flac, .mp3, .m4a, .ogg or another suffix (see Answers in the docs)"
)
NO_FILE, OUTSIDE = "no regular file{s}", "in no class folder"
EMPTY = "class folder{s} without audio files"
_OTHER, _FOREIGN = "without an audio suffix", "hidden or of another system"
_BROKEN, _AGAIN = "link{s} to nothing", "link{s} to folders that are read anyway"
_REASONS = (_OTHER, _FOREIGN, OUTSIDE, EMPTY, NO_FILE, _BROKEN, _AGAIN)  # in this order
_OWN = {"readme", "license", "licence", "metadata"}  # files that describe the others
_SHOWN = 4  # names for each reason
_LONGEST = 24  # letters of a name


class PassedOver:
    """The files and folders that are skipped, each counted once, by reason and name."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[str, str]] = {}  # reason and name, by path

    def add(self, reason: str, path: str, name: str = "") -> None:
        """Count a file, or a folder if its path ends in a slash, under its name or another."""
        self._found.setdefault(path, (reason, name or path[path.rfind("/", 0, -1) + 1 :]))

    def add_all(self, other: "PassedOver") -> None:
        """Add what another one has counted."""
        self._found = other._found | self._found

    def drop(self, used: AbstractSet[str]) -> None:
        """Forget the files of these paths, relative to any folder above them: a list names them."""
        self._found = {
            path: found for path, found in self._found.items() if used.isdisjoint(_tails(path))
        }

    def count(self, reason: str) -> int:
        """Return how many have been counted under a reason."""
        return sum(why == reason for why, _ in self._found.values())

    def forget(self, folder: str) -> None:
        """Forget what lies in a folder, given by its real path."""
        inside = f"{folder}/"
        self._found = {
            path: found for path, found in self._found.items() if not path.startswith(inside)
        }

    def ending(self, suffixes: tuple[str, ...]) -> list[str]:
        """Return the names of the files whose names end like this."""
        paths = [path for path in self._found if path.lower().endswith(suffixes)]
        return [path.rpartition("/")[2] for path in paths]

    def takes(self, path: str) -> bool:
        """Whether a file is an audio file by its name; others are counted."""
        name = path.rpartition("/")[2]
        if is_foreign(name):
            self.add(_FOREIGN, path, "._*" if name.startswith("._") else name)
        elif not is_audio(name):
            suffix = suffix_of(name)
            if name.lower().removesuffix(suffix) not in _OWN:
                is_one = len(suffix) > 1 and " " not in suffix
                self.add(_OTHER, path, suffix if is_one else "no suffix")
        else:
            return True
        return False

    def enters(self, path: str) -> bool:
        """Whether a folder may hold audio files; others are counted."""
        if is_foreign(path.rpartition("/")[2]):
            self.add(_FOREIGN, f"{path}/")
            return False
        return True

    @property
    def note(self) -> str:
        """One sentence with numbers, reasons and some names, empty if nothing was skipped."""
        return f"Skipped {self._counts()}." if self._found else ""

    @property
    def instead(self) -> str:
        """The same as the end of a sentence that says what a folder does not hold."""
        return f", but {self._counts()}" if self._found else ""

    def _counts(self) -> str:
        folders = sum(path.endswith("/") for path in self._found)
        amounts = ((len(self._found) - folders, "file"), (folders, "folder"))
        total = " and ".join(f"{n} {what}{'s' * (n > 1)}" for n, what in amounts if n)
        names = {reason: Counter[str]() for reason in _REASONS}
        for reason, name in self._found.values():
            names.setdefault(reason, Counter())[name] += 1
        return f"{total}: {', '.join(_listed(*item) for item in names.items() if item[1])}"


def _tails(path: str) -> Iterator[str]:
    """Yield a path, and what is left of it below each of its folders."""
    while path:
        yield path
        path = path.partition("/")[2]


def unlisted(table: str) -> str:
    """Return the reason of files that a table of labels does not list."""
    return "not listed in " + shown(table).replace("{", "{{").replace("}", "}}")


def _listed(reason: str, names: Counter[str]) -> str:
    """Return one reason with its number and the most frequent names."""
    ranked = names.most_common(_SHOWN)
    items = [
        f"{_short(name)} {count}" if count > 1 or reason == _OTHER else _short(name)
        for name, count in ranked
    ]
    if rest := names.total() - sum(count for _, count in ranked):
        items.append(f"{rest} more")
    total = names.total()
    return f"{total} {reason.format(s='s' * (total > 1))} ({', '.join(items)})"


def _short(name: str) -> str:
    half = _LONGEST // 2
    return shown(name if len(name) <= _LONGEST else f"{name[:half]}…{name[-half:]}")


def walk(
    folder: Path,
    passed: PassedOver,
    suffixes: Collection[str] = (),
    others: list[str] | None = None,
) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder, as `folders` does, with the names of its audio files.

    Parameters
    ----------
    folder : Path
        Outermost folder.
    passed : PassedOver
        Receives what is skipped.
    suffixes : collection of str
        Suffixes of other files that are wanted.
    others : list of str, optional
        Receives their paths, relative to `folder`.

    Raises
    ------
    UsageError
        If a folder cannot be read.
    """
    for within, place, entries in folders(folder, passed):
        names = []
        for entry in entries:
            name = entry.name
            if entry.is_symlink() and _is_lost(entry):
                passed.add(_BROKEN, place + name)
                continue
            if others is not None and suffix_of(name) in suffixes and not is_foreign(name):
                others.append(within + name)
            if passed.takes(place + name):
                if entry.is_file(follow_symlinks=False) or may_be_file(entry.path):
                    names.append(name)
                else:
                    passed.add(NO_FILE, place + name)
        yield within, names


def folders(
    folder: Path, passed: PassedOver, named: Collection[str] = ()
) -> Iterator[tuple[str, str, list["os.DirEntry[str]"]]]:
    """Yield each folder, its real path with a slash at its end, and what it holds but folders.

    A folder is relative to the outermost one: empty, or with a slash at its end. A linked folder is
    entered once, after all that are no links, unless it is read anyway or lies around the outermost
    one.

    Parameters
    ----------
    folder : Path
        Outermost folder.
    passed : PassedOver
        Receives the folders that are skipped.
    named : collection of str
        Names of folders that are entered even if they are hidden or of another system.

    Raises
    ------
    UsageError
        If a folder cannot be read.
    """
    home = Path(os.path.realpath(folder))
    entered: set[Path] = set()
    waiting, links = [("", home)], list[tuple[str, Path]]()
    # One folder at a time, since a recursion would be limited by Python's stack.
    while waiting or links:
        within, real = waiting.pop() if waiting else heappop(links)
        if real in entered or real in home.parents:
            passed.add(_AGAIN, f"{home}/{within}")
            continue
        entered.add(real)
        place, others = f"{real}/", []
        for entry in _entries(folder / within):
            name = entry.name
            if not _is_folder(entry):
                others.append(entry)
            elif name in named or passed.enters(place + name):
                inside = f"{within}{name}/"
                if entry.is_symlink():
                    heappush(links, (inside, Path(os.path.realpath(entry.path))))
                else:
                    waiting.append((inside, real / name))
        yield within, place, others


def _entries(folder: Path) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=attrgetter("name"))
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read: {error.strerror}") from error


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link in a circle
        return False


def _is_lost(entry: "os.DirEntry[str]") -> bool:
    """Whether a link, neither hidden nor called like an audio file, leads to nothing."""
    name = entry.name
    return not (is_foreign(name) or is_audio(name) or os.path.exists(entry.path))  # noqa: PTH110


def may_be_file(path: str) -> bool:
    """Whether this is a regular file, or a link to nothing: it may lead to a disk that is away."""
    return is_file(path) or not os.path.exists(path)  # noqa: PTH110  (allows a long name)


def sift(paths: Iterable[str], passed: PassedOver) -> Iterator[str]:
    """Yield the audio files among relative paths, as `walk` finds them; folders end in a slash."""
    for path in paths:
        *above, name = path.split("/")
        for depth, folder in enumerate(above, start=1):
            if is_foreign(folder):
                passed.enters("/".join(above[:depth]))
                break
        else:
            if name and passed.takes(path):
                yield path
