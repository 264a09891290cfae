"""Files that were joined, cut, begun late or never finished: all of their sound is heard."""

import io
import struct
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from tests.zoo.audio.test_heard_whole import (
    RATE,
    UNFINISHED,
    encoded,
    frames_only,
    noise,
    size_of,
    vbr,
    written,
)
from zoo.audio.channels import Downmix
from zoo.audio.decode import Recording, decode_measured, read
from zoo_registry.errors import AudioError

JUNK = np.random.default_rng(0).bytes(3_000)


@pytest.fixture
def got(tmp_path: Path):
    """Return a function that decodes a content."""

    def recording(content: bytes) -> Recording:
        (tmp_path / "x").write_bytes(content)
        return read(tmp_path / "x")

    return recording


def seconds(recording: Recording) -> float:
    """Return the seconds of a recording, which must be whole."""
    assert recording.truncated is None
    return len(recording.samples) / recording.rate


def with_gap(container: str, codec: str, begin: float = 0.0, gap: float = 0.0) -> bytes:
    """Return a file with two seconds of sound, that begins late or has a gap in its middle."""
    rate = 48_000
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=rate, layout="stereo")
        planes = np.ascontiguousarray(noise(2.0 * rate / RATE).T)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = rate, 0
        resampler = av.AudioResampler(stream.format.name, "stereo", rate)
        for part in (*resampler.resample(frame), *resampler.resample(None), None):
            for packet in stream.encode(part):
                later = begin + gap * (packet.pts * packet.time_base > 1)
                packet.pts += round(later / packet.time_base)
                packet.dts = packet.pts
                file.mux(packet)
    return out.getvalue()


