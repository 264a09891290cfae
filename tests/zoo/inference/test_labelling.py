"""``zoo label``: what is proposed and why, and what happens when it is called again."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from zoo.artefacts.artefact import Artefact
from zoo.cli.app import run as run_command
from zoo.datasets import open_dataset
from zoo.inference.predictors import open_model

ZOO = str(Path(sys.executable).with_name("zoo"))
RATE = 22_050


@pytest.fixture
def label(monkeypatch, capfd):
    """Return a function that calls ``zoo label``: status, stdout, stderr."""

    def call(*arguments: str) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["zoo", "label", *arguments])
        return (run_command(), *capfd.readouterr())

    return call


def sound(path: Path, pitch: float, seconds: float = 2.0, noise: float = 0.01, seed: int = 0):
    rng = np.random.default_rng(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = 0.4 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * RATE)) / RATE)
    soundfile.write(path, wave + noise * rng.standard_normal(wave.size), RATE)
    return path


@pytest.fixture
def pool(workspace) -> Path:
    """Return a folder of tones between the two that the models know."""
    for number, pitch in enumerate((150, 170, 200, 230, 260, 300)):
        sound(Path(f"pool/{number}.wav"), pitch, seed=number)
    return Path("pool")


def rows(separator: str = ",") -> list[dict[str, str]]:
    with Path("labels.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=separator))


@pytest.mark.parametrize("model", ["seconds", "frames"])
def test_the_table_is_filled_in_and_trained_on(model, hearing, pool, label, workspace):
    run = hearing(model)
    status, out, err = label("pool", "--run", run.id, "--count", "4", "--format", "json")
    assert status == 0, err
    first = rows()
    assert [row["label"] for row in first] == [""] * 4
    for row, plain in zip(first, json.loads(out), strict=True):
        assert Path(plain["path"]).samefile(row["path"])
        assert row["guess"] in ("high", "low")
        assert plain["confidence"] == pytest.approx(float(row["confidence"]), abs=1e-3)
        assert row["reason"]
    assert "4 new rows, 4 without a label" in err
    # What waits for a label is enough.
    status, _, err = label("pool", "--run", run.id, "--count", "4")
    assert (status, rows()) == (0, first)
    assert "0 new rows, 4 without a label" in err
    for number, row in enumerate(first[:3]):
        row |= {"label": ("high", "low", "other")[number], "reason": "mine", "group": f"g{number}"}
    with Path("labels.csv").open("w", encoding="cp1252", newline="") as file:
        writer = csv.DictWriter(file, first[0], delimiter=";")
        writer.writeheader()
        writer.writerows(first)
    status, _, err = label("pool", "--run", run.id, "--count", "4")
    assert status == 0
    assert "3 rows with a label kept, 2 new rows, 3 without a label" in err
    again = rows(";")
    assert again[:4] == first
    assert len({row["path"] for row in again}) == 6
    dataset = open_dataset("labels.csv")
    assert {track.id: track.label for track in dataset.tracks} == {
        row["path"]: row["label"] for row in first[:3]
    }
    status, _, err = label("pool", "--run", run.id, "--count", "9")
    assert "0 new rows" in err


def test_what_cannot_help_is_left_out_and_named(hearing, pool, label):
    run = hearing("seconds")
    soundfile.write("pool/silence.wav", np.zeros(RATE), RATE)
    Path("pool/broken.mp3").write_bytes(b"junk")
    Path(os.fsdecode(b"pool/\xff.wav")).write_bytes(Path("pool/1.wav").read_bytes())
    shutil.copy("pool/2.wav", "noname")
    status, _, err = label("pool", "noname", "--run", run.id)
    assert status == 0, err
    assert "broken.mp3 is not audio that can be decoded" in err
    assert "it is skipped" in err
    assert "1 of 8 recordings are silent or too short" in err
    assert "2 files are skipped, because no table of labels can name them" in err
    names = {Path(row["path"]).name for row in rows()}
    assert names == {f"{n}.wav" for n in range(6)}


def test_near_copies_are_proposed_once(hearing, workspace, label):
    run = hearing("seconds")
    rng = np.random.default_rng(0)
    steps = np.repeat(rng.uniform(200, 3_000, (40, 3)), RATE // 8, axis=0)
    music = 0.2 * np.sin(2 * np.pi * np.cumsum(steps, axis=0) / RATE).sum(axis=1)
    Path("pool").mkdir()
    soundfile.write("pool/a.wav", music, RATE)
    soundfile.write("pool/b.flac", 0.3 * music, RATE)
    sound(Path("pool/c.wav"), 300.0)
    status, _, err = label("pool", "--run", run.id)
    assert status == 0, err
    assert "1 near copies of recordings that are listed or chosen are left out" in err
    assert len({row["path"][5] for row in rows()} & {"a", "b"}) == 1


def test_groups_are_guesses_and_take_turns(hearing, workspace, label):
    run = hearing("seconds")
    for seed, who in enumerate("PPPPPPQR"):
        sound(Path(f"music/{who}/{who} live/0{seed} {who} x{seed}.wav"), 150 + 9 * seed, seed=seed)
    status, _, err = label("music", "--run", run.id, "--count", "3")
    assert status == 0, err
    assert sorted(row["group"] for row in rows()) == ["P", "Q", "R"]
    assert "3 groups are guesses" in err


def test_unlike_the_training_recordings_is_a_reason(hearing, pool, label):
    run = hearing("knowing-seconds")
    sound(Path("pool/noise.wav"), 5_000.0, noise=0.4)
    status, _, err = label("pool", "--run", run.id)
    assert status == 0, err
    (reason,) = [row["reason"] for row in rows() if row["path"].endswith("noise.wav")]
    assert reason.startswith("unlike the training recordings")


def test_the_embedding_is_the_mean_row_wherever_the_file_came_from(hearing, pool, workspace):
    run = hearing("seconds")
    audio = np.asarray(soundfile.read("pool/0.wav")[0], np.float32)
    embeddings = []
    plain = Artefact(run.artefact_path)
    assert plain.run(audio).embedding.shape == (0, 0)
    for is_own in (True, False):
        if not is_own:
            shutil.rmtree("cache")
        artefact = open_model(str(run.artefact_path), embeds=True)
        found = artefact.run(audio)
        assert np.allclose(found.probabilities, plain.run(audio).probabilities, atol=1e-6)
        embeddings.append(found.embedding)
    assert embeddings[0].shape[0] == 1
    assert np.allclose(*embeddings)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-",), "standard input has no path"),
        (("nowhere",), "there is no file or folder 'nowhere'"),
        (("pool", "--run", "nobody"), "there is no run or trained model 'nobody'"),
        (("pool", "--out", "other.csv"), "is not a table of `zoo label`"),
        (("pool", "--out", "pool"), "pool"),
        (("silent",), "can judge none of these recordings"),
    ],
)
def test_what_is_wrong_is_one_sentence(arguments, words, hearing, pool, label):
    run = hearing("seconds")
    Path("other.csv").write_text("path,label\n1.wav,rock\n", encoding="utf-8")
    Path("silent").mkdir()
    soundfile.write("silent/a.wav", np.zeros(RATE), RATE)
    extra = () if "--run" in arguments else ("--run", run.id)
    status, out, err = label(*arguments, *extra)
    assert (status, out) == (2, "")
    assert words in err.splitlines()[-1]
    assert not Path("labels.csv").exists()


def test_without_a_run_the_newest_of_the_workspace_is_asked(hearing, pool, label):
    run = hearing("seconds")
    _, _, err = label("pool", "--count", "1")
    assert f"({run.id} was asked)" in err


def test_a_second_command_on_the_table_is_refused(hearing, pool, label):
    from zoo.workspace import sole_writer

    run = hearing("seconds")
    call = [ZOO, "label", "pool", "--run", run.id]
    with sole_writer(Path("labels.csv")):
        ended = subprocess.run(call, check=False, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "is being written by another command" in ended.stderr
