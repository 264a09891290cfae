"""Entry points of the installed distributions, read one by one: a damaged one costs only itself."""

from collections.abc import Collection, Iterator
from importlib.metadata import Distribution, EntryPoint, EntryPoints, distributions
from pathlib import Path
from typing import NamedTuple

from zoo_registry.text import first_line, quoted

__all__ = ["Damaged", "installed_points"]

_FILE = "entry_points.txt"


class Damaged(NamedTuple):
    """A distribution whose plugins cannot be found: the name of its folder, and the reason."""

    name: str
    reason: str


def installed_points(groups: Collection[str]) -> Iterator[EntryPoint | Damaged]:
    """Yield the entry points of some groups, those of the first distribution of each name."""
    seen: set[str] = set()
    for distribution in distributions():
        # importlib has no public name of the folder, and reading the metadata takes long.
        folder = Path(str(getattr(distribution, "_path", "")))
        name = folder.stem.partition("-")[0] or folder.name
        key = name.lower().replace(".", "_")
        if name and key in seen:
            continue
        seen.add(key)
        try:
            yield from _points(distribution, folder, groups)
        except Exception as error:  # whatever importlib's parsers raise
            reason = str(error) if isinstance(error, ValueError) else type(error).__name__
            _hide(distribution)
            yield Damaged(name, f"{folder} is damaged ({reason}); install the package again")


def _points(distribution: Distribution, folder: Path, groups: Collection[str]) -> list[EntryPoint]:
    text = _text(distribution, folder, _FILE)
    if any(group in text for group in groups):
        _check(text)
        _text(distribution, folder, "METADATA")
        if not distribution.metadata["Name"]:
            raise ValueError("its metadata have no name")
    return [point for point in distribution.entry_points if point.group in groups]


def _hide(distribution: Distribution) -> None:
    """Let a damaged distribution have no entry points.

    Libraries of models read those of all distributions, too, and would fail: scikit-learn does.
    """
    _hidden.add(str(getattr(distribution, "_path", "")))
    if Distribution.entry_points is _original:
        Distribution.entry_points = property(_entry_points)  # type: ignore[assignment,method-assign]


_hidden: set[str] = set()
_original = Distribution.entry_points


def _entry_points(distribution: Distribution) -> EntryPoints:
    if str(getattr(distribution, "_path", "")) in _hidden:
        return EntryPoints()
    found: EntryPoints = _original.__get__(distribution)
    return found


def _text(distribution: Distribution, folder: Path, name: str) -> str:
    path = folder / name
    if path.exists() and not path.is_file():  # reading a pipe would block
        raise ValueError(f"{name} is not a file")
    try:
        return distribution.read_text(name) or ""
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not UTF-8: {first_line(error)}") from error


def _check(text: str) -> None:
    """Raise `ValueError` for a line that is neither a section nor an entry point of one."""
    in_section = False
    for number, line in enumerate(map(str.strip, text.splitlines()), start=1):
        if not line or line.startswith(("#", ";")):
            continue
        name, _, value = map(str.strip, line.partition("="))
        if line.startswith("[") and line.endswith("]"):
            in_section = True
        elif not (in_section and name and EntryPoint.pattern.match(value)):
            raise ValueError(f"line {number} of {_FILE} is not an entry point: {quoted(line)}")
