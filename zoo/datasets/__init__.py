"""Datasets: demo set, local and remote folders, feature tables, datasets of plugins."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from zoo.audio.urls import is_url
from zoo.datasets.base import Dataset, FeatureTable, Track
from zoo.datasets.layout.listing import SPREADSHEETS, TABLES
from zoo.datasets.selection import select
from zoo.execution.progress import Reporter
from zoo_registry.errors import DatasetError
from zoo_registry.files import EMPTY_PATH, is_file, is_folder
from zoo_registry.reading import Reading
from zoo_registry.text import near, quoted

if TYPE_CHECKING:
    from zoo.execution.engine import Engine

__all__ = [
    "Dataset",
    "FeatureTable",
    "Reading",
    "Track",
    "dataset_name",
    "offered_dataset",
    "open_dataset",
    "renewed_dataset",
]


def open_dataset(
    wanted: str,
    offered: Mapping[str, Callable[..., Dataset]] | None = None,
    trust: bool = True,
    engine: "Engine | None" = None,
    reporter: Reporter | None = None,
    reading: Reading | None = None,
) -> Dataset:
    """Return the dataset that ``--data`` names, for a table of features a `FeatureTable`.

    Parameters
    ----------
    wanted : str
        "demo", the name of a plugin's dataset, a folder or its URL, a table of labels or its URL,
        or a CSV feature table.
    offered : mapping, optional
        Functions that return the datasets of plugins, by name; one whose name ends with a colon
        receives what follows the name.
    trust : bool
        Whether files of unchanged size and time are assumed to be unchanged.
    engine : Engine, optional
        Its workers read the files at a URL the first time.
    reporter : Reporter, optional
        Receives notes on what was understood and which files are skipped.
    reading : Reading, optional
        What the user says about the meaning of names and columns, and which tracks to take.

    Raises
    ------
    DatasetError
        If there is no such dataset, or it cannot be used.
    """
    with (reporter or Reporter()).bar(f"reading {quoted(wanted)}"):
        dataset = _whole(wanted, offered, trust, engine, reporter, reading)
    dataset = select(dataset, reading) if reading else dataset
    if reporter:
        from zoo.datasets.checks.name_groups import name_notes

        for note in name_notes(dataset):
            reporter.note(note)
    return dataset


def renewed_dataset(
    folder: Path, reporter: Reporter | None = None, reading: Reading | None = None
) -> Dataset:
    """Return the dataset that a folder with a ``metadata.csv`` holds once that is renewed.

    It has no rows without a file, and also the files in class folders that it does not list.

    Parameters
    ----------
    folder : Path
        Folder of recordings.
    reporter, reading : Reporter, Reading, optional
        As for `open_dataset`.

    Raises
    ------
    DatasetError
        As for `open_dataset`.
    """
    from zoo.datasets.collections.gtzan import with_facts
    from zoo.datasets.folder import read_folder

    return with_facts(read_folder(folder, reporter=reporter, reading=reading, renew=True))


def _whole(
    wanted: str,
    offered: Mapping[str, Callable[..., Dataset]] | None,
    trust: bool,
    engine: "Engine | None",
    reporter: Reporter | None,
    reading: Reading | None,
) -> Dataset:
    """Return the dataset with all its tracks."""
    if not wanted:
        raise DatasetError(EMPTY_PATH)
    load = offered_dataset(wanted, offered or {})
    if wanted == "demo" or load:
        if reading and reading.columns:
            role = next(iter(reading.columns))
            raise DatasetError(f"{wanted} is not a table; leave out --{role}-column")
        if load is None:
            from zoo.datasets.demo import demo_set

            return demo_set(reporter)
        dataset = load()
        if reporter and dataset.said:
            reporter.note(dataset.said)
        return dataset
    from zoo.datasets.collections.gtzan import with_facts

    path = Path(wanted)
    if is_folder(path):
        from zoo.datasets.folder import read_folder

        return with_facts(read_folder(path, trust, reporter, reading))
    is_table = is_file(path) and path.suffix.lower() in TABLES
    if is_table and (found := _of_table(path, trust, reporter, reading)):
        return with_facts(found)
    if is_url(wanted):
        from zoo.datasets.remote import read_remote

        return with_facts(read_remote(wanted, engine, trust, reporter, reading))
    if os.path.exists(path):  # noqa: PTH110  (pathlib raises OSError for a long name)
        if path.suffix.lower() in TABLES:
            raise DatasetError(
                f"{wanted} is neither a table of labels nor of features; of a label file, give the "
                "folder with its recording"
            )
        is_sheet = path.suffix.lower() in SPREADSHEETS
        sheet, other = "a spreadsheet; save it as CSV", "neither a folder nor a .csv table"
        raise DatasetError(f"{wanted} is {sheet if is_sheet else other}")
    names = ", ".join(["demo", *sorted(f"{n}NAME" if n[-1:] == ":" else n for n in offered or ())])
    raise DatasetError(
        f"there is no folder or file {quoted(wanted)}{_closest(path)}, and no dataset of that name;"
        f" datasets with a name: {names}"
    )


def _of_table(
    path: Path, trust: bool, reporter: Reporter | None, reading: Reading | None
) -> Dataset | None:
    """Return the dataset that a table means: a collection, labels of recordings, or features."""
    from zoo.datasets.collections.known import folder_of_table
    from zoo.datasets.folder import read_folder
    from zoo.datasets.layout.found_tables import METADATA
    from zoo.datasets.layout.labels_file import read_labels_file

    folder = None if reading and reading.columns else folder_of_table(path)
    # A metadata.csv of the user's in the folder may say something else.
    if folder and (not is_file(folder / METADATA) or read_folder(folder, trust).collection):
        whole = read_folder(folder, trust, reporter, reading)
        return replace(whole, name=path.stem, source=str(path))
    labelled = read_labels_file(path, trust, reporter, reading)
    if labelled or path.suffix.lower() != ".csv":
        return labelled
    from zoo.datasets.checks.name_groups import with_recordings
    from zoo.datasets.collections.gtzan import with_facts
    from zoo.datasets.table import read_feature_table

    features = with_facts(read_feature_table(path, reporter, reading))
    return with_recordings(features, reporter)


def _closest(path: Path) -> str:
    """Return the name beside a path that is most like it, as a part of a sentence."""
    names: list[str] = []
    with suppress(OSError, ValueError):
        beside = path.parent.iterdir()
        names = [n.name for n in beside if is_folder(n) or n.suffix.lower() in TABLES]
    return near(path.name, names)


def offered_dataset(
    wanted: str, offered: Mapping[str, Callable[..., Dataset]]
) -> Callable[[], Dataset] | None:
    """Return the function that loads a dataset of a plugin, None if no plugin offers it.

    Parameters
    ----------
    wanted : str
        Value of ``--data``; "demo" is the zoo's own.
    offered : mapping
        As for `open_dataset`.
    """
    if wanted == "demo":
        return None
    if wanted in offered and not wanted.endswith(":"):
        return offered[wanted]
    family, colon, rest = wanted.partition(":")
    load = offered.get(f"{family}:") if colon else None
    return partial(load, rest) if load else None


def dataset_name(wanted: str) -> str:
    """Return the name of the dataset on leaderboards, without reading the dataset."""
    if not wanted:
        raise DatasetError(EMPTY_PATH)
    path = Path(wanted)
    if is_folder(path):
        return path.resolve().name
    if is_url(wanted):
        url = wanted.rstrip("/")
        place = PurePosixPath(url.partition("://")[2])
        return (place.stem if place.suffix.lower() in TABLES else place.name) or url
    # A plugin's dataset may be followed by its place.
    name = wanted.partition("@")[0] if ":" in wanted.partition("@")[0] else wanted
    return path.stem if path.suffix.lower() in TABLES else name
