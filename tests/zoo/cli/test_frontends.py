"""Models on several front ends, as the commands show them and find them again."""

import html
import json
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from zoo.cli.app import app
from zoo.plugins.registry import open_registry, usable_model
from zoo_registry import UsageError
from zoo_registry.published import published

FRONT_END = """
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from zoo import FrontEndCard, TrainedOn

@dataclass(frozen=True)
class Level:
    name: ClassVar[str] = "level"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "vectors"
    sample_rate: int = 8000

    def __call__(self, audio):
        crossings = np.abs(np.diff(np.sign(audio))).mean()
        return np.array([[np.abs(audio).mean(), crossings]], np.float32)

seen = TrainedOn(corpus="the Levels", overlaps={"gtzan": "shares artists with GTZAN"})
card = FrontEndCard(frontend=Level(), title="Level", trained_on=(seen,))
"""


def zoo(*words, code=0):
    outcome = CliRunner().invoke(app, [str(word) for word in words])
    assert outcome.exit_code == code, (outcome.output, outcome.exception)
    return outcome


@pytest.fixture(scope="module")
def _trained(tmp_path_factory, make_tones):
    root = tmp_path_factory.mktemp("frontends")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("ZOO_MODELS", raising=False)
        patch.setenv("ZOO_CACHE", str(root / "cache"))
        make_tones(root / "tones")
        (root / "level.py").write_text(FRONT_END)
        given = ("handcrafted", "handcrafted:window=0.5", "./level.py")
        zoo(
            "train", "logistic", "--data", "tones", "--protocol", "kfold:2", "--jobs", 1,
            "--no-robustness", *(word for each in given for word in ("--front-end", each)),
        )  # fmt: skip
    return root


@pytest.fixture
def trained(_trained, monkeypatch):
    monkeypatch.chdir(_trained)
    monkeypatch.delenv("ZOO_MODELS", raising=False)
    monkeypatch.setenv("ZOO_CACHE", str(_trained / "cache"))
    return {
        json.loads(path.read_text())["frontend"]["name"]
        + str(json.loads(path.read_text())["frontend"].get("window", "")): path.parent.name
        for path in Path("models").rglob("run.json")
    }


NAMES = ["logistic on handcrafted", "logistic on handcrafted:window=0.5", "logistic on level"]


def test_every_board_and_list_names_them(trained):
    markdown = zoo("leaderboard", "--format", "markdown").stdout
    assert (
        sorted(line.split(" | ")[1] for line in markdown.splitlines() if "logistic on" in line)
        == NAMES
    )
    specs = sorted(name.removeprefix("logistic on ") for name in NAMES)
    boards = json.loads(zoo("leaderboard", "--format", "json").stdout)
    assert sorted(row["frontend"] for row in boards[0]["rows"]) == specs
    header, *rows = zoo("leaderboard", "--format", "csv").stdout.splitlines()
    assert "frontend" in header.split(",")
    assert all(any(spec in row for row in rows) for spec in specs)
    listed = zoo("runs", "list").stdout
    assert all(spec in listed for spec in specs)
    shown = zoo("runs", "show", trained["level"]).stdout
    assert "front end  level" in shown
    assert "weights    Level; licence: not declared" in shown
    assert "seen       level was trained on the Levels; whether that has recordings of" in shown
    assert "weights" not in zoo("runs", "show", trained["handcrafted0.5"]).stdout
    zoo("report", "--output", "report", "--force")
    page = next(Path("report").glob("*.html")).read_text()
    assert all(f"{name}</th>" in page for name in NAMES)
    card = next(Path("models").rglob(f"{trained['handcrafted0.5']}/README.md")).read_text()
    title = next(line for line in card.splitlines() if line.startswith("# "))
    assert "on handcrafted:window=0.5" in title


def test_what_its_weights_have_heard_is_on_board_page_and_card(trained, make_tones, monkeypatch):
    gtzan = make_tones(Path("gtzan"), classes=("blues", "rock"))
    for path in gtzan.rglob("*.wav"):
        path.rename(path.with_name(f"{path.parent.name}.000{path.stem[-2:]}.wav"))
    monkeypatch.setenv("ZOO_MODELS", "heard")
    unknown = "level was trained on the Levels; whether that has recordings of {} is not known."
    known = "level was trained on the Levels, which shares artists with GTZAN."
    zoo(
        "train", "logistic", "--front-end", "./level.py", "--data", gtzan, "--protocol",
        "holdout:0.5", "--ungrouped", "--jobs", 1, "--no-robustness",
    )  # fmt: skip
    for models, sentence in (("heard", known), ("models", unknown.format("'tones'"))):
        monkeypatch.setenv("ZOO_MODELS", models)
        for format in ("table", "markdown"):
            found = zoo("leaderboard", "--format", format).stdout
            assert " ".join(found.split()).count(sentence) == 1
        rows = json.loads(zoo("leaderboard", "--format", "json").stdout)[0]["rows"]
        assert [row["trained_on"] for row in rows if row["frontend"] == "level"] == [[sentence]]
        zoo("report", "--output", models, "--force")
        assert sentence in html.unescape(next(Path(models).glob("*.html")).read_text())
        cards = [path.read_text() for path in Path(models).rglob("logistic-*/README.md")]
        assert sum(sentence in card for card in cards) == 1


