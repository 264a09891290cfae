"""Audio files in folders, and a count of what is passed over there."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from operator import attrgetter
from pathlib import Path

from zoo.audio.kinds import is_audio, is_foreign, suffix_of
from zoo_registry.errors import UsageError
from zoo_registry.text import shown

__all__ = ["EMPTY", "LISTED", "NO_FILE", "OUTSIDE", "PassedOver", "sift", "walk"]

LISTED = "audio files end in .wav, .flac, .mp3, .m4a, .ogg or another suffix that README.md lists"
NO_FILE, OUTSIDE = "no regular file{s}", "in no class folder"
EMPTY = "class folder{s} without audio files"
_OTHER, _FOREIGN = "without an audio suffix", "hidden or of another system"
_BROKEN, _AGAIN = "link{s} to nothing", "link{s} to folders that are read anyway"
_REASONS = (_OTHER, _FOREIGN, OUTSIDE, EMPTY, NO_FILE, _BROKEN, _AGAIN)  # in this order
_OWN = {"readme", "license", "licence", "metadata"}  # files that describe the others
_SHOWN = 4  # names for each reason
_LONGEST = 24  # letters of a name


class PassedOver:
    """A count of files and folders that are passed over, by reason and name."""

    def __init__(self) -> None:
        self._names = {reason: Counter[str]() for reason in _REASONS}
        self._files = self._folders = 0

    def add(self, reason: str, name: str, is_folder: bool = False) -> None:
        """Count a file or folder under a reason and a name; several may have the same."""
        self._folders += is_folder
        self._files += not is_folder
        self._names[reason][f"{name}/" if is_folder else name] += 1

    def add_all(self, other: "PassedOver") -> None:
        """Add what another one has counted."""
        self._files += other._files
        self._folders += other._folders
        for reason, names in other._names.items():
            self._names[reason].update(names)

    def count(self, reason: str) -> int:
        """Return how many have been counted under a reason."""
        return self._names[reason].total()

    def takes(self, name: str) -> bool:
        """Whether a file is an audio file by its name; others are counted."""
        if is_foreign(name):
            self.add(_FOREIGN, "._*" if name.startswith("._") else name)
        elif not is_audio(name):
            suffix = suffix_of(name)
            if name.lower().removesuffix(suffix) not in _OWN:
                is_one = len(suffix) > 1 and " " not in suffix
                self.add(_OTHER, suffix if is_one else "no suffix")
        else:
            return True
        return False

    def enters(self, name: str) -> bool:
        """Whether a folder may hold audio files; others are counted."""
        if is_foreign(name):
            self.add(_FOREIGN, name, is_folder=True)
            return False
        return True

    @property
    def note(self) -> str:
        """One sentence with numbers, reasons and some names, empty if nothing was passed over."""
        return f"Passed over {self._counts()}." if any(self._names.values()) else ""

    @property
    def instead(self) -> str:
        """The same as the end of a sentence that says what a folder does not hold."""
        return f", but {self._counts()}" if any(self._names.values()) else ""

    def _counts(self) -> str:
        amounts = ((self._files, "file"), (self._folders, "folder"))
        total = " and ".join(f"{n} {what}{'s' * (n > 1)}" for n, what in amounts if n)
        return f"{total}: {', '.join(_listed(*item) for item in self._names.items() if item[1])}"


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


def walk(folder: Path, passed: PassedOver) -> Iterator[tuple[str, list[str]]]:
    """Yield each folder with the names of its audio files.

    A folder is relative to the outermost one: empty, or with a slash at its end. A linked folder is
    entered once, after all that are no links, unless it is read anyway or lies around the outermost
    one.

    Parameters
    ----------
    folder : Path
        Outermost folder.
    passed : PassedOver
        Receives what is passed over.

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
            passed.add(_AGAIN, within.rsplit("/", 2)[-2], is_folder=True)
            continue
        entered.add(real)
        names = []
        for entry in _entries(folder / within):
            name = entry.name
            if _is_folder(entry):
                if not passed.enters(name):
                    continue
                place = f"{within}{name}/"
                if entry.is_symlink():
                    heappush(links, (place, Path(os.path.realpath(entry.path))))
                else:
                    waiting.append((place, real / name))
            elif entry.is_symlink() and _is_lost(entry):
                passed.add(_BROKEN, name)
            elif passed.takes(name):
                names.append(name)
        yield within, names


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


def sift(paths: Iterable[str], passed: PassedOver) -> Iterator[str]:
    """Yield the audio files among relative paths, as `walk` finds them; folders end in a slash."""
    left = set[str]()
    for path in paths:
        *folders, name = path.split("/")
        for depth, folder in enumerate(folders, start=1):
            if is_foreign(folder):
                place = "/".join(folders[:depth])
                if place not in left:
                    left.add(place)
                    passed.enters(folder)
                break
        else:
            if name and passed.takes(name):
                yield path
