"""``zoo data check``: what a training will refuse, and feature tables."""

import io
import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
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
    five = ["--protocol", "kfold:5"]
    status, found = checked(folder, "--jobs", "1", *five)
    assert status == 1
    refused = CliRunner().invoke(app, ["train", "svm", "--data", str(folder), *five])
    assert found["refused"] == f"`zoo train` refuses it: {refused.exception}"
    assert "use --protocol kfold:4, or --exclude-class=a, or more tracks" in found["refused"]
    for way in ([], ["--protocol", "kfold:4"], [*five, "--exclude-class=a"]):
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
    assert found["left-out"] == "the column 'x' is not a feature: it numbers the rows"


def test_files_that_came_and_went_after_metadata_was_written(checked, tone_folder):
    folder = tone_folder(classes=("a", "b"), tracks=5)
    checked(folder, "--write")
    table = folder / "metadata.csv"
    rows = [f"{line}{',calm' * (n > 0)}" for n, line in enumerate(table.read_text().splitlines())]
    rows[0] += ",mood"
    table.write_text("\n".join(rows) + "\n")
    (folder / "a" / "a00.wav").unlink()
    refused = CliRunner().invoke(app, ["data", "info", str(folder)]).exception
    assert f"`zoo data check {folder} --write --force` remove the lines without one" in str(refused)
    tone_folder(classes=("a", "b", "c"), tracks=6)
    (folder / "c" / "silent.wav").write_bytes(_silence())
    (folder / "a" / "a00.wav").unlink()
    before = table.read_bytes()
    refused = CliRunner().invoke(app, ["data", "check", str(folder), "--write"]).exception
    assert "--force" in str(refused)
    assert table.read_bytes() == before
    renewed = CliRunner().invoke(app, ["data", "check", str(folder), "--write", "--force"])
    assert "1 row without a file left out (a/a00.wav)" in renewed.stderr
    assert "9 rows of files in class folders added" in renewed.stderr
    lines = table.read_text().splitlines()
    assert lines[0] == "path,label,group,mood"
    assert [line.partition("/")[0] for line in lines[1:]] == [*"aaaaa", *"bbbbbb", *"cccccc"]
    assert sum(line.endswith(",calm") for line in lines) == 9
    assert checked(folder)[1] == {}  # what --write leaves out is not offered again


def test_unlisted_files_have_the_label_of_their_folder_in_the_table(checked, tone_folder):
    folder = tone_folder(classes=("hard", "metal", "pop"), tracks=4)
    names = {path.parent.name for path in folder.glob("*/*.wav")}
    listed = [f"{name}/{name}{n:02d}.wav" for name in sorted(names) for n in range(3)]
    labels = {"hard": "hard", "metal": "hard", "pop": "pop"}
    rows = [f"{path},{labels[path.partition('/')[0]]}" for path in listed]
    (folder / "metadata.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    found = checked(folder, "--protocol", "kfold:2")[1]
    assert found["unlisted"] == (
        "3 of the files in class folders are not in metadata.csv; "
        f"`zoo data check {folder} --write --force` adds them"
    )
    checked(folder, "--write", "--force")
    assert "metal/metal03.wav,hard," in (folder / "metadata.csv").read_text()
    # Folders of which most are called otherwise than the labels, such as artists, are no classes.
    rows = [f"{path},{'xy'[n % 2]}" for n, path in enumerate(listed)]
    (folder / "metadata.csv").write_text("\n".join(["path,label", *rows]) + "\n")
    assert "unlisted" not in checked(folder, "--protocol", "kfold:2")[1]


def _silence() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, [0.0] * 22_050, 22_050, format="WAV")
    return file.getvalue()


def test_offers_are_right_with_damaged_files(checked, tone_folder, workspace):
    folder = tone_folder(classes=("a", "b"), tracks=4, seconds=0.3)
    (folder / "a" / "a00.wav").write_bytes(b"no sound")
    five = ["--protocol", "kfold:5"]
    assert "use --protocol kfold:3, or more tracks" in checked(folder, *five)[1]["refused"]
    refused = CliRunner().invoke(app, ["train", "svm", "--data", str(folder), *five]).exception
    assert "use --protocol kfold:3, or more tracks" in str(refused)


@pytest.mark.parametrize(
    ("copies", "kept", "options"), [(0, 4, ""), (3, 4, " --ungrouped"), (0, 1, None)]
)
def test_the_command_below_a_written_list_is_one_that_works(tone_folder, copies, kept, options):
    folder = tone_folder("my songs", classes=("a", "b"), tracks=4, seconds=0.3)
    first, *others = sorted((folder / "a").iterdir())
    for path in others[:copies]:
        path.write_bytes(first.read_bytes())
    for path in others[kept - 1 :]:
        path.unlink()
    said = CliRunner().invoke(app, ["data", "check", str(folder), "--write"]).stderr
    if options is None:
        assert "class 'a' of my songs has 1 track and any split needs 2" in said.replace(
            str(folder), "my songs"
        )
        assert "` uses it" not in said
        return
    assert f"; `zoo train svm --data '{folder}'{options}` uses it.\n" in said
    words = shlex.split(said.rpartition("`zoo ")[2].partition("`")[0])
    assert CliRunner().invoke(app, [*words, "--no-robustness", "--jobs", "1"]).exit_code == 0


def test_the_closest_name(tone_folder):
    folder = tone_folder("my-music", tracks=1, seconds=0.3)
    wrong = str(folder.with_name("my-musc"))
    refused = CliRunner().invoke(app, ["data", "info", wrong]).exception
    assert "(the closest name there is 'my-music')" in str(refused)


def test_runs_are_not_passed_over_in_the_working_folder(tone_folder, monkeypatch):
    folder = tone_folder("here", tracks=2, seconds=0.3)
    (folder / "models" / "x").mkdir(parents=True)
    (folder / "models" / "x" / "run.json").touch()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ZOO_MODELS", "models")
    assert "Skipped" not in CliRunner().invoke(app, ["data", "info", "."]).stderr


def test_silent_data_are_named(tmp_path, command):
    for number in range(8):
        path = tmp_path / "data" / "ab"[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros(16000 + number), 16000)
    words = ("train", "logistic", "--data", str(tmp_path / "data"), "--protocol", "kfold:2")
    status, _, notes = command(*words)
    assert status == 0
    assert "8 of 8 recordings are silent" in notes
