"""What grows with the data: memory with tracks, the board with runs, the index with files.

Usage: python benchmarks/growth.py [--tracks N N ...] [--runs N N ...] [--files N N ...]

All data are made up, and lie in a temporary folder: tracks are noisy tones of half a second, runs
are records and predictions of 200 tracks, files are sounds of a tenth of a second, tables are noise
around one point per class. Every measurement is a process of its own. Ratios say how many times as
much the largest takes as the smallest; memory is that of the whole process at its peak, of which
the libraries take some hundred MB before there is any track.
"""

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from _common import Cost, Row, main, process

ZOO = str(Path(sys.executable).with_name("zoo"))
CLASSES = tuple("abcdefghij")
RATE = 11_025

EXTRACT = """
import sys
from zoo.datasets import open_dataset
from zoo.execution.engine import InProcess
from zoo.features.extraction import extract
from zoo.plugins.registry import open_registry
extract(open_dataset(sys.argv[1]), open_registry().load(sys.argv[2]), InProcess())
"""
BOARD = """
import sys
from zoo.evaluate.leaderboard import leaderboard
(board,) = leaderboard()
assert sum(row.rank is not None for row in board.rows) == int(sys.argv[1])
"""
INDEX = "import sys; from zoo.datasets import open_dataset; open_dataset(sys.argv[1]).fingerprint"


