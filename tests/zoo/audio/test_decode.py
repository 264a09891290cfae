"""Decoding real files of every kind, whole, damaged and absurd."""

import os
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from zoo.audio.decode import decode, open_stream, read, resample
from zoo_registry import AudioError, FileUnavailable

PITCH = 440.0
SECONDS = 0.4
LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
CHANNELS = tuple(LAYOUTS)
RATES = (8000, 44_100, 96_000)


@dataclass(frozen=True)
class Kind:
    """A file format and how it keeps samples.

    `error` is the greatest deviation of a sample, None for a codec that keeps
    the sound but not the samples.
    """

    suffix: str
    container: str
    codec: str
    error: float | None = None
    channels: tuple[int, ...] = CHANNELS
    rates: tuple[int, ...] = RATES
    has_length: bool = True
    writer: Callable | None = None

    def __str__(self) -> str:
        return f"{self.container}-{self.codec}"

    def write(self, path: Path, samples: np.ndarray, rate: int) -> Path:
        (self.writer or with_soundfile)(self, path, samples, rate)
        return path


def with_soundfile(kind: Kind, path: Path, samples: np.ndarray, rate: int) -> None:
    soundfile.write(path, samples, rate, format=kind.container, subtype=kind.codec)


def with_av(kind: Kind, path: Path, samples: np.ndarray, rate: int) -> None:
    layout = LAYOUTS[samples.shape[1]]
    with av.open(str(path), "w", format=kind.container) as container:
        stream = container.add_stream(kind.codec, rate=rate)
        stream.layout, stream.bit_rate = layout, 96_000
        planes = np.ascontiguousarray(samples.T, dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for part in (frame, None):
            container.mux(stream.encode(part))


OPUS = {"rates": (8000, 48_000)}
STEREO = {"channels": (1, 2), "rates": (8000, 44_100)}
SLOW = {"channels": (1, 6), "rates": (8000, 96_000)}
ONE = {"channels": (2,), "rates": (48_000,)}  # the codec is tried in another container
KINDS = [
    Kind(".wav", "WAV", "PCM_U8", 1 / 100),
    Kind(".wav", "WAV", "PCM_16", 1e-4),
    Kind(".wav", "WAV", "PCM_24", 1e-6),
    Kind(".wav", "WAV", "PCM_32", 1e-6),
    Kind(".wav", "WAV", "FLOAT", 1e-7),
    Kind(".wav", "WAV", "DOUBLE", 1e-7),
    Kind(".wav", "WAV", "ULAW", 2e-2),
    Kind(".wav", "WAV", "ALAW", 2e-2),
    Kind(".wav", "WAV", "IMA_ADPCM", channels=(1, 2)),
    Kind(".wav", "WAVEX", "PCM_24", 1e-6),
    Kind(".wav", "RF64", "PCM_16", 1e-4),
    Kind(".au", "AU", "PCM_16", 1e-4),
    Kind(".snd", "AU", "ULAW", 2e-2),
    Kind(".au", "AU", "FLOAT", 1e-7),
    Kind(".aiff", "AIFF", "PCM_16", 1e-4),
    Kind(".aif", "AIFF", "PCM_24", 1e-6),
    Kind(".aifc", "AIFF", "DOUBLE", 1e-7),
    Kind(".w64", "W64", "PCM_16", 1e-4),
    Kind(".caf", "CAF", "PCM_16", 1e-4),
    Kind(".caf", "CAF", "ALAC_16", 1e-4, **SLOW),
    Kind(".flac", "FLAC", "PCM_16", 1e-4),
    Kind(".flac", "FLAC", "PCM_24", 1e-6),
    Kind(".ogg", "OGG", "VORBIS"),
    Kind(".oga", "OGG", "OPUS", **OPUS),
    Kind(".opus", "ogg", "libopus", writer=with_av, **OPUS),
    Kind(".webm", "webm", "libopus", writer=with_av, **OPUS),
    Kind(".mka", "matroska", "libopus", writer=with_av, **ONE),
    Kind(".mp3", "MP3", "MPEG_LAYER_III", **STEREO),
    Kind(".mp3", "mp3", "libmp3lame", writer=with_av, **STEREO),
    Kind(".mp2", "mp2", "mp2", writer=with_av, has_length=False, **ONE),
    Kind(".m4a", "ipod", "aac", writer=with_av, **SLOW),
    Kind(".m4a", "ipod", "alac", 1e-4, writer=with_av, **SLOW),
    Kind(".mp4", "mp4", "aac", writer=with_av, **ONE),
    Kind(".aac", "adts", "aac", writer=with_av, has_length=False, **ONE),
    Kind(".wma", "asf", "wmav2", writer=with_av, **STEREO),
]
EVERY_KIND = pytest.mark.parametrize("kind", KINDS, ids=str)
EVERY_FILE = pytest.mark.parametrize(
    ("kind", "channels", "rate"),
    [
        pytest.param(kind, channels, rate, id=f"{kind}-{channels}-{rate}")
        for kind in KINDS
        for channels in kind.channels
        for rate in kind.rates
    ],
)


def tones(channels: int, rate: int, seconds: float = SECONDS) -> np.ndarray:
    """Return one pitch at another level in each channel, with a little noise, full scale 1."""
    time = np.arange(round(seconds * rate)) / rate
    noise = 0.01 * np.random.default_rng(0).standard_normal(time.size)
    levels = np.linspace(0.2, 0.6, channels) if channels > 1 else np.array([0.4])
    return (np.sin(2 * np.pi * PITCH * time) + noise)[:, None] * levels


def pitch(samples: np.ndarray, rate: int) -> float:
    padded = np.abs(np.fft.rfft(samples * np.hanning(samples.size), 4 * samples.size))
    return padded.argmax() * rate / (4 * samples.size)


def loudness(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def outcome(path: Path, rate: int) -> np.ndarray | str:
    """Return the waveform, or the message of the error."""
    try:
        return decode(path, rate)
    except AudioError as error:
        return str(error)


def assert_sound(got: np.ndarray | str, path: Path) -> None:
    """Check that what `outcome` gave is a waveform or a message that names the file."""
    if isinstance(got, str):
        assert str(path) in got
        assert "\n" not in got
    else:
        assert got.size
        assert np.isfinite(got).all()


class TestWhole:
    @EVERY_FILE
    def test_every_kind_channel_count_and_rate(self, tmp_path, kind, channels, rate, capfd):
        samples = tones(channels, rate)
        path = kind.write(tmp_path / f"x{kind.suffix}", samples, rate)
        recording, mono = read(path), decode(path, 22_050)
        assert recording.truncated is None
        assert recording.samples.dtype == mono.dtype == np.float32
        assert recording.samples.shape[1] == channels
        # Some decoders give 48 kHz for every Opus file.
        assert recording.rate in (rate, 48_000 if "opus" in kind.codec.lower() else rate)
        assert mono.ndim == 1
        assert mono.flags.c_contiguous
        assert np.isfinite(mono).all()
        assert pitch(mono, 22_050) == pytest.approx(PITCH, abs=4)
        middle, expected = mono[mono.size // 4 : -mono.size // 4], loudness(samples.mean(axis=1))
        if (
            kind.error is None
        ):  # codecs pad their frames, and may leave most of the bass channel out
            assert 0.3 < mono.size / 22_050 < 0.7
            assert loudness(middle) == pytest.approx(expected, rel=0.1 if channels < 6 else 0.4)
        else:
            assert abs(mono.size - SECONDS * 22_050) <= 2
            np.testing.assert_allclose(recording.samples, samples, rtol=0, atol=kind.error)
            assert loudness(middle) == pytest.approx(expected, rel=0.03)
        assert capfd.readouterr() == ("", "")

    def test_channels_are_averaged(self, tmp_path):
        samples = np.stack([np.full(100, 0.5), np.full(100, -0.25), np.full(100, 0.05)], axis=1)
        soundfile.write(tmp_path / "x.wav", samples, 8000, subtype="FLOAT")
        np.testing.assert_allclose(decode(tmp_path / "x.wav", 8000), 0.1, rtol=1e-6)

    @EVERY_KIND
    def test_name_says_nothing_about_the_content(self, tmp_path, kind):
        path = kind.write(tmp_path / f"x{kind.suffix}", tones(1, kind.rates[-1]), kind.rates[-1])
        other = path.rename(tmp_path / "ÉTÉ 100%03d.WAV")
        assert pitch(decode(other, 22_050), 22_050) == pytest.approx(PITCH, abs=2)

    @pytest.mark.parametrize("kind", [KINDS[1], KINDS[-1]], ids=str)
    @pytest.mark.parametrize(
        "name", ["-", "Artist: Song", "concat:a|b", "file:x", "-x", "http:x", "#"]
    )
    def test_name_is_no_address(self, tmp_path, kind, name):
        kind.write(tmp_path / f"x{kind.suffix}", tones(1, 44_100), 44_100).rename(tmp_path / name)
        assert decode(Path(name), 22_050).size > 22_050 / 3

    @pytest.mark.parametrize(
        ("container", "codec"),
        [
            *(("matroska", "aac"), ("mov", "pcm_s16le"), ("avi", "libmp3lame"), ("3gp", "aac")),
            *(
                ("mpegts", "aac"),
                ("mpeg", "mp2"),
                ("flv", "aac"),
                ("rm", "ac3"),
                ("nut", "libopus"),
            ),
            *(("ac3", "ac3"), ("eac3", "eac3"), ("wv", "wavpack"), ("tta", "tta"), ("caf", "alac")),
            *(("latm", "aac"), ("sox", "pcm_s32le"), ("ogg", "flac")),
        ],
    )
    def test_a_film_and_rare_kinds(self, tmp_path, container, codec):
        kind = Kind("", container, codec, writer=with_av)
        path = kind.write(tmp_path / "x", tones(2, 48_000), 48_000)
        assert abs(pitch(decode(path, 22_050), 22_050) - PITCH) < 2

    def test_one_sample(self, tmp_path):
        for rate in (8000, 96_000):
            soundfile.write(tmp_path / "x.wav", np.array([0.5]), rate, subtype="FLOAT")
            assert decode(tmp_path / "x.wav", 22_050).size >= 1

    @pytest.mark.parametrize("size", [0xFFFF_FFFF, 0x7FFF_FFFF, 0x7FFF_F000])
    def test_wav_written_to_a_pipe_is_whole(self, tmp_path, size):
        """Programs that cannot seek back leave the greatest number where the length belongs."""
        samples = tones(1, 44_100)
        soundfile.write(tmp_path / "x.wav", samples, 44_100)
        content = bytearray((tmp_path / "x.wav").read_bytes())
        data = content.index(b"data")
        content[4:8] = content[data + 4 : data + 8] = struct.pack("<I", size)
        (tmp_path / "x.wav").write_bytes(content)
        np.testing.assert_allclose(decode(tmp_path / "x.wav", 44_100), samples[:, 0], atol=1e-4)

    @pytest.mark.parametrize("tail", [b"\0", b"LIST\4\0\0\0abcd", b"id3 \2\0\0\0ab"], ids=repr)
    def test_wav_with_something_behind(self, tmp_path, tail):
        soundfile.write(tmp_path / "x.wav", tones(1, 44_100), 44_100)
        with (tmp_path / "x.wav").open("ab") as file:
            file.write(tail)
        assert decode(tmp_path / "x.wav", 44_100).size == round(SECONDS * 44_100)

    def test_wav_whose_outer_length_alone_is_wrong(self, tmp_path):
        soundfile.write(tmp_path / "x.wav", tones(1, 44_100), 44_100)
        content = bytearray((tmp_path / "x.wav").read_bytes())
        content[4:8] = struct.pack("<I", len(content) + 1000)
        (tmp_path / "x.wav").write_bytes(content)
        assert decode(tmp_path / "x.wav", 44_100).size == round(SECONDS * 44_100)


class TestCutOff:
    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.has_length], ids=str)
    def test_what_is_missing_is_noticed(self, tmp_path, kind, capfd):
        path, rate = tmp_path / f"x{kind.suffix}", kind.rates[-1]
        channels = kind.channels[-1] if kind.channels[-1] < 6 else 1
        content = kind.write(path, tones(channels, rate, 2.0), rate).read_bytes()
        unnoticed = []
        for share in (0.02, 0.1, 0.3, 0.5, 0.7, 0.85):
            path.write_bytes(content[: int(share * len(content))])
            got = outcome(path, rate)
            assert_sound(got, path)
            if not isinstance(got, str):
                unnoticed.append(share)
        assert not unnoticed
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.has_length], ids=str)
    def test_streams_that_carry_no_length_are_never_longer(self, tmp_path, kind):
        path = kind.write(tmp_path / f"x{kind.suffix}", tones(1, 44_100, 2.0), 44_100)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        got = outcome(path, 22_050)
        assert_sound(got, path)
        assert isinstance(got, str) or got.size < 1.2 * 22_050

    def test_how_much_is_said(self, tmp_path):
        path = tmp_path / "x.flac"
        soundfile.write(path, tones(1, 44_100, 2.0), 44_100)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(AudioError, match=r"is cut off: .* replace it by a whole copy$"):
            decode(path, 22_050)


