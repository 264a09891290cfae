"""A recording without the treble of the training recordings is said to have none."""

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

import zoo
from zoo.artefacts.artefact import Artefact
from zoo.artefacts.bundle import hand_over
from zoo.audio.bandwidth import usual_bandwidth
from zoo.audio.decode import read
from zoo.cli.app import run as run_command
from zoo.inference.prediction import narrow
from zoo_registry.runs import Run

RATE = 22_050
NOTE = "nothing above 4 kHz, unlike the training recordings: the answer may be wrong"


def noise(seconds: float, tilt: float, seed: int = 0) -> np.ndarray:
    """Return noise of full band whose power falls with the frequency."""
    bins = np.fft.rfft(np.random.default_rng(seed).standard_normal(round(seconds * RATE)))
    sound = np.fft.irfft(bins / np.arange(1, bins.size + 1) ** (tilt / 2))
    return 0.1 * sound / sound.std()


@pytest.fixture
def run(workspace: Path) -> Run:
    for number in range(4):
        for tilt, label in enumerate(("hiss", "roar")):
            path = workspace / "data" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, noise(2.0, 0.5 + tilt, number), RATE)
    return zoo.train("logistic", "data", protocol="kfold:2", jobs=1)


@pytest.fixture
def songs(workspace: Path) -> dict[str, Path]:
    full = noise(3.0, 1.0, seed=9)
    low = soxr.resample(full, RATE, 8_000)
    up = soxr.resample(low, 8_000, RATE)
    sounds = {"full": (full, RATE), "low": (low, 8_000), "up": (up, RATE)}
    for name, (samples, rate) in sounds.items():
        soundfile.write(workspace / f"{name}.wav", samples, rate)
    return {name: workspace / f"{name}.wav" for name in sounds}


def test_bandwidth_is_kept_and_a_recording_that_lacks_treble_is_noted(
    run, songs, capsys, monkeypatch
):
    assert run.record.dataset.bandwidth == [RATE // 2] * 8
    card = run.card_path.read_text()
    assert "95 % of the recordings have sound up to 11.0 kHz or more" in card
    full, *others = zoo.predict(run.id, songs.values())
    assert "band" not in full.to_json()
    assert [found.to_json()["band"] for found in others] == [NOTE, NOTE]

    def said(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["zoo", "predict", run.id, *arguments])
        assert run_command() == 0
        return capsys.readouterr().out

    assert NOTE in " ".join(said(str(songs["low"])).split())
    assert "nothing above" not in said(str(songs["full"]))
    assert json.loads(said(str(songs["up"]), "--format", "json"))["band"] == NOTE
    rows = list(csv.DictReader(said(*map(str, songs.values()), "--format", "csv").splitlines()))
    assert [row["band"] for row in rows] == ["", NOTE, NOTE]
    assert said(str(songs["low"]), "--output", "out.jsonl") == ""
    assert json.loads(Path("out.jsonl").read_text())["band"] == NOTE
    said(str(songs["low"]), str(songs["full"]), "--output", "out.jsonl")  # it is continued
    assert len(Path("out.jsonl").read_text().splitlines()) == 2


def test_the_script_knows_it_too(run, songs, workspace):
    hand_over(run, workspace / "out")
    command = [sys.executable, "out/predict.py", *map(str, songs.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [f"{songs[name]}: {NOTE}" for name in ("low", "up")]


def test_a_run_that_did_not_measure_says_nothing(run, songs):
    plain = json.loads((run.folder / "run.json").read_text())
    del plain["dataset"]["bandwidth"]
    (run.folder / "run.json").write_text(json.dumps(plain))
    assert Run.read(run.folder).record.dataset.bandwidth == []
    content = run.artefact_path.read_bytes()
    found = re.search(rb', ?"bandwidth": ?11025', content)
    earlier = content.replace(found[0], b" " * len(found[0]))
    Path("earlier.onnx").write_bytes(earlier)
    artefact = Artefact(Path("earlier.onnx"), own=True)
    assert artefact.bandwidth == 0
    (answer,) = zoo.predict(artefact, [songs["low"]])
    assert answer.band is None
    assert answer.label is not None


@pytest.mark.parametrize(
    ("bandwidth", "usual", "rate", "least"),
    [
        (4_000, 11_025, 22_050, "4 kHz"),
        (3_876, 11_025, 22_050, "4 kHz"),
        (4_100, 11_025, 22_050, "4 kHz"),
        (3_400, 20_000, 44_100, "3.5 kHz"),
        (5_513, 20_000, 44_100, "5.5 kHz"),
        (7_752, 9_600, 22_050, "8 kHz"),
        (300, 9_600, 22_050, "0.5 kHz"),
        (11_025, 20_000, 22_050, None),  # the model hears no more
        (9_950, 11_025, 22_050, None),
        (None, 11_025, 22_050, None),  # silence
        (4_000, 0, 22_050, None),  # not known of the training recordings
    ],
)
def test_the_sentence(bandwidth, usual, rate, least):
    said = narrow(bandwidth, usual, rate)
    assert said == (least and NOTE.replace("4 kHz", least))


def test_one_narrow_recording_in_twenty_is_not_usual():
    assert usual_bandwidth([4_000] + [11_025] * 30) == 11_025
    assert usual_bandwidth([4_000] * 3 + [11_025] * 30) == 4_000
    assert usual_bandwidth([0] * 9 + [11_025]) == 11_025
    assert usual_bandwidth([]) == 0


@pytest.mark.real
@pytest.mark.parametrize(("name", "kind"), [("gtzan-mini", "*.flac"), ("esc10", "*.ogg")])
def test_real_recordings_of_one_kind_and_their_narrow_copies(real_data, name, kind, tmp_path):
    own, copies = [], {8_000: [], 16_000: []}
    for path in sorted((real_data / name).rglob(kind))[::4]:
        recording = read(path)
        own.append(recording.properties.bandwidth)
        for rate, found in copies.items():
            low = soxr.resample(recording.mono, recording.rate, rate)
            soundfile.write(tmp_path / "x.wav", low, rate)
            found.append(read(tmp_path / "x.wav").properties.bandwidth)
    usual = usual_bandwidth([value or 0 for value in own])
    assert sum(narrow(value, usual, RATE) is not None for value in own) <= 0.02 * len(own) + 1
    for found in copies.values():
        assert sum(narrow(value, usual, RATE) is not None for value in found) >= 0.95 * len(own)
