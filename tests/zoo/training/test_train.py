"""Training, from a name and a dataset to a complete run."""

import csv
import json
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

import zoo
from tests.notes import Notes
from zoo.datasets import open_dataset
from zoo.evaluate.cross_validation import can_fit_in_parallel
from zoo.evaluate.metrics import score
from zoo.evaluate.protocols import parse_protocol
from zoo.execution.progress import Bar, Reporter
from zoo.plugins.registry import loaded_model, open_registry
from zoo.workspace import cache_folder, run_folder
from zoo_registry import PluginError, Registry, RunError, UsageError
from zoo_registry.runs import Run

# A forest of fewer trees is learnt and exported alike; the demo and the docs keep the 500.
QUICK = {"random-forest": {"n_estimators": 100}}
CLASSICAL = [state.name for state in Registry().models() if state.family == "classical"]


def test_there_are_six_classical_models():
    assert CLASSICAL == ["decision-tree", "elasticnet", "knn", "logistic", "random-forest", "svm"]


@pytest.mark.parametrize("name", CLASSICAL)
def test_every_classical_model_learns_and_exports(name, feature_table):
    table = feature_table(classes=3, tracks=12)
    run = zoo.train(name, str(table), protocol="kfold:3", params=QUICK.get(name))
    assert run.complete, run.record.error
    assert score(run.predictions()).accuracy > 0.6
    assert run.record.artefact.parity < 1e-4
    assert run.artefact_path.is_file()
    assert run.card_path.is_file()
    assert not run.fold_path(0).parent.exists()


def test_a_training_is_repeatable(feature_table, tmp_path):
    """For all models the conformance suite and tests/zoo/artefacts check it."""
    table = str(feature_table(classes=3, tracks=12))
    run, again = (
        zoo.train("decision-tree", table, protocol="kfold:3", root=tmp_path / root)
        for root in ("one", "again")
    )
    assert again.id == run.id
    assert again.predictions_path.read_bytes() == run.predictions_path.read_bytes()


@pytest.mark.parametrize("name", CLASSICAL)
def test_two_classes_and_artefact_agree(name, feature_table):
    table = str(feature_table(classes=2, tracks=10))
    run = zoo.train(name, table, protocol="kfold:2", params=QUICK.get(name))
    assert run.complete, run.record.error
    assert run.record.artefact.parity < 1e-4


def test_audio_is_described_once_for_all_models(tone_folder):
    data = str(tone_folder(tracks=5))
    zoo.train("logistic", data)
    before = {path: path.stat().st_mtime_ns for path in cache_folder().rglob("*.npy")}
    assert len(before) == 10
    zoo.train("decision-tree", data)
    assert {path: path.stat().st_mtime_ns for path in cache_folder().rglob("*.npy")} == before


def test_a_second_training_returns_the_first_and_says_so(feature_table):
    table = str(feature_table())
    first = zoo.train("logistic", table)
    stamp = (first.folder / "run.json").stat().st_mtime_ns
    notes = Notes()
    second = zoo.train("logistic", table, reporter=notes)
    assert second.folder == first.folder
    assert (first.folder / "run.json").stat().st_mtime_ns == stamp
    assert any("trained already" in note for note in notes.texts)


def test_what_differs_gets_a_folder_of_its_own(feature_table):
    table = str(feature_table())
    folders = {
        zoo.train("logistic", table, **changed).folder
        for changed in (
            {},
            {"seed": 1},
            {"params": {"C": "3"}},
            {"protocol": "kfold:4"},
            {"grouped": False},
        )
    }
    assert len(folders) == 5


FLAKY = """
from pathlib import Path
import numpy as np
from zoo import Card, Handcrafted, hookimpl

card = Card(name="flaky", title="Flaky", family="test", frontend=Handcrafted())

@hookimpl
def train(tracks, labels, classes):
    counter = Path("calls")
    calls = int(counter.read_text()) + 1 if counter.exists() else 1
    counter.write_text(str(calls))
    stop = Path("stop")
    if stop.exists() and calls == int(stop.read_text()):
        raise {error}
    return np.bincount(labels, minlength=len(classes)) / len(labels)

@hookimpl
def predict(model, tracks):
    return [np.tile(model, (len(track), 1)) for track in tracks]
"""


