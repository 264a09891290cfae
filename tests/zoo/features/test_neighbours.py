"""Tracks that a front end finds alike or odd, in files whose embedding is known."""

import json

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from zoo.cli.app import app
from zoo.datasets import open_dataset
from zoo.features.neighbours import cached_encoder

RATE, TONES = 8000, 24
FRONT_END = f"""
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from zoo import FrontEndCard

@dataclass(frozen=True)
class Amplitudes:
    name: ClassVar[str] = "amplitudes"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "vectors"
    sample_rate: int = {RATE}

    def __call__(self, audio):
        time = np.arange(len(audio)) / {RATE}
        found = [abs(np.mean(audio * np.exp(-2j * np.pi * 100 * k * time))) for k in range(1, 25)]
        return np.array([found], np.float32)

card = FrontEndCard(frontend=Amplitudes(), title="Amplitudes of tones")
"""


def write(path, amplitudes, rng):
    """Write a track whose tones have these amplitudes; phases make every file another one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(RATE // 2) / RATE
    tones = [
        a * np.sin(2 * np.pi * 100 * (k + 1) * time + rng.uniform(0, 6))
        for k, a in enumerate(amplitudes)
    ]
    soundfile.write(path, np.sum(tones, axis=0), RATE, subtype="FLOAT")


@pytest.fixture
def clean(tmp_path):
    """Two classes of fourteen tracks around two centres."""
    rng = np.random.default_rng(1)
    rows = {}
    for label, centre in (("one", [0.04, 0.02] * 12), ("two", [0.02, 0.04] * 12)):
        for number in range(14):
            rows[label, number] = np.array(centre) + rng.uniform(-0.008, 0.008, TONES)
            write(tmp_path / "data" / label / f"{number:02}.wav", rows[label, number], rng)
    (tmp_path / "amplitudes.py").write_text(FRONT_END)
    return rows, rng, tmp_path / "data"


def checked(folder, *more):
    outcome = CliRunner().invoke(
        app, ["data", "check", str(folder), "--jobs", "1", "--format", "json", *more]
    )
    return {
        (problem["kind"], *problem["tracks"]): (problem["distorts"], problem["detail"])
        for problem in json.loads(outcome.stdout)["problems"]
        if "amplitudes" in problem["detail"]
    }


def test_a_copy_a_wrong_label_and_a_stranger_are_found_and_nothing_else(clean):
    rows, rng, folder = clean
    frontend = ("--front-end", str(folder.parent / "amplitudes.py"))
    assert checked(folder, *frontend) == {}
    write(folder / "two" / "copy.wav", rows["two", 3] + 0.0001, rng)
    write(folder / "two" / "wrong.wav", np.array([0.04, 0.02] * 12), rng)
    write(folder / "two" / "stranger.wav", np.array([0.0, 0.0, 0.1] * 8), rng)
    found = checked(folder, *frontend)
    assert found.keys() == {
        ("near-duplicate", "two/03.wav", "two/copy.wav"),
        ("odd-label", "two/wrong.wav"),
        ("odd-sound", "two/stranger.wav"),
    }
    assert not any(distorts for distorts, _ in found.values())
    assert (
        "no two among the 10 nearest tracks, but one 10" in found["odd-label", "two/wrong.wav"][1]
    )


def test_nothing_is_computed_unless_it_is_asked_for(clean):
    *_, folder = clean
    assert checked(folder) == {}
    assert cached_encoder(open_dataset(str(folder))) is None


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [("log-mel", "gives a row per short-time frame"), ("nothing", "there is no front end")],
)
def test_a_front_end_that_cannot_be_used_is_one_sentence(clean, spec, sentence):
    outcome = CliRunner().invoke(app, ["data", "check", str(clean[2]), "--front-end", spec])
    assert sentence in " ".join(str(outcome.exception or outcome.output).split())
