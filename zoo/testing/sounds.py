"""Sounds for the conformance suite: tones that differ by class, and music of the demo set."""

import numpy as np
from numpy.typing import NDArray

from zoo.datasets.demo import ARTISTS
from zoo.datasets.synthesis import GENRES, RATE, synthesise

__all__ = ["demo_music", "noise", "tone"]


def tone(kind: int, seconds: float, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return a tone with overtones in noise, float32, shape (samples,).

    Parameters
    ----------
    kind : int
        Determines the pitch, from 0 to 19; the highest is a little above 3.5 kHz.
    seconds, rate : float, int
        Length, and sample rate in Hz.
    rng : numpy.random.Generator
        Source of pitch, phases and noise.
    """
    time = np.arange(max(1, round(seconds * rate))) / rate
    pitch = 110 * 1.2**kind * rng.uniform(0.98, 1.02)
    waves = sum(np.sin(2 * np.pi * n * pitch * time + rng.uniform(0, 6)) / n for n in (1, 2, 3))
    mixed = 0.2 * waves + 0.02 * rng.standard_normal(time.size)
    return mixed.astype(np.float32)


def noise(seconds: float, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return white noise, float32, shape (samples,)."""
    return 0.1 * rng.standard_normal(max(1, round(seconds * rate)), np.float32)


def demo_music(
    rate: int, learnt: int
) -> tuple[list[NDArray[np.float32]], NDArray[np.int64], NDArray[np.int64]]:
    """Return part of the demo set: two takes of some artists of each genre, one of the others.

    A second take of an artist in the test part would not be independent evidence.

    Parameters
    ----------
    rate, learnt : int
        Sample rate in Hz, and the number of artists per genre of which there are two takes.

    Returns
    -------
    waveforms : list of float32 arrays, each of shape (samples,)
        One per track.
    labels, artists : int64 arrays, shape (tracks,)
        Number of the genre, and of the artist within the genre.
    """
    import soxr

    keys = [
        (label, artist, take)
        for label in range(len(GENRES))
        for artist in range(ARTISTS)
        for take in range(2 if artist < learnt else 1)
    ]
    waveforms = [synthesise(GENRES[label], artist, take) for label, artist, take in keys]
    labels, artists, _ = np.array(keys, dtype=np.int64).T
    if rate != RATE:
        waveforms = [soxr.resample(samples, RATE, rate) for samples in waveforms]
    return waveforms, labels, artists
