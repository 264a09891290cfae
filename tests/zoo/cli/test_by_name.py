"""Commands on published runs, and the words before the recordings of ``zoo predict``."""

import json
import shutil
from pathlib import Path

import pytest

import zoo
from tests.zoo.conftest import SECONDS_MODEL
from zoo.cli.completion import complete_asked, complete_card, complete_run, complete_trained
from zoo_registry import Registry, UsageError
from zoo_registry.published import published_folder


@pytest.fixture
def song(in_seconds) -> str:
    in_seconds(0.1, 0.4, 0.4, 0.1, name="song.wav")
    return "song.wav"


@pytest.fixture
def gtzan(shelf, hearing):
    """Publish a small model as gtzan; the workspace is empty."""
    run = hearing()
    run.folder.rename(shelf / "gtzan")
    shutil.rmtree("models")
    return shelf / "gtzan"


class TestPredict:
    def test_without_a_name_the_published_run_is_asked_that_comes_with_the_zoo(self, command, song):
        status, out, err = command("predict", song)
        assert status == 0
        assert err.startswith(
            "asking gtzan, which comes with the zoo: 10 music genres, trained on 509 tracks of "
            "gtzan; `zoo models` lists others\n"
        )
        assert out.rstrip().endswith("; gtzan)")
        said = json.loads(command("predict", "gtzan", song, "--format", "json")[1])
        assert (said["run"], said["dataset"], len(said["probabilities"])) == ("gtzan", "gtzan", 10)
        assert out.split("  ")[0] in (said["label"], "unknown")

    def test_without_a_name_the_newest_own_run_is_asked(self, command, song, gtzan, hearing):
        run = hearing("torn")
        status, out, err = command("predict", song)
        assert (status, err.splitlines()[0]) == (
            0,
            f"asking {run.id}, your newest run: 2 classes (high, low), trained on tones; "
            "`zoo predict gtzan PATH` asks the zoo's",
        )
        assert out.rstrip().endswith(f"; {run.id}@tones)")
        status, out, err = command("predict", "gtzan", f"{run.id}@tones", "torn", song)
        assert (status, err) == (0, "")
        lines = [line.partition(": ")[0] for line in out.splitlines()]
        assert lines == ["gtzan", run.id, run.id]
        assert "; trained on tones)" in out

    def test_on_a_terminal_the_run_has_a_heading_and_lines_are_wrapped_at_words(
        self, command, torn_song, hearing, terminal
    ):
        run, song = hearing("torn"), str(torn_song)
        _, out, err = command("predict", "torn", song)
        assert out.splitlines()[:2] == [f"{run.id}, trained on tones", f"high  .340  {song}"]
        assert max(map(len, out.splitlines()[2:])) <= terminal
        words = " ".join(out.split("\n", 2)[2].split())
        assert words.startswith("high 2, low 1; by mean probability low; ")
        assert run.id not in words
        assert all(line.startswith("    ") for line in out.splitlines()[2:])
        _, out, err = command("predict", song)
        assert f"asking {run.id}" in err
        assert out.startswith("high  .340  ")
        _, out, err = command("predict", "torn", "gtzan", song)
        assert f"{run.id}: high  .340  {song}\n    " in out
        assert "trained on" in out
        assert "trained on" not in out.splitlines()[0]

    def test_a_recording_of_several_classes_has_a_hint_at_the_timeline_once(
        self, command, torn_song, in_seconds, hearing
    ):
        hearing("torn")
        halves = [in_seconds(0.04, 0.4, name=f"{name}.wav").name for name in "ab"]
        assert command("predict", "torn", *halves, torn_song)[2] == (
            "no class has most of the windows of a.wav and 1 more; --timeline shows which class is "
            "where\n"
        )
        for arguments in ([torn_song], [*halves, "--timeline"], [*halves, "--format", "json"]):
            assert command("predict", "torn", *arguments)[2] == ""

    @pytest.mark.parametrize(
        ("words", "asked", "files"),
        [
            (["song.wav"], "gtzan", ["song.wav"]),
            (["gtzan", "song.wav"], "gtzan", ["song.wav"]),
            (["gtzan@tones", "song.wav"], "gtzan", ["song.wav"]),
            (["song.wav", "svm"], "gtzan", ["song.wav", "svm"]),  # a recording called svm
            (["svm"], "gtzan", ["svm"]),
            (["torn", "svm"], "torn", ["svm"]),
            (["svm", "song.wav"], "gtzan", ["svm", "song.wav"]),
            (["s*.wav"], "gtzan", ["song.wav"]),
            (["gtzan"], "gtzan", ["gtzan/song.wav"]),  # the folder
            (["./gtzan", "song.wav"], "gtzan", ["gtzan/song.wav", "song.wav"]),
            (["gtzan", "gtzan"], "gtzan", ["gtzan/song.wav"]),
            (["gtzan", "song.wav", "gtzan"], "gtzan", ["song.wav", "gtzan/song.wav"]),
            (["torn", "torn"], "torn", ["torn"]),
        ],
    )
    def test_what_the_words_mean(self, words, asked, files, command, song, gtzan, hearing):
        run = hearing("torn")
        record = json.loads((run.folder / "run.json").read_text())
        record["finished"] = "2000-01-01T00:00:00+00:00"
        # Only a table's run is newer, so that it is not asked.
        (run.folder / "run.json").write_text(json.dumps(record))
        if asked != "torn":
            shutil.rmtree("models")
        Path("gtzan").mkdir()
        for name in ("svm", "torn", "gtzan/song.wav"):
            shutil.copy(song, name)
        status, out, err = command("predict", *words, "--format", "json")
        said = [json.loads(line) for line in out.splitlines()]
        assert status == 0, err
        assert {line["run"] for line in said} == {"gtzan" if asked == "gtzan" else run.id}
        assert sorted(line["path"] for line in said) == sorted(files)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["svn", "song.wav"], "no file or folder 'svn', and there is no run or trained model"),
            (["trn", "song.wav"], "(the closest name is 'torn')"),
            (["gtzn", "song.wav"], "(the closest name is 'gtzan')"),
            (["GTZAN", "song.wav"], "(the closest name is 'gtzan')"),
            (["@tones", "song.wav"], "no run or trained model '@tones'"),
            (["torn@x", "song.wav"], "torn has no run on a dataset 'x'; it has runs on tones"),
            (["gtzan"], "gtzan is a model, and there is no recording of this name"),
            (["song.wav", "torn"], "torn is a model, and there is no recording of this name"),
            (["song.wav", "gtzan", "song.wav"], "gtzan is a model"),
            (["sogn.wav"], "'sogn.wav' (the closest name there is 'song.wav')"),
            (["sogn.wav", "song.wav"], "'sogn.wav' (the closest name there is 'song.wav'), and "),
            (["gtzan", "svn", "song.wav"], "there is no file or folder 'svn'"),
            (["gtzan-light", "song.wav"], "gtzan-light comes with genre-zoo, but its record in"),
            ([""], "no path is empty"),
            (["gtzan", "x*.wav"], "no file fits the pattern 'x*.wav'"),
        ],
    )
    def test_a_word_that_is_nothing_is_named(self, words, said, command, song, gtzan, hearing):
        hearing("torn")
        status, out, err = command("predict", *words)
        assert (status, out, err.count("\n")) == (2 if "record in" not in said else 1, "", 1)
        assert said in err or (said == "no path is empty" and "empty" in err)

    def test_an_output_file_is_continued_by_the_same_run_only(self, command, song, gtzan, hearing):
        assert command("predict", song, "--output", "a.jsonl")[0] == 0
        shutil.copy(song, "other.wav")
        lines = Path("a.jsonl").read_text()
        assert command("predict", song, "other.wav", "--output", "a.jsonl")[0] == 0
        assert Path("a.jsonl").read_text().startswith(lines)
        # What former versions wrote had no dataset.
        former = json.loads(lines)
        del former["dataset"]
        Path("a.jsonl").write_text(json.dumps(former) + "\n")
        assert command("predict", song, "other.wav", "--output", "a.jsonl")[0] == 0
        assert len(Path("a.jsonl").read_text().splitlines()) == 2
        run = hearing("torn")
        status, _, err = command("predict", song, "--output", "a.jsonl")
        assert status == 2
        assert f"a.jsonl holds answers of gtzan, not of {run.id}" in err

    def test_a_damaged_one_is_installed_again(self, command, song, gtzan):
        with (gtzan / "model.onnx").open("ab") as file:
            file.write(b"more")
        status, _, err = command("predict", "gtzan", song)
        assert (status, "install genre-zoo again" in err, "zoo train" in err) == (1, True, False)


