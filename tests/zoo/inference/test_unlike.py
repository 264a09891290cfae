"""Recordings unlike the training recordings: `zoo predict`, its script and the server say so."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

import zoo
from zoo.artefacts.bundle import hand_over
from zoo.cli.app import run as run_command
from zoo.inference.output_file import OutputFile, csv_header, csv_lines, json_line
from zoo.inference.prediction import NONE_OF_THEM, UNKNOWN, UNLIKE
from zoo.inference.timeline import stretches

RATE = 22_050
KNOWING = ["knowing-frames", "knowing-seconds"]


def tone(seconds: int) -> np.ndarray:
    """Return a tone as in the middle of the first class."""
    noise = 0.005 * np.random.default_rng(1).standard_normal(seconds * RATE)
    return 0.4 * np.sin(2 * np.pi * 125 * np.arange(noise.size) / RATE) + noise


def beeps(seconds: float) -> np.ndarray:
    """Return short, high beeps, which no track of the training has."""
    time = np.arange(round(seconds * RATE)) / RATE
    return 0.4 * np.sin(2 * np.pi * 5000 * time) * (time % 0.125 < 0.06)


@pytest.fixture
def sound(workspace):
    """Return a writer of files."""

    def write(name: str, *parts: np.ndarray) -> str:
        soundfile.write(workspace / f"{name}.wav", np.concatenate(parts), RATE)
        return f"{name}.wav"

    return write


def test_where_most_recordings_are_unlike_a_line_names_other_models(
    hearing, sound, monkeypatch, capsys
):
    def notes(*files: str) -> str:
        monkeypatch.setattr("sys.argv", ["zoo", "predict", "knowing-frames", *files])
        assert run_command() == 0
        return capsys.readouterr().err

    run = hearing("knowing-frames")
    own, *others = sound("own", tone(3)), sound("a", beeps(3)), sound("b", beeps(3))
    said = f"unlike those that {run.id} was trained on; `zoo models` lists other models\n"
    assert notes(*others, own) == f"most of these recordings are {said}"
    assert notes(others[0]) == f"this recording is {said}"
    assert notes(own, others[0]) == ""


@pytest.mark.parametrize("name", KNOWING)
def test_most_windows_decide(name, hearing, sound):
    hearing(name)
    songs = [
        sound("own", tone(5)),
        sound("beeps", beeps(5)),
        sound("little", tone(6), beeps(3)),
        sound("mostly", tone(3), beeps(6)),
        sound("quietly", beeps(2), np.zeros(20 * RATE)),
    ]
    own, other, little, mostly, quietly = zoo.predict(name, songs, timeline=True)
    assert (own.label, own.unlike, own.guess, own.reason) == ("high", None, None, None)
    assert "unlike" not in own.to_json()
    for found in (other, mostly, quietly):
        assert found.label == UNKNOWN
        counted = f"{found.unlike} of {found.windows} windows"
        assert found.reason == f"{UNLIKE}: {counted}"
        assert found.guess in ("high", "low")
        assert sum(found.votes.values()) == found.windows
        assert found.confidence == found.probabilities[found.guess]
    assert little.label == "high"
    assert little.unlike
    assert sum(little.votes.values()) == little.windows
    assert little.windows + little.unlike == len(little.timeline)
    marked = [part for part in little.timeline if part.reason == UNLIKE]
    assert [part.label for part in marked] == [UNKNOWN] * little.unlike
    assert all(part.confidence for part in marked)
    assert [part.shown for part in stretches(little.timeline)] == ["high", UNLIKE]


@pytest.mark.parametrize("name", KNOWING)
def test_a_long_recording_is_judged_piece_by_piece(name, hearing, sound):
    hearing(name)
    (found,) = zoo.predict(name, sound("long", tone(70), beeps(40)))
    assert (found.label, found.reason) == ("high", None)
    assert found.unlike / (found.unlike + found.windows) == pytest.approx(4 / 11, abs=0.03)


@pytest.fixture
def command(monkeypatch, capsys):
    """Return a function that runs `zoo predict` and returns what it prints."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["zoo", "predict", *arguments])
        assert run_command() == 0
        return str(capsys.readouterr().out)

    return run


