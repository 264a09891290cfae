"""The runs that words mean: published ones, a model on a dataset, and the one without a name."""

import json
import shutil

import pytest

from zoo.cli.choice import note_choices
from zoo.workspace import asked_by_default, find_removable, find_run, meant, prefer
from zoo_registry import UsageError
from zoo_registry.errors import RunError

RIGHT = ([0] * 4, [0] * 4)
AUDIO = {"name": "handcrafted", "version": 1}


@pytest.fixture
def written(write_run):
    """Return a function that writes a run on a dataset, finished on a day."""

    def write(name: str, dataset: str, day: int, part: str | None = None, **more):
        described = {"name": dataset, "source": dataset, "fingerprint": dataset[:1] * 64,
                     "classes": ["a", "b", "c"], "tracks": 4, "selection": part}  # fmt: skip
        return write_run(
            name, *RIGHT, dataset=described, finished=f"2024-01-{day:02d}T00:00:00+00:00",
            **{"frontend": AUDIO} | more,
        )  # fmt: skip

    return write


class TestModelOnDataset:
    def test_the_dataset_chooses_among_the_runs_of_a_model(self, written):
        written("svm-a", "esc10", 1), written("svm-b", "tones", 2), written("svm-c", "esc10", 3)
        written("svm-d", "esc10", 4, "2 of 3 classes"), written("knn-a", "Töne@home", 5)
        assert find_run("svm").id == "svm-d"
        assert find_run("svm@esc10").id == find_run("svm@ESC10").id == "svm-c"
        assert find_run("svm@esc10, 2 of 3 classes").id == "svm-d"
        assert find_run("svm@tones").id == find_run("svm-b@tones").id == "svm-b"
        assert find_run("knn@Töne@home").id == "knn-a"
        for wanted, said in {
            "svm@": "svm has no run on a dataset ''; it has runs on esc10, 'esc10, 2 of 3 classes'",
            "svm@esc1": "svm has no run on a dataset 'esc1'",
            "svm-b@esc10": "svm-b has no run on a dataset 'esc10'; it has runs on tones",
            "svn@esc10": "no run or trained model 'svn' .*the closest name is 'svm'",
        }.items():
            with pytest.raises(UsageError, match=said):
                find_run(wanted)

    def test_a_file_or_a_folder_with_the_sign_is_itself(self, written, tmp_path):
        from zoo_registry.discovery import file_version

        file = tmp_path / "my@home.py"
        file.write_text("")
        model = {"name": "mine", "title": "Mine", "family": "test", "distribution": None,
                 "version": file_version(file), "file": str(file)}  # fmt: skip
        for name, dataset, day in (("mine-a", "esc10", 1), ("mine-b", "tones", 2)):
            path = written(name, dataset, day).folder / "run.json"
            path.write_text(json.dumps(json.loads(path.read_text()) | {"model": model}))
        assert find_run(str(file)).id == "mine-b"
        assert find_run(f"{file}@esc10").id == "mine-a"
        shutil.copytree(path.parent, tmp_path / "svm@esc10")
        assert find_run("svm@esc10").folder.name == "svm@esc10"

    def test_the_others_are_named_as_they_can_be_asked(self, written, capsys):
        written("svm-a", "my songs", 1), written("svm-b", "tones", 2), written("svm-c", "esc10", 3)
        other = {"name": "log-mel", "version": 1}
        written("svm-d", "esc10", 2, frontend=other)
        note_choices({"svm": "svm-c"})
        assert capsys.readouterr().err == (
            "svm is the run svm-c (dataset esc10, front end handcrafted); it has runs on other "
            "datasets or front ends, too: `svm-d`, `svm@tones`, `'svm@my songs'`\n"
        )
        note_choices({"svm@tones": "svm-b", "svm-a": "svm-a", "gone": "gone"})
        assert capsys.readouterr().err == ""


class TestByDefault:
    def test_the_newest_run_that_hears_is_asked(self, written, shelf):
        written("svm-a", "esc10", 1), written("svm-b", "tones", 2)
        written("svm-c", "tones", 3, status="failed", error="no")
        written("svm-d", "tones", 4, frontend={"name": "table", "version": 1, "columns": ["f"]})
        assert asked_by_default().id == "svm-b"
        assert asked_by_default(lambda run: run.id < "svm-b").id == "svm-a"

    def test_without_one_the_first_published_one_is(self, written, shelf):
        with pytest.raises(UsageError, match="`zoo train svm --data FOLDER` makes one"):
            asked_by_default()
        for name in ("esc10", "gtzan"):
            written("svm-a", name, 1).folder.rename(shelf / name)
            assert asked_by_default().id == name


class TestPublished:
    def test_nothing_else_has_its_name(self, written, shelf, tmp_path):
        written("svm-a", "x", 1).folder.rename(shelf / "gtzan")
        written("gtzan-a", "x", 2).folder.rename(tmp_path / "gtzan")
        written("gtzan", "x", 3), written("gtzan-1", "x", 4, model="gtzan")
        assert [run.folder for run in meant("gtzan")] == [shelf / "gtzan"]
        assert find_run("gtzan-1").record.dataset.name == find_run("gtzan@x").record.dataset.name
        assert find_run("gtzan@x").folder == shelf / "gtzan"

    def test_it_is_not_removed(self, written, shelf):
        folder = written("gtzan", "x", 1).folder
        with pytest.raises(UsageError, match="gtzan comes with the zoo"):
            find_removable("gtzan")
        assert find_removable(str(folder)) == folder

    def test_a_lost_or_damaged_one_is_installed_again(self, written, shelf):
        for name in ("gtzan", "esc10"):
            with pytest.raises(RunError, match="install genre-zoo again"):
                find_run(name)
        written("svm-a", "x", 1).folder.rename(shelf / "gtzan")
        (shelf / "gtzan" / "predictions.csv").write_text("")
        with pytest.raises(RunError, match="install genre-zoo again") as caught:
            find_run("gtzan").predictions()
        assert "zoo train" not in str(caught.value)


class TestRunsOfOneModel:
    def test_of_several_seeds_the_smallest_complete_one_is_meant(self, written, capsys):
        written("svm-a", "tones", 1, seed=0, status="failed", error="no")
        for name, day, seed in (("svm-b", 2, 1), ("svm-c", 3, 2), ("svm-d", 4, 3)):
            written(name, "tones", day, seed=seed)
        assert find_run("svm").id == find_run("svm@tones").id == asked_by_default().id == "svm-b"
        prefer(find_run("svm-d"))
        assert find_run("svm").id == "svm-d"
        note_choices({"svm": "svm-d", "svm-b": "svm-b"})
        assert capsys.readouterr().err == (
            "svm is the run svm-d, which is preferred (seed 3, one of 3 seeds)\n"
        )
        written("svm-e", "tones", 5, seed=4, params={"C": 10})
        assert find_run("svm@tones", lambda run: run.id != "svm-d").id == "svm-e"

    def test_a_note_has_the_parameters_that_are_special(self, written, capsys):
        written("svm-a", "tones", 1, params={"C": 1, "kernel": "rbf"})
        written("svm-b", "tones", 2, params={"C": 10, "kernel": "rbf"})
        for word in ("svm", "svm@tones"):
            note_choices({word: find_run(word).id})
            assert capsys.readouterr().err == (
                f"{word} is the run svm-b (C=10); runs with other parameters: "
                "`zoo runs list --model svm`\n"
            )
