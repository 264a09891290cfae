"""`--min-confidence auto` and `--precision`: the confidence comes from the artefact."""

import json
import sys

import numpy as np
import pytest
import soundfile

import zoo
from zoo.cli.app import run as run_command
from zoo.inference.confidence import least_confidence
from zoo.inference.prediction import UNKNOWN
from zoo.inference.predictors import open_model
from zoo_registry import UsageError

MODEL = "knowing-seconds"


@pytest.fixture
def song(workspace):
    """Return a writer of tones as in the middle of the first class."""

    def write(name: str = "song.wav") -> str:
        rate = 22_050
        noise = 0.005 * np.random.default_rng(1).standard_normal(2 * rate)
        tone = 0.4 * np.sin(2 * np.pi * 125 * np.arange(2 * rate) / rate)
        soundfile.write(workspace / name, tone + noise, rate)
        return name

    return write


@pytest.fixture
def command(monkeypatch, capsys):
    """Return a function that runs `zoo predict` and returns its status and what it prints."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zoo", "predict", *arguments])
        status = run_command()
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_a_share_of_right_answers_becomes_a_confidence(hearing, song, command):
    table = open_model(hearing(MODEL).id).thresholds
    assert (table.tracks, table.right[-1], table.answered[-1]) == (24, 1.0, 1.0)
    least = next(
        c for c, n in zip(table.confidence[::-1], table.answered[::-1], strict=True) if n == 1
    )
    path = song()
    for option in (["--min-confidence", "auto"], ["--precision", "0.95"]):
        status, out, err = command(MODEL, path, "--format", "json", *option)
        assert status == 0, err
        answer = json.loads(out)
        assert f"an answer needs a confidence of {least:g}: at or above it 100 % of 24" in err
        assert (answer["label"] == UNKNOWN) == (answer["confidence"] < least)
    (found,) = zoo.predict(MODEL, path, min_confidence="auto")
    assert found.label == answer["label"]
    (found,) = zoo.predict(MODEL, path, precision=0.95)
    assert found.label == answer["label"]


def test_a_file_of_answers_is_continued_with_the_same_confidence(hearing, song, command):
    hearing(MODEL)
    songs = [song(f"{n}.wav") for n in range(3)]
    for form in ("answers.csv", "answers.jsonl"):
        for given in (songs[:2], songs):
            status, _, err = command(MODEL, *given, "--output", form, "--precision", "0.9")
            assert status == 0, err
        assert "2 of 3 files are in" in err
        status, _, err = command(MODEL, *songs, "--output", form, "--min-confidence", "1")
        assert status == 2
        assert "of another --min-confidence than 1" in err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--precision", "0.9", "--min-confidence", "0.5"], "not both"),
        (["--precision", "0"], "--precision is 0"),
        (["--precision", "nan"], "--precision is nan; give a number above 0, at most 1"),
        (["--precision", "1.5"], "not a number from 0 to 1"),
        (["--min-confidence", "1.5"], "neither a number from 0 to 1 nor auto"),
        (["--min-confidence", "much"], "neither a number from 0 to 1 nor auto"),
        (["--min-confidence", "nan"], "neither a number from 0 to 1 nor auto"),
    ],
)
def test_what_makes_no_sense_is_refused(options, words, hearing, song, command):
    hearing(MODEL)
    status, out, err = command(MODEL, song(), *options)
    assert (status, out) == (2, "")
    assert words in err


def test_a_model_without_a_table_says_so(hearing, song, command):
    hearing("seconds")  # tested on eight tracks
    status, _, err = command("seconds", song(), "--min-confidence", "auto")
    assert status == 2
    assert "was tested on 8 tracks, too few" in err
    predictor = open_model("seconds")
    predictor.thresholds = None
    with pytest.raises(UsageError, match="has no table of how often its answers are right"):
        least_confidence(predictor, "auto", None, print)
