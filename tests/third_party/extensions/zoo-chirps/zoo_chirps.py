"""A data set of rising, falling and steady tones, made on first use."""

import tempfile
from contextlib import suppress
from pathlib import Path

from zoo import hookimpl

TURNS = {"falling": -1.0, "rising": 1.0, "steady": 0.0}  # octaves a second
TRACKS, SECONDS, RATE = 6, 1.5, 22_050


@hookimpl
def zoo_datasets():
    return {"chirps": chirps}


def chirps():
    from zoo.datasets import Dataset
    from zoo.datasets.folder import read_folder
    from zoo.workspace import cache_folder

    folder = cache_folder() / "zoo-chirps" / "1"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            whole = write(Path(temporary) / "whole")
            with suppress(OSError):  # another process was quicker
                whole.rename(folder)
    return Dataset("chirps", "chirps", read_folder(folder).tracks)


def write(folder):
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    time = np.arange(round(SECONDS * RATE)) / RATE
    for label, turn in TURNS.items():
        (folder / label).mkdir(parents=True)
        for number in range(TRACKS):
            frequency = 440 * 2 ** (turn * (time - SECONDS / 2) + rng.uniform(-0.3, 0.3))
            tone = 0.3 * np.sin(2 * np.pi * np.cumsum(frequency) / RATE)
            noise = 0.01 * rng.standard_normal(len(time))
            soundfile.write(folder / label / f"{number}.flac", tone + noise, RATE)
    return folder