@pytest.fixture
def flaky(workspace: Path):
    def write(error: str) -> str:
        Path("flaky.py").write_text(FLAKY.replace("{error}", error), encoding="utf-8")
        return "./flaky.py"

    return write


def test_an_interrupted_run_goes_on_after_its_last_fold(flaky, feature_table):
    table, model = str(feature_table()), flaky("KeyboardInterrupt")
    Path("stop").write_text("3", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        zoo.train(model, table)
    (record,) = Path("models").rglob("run.json")
    assert json.loads(record.read_text())["status"] == "running"
    assert len(list(record.parent.glob("folds/*.csv"))) == 2
    Path("stop").unlink()
    run = zoo.train(model, table)
    assert run.complete
    # Three calls before the interruption, then three folds and the fit on all tracks.
    assert int(Path("calls").read_text()) == 3 + 4
    undisturbed = zoo.train(model, table, root=Path("undisturbed"))
    assert undisturbed.id == run.id
    assert run.predictions_path.read_bytes() == undisturbed.predictions_path.read_bytes()
    assert run.record.split == undisturbed.record.split
    assert [entry.fold for entry in run.record.folds] == [0, 1, 2, 3, 4]


# It depends on its seed and parameters, and logs what it is given.
LOGGING = """
import json
import numpy as np
from zoo import Card, Handcrafted, hookimpl

card = Card(
    name="logging", title="Logging", family="test", frontend=Handcrafted(),
    params={"strength": 1.0},
)

@hookimpl
def train(tracks, labels, classes, groups, params, seed):
    rows = [np.asarray(track)[0].tolist() for track in tracks]
    entry = {"rows": rows, "labels": labels.tolist(), "classes": list(classes),
             "groups": groups.tolist(), "params": params, "seed": seed}
    with open("log", "a") as log:
        log.write(json.dumps(entry) + "\\n")
    return params["strength"] * np.random.default_rng(seed).random(len(classes))

@hookimpl
def predict(model, tracks):
    scores = [np.exp(model * (1 + abs(track[:, :1]))) for track in tracks]
    return [score / score.sum(axis=1, keepdims=True) for score in scores]
"""


@pytest.fixture
def logging_model(workspace: Path):
    """Return a plugin's path, and a function that returns what it was given, call by call."""
    Path("logging_model.py").write_text(LOGGING, encoding="utf-8")

    def logged() -> list[dict]:
        lines = Path("log").read_text(encoding="utf-8").splitlines()
        Path("log").unlink()
        return [json.loads(line) for line in lines]

    return "./logging_model.py", logged


def test_every_fit_gets_its_tracks_with_their_labels_groups_parameters_and_seed(
    logging_model, feature_table
):
    model, logged = logging_model
    table = str(feature_table(classes=3, tracks=8, groups=4))
    dataset = open_dataset(table)
    folds = parse_protocol("kfold:4").folds(dataset, 3, True)
    run = zoo.train(model, table, protocol="kfold:4", params={"strength": 2.0}, seed=3, jobs=1)
    assert run.complete, run.record.error
    fits = logged()
    # The last fit is on all tracks.
    expected = [fold.train for fold in folds] + [np.arange(24)]
    assert [len(fit["rows"]) for fit in fits] == [18, 18, 18, 18, 24]
    for fit, indices in zip(fits, expected, strict=True):
        np.testing.assert_array_equal(np.float32(fit["rows"]), dataset.features[indices])
        assert fit["labels"] == dataset.labels[indices].tolist()
        assert fit["groups"] == dataset.groups[indices].tolist()
        assert fit["classes"] == list(dataset.classes)
        assert (fit["params"], fit["seed"]) == ({"strength": 2.0}, 3)
    predictions = run.predictions()
    tested = [(dataset.tracks[n].id, fold.number) for fold in folds for n in fold.test]
    assert list(zip(predictions.tracks, predictions.folds.tolist(), strict=True)) == tested
    order = [n for fold in folds for n in fold.test]
    assert predictions.labels.tolist() == dataset.labels[order].tolist()
    assert predictions.groups.tolist() == dataset.groups[order].tolist()
    assert predictions.digests == tuple(dataset.tracks[n].digest[:16] for n in order)
    assert [(entry.train_tracks, entry.test_tracks) for entry in run.record.folds] == [(18, 6)] * 4
    # What a track is given follows from its own row.
    weights = 2.0 * np.random.default_rng(3).random(3)
    powers = np.exp(weights * (1 + abs(dataset.features[order][:, :1])))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predictions.probabilities, expected, atol=1e-6)


