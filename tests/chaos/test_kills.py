"""Commands that are killed at random moments and run again end as if nothing had happened."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from campaign import Campaign, Chaos

Finished = dict[Any, Any]


def trainings(box: Path) -> Counter[str]:
    log = box / "log"
    return Counter(log.read_text().split() if log.exists() else ())


def cached(box: Path) -> Finished:
    """Return the cached arrays and made recordings, which change if they are made again."""
    files = [path for path in (box / "cache").rglob("*") if path.suffix in (".npy", ".flac")]
    status = [(path, path.stat()) for path in files if not path.name.startswith(".zoo-")]
    return {path: (found.st_ino, found.st_mtime_ns) for path, found in status}


def folds(box: Path) -> Finished:
    """Return how often each fold was trained that the record holds, and the fit on all tracks."""
    times = trainings(box)
    found: Finished = cached(box)
    for path in box.rglob("run.json"):
        record = json.loads(path.read_text())
        numbers = [entry["fold"] for entry in record["folds"]]
        if record["status"] == "complete":
            numbers.append(len(numbers))
        found |= {(path, number): times[f"{number}.unfinished"] for number in numbers}
    return found


def trials(box: Path) -> Finished:
    """Return how often each inner fold was trained of the trials that are stored."""
    times = trainings(box)
    stored = []
    for path in box.rglob("tuning.json"):
        stored += json.loads(path.read_text())["trials"]
    for path in box.rglob("unfinished.json"):
        stored.append(json.loads(path.read_text()))
    done = [(trial["number"], fold) for trial in stored for fold in range(len(trial["scores"]))]
    return {pair: times["{}-{}".format(*pair)] for pair in done}


def answers(box: Path) -> Finished:
    """Return the answers that are whole."""
    path = box / "answers.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return {json.loads(line)["path"]: line for line in lines}


def report(command: str, campaign: Campaign) -> None:
    print(f"{command}: {campaign}")
    assert campaign.faultless, f"{command}: {campaign}"


def test_train(nest, table_box, tmp_path, kills):
    command = ["train", "./counted.py", "--data", "table.csv"]
    report("train", Chaos(nest, tmp_path, table_box, folds, command=command).kill(kills))


def test_tune(tuning_nest, table_box, tmp_path, kills):
    command = ["tune", "./counted.py", "--data", "table.csv", "--trials", "4"]
    report("tune", Chaos(tuning_nest, tmp_path, table_box, trials, command=command).kill(kills))


def test_predict(nest, tone_box, tmp_path, kills):
    first = ["train", "./heard.py", "--data", "tones", "--protocol", "kfold:2"]
    Chaos(nest, tmp_path, tone_box, folds, command=first).undisturbed()
    trained = (tmp_path / "box").rename(tmp_path / "trained")
    # One at a time, so that the answers come in one order.
    command = ["predict", "./heard.py", "tones", "--output", "answers.jsonl", "--jobs", "1"]
    report("predict", Chaos(nest, tmp_path, trained, answers, command=command).kill(kills))


def test_cache_building(nest, tone_box, tmp_path, kills):
    command = ["train", "./heard.py", "--data", "tones", "--protocol", "kfold:2", "--jobs", "2"]
    victims = ("group", "main", "worker")
    chaos = Chaos(nest, tmp_path, tone_box, folds, victims, command=command)
    report("cache", chaos.kill(kills))
