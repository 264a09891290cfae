"""The front ends' graphs against librosa, whose computation they repeat."""

import subprocess
import sys

import librosa
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.audio import librosa_reference
from zoo.audio.changes import CHANGES
from zoo.audio.decode import decode
from zoo.audio.frontends import FRONTENDS, Handcrafted, LogMel
from zoo.audio.onnx_spectra import mel_filters

RATE = 22_050
# Framings whose numbers share many factors, few, and none; and one with gaps between frames.
SETTINGS = [
    (22_050, 1024, 512), (44_100, 2048, 441), (16_000, 1000, 250), (22_050, 1023, 300),
    (22_050, 512, 1024),
]  # fmt: skip
SOUNDS = {
    "silence": np.zeros(2 * RATE),
    "silence, then sound": np.pad(np.sin(np.arange(RATE) / 5), (RATE, 0)),
    "one sample": np.array([0.3]),
    "two samples": np.array([0.3, -0.3]),
    "shorter than a frame": np.sin(np.arange(700) / 7),
    "a frame": np.sin(np.arange(1024) / 7),
    "a click": np.eye(1, 2 * RATE, 500)[0],
    "clipped": np.clip(5 * np.sin(np.arange(2 * RATE) / 50), -1, 1),
    "beside zero": 0.5 + 0.1 * np.sin(np.arange(2 * RATE) / 9),
    "a loud bass under hiss": np.sin(np.arange(2 * RATE) / 60)
    + 1e-5 * np.random.default_rng(0).standard_normal(2 * RATE),
}