def test_a_fold_that_fails_is_told_to_the_reporter_and_others_are_kept(flaky, feature_table):
    model, notes = flaky('ValueError("no")'), Notes()
    Path("stop").write_text("1", encoding="utf-8")
    run = zoo.train(model, str(feature_table()), protocol="kfold:3", reporter=notes)
    assert [note for note in notes.texts if "failed" in note] == [
        f"{run.id}, fold 0 failed: ValueError: no (line 15 of {Path(model).resolve()})"
    ]
    assert not run.predictions_path.exists()
    assert sorted(path.name for path in run.folder.glob("folds/*.csv")) == ["1.csv", "2.csv"]


def test_a_reason_that_all_folds_have_is_told_once(flaky, feature_table):
    model, notes = flaky('ValueError("no")'), Notes()
    Path(model).write_text(
        FLAKY.replace("if stop.exists() and calls == int(stop.read_text())", "if 1").replace(
            "{error}", 'ValueError("no")'
        )
    )
    run = zoo.train(model, str(feature_table()), protocol="kfold:3", reporter=notes)
    assert [note for note in notes.texts if "ValueError" in note] == [
        f"{run.id}, fold 0 failed: {run.record.folds[0].error}"
    ]
    assert run.record.error == f"folds 0 to 2: {run.record.folds[0].error}"
    assert len(run.record.folds) == 3


def test_the_command_of_a_record_keeps_that_no_changes_are_tested(tone_folder, workspace):
    data = str(tone_folder(tracks=4))
    commands = [
        zoo.train("knn", data, protocol="kfold:2", jobs=1, robustness=n, seed=n).record.command
        for n in (0, 1)
    ]
    assert ["--no-robustness" in command for command in commands] == [True, False]


STEPS = """
import os, time
from pathlib import Path
import numpy as np
from zoo import Card, Handcrafted, hookimpl

card = Card(name="steps", title="Steps", family="test", frontend=Handcrafted())

@hookimpl
def train(tracks, labels, classes, progress, scratch):
    kept = scratch / "epoch"
    for epoch in range(int(kept.read_text()) if kept.exists() else 0, 5):
        with open("log", "a") as log:
            log.write(f"{scratch.name} {epoch}\\n")
        time.sleep(0.05)
        kept.write_text(str(epoch + 1))
        progress((epoch + 1) / 5, f"epoch {epoch + 1}", loss=1 / (epoch + 1))
    return np.bincount(labels, minlength=len(classes)) / len(labels)

@hookimpl
def predict(model, tracks):
    return [np.tile(model, (len(track), 1)) for track in tracks]
"""


def test_a_killed_training_loses_one_epoch_and_no_more(feature_table, workspace):
    table = str(feature_table())
    Path("steps.py").write_text(STEPS, encoding="utf-8")
    command = [sys.executable, "-c", "import sys, zoo; zoo.train('./steps.py', sys.argv[1])", table]
    for epochs in (3, 9, 22):
        process = subprocess.Popen(command)
        while not Path("log").exists() or len(Path("log").read_text().splitlines()) < epochs:
            assert process.poll() is None
        process.kill()
        process.wait()
    run = zoo.train("./steps.py", table)
    assert run.complete
    done = Path("log").read_text().splitlines()
    # Five folds and the fit on all tracks of five epochs each; three were interrupted.
    assert len(set(done)) == 6 * 5
    assert len(done) <= 6 * 5 + 3
    assert not run.fold_path(0).parent.exists()
    curves = [entry.curve for entry in run.record.folds] + [run.record.artefact.curve]
    assert {curve[-1]["loss"] for curve in curves} == {0.2}


