"""A search that several processes share, with keras-tuner's chief among them."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import zoo
from zoo.tuning.chief_worker import Post, post_of_process
from zoo_registry import UsageError

ZOO = str(Path(sys.executable).with_name("zoo"))
MODEL = """
import os
from pathlib import Path
import numpy as np
from sklearn.linear_model import LogisticRegression
from zoo import Card, Handcrafted, LogFloat, hookimpl

card = Card(
    name="theirs", title="Theirs", family="test", frontend=Handcrafted(),
    params={"C": 1.0}, space={"C": LogFloat(0.001, 10.0)},
)

@hookimpl
def train(tracks, labels, params, seed):
    flag = Path(__file__).with_name("die")
    if os.environ.get("KERASTUNER_TUNER_ID") == "mortal" and params["C"] != 1.0 and flag.exists():
        flag.unlink()
        os.kill(os.getpid(), 9)
    return LogisticRegression(C=params["C"], random_state=seed).fit(
        np.concatenate(list(tracks)), labels
    )

@hookimpl
def predict(model, tracks):
    return [model.predict_proba(track) for track in tracks]
"""


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> str:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", port)
    return f"127.0.0.1:{port}"


def start(name: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [ZOO, "tune", *arguments, "--format", "json"],
        env={**os.environ, "KERASTUNER_TUNER_ID": name},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_chief_and_workers_one_of_which_is_killed(address, feature_table, workspace, monkeypatch):
    Path("theirs.py").write_text(MODEL, encoding="utf-8")
    Path("die").touch()
    table = str(feature_table(classes=3, tracks=12, spread=2.0))
    command = ("./theirs.py", "--data", table, "--trials", "6")
    chief, mortal = start("chief", *command), start("mortal", *command)
    mortal.communicate(timeout=100)
    assert mortal.returncode == -9
    workers = [start(name, *command) for name in ("mortal", "other")]
    told = [process.communicate(timeout=100) for process in (chief, *workers)]
    assert [process.returncode for process in (chief, *workers)] == [0, 0, 0], told
    whole, *parts = (json.loads(out) for out, _ in told)
    assert not any(error.strip().splitlines()[1:] for _, error in told), told
    numbers = [trial["number"] for trial in whole["trials"]]
    assert numbers == list(range(7))
    shares = [trial for part in parts for trial in part["trials"]]
    assert sorted(trial["number"] for trial in shares) == numbers[1:]
    assert all(trial in whole["trials"] for trial in shares)
    # It is what one process finds, which sends no number in single precision.
    for name in ("IP", "PORT"):
        monkeypatch.delenv(f"KERASTUNER_ORACLE_{name}")
    alone = zoo.tune("./theirs.py", table, trials=6)
    for one, other in zip(alone.trials, whole["trials"], strict=True):
        assert other["params"]["C"] == pytest.approx(one.params["C"], rel=1e-6)
        assert other["scores"] == pytest.approx(one.scores)
    # Again, there is nothing to do, and nobody to wait for.
    for name, value in zip(("IP", "PORT"), address.split(":"), strict=True):
        monkeypatch.setenv(f"KERASTUNER_ORACLE_{name}", value)
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "chief")
    again = zoo.tune("./theirs.py", table, trials=6)
    assert [trial.to_dict() | {"score": trial.score} for trial in again.trials] == whole["trials"]
    left = {path.name for path in again.folder.iterdir()}
    assert left == {"oracle", "trials.csv", "tuning.json"}
    # What is shared goes on as such; a search of one process is another.
    assert again.folder != alone.folder


def test_variables_that_are_missing(monkeypatch):
    for name in ("TUNER_ID", "ORACLE_IP", "ORACLE_PORT"):
        monkeypatch.delenv(f"KERASTUNER_{name}", raising=False)
    assert post_of_process() is None
    monkeypatch.setenv("KERASTUNER_ORACLE_IP", "127.0.0.1")
    with pytest.raises(UsageError, match="KERASTUNER_TUNER_ID and KERASTUNER_ORACLE_PORT, too"):
        post_of_process()
    monkeypatch.setenv("KERASTUNER_ORACLE_PORT", "8000")
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "worker0")
    assert post_of_process() == Post("worker0", "127.0.0.1:8000")
    assert not Post("worker0", "").chief
    assert Post("chief", "").chief
