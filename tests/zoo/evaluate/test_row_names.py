"""Names of the rows of a board: all different, and nothing in them that is not needed."""

import csv
import io
import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.evaluate.row_names import row_names, told_apart
from zoo.workspace import find_run, set_about

RIGHT = ([0] * 4, [0] * 4)
_VALUES = st.one_of(
    st.integers(0, 2), st.booleans(), st.none(), st.floats(allow_nan=False),
    st.sampled_from(["", "a", *("long " * 9 + end for end in ("x", "y", "x" + " long" * 9))]),
)  # fmt: skip


def test_only_what_differs_is_named():
    assert told_apart([]) == []
    assert told_apart([{"params": {"C=": 5}}]) == [""]
    grid = [
        {"params": {"C=": c, "kernel=": "rbf", "gamma=": g}} for c in (1, 10) for g in (0.1, 1.0)
    ]
    assert told_apart(grid) == [
        "C=1, gamma=0.1", "C=1, gamma=1", "C=10, gamma=0.1", "C=10, gamma=1",
    ]  # fmt: skip
    assert told_apart(grid[::3]) == ["C=1", "C=10"]
    assert told_apart(grid[2:]) == ["gamma=0.1", "gamma=1"]


def test_fewer_traits_are_taken_where_they_do():
    # C tells two apart and gamma all, so that C is not needed.
    pairs = [{"params": {"C=": c, "gamma=": g}} for c, g in ((1, 1), (1, 2), (2, 3))]
    assert told_apart(pairs) == ["gamma=1", "gamma=2", "gamma=3"]


def test_a_later_group_is_asked_only_about_those_that_are_alike():
    things = [
        {"params": {"C=": c}, "seed": {"seed ": seed}, "run": {"run ": number}}
        for number, (c, seed) in enumerate(((5, 0), (10, 0), (10, 1), (20, 0), (20, 0)))
    ]
    assert told_apart(things) == [
        "C=5", "C=10, seed 0", "C=10, seed 1", "C=20, run 3", "C=20, run 4",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ((23.357214690901213, 0.1), ["C=23.4", "C=0.1"]),
        ((23.357214690901213, 23.357214), ["C=23.357214690901213", "C=23.357213999999999"]),
        ((23.3572, 23.357), ["C=23.3572", "C=23.357"]),
        ((5, None), ["C=5", ""]),
        (("x" * 99 + "a", "x" * 99 + "b"), [f"C={'x' * 11}…{'x' * 11}{end}" for end in "ab"]),
        (("x" * 99 + "a" + "x" * 99, "x" * 199), [f"C={'x' * 99}a{'x' * 99}", f"C={'x' * 199}"]),
    ],
)
def test_values_are_as_short_as_keeps_them_different(values, texts):
    assert told_apart([{"params": {"C=": value}} for value in values]) == texts


_THING = {
    group: st.dictionaries(st.sampled_from([f"{group}1=", f"{group}2="]), _VALUES) for group in "XY"
}


@given(st.lists(st.fixed_dictionaries(_THING), min_size=2, max_size=8))
def test_whatever_differs_the_texts_are_all_different(things):
    numbered = [thing | {"run": {"run ": number}} for number, thing in enumerate(things)]
    texts = told_apart(numbered)
    assert len(set(texts)) == len(texts)
    if len({repr(thing["X"]) for thing in things}) == 1:
        assert texts == told_apart([{"Y": t["Y"], "run": t["run"]} for t in numbered])


