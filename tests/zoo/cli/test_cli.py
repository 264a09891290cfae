"""The command line: what it prints, where, and with which exit status."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile
import typer.main

import zoo
from zoo.cli.app import app, run
from zoo.workspace import find_run

ZOO = str(Path(sys.executable).with_name("zoo"))
HEAVY = (
    *("tensorflow", "keras", "sklearn", "librosa", "scipy", "onnxruntime", "onnx", "pandas"),
    *("matplotlib", "jinja2", "PIL", "starlette", "uvicorn", "prometheus_client"),
)

FAMILIES = {
    "centroid", "rolloff", "zero_crossing_rate", "rms", "onset_strength", "contrast", "bandwidth",
    "flatness", "mfcc", "tempo",
}  # fmt: skip


@pytest.fixture
def command(monkeypatch, capsys):
    """Return a function that runs ``zoo`` in this process: status, stdout, stderr."""

    # Else `python -m pytest` would be the name of the program.
    monkeypatch.setattr(sys.modules["__main__"], "__package__", None, raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zoo", *arguments])
        status = run()
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


def _commands(group=None, path=()):
    group = group or typer.main.get_command(app)
    for name, item in group.commands.items():
        if hasattr(item, "commands"):
            yield from _commands(item, (*path, name))
        else:
            yield (*path, name), item


ALL = [path for path, _ in _commands()]


def test_the_commands_are_those_of_the_design():
    assert [" ".join(path) for path in ALL] == [
        "models", "train", "tune", "leaderboard", "compare", "ensemble", "report",
        "predict", "serve",
        "label",
        "runs list", "runs show", "runs verify", "runs export", "runs remove",
        "runs edit", "runs prefer",
        "data check", "data list", "data info",
        "plugins new", "plugins check", "plugins list", "plugins doctor",
        "plugins disable", "plugins enable",
    ]  # fmt: skip


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_explains_itself(path, command):
    status, out, err = command(*path, "--help")
    assert (status, err) == (0, "")
    assert "Usage: zoo " + " ".join(path) in out


def names(found: list[dict[str, Any]]) -> set[str]:
    return {item["name"] for item in found}


# What the JSON of each command says of ten tones, and of a run of logistic on them.
SAYS: dict[tuple[str, ...], Callable[[Any], bool]] = {
    ("models",): lambda said: names(said) >= {"svm", "logistic", "cnn2d"},
    ("tune",): lambda said: (
        said["tuning"].startswith("logistic-")
        and [trial["number"] for trial in said["trials"]] == [0, 1]
        and all(trial["scores"] == [1.0] * 3 == [trial["score"]] * 3 for trial in said["trials"])
    ),
    ("leaderboard",): lambda said: (
        [(board["dataset"], board["protocol"]) for board in said] == [("tones", "kfold:5")]
        and [(row["model"], row["rank"], row["accuracy"]) for row in said[0]["rows"]]
        == [("logistic", 1, 1.0)]
    ),
    ("compare",): lambda said: (
        (said["first"]["run"].partition("-")[0], said["second"]["run"]) == ("logistic", "copy")
        and said["settings"] == said["only_first"] == said["only_second"] == []
        and (said["metrics"][0]["metric"], said["metrics"][0]["p"]) == ("accuracy", 1.0)
    ),
    ("runs", "list"): lambda said: (
        [(run["model"], run["dataset"], run["protocol"], run["grouped"]) for run in said]
        == [("logistic", "tones", "kfold:5", True)]
        and (said[0]["status"], said[0]["error"]) == ("complete", None)
    ),
    ("runs", "show"): lambda said: (
        said["run"].startswith("logistic-")
        and said["confusion"] == [[5, 0], [0, 5]]
        and said["scores"]["accuracy"] == 1.0
        and said["params"] == {"C": 0.3}
    ),
    ("runs", "verify"): lambda said: [run["findings"] for run in said] == [[]],
    ("data", "check"): lambda said: (
        said
        == {
            "dataset": "tones", "collection": None, "tracks": 10, "classes": ["high", "low"],
            "distorts": False, "problems": [],
        }
    ),
    ("data", "list"): lambda said: names(said) >= {"gtzan", "esc-50", "fma-small"},
    ("data", "info"): lambda said: (
        (said["dataset"], said["kind"], said["tracks"], said["groups"])
        == ("tones", "audio", 10, 10)
        and said["classes"]
        == [{"class": name, "tracks": 5, "groups": 5} for name in ("high", "low")]
    ),
    ("plugins", "check"): lambda said: (
        said["model"] == "logistic"
        and [(check["check"], check["status"]) for check in said["checks"]]
        == [("card-complete", "passed")]
    ),
    ("plugins", "list"): lambda said: names(said) >= {"svm", "logistic", "cnn2d"},
    ("plugins", "doctor"): lambda said: names(said["plugins"]) >= {"svm", "logistic", "cnn2d"},
    ("predict",): lambda said: (
        [(Path(line["path"]).parent.name, line["label"]) for line in said]
        == [(label, label) for label in ("high", "low") for _ in range(5)]
        and set(said[0])
        >= {"path", "label", "confidence", "votes", "probabilities", "windows", "error"}
    ),
    ("label",): lambda said: (
        [(Path(row["path"]).parent.name, row["label"]) for row in said]
        == [(row["guess"], "") for row in said]
        and len(said) == 3
        and set(said[0])
        == {"path", "label", "group", "guess", "confidence", "margin", "reason"}
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def of_ten_tones(tmp_path_factory, make_tones) -> Path:
    """Return a folder with ten tones, and a run of logistic on them."""
    root = tmp_path_factory.mktemp("ten")
    make_tones(root / "tones", tracks=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(root / "cache"))
        patch.setenv("ZOO_MODELS", str(root / "models"))
        assert zoo.train("logistic", str(root / "tones"), jobs=1).complete
    return root


def _prints_json(item):
    return any("json" in getattr(option.type, "choices", ()) for option in item.params)


@pytest.mark.parametrize("path", [path for path, item in _commands() if _prints_json(item)])
def test_json_is_all_that_goes_to_stdout(path, command, of_ten_tones, workspace, monkeypatch):
    shutil.copytree(of_ten_tones / "models", workspace / "models")
    monkeypatch.setenv("ZOO_CACHE", str(of_ten_tones / "cache"))
    data = str(of_ten_tones / "tones")
    (run,) = (workspace / "models").glob("*/*/logistic-*")
    shutil.copytree(run, workspace / "copy")
    given = {
        ("compare",): ["logistic", "copy"],
        ("predict",): ["logistic", data, "--jobs", "1"],
        ("label",): [data, "--run", "logistic", "--count", "3"],
        ("data", "check"): [data],
        ("data", "info"): [data],
        ("runs", "show"): ["logistic"],
        ("plugins", "check"): ["logistic", "--only", "card-complete"],
        ("tune",): ["logistic", "--data", data, "--trials", "1"],
    }
    _, out, _ = command(*path, *given.get(path, []), "--format", "json")
    if path == ("predict",):
        said = sorted(map(json.loads, out.splitlines()), key=lambda line: line["path"])
    else:
        said = json.loads(out)
    assert SAYS[path](said), out


def test_a_board_as_csv_is_the_board_of_json(command, feature_table):
    """Names are quoted, what is unknown is an empty cell, lists are joined by semicolons."""
    name = 'a,"b'
    data = str(feature_table(name=f"{name}.csv", spread=3.0))
    for model in ("logistic", "decision-tree"):
        zoo.train(model, data, protocol="kfold:3")
    (board,) = json.loads(command("leaderboard", "--format", "json")[1])
    status, out, err = command("leaderboard", "--format", "csv")
    assert (status, err) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert len(rows) == len(board["rows"]) == 2
    assert rows[0]["model"] != rows[1]["model"]
    for row, expected in zip(rows, board["rows"], strict=True):
        assert row["dataset"] == board["dataset"] == name
        assert row["fingerprint"] == board["fingerprint"]
        assert (row["protocol"], row["grouped"]) == ("kfold:3", str(board["grouped"]))
        cells = {key: value for key, value in row.items() if key in expected}
        apart = {"title", "params", "by_change", "by_origin", "failed_changes", "intervals"}
        assert set(expected) - set(cells) <= apart
        for key, cell in cells.items():
            value = expected[key]
            if value is None:
                assert cell == ""
            elif isinstance(value, list):
                assert cell == ";".join(map(str, value))
            elif isinstance(value, float):
                assert float(cell) == value
            else:
                assert cell == str(value)
    assert "None" not in out


def test_a_run_is_shown_with_its_matrix_the_right_way_round(command, mistaken):
    """A track that is labelled high sounds low."""
    status, out, err = command("runs", "show", "svm")
    assert (status, err) == (0, "")
    lines = [line.split() for line in out.splitlines()]
    place = next(n for n, line in enumerate(lines) if "answers" in line)
    assert "rows are labels, columns are answers" in " ".join(out.split())
    words = [line for line in lines[place + 1 :] if line and line[0].isalpha()]
    assert words[:3] == [["high", "low"], ["high", "8", "1"], ["low", ".", "7"]]
    for row in (["high", "1.000", ".889", ".941", "9"], ["low", ".875", "1.000", ".933", "7"]):
        assert row in words
    assert ["balanced", "accuracy", ".944"] in [line[:3] for line in words]
    assert "accuracy .938 by vote, .938 by mean probability, macro F1 .937; folds" in out
    _, out, _ = command("runs", "show", "svm", "--format", "json")
    shown = json.loads(out)
    assert shown["confusion"] == [[8, 1], [0, 7]]
    assert shown["scores"]["accuracy"] == shown["metrics"]["accuracy"]["value"] == 0.9375
    assert [each["recall"] for each in shown["classes"]] == [pytest.approx(8 / 9), 1]
    losses = {line[0]: line[1:3] for line in lines if len(line) > 4 and line[0] in FAMILIES}
    assert {each["family"] for each in shown["importance"]} == losses.keys() == FAMILIES
    for each in shown["importance"]:
        columns, loss = losses[each["family"]]
        assert (int(columns), float(loss)) == (each["columns"], round(each["fall"], 3))
        assert each["low"] <= each["fall"] <= each["high"]


@pytest.mark.parametrize("name", ["robustness.csv", "sizes.csv"])
def test_a_damaged_part_hides_nothing_else_of_a_run(command, tone_folder, feature_table, name):
    if name == "robustness.csv":
        wanted = ("--robustness", "4", "--data", str(tone_folder(seconds=0.3)))
    else:
        wanted = ("--sizes", "3", "--data", str(feature_table(tracks=20)))
    options = ("--protocol", "kfold:2", *wanted)
    assert command("train", "decision-tree", *options)[0] == 0
    (path,) = Path("models").glob(f"*/*/*/{name}")
    path.write_bytes(path.read_bytes()[:-3])
    status, out, _ = command("runs", "show", "decision-tree")
    assert status == 0
    assert "confusion" in out
    assert name in out
    assert "repairs it" in " ".join(out.split())
    status, out, _ = command("runs", "show", "decision-tree", "--format", "json")
    assert (status, json.loads(out)["scores"] is None) == (0, False)


def test_a_board_and_a_run_show_what_survives_changes(command, tone_folder, monkeypatch):
    data = str(tone_folder(seconds=0.3))
    options = ("--data", data, "--protocol", "kfold:2")
    assert command("train", "logistic", *options, "--robustness", "4", "--no-robustness")[0] == 2
    assert command("train", "logistic", *options, "--robustness", "4")[0] == 0
    assert command("train", "decision-tree", *options)[0] == 0
    monkeypatch.setattr("zoo.cli.output.width", lambda: 120)
    _, out, _ = command("leaderboard", "--data", data)
    head = out[: out.index("logistic")].split()
    assert head.index("accuracy") + 1 == head.index("robustness")
    assert {"worst", "change", "interval"} < set(head)
    assert max(map(len, out.splitlines()[:7])) <= 120
    (without,) = [line.split() for line in out.splitlines() if "decision-" in line]
    assert "-" in without
    (board,) = json.loads(command("leaderboard", "--format", "json")[1])
    asked = next(row for row in board["rows"] if row["model"] == "logistic")
    assert (
        f"{asked['worst_robustness']:.3f}"[1:] + f" {asked['worst_change']}"
        in command("leaderboard", "--format", "markdown")[1]
    )
    _, out, _ = command("leaderboard", "--data", data)
    said = "robustness: mean share right of tracks with everyday changes; worst change: "
    assert said in " ".join(out.split())
    _, out, _ = command("runs", "show", "logistic", "--format", "json")
    changes = json.loads(out)["changes"]
    assert {each["change"]: each["accuracy"] for each in changes} == asked["by_change"]
    assert all(each["tracks"] == 4 for each in changes)
    _, out, _ = command("runs", "show", "logistic")
    assert ", 4 tracks" in out
    assert all(each["change"] in out for each in changes)
    assert "50 ms of" in out
    assert (
        json.loads(command("runs", "show", "decision-tree", "--format", "json")[1])["changes"]
        is None
    )


def test_models_have_the_keys_that_others_rely_on(command):
    _, out, _ = command("models", "--format", "json")
    models = json.loads(out)
    keys = {"name", "title", "family", "status", "reason", "distribution", "version", "layout",
            "licence", "trained_on", "weights"}  # fmt: skip
    assert all(set(model) == keys for model in models)
    found = {model["name"]: model for model in models}
    described = [found["musicnn"][key] for key in ("layout", "licence", "trained_on", "weights")]
    assert described == ["vectors", "ISC", ["the Million Song Dataset"], "musicnn==0.1.0"]
    assert {model["name"] for model in models} >= {
        "svm", "random-forest", "logistic", "elasticnet", "decision-tree", "knn", "cnn2d",
        "vgg16",
    }  # fmt: skip


def test_models_name_their_front_end(command):
    _, out, _ = command("models")
    assert re.search(r"svm +SVM \(RBF\) +classical +handcrafted +ready +genre-zoo *\n", out)
    assert re.search(r"cnn2d .* deep +log-mel ", out)


@pytest.mark.parametrize("arguments", [["--help"], ["models"], ["leaderboard"], ["runs", "list"]])
def test_quick_commands_import_nothing_heavy(arguments, workspace, feature_table):
    zoo.train("logistic", str(feature_table()))
    zoo.leaderboard()
    code = (
        "import sys; from zoo.cli.app import run; sys.argv[0] = 'zoo'; status = run();"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == "[]"


def _bad_folders(root: Path, tone_folder) -> None:
    (root / "empty").mkdir()
    tone_folder(classes=("only",), name="one-class")
    folder = tone_folder(tracks=6, name="small")
    for path in sorted((folder / "low").iterdir())[2:]:
        path.unlink()
    tone_folder(tracks=5, name="good")
    (root / "song.txt").write_text("la la la")
    (root / "table.csv").write_text("a,b\n1,2\n")
    (root / "letters.csv").write_text("a,label\n1,x\ntwo,y\n")
    (root / "plugin.py").write_text("def train(:")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "svm", "--data", "nowhere"], ["no folder or file 'nowhere'"]),
        (["train", "svm", "--data", "empty"], ["empty", "sub-folder per class"]),
        (["train", "svm", "--data", "one-class"], ["one class only", "'only'"]),
        (
            ["train", "svm", "--data", "small", "--protocol", "kfold:5"],
            ["'low'", "2 tracks", "kfold:2"],
        ),
        (["train", "svm", "--data", "song.txt"], ["song.txt", "neither a table of labels"]),
        (["train", "svm", "--data", "table.csv"], ["table.csv", "'label'"]),
        (["train", "svm", "--data", "letters.csv"], ["line 3", "'two'", "'a'"]),
        (["train", "nosuch", "--data", "good"], ["'nosuch'", "svm"]),
        (["train", "./nosuch.py", "--data", "good"], ["nosuch.py", "no file"]),
        (["train", "--data", "good"], ["no model is named", "--all"]),
        (["train", "svm", "--data", "good", "--set", "D=1"], ["'D'", "C, gamma"]),
        (["train", "svm", "--data", "good", "--set", "C=big"], ["'C'", "'big'", "5.0"]),
        (["train", "svm", "--data", "good", "--set", "C"], ["NAME=VALUE", "'C'"]),
        (["train", "svm", "--data", "good", "--protocol", "x"], ["'x'", "kfold:5"]),
        (["train", "svm", "--data", "good", "--protocol", "predefined"], ["no published folds"]),
        (["train", "svm", "--data", "good", "--protocol", "artist-3fold"], ["not GTZAN"]),
        (["train", "svm", "--data", "good", "--seed", "-1"], ["seed -1"]),
        (["train", "svm", "--nonsense"], ["No such option"]),
        (["predict", "svm", "nothing.wav"], ["'nothing.wav'"]),
        (["predict", "svm", "good"], ["no run or trained model 'svm'", "zoo train"]),
        (["runs", "show", "nothing"], ["no run or trained model 'nothing'"]),
        (["data", "check", "letters.csv"], ["letters.csv", "line 3"]),
        (["leaderboard", "--protocol", "x"], ["'x'"]),
        (["nonsense"], ["No such command"]),
    ],
    ids=lambda value: " ".join(value) if len(value) > 1 else None,
)
def test_bad_input_gets_one_sentence_and_status_two(
    arguments, words, command, workspace, tone_folder
):
    _bad_folders(workspace, tone_folder)
    status, out, err = command(*arguments)
    assert status == 2
    assert out == ""
    assert "Traceback" not in err
    for word in words:
        assert word in err
    assert not list(workspace.glob("models/**/run.json"))


def test_a_broken_plugin_file_is_a_failure_with_its_reason(command, workspace, tone_folder):
    _bad_folders(workspace, tone_folder)
    status, _, err = command("train", "plugin.py", "--data", "good")
    assert status == 1
    assert "SyntaxError" in err
    assert "Traceback" not in err


def test_debug_adds_the_traceback(command, monkeypatch):
    monkeypatch.setenv("ZOO_DEBUG", "1")
    status, _, err = command("runs", "show", "nothing")
    assert status == 2
    assert "Traceback" in err


def test_a_session_from_training_to_prediction(command, workspace, tone_folder):
    folder = tone_folder(tracks=6)
    (folder / "low" / "broken.wav").write_text("no music")
    status, out, err = command("train", "logistic", "decision-tree", "--data", "tones")
    assert status == 0
    assert "logistic" in out
    assert "decision-tree" in out
    assert err.count("left out") == 1
    assert "Next: `zoo predict" in err
    status, out, err = command("train", "logistic", "--data", "tones")
    assert status == 0
    assert "trained already" in err
    marks = {
        "markdown": "| ---", "csv": "fingerprint,", "table": "95 % interval",
        "html": '<table class="data" data-name="board"', "latex": "\\begin{tabular}",
    }  # fmt: skip
    for form, mark in marks.items():
        status, out, _ = command("leaderboard", "--format", form)
        assert status == 0
        assert mark in out
    song = str(folder / "low" / "low00.wav")
    status, out, err = command("predict", "logistic", song)
    assert (status, err) == (0, "")
    assert out.startswith("low")
    status, out, err = command("predict", "logistic", "tones", "--format", "csv")
    assert status == 1
    assert len(out.splitlines()) == 14
    assert "broken.wav" in out
    status, out, _ = command("runs", "verify")
    assert status == 0
    assert out.count("verified") == 2
    status, out, _ = command("runs", "remove", find_run("decision-tree").id, "--yes")
    assert status == 0
    status, out, _ = command("runs", "list", "--format", "json")
    assert [item["model"] for item in json.loads(out)] == ["logistic"]
    Path(json.loads(out)[0]["folder"], "predictions.csv").write_text("nonsense")
    assert command("runs", "verify")[0] == 1


def test_prediction_hears_any_rate_and_channel_count(command, workspace, tone_folder):
    folder = tone_folder(tracks=6)
    zoo.train("logistic", str(folder))
    samples, rate = soundfile.read(folder / "high" / "high00.wav")
    soundfile.write("stereo.flac", [[s, s] for s in samples], rate)
    _, out, _ = command("predict", "logistic", "stereo.flac", "--format", "json")
    assert json.loads(out)["label"] == "high"


def test_the_real_command_and_a_pipe_that_closes(workspace, feature_table):
    zoo.train("logistic", str(feature_table()))
    done = subprocess.run(
        f"{ZOO} runs show logistic | head -1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("run ")
    version = subprocess.run([ZOO, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("genre-zoo ")
    module = [sys.executable, "-m", "zoo", "--version"]
    assert (
        subprocess.run(module, capture_output=True, text=True, check=True).stdout == version.stdout
    )


def test_a_report_names_its_pages_and_opens_the_first(command, mistaken, workspace, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    status, out, err = command("report", "--data", str(mistaken))
    assert status == 0
    names = ["index.html", "tones-kfold-3.html", "tones-kfold-3-ungrouped.html"]
    assert out.splitlines() == [str(Path("report") / name) for name in names]
    assert "Next: open report/index.html" in err
    assert opened == []
    status, out, err = command("report", "--output", "there", "--protocol", "kfold:3", "--open")
    assert (status, err) == (0, "")
    assert opened == [(workspace / "there" / "index.html").as_uri()]
    status, out, err = command("report", "--protocol", "kfold:7")
    assert (status, out) == (0, "")
    assert "no run to show" in err
    Path("taken").write_text("a file")
    status, out, err = command("report", "--output", "taken")
    assert (status, out) == (2, "")
    assert "taken" in err
