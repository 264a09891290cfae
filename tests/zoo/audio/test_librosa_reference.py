"""The numbers behind the front ends, against librosa, scipy and pathological sounds."""

import librosa
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from zoo.audio import librosa_reference
from zoo_registry import AudioError

SETTINGS = [(22_050, 1024, 512), (44_100, 2048, 441), (16_000, 512, 256)]


def music(rate: int, seconds: float = 1.5, seed: int = 0) -> np.ndarray:
    """Return struck, decaying tones over noise, float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    beat = time % 0.25
    tones = sum(np.sin(2 * np.pi * pitch * time) for pitch in (110, 440, 1870, 5200))
    noise = 0.05 * rng.standard_normal(time.size)
    return (0.1 * tones * np.exp(-beat / 0.08) + noise * np.exp(-time)).astype(np.float32)


class TestDescriptors:
    @pytest.mark.parametrize(("rate", "n_fft", "hop"), SETTINGS)
    def test_equal_librosa_called_on_the_waveform(self, rate, n_fft, hop, monkeypatch):
        monkeypatch.setattr(librosa_reference, "FLOOR", 0.0)
        y, feature = librosa_reference.trim(music(rate)), librosa.feature
        frames = librosa.util.frame(y, frame_length=n_fft, hop_length=hop)
        level, gain = frames.std(axis=0), 0.1 / np.sqrt(frames.var(axis=0).mean())
        timed = {"y": (y - frames.mean()) * gain, "hop_length": hop, "center": False}
        spectral = {"sr": rate, "n_fft": n_fft, **timed}
        mel = librosa.power_to_db(feature.melspectrogram(**spectral))
        onset = librosa.onset.onset_strength(S=mel, sr=rate, center=False)
        expected = np.concatenate(
            [
                feature.spectral_centroid(**spectral),
                feature.spectral_rolloff(**spectral),
                feature.zero_crossing_rate(frame_length=n_fft, **timed),
                gain * level[None],
                onset[None],
                feature.spectral_contrast(**spectral),
                feature.spectral_bandwidth(**spectral),
                feature.spectral_flatness(n_fft=n_fft, **timed),
                feature.mfcc(n_mfcc=13, **spectral),
            ]
        )
        got, envelope = librosa_reference.descriptors(music(rate), rate, n_fft, hop)
        assert got.shape == (27, frames.shape[1])
        for row, (one, other) in enumerate(zip(got, expected, strict=True)):
            scale = np.abs(other).max()
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4 * scale, err_msg=str(row))
        np.testing.assert_allclose(envelope, onset, rtol=1e-5, atol=1e-5)

    def test_names_are_in_the_order_of_the_columns(self):
        names = librosa_reference.feature_names()
        assert len(names) == len(set(names)) == 163
        assert names[:6] == [f"centroid_{name}" for name in librosa_reference.STATISTICS]
        y = music(22_050)
        row = dict(zip(names, librosa_reference.describe(y, 22_050, 1024, 512), strict=True))
        frames, _ = librosa_reference.descriptors(y, 22_050, 1024, 512)
        assert row["centroid_mean"] == pytest.approx(frames[0].mean(), rel=1e-5)
        assert row["rms_max"] == pytest.approx(frames[3].max(), rel=1e-5)
        assert row["mfcc13_min"] == pytest.approx(frames[26].min(), rel=1e-4)


class TestDescribe:
    @pytest.mark.parametrize(("rate", "n_fft", "hop"), SETTINGS)
    def test_statistics_are_those_of_scipy(self, rate, n_fft, hop):
        y = music(rate)
        frames = librosa_reference.descriptors(y, rate, n_fft, hop)[0].astype(np.float64)
        expected = [
            frames.max(axis=1),
            frames.min(axis=1),
            frames.mean(axis=1),
            frames.std(axis=1),
            scipy.stats.kurtosis(frames, axis=1),
            scipy.stats.skew(frames, axis=1),
        ]
        got = librosa_reference.describe(y, rate, n_fft, hop)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got[:162].reshape(27, 6), np.stack(expected, 1), rtol=1e-5)

    def test_tempo(self):
        rate = 22_050
        y = np.zeros(8 * rate, np.float32)
        for beat in range(0, y.size, rate // 2):  # 120 a minute
            y[beat : beat + 400] = np.hanning(400) * np.sin(np.arange(400) / 3)
        tempo = librosa_reference.describe(y, rate, 1024, 512)[162]
        assert tempo == pytest.approx(120, rel=0.04)

    @given(
        arrays.arrays(
            np.float32,
            st.tuples(st.integers(1, 4), st.integers(1, 50)),
            elements=st.floats(allow_nan=False, allow_infinity=False, width=32),
        )
    )
    def test_statistics_of_finite_values_are_finite(self, rows):
        got = librosa_reference._statistics(rows)
        assert got.shape == (len(rows), len(librosa_reference.STATISTICS))
        assert np.isfinite(got).all()
        tolerance = 1e-6 * np.abs(rows).max() + 1e-30
        assert (got[:, 1] <= got[:, 2] + tolerance).all()
        assert (got[:, 2] <= got[:, 0] + tolerance).all()

    @given(st.floats(-(2.0**99), 2.0**99, width=32), st.integers(1, 100))
    def test_what_is_constant_has_no_shape(self, value, count):
        _, _, mean, _, kurtosis, skew = librosa_reference._statistics(
            np.full((1, count), value, "f4")
        )[0]
        assert mean == pytest.approx(value)
        assert (kurtosis, skew) == (0, 0)


class TestTrim:
    @pytest.mark.parametrize(("before", "after"), [(0, 0), (9, 0), (0, 9000), (800, 5000)])
    @pytest.mark.parametrize("value", [0, 0.3])
    def test_silence_before_and_after(self, before, after, value):
        sound = np.float32([value + 0.4, *np.sin(np.arange(500)), value - 0.4])
        y = np.pad(sound, (before, after), constant_values=value)
        got = librosa_reference.trim(y)
        edges = (before == 0) + (after == 0)  # which a first sample of sound cannot be told from
        np.testing.assert_array_equal(
            got[:501] if before else got[:500], sound[before == 0 :][: 501 - (before == 0)]
        )
        assert sound.size - edges <= got.size <= sound.size

    @pytest.mark.parametrize("y", [[0.0], [0.5] * 9, [0.0] * 5 + [1.0] * 5])
    def test_what_is_constant_has_something_left(self, y):
        assert librosa_reference.trim(np.float32(y)).size


class TestLogMel:
    @pytest.mark.parametrize(("rate", "n_fft", "hop"), SETTINGS)
    @pytest.mark.parametrize("n_mels", [40, 64])
    def test_equal_librosa(self, rate, n_fft, hop, n_mels):
        y = np.pad(music(rate), (5000, 0))  # digital silence, where a floor shows
        mel = librosa.feature.melspectrogram(
            y=y, sr=rate, n_fft=n_fft, hop_length=hop, n_mels=n_mels, fmin=rate / n_fft
        )
        expected = librosa.power_to_db(mel, top_db=None).T
        got = librosa_reference.log_mel(y, rate, n_fft, hop, n_mels)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-3)

    def test_floor(self):
        got = librosa_reference.log_mel(np.zeros(5000, np.float32), 22_050, 1024, 512, 128)
        np.testing.assert_allclose(got, -100, rtol=1e-6)

    def test_full_scale_does_not_depend_on_the_rest(self):
        """Unlike decibels below the loudest frame."""
        y = np.pad(music(22_050), (5000, 0))
        alone = librosa_reference.log_mel(y, 22_050, 1024, 512, 128)
        louder = np.concatenate([y, 5 * y[::-1]])
        beside = librosa_reference.log_mel(louder, 22_050, 1024, 512, 128)
        whole = y.size // 512 - 2
        np.testing.assert_allclose(alone[:whole], beside[:whole], atol=1e-3)


class TestWindows:
    @given(st.integers(1, 5000), st.integers(1, 300))
    def test_the_rule(self, size, length):
        audio = np.arange(size, dtype=np.float32)
        cut = librosa_reference.windows(audio, length)
        np.testing.assert_array_equal(np.concatenate(cut), audio)
        sizes = [part.size for part in cut]
        assert all(part == length for part in sizes[:-1])
        if size < length:
            assert sizes == [size]
        else:  # what stands alone is half a window at least, what was joined less than half
            assert length / 2 <= sizes[-1] < 1.5 * length

    @pytest.mark.parametrize(
        ("size", "sizes"),
        [
            (99, [99]), (100, [100]), (149, [149]), (150, [100, 50]), (199, [100, 99]),
            (200, [100, 100]), (249, [100, 149]), (250, [100, 100, 50]), (1, [1]),
        ],
    )  # fmt: skip
    def test_examples(self, size, sizes):
        assert [part.size for part in librosa_reference.windows(np.zeros(size), 100)] == sizes


class TestCheck:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("place", [0, 77, -1])
    def test_no_numbers(self, value, place):
        audio = np.zeros(100, np.float32)
        audio[place] = value
        with pytest.raises(AudioError, match="NaN or infinite"):
            librosa_reference.check(audio)

    @pytest.mark.parametrize("shape", [(0,), (2, 50), (50, 1), ()])
    def test_no_waveform(self, shape):
        with pytest.raises(AudioError, match="shape"):
            librosa_reference.check(np.zeros(shape, np.float32))
