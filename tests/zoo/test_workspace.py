"""Runs by name, by the start of an id and by folder; removing them, and what is remembered."""

import io
import shutil
import sys
from pathlib import Path

import pytest

from zoo.cli.app import run as run_command
from zoo.workspace import find_run, recency, remembered, remove, runs
from zoo_registry import UsageError

RIGHT = ([0] * 4, [0] * 4)


def finished(day: int) -> dict[str, str]:
    return {"finished": f"2024-01-{day:02d}T00:00:00+00:00"}


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.fixture
def command(monkeypatch, capsys):
    """Return a function that runs ``zoo`` in this process, with what is typed in answer."""

    def call(*arguments: str, typed: str | None = None) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zoo", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed or ""))
        status = run_command()
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


class TestFind:
    def test_a_model_means_its_run_that_was_finished_last(self, write_run):
        for name, day in (("svm-a", 2), ("svm-b", 3), ("svm-c", 1), ("tree-a", 4)):
            write_run(name, *RIGHT, **finished(day))
        assert find_run("svm").id == "svm-b"
        assert find_run("tree").id == "tree-a"

    def test_complete_and_fitting_runs_go_before_newer_ones(self, write_run):
        write_run("svm-a", *RIGHT, seed=1, params={"C": 1}, **finished(1))
        write_run("svm-b", *RIGHT, seed=2, params={"C": 2}, **finished(2))
        write_run("svm-c", *RIGHT, seed=1, status="failed", error="no", **finished(3))
        assert find_run("svm").id == "svm-b"
        assert find_run("svm", lambda run: run.record.seed == 1).id == "svm-a"
        assert find_run("svm", lambda run: run.record.seed == 7).id == "svm-b"

    def test_an_incomplete_run_is_better_than_none(self, write_run):
        write_run("svm-a", *RIGHT, status="failed", error="no", **finished(1))
        write_run("svm-b", *RIGHT, status="running", finished=None)
        assert find_run("svm").id == "svm-a"

    def test_the_start_of_an_id_has_to_be_of_one_run(self, write_run):
        for name in ("svm-1a", "svm-1b", "svm-2"):
            write_run(name, *RIGHT)
        assert find_run("svm-2").id == "svm-2"
        assert find_run("svm-1b").id == "svm-1b"
        with pytest.raises(UsageError, match="could mean several runs") as caught:
            find_run("svm-1")
        assert str(caught.value).count("svm-1a") == str(caught.value).count("svm-1b") == 1
        assert "svm-2" not in str(caught.value)

    def test_a_whole_id_may_be_the_start_of_another(self, write_run):
        for name in ("svm-10", "svm-1"):
            write_run(name, *RIGHT)
        assert find_run("svm-1").id == "svm-1"

    def test_one_id_in_two_places_is_told_apart_by_its_folder(self, write_run):
        first = write_run("svm-1", *RIGHT)
        other = write_run("svm-1", *RIGHT, protocol={"spec": "kfold:4", "grouped": True})
        with pytest.raises(UsageError, match="could mean several runs") as caught:
            find_run("svm-1")
        for run in (first, other):
            assert str(run.folder.name) in str(caught.value)
            assert find_run(str(run.folder)).folder == run.folder
            assert find_run(str(run.folder)).record.protocol == run.record.protocol

    @pytest.mark.parametrize("wanted", ["", "s", "svm-", "decision-tree", "decision-tree-"])
    def test_a_beginning_without_a_sign_of_its_own_means_no_run(self, write_run, wanted):
        write_run("svm-1f0c9a4e2b", *RIGHT)
        write_run("decision-tree-0a", *RIGHT, model="other")
        assert find_run("svm-1").id == "svm-1f0c9a4e2b"
        if wanted.startswith("d"):  # longer than the name of its model
            assert find_run(wanted).id == "decision-tree-0a"
            return
        with pytest.raises(UsageError, match="is too short for the id of a run"):
            find_run(wanted)


def test_a_time_in_the_future_is_no_newest():
    times = [
        "2020-01-01T00:00:00Z",
        None,
        "2100-01-01T00:00:00Z",
        1e9,
        "2020-13-45T00:00:00Z",
        1e12,
    ]
    ordered = sorted(times, key=recency)
    assert set(ordered[:2]) == {None, "2020-13-45T00:00:00Z"}
    assert ordered[2:] == ["2100-01-01T00:00:00Z", 1e12, 1e9, "2020-01-01T00:00:00Z"]


