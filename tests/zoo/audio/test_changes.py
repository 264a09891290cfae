"""Tests of the changes that everyday handling makes to a recording."""

import numpy as np
import pytest

from zoo.audio.changes import CHANGES, Change
from zoo_registry.errors import AudioError

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


@pytest.mark.parametrize(
    ("rate", "times", "reason"),
    [
        (1, 1, "at 1 Hz"),
        (999, 1, "at 999 Hz"),
        (10**9, 1, "at 1000000000 Hz"),
        (RATE + 0.5, 1, "at 22050.5 Hz"),
        (1_000, 4, "it made 88 s of 1 s"),
        (RATE, 71, "it made 71 s of 1 s"),
    ],
)
def test_an_absurd_rate_or_length_is_refused(rate: float, times: int, reason: str) -> None:
    change = Change("odd", "x", 1, lambda audio, _: (np.tile(audio, times), rate))
    with pytest.raises(AudioError, match=f"the change 'odd' failed: .*{reason}"):
        change(chord(1.0), RATE)


@pytest.mark.parametrize(("rate", "times"), [(1_000, 1), (RATE, 69), (1_000_000, 10)])
def test_a_change_may_make_a_recording_slower_or_longer(rate: int, times: int) -> None:
    change = Change("odd", "x", 1, lambda audio, _: (np.tile(audio, times), rate))
    assert change(chord(1.0), RATE)[1] == rate


def test_a_change_that_wants_to_exit_fails_and_ctrl_c_ends() -> None:
    def leave(audio: np.ndarray, rate: int) -> None:
        raise SystemExit(0)

    def interrupt(audio: np.ndarray, rate: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(AudioError, match="the change 'leaves' failed: SystemExit"):
        Change("leaves", "x", 1, leave)(chord(1.0), RATE)
    with pytest.raises(KeyboardInterrupt):
        Change("stops", "x", 1, interrupt)(chord(1.0), RATE)


def test_a_change_knows_whether_it_is_of_the_zoo() -> None:
    assert all(change.is_own for change in CHANGES.values())
    assert not Change("quiet", "x", 1, chord).is_own