def test_a_failed_fold_is_named_and_tried_again(flaky, feature_table):
    table, model = str(feature_table()), flaky('ValueError("no")')
    Path("stop").write_text("2", encoding="utf-8")
    run = zoo.train(model, table)
    assert run.record.status == "failed"
    assert "fold 1: ValueError: no" in (run.record.error or "")
    assert [entry.error is None for entry in run.record.folds] == [True, False, True, True, True]
    assert zoo.leaderboard()[0].rows[0].rank is None
    again = zoo.train(model, table)
    assert again.complete
    assert int(Path("calls").read_text()) == 5 + 2


def test_a_model_without_an_onnx_form_says_so(flaky, feature_table):
    run = zoo.train(flaky("ValueError"), str(feature_table()))
    assert run.complete
    assert "no `export` hook" in run.record.artefact.error
    assert "neither a scikit-learn estimator nor a Keras network" in run.card_path.read_text()


def test_a_table_is_refused_by_a_model_of_sound(feature_table):
    with pytest.raises(UsageError, match="works on audio"):
        zoo.train("cnn2d", str(feature_table()))


def test_unreadable_tracks_are_named_left_out_and_counted(tone_folder):
    folder = tone_folder(tracks=6)
    (folder / "low" / "text.wav").write_text("no music", encoding="utf-8")
    (folder / "low" / "empty.wav").touch()
    notes = Notes()
    run = zoo.train("logistic", str(folder), reporter=notes)
    assert run.complete
    assert [item.track for item in run.record.skipped] == ["low/empty.wav", "low/text.wav"]
    assert len(run.predictions()) == 12
    assert sum("left out" in note for note in notes.texts) == 2


def test_a_channel_that_is_used_alone_is_recorded(tone_folder):
    folder = tone_folder(tracks=6)
    path = next((folder / "low").glob("*.wav"))
    samples, rate = soundfile.read(path)
    soundfile.write(path, np.stack([samples, -samples], axis=1), rate)
    for seed in range(2):  # from the files, and from the cache
        notes = Notes()
        run = zoo.train("logistic", str(folder), reporter=notes, seed=seed)
        (noted,) = run.record.dataset.noted
        assert noted.track == f"low/{path.name}"
        assert "only channel 1 of 2 is used" in noted.note
        assert f"{noted.track}: {noted.note}" in notes.texts


def test_a_bar_never_runs_backwards_or_over(feature_table):
    seen: list[float] = []

    class Recorder(Bar):
        def update(self, done: float, step: str = "", note: str = "") -> None:
            seen.append(done)

    class Watching(Reporter):
        def bar(self, title, total=None):
            from contextlib import nullcontext

            return nullcontext(Recorder())

    zoo.train("logistic", str(feature_table()), reporter=Watching())
    assert seen == sorted(seen)
    assert seen[-1] == 7  # five folds, the fit to all tracks, the export


def test_two_processes_train_in_one_workspace(feature_table):
    table = str(feature_table())
    code = "import sys, zoo; zoo.train(sys.argv[1], sys.argv[2])"
    commands = [("logistic", table), ("decision-tree", table), ("logistic", table)]
    running = [
        subprocess.Popen([sys.executable, "-c", code, *command], stderr=subprocess.PIPE)
        for command in commands
    ]
    errors = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], errors
    (board,) = zoo.leaderboard()
    assert sorted(row.model for row in board.rows) == ["decision-tree", "logistic"]
    assert all(row.rank for row in board.rows)


def test_the_record_repeats_the_run(feature_table):
    run = zoo.train("logistic", str(feature_table()), params={"C": 2.0}, seed=3)
    read = Run.read(run.folder)
    assert read.record == run.record
    assert read.record.params == {"C": 2.0}
    assert read.record.seed == 3
    assert read.id == read.record.id
    assert run_folder(read.record) == run.folder
    assert {"genre-zoo", "numpy", "scikit-learn"} <= set(read.record.versions)
    with run.predictions_path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == read.record.dataset.tracks
    assert np.allclose(
        [sum(float(v) for k, v in row.items() if k.startswith("probability:")) for row in rows], 1
    )


