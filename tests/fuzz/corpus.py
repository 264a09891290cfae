"""Sound files of every kind that the zoo reads, written by the zoo."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile

import zoo
from tests.zoo.conftest import FRAMES_MODEL, SECONDS_MODEL
from tests.zoo.inference.test_hostile import FORMATS, RATE, write

__all__ = ["build"]

_TABLE = """track,f0,f1,length,label,group,recording,fold,split
a,0.5,1e3,30,rock,x,,1,train
"b,\u00e9",-0.25,7,30,jazz,x,r,1,test
c,0,0,30,rock,,r,2,valid
d,1,2,30.1,jazz,y,,2,
"""
_CARDS = (
    {"name": "one", "title": "One", "family": "test", "params": {"C": 5.0, "gamma": "scale"}},
    {
        "name": "two-b", "title": "Zw\u00e9i", "family": "deep", "contract": 1,
        "params": {"epochs": 3, "on": True, "none": None}, "requires": ["numpy"], "extra": "deep",
        "references": ["Cox 1958"],
    },
)  # fmt: skip
_SETTINGS = (
    "C=10", "gamma=auto", "epochs=3", "balanced=true", "gamma=0.1", "kernel=linear", "C=1e3",
    "max_depth=null", "C=[1]", "weights=\"distance\"",
)  # fmt: skip
_NAMES = (
    "svm", "demo", "./my_model.py", "music/**/*.mp3", "kfold:5", "kfold:5x3", "holdout:0.3x3",
    "predefined", "fault-filtered", "svm-1f0c9a4e2b", "models/a/b/c", "table.csv", "-", "~/music",
)  # fmt: skip


def build(folder: Path) -> dict[str, list[bytes]]:
    """Make a small workspace in `folder`, and return the files of each parser's corpus.

    The variables of the environment that say where runs and caches are point into it from then on.
    """
    for name in ("models", "cache", "config"):
        os.environ[f"ZOO_{name.upper()}"] = str(folder / name)
    tones = _tones(folder / "tones")
    found: dict[str, list[bytes]] = {"audio": []}
    time = np.arange(RATE // 4) / RATE
    for number, suffix in enumerate(FORMATS):
        sound = write(folder / f"x{suffix}", 0.3 * np.sin(2 * np.pi * 440 * time))
        found["audio"].append(bytes([number]) + sound)
    runs = []
    for name, source in (("seconds", SECONDS_MODEL), ("frames", FRAMES_MODEL)):
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
        runs.append(zoo.train(str(folder / f"{name}.py"), str(tones), protocol="kfold:2", jobs=1))
        assert runs[-1].complete, runs[-1].record.error
    found["run.json"] = [(run.folder / "run.json").read_bytes() for run in runs]
    found["predictions.csv"] = [run.predictions_path.read_bytes() for run in runs]
    found["artefact"] = [run.artefact_path.read_bytes() for run in runs]
    found["plugin file"] = [
        SECONDS_MODEL.encode(), FRAMES_MODEL.encode(),
        *(path.read_bytes() for path in Path(zoo.__file__).parent.glob("templates/*.py.tmpl")),
    ]  # fmt: skip
    found["cached array"] = [path.read_bytes() for path in (folder / "cache").rglob("*.npy")][:6]
    found["metadata.csv"] = [_metadata(tones), b"path\nhigh/high00.wav\nlow/low00.wav\n"]
    found["feature table"] = [
        _TABLE.encode(),
        b"label,x\na,1\nb,2\n",
        b"\xef\xbb\xbflabel,x\na,1\nb,2",
    ]
    found["facts table"] = [
        b"".join((Path(zoo.__file__).parent / "datasets/collections/gtzan_facts.csv").read_bytes()
                 .splitlines(keepends=True)[:20])
    ]  # fmt: skip
    found["plugins.json"] = [
        b'{\n  "disabled": [\n    "svm"\n  ],\n  "enabled": [\n    "timing"\n  ]\n}\n'
    ]
    found["slow-plugins.json"] = [b'["model slow zoo_slow zoo-slow 1.0"]', b"[]"]
    found["board cache"] = _board_cache(folder)
    found["digests"] = [path.read_bytes() for path in (folder / "cache/digests").glob("*.json")]
    found["tuning.json"] = [_tuning(folder)]
    found |= _answers(folder, tones, runs[0])
    found["card"] = [json.dumps(card, ensure_ascii=False).encode() for card in _CARDS]
    found["--set"] = [text.encode() for text in _SETTINGS]
    found["names"] = [name.encode() for name in (*_NAMES, str(tones))]
    return found


def _tones(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for number, label in enumerate(("high", "low")):
        (folder / label).mkdir(parents=True, exist_ok=True)
        for track in range(4):
            time = np.arange(round(RATE * rng.uniform(1.0, 1.2))) / RATE
            tone = 0.4 * np.sin(2 * np.pi * 300 / 2**number * time)
            soundfile.write(folder / label / f"{label}{track:02d}.wav", tone, RATE)
    return folder


def _metadata(tones: Path) -> bytes:
    from zoo.datasets import open_dataset
    from zoo.datasets.checks.recordings import check
    from zoo.datasets.metadata import write_metadata

    dataset = open_dataset(str(tones))
    path = write_metadata(dataset, check(dataset, jobs=1), tones)
    content = path.read_bytes()
    path.unlink()
    return content


def _board_cache(folder: Path) -> list[bytes]:
    assert zoo.leaderboard()
    return [path.read_bytes() for path in (folder / "cache").glob("boards*/*.json")]


def _tuning(folder: Path) -> bytes:
    from zoo.tuning.trials import RECORD, Trial, stored

    trials = [
        Trial(0, {"C": 1.0, "gamma": "scale"}, 1.0, [0.5, 0.75], 0.1),
        Trial(1, {"C": 10.0, "gamma": "auto"}, 0.5, [0.5], 0.1),
        Trial(2, {"C": 2.0, "gamma": "auto"}, 1.0, [], 0.1, "ValueError: too small"),
    ]
    record = {
        "format": 1, "model": ["seconds", None, "0"], "dataset": "0" * 64, "inner": "kfold:3",
        "tuner": "random", "seen": ["0" * 16],
    }  # fmt: skip
    place = folder / "tuning"
    tuning = stored(place, record)
    tuning.trials.extend(trials)
    tuning.write()
    return (place / RECORD).read_bytes()


def _answers(folder: Path, tones: Path, run: zoo.Run) -> Mapping[str, list[bytes]]:
    from zoo.inference.output_file import OutputFile, csv_lines, json_line

    files = sorted(tones.rglob("*.wav"))[:3]
    predictions = list(zoo.predict(str(run.folder), [*files, str(folder / "x.au")], timeline=True))
    found = {}
    for kind, as_csv, timeline in (
        ("jsonl", False, True), ("csv", True, False), ("timeline", True, True),
    ):  # fmt: skip
        path = folder / f"answers.{kind}"
        answers = OutputFile(path, as_csv, timeline, "run")
        with answers.open() as file:
            for prediction in predictions:
                line = csv_lines(prediction, timeline) if as_csv else json_line(prediction)
                file.write(line.replace(predictions[0].run or "", "run"))
        found[f"answers {kind}"] = [path.read_bytes()]
    return found
