"""Roles of nested folders: classes, parts and folds of a dataset, artists and other groups."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zoo.audio.kinds import is_audio
from zoo.datasets.columns import part_of, plain_name
from zoo_registry.errors import DatasetError
from zoo_registry.predictions import OTHER
from zoo_registry.text import brief

__all__ = ["WRITE", "FolderRoles", "folder_roles"]

_FOLD = re.compile(r"(?:fold|split|cv|subset|part|batch|chunk|shard)[ _-]?(\d+)", re.IGNORECASE)
_SHARD = re.compile(r"\d{3,}")  # as FMA's 000 to 155
_NUMBERED = re.compile(r"(?:\d{1,2}-)?\d{1,3}[ ._-]+\D")  # "01 Song.mp3", "1-01 Song.m4a"
_PERSON = re.compile(
    r"(?:artist|band|singer|composer|performer|album|user|speaker|actor|subject|patient)s?"
    r"[ _-]?\w{1,3}",
    re.IGNORECASE,
)
_ITUNES = {"itunes", "itunes media", "itunes music"}
_LIBRARY = {"compilations", "various artists", "unknown artist", "unknown album"}
# Genres by which a library's outer folders are known to be classes: the frequent ones of ID3.
_GENRES = frozenset(
    """
    acoustic alternative ambient blues bluegrass celtic chanson children classical classic
    country dance disco dubstep easylistening electronic electronica experimental folk funk
    gospel grunge hiphop house indie instrumental international jazz jungle latin lofi metal
    newage oldies opera pop psychedelic punk rnb rap reggae rock salsa ska soul soundtrack
    spoken swing tango techno trance trap triphop vocal world drumandbass dnb drumnbass edm
    hardrock heavymetal
    """.split()  # noqa: SIM905
)
# Mean numbers of folders inside a class, from which on they are taken as groups: if they have
# folders themselves, if their names or those of the classes support it, and otherwise.
_FEW, _ENOUGH, _MANY = 2, 3, 5
_TAKEN = {
    "split": "the published split",
    "fold": "the published folds",
    "group": "groups, which stay together",
}
_SHOWN = 6  # names in a sentence
WRITE = (
    "write the class of each file into a table with the columns path and label, and give it as "
    "--data labels.csv, or call it metadata.csv and put it into the folder"
)


@dataclass
class FolderRoles:
    """What the folders of a dataset mean.

    Attributes
    ----------
    rows : list of dict
        Path, label and, where known, group, fold and split of each file in a class folder.
    outside : list of str
        Paths of files that are in no class folder.
    said : str
        One line for the user, empty for folders of classes that hold files.
    """

    rows: list[dict[str, str]] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    said: str = ""


class _Ambiguous(Exception):
    """Folders of which the classes cannot be told; the message ends a sentence."""


@dataclass(frozen=True)
class _File:
    path: str  # in the listing
    folders: tuple[str, ...]  # that are still to be understood
    row: Mapping[str, str]  # what is known already


def folder_roles(name: str, files: Sequence[str]) -> FolderRoles:
    """Return the labels, groups, folds and parts that the folders of audio files mean.

    Parameters
    ----------
    name : str
        Folder or address, for messages.
    files : sequence of str
        Relative paths with forward slashes.

    Raises
    ------
    DatasetError
        If no class folder can be told from the names.
    """
    roles = FolderRoles()
    entries = [_File(path, tuple(path.split("/")[:-1]), {}) for path in files]
    try:
        said = _understood(entries, roles)
    except _Ambiguous as error:
        raise DatasetError(f"the classes in {name} cannot be told: {error}; {WRITE}") from None
    if any(said):
        names = sorted({row["label"] for row in roles.rows})
        more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
        classes = f"classes: {', '.join([*map(brief, names[:_SHOWN]), *more])}"
        roles.said = "; ".join([classes, *filter(None, said)])
    return roles


def _understood(files: Sequence[_File], roles: FolderRoles) -> list[str]:
    """Add the rows of files to `roles`; return parts of the sentence about them."""
    said, entered = list[str](), list[str]()
    while True:
        inside = [file for file in files if file.folders]
        names = sorted({file.folders[0] for file in inside})
        roles.outside += [file.path for file in files if not file.folders]
        is_wrapper = len(names) == 1 and all(len(file.folders) > 1 for file in inside)
        if is_wrapper and names != [OTHER]:
            entered.append(names[0])
            files = [_inner(file) for file in inside]
            continue
        break
    if not _ITUNES.isdisjoint(map(str.casefold, entered)) and not _are_genres(names):
        raise _Ambiguous(f"{'/'.join(entered)} is a library by artist and album")
    if entered:
        said.append(f"inside {'/'.join(map(brief, entered))}/")
    if not names:
        return said
    if role := _outer_role(inside, names):
        marked = [_inner(file, {role: _value(role, file.folders[0])}) for file in inside]
        said.append(f"{_joined(names)} taken as {_TAKEN[role]}")
        return said + _understood(marked, roles)
    return said + _classes(inside, names, roles)


def _inner(file: _File, known: Mapping[str, str] | None = None) -> _File:
    # The outermost part or fold counts.
    return _File(file.path, file.folders[1:], {**(known or {}), **file.row})


def _value(role: str, name: str) -> str:
    if role == "split":
        return part_of(name) or name
    match = _FOLD.fullmatch(name)
    return match[1].lstrip("0") or "0" if match and role == "fold" else name


def _outer_role(files: Sequence[_File], names: Sequence[str]) -> str | None:
    """Return the role of outer folders that are parts, folds or groups, None for classes."""
    inner: dict[str, set[str]] = {name: set() for name in names}
    for file in files:
        inner[file.folders[0]].update(file.folders[1:2])
    parts = [name for name in names if part_of(name)]
    role = None
    if len(parts) == len(names):
        role = "split"
    elif any(all(map(kind.fullmatch, names)) for kind in (_FOLD, _SHARD)):
        role = "fold"
    elif _alike(inner):
        if all(is_audio(f"x.{name}") for name in names):
            raise _Ambiguous(f"{_joined(names)} are formats, each with the same folders inside")
        if len({re.sub(r"\d+", "", name) for name in names}) == 1:  # all have the same word
            role = "group" if all(map(_PERSON.fullmatch, names)) else "fold"
    if role:
        _check_parts(names, inner)
        return role
    for part in parts:
        others = [name for name in names if name != part]
        shared = inner[part] & set(others).union(*(inner[name] for name in others))
        if shared or (inner[part] and not any(inner[name] for name in others)):
            rest = [name for name in names if name not in parts]
            raise _Ambiguous(
                f"{_joined(parts)} may be parts of the dataset, or classes beside {_joined(rest)}"
            )
    return None


def _check_parts(names: Sequence[str], inner: Mapping[str, set[str]]) -> None:
    """Raise `_Ambiguous` unless parts have class folders, and those in common with others."""
    full = [name for name in names if inner[name]]
    if not full:
        raise _Ambiguous(
            f"{_joined(names)} are called as parts of a dataset, not as classes, and have no "
            "folders inside"
        )
    for name in full if len(full) > 1 else ():
        others = set[str]().union(*(inner[other] for other in full if other != name))
        if not inner[name] & others:
            raise _Ambiguous(
                f"{brief(name)} has other folders inside ({_joined(inner[name])}) than "
                f"{_joined(other for other in full if other != name)} ({_joined(others)})"
            )


def _alike(inner: Mapping[str, set[str]]) -> bool:
    """Whether all folders have the same folders inside, at least two."""
    first = next(iter(inner.values()))
    return len(first) > 1 and len(inner) > 1 and all(names == first for names in inner.values())


def _classes(files: Sequence[_File], names: Sequence[str], roles: FolderRoles) -> list[str]:
    """Add a row for each file, labelled with its outermost folder, and return what to say."""
    said = [f"{brief(part)} taken as a class" for part in names if part_of(part)]
    inner = [_inner(file, {"label": file.folders[0]}) for file in files]
    deeper = {file.folders[0] for file in inner if file.folders}
    for role, fits in (("split", part_of), ("fold", _FOLD.fullmatch)):
        if deeper and all(file.folders and fits(file.folders[0]) for file in inner):
            said.append(f"{_joined(deeper)} within the classes taken as {_TAKEN[role]}")
            inner = [_inner(file, {role: _value(role, file.folders[0])}) for file in inner]
            break
    # A folder that every class has, such as "wav", says nothing.
    while len({file.folders[:1] for file in inner}) == 1 and inner[0].folders:
        inner = [_inner(file) for file in inner]
    within = defaultdict[str, set[str]](set)
    for file in inner:
        within[file.row["label"]].update(file.folders[:1])
    if any(within.values()):
        are_groups = _are_groups(inner, names, within)
        listed = _joined(set().union(*within.values()), ", ")
        if are_groups:
            said.append(
                f"folders inside the classes ({listed}) taken as groups, such as artists, which "
                "stay together"
            )
            inner = [
                _inner(file, {"group": file.folders[0]}) if file.folders else file for file in inner
            ]
        elif all(file.folders for file in inner) or max(map(len, within.values())) > 1:
            said.append(f"folders inside the classes ({listed}) not taken as classes or groups")
    roles.rows += [{"path": file.path, **file.row} for file in inner]
    return said


def _are_groups(
    files: Sequence[_File], names: Sequence[str], within: Mapping[str, set[str]]
) -> bool:
    """Whether the folders inside the classes are groups, such as artists, and no kinds."""
    deeper = any(len(file.folders) > 1 for file in files)
    if not deeper and _is_library(files, names):
        raise _Ambiguous(
            f"{_joined(names)} look like artists with their albums, and no folder is a genre"
        )
    real = [within[name] for name in names if name != OTHER]
    mean = sum(map(len, real)) / max(1, len(real))
    every = set().union(*real)
    if deeper:
        return mean >= _FEW
    if mean < _ENOUGH:
        return False
    return (
        mean >= _MANY
        or _are_genres(names)
        or len(set.intersection(*real)) >= _ENOUGH  # such as speakers who say every word
        or all(map(_PERSON.fullmatch, every))
    )


def _is_library(files: Sequence[_File], names: Sequence[str]) -> bool:
    """Whether the folders look like artists and albums instead of classes and artists."""
    if _are_genres(names):
        return False
    if all(map(_PERSON.fullmatch, names)) or {name.casefold() for name in names} & _LIBRARY:
        return True
    albums: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file in files:
        if file.folders:
            albums[file.row["label"], file.folders[0]].append(file.path.rpartition("/")[2])
    tracks = [name for own in albums.values() for name in own]
    # The same names in each album would be numbers of recordings rather than titles.
    return len(set(tracks)) > len(tracks) / 2 and all(
        any(map(_NUMBERED.match, own)) for own in albums.values()
    )


def _are_genres(names: Iterable[str]) -> bool:
    plain = set(map(plain_name, names))
    return 3 * len(plain & _GENRES) >= len(plain)


def _joined(names: Iterable[str], by: str = "/") -> str:
    order = {None: 0, "train": 1, "valid": 2, "test": 3}
    ranked = sorted(
        names, key=lambda name: (order[part_of(name)], len(name) * name[-1:].isdigit(), name)
    )
    more = [f"{len(ranked) - _SHOWN} more"] if len(ranked) > _SHOWN else []
    return by.join([*map(brief, ranked[:_SHOWN]), *more])
