"""Properties of a file are measured, and its bandwidth holds for copies of many kinds."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st

from zoo.audio.bandwidth import bandwidth
from zoo.audio.decode import decode, decode_measured, read
from zoo.audio.properties import Meter, Properties
from zoo.audio.streams import Stream, codec_name

RATE = 44_100
STREAM = Stream(Path("x"), RATE, 0.0, 1, "pcm", iter(()))


def music(seconds: float = 6.0, rate: int = RATE) -> np.ndarray:
    """Return struck notes over brushed drums, of full band, with a pause in the middle."""
    rng = np.random.default_rng(1)
    time = np.arange(round(seconds * rate)) / rate
    struck = np.exp(-(time % 0.25) * 9)
    sound = struck * rng.standard_normal(time.size)
    for pitch in (110.0, 330.0, 523.0):
        sound += struck * sum(np.sin(2 * np.pi * pitch * n * time) / n for n in range(1, 20))
    sound[np.abs(time - seconds / 2) < 0.3] = 0
    return 0.8 * sound / np.abs(sound).max()


@pytest.fixture(scope="module")
def full() -> np.ndarray:
    return music()


def measured(samples: np.ndarray, rate: int = RATE, block: int = 1 << 18) -> Properties:
    meter = Meter(rate)
    for begin in range(0, len(samples), block):
        meter.measure(np.ascontiguousarray(samples[begin : begin + block], np.float32))
    return meter.properties(STREAM)


def in_steps(samples: np.ndarray, full: int, dither: bool = False) -> np.ndarray:
    """Return samples as integers of this full scale hold them."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (2, samples.size)).sum(axis=0)
    return np.round(samples * full + dither * noise) / full


def linear(samples: np.ndarray, source: int) -> np.ndarray:
    """Return samples at the common rate, interpolated as cheap programs do it."""
    places = np.arange(int(samples.size / source * RATE) - 10) * source / RATE
    return np.interp(places, np.arange(samples.size), samples)


