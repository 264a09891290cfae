"""MP3 files with tags, padding and damage as they are met; nothing is printed about them."""

import os

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.audio.decode import read
from zoo.audio.heads import read_head
from zoo_registry.errors import AudioError

RATE = 22_050
SECONDS = 3.0
# A tag whose comment has no end: mpg123 writes a warning about it.
TAG = b"ID3\3\0\0\0\0\0\x0cCOMM\0\0\0\2\0\0\0x"


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    path = tmp_path_factory.mktemp("song") / "song.mp3"
    wave = 0.1 * np.random.default_rng(0).standard_normal((round(SECONDS * RATE), 2))
    soundfile.write(path, wave, RATE, format="MP3", bitrate_mode="CONSTANT")
    return path.read_bytes()


def ape(content: bytes) -> bytes:
    """Return an APE tag with a large picture."""
    item = len(content).to_bytes(4, "little") + bytes(4) + b"Cover Art (Front)\0" + content
    size = (len(item) + 32).to_bytes(4, "little")

    def mark(flags: int) -> bytes:
        count = (1).to_bytes(4, "little")
        version = (2000).to_bytes(4, "little")
        return b"APETAGEX" + version + size + count + flags.to_bytes(4, "little") + bytes(8)

    return mark(0xA0000000) + item + mark(0x80000000)


AROUND = {
    "a tag": (TAG, b""),
    "two tags": (TAG + TAG, b""),
    "padding behind the tag": (TAG + bytes(3000), b""),
    "an old tag at the end": (b"", b"TAG" + bytes(125)),
    "a picture at the end": (b"", ape(os.urandom(30_000))),
    "bytes that belong to nothing": (b"", bytes(30_000)),
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_what_lies_around_the_sound_changes_nothing(song, tmp_path, around, capfd):
    (tmp_path / "plain.mp3").write_bytes(song)
    (tmp_path / "x.mp3").write_bytes(around[0] + song + around[1])
    expected, got = read(tmp_path / "plain.mp3"), read(tmp_path / "x.mp3")
    assert len(expected.samples) == round(SECONDS * RATE)
    assert got.truncated is None
    # FFmpeg may keep the padding of the last frame.
    assert 0 <= len(got.samples) - len(expected.samples) < RATE / 10
    np.testing.assert_array_equal(got.samples[: len(expected.samples)], expected.samples)
    assert capfd.readouterr() == ("", "")


def test_a_damaged_frame_costs_no_more_than_itself(song, tmp_path, capfd):
    half = len(song) // 2
    (tmp_path / "x.mp3").write_bytes(song[:half] + os.urandom(200) + song[half + 200 :])
    got = read(tmp_path / "x.mp3")
    assert got.truncated is None
    assert SECONDS - 0.25 <= len(got.samples) / RATE <= SECONDS
    assert capfd.readouterr() == ("", "")


def test_another_kind_of_sound_behind_it_is_no_fault(song, tmp_path):
    other = tmp_path / "other.mp3"
    soundfile.write(other, np.zeros(44_100), 44_100, format="MP3")
    (tmp_path / "x.mp3").write_bytes(song + other.read_bytes())
    got = read(tmp_path / "x.mp3")
    assert (got.rate, got.truncated) == (RATE, None)


@pytest.mark.parametrize("content", [TAG, b"\xff\xfb\x90\0" + b"noise" * 999, b"text " * 99])
def test_no_mp3_is_one_error_and_no_output(tmp_path, content, capfd):
    (tmp_path / "x.mp3").write_bytes(content)
    with pytest.raises(AudioError):
        read(tmp_path / "x.mp3")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "WAV", "AIFF", "RF64"])
def test_other_formats_named_mp3_are_whole(tmp_path, kind):
    soundfile.write(tmp_path / "x.mp3", np.zeros(2 * RATE), RATE, format=kind)
    assert len(read(tmp_path / "x.mp3").samples) == pytest.approx(2 * RATE, abs=0.03 * RATE)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from([TAG, b"ID3\2\0\0\x7f\xff\0\1", bytes(5), b"\xff\xfb\x90\0"])),
    st.sampled_from([".mp3", ".MP3", ".wav", ""]),
)
def test_libsndfile_never_gets_what_it_gives_to_mpg123(song, tmp_path_factory, pieces, suffix):
    path = tmp_path_factory.getbasetemp() / f"x{suffix}"
    path.write_bytes(b"".join(pieces) + song)
    try:
        # Without a name: that is how it gets them.
        with path.open("rb") as raw, soundfile.SoundFile(raw.fileno(), closefd=False) as file:
            is_mp3 = file.format == "MP3"
    except soundfile.LibsndfileError:
        is_mp3 = False
    assert not is_mp3 or read_head(path).is_compressed