def test_rows_of_runs(write_run, workspace):
    def names() -> list[str]:
        return row_names([[run] for run in written])

    written = [write_run("svm-a", *RIGHT, params={"C": 5.0}), write_run("knn-b", *RIGHT)]
    assert names() == ["svm", "knn"]
    written.append(write_run("svm-c", *RIGHT, params={"C": 10.0}))
    assert names() == ["svm C=5", "knn", "svm C=10"]
    written.append(
        write_run(
            "svm-d", *RIGHT, params={"C": 10.0}, tuned={"trials": 3, "seen": [], "tuning": "x"}
        )
    )
    assert names() == ["svm C=5", "knn", "svm C=10", "svm C=10, tuned"]
    written.append(write_run("knn-e", *RIGHT, model="knn", seed=3))
    assert names()[1::3] == ["knn seed 0", "knn seed 3"]
    written[4] = set_about(written[4], "the third")
    assert names()[1::3] == ["knn", 'knn "the third"']
    shutil.copytree(written[4].folder, workspace / "models/tracks/kfold-2/knn-copy")
    copy = type(written[4]).read(workspace / "models/tracks/kfold-2/knn-copy")
    assert row_names([[written[4]], [copy]]) == [
        'knn "the third" run knn-e', 'knn "the third" run knn-copy',
    ]  # fmt: skip
    assert row_names([[written[4], written[1]]]) == ["knn 2 seeds"]
    assert row_names([[written[4], written[1]]], [3]) == ["knn 2 of 3 seeds"]
    assert row_names([[written[4], written[1]], [written[1]]]) == ["knn 2 seeds", "knn seed 0"]
    others = [
        write_run("tree-a", *RIGHT, model="tree"),
        write_run("tree-b", *RIGHT, model="tree", versions={"numpy": "3"}),
        write_run("tree-c", *RIGHT, model="tree", frontend={"name": "table", "version": 2}),
        write_run("tree-d", *RIGHT, model="tree", copies=1),
    ]
    found = row_names([[run] for run in others])
    assert found == [
        "tree front end version 1", "tree front end version 1, numpy 3",
        "tree front end version 2", "tree front end version 1, copies 1",
    ]  # fmt: skip


def test_ensembles_of_the_same_models_are_told_apart_by_the_runs_that_differ(write_run):
    def names(*ensembles: str) -> list[str]:
        runs = []
        for number, text in enumerate(ensembles):
            members = [
                {"run": run, "command": "", "predictions": run, "weight": 0.5, "folds": [0.5]}
                for run in text.split("+")
            ]
            models = "+".join(run.split("-")[0] for run in text.split("+"))
            name = f"ensemble-{len(ensembles)}{number}"
            runs.append(write_run(name, *RIGHT, params={"members": models}, members=members))
        return row_names([[run] for run in runs])

    assert names("knn-a1+svm-b1", "knn-a2+svm-b1") == ["ensemble knn-a1", "ensemble knn-a2"]
    assert names("knn-a1+svm-b1", "knn-a2+svm-b2", "/far/svm-b1+svm-b3+tree-c1") == [
        "ensemble members=knn+svm, knn-a1", "ensemble members=knn+svm, knn-a2",
        "ensemble members=/far/svm+svm+tree",
    ]  # fmt: skip
    assert names("/far/svm-b1+svm-b3", "/far/svm-b1+svm-b4", "svm-b3+svm-b4", "gtzan+knn-a1") == [
        "ensemble members=/far/svm+svm, svm-b1+b3", "ensemble members=/far/svm+svm, svm-b1+b4",
        "ensemble members=svm+svm", "ensemble members=gtzan+knn",
    ]  # fmt: skip


def test_every_form_of_a_board_has_them(write_run, command, capsys):
    for number, c in enumerate((1, 10)):
        write_run(f"svm-{number}", [0] * 4, [0] * 4, params={"C": c})
    names = ["svm C=1", "svm C=10"]
    for form in ("table", "markdown", "csv", "json", "html"):
        assert command("leaderboard", "--format", form) == 0
        told = capsys.readouterr().out
        assert all(name in told for name in names), form
    command("leaderboard", "--format", "csv")
    rows = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert sorted(row["name"] for row in rows) == names
    set_about(find_run("svm-0"), "first")
    command("leaderboard", "--format", "json")
    (board,) = json.loads(capsys.readouterr().out)
    assert {row["run"]: row["name"] for row in board["rows"]} == {
        "svm-0": 'svm "first"', "svm-1": "svm",
    }  # fmt: skip
