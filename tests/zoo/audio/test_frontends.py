"""Every front end: its identity, its shape, and what it makes of any finite waveform."""

import json
import resource
from dataclasses import FrozenInstanceError, fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.audio.frontends import FRONTENDS, Handcrafted, LogMel
from zoo_registry import AudioError, identity
from zoo_registry.frontend import FrontEnd

KINDS = list(FRONTENDS.values())
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
RATE = 22_050


def noise(size: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(size)).astype(np.float32)


SOUNDS = {
    "silence": np.zeros(RATE),
    "constant": np.full(RATE, 0.5),
    "one sample": np.array([0.3]),
    "one zero": np.zeros(1),
    "two samples": np.array([0.3, -0.3]),
    "click": np.eye(1, RATE, 500)[0],
    "shorter than a frame": noise(700),
    "one more than a frame": noise(1025),
    "barely audible": 1e-30 * noise(3000),
    "below the normal numbers": np.full(3000, 1e-42),
    "square": np.sign(np.sin(np.arange(RATE) / 10)),
    "sixteen-bit numbers": 32_767 * noise(RATE),
    "far too loud": 1e6 * noise(RATE),
}


class TestIdentity:
    def test_all_kinds_are_found_by_name(self):
        assert {kind.name: kind for kind in KINDS} == FRONTENDS
        assert {Handcrafted, LogMel} <= set(KINDS)

    @EVERY_KIND
    def test_is_a_frozen_front_end(self, kind):
        frontend = kind()
        assert isinstance(frontend, FrontEnd)
        assert frontend == kind()
        assert hash(frontend) == hash(kind())
        with pytest.raises(FrozenInstanceError):
            frontend.sample_rate = 1

    @EVERY_KIND
    def test_every_field_counts(self, kind):
        for field in fields(kind):
            changed = replace(kind(), **{field.name: getattr(kind(), field.name) * 2})
            assert identity(changed) != identity(kind())
            assert json.loads(json.dumps(identity(changed))) == identity(changed)


@EVERY_KIND
class TestEveryKind:
    @pytest.mark.parametrize("name", SOUNDS)
    def test_finite_sounds_give_finite_numbers(self, kind, name):
        rows = kind()(SOUNDS[name].astype(np.float32))
        assert rows.dtype == np.float32
        assert rows.ndim == 2
        assert rows.size
        assert np.isfinite(rows).all()

    @given(data=st.data())
    @settings(max_examples=15)
    def test_loudness_and_length_never_matter(self, kind, data):
        size = data.draw(st.integers(1, 6000))
        audio = noise(size, data.draw(st.integers(0, 5))) * 10.0 ** data.draw(st.integers(-40, 6))
        audio[data.draw(st.integers(0, size - 1)) :] = data.draw(st.sampled_from([0.0, 1.0, -1e-9]))
        assert np.isfinite(kind()(audio.astype(np.float32))).all()

    @pytest.mark.parametrize("power", [12, 18, 25, 37])
    def test_absurd_loudness_is_an_error_or_finite(self, kind, power):
        audio = (noise(4000) * 10.0**power).astype(np.float32)
        try:
            rows = kind()(audio)
        except AudioError:
            return
        assert np.isfinite(rows).all()

    def test_same_sound_same_numbers_and_nothing_is_written_to_it(self, kind):
        audio = noise(RATE)
        audio.flags.writeable = False
        one, other = kind()(audio), kind()(audio.copy())
        assert one.tobytes() == other.tobytes()
        assert one.tobytes() != kind()(noise(RATE, 1)).tobytes()

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_what_is_no_number_is_refused(self, kind, value):
        audio = noise(5000)
        audio[17] = value
        with pytest.raises(AudioError):
            kind()(audio)

    @pytest.mark.parametrize("shape", [(0,), (2, 500)])
    def test_what_is_no_waveform_is_refused(self, kind, shape):
        with pytest.raises(AudioError):
            kind()(np.zeros(shape, np.float32))


@EVERY_KIND
def test_the_shortest_sound_has_more_whole_frames_than_padded_ones(kind):
    frontend = kind()
    assert 0.05 < frontend.shortest / frontend.sample_rate < 0.1
    whole = 1 + (frontend.shortest - frontend.n_fft) // frontend.hop_length
    assert whole > 1 + frontend.shortest // frontend.hop_length - whole


class TestHandcrafted:
    def test_a_window_that_an_author_made_short_is_long_enough(self):
        frontend = Handcrafted(window=0.05)
        assert frontend.shortest == frontend.hop == round(0.05 * RATE)

    @pytest.mark.parametrize(
        ("seconds", "windows"),
        [(0.01, 1), (0.99, 1), (1.0, 1), (1.49, 1), (1.5, 2), (2.0, 2), (2.49, 2), (2.51, 3)],
    )
    def test_one_row_a_window(self, seconds, windows):
        assert Handcrafted(window=1.0)(noise(round(seconds * RATE))).shape == (windows, 163)

    def test_rows_are_those_of_the_windows_alone(self):
        audio, frontend = noise(2 * RATE), Handcrafted(window=1.0)
        rows = frontend(audio)
        assert rows[:1].tobytes() == frontend(audio[:RATE]).tobytes()
        assert rows[1:].tobytes() == frontend(audio[RATE:]).tobytes()

    def test_thirty_seconds_and_a_little_are_one_window(self):
        assert Handcrafted().window == 30.0
        assert len(Handcrafted()(noise(round(30.01 * RATE)))) == 1


class TestLogMel:
    @pytest.mark.parametrize("size", [1, 511, 512, 1023, 1024, 1025, 5000, RATE])
    def test_frames(self, size):
        assert LogMel()(noise(size)).shape == (1 + max(size, 1024) // 512, 128)

    def test_bands(self):
        assert LogMel(n_mels=32)(noise(5000)).shape[1] == 32

    def test_pitch_is_where_it_belongs(self):
        time = np.arange(RATE) / RATE
        bands = [
            LogMel()(np.sin(2 * np.pi * pitch * time).astype(np.float32)).mean(axis=0).argmax()
            for pitch in (100, 400, 1600, 6400)
        ]
        assert bands == sorted(set(bands))


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read as Linux has it")
def test_the_memory_for_a_long_recording_is_given_back():
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    frontend = LogMel()
    frontend(noise(RATE))
    before = resident()
    frontend(np.resize(noise(10 * RATE), 600 * RATE))
    assert resident() - before < 100e6  # bytes; it needs 280 MB meanwhile
