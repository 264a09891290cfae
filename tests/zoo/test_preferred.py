"""Preferred runs: what the name of a model means, and no name at all."""

import json
import shutil

import pytest

from zoo.web.served_models import ServedModels
from zoo.workspace import asked_by_default, find_run, prefer
from zoo_registry import UsageError

RIGHT = ([0] * 4, [0] * 4)
AUDIO = {"name": "handcrafted", "version": 1}


@pytest.fixture
def written(write_run):
    """Return a function that writes a run on a dataset, finished on a day."""

    def write(name: str, dataset: str, day: int, **more):
        described = {"name": dataset, "source": dataset, "fingerprint": dataset[:1] * 64,
                     "classes": ["a", "b", "c"], "tracks": 4}  # fmt: skip
        finished = f"2024-01-{day:02d}T00:00:00+00:00"
        return write_run(
            name, *RIGHT, dataset=described, finished=finished, **{"frontend": AUDIO} | more
        )

    return write


@pytest.fixture
def four(written, shelf):
    """Write runs of two models, of one of them on two datasets."""
    return {
        name: written(name, dataset, day)
        for name, dataset, day in (
            ("svm-a", "esc10", 1), ("svm-b", "esc10", 2),
            ("svm-c", "tones", 3), ("knn-d", "tones", 4),
        )
    }  # fmt: skip


def test_the_last_one_of_each_dataset_is_meant(four):
    assert (find_run("svm").id, asked_by_default().id) == ("svm-c", "knn-d")
    prefer(four["svm-a"])
    assert (find_run("svm").id, asked_by_default().id) == ("svm-a", "svm-a")
    assert (find_run("svm@esc10").id, find_run("svm@tones").id) == ("svm-a", "svm-c")
    assert (find_run("knn").id, find_run("svm-b").id) == ("knn-d", "svm-b")
    prefer(four["svm-c"])
    assert (find_run("svm").id, find_run("svm@esc10").id) == ("svm-c", "svm-a")
    prefer(four["svm-b"])
    assert (find_run("svm").id, find_run("svm@esc10").id) == ("svm-b", "svm-b")
    assert find_run("svm", lambda run: run.id == "svm-a").id == "svm-a"


def test_the_server_means_the_same(four, monkeypatch):
    monkeypatch.setattr("zoo.web.served_models._usable", lambda run: True)
    models = ServedModels()
    prefer(four["svm-a"])
    assert [models.find(name).run for name in (None, "svm", "svm@tones", "knn")] == [
        "svm-a", "svm-a", "svm-c", "knn-d",
    ]  # fmt: skip


def test_the_command_and_how_it_is_undone(four, command, capsys):
    assert command("runs", "prefer", "svm-a") == 0
    assert capsys.readouterr().err == (
        "svm means svm-a from now on, and so does `zoo predict` without one; "
        "`zoo runs prefer svm-a --clear` undoes it\n"
    )
    assert command("runs", "show", "svm") == 0
    told = capsys.readouterr()
    assert "preferred  svm means this run\n" in told.out
    assert told.err.startswith("svm is the run svm-a, which is preferred (dataset esc10,")
    for word in ("svm-a", "svm", "svm@esc10"):
        prefer(four["svm-a"])
        assert command("runs", "prefer", word, "--clear") == 0
        assert find_run("svm").id == "svm-c"
    assert command("runs", "prefer", "svm", "--clear") == 2
    assert "svm is not preferred" in capsys.readouterr().err


def test_only_complete_runs_of_the_workspace_are(four, written, command, capsys, tmp_path):
    written("svm-e", "tones", 5, status="failed", error="no")
    shutil.copytree(four["svm-a"].folder, tmp_path / "elsewhere")
    for word, said in {
        "svm-e": "svm-e failed (no)",
        "elsewhere": "is not a run of this workspace",
        "nothing": "no run or trained model 'nothing'",
    }.items():
        assert command("runs", "prefer", word) == 2
        told = capsys.readouterr()
        assert (said in told.err, told.err.count("\n")) == (True, 1)


def _without_a_record(folder):
    (folder / "run.json").write_text("{")


def _unfinished(folder):
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"status": "failed", "error": "no"}))


@pytest.mark.parametrize(
    ("lose", "said"),
    [
        (shutil.rmtree, "no longer exists"),
        (_without_a_record, "is damaged"),
        (_unfinished, "is not complete (failed)"),
    ],
)
def test_without_it_the_newest_one_is_meant_and_a_note_says_so(four, command, capsys, lose, said):
    prefer(four["svm-a"])
    lose(four["svm-a"].folder)
    assert (find_run("svm").id, asked_by_default().id) == ("svm-c", "knn-d")
    assert command("runs", "show", "svm") == 0
    assert (
        f"svm-a, which is preferred, {said}; `zoo runs prefer svm-a --clear` forgets it\n"
        in capsys.readouterr().err
    )
    assert command("runs", "prefer", "svm-a", "--clear") == 0
    assert command("runs", "show", "svm") == 0
    assert "which is preferred" not in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "[]", '{"preferred": [1]}', "\0"])
def test_a_damaged_file_prefers_none(four, command, capsys, content):
    path = four["svm-a"].folder.parents[2] / "preferred.json"
    path.write_text(content)
    assert command("runs", "show", "svm") == 0
    assert "preferred.json is damaged" in capsys.readouterr().err
    prefer(four["svm-a"])
    assert find_run("svm").id == "svm-a"


def test_the_answer_comes_from_it_and_a_note_says_so(hearing, torn_song, command, capsys):
    run = hearing("torn")
    newer = run.folder.with_name("torn-newer")
    shutil.copytree(run.folder, newer)
    record = json.loads((newer / "run.json").read_text())
    record["finished"] = "2024-01-01T00:00:00+00:00"
    (run.folder / "run.json").write_text(json.dumps(record))
    assert find_run("torn").id == "torn-newer"
    prefer(find_run(run.id))
    for words, said in {
        ("torn", str(torn_song)): f"torn is the run {run.id}, which is preferred\n",
        (str(torn_song),): f"asking {run.id}, your preferred run: ",
    }.items():
        assert command("predict", *words) == 0
        assert capsys.readouterr().err.startswith(said)
    (run.folder / "model.onnx").unlink()
    assert command("runs", "show", "torn") == 0
    assert "has lost its model.onnx" in capsys.readouterr().err
    assert command("runs", "remove", run.id, "--yes") == 0
    assert f"{run.id} was preferred: torn means another run now" in capsys.readouterr().err
    prefer(find_run("torn"))
    assert command("runs", "remove", "torn-newer", "--yes") == 0
    assert "torn-newer was preferred: torn has no run any more" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(four, monkeypatch):
    (four["svm-a"].folder.parents[2] / "preferred.json").mkdir()
    with pytest.raises(UsageError, match=r"preferred\.json cannot be written: it is a folder"):
        prefer(four["svm-a"])


def test_the_server_means_the_smallest_seed_too(written, shelf, monkeypatch):
    monkeypatch.setattr("zoo.web.served_models._usable", lambda run: True)
    for name, day, seed in (("svm-a", 1, 5), ("svm-b", 2, 7), ("knn-c", 3, 0), ("svm-d", 4, 6)):
        written(name, "tones", day, seed=seed)
    models = ServedModels()
    assert [models.find(name).run for name in (None, "svm", "svm@tones")] == ["svm-a"] * 3
    assert (find_run("svm").id, asked_by_default().id) == ("svm-a", "svm-a")
    prefer(find_run("svm-b"))
    assert [model.run for model in models.all()] == ["svm-b", "svm-a", "svm-d", "knn-c"]
