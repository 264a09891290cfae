"""Prediction: what may be asked, in which form, and what comes back."""

import csv
import io
import json
import os
import pickle
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import zoo
from zoo.audio.files import audio_files
from zoo.cli.app import run as run_command
from zoo.inference.output_file import OutputFile, csv_lines
from zoo.inference.prediction import UNKNOWN, Prediction, Section
from zoo.web.served_models import ServedModels
from zoo_registry import ArtefactError, PluginError, Run, UsageError

ZOO = str(Path(sys.executable).with_name("zoo"))
RATE = 22_050


def tone(path: Path, seconds: float, rate: int = RATE, pitch: float = 150.0, level: float = 0.4):
    time = np.arange(round(seconds * rate)) / rate
    noise = 0.01 * np.random.default_rng(0).standard_normal(time.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, level * (np.sin(2 * np.pi * pitch * time) + noise), rate)
    return path


class TestWhatIsMeant:
    def test_folders_patterns_and_names(self, workspace):
        for name in ("a/x.wav", "a/b/y.FLAC", "a/notes.txt", "a/z.mp3"):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).touch()
        everything = ["a/b/y.FLAC", "a/x.wav", "a/z.mp3"]
        assert audio_files(["a"]) == everything
        assert audio_files(["./a", "a/x.wav"]) == [*everything, "a/x.wav"][:3]
        assert audio_files(["a/*.wav", "a/x.wav"]) == ["a/x.wav"]
        assert audio_files(["a/**/y.*"]) == ["a/b/y.FLAC"]
        assert audio_files(["a/notes.txt"]) == ["a/notes.txt"]
        assert audio_files(["-"]) == ["-"]

    @pytest.mark.parametrize(
        ("given", "words"),
        [("none.wav", "no file or folder"), ("*.wav", "no file fits"), ("empty", "no audio")],
    )
    def test_nothing(self, workspace, given, words):
        Path("empty").mkdir()
        with pytest.raises(UsageError, match=words):
            audio_files([given])

    def test_one_path_and_the_folder_of_a_run_as_a_path(self, hearing, tmp_path):
        run = hearing("seconds")
        song = tone(tmp_path / "song.wav", 1.0)
        for model in (run.id, run.folder):
            for given in (song, str(song), [song], (str(song),)):
                answer = zoo.predict(model, given)
                found = answer if isinstance(given, str | Path) else answer[0]
                assert (found.path, found.run) == (str(song), run.id)

    def test_a_name_with_brackets_is_a_name_first(self, workspace):
        Path("[live] x.wav").touch()
        assert audio_files(["[live] x.wav"]) == ["[live] x.wav"]