def test_none_of_the_classes_is_the_reason_where_both_hold(hearing, sound, monkeypatch, command):
    hearing("knowing-seconds")
    song = sound("beeps", beeps(5))
    (before,) = zoo.predict("knowing-seconds", song)
    monkeypatch.setattr("zoo.inference.predict.OTHER", before.guess)
    (found,) = zoo.predict("knowing-seconds", song, timeline=True)
    assert (found.label, found.reason, found.unlike) == (UNKNOWN, NONE_OF_THEM, 5)
    assert {part.reason for part in found.timeline} <= {NONE_OF_THEM, UNLIKE}
    assert NONE_OF_THEM in {part.reason for part in found.timeline}
    assert "not vote" not in command("knowing-seconds", song)


def test_an_answer_that_is_withheld_says_the_guess(hearing, sound, command):
    hearing("knowing-seconds")
    song, other = sound("own", tone(5)), sound("beeps", beeps(5))
    model = "knowing-seconds"
    (unsure,) = zoo.predict(model, song, min_confidence=1.0)
    assert (unsure.label, unsure.guess) == (UNKNOWN, "high")
    table = command(model, song, other, "--timeline")
    assert f"({UNLIKE}: 5 of 5 windows; guess: " in table
    assert f"0:00.0-0:05.0  {UNLIKE}  " in table
    answer = json.loads(command(model, other, "--format", "json"))
    assert answer["guess"] in ("high", "low")
    assert answer["unlike"] == 5
    head, row = command(model, other, "--format", "csv").splitlines()
    assert dict(zip(head.split(","), row.split(","), strict=True))["guess"] == answer["guess"]


@pytest.mark.parametrize("as_csv", [True, False])
@pytest.mark.parametrize("timeline", [True, False])
def test_a_file_of_answers_is_continued(as_csv, timeline, hearing, sound, workspace):
    run = hearing("knowing-seconds")
    songs = [sound("beeps", beeps(2)), sound("own", tone(2))]
    answers = zoo.predict(run.id, songs, timeline=timeline, min_confidence=0.3)
    lines = [csv_lines(found, timeline) if as_csv else json_line(found) for found in answers]
    path = workspace / "answers"
    path.write_text((csv_header(timeline) if as_csv else "") + "".join(lines))
    kept = OutputFile(path, as_csv, timeline, run.id, min_confidence=0.3)
    assert kept.holds("beeps.wav")


@pytest.mark.parametrize("more", ["", ",guess"])
def test_a_csv_that_was_begun_with_fewer_columns_is_continued(tmp_path, more):
    path = tmp_path / "answers.csv"
    plain = "path,label,label_mean,confidence,windows,seconds,reason,error,run"
    rest = "," * bool(more)
    path.write_text(f"{plain}{more}\na.wav,high,low,0.34,3,3,,,svm{rest}\nb.wav,high,lo")
    kept = OutputFile(path, True, False, "svm")
    assert kept.done == {"a.wav"}
    head = f"{plain},guess,silent,unlike,heard,band"
    assert path.read_text() == f"{head}\na.wav,high,low,0.34,3,3,,,svm,,,,,\n"


@pytest.mark.parametrize("name", KNOWING)
def test_the_script_says_the_same(name, hearing, sound, tmp_path):
    hand_over(hearing(name), tmp_path / "out")
    songs = [
        sound("own", tone(5)), sound("beeps", beeps(5)),
        sound("little", tone(6), beeps(3)), sound("mostly", tone(3), beeps(6)),
    ]  # fmt: skip
    script = [sys.executable, str(tmp_path / "out" / "predict.py"), *songs]
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    for line, found in zip(done.stdout.splitlines(), zoo.predict(name, songs), strict=True):
        label, confidence, _ = line.split()
        assert label == found.label
        assert float(confidence) == pytest.approx(found.confidence, abs=1e-3)


def test_a_file_from_elsewhere_may_have_it(hearing, sound, monkeypatch, workspace):
    run = hearing("knowing-seconds")
    song = sound("beeps", beeps(5))
    (here,) = zoo.predict(run.id, song)
    monkeypatch.setenv("ZOO_CACHE", str(workspace / "another"))
    (there,) = zoo.predict(run.id, song)
    assert (there.label, there.unlike) == (here.label, here.unlike) == (UNKNOWN, 5)


def test_an_artefact_of_a_few_tracks_has_none(hearing, sound):
    run = hearing("seconds")
    (found,) = zoo.predict(run.id, sound("beeps", beeps(3)))
    assert (found.unlike, found.guess) == (None, None)
    assert found.label in ("high", "low")