def rows(given: argparse.Namespace) -> Iterator[Row]:
    """Draw the curves."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["ZOO_CACHE"] = str(folder / "cache")
        os.environ["ZOO_MODELS"] = str(folder / "models")
        yield from _memory(folder / "tracks", given.tracks, given.model)
        yield from _table(folder, given.rows, given.model)
        yield from _board(folder / "boards", given.runs)
        yield from _index(folder / "files", given.files)


def _memory(folder: Path, sizes: Sequence[int], model: str) -> Iterator[Row]:
    """Measure the memory of each stage, each with what the one before it has left."""
    costs: dict[str, list[Cost]] = {}
    for size in sizes:
        data = str(_tracks(folder / str(size), size, seconds=0.5))
        train = [ZOO, "train", model, "--data", data, "--protocol", "kfold:2", "--jobs", "1"]
        for stage, command in {
            "extraction": [sys.executable, "-c", EXTRACT, data, model],
            "training and evaluation": train,
            "prediction": [ZOO, "predict", model, data, "--format", "csv"],
        }.items():
            costs.setdefault(stage, []).append(process(command))
    for stage, found in costs.items():
        yield _curve(
            f"memory of {stage}, {model}", sizes, "tracks", [c.memory for c in found], "MB"
        )


def _table(folder: Path, sizes: Sequence[int], model: str) -> Iterator[Row]:
    """Measure a training on tables of features."""
    found = []
    for size in sizes:
        path = str(_feature_table(folder / f"table{size}.csv", size))
        found.append(process([ZOO, "train", model, "--data", path, "--protocol", "kfold:2"]))
    for what, unit in (("memory", "MB"), ("seconds", "s")):
        figures = [getattr(cost, what) for cost in found]
        yield _curve(
            f"{what} of training on a feature table, {model}", sizes, "rows", figures, unit
        )


def _board(folder: Path, sizes: Sequence[int]) -> Iterator[Row]:
    def prepared(size: int) -> dict[str, str]:
        place = folder / str(size)
        _runs(place, size)
        return {"ZOO_MODELS": str(place)}

    yield from _twice(
        "seconds of the board", sizes, "runs", prepared,
        lambda size: [sys.executable, "-c", BOARD, str(size)],
    )  # fmt: skip


def _index(folder: Path, sizes: Sequence[int]) -> Iterator[Row]:
    def prepared(size: int) -> dict[str, str]:
        _tracks(folder / str(size), size, seconds=0.1)
        return {}

    yield from _twice(
        "seconds of the index", sizes, "files", prepared,
        lambda size: [sys.executable, "-c", INDEX, str(folder / str(size))],
    )  # fmt: skip


def _twice(
    what: str,
    sizes: Sequence[int],
    things: str,
    prepared: Callable[[int], dict[str, str]],
    command: Callable[[int], Sequence[str]],
) -> Iterator[Row]:
    """Time what is remembered: at first sight, and again when nothing has changed."""
    found = []
    for size in sizes:
        environment = prepared(size)
        found.append([process(command(size), **environment).seconds for _ in range(2)])
    for when, seconds in zip(("at first", "again"), zip(*found, strict=True), strict=True):
        yield _curve(f"{what}, {when}", sizes, things, seconds, "s")


def _curve(
    what: str, sizes: Sequence[int], things: str, figures: Sequence[float], unit: str
) -> Row:
    points = (f"{value:.3g} {unit} at {size:,}" for size, value in zip(sizes, figures, strict=True))
    title = f"{what}: {sizes[-1]:,} {things} over {sizes[0]:,}"
    return Row(title, [figures[-1] / figures[0]], ", ".join(points))


def _tracks(folder: Path, count: int, seconds: float) -> Path:
    """Write sounds of which no two are equal, and each class of which has its pitch."""
    import soundfile

    rng = np.random.default_rng(0)
    time_ = np.arange(round(seconds * RATE)) / RATE
    for number in range(count):
        label = CLASSES[number % len(CLASSES)]
        place = folder / label
        if number < len(CLASSES):
            place.mkdir(parents=True)
        tone = 0.3 * np.sin(2 * np.pi * 150 * 1.3 ** (number % len(CLASSES)) * time_)
        sound = tone + 0.02 * rng.standard_normal(len(time_))
        soundfile.write(place / f"{number:06d}.wav", sound, RATE, subtype="PCM_16")
    return folder


def _feature_table(path: Path, count: int, columns: int = 163) -> Path:
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((len(CLASSES), columns))
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(["track", "label", *(f"f{n}" for n in range(columns))]) + "\n")
        for number in range(count):
            label = number % len(CLASSES)
            values = centres[label] + rng.standard_normal(columns)
            line = [f"t{number:06d}", CLASSES[label], *(f"{value:.5g}" for value in values)]
            file.write(",".join(line) + "\n")
    return path


def _runs(root: Path, count: int, tracks: int = 200) -> None:
    """Write runs of one board, from poor ones to good ones."""
    from zoo.workspace import run_folder
    from zoo_registry.files import write_text
    from zoo_registry.predictions import Predictions
    from zoo_registry.record import DatasetInfo, FoldRecord, ModelInfo, ProtocolInfo, RunRecord
    from zoo_registry.runs import Run

    rng = np.random.default_rng(0)
    number = np.arange(tracks)
    labels = number % len(CLASSES)
    names = tuple(f"{CLASSES[label]}/{n:05d}.wav" for n, label in zip(number, labels, strict=True))
    digests = tuple(hashlib.sha256(name.encode()).hexdigest()[:16] for name in names)
    hard = rng.random(tracks)
    folds = [
        FoldRecord(fold=n, train_tracks=tracks * 4 // 5, test_tracks=tracks // 5, error=None,
                   train_seconds=1.0, predict_seconds=0.1)
        for n in range(5)
    ]  # fmt: skip
    for trial in range(count):
        right = (hard + rng.random(tracks)) / 2 < rng.uniform(0.2, 1.0)
        winners = np.where(right, labels, rng.integers(0, len(CLASSES), tracks))
        votes = np.eye(len(CLASSES), dtype=np.int64)[winners]
        predictions = Predictions(
            CLASSES, names, labels, number * 5 // tracks, digests, number // 5, votes,
            0.5 * votes + 0.5 / len(CLASSES),
        )  # fmt: skip
        record = RunRecord(
            model=ModelInfo(name="made-up", title="Made up", family="test"),
            params={"trial": trial},
            frontend={"name": "none", "version": 1},
            dataset=DatasetInfo(name="made-up", source="made-up", fingerprint="0" * 64,
                                classes=list(CLASSES), tracks=tracks),
            protocol=ProtocolInfo(spec="kfold:5", grouped=True),
            seed=0,
            versions={"genre-zoo": "0"},
            status="complete",
            folds=folds,
        )  # fmt: skip
        run = Run(run_folder(record, root), record)
        run.write()
        write_text(run.predictions_path, predictions.to_csv())
        write_text(run.card_path, "# Made")


if __name__ == "__main__":
    sizes = {"type": int, "nargs": "+"}
    options = {
        "--tracks": sizes | {"default": [200, 2_000, 20_000]},
        "--rows": sizes | {"default": [1_000, 10_000, 100_000]},
        "--runs": sizes | {"default": [100, 200, 2_000]},
        "--files": sizes | {"default": [1_000, 10_000, 100_000]},
        "--model": {"default": "logistic"},
    }
    main(__doc__, rows, options)
