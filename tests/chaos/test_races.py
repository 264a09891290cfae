"""Sixteen commands at once in one workspace: no run is lost, no board is wrong, no lock stays."""

import csv
import io
import json
import os
import shutil
import signal
import time
from pathlib import Path
from random import Random

import pytest
from campaign import A_HANG, contents, different, half_files, launch, run, sentences, temporaries

DATA = ("--data", "table.csv")
TRAIN = ("train", "./counted.py", *DATA)
SEEDS = range(4)


def train(seed: int) -> tuple[str, ...]:
    return (*TRAIN, "--seed", str(seed))


@pytest.fixture
def box(nest, table_box) -> Path:
    """Return a workspace with two runs of which one will be removed."""
    for seed in (8, 9):
        assert run(nest, table_box, *train(seed))[0] == 0
    (table_box / "log").unlink()
    return table_box


def run_of(box: Path, seed: int) -> str:
    for path in (box / "models").rglob("run.json"):
        if json.loads(path.read_text())["seed"] == seed:
            return path.parent.name
    raise LookupError(seed)


def accuracies(nest, box: Path) -> dict[str, str]:
    status, said = run(nest, box, "leaderboard", "--format", "csv", "--seeds", "apart")
    assert status == 0, said
    return {row["run"]: row["accuracy"] for row in csv.DictReader(io.StringIO(said))}


@pytest.mark.parametrize("killed", [0, 5], ids=["all live", "five are killed"])
def test_sixteen_commands_at_once(nest, box, tmp_path, killed):
    # In the same place, one after the other: a run remembers where its model's file was.
    before = shutil.copytree(box, tmp_path / "before")
    gone = run_of(box, 9)
    for seed in SEEDS:
        assert run(nest, box, *train(seed))[0] == 0
    assert run(nest, box, "runs", "remove", gone, "--yes")[0] == 0
    expected, left = accuracies(nest, box), contents(box / "models")
    shutil.rmtree(box)
    before.rename(box)

    commands = [
        *(train(seed) for seed in SEEDS),
        *[train(0)] * 3,
        *[("leaderboard", "--format", "csv", "--seeds", "apart")] * 4,
        *[("runs", "verify")] * 2,
        *[("runs", "remove", gone, "--yes")] * 2,
        ("runs", "list"),
    ]
    assert len(commands) == 16
    rng = Random(killed)
    rng.shuffle(commands)
    removals = []
    started = [(command, *launch(nest, box, *command)) for command in commands]
    trainings = [pid for command, pid, _ in started if command[0] == "train"]
    victims = set(rng.sample(trainings, killed))
    for pid in victims:
        time.sleep(rng.uniform(0, 0.2))
        os.killpg(pid, signal.SIGKILL)
    for command, pid, out in started:
        status, said = nest.wait(pid, A_HANG), out.read_text()
        assert status is not None, f"{command} hangs"
        if pid in victims:
            continue
        told = sentences(said)
        if "remove" in command:
            # Of two who remove a run one may come too late, which is a wrong command.
            assert (status, len(told)) in ((0, 0), (2, 1)), said
            assert all(
                f"there is no run or trained model {gone!r}" in sentence for sentence in told
            ), said
            removals.append(status)
        elif "verify" in command:
            # What is in work is not complete yet; what is removed meanwhile may lack anything.
            lines = [line for line in said.splitlines() if not line.endswith(": verified")]
            assert status == bool(lines), said
            working = ": record: the run is not complete: "
            assert all(gone in line or working in line for line in lines), said
        else:
            assert (status, told) == (0, []), said
        if "leaderboard" in command:
            for row in csv.DictReader(io.StringIO(said)):
                if row["status"] == "complete" and row["run"] != gone:
                    assert row["accuracy"] == expected[row["run"]]
    assert 0 in removals
    assert not half_files(box)
    if not killed:
        done = (box / "log").read_text().split()
        assert [done.count(name) for name in sorted(set(done))] == [len(SEEDS)] * 6

    for seed in SEEDS:  # no lock of a dead process holds these up
        status, said = run(nest, box, *train(seed))
        assert (status, sentences(said)) == (0, []), said
    assert accuracies(nest, box) == expected
    assert gone not in expected
    assert run(nest, box, "runs", "verify")[0] == 0
    assert not different(contents(box / "models"), left)
    assert not temporaries(box)


def test_a_run_that_is_removed_while_it_is_trained_goes_afterwards(nest, box):
    training, out = launch(nest, box, *train(0))
    while not list((box / "models").rglob("0.unfinished")):
        time.sleep(0.002)
    name = run_of(box, 0)
    status, said = run(nest, box, "runs", "remove", name, "--yes")
    assert status == 0, said
    assert "waiting for its training to end" in said
    assert nest.wait(training, A_HANG) == 0
    assert sentences(out.read_text()) == []
    with pytest.raises(LookupError):
        run_of(box, 0)
    assert name not in accuracies(nest, box)
    assert not temporaries(box)
