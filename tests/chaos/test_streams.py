"""What a command prints arrives, whatever else happens in its process."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from campaign import Nest, run, sentences

TRAIN = ("train", "./heard.py", "--data", "tones", "--protocol", "holdout:0.3", "--jobs", "1")
# mpg123, in libsndfile, writes warnings about this tag, and about the noise behind it.
BROKEN = b"ID3\3\0\0\0\0\0\x0cCOMM\0\0\0\2\0\0\0x\xff\xfb\x90\0" + b"noise" * 300


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
    status, said = run(nest, heard_box, "predict", "heard", "songs", "--jobs", "4", *options)
    assert status == 1
    named = {line.split()[1] for line in sentences(said)}
    assert named == {f"songs/{number}-broken.mp3" for number in range(20)}
    whole = [line for line in said.splitlines() if "whole.mp3" in line]
    assert len(whole) == (0 if options else 20)
