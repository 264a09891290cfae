"""A folder that is somewhere else, such as in an object store, found through its URL."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any

from zoo.audio.files import on_disk
from zoo.audio.suffixes import is_audio
from zoo.audio.urls import file_system, opened, reading
from zoo.datasets.base import Dataset
from zoo.datasets.csv_reader import read_table
from zoo.datasets.folder import METADATA, check_name, check_rows, listed, tracks_of
from zoo.datasets.hashing import remembered_digests
from zoo.execution.engine import Engine
from zoo_registry.errors import DatasetError, StorageError
from zoo_registry.text import quoted

__all__ = ["read_remote", "remote_name"]

_PIECE = 1 << 20  # bytes
_THREADS = 8  # that read at once; what they wait for is the network
# What changes when an object does, as file systems of fsspec call it.
_STAMPS = ("size", "ETag", "etag", "md5Hash", "LastModified", "mtime", "last_modified", "updated")


def read_remote(url: str, engine: Engine | None = None, trust: bool = True) -> Dataset:
    """Read the folder at a URL, with or without a ``metadata.csv``, as `read_folder` does.

    Parameters
    ----------
    url : str
        Of a protocol that fsspec knows.
    engine : Engine, optional
        Whose workers read the files for their sha256; threads of this process by default.
    trust : bool
        Whether what has the size, time and tag that are remembered is taken as unchanged.

    Raises
    ------
    DatasetError
        If it cannot be read, there are no tracks, or the metadata does not fit the files.
    """
    url = url.rstrip("/")
    files = _files(url)
    described = METADATA in files
    if described:
        rows = _described(url, files)
    else:
        rows = [
            {"path": path, "label": PurePosixPath(path).parts[0]} for path in sorted(files)
            if _is_track(path)
        ]  # fmt: skip
    for row in rows:
        check_name(row["path"])
    check_rows(url, rows, described)
    places = [f"{url}/{row['path']}" for row in rows]
    stamps = [_stamp(files[row["path"]]) for row in rows]

    def read(wanted: Sequence[int]) -> Iterable[Mapping[int, str]]:
        return _digests([places[number] for number in wanted], wanted, engine)

    # Without a stamp nobody could tell that a file has changed.
    trust = trust and all(len(stamp) > 1 for stamp in stamps)
    digests = remembered_digests(url, places, stamps, read, trust)
    return Dataset(remote_name(url), url, tracks_of(rows, digests, [{"url": p} for p in places]))


def remote_name(url: str) -> str:
    """Return the last part of a URL, which boards call the dataset."""
    return PurePosixPath(url.partition("://")[2]).name or url


def _files(url: str) -> dict[str, Mapping[str, Any]]:
    """Return what is known of each file below a URL, by its path from there."""
    with reading(url):
        system, root = file_system(url)
        system.invalidate_cache()  # of lists; another process may have added files
        found = system.find(root, detail=True)
    root = root.rstrip("/") + "/"
    files = {
        path[len(root) :]: facts for path, facts in found.items() if path.startswith(root)
    }  # fmt: skip
    if not files:
        raise DatasetError(f"there is no folder at {quoted(url)}, or it is empty; check the name")
    return files


def _is_track(path: str) -> bool:
    parts = PurePosixPath(path).parts
    hidden = any(part.startswith(".") for part in parts)
    return len(parts) > 1 and not hidden and is_audio(Path(path))


def _described(url: str, files: Mapping[str, Any]) -> list[dict[str, str]]:
    name = f"{url}/{METADATA}"
    try:
        with on_disk(name) as copy:
            return listed(url, read_table(copy, name), files.__contains__)
    except StorageError as error:
        raise DatasetError(str(error)) from error


def _stamp(facts: Mapping[str, Any]) -> list[Any]:
    return [str(facts[name]) for name in _STAMPS if facts.get(name) is not None]


def _digests(
    urls: Sequence[str], places: Sequence[int], engine: Engine | None
) -> Iterable[Mapping[int, str]]:
    if engine is not None and engine.far:
        for place, found in engine.work(_sha256, urls, small=True):
            if found is None:
                raise DatasetError(f"{quoted(urls[place])} ended the worker that read it")
            yield {places[place]: found}
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        for place, found in zip(places, pool.map(_sha256, urls), strict=True):
            yield {place: found}


def _sha256(url: str) -> str:
    """Return the sha256 of what is at a URL, in hexadecimal."""
    with opened(url) as file:
        found = sha256()
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()