class TestNoAudio:
    @pytest.mark.parametrize(
        ("content", "reason"),
        {
            "empty": (b"", r"is empty \(0 bytes\)"),
            "text": (b"Lorem ipsum dolor sit amet.\n" * 100, "not audio"),
            "page": (b"<!DOCTYPE html><title>404</title>" * 9, "not audio|no sound"),
            "zeros": (bytes(5000), "not audio|no sound|no sample"),
            "one byte": (b"R", "not audio|no sound"),
            "riff": (b"RIFF\x10\0\0\0WAVE", "not audio|no sound|no sample"),
            "csv": (b"path,label\na,b\n", "not audio|no sound"),
        }.values(),
        ids=str,
    )
    def test_other_contents(self, tmp_path, content, reason, capfd):
        (tmp_path / "x.wav").write_bytes(content)
        with pytest.raises(AudioError, match=reason) as caught:
            decode(tmp_path / "x.wav", 22_050)
        assert str(tmp_path / "x.wav") in str(caught.value)
        assert "\n" not in str(caught.value)
        assert capfd.readouterr() == ("", "")

    def test_picture_and_film(self, tmp_path):
        for name, codec in (("x.mp4", "mpeg4"), ("y.mkv", "mpeg4")):
            with av.open(str(tmp_path / name), "w") as container:
                stream = container.add_stream(codec, rate=10)
                stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
                frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
                for part in (frame, None):
                    container.mux(stream.encode(part))
            with pytest.raises(AudioError, match="holds no sound, only video"):
                read(tmp_path / name)

    @pytest.mark.parametrize("suffix", ["flac", "m3u8", "ffconcat", "mpd", "sdp", "m4a"])
    @pytest.mark.parametrize(
        "text",
        [
            "ffconcat version 1.0\nfile {name}\n",
            "ffconcat version 1.0\nfile named.wav\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n",
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nnamed.wav\n#EXT-X-ENDLIST\n",
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
        ],
    )
    def test_a_file_opens_no_other_and_no_address(self, tmp_path, text, suffix):
        path, named = tmp_path / f"x.{suffix}", tmp_path / "named.wav"
        soundfile.write(named, tones(1, 8000), 8000)
        os.utime(named, (0, named.stat().st_mtime))  # older than the change: reading sets it
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}/named.wav"
            path.write_text(text.format(name=path.name, address=address))
            with pytest.raises(AudioError) as caught:
                decode(path, 22_050)
            listener.settimeout(0.01)
            with pytest.raises(TimeoutError):
                listener.accept()
        assert "Too many open files" not in str(caught.value)
        assert named.stat().st_atime == 0

    def test_nothing_and_a_folder(self, tmp_path):
        (tmp_path / "x.wav").mkdir()
        with pytest.raises(AudioError, match="is not a file"):
            decode(tmp_path / "x.wav", 22_050)
        with pytest.raises(FileUnavailable, match=r"y\.wav cannot be opened: No such file"):
            decode(tmp_path / "y.wav", 22_050)

    def test_no_sample(self, tmp_path):
        soundfile.write(tmp_path / "x.wav", np.zeros((0, 1)), 8000)
        with pytest.raises(AudioError, match="holds no sample"):
            decode(tmp_path / "x.wav", 22_050)

    @pytest.mark.parametrize("kind", [k for k in KINDS if k.codec in ("FLOAT", "DOUBLE")], ids=str)
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
    def test_no_numbers(self, tmp_path, kind, value):
        if kind.codec == "FLOAT" and value == 1e300:
            value = np.inf
        samples = tones(2, 8000)
        samples[1234, 1] = value
        path = kind.write(tmp_path / f"x{kind.suffix}", samples, 8000)
        with pytest.raises(AudioError, match="NaN or infinite"):
            decode(path, 22_050)

    def test_absurdly_loud(self, tmp_path):
        path = tmp_path / "x.wav"
        for level in (3e38, -3e38, 1.1e6):
            soundfile.write(path, np.full((99, 2), level), 8000, subtype="FLOAT")
            with pytest.raises(AudioError, match=r"x\.wav .* beyond 1e\+06 times full scale"):
                decode(path, 8000)
        # Integers that somebody has put into a float file.
        soundfile.write(path, np.full((99, 2), -32_768.0), 8000, subtype="FLOAT")
        assert np.unique(decode(path, 8000)).tolist() == [-32_768]

    @given(st.binary(max_size=3000))
    def test_random_bytes(self, tmp_path_factory, content):
        path = tmp_path_factory.mktemp("random") / "x.wav"
        path.write_bytes(content)
        with pytest.raises(AudioError):
            decode(path, 22_050)

    @pytest.mark.parametrize("rate", [1, 60])
    def test_absurd_rate(self, tmp_path, rate):
        """Brought to 22,050 Hz, a minute of music at 1 Hz would fill the memory."""
        soundfile.write(tmp_path / "x.wav", tones(1, 44_100), rate)
        with pytest.raises(AudioError, match=rf"x\.wav .*\b{rate} Hz"):
            decode(tmp_path / "x.wav", 22_050)

    @EVERY_KIND
    def test_any_damage_gives_a_waveform_or_an_error_of_ours(self, tmp_path, kind, capfd):
        rng = np.random.default_rng(1)
        path, rate = tmp_path / f"x{kind.suffix}", kind.rates[-1]
        content = np.fromfile(kind.write(path, tones(kind.channels[0], rate, 0.1), rate), np.uint8)
        for attempt in range(8):
            damaged = content.copy()
            # The header is where the dangers are.
            places = rng.integers(0, min(content.size, 200 if attempt % 2 else content.size), 8)
            damaged[places] = rng.integers(0, 256, places.size)
            path.write_bytes(damaged.tobytes())
            assert_sound(outcome(path, rate), path)
        assert capfd.readouterr() == ("", "")


