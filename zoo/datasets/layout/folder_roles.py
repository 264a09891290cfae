"""Roles of nested folders: classes, parts and folds of a dataset, artists and other groups."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from zoo.audio.kinds import is_audio
from zoo.datasets.layout.columns import part_and_rest, part_of
from zoo.datasets.layout.folder_names import are_genres, are_numbered, is_around
from zoo_registry.errors import DatasetError
from zoo_registry.predictions import OTHER
from zoo_registry.text import brief, few, quoted

__all__ = ["WRITE", "FolderRoles", "UnclearFolders", "folder_roles", "taken_as"]

_FOLD = re.compile(r"(?:fold|split|cv)[ _-]?(\d+)", re.IGNORECASE)
_NUMBER = re.compile(r"\d{1,2}")
_SHARD = re.compile(r"\d{3}")  # as FMA's 000 to 155
_PIECE = re.compile(r"(?:subset|part|batch|chunk|shard)[ _-]?(\d+|[a-z])", re.IGNORECASE)
_DISC = re.compile(r"(?:cd|disc|disk)[ _-]?\d+", re.IGNORECASE)
_NUMBERED = re.compile(r"(?:\d{1,2}-)?\d{1,3}[ ._-]+\D")  # "01 Song.mp3", "1-01 Song.m4a"
_PERSON = re.compile(
    r"(?:(?:user|speaker|spk|actor|subject|subj|sub|patient|participant|person|volunteer|donor|"
    r"client|singer)s?[ _-]?(?:\d+|[a-z])|(?:id|s|p)[ _-]?\d+)",
    re.IGNORECASE,
)
_ARTIST = re.compile(
    r"(?:artist|band|singer|composer|performer|album)s?[ _-]?\w{1,3}", re.IGNORECASE
)
_MUSIC = (".mp3", ".m4a", ".flac", ".ogg", ".opus", ".wma", ".aac", ".alac")
_ITUNES = {"itunes", "itunes media", "itunes music"}
_LIBRARY = {"compilations", "various artists", "unknown artist", "unknown album"}
_TITLES = 0.8  # of the files of a library have a title of their own
_MANY = 5  # folders inside a class, on average, from which on they are taken as groups
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
    known : dict
        Group, fold and split of files by the names of their folders, by path.
    """

    rows: list[dict[str, str]] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    said: str = ""
    known: dict[str, dict[str, str]] = field(default_factory=dict)


