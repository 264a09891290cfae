"""``zoo train --seed 0 --seed 1``, and what a board makes of such runs."""

import csv
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

DATA = ("--data", "table.csv", "--jobs", 1)
ZOO = str(Path(sys.executable).with_name("zoo"))
# It depends on its seed, and logs every fit; of seed 1 it can be told to fail, or to be killed.
SEEDED = """
import os, signal
from pathlib import Path
from zoo import Card, Handcrafted, classical

card = Card(name="seeded", title="Seeded", family="classical", frontend=Handcrafted())

def make(seed):
    from sklearn.tree import DecisionTreeClassifier

    with open("fits", "a") as file:
        file.write(f"{seed} ")
    if seed == 1 and Path("fail").exists():
        raise ValueError("seed 1 is unlucky")
    if seed == 1 and Path("die").exists() and Path("fits").read_text().split().count("1") > 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return DecisionTreeClassifier(max_depth=3, max_features=2, random_state=seed)

train, predict = classical(make)
"""


@pytest.fixture
def train(workspace, feature_table, command):
    """Return a function that runs `zoo train`, beside `seeded.py` and `table.csv`."""
    (workspace / "seeded.py").write_text(SEEDED)
    feature_table(groups=5, spread=2.0)
    return lambda *arguments: command("train", *arguments, *DATA)


def records(workspace: Path) -> dict[tuple[str, int], str]:
    """Return the status of each run by model and seed."""
    found = [json.loads(path.read_text()) for path in (workspace / "models").rglob("run.json")]
    return {(each["model"]["name"], each["seed"]): each["status"] for each in found}


def fits(workspace: Path) -> Counter[int]:
    """Return how often a model was made, by seed."""
    return Counter(map(int, (workspace / "fits").read_text().split()))


def test_each_model_is_trained_with_each_seed_once(train, workspace):
    models = ("./seeded.py", "decision-tree")
    status, _, said = train(*models, *("--seed", 3, "--seed", 7, "--seed", 3))
    assert status == 0, said
    wanted = {(name, seed): "complete" for name in ("seeded", "decision-tree") for seed in (3, 7)}
    assert records(workspace) == wanted
    before = fits(workspace)
    files = {path: path.read_bytes() for path in (workspace / "models").rglob("*.*")}
    status, _, said = train(*models, *("--seed", 7, "--seed", 8, "--seed", 3))
    assert status == 0, said
    assert said.count("is trained already") == 4
    assert fits(workspace)[7] == before[7] == fits(workspace)[8]
    assert {path: path.read_bytes() for path in files} == files
    # They are the runs of single seeds.
    assert "is trained already" in train("./seeded.py", "--seed", 8)[2]
    assert len(records(workspace)) == 6


def test_a_seed_that_fails_does_not_stop_the_others(train, workspace):
    (workspace / "fail").touch()
    command = ("./seeded.py", "--seed", 0, "--seed", 1, "--seed", 2)
    status, _, said = train(*command)
    assert status == 1
    assert "seed 1 is unlucky" in said
    states = records(workspace)
    assert states.pop(("seeded", 1), "failed") == "failed"
    assert states == {("seeded", 0): "complete", ("seeded", 2): "complete"}
    (workspace / "fail").unlink()
    assert train(*command)[0] == 0
    assert records(workspace)["seeded", 1] == "complete"


def test_a_command_that_was_killed_continues_with_its_seed(train, workspace):
    (workspace / "die").touch()
    command = ("./seeded.py", "--seed", 3, "--seed", 1, "--seed", 2)
    killed = subprocess.run([ZOO, "train", *map(str, (*command, *DATA))], check=False)
    assert killed.returncode == -signal.SIGKILL
    before = fits(workspace)
    assert records(workspace) == {("seeded", 3): "complete", ("seeded", 1): "running"}
    (workspace / "die").unlink()
    assert train(*command)[0] == 0
    after = fits(workspace)
    assert set(records(workspace).values()) == {"complete"}
    # What was done is not repeated: none of seed 3, and of seed 1 only what it had not stored.
    assert after[3] == before[3]
    assert after[1] - before[1] < after[2]


@pytest.mark.parametrize("wrong", [-1, 2**32])
def test_no_seed_is_trained_if_one_is_out_of_range(train, workspace, wrong):
    status, _, said = train("./seeded.py", "--seed", 0, "--seed", wrong)
    assert status == 2
    assert f"the seed {wrong} is out of range" in said
    assert not (workspace / "models").exists()


@pytest.fixture
def board(train, workspace, command):
    """Return a function that prints the board of three seeds of one model, one of which fails."""
    (workspace / "fail").touch()
    train("./seeded.py", *("--seed", 0, "--seed", 1, "--seed", 2))
    train("decision-tree")
    return lambda *arguments: command("leaderboard", *arguments)[1]


def test_the_board_shows_mean_and_spread(board, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    ((made,), (failed,), (tree,)) = (
        [row for row in json.loads(board("--format", "json"))[0]["rows"] if own(row)]
        for own in (
            lambda row: row["spread"] is not None,
            lambda row: row["status"] == "failed",
            lambda row: row["model"] == "decision-tree",
        )
    )
    assert (made["seeds"], made["all_seeds"], len(made["runs"])) == ([0, 2], [0, 1, 2], 2)
    assert (failed["seeds"], tree["seeds"], tree["runs"]) == ([1], [0], [tree["run"]])
    mean, spread = f"{made['accuracy']:.3f}", f"{made['spread']:.3f}"
    assert f"| seeded 2 of 3 seeds | {mean[1:]} ± {spread[1:]} |" in board("--format", "markdown")
    table = board()
    assert "seeded 2 of 3 seeds" in table
    assert f"{mean[1:]} ± {spread[1:]}" in table
    assert "seeded seed 1 (failed)" in table
    assert "unlucky" in table
    assert "standard deviation" in table
    lines = list(csv.DictReader(board("--format", "csv").splitlines()))
    assert [line["seeds"] for line in lines if line["spread"]] == ["0;2"]
    apart = board("--seeds", "apart")
    assert all(f"seeded seed {seed}" in apart for seed in range(3))
    assert "±" not in apart


def test_commands_take_the_runs_of_a_row(board, command, workspace):
    rows = json.loads(board("--format", "json"))[0]["rows"]
    (row,) = [row for row in rows if row["spread"]]
    assert row["run"] == row["runs"][0]
    for run in row["runs"]:
        status, shown, _ = command("runs", "show", run)
        assert status == 0
        assert run in shown
    assert command("report")[0] == 0
    (page,) = (workspace / "report").glob("*.html")
    text = page.read_text()
    assert "seeded 2 of 3 seeds" in text
    assert "seeded 2 of 3 seeds, seed 0" in text  # its confusion, for example
    mean, spread = f"{row['accuracy']:.3f}", f"{row['spread']:.3f}"
    assert f"{mean[1:]} ± {spread[1:]}" in text
    assert all(run in text for run in row["runs"])
