"""Reader of a folder at a URL, for example in an object store."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast
from urllib.parse import unquote

from zoo.audio.files import on_disk
from zoo.audio.folders import PassedOver, sift
from zoo.audio.kinds import is_foreign
from zoo.audio.urls import file_system, local_path, opened, reading
from zoo.datasets import dataset_name
from zoo.datasets.base import Dataset, Track, check_labels
from zoo.datasets.csv_reader import read_table
from zoo.datasets.folder import METADATA, file_rows, metadata_rows, read_folder
from zoo.datasets.hashing import remembered_digests
from zoo.execution.engine import Engine, LocalProcesses, crashed
from zoo.execution.progress import Reporter
from zoo_registry.errors import DatasetError, StorageError
from zoo_registry.files import is_folder
from zoo_registry.text import quoted

__all__ = ["read_remote"]

# Properties that change when an object does, as the file systems of fsspec name them.
_STAMPS = ("size", "ETag", "etag", "md5Hash", "LastModified", "mtime", "last_modified", "updated")


def read_remote(
    url: str, engine: Engine | None = None, trust: bool = True, reporter: Reporter | None = None
) -> Dataset:
    """Return the dataset in the folder at a URL, read as `read_folder` reads a local one.

    Parameters
    ----------
    url : str
        Address with a protocol that fsspec supports.
    engine : Engine, optional
        Its workers compute the SHA-256 of the files; threads of this process by default.
    trust : bool
        Whether files of unchanged size, time and tag are assumed to be unchanged.
    reporter : Reporter, optional
        Receives a note on what is passed over.

    Raises
    ------
    DatasetError
        If the folder cannot be read, has no tracks, or its metadata does not match the files.
    """
    url = url.rstrip("/")
    folder = local_path(url)
    if folder and is_folder(folder):  # fsspec does not enter links, and opens pipes
        local = read_folder(folder, trust, reporter)
        tracks = [replace(track, path=None, url=f"{url}/{track.id}") for track in local.tracks]
        return Dataset(dataset_name(url), url, tracks)
    files, folders = _listed(url)
    if METADATA in files:
        rows = _metadata(url, files)
    else:
        passed, paths = PassedOver(), sorted([*files, *folders])
        tops = {path.partition("/")[0] for path in paths if "/" in path}
        classes = [name for name in tops if not is_foreign(name)]
        rows = file_rows(url, sift(paths, passed), classes, passed, reporter or Reporter())
    check_labels(url, [row["label"] for row in rows])
    urls = [f"{url}/{files[row['path']]['path']}" for row in rows]
    facts = [files[row["path"]] for row in rows]
    stamps = [[str(own[name]) for name in _STAMPS if own.get(name) is not None] for own in facts]

    def read(wanted: Sequence[int]) -> Iterable[Mapping[int, str]]:
        """Yield the digests of the files with these numbers."""
        results = (engine or LocalProcesses()).map_reads(
            _sha256, [urls[number] for number in wanted]
        )
        for position, found in results:
            number = wanted[position]
            if found is None:
                raise DatasetError(f"{quoted(urls[number])} {crashed('read')}")
            yield {number: found}

    # The size alone would not show that a file has changed.
    trust = trust and all(len(stamp) > 1 for stamp in stamps)
    digests = remembered_digests(url, urls, stamps, read, trust)
    tracks = [
        Track.from_row(row["path"], row, digest, url=place)
        for row, digest, place in zip(rows, digests, urls, strict=True)
    ]
    return Dataset(dataset_name(url), url, tracks)


def _listed(url: str) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    """Return the properties of each file below a URL, by its relative path, and the folders.

    A listing over HTTP holds quoted names; the property ``path`` is relative, too, but as listed.
    """
    with reading(url):
        system, root = file_system(url)
        system.invalidate_cache()  # another process may have added files
        found = system.find(root, withdirs=True, detail=True)
    root = root.rstrip("/") + "/"
    name = partial(unquote, errors="surrogateescape") if url.lower().startswith("http") else str
    below = {
        name(path[len(root) :]): facts | {"path": path[len(root) :]}
        for path, facts in found.items()
        if path.startswith(root)
    }
    files = {path: facts for path, facts in below.items() if facts.get("type") != "directory"}
    if not files:
        raise DatasetError(f"there is no folder at {quoted(url)}, or it is empty; check the name")
    return files, [path.rstrip("/") + "/" for path in below.keys() - files.keys()]


def _metadata(url: str, files: Mapping[str, Any]) -> list[dict[str, str]]:
    name = f"{url}/{METADATA}"
    try:
        with on_disk(name) as copy:
            return metadata_rows(url, read_table(copy, name), files.__contains__)
    except StorageError as error:
        raise DatasetError(str(error)) from error


def _sha256(url: str) -> str:
    """Return the SHA-256 of the file at a URL, in hexadecimal."""
    with opened(url) as file:
        return hashlib.file_digest(cast("Any", file), "sha256").hexdigest()
