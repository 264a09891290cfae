"""Files as people have them are heard whole, whatever their headers and names say."""

import io
import os
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.audio.channels import Downmix
from zoo.audio.decode import decode, decode_measured, open_stream, read, waveform
from zoo_registry.errors import AudioError

RATE = 44_100
LAYOUTS = {1: "mono", 2: "stereo"}


def noise(seconds: float, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Return noise with pauses, which a variable bit rate is low in."""
    rng = np.random.default_rng(seed)
    size = round(seconds * RATE)
    level = np.repeat(rng.choice([0.001, 0.3], size // 4_410 + 1), 4_410)[:size]
    return (level[:, None] * rng.standard_normal((size, channels))).astype(np.float32).clip(-1, 1)


def encoded(
    samples: np.ndarray, container: str, codec: str, rate: int = RATE, **options: str
) -> bytes:
    """Return a file that PyAV writes to a pipe, where no header can be finished."""
    out = io.BytesIO()
    out.seekable = lambda: False
    layout = LAYOUTS[samples.shape[1]]
    with av.open(out, "w", format=container, options=options) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.layout = layout
        stream.codec_context.bit_rate = 128_000
        planes = np.ascontiguousarray(samples.T, np.float32)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        resampler = av.AudioResampler(stream.format.name, layout, stream.rate)
        for part in (*resampler.resample(frame), *resampler.resample(None), None):
            file.mux(stream.encode(part))
    return out.getvalue()


def written(samples: np.ndarray, kind: str, rate: int = RATE, **options: object) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, **options)
    return out.getvalue()


def ogg(samples: np.ndarray, codec: str, rate: int) -> bytes:
    if codec == "VORBIS":
        return written(samples, "OGG", rate, subtype=codec)
    return encoded(samples, "ogg", codec, rate)


def vbr(seconds: float, seed: int = 0) -> bytes:
    """Return MP3 of a variable bit rate."""
    return written(noise(seconds, seed=seed), "MP3", bitrate_mode="VARIABLE", compression_level=0.5)


def frames_only(mp3: bytes) -> bytes:
    """Return MP3 without the frame that states the number of frames."""
    for tag in (b"Xing", b"Info"):
        if (place := mp3.find(tag, 0, 4_000)) >= 0:
            begin = mp3.rindex(b"\xff\xfb", 0, place)
            return mp3[mp3.index(b"\xff\xfb", place) :] if begin >= 0 else mp3
    return mp3


def id3(size: int) -> bytes:
    body = b"APIC" + struct.pack(">I", size) + b"\0\0" + os.urandom(size)
    length = len(body)
    return b"ID3\3\0\0" + bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0)) + body


def ape(size: int) -> bytes:
    item = struct.pack("<II", size, 2) + b"Cover Art (Front)\0" + os.urandom(size)

    def mark(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", 2000, len(item) + 32, 1, flags) + bytes(8)

    return mark(0xA0000000) + item + mark(0x80000000)


@pytest.fixture
def heard(tmp_path: Path, capfd: pytest.CaptureFixture) -> Callable[..., float]:
    """Return a function that gives the seconds of a file that is whole, and prints nothing."""

    def seconds(content: bytes, name: str = "x.mp3") -> float:
        path = tmp_path / name
        path.write_bytes(content)
        found = read(path)
        assert found.truncated is None
        assert capfd.readouterr() == ("", "")
        assert decode(path, found.rate).size == len(found.samples)
        return len(found.samples) / found.rate

    return seconds


@pytest.fixture(scope="module")
def plain() -> bytes:
    """Three seconds of MP3 that state no length."""
    return frames_only(vbr(3.0))


class TestLengthsThatAreGuesses:
    def test_variable_bit_rate_without_a_header(self, plain, heard):
        assert heard(plain) == pytest.approx(3.0, abs=0.1)

    def test_a_number_of_frames_that_was_never_written(self, heard):
        mp3 = bytearray(vbr(3.0))
        place = mp3.index(b"Xing")
        mp3[place + 8 : place + 12] = bytes(4)
        assert heard(bytes(mp3)) == pytest.approx(3.0, abs=0.1)

    @pytest.mark.parametrize(
        "behind",
        {
            "ID3v1": b"TAG" + bytes(125),
            "APE": ape(60_000),
            "Lyrics3": b"LYRICSBEGIN" + b"IND0000310" * 99 + b"001001LYRICS200",
            "ID3v2 footer": b"3DI\4\0\x10\0\0\0\0" + bytes(99),
            "zeros": bytes(60_000),
            "junk": os.urandom(60_000),
            "newline": b"\r\n",
        }.items(),
        ids=lambda item: item[0],
    )
    def test_what_follows_is_no_damage(self, plain, heard, behind):
        assert heard(plain + behind[1]) == pytest.approx(heard(plain), abs=0.06)

    @pytest.mark.parametrize("size", [1_000, 30_000, 500_000])
    def test_a_picture_in_front(self, plain, heard, size):
        assert heard(id3(size) + id3(9) + plain) == pytest.approx(heard(plain), abs=0.03)

    def test_a_beginning_within_a_frame(self, plain, heard):
        assert heard(plain[100:]) == pytest.approx(heard(plain), abs=0.06)

    @pytest.mark.parametrize("junk", [b"<html>junk</html>\r\n" * 99, bytes(9_000)], ids=len)
    def test_junk_in_front(self, plain, heard, junk):
        assert heard(junk + plain) == pytest.approx(heard(plain), abs=0.06)

    @pytest.mark.parametrize(
        ("container", "codec"),
        [("adts", "aac"), ("webm", "libopus"), ("ac3", "ac3"), ("mpegts", "aac")],
    )
    def test_streams_without_a_length(self, heard, container, codec):
        rate = 48_000 if codec == "libopus" else RATE
        content = encoded(noise(2.0), container, codec, rate)
        assert heard(content, "x") == pytest.approx(2.0 * RATE / rate, abs=0.08)

    def test_flac_of_unknown_length_and_with_a_tag(self, heard):
        flac = bytearray(written(noise(1.0), "FLAC"))
        assert heard(bytes(flac) + b"TAG" + bytes(125), "x.flac") == 1.0
        flac[21] &= 0xF0
        flac[22:26] = bytes(4)
        for before, behind in ((b"", b""), (id3(9_000), b""), (b"", b"TAG" + bytes(125))):
            assert heard(before + bytes(flac) + behind, "x.flac") == 1.0

    def test_no_sentence_shows_a_length_that_cannot_be(self, tmp_path):
        ogg = bytearray(written(noise(2.0, 1), "OGG", subtype="VORBIS"))
        last = ogg.rindex(b"OggS")
        ogg[last + 6 : last + 14] = struct.pack("<q", 2**63 - 1)
        (tmp_path / "x.ogg").write_bytes(ogg)
        assert open_stream(tmp_path / "x.ogg").seconds < 3_600

    @pytest.mark.parametrize("zeros", [0, 200_000, 2_000_000])
    def test_ogg_with_something_behind(self, heard, zeros):
        ogg = written(noise(2.0, 1), "OGG", subtype="VORBIS")
        assert heard(ogg + bytes(zeros), "x.ogg") == pytest.approx(2.0, abs=0.02)


class TestDamage:
    def test_a_damaged_frame_of_flac_costs_itself(self, tmp_path):
        samples = noise(14.0)
        flac = bytearray(written(samples, "FLAC"))
        half = len(flac) // 2
        flac[half : half + 100] = os.urandom(100)
        (tmp_path / "x.flac").write_bytes(flac)
        found = read(tmp_path / "x.flac")
        assert found.truncated is None
        assert len(found.samples) / RATE == pytest.approx(14.0, abs=0.2)
        np.testing.assert_allclose(found.samples[-RATE:], samples[-RATE:], atol=1e-4)

    @pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3", "WAV"])
    def test_files_that_are_cut_are_named(self, tmp_path, kind):
        content = written(noise(7.0, 1), kind)
        (tmp_path / "x").write_bytes(content[: len(content) // 2])
        assert read(tmp_path / "x").truncated
        with pytest.raises(AudioError, match="is cut off"):
            decode(tmp_path / "x", 22_050)

    def test_mp4_without_its_index_is_named(self, tmp_path):
        path = tmp_path / "x.m4a"
        path.write_bytes(b"\0\0\0\x1cftypM4A \0\0\2\0M4A isomiso2\0\0\0\x08free\0\0\xff\xffmdat")
        with pytest.raises(AudioError, match="is cut off"):
            read(path)

    def test_a_film_whose_sound_ends_early_is_whole(self, tmp_path):
        for name in ("x.mp4", "x.mkv", "x.avi"):
            with av.open(str(tmp_path / name), "w") as file:
                film = file.add_stream("mpeg4", rate=10)
                film.width, film.height, film.pix_fmt = 32, 32, "yuv420p"
                sound = file.add_stream("ac3", rate=RATE)
                sound.layout = "stereo"
                planes = np.ascontiguousarray(noise(1.0).T)
                frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout="stereo")
                frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
                for part in (frame, None):
                    file.mux(sound.encode(part))
                for number in range(30):
                    picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
                    picture.pts = number
                    file.mux(film.encode(picture))
                file.mux(film.encode(None))
            assert read(tmp_path / name).truncated is None


class TestSeveralSongs:
    @pytest.mark.parametrize("between", [b"", id3(9_000), b"TAG" + bytes(125) + id3(99)], ids=len)
    @pytest.mark.parametrize("stated", [True, False])
    def test_mp3(self, heard, between, stated):
        first, second = vbr(2.0), vbr(2.0, seed=1)
        if not stated:
            first, second = frames_only(first), frames_only(second)
        assert heard(first + between + second) == pytest.approx(4.0, abs=0.2)

    def test_mp3_of_other_rate_and_channels(self, heard, tmp_path):
        first = written(noise(2.0, 1), "MP3", rate=22_050)
        seconds = heard(first + vbr(2.0))
        assert seconds == pytest.approx(6.0, abs=0.2)
        found = read(tmp_path / "x.mp3")
        assert (found.rate, found.samples.shape[1]) == (22_050, 1)

    @pytest.mark.parametrize(
        ("codec", "rate"), [("VORBIS", RATE), ("libopus", 48_000), ("flac", RATE)]
    )
    def test_ogg(self, tmp_path, heard, codec, rate):
        one, two = ogg(noise(2.0), codec, rate), ogg(noise(2.0, 1), codec, 24_000)
        expected = 2.0 * RATE * (2 / rate + 1 / 24_000)
        assert heard(one + one + two, "x.ogg") == pytest.approx(expected, abs=0.2)
        found = read(tmp_path / "x.ogg")
        assert (found.rate, found.samples.shape[1]) == (rate, 2)
        tail = found.samples[-rate:]
        np.testing.assert_array_equal(tail[:, 0], tail[:, 1])
        assert 0.1 < np.sqrt(np.mean(tail**2)) < 0.4

    def test_ogg_of_several_codecs(self, heard):
        content = ogg(noise(1.0), "VORBIS", RATE) + ogg(noise(1.0), "flac", RATE)
        assert heard(content, "x.ogg") == pytest.approx(2.0, abs=0.1)

    def test_the_last_part_cut_off(self, tmp_path):
        one = written(noise(2.0), "OGG", subtype="VORBIS")
        (tmp_path / "x.ogg").write_bytes(one + one[: len(one) // 2])
        found = read(tmp_path / "x.ogg")
        assert found.truncated
        assert len(found.samples) > 2.5 * RATE


KINDS = {
    "wav": lambda: written(noise(2.0), "WAV"),
    "flac": lambda: written(noise(2.0), "FLAC"),
    "ogg": lambda: written(noise(2.0), "OGG"),
    "aiff": lambda: written(noise(2.0), "AIFF"),
    "mp3": lambda: vbr(2.0),
    "aac": lambda: encoded(noise(2.0), "adts", "aac"),
    "webm": lambda: encoded(noise(2.0 * 48_000 / RATE), "webm", "libopus", 48_000),
    "m4a": lambda: encoded(noise(2.0), "mp4", "aac", movflags="frag_keyframe+empty_moov"),
    "mp3 in wav": lambda: encoded(noise(2.0), "wav", "libmp3lame"),
}


class TestBytesBeforeSuffixes:
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_first_bytes_decide(self, heard, kind):
        content = KINDS[kind]()
        for name in ("x.mp3", "x.wav", "x.flac", "x.m4a", "x.raw", "x"):
            assert heard(content, name) == pytest.approx(2.0, abs=0.12)

    @pytest.mark.parametrize("kind", ["flac", "aac", "ogg", "wav", "mp3"])
    def test_a_tag_in_front(self, heard, kind):
        content = KINDS[kind]()
        assert heard(id3(70_000) + content, "x") == pytest.approx(2.0, abs=0.12)

    @settings(max_examples=15, deadline=None)
    @given(
        seed=st.integers(0, 999),
        kind=st.sampled_from(["<i2", ">i2", "i1", "u1", "<i4", "<f4", "<f8"]),
        name=st.sampled_from([".mp3", ".wav", ".flac", ".aac", ".adx", ".g722", ".raw", ""]),
        front=st.sampled_from([b"", bytes(999)]),
    )
    def test_samples_without_a_header_are_refused(self, tmp_path_factory, seed, kind, name, front):
        samples = noise(0.3, 1, seed)
        if kind[-2] != "f":
            full = 2.0 ** (8 * int(kind[-1]) - 1)
            samples = 0.99 * full * samples.astype(float) + (full if "u" in kind else 0)
        path = tmp_path_factory.getbasetemp() / f"samples{name}"
        path.write_bytes(front + samples.astype(kind).tobytes())
        with pytest.raises(AudioError):
            read(path)


def size_of(content: bytes, name: bytes, value: bytes, at: int = 4) -> bytes:
    place = content.index(name) + at
    return content[:place] + value + content[place + len(value) :]


UNFINISHED = {
    "data 0": lambda: size_of(written(noise(1.0), "WAV"), b"data", bytes(4)),
    "data -1": lambda: size_of(written(noise(1.0), "WAV"), b"data", b"\xff" * 4),
    "RIFF 0": lambda: size_of(
        size_of(written(noise(1.0), "WAV"), b"data", bytes(4)), b"RIFF", bytes(4)
    ),
    "floats": lambda: size_of(written(noise(1.0), "WAV", subtype="FLOAT"), b"data", bytes(4)),
    "RF64": lambda: size_of(written(noise(1.0), "RF64"), b"ds64", bytes(24), 8),
    "RF64 -1": lambda: size_of(written(noise(1.0), "RF64"), b"ds64", b"\xff" * 24, 8),
    "W64": lambda: size_of(written(noise(1.0), "W64"), b"data", struct.pack("<Q", 24), 16),
    "AU": lambda: size_of(written(noise(1.0), "AU"), b".snd", b"\xff" * 4, 8),
    "AU 0": lambda: size_of(written(noise(1.0), "AU"), b".snd", bytes(4), 8),
    "AIFF": lambda: size_of(written(noise(1.0), "AIFF"), b"SSND", struct.pack(">I", 8)),
    "AIFF 0": lambda: size_of(written(noise(1.0), "AIFF"), b"COMM", bytes(4), 10),
    "CAF": lambda: size_of(written(noise(1.0), "CAF"), b"data", b"\xff" * 8),
}


class TestUnfinishedHeaders:
    @pytest.mark.parametrize("name", UNFINISHED)
    def test_sound_is_read_to_the_end(self, heard, name):
        assert heard(UNFINISHED[name](), "x.wav") == pytest.approx(1.0, abs=1e-3)

    def test_another_chunk_is_no_sound(self, tmp_path, heard):
        tag = b"LIST" + struct.pack("<I", 14) + b"INFOISFT" + struct.pack("<I", 2) + b"ab"
        assert heard(written(noise(1.0), "WAV") + tag, "x.wav") == 1.0
        for kind, empty in (("WAV", bytes(4)), ("AIFF", struct.pack(">I", 8))):
            content = written(noise(0.0), kind)
            for behind in (b"", tag, b"\0"):
                (tmp_path / "x").write_bytes(content + (behind if kind == "WAV" else b""))
                with pytest.raises(AudioError, match="holds no sample"):
                    read(tmp_path / "x")
            assert empty in content


class TestChannels:
    @pytest.mark.parametrize("seconds", [0.5, 13.0])
    def test_channels_that_cancel_out(self, tmp_path, seconds):
        path, one = tmp_path / "x.wav", noise(seconds, 1)
        soundfile.write(
            path, np.concatenate([0.5 * one, -0.5 * one], axis=1), RATE, subtype="FLOAT"
        )
        got, properties, _ = decode_measured(path, RATE)
        np.testing.assert_array_equal(got, 0.5 * one[:, 0])
        assert properties.notes == {
            "cancelling": "its channels cancel each other out: only channel 1 of 2 is used"
        }
        stream = open_stream(path)
        np.testing.assert_array_equal(np.concatenate(list(waveform(stream, RATE))), got)
        assert stream.notes == read(path).properties.notes == properties.notes
        np.testing.assert_array_equal(read(path).mono, got)

    def test_the_loudest_of_six(self):
        one = noise(2.0, 1)
        block = one * np.float32([0.1, -0.1, 0.3, -0.3, 0.0, 0.001])
        downmix = Downmix(RATE)
        np.testing.assert_array_equal(downmix(block), block[:, 2])
        assert "channel 3 of 6" in downmix.note

    def test_from_some_place_on(self):
        one = noise(2.0, 1)
        same, other = np.repeat(one, 2, axis=1), one * np.float32([1, -1])
        downmix = Downmix(RATE)
        np.testing.assert_array_equal(downmix(same), one[:, 0])
        np.testing.assert_array_equal(downmix(other), one[:, 0])
        np.testing.assert_array_equal(downmix(same), one[:, 0])
        assert "from 2 s on" in downmix.note

    @settings(max_examples=15, deadline=None)
    @given(
        channels=st.integers(2, 6),
        width=st.floats(-0.9, 1.0),
        level=st.sampled_from([1.0, 1e-2, 1e-4]),
        sizes=st.lists(st.integers(1, 25_000), min_size=1, max_size=4),
    )
    def test_ordinary_sound_is_the_mean_as_ever(self, channels, width, level, sizes):
        rng = np.random.default_rng(len(sizes))
        downmix = Downmix(22_050)
        for number, size in enumerate([22_050, *sizes]):
            block = rng.standard_normal((size, channels)).astype(np.float32)
            block[:, 1] = width * block[:, 0] + (1 - abs(width)) * block[:, 1]
            block *= np.float32(level)
            expected = block.mean(axis=1, dtype=np.float32)
            np.testing.assert_array_equal(downmix(block), expected, err_msg=str(number))
        assert downmix.note is None

    def test_silence_is_no_reason(self):
        downmix = Downmix(RATE)
        downmix(np.float32([[1e-4, -1e-4]] * RATE))
        assert downmix.note is None

    def test_a_second_track_is_mentioned(self, tmp_path):
        with av.open(str(tmp_path / "x.mka"), "w") as file:
            tracks = [file.add_stream("flac", rate=RATE, layout="stereo") for _ in range(2)]
            for track in tracks:
                planes = np.ascontiguousarray((noise(1.0).reshape(1, -1) * 32767).astype(np.int16))
                frame = av.AudioFrame.from_ndarray(planes, format="s16", layout="stereo")
                frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
                for part in (frame, None):
                    file.mux(track.encode(part))
        found = read(tmp_path / "x.mka")
        assert found.properties.notes == {
            "unheard": "it has 2 sound tracks: only the first is used"
        }
        assert found.truncated is None
