"""Groups that recordings without labels may belong to: artists, albums, longer recordings.

Nobody has said so; what says most counts: the artist in the tags of a file, then folders, then
names, then the album in the tags.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from zoo.audio.ffmpeg import read_tags
from zoo.datasets.base import Track
from zoo.datasets.checks.name_groups import pieces_among
from zoo.datasets.layout.folder_names import are_genres
from zoo.datasets.layout.folder_roles import UnclearFolders, folder_roles

__all__ = ["guess_groups"]

_ANYBODY = {"", "various", "various artists", "unknown", "unknown artist", "va", "diverse", "n/a"}
_UNNAMED = {"", "unknown", "unknown album"}
_ALBUM = 15  # files of an album on average
_ALBUMS = 12  # folders that are albums rather than classes


def guess_groups(files: Mapping[str, Path]) -> dict[str, str]:
    """Return the group of each file that seems to have one.

    Parameters
    ----------
    files : mapping
        Files by their paths relative to the folder around all of them, with forward slashes.
    """
    tags = {name: read_tags(path) for name, path in files.items()}
    artists = {name: own.get("album_artist") or own.get("artist", "") for name, own in tags.items()}
    albums = {name: own.get("album", "") for name, own in tags.items()}
    names = [name for name in files if artists[name].casefold() in _ANYBODY]
    found = {name: artists[name] for name in files if name not in set(names)}
    for guess in (_by_folder(names), _by_name(names)):
        found = guess | found
    for name in names:
        if albums[name].casefold() not in _UNNAMED:
            found.setdefault(name, albums[name])
    return found


def _by_folder(names: Sequence[str]) -> dict[str, str]:
    """Return the groups within folders of classes, and artists or albums that are folders."""
    try:
        roles = folder_roles("", names)
    except UnclearFolders as error:
        known = {name: row["group"] for name, row in error.known.items() if "group" in row}
        return known or _by_artist(names)
    grouped = {row["path"]: row["group"] for row in roles.rows if "group" in row}
    return grouped or _by_album(names)


def _by_artist(names: Sequence[str]) -> dict[str, str]:
    """Return the outer folders of a library, behind those that all files are in."""
    folders = {name: name.split("/")[:-1] for name in names}
    while len(outer := {own[0] for own in folders.values() if own}) == 1:
        folders = {name: own[1:] for name, own in folders.items()}
    if are_genres(outer):
        return {}
    return {name: own[0] for name, own in folders.items() if own}


def _by_album(names: Sequence[str]) -> dict[str, str]:
    """Return the folders of files, if they are many small ones: few large ones may be classes."""
    folders = defaultdict[str, list[str]](list)
    for name in names:
        folders[name.rpartition("/")[0]].append(name)
    folders.pop("", None)
    sizes = Counter({folder: len(own) for folder, own in folders.items()})
    if len(sizes) < _ALBUMS or sizes.total() > _ALBUM * len(sizes):
        return {}
    return {name: folder for folder, own in folders.items() for name in own}


def _by_name(names: Sequence[str]) -> dict[str, str]:
    """Return the recordings and artists that names tell; a number behind a word tells nothing."""
    pieces = pieces_among(Track(name, "", "") for name in names)
    found = pieces.groups if pieces else {}
    # Without labels a stem such as that of dog_0 and dog_1 may be a class.
    return {
        name: group.lstrip("/")
        for name, group in found.items()
        if group.startswith("/") or f"{group} -" in name or f"{group} \u2013" in name
    }
