"""Damaged and forged sound files of every format: an answer, or one sentence; never a crash."""

import faulthandler
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zoo
from zoo.inference.predictors import open_model

RATE = 16_000
# Suffix, and how it is written: format and subtype of libsndfile, or container and codec of FFmpeg.
FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".au": ("AU", "PCM_16"),
    ".aiff": ("AIFF", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".m4a": ("ipod", "aac"),
    ".wma": ("asf", "wmav2"),
    ".webm": ("webm", "libopus"),
}
_A_HANG = 120  # seconds


def write(path: Path, sound: np.ndarray) -> bytes:
    container, codec = FORMATS[path.suffix]
    if container.isupper():
        soundfile.write(path, sound, RATE, format=container, subtype=codec)
        return path.read_bytes()
    rate = {"libopus": 48_000, "wmav2": 44_100}.get(codec, RATE)
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout="mono")
        stream.bit_rate = 64_000
        samples = np.repeat(sound, -(-rate // RATE))[None].astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = rate
        for part in (frame, None):
            out.mux(stream.encode(part))
    return path.read_bytes()


@pytest.fixture
def watchdog():
    """End the process with its traceback rather than hang."""
    faulthandler.dump_traceback_later(_A_HANG, repeat=False, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.mark.parametrize("suffix", FORMATS)
def test_whatever_the_bytes_there_is_an_answer_or_a_sentence(
    suffix, hearing, tmp_path, capfd, watchdog
):
    hearing("frames")
    path = tmp_path / f"x{suffix}"
    time = np.arange(RATE) / RATE
    content = write(path, 0.3 * np.sin(2 * np.pi * 440 * time))
    capfd.readouterr()
    model = open_model("frames")
    (whole,) = zoo.predict(model, [path])
    assert whole.label
    assert whole.seconds == pytest.approx(1.0, abs=0.2)
    outcomes = []

    @st.composite
    def forged(draw):
        data = bytearray(content)
        for _ in range(draw(st.integers(1, 6))):
            # The header is where the dangers are.
            place = draw(st.integers(0, min(120, len(data) - 1)) | st.integers(0, len(data) - 1))
            kind = draw(st.sampled_from(["byte", "word", "cut", "insert", "repeat", "remove"]))
            few = draw(st.binary(min_size=1, max_size=8))
            if kind == "byte":
                data[place] = few[0]
            elif kind == "word":
                value = draw(st.sampled_from([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]))
                order = draw(st.sampled_from(["little", "big"]))
                data[place : place + 4] = value.to_bytes(4, order)
            elif kind == "cut":
                del data[max(place, 1) :]
            elif kind == "insert":
                data[place:place] = few * draw(st.integers(1, 50))
            elif kind == "repeat":
                data[place:place] = data[place : place + 200]
            else:
                del data[place : place + len(few)]
            data = data or bytearray(b"\0")
        return bytes(data)

    @given(forged())
    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    def check(forgery):
        path.write_bytes(forgery)
        (found,) = zoo.predict(model, [path], timeline=True)
        outcomes.append(found.error is None)
        if found.error is None:
            assert found.label
            assert found.seconds >= 0  # rounded: a sample or two are 0.000 s
            assert found.timeline[-1].end == pytest.approx(found.seconds, abs=1e-2)
        else:
            assert (found.label, found.timeline) == (None, None)
            assert str(path) in found.error
            assert "\n" not in found.error

    check()
    assert capfd.readouterr() == ("", "")
    assert not all(outcomes)


@given(content=st.binary(max_size=400))
@settings(max_examples=30, suppress_health_check=list(HealthCheck))
def test_random_bytes_under_any_name(hearing, tmp_path, content):
    if not (tmp_path / "frames.py").exists():
        hearing("frames")
    paths = [tmp_path / f"x{suffix}" for suffix in FORMATS]
    for path in paths:
        path.write_bytes(content)
    assert all(found.error for found in zoo.predict("frames", paths, jobs=1))
