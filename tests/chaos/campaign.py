"""Commands that can be killed at any moment, and what their workspace must look like then."""

import csv
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from zoo_registry.errors import RunError
from zoo_registry.predictions import Predictions
from zoo_registry.runs import WINDOWS

NEST = Path(__file__).with_name("nest.py")


class Nest:
    """Where commands hatch: see nest.py."""

    def __init__(self, *modules: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", str(NEST), *modules],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, **request: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def wait(self, pid: int, seconds: float | None = None) -> int | None:
        """Return the exit status, negative for a signal; None if it runs longer than that."""
        return self.ask(wait=pid, seconds=seconds)

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@dataclass
class Campaign:
    """What became of a command that was killed many times."""

    kills: dict[str, int] = field(default_factory=dict)
    ended: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return sum(self.kills.values())

    @property
    def faultless(self) -> bool:
        return not (self.lost or self.wrong or self.half or self.left)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kills.items()))
        found = {"lost": self.lost, "wrong": self.wrong, "half": self.half, "left": self.left}
        faults = ", ".join(f"{len(items)} {name}" for name, items in found.items())
        more = "".join(f"\n  {name}: {item}" for name, items in found.items() for item in items[:5])
        return f"{self.total} kills ({kinds}), {self.ended} runs ended: {faults}{more}"


class Chaos:
    """Runs one command in one place, again and again.

    Parameters
    ----------
    nest : Nest
    place : Path
        Where the workspace is put; the same for all runs, since paths are remembered.
    prepared : Path
        The workspace before the command.
    finished : callable
        Names what a workspace holds that is finished, each with what changes if it is done again.
    victims : tuple of str
        Whom the clock kills: "group", "main" or "worker".
    **request
        What to ask of the nest.
    """

    def __init__(
        self,
        nest: Nest,
        place: Path,
        prepared: Path,
        finished: Callable[[Path], dict[Any, Any]],
        victims: tuple[str, ...] = ("group",),
        **request: Any,
    ) -> None:
        self._nest = nest
        self._prepared = prepared
        self._finished = finished
        self._victims = victims
        self._request = request
        self._box = place / "box"
        self._out = place / "out"

    def undisturbed(self) -> tuple[dict[str, str], float, int]:
        """Return what the command leaves, its seconds, and how often it changed something."""
        box = self._fresh()
        begun = time.monotonic()
        status = self._nest.wait(self._start(), A_HANG)
        seconds = time.monotonic() - begun
        assert status == 0, self._out.read_text()
        return contents(box), seconds, int(Path(f"{self._out}.changes").read_text())

    def kill(self, kills: int, seed: int = 0) -> Campaign:
        """Kill the command so many times, in runs that are all brought to their end."""
        rng = Random(seed)
        expected, seconds, changes = self.undisturbed()
        again, seconds, _ = self.undisturbed()
        assert not different(again, expected), "two undisturbed runs differ"
        campaign = Campaign()
        while campaign.total < kills:
            self._fresh()
            sessions: list[int] = []
            known: dict[Any, Any] = {}
            again = True
            while again:
                if campaign.total < kills:
                    again = self._disturbed(rng, seconds, changes, campaign, sessions)
                else:
                    again = False
                    sessions.append(self._start())
                    self._check(self._nest.wait(sessions[-1], A_HANG), campaign)
                campaign.half += half_files(self._box)
                known = self._compared(known, campaign)
            for session in sessions:
                end_of(session)
            campaign.ended += 1
            campaign.left += temporaries(self._box)
            found = contents(self._box)
            if names := different(found, expected):
                campaign.wrong.append(f"{names}: {self._out.read_text()[-500:]}")
        return campaign

    def _fresh(self) -> Path:
        shutil.rmtree(self._box, ignore_errors=True)
        shutil.copytree(self._prepared, self._box)
        return self._box

    def _start(self, change: int | None = None) -> int:
        # What a killed command's workers still say is not said by the next one.
        self._out.unlink(missing_ok=True)
        box = str(self._box)
        env = environment(self._box)
        out = str(self._out)
        return self._nest.ask(box=box, env=env, out=out, change=change, **self._request)

    def _disturbed(
        self, rng: Random, seconds: float, changes: int, campaign: Campaign, sessions: list[int]
    ) -> bool:
        """Start the command and kill it; return whether it has to be run again."""
        by_change = rng.random() < 0.5
        pid = self._start(rng.randint(1, changes) if by_change else None)
        sessions.append(pid)
        status = self._nest.wait(pid, A_HANG if by_change else rng.uniform(0, seconds))
        if status == -signal.SIGKILL:
            _count(campaign, "before a change")
            return True
        if status is not None:
            self._check(status, campaign)
            return False
        victim = rng.choice(self._victims)
        workers = children(pid) if victim == "worker" else []
        if workers:
            os.kill(rng.choice(workers), signal.SIGKILL)
            _count(campaign, "of a worker by the clock")
            self._check(self._nest.wait(pid, A_HANG), campaign)
            return False
        if victim == "main":
            os.kill(pid, signal.SIGKILL)
        else:
            os.killpg(pid, signal.SIGKILL)
        _count(campaign, f"of the {'process' if victim == 'main' else 'group'} by the clock")
        self._nest.wait(pid, A_HANG)
        return True

    def _check(self, status: int | None, campaign: Campaign) -> None:
        said = self._out.read_text()
        if status != 0 or "Traceback" in said:
            campaign.wrong.append(f"status {status}: {said[-2000:]}")

    def _compared(self, known: dict[Any, Any], campaign: Campaign) -> dict[Any, Any]:
        finished = self._finished(self._box)
        campaign.lost += [
            f"{name}: {value} became {finished.get(name)}"
            for name, value in known.items()
            if finished.get(name) != value
        ]
        return finished


