"""What a command prints arrives, and it ends in order, whatever happens to its streams."""

import os
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from campaign import A_HANG, Nest, environment, run, sentences

TRAIN = ("train", "./heard.py", "--data", "tones", "--protocol", "holdout:0.3", "--jobs", "1")
# mpg123, in libsndfile, writes warnings about this tag, and about the noise behind it.
BROKEN = b"ID3\3\0\0\0\0\0\x0cCOMM\0\0\0\2\0\0\0x\xff\xfb\x90\0" + b"noise" * 300


pytestmark = pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="it is not Linux")


@pytest.fixture(scope="module")
def heard_box(tmp_path_factory, make_tones: Callable[..., Path], nest: Nest) -> Path:
    """Return a workspace with a model of sound, and 20 broken songs between 20 whole ones."""
    from subjects import HEARD

    box = tmp_path_factory.mktemp("heard") / "box"
    make_tones(box / "tones", tracks=4, seconds=0.3)
    (box / "heard.py").write_text(HEARD, encoding="utf-8")
    assert run(nest, box, *TRAIN)[0] == 0
    songs = box / "songs"
    songs.mkdir()
    soundfile.write(songs / "0-whole.mp3", np.sin(np.arange(66_150) / 9), 22_050, format="MP3")
    for number in range(20):
        (songs / f"{number}-broken.mp3").write_bytes(BROKEN)
        if number:
            shutil.copy(songs / "0-whole.mp3", songs / f"{number}-whole.mp3")
    return box


@pytest.mark.parametrize(
    "options", [(), ("--output", "answers.csv"), ("--output", "answers.jsonl")], ids=" ".join
)
def test_every_failed_file_has_its_sentence(nest, heard_box, options):
    status, said = run(nest, heard_box, "predict", "./heard.py", "songs", "--jobs", "4", *options)
    assert status == 1
    named = {line.split()[1] for line in sentences(said)}
    assert named == {f"songs/{number}-broken.mp3" for number in range(20)}
    whole = [line for line in said.splitlines() if "whole.mp3" in line]
    assert len(whole) == (0 if options else 20)


ZOO = str(Path(sysconfig.get_path("scripts"), "zoo"))
FULL = Path("/dev/full")  # a device on which there is never room
LIBRARIES = 15  # recordings that keep two threads in soxr, FFmpeg and libsndfile for a while


@pytest.fixture(scope="module")
def busy_box(heard_box: Path) -> Path:
    """Return the workspace with recordings whose prediction takes some seconds."""
    folder = heard_box / "long"
    folder.mkdir()
    wave = 0.1 * np.random.default_rng(0).standard_normal((30 * 48_000, 2))
    for suffix in (".flac", ".mp3", ".wav"):
        soundfile.write(folder / f"0{suffix}", wave, 48_000)
        for number in range(1, LIBRARIES):
            os.link(folder / f"0{suffix}", folder / f"{number}{suffix}")
    return heard_box


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("end", ["SIGINT", "SIGTERM", "closed pipe", "full disk"])
def test_a_command_whose_threads_are_in_libraries_ends_in_order(busy_box, end):
    options = {"cwd": busy_box, "env": os.environ | environment(busy_box), "text": True}
    command = [ZOO, "predict", "./heard.py", "long", "--jobs", "4", "--format", "json"]
    expected = {"SIGINT": (130, 1), "SIGTERM": (143, 1), "closed pipe": (0, 0), "full disk": (1, 1)}
    for _ in range(2):
        with FULL.open("w") as full:
            out = full if end == "full disk" else subprocess.PIPE
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.PIPE, **options)
        if process.stdout:
            assert process.stdout.readline().startswith('{"path"')
        if end.startswith("SIG"):
            process.send_signal(getattr(signal, end))
        elif process.stdout:
            process.stdout.close()
        _, said = process.communicate(timeout=A_HANG)
        assert (process.returncode, len(sentences(said))) == expected[end], said
        assert len(said.splitlines()) <= 1, said


CLOSED = {
    "stderr": ("exec {} 2>&-", 1, 40),
    "stdout": ("exec {} >&-", 1, 0),
    "stdin": ("exec {} <&-", 1, 40),
    "all": ("exec {} <&- >&- 2>&-", 1, 0),
}


@pytest.mark.parametrize(("line", "status", "lines"), CLOSED.values(), ids=CLOSED)
def test_a_stream_that_is_closed_is_a_stream_that_nobody_reads(heard_box, line, status, lines):
    command = f"{ZOO} predict ./heard.py songs --format json"
    done = subprocess.run(
        ["sh", "-c", line.format(command)],
        cwd=heard_box, env=os.environ | environment(heard_box), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, len(done.stdout.splitlines())) == (status, lines)
    assert sentences(done.stderr) == []


def test_what_cannot_be_printed_is_one_error(heard_box):
    with FULL.open("w") as full:
        done = subprocess.run(
            [ZOO, "models"],
            cwd=heard_box, env=os.environ | environment(heard_box), stdout=full,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "zoo: standard output cannot be written: No space left on device\n"


def test_a_current_directory_that_was_deleted_is_one_error(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", f"rmdir {gone}; exec {ZOO} runs list"],
        cwd=gone, env=os.environ | {"ZOO_MODELS": "models"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "zoo: the current directory was deleted; change to another one\n"
