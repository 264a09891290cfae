"""Tests of the changes that everyday handling makes to a recording."""

import numpy as np
import pytest

from zoo.audio.changes import CHANGES

pytestmark = pytest.mark.filterwarnings("error")
RATE = 22_050


def chord(seconds: float = 8.0, rate: int = RATE) -> np.ndarray:
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(1).standard_normal(times.size)
    tones = sum(np.sin(2 * np.pi * pitch * times) for pitch in (220, 277, 330))
    return (0.2 * tones + 0.02 * noise).astype(np.float32)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000, 96_000, 7_350])
@pytest.mark.parametrize("name", CHANGES)
def test_every_change_is_deterministic_and_differs(name: str, rate: int) -> None:
    audio = chord(6.0, rate)
    (first, at), (second, again) = (CHANGES[name].apply(audio.copy(), rate) for _ in range(2))
    assert at == again
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)
    narrow = {"16-khz": 16_000, "8-khz": 8_000}.get(name, 0)
    if not narrow or rate > narrow:
        assert first.size != audio.size or not np.array_equal(first, audio)


@pytest.mark.parametrize("samples", [1, 100, 4_000])
@pytest.mark.parametrize("name", CHANGES)
def test_a_very_short_recording_can_be_changed(name: str, samples: int) -> None:
    changed, _ = CHANGES[name].apply(chord()[:samples], RATE)
    assert changed.size


def level(audio: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(np.square(audio, dtype=np.float64))))


def test_changes_do_what_their_sentences_say() -> None:
    audio = chord()

    def changed(name: str) -> np.ndarray:
        return CHANGES[name].apply(audio, RATE)[0]

    assert np.argmax(changed("silence-50ms") != 0) == pytest.approx(0.05 * RATE, abs=2)
    assert changed("silence-1s").size == audio.size + 2 * RATE
    assert level(changed("quiet")) == pytest.approx(level(audio) - 20, abs=0.1)
    assert changed("5-s").size == 5 * RATE
    assert changed("offset").mean() == pytest.approx(0.05, abs=1e-3)
    assert level(changed("noise") - audio) == pytest.approx(level(audio) - 20, abs=0.2)
    assert CHANGES["8-khz"].apply(audio, RATE)[1] == 8_000
    mp3 = changed("mp3-64k")
    lags = np.correlate(mp3[: 4 * RATE], audio[:RATE], "valid")
    assert 500 < np.argmax(lags) < 3_000  # the encoder's delay is heard
