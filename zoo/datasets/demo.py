"""Demo set: synthetic music in ten genres, written to the cache on first use."""

import io
from itertools import product
from pathlib import Path

from zoo.datasets.base import Dataset
from zoo.datasets.folder import read_folder
from zoo.datasets.layout.understand import METADATA
from zoo.datasets.synthesis import GENRES, RATE, synthesise
from zoo.execution.engine import LocalProcesses, crashed
from zoo.execution.progress import Reporter
from zoo.workspace import cache_folder
from zoo_registry.errors import DatasetError
from zoo_registry.files import atomic_path, write_text
from zoo_registry.text import csv_text

__all__ = ["ARTISTS", "TAKES", "VERSION", "demo_set", "write_demo"]

ARTISTS = 5
TAKES = 4
VERSION = 1  # raised whenever the music changes


def demo_set(reporter: Reporter | None = None) -> Dataset:
    """Return the demo set; write its files first if they are missing, which `reporter` shows."""
    folder = cache_folder() / "datasets" / f"demo-{VERSION}"
    if not (folder / METADATA).is_file():
        write_demo(folder, reporter=reporter)
    return Dataset("demo", "demo", read_folder(folder).tracks)


def write_demo(
    folder: Path,
    artists: int = ARTISTS,
    takes: int = TAKES,
    seed: int = 0,
    reporter: Reporter | None = None,
) -> None:
    """Write the tracks, and a ``metadata.csv`` whose groups are the artists.

    Parameters
    ----------
    folder : Path
        Destination; tracks that it already holds are kept.
    artists, takes, seed : int
        Artists per genre, tracks per artist, and seed of the set; another gives other artists.
    reporter : Reporter, optional
        Receives the progress.

    Raises
    ------
    DatasetError
        If a process that writes a track is killed.
    """
    tracks = {
        (genre, artist, take): f"{genre}/artist{artist}_take{take}.flac"
        for genre, artist, take in product(GENRES, range(artists), range(takes))
    }
    missing = [(folder / name, *key, seed) for key, name in tracks.items()]
    missing = [track for track in missing if not track[0].is_file()]
    title = f"making the demo set, which is kept, {len(missing)} tracks"
    with (reporter or Reporter()).bar(title, len(missing)) as bar:
        written = LocalProcesses().map_unordered(_write_track, missing)
        for done, (place, is_whole) in enumerate(written, start=1):
            if not is_whole:
                lost = f"{missing[place][0]} {crashed('wrote')}"
                raise DatasetError(f"{lost}; run the same command to continue")
            bar.update(done)
    # Written last, since its presence marks a complete set.
    rows = [(name, key[0], f"{key[0]} artist {key[1]}") for key, name in tracks.items()]
    write_text(folder / METADATA, csv_text([("path", "label", "group"), *rows]))


def _write_track(track: tuple[Path, str, int, int, int]) -> bool:
    import soundfile

    path, genre, artist, take, seed = track
    # Encoded in memory, because libsndfile does not report a full disk.
    content = io.BytesIO()
    samples = synthesise(genre, artist, take, seed)
    soundfile.write(content, samples, RATE, format="FLAC", subtype="PCM_16")
    with atomic_path(path) as temporary:
        temporary.write_bytes(content.getbuffer())
    return True
