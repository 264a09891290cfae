"""Occlusion finds the stretch of time and the band of frequencies that a model needs."""

import numpy as np
import pytest

from zoo.inference.occlusion import occluded

RATE = 22_050
BANDS = [0.0, 800.0, 2_000.0, 5_000.0, 11_025.0]


def sound(pitch: float, begin: float, end: float, seed: int, seconds: float = 2.0) -> np.ndarray:
    """Return faint noise with a tone in a part of it."""
    rng, time = np.random.default_rng(seed), np.arange(round(seconds * RATE)) / RATE
    tone = 0.3 * np.sin(2 * np.pi * pitch * time) * ((time >= begin) & (time < end))
    return (tone + 0.01 * rng.standard_normal(time.size)).astype(np.float32)


@pytest.mark.parametrize(
    ("pitch", "begin", "band", "piece"), [(300, 0.5, 0, 1), (3_000, 1.5, 2, 3), (8_000, 0.0, 3, 0)]
)
def test_the_part_with_the_tone_decides(pitch, begin, band, piece):
    """A model that hears the energy of its tone."""

    def probability(samples):
        power = np.abs(np.fft.rfft(samples)) ** 2
        near = np.abs(np.fft.rfftfreq(samples.size, 1 / RATE) - pitch) < 50
        return float(power[near].sum() / (power[near].sum() + 1e5))

    samples = sound(pitch, begin, begin + 0.5, seed=1)
    found = occluded(probability, samples, RATE, BANDS, 4)
    assert found.shape == (4, 4)
    whole = probability(samples)
    assert np.unravel_index(found.argmin(), found.shape) == (band, piece)
    others = np.delete(found.ravel(), found.argmin())
    assert found.min() < 0.5 * whole
    assert np.abs(others - whole).max() < 0.2 * whole


def test_bands_above_the_rate_are_not_asked_about():
    calls = []

    def probability(samples):
        assert samples.shape == (4_000,)
        assert samples.dtype == np.float32
        calls.append(samples)
        return 0.5

    found = occluded(probability, np.ones(4_000, np.float32), 4_000, BANDS, 3)
    assert (found == 0.5).all()
    assert len(calls) == 1 + 2 * 3


@pytest.mark.parametrize("size", [2, 100, 1_500])
def test_short_sounds_are_taken(size):
    found = occluded(lambda samples: float(samples.size), np.ones(size, np.float32), RATE, BANDS, 5)
    assert (found == size).all()
