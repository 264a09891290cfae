"""The server under load: a hundred requests at once, against the same one after the other.

Usage: python benchmarks/serve_load.py [DATA] [--rounds N] [--requests 100] [--model gtzan]

DATA is a folder. `zoo serve` answers in a process of its own, on 127.0.0.1. Each request sends one
recording and waits for its prediction; a request without a prediction has failed. The server keeps
the arrays of the latest recordings, so no recording is sent twice: each time it is a few samples
shorter. Requests that are sent at once have a connection each. Ratios say how many times as long
all requests take if they are sent at once. The ratio can be below 1, because two predictions run at
the same time. Memory is that of the server, at rest and at its peak. The seconds of a request
include waiting. `python benchmarks/serve_load.py DATA --rounds 3` measures this alone; `--requests`
and `--model` change the number of requests and the model.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection, HTTPException
from io import BytesIO
from itertools import count, cycle, islice
from pathlib import Path
from typing import NamedTuple

from _common import Row, in_turns, main, note, ratios, tracks_of

ZOO = str(Path(sys.executable).with_name("zoo"))
_PATIENCE = 600.0  # seconds


class Load(NamedTuple):
    """What came of all requests: seconds of all and of each, and how many failed."""

    seconds: float
    each: list[float]
    failed: int


def _rows(given: argparse.Namespace) -> Iterator[Row]:
    songs = list(islice(cycle(tracks_of(given.data)), given.requests))
    shorter = count()
    with tempfile.TemporaryDirectory() as models, _served(models) as (process, port):
        ask = partial(_ask, port, given.model)
        if not ask(_cut(songs[0], next(shorter)))[1]:  # the first one loads the model
            raise SystemExit(f"the server does not answer for {given.model}")
        before = _memory(process, "VmRSS")

        def at_once() -> Load:
            sent = [_cut(song, next(shorter)) for song in songs]
            with ThreadPoolExecutor(len(sent)) as pool:
                return _measured(partial(pool.map, ask), sent)

        def in_turn() -> Load:
            sent = [_cut(song, next(shorter)) for song in songs]
            return _measured(partial(map, ask), sent)

        found = in_turns({"at once": at_once, "in turn": in_turn}, given.rounds, warm=0)
        peak = _memory(process, "VmHWM")
    every = sorted(seconds for load in found["at once"] for seconds in load.each)
    failed = sum(load.failed for loads in found.values() for load in loads)
    total = 2 * given.rounds * len(songs)
    half, most = (every[min(len(every) - 1, round(len(every) * share))] for share in (0.5, 0.99))
    middle = {name: sorted(x.seconds for x in loads) for name, loads in found.items()}
    seconds = {name: values[len(values) // 2] for name, values in middle.items()}
    figures = (
        f"{seconds['at once']:.1f} s, one after the other {seconds['in turn']:.1f} s; "
        f"{failed} of {total} failed; at once p50 {half:.1f} s, p99 {most:.1f} s; "
        f"memory {before:.0f} MB before, {peak:.0f} MB at the peak"
    )
    above, below = ([load.seconds for load in found[name]] for name in ("at once", "in turn"))
    yield Row(f"{len(songs)} requests at once", ratios(above, below), figures)


@contextmanager
def _served(models: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [ZOO, "serve", "--port", "0", "--no-log-requests"]
    environment = os.environ | {"ZOO_MODELS": models}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as started:
        try:
            address = started.stdout.readline() if started.stdout else ""
            note(f"the server is at {address.strip()}")
            yield started, int(address.rpartition(":")[2])
        finally:
            started.terminate()


def _cut(song: Path, samples: int) -> bytes:
    """Return a recording without its first samples, as WAV."""
    import soundfile

    waveform, rate = soundfile.read(song, dtype="int16", start=samples)
    target = BytesIO()
    soundfile.write(target, waveform, rate, format="WAV")
    return target.getvalue()


def _ask(port: int, model: str, content: bytes) -> tuple[float, bool]:
    """Return the seconds of a request, and whether it was answered with a prediction."""
    begun = time.perf_counter()
    wire = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        wire.request("POST", f"/api/predict?model={model}", content)
        answer = wire.getresponse()
        is_answered = answer.status == 200 and "label" in json.load(answer)
    except (OSError, HTTPException, ValueError) as error:
        note(f"failed: {error}")
        is_answered = False
    finally:
        wire.close()
    return time.perf_counter() - begun, is_answered


def _measured(ask_all: Callable[[Sequence[bytes]], object], songs: Sequence[bytes]) -> Load:
    begun = time.perf_counter()
    found = list(ask_all(songs))  # type: ignore[call-overload]
    seconds = time.perf_counter() - begun
    return Load(seconds, [took for took, _ in found], sum(not is_right for _, is_right in found))


def _memory(process: "subprocess.Popen[str]", name: str) -> float:
    """Return a line of /proc/PID/status in MB; 0 on other systems than Linux."""
    path = Path(f"/proc/{process.pid}/status")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)


if __name__ == "__main__":
    options = {"--requests": {"type": int, "default": 100}, "--model": {"default": "gtzan"}}
    main(__doc__ or "", _rows, options)