def test_a_fresh_answer_needs_no_network_no_pickle_and_no_framework(run_python, song):
    code = (
        "import sys\n"
        "seen = []\n"
        "def hook(event, args):\n"
        "    if event == 'pickle.find_class' or event.startswith('socket.'):\n"
        "        seen.append(event)\n"
        "sys.addaudithook(hook)\n"
        "from zoo.cli.app import run\n"
        "sys.argv = ['zoo', 'predict', 'song.wav']\n"
        "assert run() == 0\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'librosa', 'scipy', 'onnx', 'pandas'}\n"
        "print(seen, sorted(heavy & set(sys.modules)))"
    )
    done = run_python(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[] []"


class TestPython:
    def test_recordings_are_a_path_or_a_list_of_them(self, song, gtzan, hearing):
        assert repr(zoo.predict([song, song])).startswith("<predictions of 1 recording by gtzan: 0")
        for given in (song, Path(song), [song], (Path(song),), iter([song])):
            answer = zoo.predict(given)
            found = answer if isinstance(given, str | Path) else answer[0]
            assert (found.run, found.dataset, found.path) == ("gtzan", "tones", "song.wav")
        assert zoo.predict("gtzan", song) == zoo.predict("gtzan", [song])[0] == found
        assert zoo.predict(recordings=song).run == "gtzan"
        run = hearing("torn")
        assert [each.run for each in zoo.predict([run, "gtzan"], song)] == [run.id, "gtzan"]
        assert zoo.predict(run, Path(song)).run == run.id

    def test_a_model_alone_is_refused(self, song, gtzan, hearing):
        for given, said in (("gtzan", "name a recording"), (hearing("torn"), "name a recording")):
            with pytest.raises(UsageError, match=said):
                zoo.predict(given)
        with pytest.raises(UsageError, match="name a recording"):
            zoo.predict()


class TestOthers:
    def test_models_lists_them_apart(self, command):
        status, out, err = command("models")
        assert (status, err) == (0, "")
        assert "gtzan, 509 tracks" in out
        assert out.index("ready to use") < out.index("front end")
        listed = json.loads(command("models", "--format", "json")[1])
        (gtzan,) = (entry for entry in listed if entry["name"] == "gtzan")
        assert (gtzan["family"], gtzan["status"]) == ("published run", "published")
        assert {entry["family"] for entry in listed if entry["name"] == "svm"} == {"classical"}

    def test_the_short_card_of_one(self, command):
        out = command("models", "gtzan")[1]
        for said in ("blues, classical", "509 tracks", "zoo predict gtzan song.mp3", "MB", "ISC"):
            assert said in out
        card = json.loads(command("models", "gtzan", "--format", "json")[1])
        assert card["ci_low"] < card["accuracy"] < card["ci_high"]
        assert (card["tracks"], len(card["classes"])) == (509, 10)

    def test_damage_is_stated(self, command, gtzan):
        (gtzan / "predictions.csv").write_text("")
        (entry,) = [
            entry
            for entry in json.loads(command("models", "--format", "json")[1])
            if entry["name"] == "gtzan"
        ]
        assert entry["status"] == "broken"
        assert "install genre-zoo again" in entry["reason"]
        assert (command("models")[0], command("models", "gtzan")[0]) == (0, 1)

    def test_it_is_shown_exported_and_not_removed(self, command, gtzan):
        shown = json.loads(command("runs", "show", "gtzan", "--format", "json")[1])
        assert (shown["run"], shown["folder"]) == ("gtzan", str(gtzan))
        assert command("runs", "export", "gtzan", "out")[0] == 0
        assert Path("out/model.onnx").read_bytes() == (gtzan / "model.onnx").read_bytes()
        status, _, err = command("runs", "remove", "gtzan", "--yes")
        assert (status, err) == (
            2, "zoo: gtzan comes with the zoo, and is not a run of this workspace\n",
        )  # fmt: skip
        assert (gtzan / "run.json").is_file()
        assert json.loads(command("runs", "list", "--format", "json")[1]) == []
        assert json.loads(command("leaderboard", "--format", "json")[1]) == []

    def test_no_model_has_its_name(self, command, install_plugin, workspace):
        status, _, err = command("train", "gtzan")
        assert status == 2
        assert "gtzan is not a model but a run that comes with the zoo, trained already" in err
        source = SECONDS_MODEL.replace('"seconds"', '"gtzan"')
        (workspace / "mine.py").write_text(source)
        with pytest.raises(UsageError, match="calls its model 'gtzan', a name that is taken"):
            Registry().load("./mine.py")
        point = install_plugin("gtzan", source)
        (state,) = [state for state in Registry(points=[point]).models() if state.name == "gtzan"]
        assert state.status == "broken"
        assert "is that of a run that comes with the zoo" in state.reason

    def test_completion_offers_them(self, write_run):
        write_run("svm-a", [0] * 4, [0] * 4)
        assert {"gtzan", "svm", "svm-a"} <= {*complete_run(""), *complete_trained("")}
        assert "gtzan" in complete_card("")
        assert "svm@tracks" in complete_run("svm@")
        assert "svm-a" not in complete_run("svm@")
        for name in ("song.mp3", "note.txt"):
            Path(name).touch()
        assert [name for name in complete_asked("") if "." in name] == ["song.mp3"]

    def test_the_folder_in_a_checkout_or_a_package(self):
        assert (published_folder() / "gtzan" / "run.json").is_file()


def test_a_model_without_a_run_is_called_that(command):
    status, _, said = command("predict", "svm")
    assert status == 2
    assert "svm is a model without a run, and there is no recording of this name" in said
    assert "`zoo train svm --data FOLDER` makes a run" in said