def music(rate: int, seconds: float, seed: int = 0) -> np.ndarray:
    """Return struck, decaying tones over noise, float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    tones = sum(np.sin(2 * np.pi * pitch * time) for pitch in (110, 440, 1870, 5200))
    noise = 0.05 * rng.standard_normal(time.size)
    return (0.1 * tones * np.exp(-(time % 0.5) / 0.08) + noise * np.exp(-time)).astype(np.float32)


def _both(frontend):
    return frontend, frontend.reference


@pytest.mark.parametrize("kind", FRONTENDS.values(), ids=lambda kind: kind.__name__)
def test_every_front_end_is_a_graph_of_plain_operators(kind):
    graph = kind().graph()
    onnx.checker.check_model(graph, full_check=True)
    assert {entry.domain for entry in graph.opset_import} == {""}
    assert [given.name for given in graph.graph.input] == ["waveform"]
    assert [given.name for given in graph.graph.output] == ["track"]


@pytest.mark.parametrize(("rate", "n_fft", "hop"), SETTINGS)
@pytest.mark.parametrize("seconds", [0.02, 0.5, 3.0, 3.1])
def test_log_mel_is_that_of_librosa(rate, n_fft, hop, seconds):
    frontend = LogMel(rate, n_fft, hop, n_mels=48)
    audio = music(rate, seconds)
    got, expected = frontend(audio), frontend.reference(audio)
    assert got.shape == expected.shape
    # Where there is next to nothing, a decibel is a rounding error.
    loud = expected > expected.max() - 90
    np.testing.assert_allclose(got[loud], expected[loud], atol=2e-2)


@pytest.mark.parametrize(("rate", "n_fft", "hop"), SETTINGS)
@pytest.mark.parametrize("seconds", [0.02, 1.3, 4.0, 4.7])
def test_hand_crafted_features_are_those_of_librosa(rate, n_fft, hop, seconds):
    frontend = Handcrafted(rate, n_fft, hop, window=2.0)
    audio = music(rate, seconds, seed=1)
    got, expected = frontend(audio), frontend.reference(audio)
    assert got.shape == expected.shape
    names = librosa_reference.feature_names()
    for row, other in zip(got, expected, strict=True):
        for name, one, two in zip(names, row, other, strict=True):
            assert one == pytest.approx(two, rel=1e-3, abs=1e-3), name


@pytest.mark.parametrize("name", SOUNDS)
def test_hand_crafted_features_are_those_of_librosa_at_the_edges(name):
    audio = SOUNDS[name].astype(np.float32)
    names = librosa_reference.feature_names()
    got, expected = (dict(zip(names, f(audio)[0], strict=True)) for f in _both(Handcrafted()))
    for column in names:
        descriptor, _, statistic = column.rpartition("_")
        # The shape of what hardly varies is a quotient of rounding errors.
        least = 2e-4 * max(1.0, abs(expected.get(f"{descriptor}_mean", 0.0)))
        if statistic in ("kurtosis", "skew") and expected[f"{descriptor}_std"] < least:
            continue
        assert got[column] == pytest.approx(expected[column], rel=1e-3, abs=5e-3), column


@pytest.mark.parametrize(
    "size", [*range(RATE - 2, RATE + 3), RATE - 511, RATE + 511, 3 * RATE // 2]
)
def test_lengths_around_whole_windows_are_those_of_librosa(size):
    """One window and two, and frames that begin with the last sample, or just do not."""
    for audio in (music(RATE, 3.0)[:size], music(RATE, 3.0)[: size + RATE]):
        got, expected = (f(audio) for f in _both(Handcrafted(window=1.0)))
        np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("rate", "n_fft", "n_mels"),
    [
        (22_050, 1024, 128),
        (44_100, 2048, 48),
        (22_050, 1023, 64),
        (1_500, 512, 16),
        (2_000, 512, 1),
    ],
)
@pytest.mark.parametrize("lowest", [0.0, 43.0])
def test_mel_filters_are_those_of_librosa(rate, n_fft, n_mels, lowest):
    expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=lowest)
    np.testing.assert_allclose(
        mel_filters(rate, n_fft, n_mels, lowest), expected, rtol=1e-5, atol=1e-6 * expected.max()
    )


@pytest.mark.parametrize("offset", [0.05, -0.4])
def test_a_constant_offset_does_not_matter_to_a_log_mel(offset):
    audio = music(RATE, 1.5)
    got, expected = LogMel()(audio + np.float32(offset)), LogMel()(audio)
    # Frames at both ends reach beyond the sound, where the constant begins.
    np.testing.assert_allclose(got[2:-2], expected[2:-2], atol=0.05)


def test_silence_is_the_floor_of_a_log_mel():
    np.testing.assert_allclose(LogMel()(np.zeros(5000, np.float32)), -100, rtol=1e-6)


def test_full_scale_does_not_depend_on_the_rest():
    """Unlike decibels below the loudest frame."""
    audio = np.pad(music(RATE, 1.5), (5000, 0))
    alone, beside = LogMel()(audio), LogMel()(np.concatenate([audio, 5 * audio[::-1]]))
    whole = audio.size // 512 - 2
    np.testing.assert_allclose(alone[:whole], beside[:whole], atol=1e-3)
    louder = LogMel()(2 * audio)
    loud = alone > -40
    assert loud.any()
    np.testing.assert_allclose((louder - alone)[loud], 20 * np.log10(2), atol=1e-3)


def test_bands_without_a_bin_are_silent():
    """Low bands that are narrower than a bin, of which librosa warns."""
    frontend = LogMel(n_fft=256, hop_length=128, n_mels=200)
    with pytest.warns(UserWarning, match="Empty filters"):
        expected = frontend.reference(music(RATE, 0.5))
    np.testing.assert_allclose(frontend(music(RATE, 0.5)), expected, atol=2e-2)


def test_what_is_quiet_beside_something_loud_is_no_rounding_error():
    time = np.arange(3 * RATE) / RATE
    noise = 1e-6 * np.random.default_rng(0).standard_normal(time.size)
    audio = (0.9 * np.sin(2 * np.pi * 440 * time) + noise).astype(np.float32)
    (got,), (expected,) = Handcrafted()(audio), Handcrafted().reference(audio)
    for name, one, two in zip(librosa_reference.feature_names(), got, expected, strict=True):
        if name.startswith("contrast") and not name.endswith(("kurtosis", "skew")):
            assert one == pytest.approx(two, rel=1e-3, abs=1e-3), name


@pytest.mark.parametrize("tempo", [60, 90, 120, 150])
def test_tempo_is_found_as_librosa_finds_it(tempo):
    audio = np.zeros(12 * RATE, np.float32)
    for beat in range(0, audio.size - 400, round(60 * RATE / tempo)):
        audio[beat : beat + 400] = np.hanning(400) * np.sin(np.arange(400) / 3)
    place = librosa_reference.feature_names().index("tempo")
    frontend = Handcrafted()
    assert frontend(audio)[0, place] == frontend.reference(audio)[0, place]


@pytest.mark.real
def test_real_recordings(real_data):
    names = librosa_reference.feature_names()
    for path in sorted(real_data.glob("gtzan-mini/*/*.flac"))[::7]:
        audio = decode(path, RATE)
        np.testing.assert_allclose(
            librosa.db_to_power(LogMel()(audio)),
            librosa.db_to_power(LogMel().reference(audio)),
            rtol=2e-2, atol=1e-9,
        )  # fmt: skip
        got, expected = Handcrafted()(audio)[0], Handcrafted().reference(audio)[0]
        close = np.abs(got - expected) <= 1e-3 * np.abs(expected) + 1e-3
        assert close.all(), [names[n] for n in np.flatnonzero(~close)]


def test_graphs_are_built_without_what_is_slow_to_import():
    code = """