def test_an_encoder_of_unknown_weights_is_named_on_board_and_card(trained, monkeypatch):
    from zoo.plugins.scaffold import write_module

    monkeypatch.setenv("ZOO_MODELS", "unknown")
    write_module("my-encoder", Path(), "front-end")
    zoo(
        "train", "logistic", "--front-end", "./my_encoder.py", "--front-end", "handcrafted",
        "--data", "tones", "--protocol", "holdout:0.5", "--jobs", 1, "--no-robustness",
    )  # fmt: skip
    sentence = "What my-encoder's weights were trained on is not stated in its card."
    table = zoo("leaderboard").stdout
    assert " ".join(table.split()).count(sentence) == 1
    assert "handcrafted's" not in table
    assert "with --robustness 100 does it and adds the column" in " ".join(table.split())
    cards = [path.read_text() for path in Path("unknown").rglob("logistic-*/README.md")]
    assert sorted(sentence in card for card in cards) == [False, True]
    checked = zoo("plugins", "check", "./my_encoder.py", "--only", "card-complete").stdout
    assert "its card does not state licence and trained_on of its weights" in checked
    text = Path("my_encoder.py").read_text()
    example = text.partition("# TrainedOn(")[2].partition("),\n")[0]
    filled = text.replace("trained_on=SEEN", f"trained_on=TrainedOn({example})")
    Path("my_encoder.py").write_text(filled.replace("licence=None", 'licence="MIT"'))
    assert "does not state" not in zoo(
        "plugins", "check", "./my_encoder.py", "--only", "card-complete"
    ).stdout  # fmt: skip


def test_the_card_says_what_this_run_has(write_run):
    from zoo.artefacts.model_card import model_card

    answers = [0, 1, 2] * 4
    frontend = {"name": "mine", "version": 1, "sample_rate": 16000, "window": 9.0, "step": 3.0}
    plugin = {"title": "Mine", "network": True, "weights": True}
    run = write_run("svm-a", answers, answers, frontend=frontend, frontend_plugin=plugin, copies=3)
    card = model_card(run, run.predictions())
    assert "| training copies | of narrow band under noise, version 3 |" in card
    assert "sample_rate 16000 Hz, window 9.0 s, step 3.0 s |" in card
    run = write_run("svm-b", answers, answers, copies=3)
    assert ("| training copies | of narrow band under noise, and excerpts, version 3 |") in (
        model_card(run, run.predictions())
    )


def test_front_ends_of_one_name_are_told_apart(write_run):
    places = {
        "a": {"spec": "/one/mine.py:window=3.0", "version": "0123456789ab"},
        "b": {"spec": "/two/mine.py:window=3.0", "version": "ba9876543210"},
        "c": {"spec": "mine:window=3.0", "distribution": "my-own", "version": "0.2"},
        "d": {"spec": "alone", "distribution": "other", "version": "1.0"},
    }
    for name, plugin in places.items():
        frontend = {"name": "mine" if name < "d" else "alone", "version": 1}
        answers = [0, 1, 2] * 4
        described = {"title": "Mine", **plugin}
        write_run(f"svm-{name}", answers, answers, frontend=frontend, frontend_plugin=described)
    lines = zoo("leaderboard", "--format", "markdown").stdout.splitlines()
    assert sorted(line.split(" | ")[1] for line in lines if "svm on" in line) == [
        "svm on alone",
        "svm on mine:window=3.0 (mine.py 012345)",
        "svm on mine:window=3.0 (mine.py ba9876)",
        "svm on mine:window=3.0 (my-own 0.2)",
    ]


def test_the_next_command_after_tuning_works(trained, make_tones, monkeypatch):
    import csv
    import shlex

    monkeypatch.setenv("ZOO_MODELS", "tuned")
    data = make_tones(Path("one artist"), tracks=8)
    with (data / "metadata.csv").open("w", newline="") as file:  # of which no split by artist is
        rows = [(str(path.relative_to(data)), path.parent.name) for path in data.rglob("*.wav")]
        csv.writer(file).writerows([("path", "group"), *rows])
    tuned = zoo(
        "tune", "logistic", "--trials", 1, "--data", data, "--front-end", "./level.py",
        "--protocol", "holdout:0.5", "--ungrouped", "--seed", 3, "--jobs", 1,
    )  # fmt: skip
    assert "the best of 2 trials, including trial 0 with the card's" in " ".join(
        tuned.stdout.split()
    )
    (following,) = re.findall(r"Next: `zoo (.*)`", tuned.stderr)
    zoo(*shlex.split(following), "--jobs", 1, "--no-robustness")
    plain = following.replace("--front-end ./level.py ", "")
    refused = CliRunner().invoke(app, shlex.split(plain))
    assert "level.py" in str(refused.exception)
    proposed = re.findall(r"`zoo (train.*?)`", str(refused.exception))
    assert shlex.split(proposed[0])[:2] == ["train", "logistic"]
    zoo(*shlex.split(proposed[0]), "--jobs", 1, "--no-robustness")


