"""A damaged run is noticed, never trusted, and repaired by the command that trained it."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from tests.notes import Notes
from zoo.execution.progress import Reporter
from zoo.inference.predictors import PluginPredictor
from zoo.training.verify import verify_run
from zoo.workspace import find_run
from zoo_registry import DatasetError, PluginError, RunError, UsageError
from zoo_registry.runs import Run

COUNTED = """
from pathlib import Path
import numpy as np
from zoo import Card, Handcrafted, hookimpl

card = Card(name="counted", title="Counted", family="test", frontend=Handcrafted())

@hookimpl
def train(tracks, labels, classes):
    done = len(list(Path().glob("fit*")))
    if Path("stop").exists() and done == 2:
        raise ValueError("stopped")
    Path(f"fit{done}").touch()
    return np.bincount(labels, minlength=len(classes)) / len(labels)

@hookimpl
def predict(model, tracks):
    return [np.tile(model, (len(track), 1)) for track in tracks]

@hookimpl
def save(model, folder):
    np.save(folder / "model.npy", model)
    return True

@hookimpl
def load(folder):
    return np.load(folder / "model.npy")
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory, make_tones) -> Path:
    """Return a folder of tones and of a run on them."""
    place = tmp_path_factory.mktemp("damaged")
    make_tones(place / "tones", tracks=4, seconds=0.2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(place / "cache"))
        patch.setenv("ZOO_MODELS", "models")
        patch.chdir(place)
        zoo.train("logistic", "tones", protocol="kfold:2", params={"C": 0.5}, jobs=1)
    return place


@pytest.fixture
def run(trained: Path, workspace: Path) -> Run:
    """Return the run in this workspace, where it may be damaged."""
    shutil.copytree(trained, workspace, dirs_exist_ok=True)
    return find_run("logistic")


def again(notes: Reporter | None = None) -> Run:
    return zoo.train(
        "logistic", "tones", protocol="kfold:2", params={"C": 0.5}, jobs=1, reporter=notes
    )


