"""Reader of a folder of recordings."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from zoo.audio.urls import is_url
from zoo.datasets.base import Dataset, Track, check_labels
from zoo.datasets.hashing import file_digests
from zoo.datasets.layout.folder_roles import WRITE
from zoo.datasets.layout.listing import Listing, local_listing
from zoo.datasets.layout.understand import Row, understand
from zoo.execution.progress import Reporter
from zoo_registry.reading import Reading

__all__ = ["read_folder", "read_listing", "tracks_in"]


def read_folder(
    folder: Path,
    trust: bool = True,
    reporter: Reporter | None = None,
    reading: Reading | None = None,
    renew: bool = False,
) -> Dataset:
    """Return the dataset in a folder of audio files, by the rules of `zoo.datasets.layout`.

    Parameters
    ----------
    folder : Path
        Folder of the dataset.
    trust : bool
        Whether files of unchanged size and time are assumed to be unchanged.
    reporter : Reporter, optional
        Receives notes on what was understood and what is skipped.
    reading : Reading, optional
        What the user says about the meaning of names and columns.
    renew : bool
        Whether a ``metadata.csv`` is taken as it has to become: without the rows that have no
        file, and with the files in class folders that it does not list.

    Raises
    ------
    DatasetError
        If there are no tracks or a table does not match the files.
    """
    listing, tracks = local_listing(folder), tracks_in(folder, trust)
    name = folder.resolve().name
    return read_listing(listing, name, tracks, reporter, reading, renew=renew)


def tracks_in(folder: Path, trust: bool = True) -> Callable[[Sequence[Row]], list[Track]]:
    """Return a function that returns the track of each row of a layout.

    Parameters
    ----------
    folder : Path
        Folder in which the paths of the rows begin.
    trust : bool
        As for `read_folder`.
    """

    def tracks(rows: Sequence[Row]) -> list[Track]:
        """Return the track of each row."""
        paths = [folder / row["path"] for row in rows]
        digests = file_digests(folder, paths, trust)
        return [
            Track.from_row(row.get("id", row["path"]), row, digest, path)
            for row, digest, path in zip(rows, digests, paths, strict=True)
        ]

    return tracks


def read_listing(
    listing: Listing,
    name: str,
    tracks: Callable[[Sequence[Row]], list[Track]],
    reporter: Reporter | None = None,
    reading: Reading | None = None,
    table: str | None = None,
    renew: bool = False,
) -> Dataset:
    """Return the dataset that a folder or an address holds.

    Parameters
    ----------
    listing : Listing
        Names of its files.
    name : str
        Name on leaderboards.
    tracks : callable
        Returns the track of each row of a layout.
    reporter, reading : Reporter, Reading, optional
        As for `read_folder`.
    table : str, optional
        The table of labels that is given instead of the folder, relative to it.
    renew : bool
        As for `read_folder`.

    Raises
    ------
    DatasetError
        As for `read_folder`.
    """
    reporter, reading = reporter or Reporter(), reading or Reading()
    layout = understand(listing, reading, table, renew)
    note = listing.passed.note
    if layout.unlisted and not is_url(listing.name):
        note += f" `zoo data check {shlex.quote(listing.name)} --write --force` adds usable files."
    for sentence in filter(None, (layout.said, note)):
        reporter.note(sentence)
    advice = "" if table else f": give the folder around the class folders, or {WRITE}"
    check_labels(listing.name, [row["label"] for row in layout.rows], advice, reading.alone)
    return Dataset(
        name,
        listing.called(table) if table else listing.name,
        tracks(layout.rows),
        said=layout.said,
        collection=layout.collection,
        reading=reading,
        unlisted=layout.unlisted,
    )