class UnclearFolders(DatasetError):
    """The classes cannot be told from the folders.

    Parameters
    ----------
    sentence : str
        Reason, and what to write.
    known : dict
        What the folders say nevertheless: group, fold and split of files, by their paths.
    """

    def __init__(self, sentence: str, known: dict[str, dict[str, str]]) -> None:
        super().__init__(sentence)
        self.known = known


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
    UnclearFolders
        If no class folder can be told from the names.
    """
    roles = FolderRoles()
    entries = [_File(path, tuple(path.split("/")[:-1]), {}) for path in files]
    try:
        said = _understood(entries, roles)
    except _Ambiguous as error:
        sentence = f"the classes in {name} cannot be determined: {error}; {WRITE}"
        raise UnclearFolders(sentence, roles.known) from None
    if any(said):
        names = sorted({row["label"] for row in roles.rows})
        roles.said = "; ".join([f"classes: {few(names, _SHOWN)}", *filter(None, said)])
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
    if not _ITUNES.isdisjoint(map(str.casefold, entered)) and not are_genres(names):
        raise _Ambiguous(f"{'/'.join(entered)} is a library by artist and album")
    if entered:
        said.append(f"inside {'/'.join(map(brief, entered))}/")
    if not names:
        return said
    while len(names) > 1 and len({file.folders[1:2] for file in inside}) == 1 < len(
        inside[0].folders
    ):
        # A folder that all have inside, such as "wav", says nothing.
        inside = list(map(_without_inner, inside))
    inner = {
        name: {f.folders[1] for f in inside if f.folders[0] == name and len(f.folders) > 1}
        for name in names
    }
    if role := _outer_role(names, inner):
        marked = [_inner(file, {role: _value(role, file.folders[0])}) for file in inside]
        if not all(map(_SHARD.fullmatch, names)):  # they may only keep folders small
            roles.known |= {file.path: dict(file.row) for file in marked}
        _check_parts(names, inner)
        said.append(f"{_joined(names)} taken as {_TAKEN[role]}")
        return said + _understood(marked, roles)
    if role := _inner_role(inside, inner):
        within = set().union(*inner.values())
        marked = [_without_inner(file, {role: _value(role, file.folders[1])}) for file in inside]
        said.append(f"{_joined(within)} within the classes taken as {_TAKEN[role]}")
        return said + _understood(marked, roles)
    if all(map(_PERSON.fullmatch, names)):  # of a table with other labels
        roles.known |= {file.path: {"group": file.folders[0], **file.row} for file in inside}
    _check_classes(inside, names, inner)
    return said + _classes(inside, names, roles)


def _inner(file: _File, known: Mapping[str, str] | None = None) -> _File:
    # The outermost part or fold counts.
    return _File(file.path, file.folders[1:], {**(known or {}), **file.row})


def _without_inner(file: _File, known: Mapping[str, str] | None = None) -> _File:
    folders = (*file.folders[:1], *file.folders[2:])
    return _File(file.path, folders, {**(known or {}), **file.row})


def _value(role: str, name: str) -> str:
    if role == "split":
        return part_and_rest(name)[0] or name
    match = _FOLD.fullmatch(name)
    return match[1].lstrip("0") or "0" if match and role == "fold" else name


def _parts(names: Iterable[str]) -> dict[str, str]:
    """Return the folders that are parts by their names, or by those of others beside them."""
    found: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for name in names:
        part, rest = part_and_rest(name)
        if part:
            found[() if part_of(name) else rest][name] = part
    parts = dict[str, str]()
    for rest, own in found.items():
        if not rest or len(set(own.values())) > 1:  # such as "birds_train" and "birds_test"
            parts |= own
    return parts


def _outer_role(names: Sequence[str], inner: Mapping[str, set[str]]) -> str | None:
    """Return the role of outer folders that are parts, folds or groups, None for classes."""
    parts = _parts(names)
    within = set().union(*inner.values())
    if len(parts) == len(names):
        if len({part_and_rest(name)[1] for name in names if not part_of(name)}) > 1:
            raise _Ambiguous(f"{_joined(names)} have names of parts, of different things")
        return "split"
    if any(all(map(kind.fullmatch, names)) for kind in (_FOLD, _SHARD)):
        return "fold"
    if all(map(_PIECE.fullmatch, names)):
        raise _Ambiguous(
            f"{_joined(names)} have names of parts of a dataset, not of classes, and it cannot be "
            "determined whether they are folds"
        )
    if not within or all(map(_NUMBER.fullmatch, within)):
        return None
    if all(map(_NUMBER.fullmatch, names)) and _common(inner):
        return "fold"
    if all(map(_PERSON.fullmatch, names)) and not are_numbered(within):
        shared = [
            own & set().union(*(inner[o] for o in names if o != name))
            for name, own in inner.items()
        ]
        return "group" if all(shared) else None
    return None


def _inner_role(files: Sequence[_File], inner: Mapping[str, set[str]]) -> str | None:
    """Return the role of folders that all files have inside the classes, None for others."""
    within = set().union(*inner.values())
    if not within or not all(len(file.folders) > 1 for file in files):
        return None
    if all(map(part_of, within)):
        return "split"
    if all(map(_FOLD.fullmatch, within)):
        return "fold"
    if all(_PERSON.fullmatch(name) or _ARTIST.fullmatch(name) for name in within):
        return None if all(map(_ARTIST.fullmatch, inner)) else "group"
    numbers = all(map(str.isdecimal, within)) and not all(map(str.isdecimal, inner))
    return "group" if numbers and _common(inner) else None


def _common(inner: Mapping[str, set[str]]) -> set[str]:
    """Return the folders that all outer ones have inside, if these and they are two or more."""
    full = [names for name, names in inner.items() if names and name != OTHER]
    common = set.intersection(*full) if len(full) > 1 else set()
    return common if len(common) > 1 else set()


def _check_classes(
    files: Sequence[_File], names: Sequence[str], inner: Mapping[str, set[str]]
) -> None:
    """Raise `_Ambiguous` if the outer folders may be something else than classes."""
    parts = _parts(names)
    rest = [name for name in names if name not in parts]
    for part in parts:
        others = [name for name in names if name != part]
        shared = inner[part] & set(others).union(*(inner[name] for name in others))
        is_alone = inner[part] and not any(inner[name] for name in others)
        if shared or is_alone or len(set(parts.values())) > 1:
            raise _Ambiguous(
                f"{_joined(parts)} may be parts of the dataset, or classes beside {_joined(rest)}"
            )
    within = set().union(*inner.values())
    if len({part_of(name) for name in within} - {None}) > 1:
        raise _Ambiguous(
            f"{_joined(filter(part_of, within))} inside {_joined(n for n in names if inner[n])} "
            "may be parts of the dataset, and some files are in none of them"
        )
    if all(is_audio(f"x.{name}") for name in names) and _common(inner):
        raise _Ambiguous(f"{_joined(names)} are formats, each with the same folders inside")
    if are_genres(names):
        return
    if _is_library(files, names, inner):
        raise _Ambiguous(
            f"{_joined(names)} look like artists with their albums, and no folder is a genre"
        )
    around = [name for name in names if is_around(name)]
    if (
        (common := _common(inner))
        or are_genres(within)
        or any(len(inner[name]) > 1 for name in around)
    ):
        outer, within_of = (names, common) if common else (around or names, within)
        raise _Ambiguous(
            f"{_joined(outer)} may be the classes, or {_joined(within_of)} inside, and the outer "
            "ones groups or folds"
        )


def _check_parts(names: Sequence[str], inner: Mapping[str, set[str]]) -> None:
    """Raise `_Ambiguous` unless parts have class folders, and those in common with others."""
    full = [name for name in names if inner[name]]
    if not full:
        raise _Ambiguous(
            f"{_joined(names)} have names of parts of a dataset, not of classes, and have no "
            "folders inside"
        )
    for name in full if len(full) > 1 else ():
        others = set[str]().union(*(inner[other] for other in full if other != name))
        if not inner[name] & others:
            raise _Ambiguous(
                f"{brief(name)} has other folders inside ({_joined(inner[name])}) than "
                f"{_joined(other for other in full if other != name)} ({_joined(others)})"
            )


def _classes(files: Sequence[_File], names: Sequence[str], roles: FolderRoles) -> list[str]:
    """Add a row for each file, labelled with its outermost folder, and return what to say."""
    said = [f"{brief(part)} taken as a class" for part in names if part_of(part)]
    inner = [_inner(file, {"label": file.folders[0]}) for file in files]
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
    real = [within[name] for name in names if name != OTHER]
    mean = sum(map(len, real)) / max(1, len(real))
    deeper = any(len(file.folders) > 1 for file in files)  # such as albums
    return mean >= _MANY or (mean > 1 and (deeper or are_genres(names)))


def _is_library(
    files: Sequence[_File], names: Sequence[str], inner: Mapping[str, set[str]]
) -> bool:
    """Whether the folders look like artists and albums instead of classes and artists."""
    if not any(inner.values()):
        return False
    if all(map(_ARTIST.fullmatch, names)) or {name.casefold() for name in names} & _LIBRARY:
        return True
    albums: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for file in files:
        if not all(map(_DISC.fullmatch, file.folders[2:])):
            return False
        if len(file.folders) > 1:
            albums[file.folders[:2]].append(file.path.rpartition("/")[2])
    tracks = [name for own in albums.values() for name in own]
    # The same names in each album would be numbers of recordings rather than titles.
    if len(set(tracks)) <= len(tracks) / 2:
        return False
    if all(any(map(_NUMBERED.match, own)) for own in albums.values()):
        return True
    titles = {re.sub(r"[\W\d_]+", "", name) for name in tracks}
    return (
        all(name.casefold().endswith(_MUSIC) for name in tracks)
        and len(names) > 2  # noqa: PLR2004
        and len(albums) < _MANY * len(names)
        and len({album for _, album in albums}) == len(albums)
        and len(titles) > _TITLES * len(tracks)
    )


def taken_as(role: str, column: str, rows: Iterable[Mapping[str, str]]) -> str:
    """Return a sentence on a column with published folds or parts; empty if no row has any.

    Parameters
    ----------
    role : str
        "fold" or "split".
    column : str
        Name of the column.
    rows : iterable of mapping
        Its rows, by role.
    """
    values = {row[role] for row in rows if row.get(role)}
    return f"{_joined(values)} in {quoted(column)} taken as {_TAKEN[role]}" if values else ""


def _joined(names: Iterable[str], by: str = "/") -> str:
    order = {None: 0, "train": 1, "valid": 2, "test": 3}
    ranked = sorted(
        names, key=lambda name: (order[part_of(name)], len(name) * name[-1:].isdigit(), name)
    )
    return few(ranked, _SHOWN, by)