class TestSeveralSongs:
    @pytest.mark.parametrize("between", [b"", b"TAG" + bytes(125)], ids=len)
    def test_the_second_mp3_alone_states_its_length(self, got, between):
        first = frames_only(vbr(1.0))
        assert len(first) < 50_000
        assert seconds(got(first + between + vbr(2.0))) == pytest.approx(3.0, abs=0.2)

    def test_a_frame_before_the_count_is_none_of_a_song(self, got):
        frame = frames_only(vbr(1.0))[:400]
        content = vbr(7.0)
        assert seconds(got(frame + content)) == pytest.approx(7.0, abs=0.1)
        assert got(frame + content[: len(content) // 2]).truncated

    @pytest.mark.parametrize("between", [b"", b"TAG" + bytes(125)], ids=len)
    def test_flac(self, got, between):
        first, second = noise(3.0), noise(2.0, seed=1)
        content = written(first, "FLAC") + between + written(second, "FLAC")
        found = got(content)
        assert seconds(found) == 5.0
        np.testing.assert_allclose(found.samples, np.r_[first, second], atol=1e-4)
        assert got(content[:-90_000]).truncated
        other = written(noise(1.0, 1), "FLAC", rate=22_050)
        assert seconds(got(written(first, "FLAC") + other)) == pytest.approx(5.0, abs=0.01)

    def test_flac_of_some_bytes(self, got):
        content = written(np.zeros((RATE, 2), np.float32), "FLAC")
        assert seconds(got(content + content)) == 2.0

    @pytest.mark.parametrize("stated", [1, RATE])
    def test_flac_that_states_less_than_it_holds(self, got, stated):
        flac = bytearray(written(noise(2.0), "FLAC"))
        flac[22:26] = struct.pack(">I", stated)
        assert seconds(got(bytes(flac))) == 2.0


TRACKS = [
    ("matroska", "flac"),
    ("webm", "libopus"),
    ("avi", "ac3"),
    ("asf", "ac3"),
    ("mp4", "aac"),
    ("ogg", "libopus"),
    ("nut", "ac3"),
]


class TestTimes:
    @pytest.mark.parametrize(("container", "codec"), TRACKS)
    @pytest.mark.parametrize(("begin", "gap"), [(0.5, 0.0), (0.0, 2.0)])
    def test_a_late_beginning_and_a_gap_are_no_damage(self, got, container, codec, begin, gap):
        content = with_gap(container, codec, begin, gap)
        assert seconds(got(content)) == pytest.approx(2.0, abs=0.08)

    @pytest.mark.parametrize(("container", "codec"), [TRACKS[k] for k in (0, 1, 2, 3, 5)])
    def test_a_cut_is_named_all_the_same(self, got, container, codec):
        content = with_gap(container, codec, 0.5, 1.0)
        assert got(content[: len(content) // 2]).truncated

    def test_damage_is_no_gap(self, got):
        content = bytearray(encoded(noise(4.0), "tta", "tta"))
        half = len(content) // 2
        content[half : half + 200] = JUNK[:200]
        assert got(bytes(content)).truncated == "it holds 2.96 of 4.00 s"


class TestChannels:
    @pytest.mark.parametrize("change", [2.7, 6.0, 8.3, 11.2])
    def test_the_change_lies_within_a_block(self, tmp_path, change):
        path, one = tmp_path / "x.wav", 0.5 * noise(14.0, 1)
        signs = np.ones((len(one), 2), np.float32)
        signs[round(change * RATE) :, 1] = -1
        soundfile.write(path, one * signs, RATE, subtype="FLOAT")
        mono, properties, _ = decode_measured(path, RATE)
        lost = np.flatnonzero(mono != one[:, 0])
        assert len(lost) < 0.9 * RATE
        said = int(properties.notes["cancelling"].split(" from ")[1].split(" s on")[0])
        assert said == pytest.approx(change, abs=0.9)
        np.testing.assert_array_equal(read(path).mono, mono)

    @pytest.mark.parametrize("begin", [0, 3, 20])
    def test_the_note_names_the_second_in_which_the_sound_begins(self, begin):
        one = np.r_[np.zeros((begin * RATE, 1), np.float32), noise(9.0, 1)]
        downmix = Downmix(RATE)
        mono = np.concatenate(
            [downmix(block) for block in np.array_split(one * np.float32([1, -1]), 5)]
        )
        np.testing.assert_array_equal(mono, one[:, 0])
        assert ("from" in downmix.note) == bool(begin)
        assert not begin or f"from {begin} s on" in downmix.note


class TestUnfinished:
    @pytest.mark.parametrize("length", [bytes(4), b"\xff" * 4, None])
    def test_avi(self, got, length):
        content = encoded(noise(2.0), "avi", "ac3")
        content = content[:4] + (length or content[4:8]) + content[8:]
        assert seconds(got(content)) == pytest.approx(2.0, abs=0.05)

    def test_aiff_of_a_pipe(self, got):
        aiff = size_of(UNFINISHED["AIFF"](), b"FORM", struct.pack(">I", 0x7F00002E))
        aiff = size_of(aiff, b"COMM", struct.pack(">I", 0x7F000000 // 4), 10)
        aiff = size_of(aiff, b"SSND", struct.pack(">I", 0x7F000008))
        assert seconds(got(aiff)) == pytest.approx(1.0, abs=0.01)

    @pytest.mark.parametrize("lacking", [1, 3, 100, 30_000])
    @pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "CAF", "W64", "RF64"])
    def test_less_than_a_quarter_of_a_second_is_missing(self, got, kind, lacking):
        content = written(noise(2.0), kind)
        assert seconds(got(content[:-lacking])) == pytest.approx(2.0, abs=0.25)
        assert got(content[:-60_000]).truncated == "it holds 1.66 of 2.00 s"


class TestJunk:
    @pytest.mark.parametrize("junk", [b"junk" * 750, bytes(70_000)], ids=len)
    @pytest.mark.parametrize(
        ("container", "codec"), [("mpegts", "ac3"), ("nut", "ac3"), ("nut", "libmp3lame")]
    )
    def test_behind_a_stream(self, got, container, codec, junk):
        content = encoded(noise(2.0), container, codec)
        whole = seconds(got(content))
        assert seconds(got(content + junk)) == pytest.approx(whole, abs=0.04)

    @pytest.mark.parametrize("front", [JUNK[:500], JUNK[:3_000], bytes(1 << 20)], ids=len)
    @pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3", "WAV"])
    def test_in_front(self, got, kind, front):
        if kind == "WAV" and any(front):
            pytest.skip("it may be any data")
        content = written(noise(2.0, 1), kind)
        assert seconds(got(front + content)) == pytest.approx(2.0, abs=0.08)

    @pytest.mark.parametrize("kind", ["FLAC", "OGG"])
    def test_archives_and_other_files_are_no_sound(self, got, kind):
        content = written(noise(1.0, 1), kind)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("x", content)
        for data in (out.getvalue(), b"x" * 9_000 + content):
            with pytest.raises(AudioError, match="is not audio"):
                got(data)

    def test_a_header_without_a_sample_format(self, got):
        wav = written(noise(1.0), "WAV")
        with pytest.raises(AudioError, match="no decoder is known for its sound"):
            got(size_of(wav, b"fmt ", bytes(2), 22))


def mpeg_in_wav() -> bytes:
    """Return a WAV file with 2.0 s of MP3, whose header does not count the samples."""
    out = io.BytesIO()
    with av.open(out, "w", format="wav") as file:
        stream = file.add_stream("libmp3lame", rate=RATE, layout="mono", format="fltp")
        samples = noise(2.0)[:, :1].T.copy()
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = RATE
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    content = out.getvalue()
    count = content.index(b"fact")
    content = content[:count] + content[count + 12 :]
    return content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:]


@pytest.mark.parametrize("behind", [b"", JUNK, JUNK * 20, b"LIST\4\0\0\0INFO"])
def test_mpeg_in_wav_is_whole_whatever_follows(got, behind: bytes) -> None:
    whole = seconds(got(mpeg_in_wav()))
    assert whole == pytest.approx(2.0, abs=0.15)
    assert seconds(got(mpeg_in_wav() + behind)) == pytest.approx(whole, abs=0.06)


def test_mpeg_in_wav_that_was_cut_is_named(got) -> None:
    content = mpeg_in_wav()
    assert got(content[: len(content) // 2]).truncated
