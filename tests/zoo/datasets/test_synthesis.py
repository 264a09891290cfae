import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.datasets.synthesis import GENRES, RATE, synthesise

NUMBERS = st.integers(0, 1000)


def assert_music(samples):
    assert samples.dtype == np.float32
    assert samples.ndim == 1
    assert np.isfinite(samples).all()
    assert 9 * RATE <= samples.size <= 11 * RATE
    assert 0.25 < np.abs(samples).max() <= 1
    assert np.sqrt(np.mean(samples**2)) > 0.01


def spectrum(samples):
    """Return the mean log spectrum in 64 bands, shape (64,)."""
    frames = samples[: samples.size // 2048 * 2048].reshape(-1, 2048) * np.hanning(2048)
    power = np.mean(np.abs(np.fft.rfft(frames)[:, 1:]) ** 2, axis=0)
    return np.log(power.reshape(64, -1).mean(axis=1))


def test_there_are_ten_genres_in_order():
    assert len(set(GENRES)) == 10
    assert list(GENRES) == sorted(GENRES)


@pytest.mark.parametrize("genre", GENRES)
def test_every_genre_sounds(genre):
    assert_music(synthesise(genre, 0, 0))


@settings(max_examples=12, deadline=None)
@given(genre=st.sampled_from(GENRES), artist=NUMBERS, take=NUMBERS, seed=st.integers(0, 2**64))
def test_every_track_sounds_and_can_be_repeated(genre, artist, take, seed):
    track = synthesise(genre, artist, take, seed)
    assert_music(track)
    np.testing.assert_array_equal(track, synthesise(genre, artist, take, seed))


@pytest.mark.parametrize("genre", GENRES)
def test_every_argument_matters(genre):
    variants = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    tracks = [synthesise(genre, *variant) for variant in variants]
    assert len({track[: 9 * RATE].tobytes() for track in tracks}) == len(variants)


def test_another_process_makes_the_same_track():
    code = (
        "import sys; from zoo.datasets.synthesis import synthesise;"
        "sys.stdout.buffer.write(synthesise('waltz', 2, 1).tobytes())"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert made == synthesise("waltz", 2, 1).tobytes()


def test_an_artist_has_a_sound():
    shapes = np.array(
        [[spectrum(synthesise("disco", artist, take)) for take in range(3)] for artist in range(4)]
    )
    shapes -= shapes.mean(axis=2, keepdims=True)  # takes differ in level
    within = shapes.std(axis=1).mean()
    between = shapes.mean(axis=1).std(axis=0).mean()
    assert between > within


def test_lengths_and_levels_vary():
    tracks = [synthesise("techno", 0, take) for take in range(6)]
    assert len({track.size for track in tracks}) >= 4
    peaks = [np.abs(track).max() for track in tracks]
    assert max(peaks) > 1.2 * min(peaks)


def test_an_unknown_genre_is_refused():
    with pytest.raises(ValueError, match=r"there is no genre 'polka': choose one of ambient, "):
        synthesise("polka", 0, 0)


@pytest.mark.parametrize("name", ["artist", "take", "seed"])
def test_a_negative_number_is_refused(name):
    arguments = {"artist": 0, "take": 0, "seed": 0, name: -1}
    with pytest.raises(ValueError, match=f"{name} is a number from 0, not -1"):
        synthesise("waltz", **arguments)
