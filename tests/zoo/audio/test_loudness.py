"""Silence: in any blocks, at any rate, whatever constant is added."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.audio.loudness import SILENCE, Peaks

LEVEL = 10 ** (SILENCE / 20)
WHOLE = np.full((1, 2), np.nan)


def measured(samples: np.ndarray, rate: int, *cuts: int) -> Peaks:
    peaks = Peaks(rate)
    for block in np.split(samples.astype(np.float32), sorted(cuts)):
        if block.size:
            peaks.measure(block)
    return peaks


def tone(seconds: float, rate: int, level: float) -> np.ndarray:
    return level * np.cos(2 * np.pi * 150 * np.arange(round(seconds * rate)) / rate)


@given(
    st.sampled_from([1_000, 8_000, 11_025, 22_050, 48_000]),
    st.integers(1, 2_000),
    st.lists(st.integers(0, 2_000), max_size=5),
    st.integers(0, 9),
)
def test_blocks_do_not_matter(rate, size, cuts, seed):
    samples = np.random.default_rng(seed).normal(0.2, LEVEL, size)
    one, other = measured(samples, rate), measured(samples, rate, *cuts)
    assert one.loudest == other.loudest
    assert one.seconds == other.seconds == size / rate
    times = np.array([[0.0, size / rate], [np.nan, np.nan]])
    assert one.silent(times).tolist() == other.silent(times).tolist()


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 96_000])
@pytest.mark.parametrize("offset", [0.0, -0.3])
def test_the_level_decides_and_a_constant_does_not_count(rate, offset):
    for level, silent in ((0.0, True), (LEVEL / 1.02, True), (LEVEL * 1.02, False), (0.5, False)):
        peaks = measured(offset + tone(1.0, rate, level), rate)
        assert peaks.silent(WHOLE).tolist() == [silent]


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
def test_each_window_is_judged_alone(rate):
    pieces = [tone(1.0, rate, level) for level in (0.4, 0.0, 0.001, 0.0001)]
    times = np.array([[n, n + 1.0] for n in range(4)])
    assert measured(np.concatenate(pieces), rate).silent(times).tolist() == [False, True] * 2


@pytest.mark.parametrize(
    ("seconds", "window", "silent"),
    [
        (1.4, 30.0, True),
        (1.6, 30.0, False),
        (0.08, 1.0, True),
        (0.12, 1.0, False),
        (0.08, 0.1, False),
        (0.04, 0.1, True),
    ],
)
def test_the_edge_of_a_sound_is_none_unless_the_window_is_short(seconds, window, silent):
    rate = 8_000
    samples = np.zeros(31 * rate)
    samples[: round(seconds * rate)] = tone(seconds, rate, 0.4)
    samples[30 * rate :] = tone(1.0, rate, 0.4)
    times = np.array([[0.0, window], [30.0, 31.0]])
    assert measured(samples, rate).silent(times).tolist() == [silent, False]


def test_if_all_windows_have_little_sound_those_without_any_are_silent():
    rate = 8_000
    samples = np.zeros(3 * rate)
    times = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]])
    samples[: rate // 20] = tone(0.05, rate, 0.4)
    assert measured(samples, rate).silent(times).all()  # in the whole recording, too
    samples[2 * rate : 2 * rate + 640] = tone(0.08, rate, 0.4)
    assert measured(samples, rate).silent(times).tolist() == [False, True, False]