class TestRemove:
    @pytest.mark.parametrize("wanted", ["", "s", "svm", "svm-", "svm-1f0", ".", "models/tracks"])
    def test_what_does_not_name_one_run_for_sure_removes_none(self, write_run, command, wanted):
        folder = write_run("svm-1f0c9a4e2b", *RIGHT).folder
        status, out, err = command("runs", "remove", wanted, "--yes")
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert (folder / "run.json").is_file()

    @pytest.mark.parametrize("wanted", ["svm-1f0c", "svm-1f0c9a4e2b", "{}", "{}/../svm-1f0c9a4e2b"])
    def test_eight_signs_an_id_or_a_folder_are_enough(self, write_run, command, wanted):
        folder = write_run("svm-1f0c9a4e2b", *RIGHT).folder
        status, out, err = command("runs", "remove", wanted.format(folder), "--yes")
        assert (status, out, err, folder.exists()) == (0, "", f"Removed {folder}\n", False)

    def test_nothing_outside_of_the_workspace_is_removed(self, write_run, command, tmp_path):
        inside = write_run("svm-1f0c9a4e2b", *RIGHT).folder
        outside = tmp_path / "elsewhere" / "tracks" / "kfold-2" / inside.name
        shutil.copytree(inside, outside)
        shutil.rmtree(tmp_path / "models" / "tracks")
        before = tree(tmp_path)
        assert command("runs", "remove", str(outside), "--yes")[0] == 2
        (tmp_path / "models" / "tracks").symlink_to(outside.parents[1])
        for wanted in (inside.name, str(inside)):
            status, _, err = command("runs", "remove", wanted, "--yes")
            assert status == 2
            assert "is not a run of this workspace" in err
        (tmp_path / "models" / "tracks").unlink()
        assert tree(tmp_path) == before

    def test_a_linked_run_loses_its_link_only(self, write_run, command, tmp_path):
        folder = write_run("svm-1f0c9a4e2b", *RIGHT).folder
        target = folder.rename(tmp_path / "target")
        (target / ".zoo-0-1-0.tmp").touch()
        before = tree(target)
        folder.symlink_to(target)
        status, out, err = command("runs", "remove", folder.name, typed="y\n")
        assert (status, folder.is_symlink()) == (0, False)
        assert "Delete the link " in out + err
        assert f"Removed the link {folder}\n" in err
        assert tree(target) == before

    def test_other_files_stay_where_they_are_and_are_named(self, write_run, command, tmp_path):
        folder = write_run("svm-1f0c9a4e2b", *RIGHT).folder
        (tmp_path / "data" / "0.unfinished").mkdir(parents=True)
        (folder / "saved").symlink_to(tmp_path / "data")
        (folder / "README.md").unlink()
        (folder / "README.md").symlink_to(tmp_path / "data")
        (folder / "folds" / "0.unfinished").mkdir(parents=True)
        (folder / "folds" / "0.csv").touch()
        others = {"notes.txt": "mine", "drafts/one.txt": "mine", "model.onnx/x": "mine"}
        for name, text in others.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(text)
        (folder / "link").symlink_to(tmp_path / "data")
        status, out, err = command("runs", "remove", folder.name, "--yes")
        assert (status, out) == (0, "")
        assert err == (
            f"Removed {folder}\n{folder} still holds drafts, link, model.onnx, notes.txt, "
            "not written by the zoo\n"
        )
        assert tree(folder) == {*others, "drafts", "model.onnx", "link"}
        assert (tmp_path / "data" / "0.unfinished").is_dir()
        assert [path.name for path in folder.parent.iterdir()] == [folder.name]
        assert list(runs()) == []
        assert command("runs", "remove", folder.name, "--yes")[0] == 2

    def test_notes_among_the_folds_stay(self, write_run, command):
        folder = write_run("svm-1f0c9a4e2b", *RIGHT).folder
        (folder / "folds").mkdir()
        (folder / "folds" / "notes.txt").touch()
        assert command("runs", "remove", folder.name, "--yes")[0] == 0
        assert tree(folder) == {"folds", "folds/notes.txt"}

    def test_an_ambiguous_start_removes_nothing(self, write_run, command):
        folders = [write_run(name, *RIGHT).folder for name in ("logistic-01", "logistic-02")]
        status, out, err = command("runs", "remove", "logistic-0", "--yes")
        assert (status, out) == (2, "")
        assert all(folder.name in err for folder in folders)
        assert all((folder / "run.json").is_file() for folder in folders)

    @pytest.mark.parametrize("typed", ["n\n", "\n", ""])
    def test_it_asks_and_obeys(self, write_run, command, typed):
        folder = write_run("svm-1", *RIGHT).folder
        status, out, err = command("runs", "remove", "svm-1", typed=typed)
        assert status == 1
        assert "svm-1?" in out + err
        assert "nothing was removed" in err
        assert (folder / "run.json").is_file()

    def test_yes_removes_this_run_and_no_other(self, write_run, command):
        one, other = (write_run(name, *RIGHT).folder for name in ("svm-1", "svm-2"))
        status, out, err = command("runs", "remove", "svm-1", typed="y\n")
        assert (status, one.exists()) == (0, False)
        assert [run.id for run in runs()] == ["svm-2"]
        status, out, err = command("runs", "remove", "svm-2", "--yes")
        assert (status, out, err, other.exists()) == (0, "", f"Removed {other}\n", False)
        assert list(runs()) == []
        assert command("runs", "remove", "svm-2", "--yes")[0] == 2

    @pytest.mark.parametrize("wanted", ["svm-1f0c9a4e2b", "models/tracks/kfold-2/svm-1f0c9a4e2b"])
    def test_a_damaged_run_is_removed_by_its_whole_name(self, write_run, command, wanted):
        folder = write_run("svm-1f0c9a4e2b", *RIGHT).folder
        (folder / "run.json").write_text("{")
        assert command("runs", "remove", "svm-1f0c9", "--yes")[0] == 2
        status, out, err = command("runs", "remove", wanted, "--yes")
        assert (status, out, err, folder.exists()) == (0, "", f"Removed {folder}\n", False)

    def test_the_name_of_the_model_alone_is_no_beginning(self, write_run, command):
        folder = write_run("logistic-0c3987eb5e", *RIGHT).folder
        assert command("runs", "remove", "logistic-", "--yes")[0] == 2
        assert (folder / "run.json").is_file()

    def test_a_run_that_is_gone_is_no_error(self, write_run):
        run = write_run("svm-1", *RIGHT)
        remove(run.folder)
        remove(run.folder)
        assert [path for path in Path("models").rglob("*") if path.is_file()] == []


