"""Segments of audio files are the samples that decoding of the whole file has there."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from zoo.audio.decode import read
from zoo.audio.segments import segment_file, stated_seconds
from zoo_registry import AudioError

RATE = 8000
FORMATS = [
    ("wav", "PCM_16"),
    ("wav", "FLOAT"),
    ("wav", "IMA_ADPCM"),
    ("flac", "PCM_16"),
    ("aiff", "PCM_24"),
    ("ogg", "VORBIS"),
    ("mp3", "MPEG_LAYER_III"),
]
SPANS = [(3.0, 4.5), (0.0, 1.0), (4.5, 5.0), (0.0, 5.0), (1.23456, 1.23457)]


@pytest.fixture
def file(tmp_path, request) -> Path:
    suffix, codec = request.param
    sound = np.random.default_rng(0).normal(0, 0.1, (5 * RATE, 2)).cumsum(0).astype("f4")
    path = tmp_path / f"song.{suffix}"
    soundfile.write(path, sound / np.abs(sound).max(), RATE, codec)
    return path


def samples(path: Path, start: float, end: float):
    with segment_file(path, start, end) as own:
        found = read(own)
    assert not own.exists()
    return found


@pytest.mark.parametrize("file", FORMATS, ids="-".join, indirect=True)
def test_samples_are_those_of_the_whole(file):
    whole = read(file)
    for start, end in SPANS:
        found = samples(file, start, end)
        first = round(start * RATE)
        last = max(round(end * RATE), first + 1)
        assert found.rate == RATE
        assert np.array_equal(found.samples, whole.samples[first:last])


@pytest.mark.parametrize("file", [("wav", "PCM_16"), ("mp3", "MPEG_LAYER_III")], indirect=True)
def test_outside_of_the_file(file):
    for start, end in ((4.0, 6.0), (5.2, 5.21), (70.0, 80.0)):
        with pytest.raises(AudioError, match=r"song\.\w+ ends after 5\.\d\d s, and the segment"):
            samples(file, start, end)
    assert len(samples(file, 4.0, 5.2).samples) >= RATE  # a table that rounds


def test_a_file_that_is_cut_off_has_its_first_segments(tmp_path):
    path = tmp_path / "song.mp3"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 9 * RATE), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert len(samples(path, 1.0, 2.0).samples) == RATE
    with pytest.raises(AudioError, match=r"song\.mp3 is cut off"):
        samples(path, 7.0, 8.0)


@pytest.mark.parametrize("file", [("mp3", "MPEG_LAYER_III")], indirect=True)
def test_a_file_is_decoded_once_and_no_further_than_needed(file, monkeypatch):
    opened, whole = [], read(file)

    def opener(path):
        opened.append(path)
        return open_stream(path)

    from zoo.audio.decode import open_stream

    monkeypatch.setattr("zoo.audio.segments.open_stream", opener)
    for start in (2.0, 0.0, 3.0, 1.0):
        assert np.array_equal(
            samples(file, start, start + 1).samples,
            whole.samples[int(start * RATE) : int(start * RATE) + RATE],
        )
    assert opened == [file]
    content, status = file.read_bytes(), file.stat()
    file.write_bytes(content[::-1])  # replaced by something of the same size and time
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(AudioError):
        samples(file, 0.0, 1.0)


@pytest.mark.parametrize("file", FORMATS, ids="-".join, indirect=True)
def test_stated_seconds(file):
    assert stated_seconds(file) == pytest.approx(5, abs=0.2)  # encoders pad


def test_what_is_no_audio_states_nothing(tmp_path):
    path = tmp_path / "x.wav"
    assert stated_seconds(path) == 0
    path.write_bytes(b"nothing of it is sound" * 40)
    assert stated_seconds(path) == 0
