"""Index of the files of a listing, by the ways in which tables write their names."""

import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from functools import cached_property
from urllib.parse import unquote

from zoo.audio.kinds import is_audio
from zoo.datasets.layout.listing import Listing

__all__ = ["FileIndex", "local_path"]

_MACHINE = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?/|[a-z]:|~", re.IGNORECASE)  # begins absolute paths


_LOCAL = "file:"


def local_path(value: str) -> str:
    """Return the path that a table has, without blanks around it; a ``file:`` address is one.

    Parameters
    ----------
    value : str
        Value of a table, such as ``file://localhost/Users/ann/A%20song.mp3``.
    """
    text = value.strip()
    if text[: len(_LOCAL)].casefold() == _LOCAL:
        text = unquote(text[len(_LOCAL) :])
        if text.startswith("//"):
            text = "/" + text[2:].partition("/")[2]
    return text


def _key(path: str) -> str:
    """Return a path in one Unicode form, in small letters, without blanks around its names."""
    if not path.isascii():
        path = unicodedata.normalize("NFC", path)
    if " " in path:
        path = "/".join(map(str.strip, path.split("/")))
    return path.casefold()


def _stem(name: str) -> str:
    return posixpath.splitext(name)[0] if is_audio(name) else name


class FileIndex:
    """The audio files of a listing, found by what a table has in the place of their paths.

    Slashes go either way; letter case, Unicode forms and blanks may differ; a path may begin at
    the listing's folder, at that of the table, at any folder within, or, if it is longer, above.

    Parameters
    ----------
    listing : Listing
        Names of the files.
    """

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._files = set(listing.files)
        # All files lie in this folder; those of another machine's paths may have lain in another.
        ends = [path.rpartition("/")[0] for path in (*listing.files[:1], *listing.files[-1:])]
        self._common = os.path.commonpath(ends) if ends else ""

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found = defaultdict[str, list[str]](list)
        for path in self._listing.files:
            found[_key(path.rpartition("/")[2])].append(path)
        return found

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found = defaultdict[str, list[str]](list)
        for name, paths in self._by_name.items():
            found[_stem(name)] += paths
        return found

    @cached_property
    def _by_number(self) -> dict[str, list[str]]:
        found = defaultdict[str, list[str]](list)
        for stem, paths in self._by_stem.items():
            if stem.isdecimal():
                found[stem.lstrip("0")] += paths
        return found

    def find(
        self, value: str, folder: str = "", is_path: bool = True, any_file: bool = False
    ) -> list[str]:
        """Return the files that a value of a table may mean, the best ones only.

        Parameters
        ----------
        value : str
            Path, name, or number of a track.
        folder : str
            Folder of the table, relative to that of the listing.
        is_path : bool
            Whether the column is called as one of paths. Names without a suffix are found only
            then.
        any_file : bool
            Whether files that are not in the listing, without a suffix of audio files, are found.
        """
        text = local_path(value).replace("\\", "/")
        if not text:
            return []
        path = posixpath.normpath(text)
        own = posixpath.normpath(posixpath.join(folder, path))
        for exact in (own, path):
            if exact in self._files:
                return [exact]
        if own.startswith("../") or not (is_path or is_audio(path)):
            return []
        exact, own, path = own, _key(own), _key(path)
        name = path.rpartition("/")[2]
        found = self._fitting(own, path, self._by_name.get(name, ()))
        if not found and any_file and not exact.startswith("/") and self._listing.exists(exact):
            return [exact]
        if not found and is_path:
            stem = _stem(name)
            found = self._fitting(own, path, self._by_stem.get(stem, ()))
            if not found and stem.isdecimal():
                found = self._fitting(own, path, self._by_number.get(stem.lstrip("0"), ()))
        return found

    def _fitting(self, own: str, path: str, files: "list[str] | tuple[()]") -> list[str]:
        """Return those of some files, called as a path is, whose folders fit those of the path."""
        if not files:
            return []
        here, above = own.rpartition("/")[0], path.rpartition("/")[0]
        ranked = defaultdict[int, list[str]](list)
        for file in files:
            folder = file.rpartition("/")[0]
            within = _key(folder[len(self._common) :].lstrip("/"))
            folder = _key(folder)
            if folder == here:
                rank = 3
            elif folder == above:
                rank = 2
            elif _ends(folder, above) or _ends(above, folder):
                rank = 1
            elif _MACHINE.match(path) and _ends(above, within):
                rank = 0
            else:
                continue
            ranked[rank].append(file)
        return ranked[max(ranked)] if ranked else []


def _ends(path: str, tail: str) -> bool:
    """Whether the last folders of a path are these."""
    return not tail or path == tail or path.endswith(f"/{tail}")