def test_runs_are_sorted_by_folder_and_name_damaged_ones(write_run):
    good = [write_run(name, *RIGHT) for name in ("b-1", "a-1")]
    bad = write_run("c-1", *RIGHT)
    (bad.folder / "run.json").write_text("{")
    found = list(runs())
    assert [run.id for run in found[:2]] == sorted(run.id for run in good)
    assert str(bad.folder) in str(found[2])


class TestRemembered:
    def test_it_is_computed_once_per_key(self, workspace):
        calls = []

        def compute():
            calls.append(1)
            return len(calls)

        assert [remembered("kind", key, compute) for key in ("a", "b", "a", "b")] == [1, 2, 1, 2]
        assert remembered("another", "a", compute) == 3

    def test_a_place_holds_the_last_result_only(self, workspace):
        results = iter(range(10))
        asked = [("a", "x"), ("a", "x"), ("b", "x"), ("a", "x"), ("a", "y"), ("a", "x")]
        found = [remembered("kind", key, lambda: next(results), place) for key, place in asked]
        assert found == [0, 0, 1, 2, 3, 2]
        assert len(list((workspace / "cache" / "kind").iterdir())) == 2

    def test_damage_is_computed_again(self, workspace):
        results = iter(range(10))
        assert remembered("kind", "a", lambda: next(results)) == 0
        (path,) = (workspace / "cache" / "kind").iterdir()
        path.write_text(path.read_text().replace(", 0]", ", 7]"))
        assert remembered("kind", "a", lambda: next(results)) == 1
