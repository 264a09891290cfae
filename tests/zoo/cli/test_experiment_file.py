"""Experiment files: the options of a command as TOML."""

from pathlib import Path

import pytest
from typer.main import get_command

from zoo.cli.app import app
from zoo.cli.experiment_file import _by_key, _kind
from zoo.workspace import runs


@pytest.fixture
def table(feature_table) -> Path:
    """Return the folder of a feature table and an experiment file beside it."""
    folder = feature_table(tracks=20).parent
    path = next(folder.glob("*.csv"))
    (folder / "study.toml").write_text(
        f'models = ["decision-tree"]\ndata = "{path.name}"\nprotocol = "kfold:2"\nseed = [0, 1]\n'
        "[set]\nmax_depth = 5\nmin_samples_leaf = 2\n"
    )
    return folder


def test_a_file_is_the_command_and_the_command_line_wins(table, command, tmp_path, monkeypatch):
    away = tmp_path / "elsewhere"
    away.mkdir()
    monkeypatch.chdir(away)
    file = table / "study.toml"
    first = command("train", "--config", file)
    assert first[0] == 0, first
    made = {run.record.seed: run for run in runs()}
    assert sorted(made) == [0, 1]
    assert {run.record.params["max_depth"] for run in made.values()} == {5}
    status, _, err = command("train", "--config", file, "--seed", "0", "--set", "max_depth=5")
    assert status == 0
    assert f"{made[0].id} is trained already" in err
    assert made[1].id not in err
    assert (
        command("train", "--config", file, "--seed", "0", "--set", "min_samples_leaves=9")[0] == 2
    )
    assert command("train", "--config", file, "--seed", "2", "--set", "max_depth=8")[0] == 0
    (third,) = [run.record for run in runs() if run.record.seed == 2]
    assert (third.params["max_depth"], third.params["min_samples_leaf"]) == (8, 2)
    # The file that a run prints trains the same run.
    run = made[1]
    again = away / "again.toml"
    again.write_text(command("runs", "show", run.id, "--format", "toml")[1])
    status, _, err = command("train", "--config", again)
    assert (status, len(list(runs()))) == (0, 3)
    assert f"{run.id} is trained already" in err


def test_a_search_takes_a_file_with_its_own_argument(table, command):
    file = table / "study.toml"
    file.write_text('model = "no-such-model"\ntrials = 1\n')
    status, _, err = command("tune", "--config", file)
    assert (status, "no-such-model" in err) == (2, True)
    file.write_text('models = "decision-tree"\n')
    assert (
        "there is no key 'models' (the closest name there is 'model')"
        in command("tune", "--config", file)[2]
    )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('modles = "svm"', "line 1: there is no key 'modles' (the closest name there is 'models')"),
        ('\n"--data" = "demo"', "line 2: there is no key '--data'; write data"),
        *(
            (f"{name} = 1", f"line 1: {name} is of the command line only; give --{name} there")
            for name in ("config", "log", "quiet", "verbose", "help")
        ),
        ("colour = 1", "line 1: there is no key 'colour'; keys: models, all, data"),
        ("models = 3", "line 1: models is a text, or a list of them, not 3"),
        ("seed = true", "seed is a whole number, or a list of them, not true"),
        ("seed = [0, 1.5]", "seed is a whole number, or a list of them, not 1.5"),
        ("data = ['a', 'b']", 'data is a text, not ["a", "b"]'),
        ("all = 'yes'", 'all is true or false, not "yes"'),
        ('models = "svm"\n\nnested = -1', "line 3: nested: -1 is not in the range"),
        ("tuner = 'grid'", "line 1: tuner: 'grid' is not one of"),
        ("set = 3", "set is a table"),
        ("[set]\nC = [1, 2]", "line 2: the parameter C is one value, not [1, 2]"),
        ("[[experiment]]\ndata = 'demo'", "line 1: there is no key 'experiment'"),
        ("x", "is no TOML file: Expected '='"),
        ("data = 'demo'", "no model is named"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, sentence, command, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(text)
    status, out, err = command("train", "--config", file)
    assert (status, out) == (2, "")
    assert sentence in err
    assert str(file) in err or "no model" in sentence
    assert err.splitlines()[-1].startswith("zoo: ")


def test_one_size_and_the_mark_of_an_editor_are_understood(table, command):
    file = table / "study.toml"
    text = 'models = "decision-tree"\ndata = "./table.csv"\nsizes = 2\nprotocol = "kfold:2"\n'
    for sizes in ("sizes = 2", "sizes = [2]", 'sizes = "2"'):
        file.write_text(text.replace("sizes = 2", sizes), encoding="utf-8-sig")
        status, out, err = command("train", "--config", file, "--dry-run")
        assert (status, "Nothing was trained" in out) == (0, True), err


@pytest.mark.parametrize("made", ["gone", "folder", "bytes"])
def test_what_is_no_file_is_refused(made, command, tmp_path):
    path = tmp_path / "mine.toml"
    if made == "folder":
        path.mkdir()
    elif made == "bytes":
        path.write_bytes(b"\xff\xfe")
    status, out, err = command("train", "--config", path)
    assert (status, out) == (2, "")
    assert str(path) in err


@pytest.mark.parametrize("name", ["train", "tune"])
def test_every_option_is_a_key(name, command, tmp_path):
    params = _by_key(get_command(app).commands[name].params)
    assert {"data", "protocol", "front-end", "ungrouped"} <= set(params)
    file = tmp_path / "mine.toml"
    for key, param in params.items():
        wrong = '"text"' if _kind(param) is not str else "1979-05-27"
        file.write_text(f"{key} = {wrong}\n")
        status, _, err = command(name, "--config", file)
        assert status == 2
        assert f"{file}, line 1: " in err, err