class TestBandwidth:
    def test_full_band(self, full):
        assert measured(full).bandwidth > 19_000

    @pytest.mark.parametrize("source", [8_000, 16_000, 22_050])
    @pytest.mark.parametrize(
        "copied",
        [
            lambda low, source: soxr.resample(low, source, RATE),
            lambda low, source: in_steps(soxr.resample(low, source, RATE), 32_768),
            lambda low, source: in_steps(soxr.resample(low, source, RATE), 32_768, dither=True),
            lambda low, source: in_steps(soxr.resample(low, source, RATE), 128),
            lambda low, source: in_steps(soxr.resample(low, source, RATE), 128, dither=True),
            lambda low, source: soxr.resample(low, source, RATE, quality="QQ"),
            lambda low, source: soxr.resample(low, source, RATE, quality="LQ"),
            lambda low, source: in_steps(linear(low, source), 32_768),
            lambda low, source: soxr.resample(low, source, RATE)[:8_820],
            lambda low, source: 0.01 * soxr.resample(low, source, RATE),
        ],
        ids=[
            "plain",
            "16-bit",
            "dithered",
            "8-bit",
            "dithered-8-bit",
            "images",
            "poor",
            "linear",
            "short",
            "quiet",
        ],
    )
    def test_a_copy_from_a_lower_rate(self, full, source, copied):
        samples = copied(soxr.resample(full, RATE, source), source)
        assert measured(samples).bandwidth == pytest.approx(source / 2, rel=0.11)

    def test_a_low_rate_is_a_bandwidth(self, full):
        found = measured(soxr.resample(full, RATE, 8_000), 8_000)
        assert found.bandwidth == pytest.approx(4_000, rel=0.05)

    @pytest.mark.parametrize("hiss", [0.0, 1e-4, 1e-3])
    @pytest.mark.parametrize("full_scale", [128, 32_768])
    def test_quiet_treble_is_no_cut_off(self, hiss, full_scale):
        """The partials of a solo bass decay into noise, and nothing was cut off."""
        time = np.arange(5 * RATE) / RATE
        struck = np.exp(-(time % 1) * 2)
        sound = 0.2 * struck * np.arcsin(np.sin(2 * np.pi * 55 * time))
        sound += hiss * np.random.default_rng(0).standard_normal(time.size)
        assert measured(in_steps(sound, full_scale)).bandwidth > 19_000

    @pytest.mark.parametrize("colour", [0, 1, 2])
    def test_noise_of_full_band(self, colour):
        bins = np.fft.rfft(np.random.default_rng(0).standard_normal(5 * RATE))
        sound = np.fft.irfft(bins / np.arange(1, bins.size + 1) ** (colour / 2))
        assert measured(in_steps(0.1 * sound / sound.std(), 32_768)).bandwidth > 19_000

    def test_clicks_count_for_nothing(self, full):
        samples = soxr.resample(soxr.resample(full, RATE, 8_000), 8_000, RATE)
        samples[np.random.default_rng(0).integers(0, samples.size, 8)] += 0.5
        assert measured(samples).bandwidth == pytest.approx(4_000, rel=0.1)

    @pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
    @pytest.mark.parametrize("noise", [1e-4, 1e-3])
    def test_clicks_in_noise_are_no_images(self, rate, noise):
        rng = np.random.default_rng(3)
        for clicks in (4, 30, 150, 750):
            samples = noise * rng.standard_normal(3 * rate)
            samples[rng.integers(0, samples.size, clicks)] = rng.uniform(-0.9, 0.9, clicks)
            assert measured(in_steps(samples, 32_768), rate).bandwidth > 0.45 * rate

    @pytest.mark.parametrize("samples", [np.zeros(RATE), np.full(RATE, 0.3), np.ones(1)])
    def test_silence_has_none(self, samples):
        found = measured(samples)
        assert found.bandwidth is None
        assert found.level is None
        assert found.leading == pytest.approx(found.seconds, abs=1e-3)
        assert found.trailing == 0

    @pytest.mark.real
    def test_real_recordings_are_not_taken_for_images(self, real_data):
        for path in sorted((real_data / "esc10").rglob("*.ogg"))[::20]:
            found = decode_measured(path, 8_000)[1].bandwidth
            assert found is None or found > 5_000

    @given(
        rate=st.sampled_from([1_000, 8_000, 11_025, 22_050, 48_000, 192_000, 1_000_000]),
        frames=st.integers(1, 30),
        seed=st.integers(0, 9),
        loudness=st.sampled_from([1e-12, 1e-5, 1.0, 1e12]),
    )
    def test_any_spectra_have_one(self, rate, frames, seed, loudness):
        bins = (1 << round(np.log2(rate / 44))) // 2
        powers = loudness * np.random.default_rng(seed).exponential(size=(frames, bins))
        powers[:, bins // 2 :] *= seed % 2
        assert 0 < bandwidth(powers.astype(np.float32), rate) <= rate / 2


class TestMeter:
    @pytest.mark.parametrize("block", [1_000, 1 << 14, 1 << 18])
    def test_blocks_do_not_matter(self, full, block):
        padded = np.concatenate([np.zeros(RATE), 0.5 + full, np.full(RATE // 2, 0.5)])
        padded[:RATE] = 0.5
        found = measured(padded, block=block)
        assert found.seconds == pytest.approx(7.5)
        assert found.leading == pytest.approx(1.0, abs=0.02)
        assert found.trailing == pytest.approx(0.5, abs=0.4)  # the last note fades
        loud = full[np.abs(full) > 0]
        assert found.level == pytest.approx(10 * np.log10(np.mean(loud**2)), abs=1)
        assert found.bandwidth > 19_000

    def test_level_in_decibels(self):
        tone = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
        assert measured(tone).level == pytest.approx(-3.0, abs=0.1)
        assert measured(0.1 * tone).level == pytest.approx(-23.0, abs=0.1)

    def test_spectra_of_a_long_recording_are_bounded(self):
        meter = Meter(8_000)
        for number in range(1_000):
            meter.measure(np.random.default_rng(number).standard_normal(2_000).astype(np.float32))
        assert len(meter._spectra) <= 65
        assert meter.properties(STREAM).bandwidth == 4_000


FORMATS = {
    "x.wav": ({"subtype": "PCM_16"}, "pcm"),
    "8.wav": ({"subtype": "PCM_U8"}, "pcm"),
    "f.wav": ({"subtype": "FLOAT"}, "pcm"),
    "u.wav": ({"subtype": "ULAW"}, "mulaw"),
    "a.wav": ({"subtype": "IMA_ADPCM"}, "adpcm"),
    "x.flac": ({}, "flac"),
    "x.ogg": ({}, "vorbis"),
    "o.ogg": ({"subtype": "OPUS"}, "opus"),
    "x.mp3": ({}, "mp3"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_properties_of_files(name, tmp_path):
    options, codec = FORMATS[name]
    sound = music(1.0, 48_000)
    soundfile.write(tmp_path / name, np.stack([sound, sound], axis=1), 48_000, **options)
    samples, found, _ = decode_measured(tmp_path / name, 22_050)
    np.testing.assert_array_equal(samples, decode(tmp_path / name, 22_050))
    assert (found.codec, found.rate, found.channels) == (codec, 48_000, 2)
    assert found.seconds == pytest.approx(1.0, abs=0.1)
    assert read(tmp_path / name).properties == found


def test_either_library_gives_a_codec_one_name():
    for names in (
        ("pcm_s16le", "pcm_u8", "pcm_f32be", "pcm_dvd", "PCM_24", "FLOAT", "DOUBLE"),
        ("pcm_mulaw", "ULAW"),
        ("pcm_alaw", "ALAW"),
        ("adpcm_ms", "MS_ADPCM", "IMA_ADPCM"),
        ("alac", "ALAC_24"),
        ("mp3", "MPEG_LAYER_III"),
        ("mp2", "MPEG_LAYER_II"),
        ("gsm_ms", "GSM610"),
    ):
        assert len({codec_name(name) for name in names}) == 1
    assert codec_name("aac") == "aac"


def test_mp3_with_a_low_pass(tmp_path):
    """An encoder at 8 kHz leaves 4 kHz, also once it is decoded and saved as WAV."""
    soundfile.write(tmp_path / "x.mp3", soxr.resample(music(), RATE, 8_000), 8_000)
    samples = soxr.resample(decode(tmp_path / "x.mp3", 8_000), 8_000, RATE)
    soundfile.write(tmp_path / "x.wav", samples, RATE)
    assert decode_measured(tmp_path / "x.wav", RATE)[1].bandwidth == pytest.approx(4_000, rel=0.1)