class TestAnswers:
    def test_votes_times_and_source(self, hearing, tmp_path):
        run = hearing("seconds")
        (found,) = zoo.predict("seconds", [tone(tmp_path / "x.wav", 4.2)], timeline=True)
        assert found.label == found.label_mean == "high"
        assert found.votes == {"high": 4}
        assert found.windows == len(found.timeline) == 4
        assert found.seconds == pytest.approx(4.2, abs=1e-3)
        assert found.run == run.id
        assert found.confidence == found.probabilities["high"]
        assert sum(found.probabilities.values()) == pytest.approx(1)
        assert (found.timeline[0].start, found.timeline[-1].end) == (
            0,
            pytest.approx(4.2, abs=1e-3),
        )

    @pytest.mark.parametrize("rate", [8000, 11_025, 44_100, 96_000])
    @pytest.mark.parametrize("seconds", [0.1, 2.5])
    def test_any_rate_and_length(self, hearing, tmp_path, rate, seconds):
        hearing("frames")
        (found,) = zoo.predict("frames", [tone(tmp_path / "x.wav", seconds, rate)])
        assert found.label == "high"
        assert found.seconds == pytest.approx(seconds, abs=1e-3)

    def test_silence_is_unknown(self, hearing, tmp_path):
        hearing("seconds")
        silent = tone(tmp_path / "silent.wav", 3.0, level=0.0)
        (found,) = zoo.predict("seconds", [silent], timeline=True)
        assert (found.label, found.confidence, found.votes) == (UNKNOWN, None, {})
        assert "silence" in found.reason
        assert {section.label for section in found.timeline} == {UNKNOWN}

    def test_a_channel_that_is_used_alone_is_mentioned(self, hearing, tmp_path, capfd, monkeypatch):
        hearing("seconds")
        one, _ = soundfile.read(tone(tmp_path / "one.wav", 3.0))
        path = tmp_path / "x.wav"
        soundfile.write(path, np.stack([one, -one], axis=1), RATE)
        alone, both = zoo.predict("seconds", [tmp_path / "one.wav", path])
        assert both.probabilities == alone.probabilities
        assert alone.to_json().keys() == both.to_json().keys() - {"heard"}
        monkeypatch.setattr(
            sys, "argv", ["zoo", "predict", "seconds", str(path), "--format", "json"]
        )
        assert run_command() == 0
        said = capfd.readouterr()
        assert json.loads(said.out)["heard"] in said.err
        assert "only channel 1 of 2 is used" in said.err

    def test_a_silent_stretch_is_unknown_in_the_timeline(self, hearing, tmp_path):
        hearing("seconds")
        loud, _ = soundfile.read(tone(tmp_path / "x.wav", 3.0))
        soundfile.write(tmp_path / "y.wav", np.concatenate([loud, 0 * loud, loud]), RATE)
        (found,) = zoo.predict("seconds", [tmp_path / "y.wav"], timeline=True)
        labels = [section.label for section in found.timeline]
        assert labels == ["high"] * 3 + [UNKNOWN] * 3 + ["high"] * 3
        assert [section.confidence is None for section in found.timeline] == [
            label == UNKNOWN for label in labels
        ]
        assert ["silence" in (section.reason or "") for section in found.timeline] == [
            label == UNKNOWN for label in labels
        ]
        assert found.label == "high"

    def test_unsure_is_unknown_on_request(self, hearing, tmp_path):
        hearing("seconds")
        song = tone(tmp_path / "x.wav", 2.0)
        (sure,) = zoo.predict("seconds", [song])
        (found,) = zoo.predict("seconds", [song], min_confidence=min(1.0, sure.confidence + 1e-6))
        assert sure.label == "high"
        assert (found.label, found.label_mean) == (UNKNOWN, "high")
        assert "unsure" in found.reason

        assert found.confidence == sure.confidence

    def test_the_vote_decides_and_the_mean_stands_beside_it(self, hearing, torn_song):
        run = hearing("torn")
        (found,) = zoo.predict("torn", [torn_song], timeline=True)
        assert (found.label, found.label_mean) == ("high", "low")
        assert found.votes == {"high": 2, "low": 1}
        assert found.probabilities == pytest.approx({"high": 0.34, "low": 0.66}, abs=1e-6)
        assert found.confidence == found.probabilities["high"]
        assert (found.windows, found.seconds, found.run) == (3, 3.0, run.id)
        assert (found.reason, found.error) == (None, None)
        sections = [(s.start, s.end, s.label, s.confidence, s.reason) for s in found.timeline]
        assert sections == [
            (0.0, 1.0, "high", pytest.approx(0.51), None),
            (1.0, 2.0, "high", pytest.approx(0.51), None),
            (2.0, 3.0, "low", 1.0, None),
        ]

    def test_as_sure_as_was_asked_for_is_sure_enough(self, hearing, torn_song):
        hearing("torn")
        (plain,) = zoo.predict("torn", [torn_song], timeline=True)
        (found,) = zoo.predict("torn", [torn_song], min_confidence=plain.confidence)
        assert (found.label, found.reason) == ("high", None)
        least = plain.timeline[0].confidence  # of a window, more than that of the whole
        (found,) = zoo.predict("torn", [torn_song], min_confidence=least, timeline=True)
        assert (found.label, found.label_mean) == (UNKNOWN, "low")
        assert found.reason == "unsure: 0.340 is below 0.51"
        assert [section.label for section in found.timeline] == ["high", "high", "low"]
        (found,) = zoo.predict("torn", [torn_song], min_confidence=0.6, timeline=True)
        assert [section.label for section in found.timeline] == [UNKNOWN, UNKNOWN, "low"]
        assert [section.confidence for section in found.timeline] == [least, least, 1.0]
        assert found.timeline[0].reason == "unsure: 0.510 is below 0.6"

    def test_silence_begins_seventy_decibels_below_full_scale(self, hearing, faint):
        hearing("seconds")
        songs = [faint(level) for level in (-60.0, -69.9, -70.1, -75.0)]
        found = list(zoo.predict("seconds", songs, timeline=True))
        assert [item.label == UNKNOWN for item in found] == [False, False, True, True]
        assert [item.timeline[0].label == UNKNOWN for item in found] == [False, False, True, True]
        assert found[-1].reason == "silence: almost nothing is above -70 dB of full scale"

    def test_order_and_errors(self, hearing, tmp_path):
        hearing("seconds")
        songs = [tone(tmp_path / "many" / f"{n}.wav", 0.3 + n % 3) for n in range(12)]
        songs[5].write_text("no music")
        cut = songs[7].read_bytes()
        songs[7].write_bytes(cut[: len(cut) // 2])
        found = list(zoo.predict("seconds", [tmp_path / "many"]))
        assert [item.path for item in found] == sorted(map(str, songs))
        errors = {Path(item.path).name: item.error for item in found if item.error}
        assert set(errors) == {"5.wav", "7.wav"}
        assert "can be decoded" in errors["5.wav"]
        assert "cut off" in errors["7.wav"]
        loose = list(zoo.predict("seconds", songs, in_order=False, jobs=2))
        assert {i.path: i.label for i in loose} == {i.path: i.label for i in found}


class TestCommand:
    @pytest.fixture
    def command(self, monkeypatch, capsys):
        def call(*arguments: str) -> tuple[int, str, str]:
            monkeypatch.setattr(sys, "argv", ["zoo", "predict", *arguments])
            status = run_command()
            captured = capsys.readouterr()
            return status, captured.out, captured.err

        return call

    def test_standard_input(self, hearing, tmp_path):
        hearing("seconds")
        content = tone(tmp_path / "x.flac", 2.0).read_bytes()
        for given, status in ((content, 0), (content[:99], 1), (b"", 1)):
            done = subprocess.run(
                [ZOO, "predict", "seconds", "-", "--format", "json"],
                input=given, capture_output=True, check=False,
            )  # fmt: skip
            assert done.returncode == status, done.stderr
            found = json.loads(done.stdout)
            assert found["path"] == "-"
            assert (found["label"] == "high") == (status == 0)
            assert status == 0 or "standard input" in found["error"]
            assert b"Traceback" not in done.stderr

    def test_a_line_for_people(self, hearing, command, torn_song):
        run = hearing("torn")
        votes, asked = "high 2, low 1; by mean probability low", f"{run.id}@tones"
        said = f"high  .340  torn.wav  ({votes}; 3.0 s; {asked})\n"
        assert command("torn", "torn.wav") == (0, said, "")
        status, out, _ = command("torn", "torn.wav", "--min-confidence", "0.5", "--timeline")
        assert (status, out.splitlines()) == (
            0,
            [
                "unknown  torn.wav  (unsure: 0.340 is below 0.5; guess: high .340; 3.0 s; "
                f"{asked})",
                "          0:00.0-0:02.0  high  .510",
                "          0:02.0-0:03.0  low  1.000",
            ],
        )
        status, out, _ = command(run.id, "torn.wav", "--min-confidence", "0.5", "--format", "json")
        assert (status, json.loads(out)["label"]) == (0, UNKNOWN)

    def test_the_name_of_a_run_on_a_part_can_be_typed(self, hearing, command, torn_song):
        run = hearing("torn")
        record = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
        record["dataset"]["selection"] = "2 of 3 classes"
        (run.folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
        status, out, _ = command("torn", "torn.wav")
        name = f"{run.id}@tones, 2 of 3 classes"
        assert (status, out.endswith(f"; 3.0 s; '{name}')\n")) == (0, True)
        status, out, _ = command(name, "torn.wav", "--format", "json")
        assert (status, json.loads(out)["run"]) == (0, run.id)

    def test_a_stretch_is_as_sure_as_its_windows_are_on_average(self, hearing, command, in_seconds):
        hearing("torn")
        in_seconds(0.004, 0.04, 0.0, 0.0, 0.4, 0.004)
        status, out, _ = command("torn", "seconds.wav", "--timeline")
        assert status == 0
        assert [line.split() for line in out.splitlines()[1:]] == [
            ["0:00.0-0:02.0", "high", ".630"],
            ["0:02.0-0:04.0", "silence"],
            ["0:04.0-0:05.0", "low", "1.000"],
            ["0:05.0-0:06.0", "high", ".750"],
        ]

    def test_csv_says_what_json_says(self, hearing, command, torn_song):
        run = hearing("torn")
        (found,) = zoo.predict("torn", ["torn.wav"], timeline=True)
        status, out, _ = command("torn", "torn.wav", "--format", "csv")
        assert (status, out.splitlines()) == (
            0,
            [
                "path,label,label_mean,confidence,windows,seconds,reason,error,run,guess,silent,"
                "unlike,heard,band",
                f"torn.wav,high,low,0.34,3,3,,,{run.id},,,,,",
            ],
        )
        status, out, _ = command("torn", "torn.wav", "--format", "csv", "--timeline")
        assert status == 0
        head, *rows = csv.reader(io.StringIO(out))
        assert ",".join(head) == "path,start,end,label,confidence,reason,error,run"
        assert [
            (row[0], *map(float, row[1:3]), row[3], float(row[4]), *row[5:]) for row in rows
        ] == [
            ("torn.wav", s.start, s.end, s.label, pytest.approx(s.confidence), "", "", run.id)
            for s in found.timeline
        ]

    def test_table_and_csv_are_in_the_order_of_the_files(self, hearing, command, tmp_path):
        hearing("seconds")
        songs = [str(tone(tmp_path / f"{n}.wav", 1.0 + 20.0 * (n == 7))) for n in (7, 3, 5, 1)]
        for options in ([], ["--format", "csv"], ["--output", str(tmp_path / "out.csv")]):
            status, out, _ = command("seconds", *songs, *options)
            text = out or (tmp_path / "out.csv").read_text()
            assert status == 0
            assert sorted(songs, key=text.index) == songs

    def test_timeline_for_people(self, hearing, command, tmp_path):
        hearing("frames")
        low, _ = soundfile.read(tone(tmp_path / "x.wav", 20.0, pitch=300))
        low += 0.02 * np.random.default_rng(1).standard_normal(low.size)  # as in training
        high, _ = soundfile.read(tone(tmp_path / "y.wav", 65.0))
        soundfile.write("song.flac", np.concatenate([high, low]), RATE)
        status, out, _ = command("frames", "song.flac", "--timeline")
        assert status == 0
        assert [line.split()[1] for line in out.splitlines()[1:]] == ["high", "low"]
        assert "0:00.0-1:04." in out or "0:00.0-1:05." in out
        assert "-1:25.0" in out

    @pytest.mark.parametrize("form", ["json", "csv"])
    @pytest.mark.parametrize("timeline", [False, True])
    def test_output_goes_on_where_it_stopped(self, hearing, command, tmp_path, form, timeline):
        hearing("seconds")
        for n in range(5):
            tone(tmp_path / "many" / f"{n}.wav", 2.5)
        (tmp_path / "many" / "9.wav").write_text("no music")
        output = tmp_path / f"out.{form}"
        more = ["--output", str(output), "--format", form] + ["--timeline"] * timeline
        status, out, err = command("seconds", "many", *more)
        assert (status, out) == (1, "")
        assert "9.wav" in err
        whole = output.read_text()
        lines = whole.splitlines(keepends=True)
        # The interruption came while the last line was written, and one file was unreadable.
        cut = 8 if timeline and form == "csv" else 4
        output.write_text("".join(lines[:cut]) + lines[cut][:7])
        tone(tmp_path / "many" / "9.wav", 2.5)
        status, _, err = command("seconds", "many", *more)
        assert status == 0
        assert "of 6 files are in" in err
        rows = output.read_text().splitlines(keepends=True)
        assert len(rows) == len(set(rows))
        assert not [row for row in lines if "not audio" not in row and row not in rows]
        expected = 3 if timeline and form == "csv" else 1
        for n in (0, 1, 2, 3, 4, 9):
            assert sum(f"{n}.wav" in row for row in rows) == expected

    def test_a_name_that_looks_like_two_lines_is_one_answer(self, hearing, command, tmp_path):
        hearing("seconds")
        song = str(tone(tmp_path / "a\u2028b\x85c.wav", 1.0))
        for _ in range(2):
            assert command("seconds", song, "--output", "out.jsonl")[0] == 0
        assert Path("out.jsonl").read_bytes().count(b"\n") == 1

    def test_output_of_another_model_is_refused(self, hearing, command, tmp_path):
        hearing("seconds")
        hearing("frames")
        song = str(tone(tmp_path / "x.wav", 1.0))
        assert command("seconds", song, "--output", "out.jsonl")[0] == 0
        before = Path("out.jsonl").read_bytes()
        status, _, err = command("frames", song, "--output", "out.jsonl")
        assert status == 2
        assert "seconds-" in err
        assert Path("out.jsonl").read_bytes() == before
        Path("notes.csv").write_text("my notes\n")
        assert command("seconds", song, "--output", "notes.csv")[0] == 2
        assert Path("notes.csv").read_text() == "my notes\n"

    def test_the_name_of_the_output_says_its_form_and_place(self, hearing, command, tmp_path):
        run = hearing("seconds")
        song = str(tone(tmp_path / "x.wav", 1.0))
        assert command("seconds", song, "--output", "OUT.CSV")[0] == 0
        assert Path("OUT.CSV").read_text().startswith("path,label,")
        status, out, _ = command("seconds", song, "--output", "-")
        assert (status, json.loads(out)["run"]) == (0, run.id)
        assert not Path("-").exists()

    def test_an_interrupted_batch_keeps_its_lines(self, hearing, tmp_path):
        hearing("seconds")
        song = tone(tmp_path / "many" / "0.wav", 20.0)
        for n in range(1, 150):
            os.link(song, song.with_name(f"{n}.wav"))
        command = [ZOO, "predict", "seconds", "many", "--output", "out.jsonl"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        while not Path("out.jsonl").exists() or Path("out.jsonl").read_bytes().count(b"\n") < 3:
            time.sleep(0.02)
            assert process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kept = Path("out.jsonl").read_bytes().count(b"\n")
        assert 3 <= kept < 150
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert "files are in" in done.stderr
        paths = [json.loads(line)["path"] for line in Path("out.jsonl").read_text().splitlines()]
        assert len(paths) == len(set(paths)) == 150


def test_prediction_needs_the_core_only(hearing, tmp_path):
    """Neither a framework nor anything that could run code from a file."""
    hearing("seconds")
    song = str(tone(tmp_path / "x.wav", 2.0))
    code = (
        "import sys; from zoo.cli.app import run;"
        f"sys.argv = ['zoo', 'predict', 'seconds', {song!r}, '--timeline']; status = run();"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'librosa', 'scipy', 'onnx', 'onnxscript',"
        "'skl2onnx', 'skops', 'joblib', 'pandas', 'numba', 'pluggy', 'av'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "[]"


class TestFromElsewhere:
    def test_a_file_a_folder_and_a_run_that_was_tampered_with(self, hearing, tmp_path):
        run = hearing("seconds")
        song = tone(tmp_path / "x.wav", 2.0)
        (expected,) = zoo.predict("seconds", [song])
        moved = tmp_path / "elsewhere"
        moved.mkdir()
        shutil.copy(run.artefact_path, moved / "model.onnx")
        for wanted in (moved, moved / "model.onnx", run.folder, run.artefact_path):
            assert list(zoo.predict(str(wanted), [song])) == [expected]
        with run.artefact_path.open("ab") as file:
            file.write(b"\0")
        for wanted in (run.folder, run.artefact_path, "seconds"):
            with pytest.raises(ArtefactError, match="hash differs"):
                zoo.predict(str(wanted), [song])

    def test_a_name_means_a_run_that_hears(self, workspace, tone_folder, feature_table, tmp_path):
        run = zoo.train("decision-tree", str(tone_folder(tracks=5)))
        zoo.train("decision-tree", str(feature_table()))
        (found,) = zoo.predict("decision-tree", [tone(tmp_path / "x.wav", 1.0)])
        assert found.run == run.id

    def test_a_model_of_a_table_hears_nothing(self, feature_table, tmp_path):
        run = zoo.train("logistic", str(feature_table()))
        song = tone(tmp_path / "x.wav", 1.0)
        for wanted in ("logistic", str(run.artefact_path)):
            with pytest.raises(UsageError, match="table of features"):
                zoo.predict(wanted, [song])


NO_EXPORT = """
from zoo import CannotExport, Card, Handcrafted, hookimpl
card = Card(name="nearby", title="Nearby", family="test", frontend=Handcrafted())

@hookimpl
def train(tracks, labels, classes):
    import numpy as np
    from sklearn.neighbors import KNeighborsClassifier
    return KNeighborsClassifier(1).fit(np.concatenate(tracks), labels)

@hookimpl
def predict(model, tracks):
    return [model.predict_proba(track) for track in tracks]

@hookimpl
def export(model):
    raise CannotExport("it is shy")
"""


def change_model(run: Run, **changed: Any) -> None:
    """Let the record of a run describe another model."""
    path = run.folder / "run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"model": record["model"] | changed}))


class TestWithoutExport:
    @pytest.fixture
    def shy(self, workspace, tone_folder):
        data = tone_folder(tracks=4)
        Path("nearby.py").write_text(NO_EXPORT)
        return zoo.train("./nearby.py", str(data), protocol="kfold:2", jobs=1)

    def test_it_says_why_and_keeps_a_model_that_is_no_pickle(self, shy, tmp_path):
        assert shy.complete
        assert shy.record.artefact.error == "it is shy"
        (saved,) = shy.saved_path.iterdir()
        assert saved.name == "model.skops"
        with pytest.raises(pickle.UnpicklingError):
            pickle.load(io.BytesIO(saved.read_bytes()))
        (found,) = zoo.predict("./nearby.py", [tone(tmp_path / "x.wav", 1.0)])
        assert (found.label, found.run) == ("high", shy.id)
        with pytest.raises(UsageError, match="no timeline"):
            zoo.predict("nearby.py", ["x.wav"], timeline=True)

    @pytest.mark.parametrize("in_the_run", [False, True])
    def test_code_is_loaded_only_from_a_file_that_the_user_names(self, shy, tmp_path, in_the_run):
        song = tone(tmp_path / "x.wav", 1.0)
        place = (shy.folder if in_the_run else tmp_path) / "it's a model.py"
        Path("nearby.py").rename(place)
        change_model(shy, file=str(place.resolve()))
        loaded = {name for name in sys.modules if name.startswith("zoo_file_")}
        for name in loaded:
            del sys.modules[name]
        for wanted in ("nearby", shy.id, str(shy.folder)):
            with pytest.raises(PluginError, match="no code is loaded because a rec") as caught:
                zoo.predict(wanted, [song])
            assert f"`zoo predict {shlex.quote(str(place.resolve()))} PATH`" in str(caught.value)
            with pytest.raises(UsageError, match="has no ONNX file, so it cannot be served"):
                ServedModels([wanted])
        assert not [name for name in sys.modules if name.startswith("zoo_file_")]
        assert [found.label for found in zoo.predict(str(place), [song])] == ["high"]

    @pytest.mark.parametrize("name", ["./evil.py", "{}/evil.py", "evil.py", "nearby"])
    def test_the_name_of_a_record_is_no_path(self, shy, tmp_path, name):
        Path("evil.py").write_text("open('code ran', 'w')")
        change_model(shy, name=name.format(tmp_path), distribution="genre-zoo", file="evil.py")
        with pytest.raises(PluginError, match="there is no model "):
            zoo.predict(str(shy.folder), [tone(tmp_path / "x.wav", 1.0)])
        assert not Path("code ran").exists()

    def test_a_file_means_the_newest_run_of_just_that_file(self, shy, tmp_path):
        song = tone(tmp_path / "x.wav", 1.0)
        newer = zoo.train("./nearby.py", "tones", protocol="kfold:2", grouped=False, jobs=1)
        shy.record.finished = "2001-01-01T00:00:00+00:00"
        shy.write()
        assert [found.run for found in zoo.predict("./nearby.py", [song])] == [newer.id]
        with Path("nearby.py").open("a") as file:
            file.write("# another\n")
        with pytest.raises(UsageError, match=r"nearby\.py was changed since .* `zoo train \./"):
            zoo.predict("./nearby.py", [song])
        Path("other.py").write_text(NO_EXPORT + "# a third\n")
        for wanted, sentence in (("other.py", "no run under"), ("none.py", "there is no file")):
            with pytest.raises(UsageError, match=sentence):
                zoo.predict(wanted, [song])

    def test_without_its_plugin_it_says_that_it_is_needed(self, shy, tmp_path):
        Path("nearby.py").unlink()
        with pytest.raises(PluginError, match=r"it is shy.* plugin is needed"):
            zoo.predict("nearby", [tone(tmp_path / "x.wav", 1.0)])

    def test_a_link_among_what_was_saved_is_not_followed(self, shy, tmp_path):
        saved = shy.saved_path / "model.skops"
        saved.rename(tmp_path / "elsewhere.skops")
        saved.symlink_to(tmp_path / "elsewhere.skops")
        with pytest.raises(PluginError, match=r"links in .* are not followed"):
            zoo.predict("./nearby.py", [tone(tmp_path / "x.wav", 1.0)])

    def test_an_unsafe_file_is_not_loaded(self, shy, tmp_path):
        import skops.io

        class Evil:
            pass

        skops.io.dump(Evil(), shy.saved_path / "model.skops")
        with pytest.raises(PluginError, match=r"saved/model\.skops of .* not as the run wrote"):
            zoo.predict("./nearby.py", [tone(tmp_path / "x.wav", 1.0)])
        shy.record.artefact.saved.clear()  # as in a record of an earlier version
        shy.write()
        with pytest.raises(PluginError, match="is not loaded"):
            zoo.predict("./nearby.py", [tone(tmp_path / "x.wav", 1.0)])

    def test_what_was_never_saved(self, shy, tmp_path):
        shutil.rmtree(shy.saved_path)
        with pytest.raises(PluginError, match="saved nothing"):
            zoo.predict("nearby", [tone(tmp_path / "x.wav", 1.0)])


def test_numbers_of_a_csv_keep_six_digits():
    section = Section(3_131.072, 3_132.123, "high", 0.1234567)
    found = Prediction("x.wav", "high", "low", 0.1234567, seconds=3_599.5, timeline=[section])
    assert csv_lines(found, timeline=False) == "x.wav,high,low,0.123457,0,3599.5,,,,,,,,\n"
    assert csv_lines(found, timeline=True) == "x.wav,3131.07,3132.12,high,0.123457,,,\n"


def test_an_answer_file_that_cannot_be_written(hearing, torn_song, monkeypatch, capsys):
    hearing("torn")
    Path("file").touch()
    with pytest.raises((UsageError, OSError)) as caught:
        OutputFile(Path("file") / "out.csv", True, False, "x")
    assert "file" in str(caught.value)
    monkeypatch.setattr(
        sys, "argv", ["zoo", "-q", "predict", "torn", "torn.wav", "--output", "file/x.csv"]
    )
    assert run_command() in (1, 2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("zoo: file")
    assert captured.err.count("\n") == 1
    assert "should not have happened" not in captured.err
    assert Path("file").read_bytes() == b""
