"""Tracks of none of the classes: trained against, not scored, and answered with "unknown"."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from zoo.artefacts.bundle import hand_over
from zoo.cli.app import run as run_command
from zoo.datasets import open_dataset
from zoo.evaluate.metrics import confusion, score
from zoo.evaluate.rejection import rejection
from zoo.evaluate.reliability import calibration
from zoo.evaluate.thresholds import thresholds
from zoo_registry.errors import DatasetError
from zoo_registry.predictions import OTHER, Predictions


def predictions(labels: list[int], winners: list[int], seed: int) -> Predictions:
    classes = ("A", OTHER, "b", "c")
    votes = np.eye(4, dtype=np.int64)[winners]
    rng = np.random.default_rng(seed)
    means = 0.5 * votes + 0.5 * rng.dirichlet(np.ones(4), len(labels))
    names = tuple(f"t{n}" for n in range(len(labels)))
    numbers = np.arange(len(labels))
    return Predictions(classes, names, np.array(labels), numbers % 2, names, numbers, votes, means)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40),
    st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_scores_are_those_of_the_real_classes(pairs, seed):
    pairs = [(0, 0), (2, 2), (3, 1), *pairs]
    labels, winners = map(list, zip(*pairs, strict=True))
    known = predictions(labels, winners, seed)
    real = [pair for pair in pairs if pair[0] != 1]
    alone = predictions(*map(list, zip(*real, strict=True)), seed)
    found = score(known)
    assert found.accuracy == pytest.approx(np.mean([one == other for one, other in real]))
    f1 = [
        2 * sum(pair == (n, n) for pair in real) / max(1, sum((a == n) + (b == n) for a, b in real))
        for n in (0, 2, 3)
    ]
    assert found.macro_f1 == pytest.approx(np.mean(f1))
    assert confusion(known).sum() == len(real) == len(known.scored)
    assert (confusion(known) == confusion(alone)).all()
    assert sum(calibration(known).tracks) == len(real)
    table = thresholds(known)
    assert table.tracks == len(real)
    assert table.answered[-1] == pytest.approx(np.mean([b != 1 for _, b in real]), abs=1e-6)
    others = [winner for label, winner in pairs if label == 1]
    rejected = rejection(known)
    assert (rejected is None) == (not others)
    if rejected:
        assert rejected.tracks == len(others)
        assert rejected.share == pytest.approx(np.mean([winner == 1 for winner in others]))


def test_data_without_others_are_scored_as_before():
    known = predictions([0, 2, 3], [0, 2, 0], 0)
    plain = replace(known, classes=("A", "B", "b", "c"))
    assert plain.scored is plain
    assert plain.real == [0, 1, 2, 3]
    assert rejection(plain) is None


@pytest.fixture
def command(monkeypatch, capsys):
    """Return a function that runs a command and returns what it prints."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["zoo", *arguments])
        assert run_command() == 0
        return str(capsys.readouterr().out)

    return run


def test_a_folder_of_others(tone_folder, command, workspace):
    folder = tone_folder("sounds", classes=(OTHER, "high", "low"), seconds=1.5)
    assert "it is not a class of a leaderboard" in " ".join(
        command("data", "info", "sounds").split()
    )
    run = zoo.train("logistic", str(folder), protocol="kfold:2", jobs=1)
    (board,) = zoo.leaderboard()
    (row,) = board.rows
    assert (row.tracks, row.accuracy) == (8, 1.0)
    assert (row.other_tracks, row.other_rejected) == (4, 1.0)
    for text in (
        command("leaderboard"),
        command("leaderboard", "--format", "markdown"),
        command("runs", "show", run.id),
        run.card_path.read_text(),
    ):
        assert f"4 tracks of {OTHER}" in " ".join(text.split())
    shown = json.loads(command("runs", "show", run.id, "--format", "json"))
    assert shown["other"] == {"tracks": 4, "share": 1.0}
    assert "| _other |" not in run.card_path.read_text()
    assert "into 2 classes: high, low. It was also trained against" in run.card_path.read_text()
    assert command("runs", "verify", run.id)

    songs = sorted(map(str, folder.glob("*/*0.wav")))
    other, high, low = zoo.predict(run.id, songs)
    assert (other.label, other.reason) == ("unknown", "none of the trained classes")
    assert other.guess in ("high", "low")
    assert other.confidence == other.probabilities[OTHER]
    assert (high.label, low.label) == ("high", "low")
    for form in ("answers.csv", "answers.jsonl"):
        command("predict", run.id, *songs, "--output", form)
        before = Path(form).read_bytes()
        command("predict", run.id, *songs, "--output", form)
        assert Path(form).read_bytes() == before
    hand_over(run, workspace / "out")
    script = [sys.executable, str(workspace / "out" / "predict.py"), *songs]
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["unknown", "high", "low"]

    (page,) = (Path(path) for path in command("report", "--output", "pages").split())
    text = page.read_text(encoding="utf-8")
    assert f"4 tracks of {OTHER} were trained against" in text
    assert f'<th scope="row">{OTHER}' not in text


def test_two_real_classes_are_needed(tone_folder):
    folder = tone_folder("sounds", classes=(OTHER, "high"))
    with pytest.raises(DatasetError, match=f"one class only beside {OTHER}, 'high'; at least two"):
        open_dataset(str(folder))


def test_a_table_may_say_so(tone_folder):
    folder = tone_folder("sounds", classes=("a", "b", "c"))
    rows = [
        f"{p.relative_to(folder)},{p.parent.name.replace('a', OTHER)}" for p in folder.glob("*/*")
    ]
    (folder / "metadata.csv").write_text("path,label\n" + "\n".join(rows))
    assert open_dataset(str(folder)).classes == (OTHER, "b", "c")