def test_the_card_of_one_is_printed(trained):
    found = " ".join(zoo("models", "musicnn").stdout.split())
    for said in ("layout vectors", "licence ISC", "sample rate 16000", "window="):
        assert said in found
    assert "trained on the Million Song Dataset, which shares artists with GTZAN" in found
    assert "the Levels, which shares" in zoo("models", "./level.py").stdout
    assert json.loads(zoo("models", "log-mel", "--format", "json").stdout)["weights"] is None
    (row,) = (line for line in zoo("models", "svm").stdout.splitlines() if " C " in line)
    assert row.split()[:6] == ["C", "5.0", "0.1", "to", "100,", "logarithmic"]
    card = json.loads(zoo("models", "svm", "--format", "json").stdout)
    assert (card["layout"], card["space"]["C"].keys()) == ("vectors", {"low", "high"})
    refused = CliRunner().invoke(app, ["models", "musicn"])
    assert "no model 'musicn'; did you mean the front end musicnn?" in str(refused.exception)


def test_predict_names_the_run_that_it_takes(trained):
    song = next(Path("tones").rglob("*.wav"))
    found = zoo("predict", "logistic", song, "--format", "json")
    run = json.loads(found.stdout)["run"]
    # The newest has a front end that no artefact can hold, and that only its file has.
    assert run in (trained["handcrafted0.5"], trained["handcrafted30.0"])
    said = f"logistic is the run {run} (dataset tones, front end handcrafted"
    assert said in found.stderr
    assert "is the run" not in zoo("predict", trained["handcrafted30.0"], song).stderr
    refused = CliRunner().invoke(app, ["predict", trained["level"], str(song)])
    assert "its front end is a file, which `zoo predict` does not load" in str(refused.exception)


def test_every_command_names_the_run_that_it_takes(write_run, workspace):
    answers = [0, 1, 2] * 4
    for name, model in (("svm-a", "svm"), ("svm-b", "svm"), ("knn-a", "knn"), ("svm-c-d", "svm-c")):
        dataset = {"name": name, "source": "tracks.csv", "fingerprint": "0" * 64,
                   "classes": ["a", "b", "c"], "tracks": 12}  # fmt: skip
        finished = f"2024-01-0{1 + (name == 'svm-b')}T00:00:00+00:00"
        write_run(name, answers, answers, model=model, dataset=dataset, finished=finished)
    said = "svm is the run svm-b (dataset svm-b, front end table); it has runs on other datasets"
    assert said in zoo("runs", "show", "svm", "--format", "json").stderr
    assert said in CliRunner().invoke(app, ["runs", "verify", "svm"]).stderr
    assert said in CliRunner().invoke(app, ["runs", "export", "svm", "out"]).stderr
    for alone in ("knn", "svm-c", "svm-b", next(workspace.rglob("svm-a"))):
        assert "is the run" not in zoo("runs", "show", alone).stderr


def test_a_run_on_another_front_end_is_verified_anew(trained):
    zoo("runs", "verify", trained["handcrafted0.5"], "--rerun")


def test_a_front_end_of_a_file_is_loaded_if_it_is_named(trained):
    refused = zoo("runs", "verify", trained["level"], "--rerun", code=1)
    assert "no code is loaded because a record names it" in refused.output
    assert "add --front-end" in refused.output
    zoo("runs", "verify", trained["level"], "--rerun", "--front-end", "./level.py")


def test_models_of_another_layout_are_left_out_of_all(trained):
    found = zoo(
        "train", "--all", "--front-end", "handcrafted:window=0.5", "--data", "tones", "--protocol",
        "holdout:0.3", "--jobs", 1, "--no-robustness",
    )  # fmt: skip
    assert "cnn2d is left out: " in found.stderr
    assert "vgg16 is left out: " in found.stderr
    shutil.rmtree(next(Path("models").rglob("holdout*")))


@pytest.mark.parametrize(("model", "other"), [("svm", "log-mel"), ("cnn2d", "handcrafted")])
def test_of_a_front_end_that_does_not_fit_others_are_named_that_do(model, other):
    fitting = "handcrafted" if model == "svm" else "log-mel"
    with pytest.raises(UsageError, match=f"; these fit: .*--front-end {fitting}") as raised:
        usable_model(open_registry(), model, other)
    assert f"--front-end {other}" not in str(raised.value)
    for run in published():
        fits = (run.record.model.name == "cnn2d") == (model == "cnn2d")
        assert (f"--from {run.id}," in str(raised.value)) == fits