class TestResample:
    @given(
        st.integers(1, 3000),
        st.sampled_from([8000, 11_025, 22_050, 44_100, 48_000, 96_000]),
        st.sampled_from([8000, 16_000, 22_050, 48_000]),
    )
    def test_keeps_the_length_in_seconds(self, size, source, target):
        resampled = resample(np.ones(size, np.float32), source, target)
        assert resampled.dtype == np.float32
        assert abs(resampled.size - size * target / source) <= 1
        assert resampled.size >= 1

    def test_equal_rates_change_nothing(self):
        mono = np.random.default_rng(0).standard_normal(999).astype(np.float32)
        assert resample(mono, 8000, 8000).tobytes() == mono.tobytes()
        assert resample(mono[::2], 8000, 8000).flags.c_contiguous

    @pytest.mark.parametrize("seconds", [0.5, 8.0], ids=["a block", "blocks"])
    def test_decoding_removes_what_the_new_rate_cannot_hold(self, tmp_path, seconds):
        path, source = tmp_path / "x.wav", 96_000
        time = np.arange(round(seconds * source)) / source
        # Half of the new rate is 11,025 Hz: what lies below it is kept.
        for pitch_, level in ((30_000, 0.0), (11_500, 0.0), (10_000, np.sqrt(0.5))):
            soundfile.write(path, np.sin(2 * np.pi * pitch_ * time), source, subtype="FLOAT")
            got = decode(path, 22_050)
            assert abs(got.size - seconds * 22_050) <= 1
            assert loudness(got[500:-500]) == pytest.approx(level, abs=1e-3)

    def test_decoding_resamples_blocks_as_one(self, tmp_path):
        path, source = tmp_path / "x.wav", 44_100
        samples = tones(2, source, 13.0)
        soundfile.write(path, samples, source, subtype="FLOAT")
        whole = resample(samples.mean(axis=1).astype(np.float32), source, 22_050)
        got = decode(path, 22_050)
        assert len(list(open_stream(path).blocks)) > 1
        assert abs(got.size - whole.size) <= 1
        np.testing.assert_allclose(got[: whole.size], whole[: got.size], atol=1e-4)

    def test_decoding_at_the_rate_of_the_file_changes_nothing(self, tmp_path):
        mono = np.random.default_rng(0).uniform(-1, 1, 999).astype(np.float32)
        soundfile.write(tmp_path / "x.wav", mono, 8000, subtype="FLOAT")
        assert decode(tmp_path / "x.wav", 8000).tobytes() == mono.tobytes()

    @pytest.mark.parametrize("source", [8000, 11_025, 44_100, 96_000])
    @pytest.mark.parametrize("size", [1, 2, 777, 3000])
    def test_decoding_keeps_the_length_in_seconds(self, tmp_path, source, size):
        soundfile.write(tmp_path / "x.wav", np.ones(size), source, subtype="FLOAT")
        got = decode(tmp_path / "x.wav", 22_050)
        assert got.size >= 1
        assert abs(got.size - size * 22_050 / source) <= 1

    def test_what_the_new_rate_cannot_hold_is_removed(self):
        time = np.arange(96_000) / 96_000
        high = np.sin(2 * np.pi * 30_000 * time).astype(np.float32)
        assert loudness(resample(high, 96_000, 22_050)[500:-500]) < 1e-3
        low = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
        assert loudness(resample(low, 96_000, 22_050)) == pytest.approx(np.sqrt(0.5), rel=0.01)


@pytest.mark.real
def test_real_recordings(real_data):
    for pattern, seconds in (("gtzan-mini/*/*.flac", 30), ("esc10/*/*.ogg", 5)):
        paths = sorted(real_data.glob(pattern))[::40]
        assert paths
        for path in paths:
            assert decode(path, 22_050).size == pytest.approx(seconds * 22_050, rel=0.02)


def test_many_channels_are_decoded_in_small_blocks(tmp_path):
    path = tmp_path / "many.wav"
    soundfile.write(path, np.zeros((6_000, 1_024), np.float32), 8_000, subtype="PCM_U8")
    sizes = [block.size for block in open_stream(path).blocks]
    assert sum(sizes) == 6_000 * 1_024
    assert max(sizes) <= 8 << 18