def test_training_in_a_thread_is_not_forbidden(feature_table):
    table, runs = str(feature_table()), []
    thread = threading.Thread(target=lambda: runs.append(zoo.train("logistic", table)))
    thread.start()
    thread.join()
    assert runs[0].complete


BUSY = """
import numpy as np
from sklearn.linear_model import LogisticRegression
import zoo
from zoo import Card, Handcrafted, hookimpl

card = Card(name="busy", title="Busy", family="test", frontend=Handcrafted())

@hookimpl
def train(tracks, labels, scratch):
    {first}
    return LogisticRegression().fit(np.concatenate(list(tracks)), labels)

@hookimpl
def predict(model, tracks):
    return [model.predict_proba(track) for track in tracks]
"""


def busy(first: str) -> str:
    Path("busy.py").write_text(BUSY.replace("{first}", first), encoding="utf-8")
    return "./busy.py"


def test_a_model_may_train_another_one_within_its_training(feature_table):
    table = str(feature_table(classes=2, tracks=10))
    inner = f"assert zoo.train('logistic', {table!r}, protocol='kfold:2', root=scratch).complete"
    run = zoo.train(busy(inner), table, protocol="kfold:2")
    assert run.complete, run.record.error


def test_an_error_in_the_fit_on_all_tracks_is_one_sentence_and_in_the_record(feature_table):
    table = str(feature_table(classes=2, tracks=10))
    model = busy("if len(labels) == 20: raise ValueError('too many')")
    with pytest.raises(RunError, match="was not fitted to all tracks: ValueError: too many"):
        zoo.train(model, table, protocol="kfold:2")
    (record,) = Path("models").rglob("run.json")
    assert json.loads(record.read_text())["status"] == "no artefact"


def test_a_model_that_exits_fails_its_fold(feature_table):
    table = str(feature_table(classes=2, tracks=10))
    run = zoo.train(busy("raise SystemExit(4)"), table, protocol="kfold:2")
    assert all(fold.error.startswith("SystemExit: 4 (line ") for fold in run.record.folds)


def test_a_file_that_was_edited_meanwhile_is_not_mixed_with_what_began(workspace):
    source = open_registry().load(busy("pass")).source
    assert loaded_model(source).source == source
    loaded_model.cache_clear()
    busy("print('another version')")
    with pytest.raises(PluginError, match=r"busy\.py was changed"):
        loaded_model(source)


def test_what_workers_cannot_load_is_fitted_here():
    model = open_registry().load("logistic")
    assert can_fit_in_parallel(model)
    model.source = replace(model.source, name="of-my-own")
    assert not can_fit_in_parallel(model)
    assert not can_fit_in_parallel(open_registry().load("cnn2d"))


def test_nothing_is_changed_through_the_links_of_a_run(feature_table, tmp_path):
    table = str(feature_table())
    folder = zoo.train("logistic", table, protocol="kfold:2", jobs=1).folder
    shutil.rmtree(folder)
    for name in ("folds", "saved"):
        (tmp_path / name / "0.unfinished").mkdir(parents=True)
        (tmp_path / name / "0.unfinished" / "mine").touch()
    folder.mkdir()
    (tmp_path / "precious").write_text("mine")
    for name in ("run.json", "predictions.csv", "model.onnx", "README.md"):
        (folder / name).symlink_to(tmp_path / "precious")
    (folder / "folds").symlink_to(tmp_path / "folds")
    (folder / "saved").mkdir()
    (folder / "saved" / "0.unfinished").symlink_to(tmp_path / "saved" / "0.unfinished")
    assert zoo.train("logistic", table, protocol="kfold:2", jobs=1).complete
    assert (tmp_path / "precious").read_text() == "mine"
    for name in ("folds", "saved"):
        assert [path.name for path in (tmp_path / name).rglob("*")] == ["0.unfinished", "mine"]
