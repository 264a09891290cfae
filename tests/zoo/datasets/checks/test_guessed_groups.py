"""Guesses of groups without labels: tags, folders and names, and no class that a folder may be."""

from pathlib import Path

import av
import numpy as np
import pytest

from zoo.audio.ffmpeg import read_tags
from zoo.datasets.checks.guessed_groups import guess_groups

KINDS = {".mp3": ("mp3", "mp3"), ".flac": ("flac", "flac"), ".ogg": ("ogg", "libopus"),
         ".m4a": ("ipod", "aac")}  # fmt: skip


def tagged(path: Path, **tags: str) -> Path:
    container, codec = KINDS[path.suffix]
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=48_000, layout="mono")
        out.metadata.update(tags)
        stream.metadata.update(tags)
        form = {"flac": "s16", "mp3": "s16p"}.get(codec, "fltp")
        kind = np.int16 if form.startswith("s16") else np.float32
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4_096), kind), format=form, layout="mono")
        frame.sample_rate = 48_000
        resampler = av.AudioResampler(stream.codec_context.format, "mono", 48_000)
        for part in [*resampler.resample(frame), None]:
            out.mux(stream.encode(part))
    return path


@pytest.mark.parametrize("suffix", KINDS)
def test_the_artist_of_the_tags_counts_most(suffix, tmp_path):
    one = tagged(tmp_path / f"a{suffix}", artist="Ann", album="Live")
    band = tagged(tmp_path / f"b{suffix}", artist="Various Artists", album="Hits")
    plain = tmp_path / "junk.mp3"
    plain.write_bytes(b"junk")
    assert read_tags(one)["artist"] == "Ann"
    assert read_tags(plain) == {}
    found = guess_groups({path.name: path for path in (one, band, plain)})
    assert found == {one.name: "Ann", band.name: "Hits"}


def guessed(*names: str) -> dict[str, str]:
    return guess_groups({name: Path("/nowhere", name) for name in names})


def test_artists_and_albums_that_are_folders():
    library = [f"{who}/{who} live/0{n} Song {who} {n}.mp3" for who in "PQRS" for n in range(3)]
    assert guessed(*library) == {name: name[0] for name in library}
    albums = [f"Album {n}/{k}.mp3" for n in range(12) for k in range(4)]
    assert guessed(*albums)["Album 3/1.mp3"] == "Album 3"
    in_classes = [f"{c}/{c}{a}/{n}.wav" for c in ("rock", "pop") for a in "xyz" for n in range(2)]
    assert guessed(*in_classes)["rock/rockx/0.wav"] == "rockx"


def test_what_may_be_a_class_is_no_group():
    assert guessed(*(f"{c}/{n}.wav" for c in ("rock", "pop", "jazz") for n in range(4))) == {}
    assert guessed(*(f"kind {c}/{n}.wav" for c in "abcdefghij" for n in range(40))) == {}
    assert guessed(*(f"{c}_{n}.wav" for c in ("dog", "cat", "cow") for n in range(9))) == {}
    assert guessed(*(f"{n}.wav" for n in range(9))) == {}


def test_names_of_pieces_and_of_artists():
    pieces = guessed(*(f"talk{t}_part{n}.wav" for t in (1, 2) for n in range(3)), "other.wav")
    assert pieces == {f"talk{t}_part{n}.wav": f"talk{t}" for t in (1, 2) for n in range(3)}
    songs = [f"{who} - Song {n}.mp3" for who in ("Ann", "Bo", "Cy") for n in "xyz"]
    assert guessed(*songs) == {song: song.split(" - ")[0] for song in songs}