def cut_row(path: Path) -> None:
    path.write_bytes(b"\r\n".join(path.read_bytes().split(b"\r\n")[:-2]) + b"\r\n")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def zeroes(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def empty(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES = {
    "predictions.csv": [Path.unlink, cut_row, flip, zeroes, empty],
    "model.onnx": [Path.unlink, flip, zeroes, empty],
    "README.md": [Path.unlink, zeroes, empty],
}


@pytest.mark.parametrize(
    ("name", "damage"),
    [(name, damage) for name, damages in DAMAGES.items() for damage in damages],
    ids=lambda item: getattr(item, "__name__", item),
)
def test_a_damaged_file_is_marked_named_and_repaired(name, damage, run, monkeypatch):
    before = {key: (run.folder / key).read_bytes() for key in DAMAGES}
    (row,) = zoo.leaderboard()[0].rows
    damage(run.folder / name)
    (marked,) = zoo.leaderboard()[0].rows
    assert marked.status == "damaged"
    assert marked.error.startswith(f"{name} of ")
    assert run.record.command in marked.error
    assert (marked.accuracy, marked.rank) == (
        (None, None) if name == "predictions.csv" else (row.accuracy, 1)
    )
    assert verify_run(run)
    if name == "predictions.csv":
        with pytest.raises(RunError):
            run.predictions()
    if name == "model.onnx":
        with pytest.raises(UsageError, match=r"model\.onnx"):
            list(zoo.predict(run.id, ["tones/high/high00.wav"]))
    if name != "predictions.csv":  # nothing is evaluated again
        monkeypatch.setattr("zoo.training.evaluation.run_fold", None)
    if name == "README.md":
        monkeypatch.setattr("zoo.training.training.refit", None)
    notes = Notes()
    repaired = again(notes)
    assert repaired.folder == run.folder
    assert "is damaged, and is repaired now: " in notes.texts[0]
    assert not any("trained already" in note for note in notes.texts)
    assert verify_run(repaired) == []
    after = {key: (run.folder / key).read_bytes() for key in DAMAGES}
    del before["README.md"], after["README.md"]  # which names the time
    assert after == before
    assert zoo.leaderboard()[0].rows[0].status == "complete"


@pytest.mark.parametrize("damage", [empty, zeroes, cut_row])
def test_a_damaged_record_is_on_a_board_and_trained_again(damage, run):
    before = run.predictions_path.read_bytes()
    damage(run.folder / "run.json")
    (board,) = zoo.leaderboard("tones", "kfold:2")
    (row,) = board.rows
    assert (board.dataset, row.model, row.run, row.status) == (
        "tones", "logistic", run.id, "damaged",
    )  # fmt: skip
    assert row.error.endswith("give the command that trained it again")
    with pytest.raises(DatasetError, match="the closest is 'tones'"):
        zoo.leaderboard("other")
    for wanted in ("logistic", run.id, str(run.folder)):
        with pytest.raises(RunError, match="is damaged"):
            zoo.predict(wanted, ["tones/high/high00.wav"])
    again()
    assert run.predictions_path.read_bytes() == before
    assert [row.status for row in zoo.leaderboard()[0].rows] == ["complete"]


def test_another_run_in_its_place_is_not_taken_for_it(run):
    other = zoo.train("logistic", "tones", protocol="kfold:2", params={"C": 0.1}, jobs=1)
    shutil.copy(other.folder / "run.json", run.folder)
    repaired = again()
    assert repaired.folder == run.folder
    assert repaired.record.params["C"] == 0.5
    assert verify_run(repaired) == []


def test_the_command_of_a_board_repairs_the_run(run):
    run.card_path.unlink()
    (row,) = zoo.leaderboard()[0].rows
    command = shlex.split(row.error.split("`")[1])
    program = Path(sys.executable).with_name(command[0])
    subprocess.run([program, *command[1:]], check=True, capture_output=True)
    assert verify_run(run) == []
    assert len(list(run.folder.parent.iterdir())) == 1


def test_a_record_that_cannot_be_read_is_not_replaced(run, monkeypatch):
    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("zoo_registry.runs.read_json", refuse)
    with pytest.raises(RunError, match=r"run\.json cannot be read: Permission denied"):
        again()


@pytest.fixture
def counted(workspace: Path, feature_table):
    """Return a function that trains a model, which counts how often it is fitted."""
    Path("counted.py").write_text(COUNTED)
    table = str(feature_table())

    def train() -> Run:
        return zoo.train("./counted.py", table, protocol="kfold:5", jobs=1)

    return train


def fits() -> int:
    return len(list(Path().glob("fit*")))


@pytest.mark.parametrize("hashed", [True, False], ids=["hash", "rows"])
def test_a_fold_that_is_cut_at_the_end_of_a_row_is_trained_again(counted, hashed):
    Path("stop").touch()
    run = counted()
    assert (run.record.status, fits()) == ("failed", 2)
    cut_row(run.fold_path(1))
    if not hashed:  # as earlier versions wrote it
        record = json.loads((run.folder / "run.json").read_text())
        for entry in record["folds"]:
            entry.pop("sha256", None)
        (run.folder / "run.json").write_text(json.dumps(record))
    Path("stop").unlink()
    run = counted()
    assert (run.record.status, len(run.predictions())) == ("complete", 30)
    assert fits() == 2 + 4 + 1


def test_what_a_plugin_saved_is_compared_and_made_again(counted):
    run = counted()
    saved = run.saved_path / "model.npy"
    content, done = saved.read_bytes(), fits()
    flip(saved)
    assert zoo.leaderboard()[0].rows[0].status == "damaged"
    with pytest.raises(PluginError, match=r"saved/model\.npy of .* repairs it"):
        PluginPredictor(run)
    assert any("saved/model.npy" in finding.detail for finding in verify_run(run))
    run = counted()
    assert saved.read_bytes() == content
    assert fits() == done + 1
    assert verify_run(run) == []
