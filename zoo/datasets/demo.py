"""The demo set: made-up music in ten genres, synthesised on first use."""

import csv
import io
from pathlib import Path

from zoo.datasets.base import Dataset
from zoo.datasets.folder import METADATA, read_folder
from zoo.datasets.synthesis import GENRES, RATE, synthesise
from zoo.execution.engine import Engine
from zoo.workspace import cache_folder
from zoo_registry.errors import DatasetError
from zoo_registry.files import atomic_path, write_text

__all__ = ["ARTISTS", "TAKES", "VERSION", "demo_set", "write_demo"]

ARTISTS = 5
TAKES = 4
VERSION = 1  # raised whenever the music changes


def demo_set() -> Dataset:
    """Return the demo set, making it if it is not there yet."""
    folder = cache_folder() / "datasets" / f"demo-{VERSION}"
    if not (folder / METADATA).is_file():
        write_demo(folder)
    found = read_folder(folder)
    return Dataset("demo", "demo", found.tracks)


def write_demo(folder: Path, artists: int = ARTISTS, takes: int = TAKES, seed: int = 0) -> None:
    """Write the tracks and a ``metadata.csv`` whose groups are the artists.

    Parameters
    ----------
    folder : Path
    artists, takes : int
        Per genre, and per artist.
    seed : int
    """
    names = {
        (genre, artist, take): f"{genre}/artist{artist}_take{take}.flac"
        for genre in GENRES
        for artist in range(artists)
        for take in range(takes)
    }
    missing = [(folder / name, *key, seed) for key, name in names.items()]
    missing = [track for track in missing if not track[0].is_file()]
    for place, written in Engine().work(_write_track, missing):
        if not written:
            raise DatasetError(
                f"{missing[place][0]} could not be made: the process that did was killed, or out "
                "of memory; the same command goes on"
            )
    # Last, as the sign that the set is whole.
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "label", "group"])
    writer.writerows(
        (name, genre, f"{genre} artist {artist}") for (genre, artist, _), name in names.items()
    )
    write_text(folder / METADATA, text.getvalue())


def _write_track(track: tuple[Path, str, int, int, int]) -> bool:
    import soundfile

    path, genre, artist, take, seed = track
    sound = io.BytesIO()  # libsndfile does not tell whether a file on a full disk is whole
    soundfile.write(
        sound, synthesise(genre, artist, take, seed), RATE, format="FLAC", subtype="PCM_16"
    )
    with atomic_path(path) as temporary:
        temporary.write_bytes(sound.getbuffer())
    return True
