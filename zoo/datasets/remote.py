"""Reader of a folder at a URL, for example in an object store."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

from zoo.audio.files import on_disk
from zoo.audio.folders import PassedOver, sift
from zoo.audio.kinds import is_foreign, suffix_of
from zoo.audio.urls import file_system, local_path, opened, reading
from zoo.datasets import dataset_name
from zoo.datasets.base import Dataset, Track
from zoo.datasets.folder import read_folder, read_listing
from zoo.datasets.hashing import remembered_digests
from zoo.datasets.layout.found_tables import BESIDE
from zoo.datasets.layout.listing import TABLES, Listing
from zoo.datasets.layout.understand import NoFileNamed, Row
from zoo.execution.engine import Engine, LocalProcesses, crashed
from zoo.execution.progress import Reporter
from zoo_registry.errors import DatasetError, StorageError
from zoo_registry.files import is_folder
from zoo_registry.reading import Reading
from zoo_registry.text import quoted

__all__ = ["read_remote"]

# Properties that change when an object does, as the file systems of fsspec name them.
_STAMPS = ("size", "ETag", "etag", "md5Hash", "LastModified", "mtime", "last_modified", "updated")


def read_remote(
    url: str,
    engine: Engine | None = None,
    trust: bool = True,
    reporter: Reporter | None = None,
    reading: Reading | None = None,
) -> Dataset:
    """Return the dataset at a URL, read as a local folder or table of labels is read.

    Parameters
    ----------
    url : str
        Address of a folder or of a table, with a protocol that fsspec supports.
    engine : Engine, optional
        Its workers compute the SHA-256 of the files; threads of this process by default.
    trust : bool
        Whether files of unchanged size, time and tag are assumed to be unchanged.
    reporter, reading : Reporter, Reading, optional
        As for `read_folder`.

    Raises
    ------
    DatasetError
        If the folder cannot be read, has no tracks, or its metadata does not match the files.
    """
    url = url.rstrip("/")
    folder = local_path(url)
    if folder and is_folder(folder):  # fsspec does not enter links, and opens pipes
        local = read_folder(folder, trust, reporter, reading)
        tracks = [
            replace(track, path=None, url=_below(url, folder, track)) for track in local.tracks
        ]
        return replace(local, name=dataset_name(url), source=url, tracks=tracks)
    if suffix_of(url) in TABLES:
        return _read_labels(url, engine, trust, reporter, reading)
    return _read_folder(url, dataset_name(url), engine, trust, reporter, reading)


def _read_labels(
    url: str,
    engine: Engine | None,
    trust: bool,
    reporter: Reporter | None,
    reading: Reading | None,
) -> Dataset:
    """Return the recordings that the table of labels at a URL names."""
    folder, _, table = url.rpartition("/")
    above, _, own = folder.rpartition("/")
    name = dataset_name(url)
    try:
        return _read_folder(folder, name, engine, trust, reporter, reading, table)
    except NoFileNamed:
        if own.casefold() not in BESIDE:
            raise
    return _read_folder(above, name, engine, trust, reporter, reading, f"{own}/{table}")


def _read_folder(
    url: str,
    name: str,
    engine: Engine | None,
    trust: bool,
    reporter: Reporter | None,
    reading: Reading | None,
    table: str | None = None,
) -> Dataset:
    """Return the dataset in the folder at a URL, by its names or by one of its tables."""
    files, folders = _listed(url)
    if table is not None and table not in files:
        raise DatasetError(f"there is no file at {quoted(f'{url}/{table}')}; check the name")

    def read(rows: Sequence[Row]) -> list[Track]:
        """Return the track of each row."""
        urls = [f"{url}/{files[row['path']]['path']}" for row in rows]
        digests = _digests(url, urls, [files[row["path"]] for row in rows], engine, trust)
        return [
            Track.from_row(row.get("id", row["path"]), row, digest, url=place)
            for row, digest, place in zip(rows, digests, urls, strict=True)
        ]

    listing = _listing(url, files, folders)
    return read_listing(listing, name, read, reporter, reading, table)


def _below(url: str, folder: Path, track: Track) -> str:
    """Return the address of the local file of a track."""
    return f"{url}/{(track.path or folder / track.id).relative_to(folder).as_posix()}"


def _listing(url: str, files: Mapping[str, Any], folders: Sequence[str]) -> Listing:
    """Return the listing of an address, as `local_listing` does of a folder."""
    passed = PassedOver()
    paths = sorted([*files, *folders])
    audio = list(sift(paths, passed))
    hidden = [path for path in paths if any(map(is_foreign, path.split("/")))]
    return Listing(
        name=url,
        files=audio,
        folders=sorted({path.rstrip("/") for path in folders}.difference(hidden)),
        tables=[path for path in files if suffix_of(path) in TABLES and path not in hidden],
        passed=passed,
        exists=files.__contains__,
        copy=partial(_copy, url, files),
    )


@contextmanager
def _copy(url: str, files: Mapping[str, Any], path: str) -> Iterator[Path]:
    try:
        with on_disk(f"{url}/{files[path]['path']}") as copy:
            yield copy
    except StorageError as error:
        raise DatasetError(str(error)) from error


def _digests(
    url: str,
    urls: Sequence[str],
    facts: Sequence[Mapping[str, Any]],
    engine: Engine | None,
    trust: bool,
) -> list[str]:
    """Return the SHA-256 of each file, from what is stored where nothing has changed."""
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
    return remembered_digests(url, urls, stamps, read, trust)


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


def _sha256(url: str) -> str:
    """Return the SHA-256 of the file at a URL, in hexadecimal."""
    with opened(url) as file:
        return hashlib.file_digest(cast("Any", file), "sha256").hexdigest()
