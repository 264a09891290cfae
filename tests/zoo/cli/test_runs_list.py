"""``zoo runs list``: what it shows, which runs it shows, and in which order."""

import json

import pytest

from zoo.cli.completion import complete_own_model
from zoo.workspace import prefer, set_about

RIGHT = ([0] * 4, [0] * 4)
KEYS = {
    "run", "model", "frontend", "dataset", "protocol", "grouped", "status", "finished", "folder",
    "error",
}  # fmt: skip


@pytest.fixture
def runs(write_run):
    """Write four runs of two models, the last of them failed, and one whose record is lost."""

    def write(name: str, day: int, wrong: int, **more):
        finished = f"2024-01-{day:02d}T10:20:30+00:00"
        return write_run(name, [0] * 4, [0] * (4 - wrong) + [1] * wrong, finished=finished, **more)

    found = [
        write("svm-a", 3, 1), write("svm-b", 1, 0, params={"C": 1}), write("knn-c", 2, 2),
        write("knn-d", 4, 0, params={"k": 3}, status="failed", error="no"),
        write("tree-e", 5, 0),
    ]  # fmt: skip
    (found.pop().folder / "run.json").write_text("{")
    return {run.id: run for run in found}


@pytest.fixture
def listed(command):
    """Return a function that gives the JSON of the command."""

    def call(*options: str):
        status, out, err = command("runs", "list", "--format", "json", *options)
        return json.loads(out) if status == 0 else (status, err)

    return call


def test_json_has_what_it_had_and_more(runs, listed):
    prefer(set_about(runs["svm-a"], "mine", "a note"))
    first, *_, last = listed()
    assert set(last) == {"run", "status", "error"}
    assert (last["run"], last["status"]) == (None, "damaged")
    found = {entry["run"]: entry for entry in listed()[:-1]}
    assert KEYS | {"accuracy", "label", "name", "note", "preferred"} == set(first)
    own = found["svm-a"]
    assert [own[key] for key in ("accuracy", "name", "note", "preferred")] == [
        0.75, "mine", "a note", True,
    ]  # fmt: skip
    assert [found["knn-d"][key] for key in ("accuracy", "status", "error")] == [
        None,
        "failed",
        "no",
    ]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ("", ["knn-c", "knn-d", "svm-a", "svm-b", None]),
        ("--sort accuracy", ["svm-b", "svm-a", "knn-c", "knn-d", None]),
        ("--sort finished", ["knn-d", "svm-a", "knn-c", "svm-b", None]),
        ("--sort model --model knn", ["knn-c", "knn-d"]),
        ("--model tree", [None]),
        ("--model vgg16", []),
        ("--status damaged", [None]),
        ("--status complete --sort accuracy", ["svm-b", "svm-a", "knn-c"]),
        ("--status no-artefact", []),
        ("--data tracks --status failed", ["knn-d"]),
        ("--data demo", []),
    ],
)
def test_filters_and_orders(runs, listed, options, ids):
    assert [entry["run"] for entry in listed(*options.split())] == ids


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--model smv", "there is no model 'smv', the closest is 'svm'"),
        ("--status completed", "there is no status 'completed', the closest is 'complete'"),
        ("--sort acuracy", "there is no order 'acuracy', the closest is 'accuracy'"),
        ("--data trcks", "the closest is 'tracks'"),
    ],
)
def test_a_wrong_value_is_refused_with_the_closest(runs, listed, options, said):
    status, err = listed(*options.split())
    assert (status, said in err, err.count("\n")) == (2, True, 1)


def test_nothing_found_is_said(runs, command):
    assert command("runs", "list", "--status", "running", "--model", "svm") == (
        0,
        "",
        "None of 5 runs has the model 'svm', status 'running'; `zoo runs list` shows all.\n",
    )


def test_an_empty_workspace_is_no_error_with_any_option(command):
    for options in ([], ["--model", "svm"], ["--sort", "accuracy"], ["--data", "demo"]):
        status, out, err = command("runs", "list", *options)
        assert (status, out, "There is no run yet" in err) == (0, "", True)


def test_the_table_fits_and_breaks_no_id(runs, command, terminal):
    prefer(set_about(runs["svm-a"], "with vibrato, the second one of many"))
    lines = command("runs", "list", "--sort", "accuracy")[1].splitlines()
    assert max(map(len, lines)) <= terminal
    (line,) = [line for line in lines if "svm-a" in line]
    assert ".750" in line
    assert "2024-01-03" in line
    words = " ".join(lines).split()
    assert {'"with', "preferred"} <= set(words)


def test_completion_has_models_with_runs(runs):
    assert complete_own_model("") == ["knn", "svm", "tree"]


def test_runs_of_several_seeds_have_each_their_own_accuracy(write_run, listed):
    wrong = {0: 1, 1: 2, 2: 0, 3: 0}
    for seed, count in wrong.items():
        more = {"status": "no artefact", "error": "no"} if seed == 3 else {}
        answers = [0] * (4 - count) + [1] * count
        write_run(f"svm-{seed}", [0] * 4, answers, seed=seed, split=f"{seed:064x}", **more)
    wanted = {f"svm-{seed}": 1 - count / 4 for seed, count in wrong.items()}
    for options in ((), ("--data", "tracks")):
        assert {each["run"]: each["accuracy"] for each in listed(*options)} == wanted


@pytest.mark.parametrize("columns", [80, 140])
def test_runs_of_one_model_are_told_apart(write_run, command, listed, monkeypatch, columns):
    for name, value, seed in (("svm-a", 1, 0), ("svm-b", 10, 0), ("svm-c", 10, 1)):
        write_run(name, *RIGHT, params={"C": value}, seed=seed)
    labels = {each["run"]: each["label"] for each in listed()}
    assert labels == {"svm-a": "svm C=1", "svm-b": "svm C=10, seed 0", "svm-c": "svm C=10, seed 1"}
    monkeypatch.setattr("zoo.cli.runs_list.width", lambda: columns)
    out = command("runs", "list")[1]
    assert "C=10, seed 1" in out
    assert out.count("2024-01-01") == 3


def test_a_narrow_table_has_the_accuracy_of_long_ids_on_other_front_ends(
    write_run, command, terminal
):
    other = {"name": "handcrafted", "version": 1}
    for name, end in (("random-forest-0123456789", other), ("random-forest-a123456789", {})):
        plugin = {"title": "Made", "distribution": "x", "spec": "handcrafted", "version": "1",
                  "licence": None, "file": None, "package": None}  # fmt: skip
        more = {"frontend": end, "frontend_plugin": plugin} if end else {}
        write_run(name, *RIGHT, model="random-forest", **more)
    lines = command("runs", "list")[1].splitlines()
    assert max(map(len, lines)) <= terminal
    rows = [line for line in lines if "random-forest-" in line]
    assert ["1.000" in line for line in rows] == [True, True]
    assert "Not shown for lack of room: protocol" in " ".join(lines)
    assert any("on handcrafted" in line for line in lines)
