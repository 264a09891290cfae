"""``zoo data check``: what a training will refuse, and feature tables."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zoo.cli.app import app


@pytest.fixture
def checked():
    """Return a function that checks data: exit status and problems by kind."""

    def run(data: Path, *more: str):
        outcome = CliRunner().invoke(app, ["data", "check", str(data), "--format", "json", *more])
        problems = json.loads(outcome.stdout)["problems"]
        return outcome.exit_code, {problem["kind"]: problem["detail"] for problem in problems}

    return run


def test_what_a_training_refuses(checked, tone_folder):
    folder = tone_folder(classes=("a", "b", "c"), tracks=5)
    (folder / "a" / "a00.wav").unlink()
    status, found = checked(folder, "--jobs", "1")
    assert status == 1
    refused = CliRunner().invoke(app, ["train", "svm", "--data", str(folder)])
    assert found["refused"] == f"`zoo train` refuses it: {refused.exception}"
    assert "use --protocol kfold:4, or --exclude-class=a, or more tracks" in found["refused"]
    for way in (["--protocol", "kfold:4"], ["--exclude-class=a"]):
        status, found = checked(folder, "--jobs", "1", *way)
        assert (status, found) == (0, {})


def test_a_feature_table(checked, feature_table):
    path = feature_table(tracks=20)
    assert checked(path) == (0, {})
    lines = path.read_text().splitlines()
    path.write_text(
        "\n".join([f"x,{lines[0]}", *(f"{n},{line}" for n, line in enumerate(lines[1:]))])
    )
    status, found = checked(path)
    assert (status, list(found)) == (0, ["left-out"])
    assert found["left-out"] == "the column 'x' is no feature: it numbers the rows"