import sys
from zoo.audio.frontends import FRONTENDS
for kind in FRONTENDS.values():
    kind().graph()
print([name for name in ("librosa", "scipy", "numba", "sklearn") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.fixture(scope="module")
def spread():
    """Return the standard deviation of each column over eight sounds of one kind."""
    return np.std([Handcrafted()(music(RATE, 4.0, seed))[0] for seed in range(8)], axis=0) + 1e-3


@settings(max_examples=15)
@given(
    before=st.integers(0, RATE), after=st.integers(0, RATE), offset=st.floats(-0.3, 0.3),
    gain=st.floats(-40, 0), faint=st.sampled_from([0.0, 1 / 32_768]),
)  # fmt: skip
def test_silence_around_level_and_offset_do_not_matter(spread, before, after, offset, gain, faint):
    audio, frontend = music(RATE, 4.0), Handcrafted()
    changed = np.pad(audio * 10 ** (gain / 20), (before, after)) + offset
    changed[:before] += faint * (np.arange(before) % 2)  # the last of 16 bits
    apart = np.abs(frontend(changed.astype(np.float32)) - frontend(audio))[0] / spread
    assert apart.mean() < 0.1
    assert apart.max() < 1.5


@pytest.mark.parametrize("frames", [5, 40, 400])
def test_the_length_of_silence_within_does_not_matter(spread, frames):
    audio, frontend = music(RATE, 4.0), Handcrafted()
    least, more = (
        frontend(np.insert(audio, 2 * RATE, np.zeros(512 * count, np.float32)))[0, :-1]
        for count in (4, frames)
    )  # without the tempo
    assert (np.abs(least - more) / spread[:-1]).max() < 0.1


@pytest.mark.real
def test_handling_leaves_the_features_of_real_music(real_data):
    frontend = Handcrafted()
    tracks = [decode(path, RATE) for path in sorted(real_data.glob("gtzan-mini/*/*.flac"))[::5]]
    rows = np.concatenate([frontend(audio) for audio in tracks])
    for change in ("silence-50ms", "silence-1s", "quiet"):
        changed = np.concatenate([frontend(CHANGES[change].apply(t, RATE)[0]) for t in tracks])
        apart = np.abs(changed - rows) / (rows.std(axis=0) + 1e-6)
        assert apart.mean() < 0.05, change  # standard deviations
        assert np.quantile(apart, 0.99) < 0.5, change
