"""``zoo train --seed 0 --seed 1``, and what a board makes of such runs."""

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
