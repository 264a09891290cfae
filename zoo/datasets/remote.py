"""Reader of a folder at a URL, for example in an object store."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, cast

from zoo.audio.files import is_audio, on_disk
from zoo.audio.urls import file_system, opened, reading
from zoo.datasets import dataset_name
from zoo.datasets.base import Dataset, Track, check_labels
from zoo.datasets.csv_reader import read_table
from zoo.datasets.folder import METADATA, file_rows, metadata_rows
from zoo.datasets.hashing import remembered_digests
from zoo.execution.engine import Engine, LocalProcesses, crashed
from zoo_registry.errors import DatasetError, StorageError
from zoo_registry.text import quoted

__all__ = ["read_remote"]

# Properties that change when an object does, as the file systems of fsspec name them.
_STAMPS = ("size", "ETag", "etag", "md5Hash", "LastModified", "mtime", "last_modified", "updated")


def read_remote(url: str, engine: Engine | None = None, trust: bool = True) -> Dataset:
    """Return the dataset in the folder at a URL, read as `read_folder` reads a local one.

    Parameters
    ----------
    url : str
        Address with a protocol that fsspec supports.
    engine : Engine, optional
        Its workers compute the SHA-256 of the files; threads of this process by default.
    trust : bool
        Whether files of unchanged size, time and tag are assumed to be unchanged.

    Raises
    ------
    DatasetError
        If the folder cannot be read, has no tracks, or its metadata does not match the files.
    """
    url = url.rstrip("/")
    files = _files(url)
    if METADATA in files:
        rows = _metadata(url, files)
    else:
        rows = file_rows(url, sorted(filter(_is_track, files)))
    check_labels(url, [row["label"] for row in rows])
    urls = [f"{url}/{row['path']}" for row in rows]
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


def _files(url: str) -> dict[str, Mapping[str, Any]]:
    """Return the properties of each file below a URL, by its relative path."""
    with reading(url):
        system, root = file_system(url)
        system.invalidate_cache()  # another process may have added files
        found = system.find(root, detail=True)
    root = root.rstrip("/") + "/"
    files = {path[len(root) :]: facts for path, facts in found.items() if path.startswith(root)}
    if not files:
        raise DatasetError(f"there is no folder at {quoted(url)}, or it is empty; check the name")
    return files


def _is_track(path: str) -> bool:
    parts = PurePosixPath(path).parts
    hidden = any(part.startswith(".") for part in parts)
    return len(parts) > 1 and not hidden and is_audio(Path(path))


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
