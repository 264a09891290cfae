"""What a second worker brings: a Dask cluster on this machine against one process.

Usage: python benchmarks/scaling.py [DATA] [--rounds N] [--model NAME] [--trials N] [--times N]

DATA is a folder with one sub-folder per class; each recording is taken several times, each time a
little quieter. A scheduler and two workers of one thread run on loopback, and share the cache with
the command, as on a shared folder. In turns, one process and the workers describe all tracks, make
a run of them (five folds split by track, the last fit and its artefact), and search parameters.
Each does so twice in a new process, and the second time counts, when libraries are loaded
everywhere. What counts is time on the wall, so the machine should have nothing else to do. Ratios
say how many times as fast the two workers are; both have to give the same predictions and the same
trials, or there is no result.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import soundfile
from _common import Row, in_turns, main, note, ratios

# Works with an empty cache, twice, and prints what it took and what came out.
WORK = """
import hashlib, json, shutil, sys, time
from contextlib import nullcontext
from pathlib import Path
import zoo
from zoo.execution.dask_cluster import Cluster
from zoo.datasets import open_dataset
from zoo.features.cache import features_folder
from zoo.features.extraction import extract
from zoo.plugins.registry import open_registry
from zoo.execution.engine import LocalProcesses
data, name, trials, address, models = sys.argv[1:]
root, model, dataset = Path(models), open_registry().load(name), open_dataset(data)
with Cluster(address) if address else nullcontext(LocalProcesses(1)) as engine:
    for _ in range(2):
        for folder in (features_folder(), root):
            shutil.rmtree(folder, ignore_errors=True)
        times = [time.perf_counter()]
        extract(dataset, model, engine=engine)
        times.append(time.perf_counter())
        more = {"grouped": False, "engine": engine, "root": root}
        run = zoo.train(name, dataset, **more)
        assert run.complete, run.record.error
        times.append(time.perf_counter())
        found = zoo.tune(name, dataset, trials=int(trials), **more)
        times.append(time.perf_counter())
scores = json.dumps([[trial.params, trial.scores] for trial in found.trials])
came = hashlib.sha256(run.predictions_path.read_bytes() + scores.encode()).hexdigest()
seconds = [after - before for before, after in zip(times, times[1:])]
print(json.dumps({"seconds": seconds, "came": came}))
"""


def rows(given: argparse.Namespace) -> Iterator[Row]:
    """Run the contest."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        count = _copies(given.data, folder / "data", given.times)
        os.environ["ZOO_CACHE"] = str(folder / "cache")
        with _cluster(folder, workers=2) as address:
            calls = {
                name: partial(_work, given, address if name == "two" else "", folder)
                for name in ("one", "two")
            }
            found = in_turns(calls, given.rounds, warm=0)
    if len({done["came"] for turns in found.values() for done in turns}) > 1:
        raise SystemExit("one process and two workers came to different results")
    stages = (
        f"description of {count} tracks",
        f"a run on {count} tracks that are described",
        f"a search of {given.trials + 1} trials",
        "all three",
    )
    for place, stage in enumerate(stages):
        one, two = (
            [[*done["seconds"], sum(done["seconds"])][place] for done in found[name]]
            for name in ("one", "two")
        )
        figures = f"{statistics.median(two):.2f} s against {statistics.median(one):.2f} s"
        yield Row(
            f"{stage}, {given.model}, one process over two workers", ratios(one, two), figures
        )


def _copies(data: str, folder: Path, times: int) -> int:
    """Write each track of a dataset several times, each a little quieter; return how many."""
    from zoo.audio.decode import read
    from zoo.datasets import open_dataset
    from zoo_registry.errors import AudioError

    count = 0
    for track in open_dataset(data).tracks:
        try:
            found = read(Path(track.location))
        except AudioError as error:
            note(str(error))
            continue
        (folder / track.label).mkdir(parents=True, exist_ok=True)
        for number in range(times):
            sound = 0.9 * found.samples * 0.97**number
            count += 1
            soundfile.write(folder / track.label / f"{count:06d}.wav", sound, found.rate)
    return count


def _work(given: argparse.Namespace, address: str, folder: Path) -> dict[str, Any]:
    arguments = [given.model, str(given.trials), address, str(folder / "models")]
    command = [sys.executable, "-c", WORK, str(folder / "data"), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


@contextmanager
def _cluster(folder: Path, workers: int) -> Iterator[str]:
    """Run a scheduler and workers; yield the scheduler's address."""
    told = folder / "scheduler.json"
    started: list[subprocess.Popen[bytes]] = []

    def start(kind: str, *arguments: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments]
        command += ["--host", "127.0.0.1", "--no-dashboard"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        started.append(subprocess.Popen(command, **quiet))  # type: ignore[call-overload]

    try:
        start("scheduler", "--port", "0", "--scheduler-file", str(told))
        while not told.exists():
            if started[0].poll() is not None:
                raise SystemExit("the scheduler does not start; is distributed installed?")
            time.sleep(0.1)
        time.sleep(0.5)
        address = str(json.loads(told.read_text(encoding="utf-8"))["address"])
        for number in range(workers):
            place = str(folder / f"worker{number}")
            start("worker", address, "--nthreads", "1", "--local-directory", place)
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


if __name__ == "__main__":
    options = {
        "--model": {"default": "svm"},
        "--trials": {"type": int, "default": 12, "help": "beside that of the defaults"},
        "--times": {"type": int, "default": 4, "help": "that each recording is taken"},
    }
    main(__doc__, rows, options)