def run(nest: Nest, box: Path, *command: str) -> tuple[int | None, str]:
    """Run a command in a workspace; return its status and all that it printed."""
    pid, out = launch(nest, box, *command)
    return nest.wait(pid, A_HANG), out.read_text()


def launch(nest: Nest, box: Path, *command: str) -> tuple[int, Path]:
    """Start a command in a workspace; return its number, and where it prints."""
    out = box.parent / f"out-{secrets.token_hex(4)}"
    out.touch()
    request = {"env": environment(box), "out": str(out), "change": None}
    pid = nest.ask(box=str(box), command=command, **request)
    while not Path(f"{out}.begun").exists():
        time.sleep(0.002)
    return pid, out


def sentences(said: str) -> list[str]:
    """Return the errors of a command; there is no traceback among them."""
    assert "Traceback" not in said, said
    assert "should not have happened" not in said, said
    return [line for line in said.splitlines() if line.startswith("zoo: ")]


A_HANG = 180.0  # seconds


def environment(box: Path) -> dict[str, str]:
    """Return the variables of commands in this workspace."""
    return {
        "ZOO_MODELS": "models",
        "ZOO_CACHE": str(box / "cache"),
        "ZOO_CONFIG": str(box / "config"),
        "CHAOS_LOG": str(box / "log"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _count(campaign: Campaign, kind: str) -> None:
    campaign.kills[kind] = campaign.kills.get(kind, 0) + 1


def children(pid: int) -> list[int]:
    """Return the worker processes of a command."""
    return [
        number
        for number, _, parent, command in processes()
        if parent == pid and "resource_tracker" not in command and "loky" in command
    ]


def processes() -> Iterator[tuple[int, int, int, str]]:
    """Yield number, session, parent and command of all processes that run."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent, _, session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError):
            continue
        if state != "Z":
            yield int(folder.name), int(session), int(parent), command


def end_of(session: int, seconds: float = 60.0) -> None:
    """Wait until nothing of a command is left."""
    end = time.monotonic() + seconds
    while left := [process for process in processes() if process[1] == session]:
        assert time.monotonic() < end, f"these stayed behind: {left}"
        time.sleep(0.05)


def temporaries(folder: Path) -> list[str]:
    """Return the files below `folder` that are no results."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.name.startswith(".zoo-") or path.name in ("folds", "unfinished.json", "scratch")
    ]


# Locks, what counts trainings, and boards remembered by the times of their files.
_TRACES = re.compile(r"/locks/|^log$|cache/(boards-\d+|digests)/")  # have times of files
_TIMES = re.compile(r'^ *"(started|finished|\w*seconds)": .*$', re.MULTILINE)


def contents(folder: Path) -> dict[str, str]:
    """Return the files below a workspace by name, without what tells the time."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if not path.is_file() or _TRACES.search(name):
            continue
        content = path.read_bytes()
        if path.name == "run.json":
            record = json.loads(content)
            record["extraction"] = None
            content = json.dumps(record, indent=1).encode()
        if path.name in ("run.json", "tuning.json"):
            content = _TIMES.sub("", content.decode()).encode()
        if path.name == "trials.csv":
            rows = list(csv.DictReader(content.decode().splitlines()))
            content = json.dumps([row | {"seconds": ""} for row in rows]).encode()
        if path.name == "README.md":
            content = re.sub(rb"\d{4}-\d\d-\d\dT\S*", b"", content)
        found[name] = f"{zlib.crc32(content):08x} {len(content)}"
    return found


def different(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Return the names of the files that two workspaces do not have alike."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def half_files(folder: Path) -> list[str]:
    """Return the files under their final names that are not whole."""
    return [
        f"{path.relative_to(folder)}: {fault}"
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".zoo-")
        for fault in _faults(path)
    ]


def _faults(path: Path) -> Iterator[str]:
    try:
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.name == WINDOWS or (path.suffix == ".npy" and path.parent.name == "folds"):
            np.load(path, allow_pickle=False)
        elif path.suffix == ".npy" and path.parent.name != "saved":
            content = path.read_bytes()
            if zlib.crc32(content[:-4]).to_bytes(4, "little") != content[-4:]:
                yield "its checksum is wrong"
        elif path.name == "predictions.csv" or path.parent.name == "folds":
            Predictions.from_csv(path.read_bytes().decode(), str(path))
        elif path.suffix == ".onnx":
            import onnx

            onnx.checker.check_model(onnx.load(path))
        elif path.suffix == ".flac":
            import soundfile

            soundfile.read(path)
        elif path.name == "README.md" and not path.read_text(encoding="utf-8").endswith("\n"):
            yield "it has no end"
    except FileNotFoundError:
        return
    except (OSError, ValueError, RuntimeError, RunError) as error:
        yield str(error)
