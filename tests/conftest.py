"""Fixtures for all tests: a workspace of one's own, small recordings, strangers' plugins."""

import csv
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import EntryPoint, PathDistribution
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from filelock import FileLock

from tests.units import (  # noqa: F401  (hooks)
    pytest_collection_modifyitems,
    pytest_xdist_make_scheduler,
)
from zoo_registry.places import prepare_libraries

# Packages of strangers, whose own tests are run where they are meant to be.
collect_ignore = ["third_party"]

# Tables have the width of a pipe, whatever the terminal in which the tests are run.
os.environ.pop("COLUMNS", None)
# Lines of progress depend on the time that work takes: tests/zoo/cli/test_messages.py has them.
os.environ["ZOO_PROGRESS"] = "0"
# Where its tables of Unicode stay from one run to the next, wherever a test stands.
os.environ.setdefault(
    "HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[1] / ".hypothesis")
)
# So that what numba has compiled is not in the cache of each test.
prepare_libraries()
# No example is ever too slow, and a failure is the same on every machine.
hypothesis.settings.register_profile(
    "zoo", deadline=None, derandomize=True, database=None, max_examples=40
)
hypothesis.settings.load_profile("zoo")


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty directory, with runs and caches below it."""
    monkeypatch.setenv("ZOO_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZOO_CONFIG", str(tmp_path / "config"))
    for name in ("DEBUG", "TRACE", "PLUGINS_DISABLED", "PLUGINS_ENABLED"):
        monkeypatch.delenv(f"ZOO_{name}", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def heard() -> Iterator[None]:
    """Let children hear Ctrl-C, also where the tests run in the background and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Return a function that fills a folder once for all worker processes of a test run."""
    root = tmp_path_factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root

    def make(name: str, fill: Callable[[Path], object]) -> Path:
        folder, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                fill(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def small_demo(made_once) -> Path:
    """Return a cache with a demo set of one take of each piece."""
    from zoo.datasets.demo import VERSION, write_demo

    return made_once(
        "small_demo", lambda cache: write_demo(cache / "datasets" / f"demo-{VERSION}", takes=1)
    )


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real recordings, or skip."""
    folder = os.environ.get("ZOO_TEST_DATA")
    if not folder:
        pytest.skip("ZOO_TEST_DATA names no folder of real recordings")
    return Path(folder)


@pytest.fixture(scope="session")
def make_tones() -> Callable[..., Path]:
    """Return a maker of data folders: one sub-folder per class, each a pitch of its own."""
    import soundfile

    def make(
        folder: Path,
        classes: Sequence[str] = ("high", "low"),
        tracks: int = 4,
        seconds: float = 1.0,
        rate: int = 22_050,
        seed: int = 0,
    ) -> Path:
        rng = np.random.default_rng(seed)
        for number, label in enumerate(classes):
            (folder / label).mkdir(parents=True, exist_ok=True)
            for track in range(tracks):
                count = round(seconds * rate * rng.uniform(1.0, 1.2))
                pitch = 150.0 * 2.0**number * rng.uniform(0.98, 1.02)
                time = np.arange(count) / rate
                tone = 0.4 * np.sin(2 * np.pi * (pitch * time + rng.uniform()))
                noise = 0.01 * (1 + number) * rng.standard_normal(count)
                path = folder / label / f"{label}{track:02d}.wav"
                soundfile.write(path, tone + noise, rate, subtype="PCM_16")
        return folder

    return make


@pytest.fixture
def tone_folder(tmp_path: Path, make_tones: Callable[..., Path]) -> Callable[..., Path]:
    """Return the same for folders below `tmp_path`, by name."""

    def make(name: str = "tones", **more: Any) -> Path:
        return make_tones(tmp_path / name, **more)

    return make


@pytest.fixture(scope="session")
def _mistaken(made_once, make_tones: Callable[..., Path]) -> Path:
    return made_once("mistaken", partial(_train_mistaken, make_tones))


def _train_mistaken(make_tones: Callable[..., Path], root: Path) -> None:
    import zoo

    data = make_tones(root / "tones", tracks=8)
    (data / "low" / "low00.wav").rename(data / "high" / "stray.wav")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CACHE", str(root / "cache"))
        patch.setenv("ZOO_MODELS", str(root / "models"))
        for model in ("svm", "logistic"):
            for grouped in (True, False):
                run = zoo.train(model, str(data), protocol="kfold:3", grouped=grouped, jobs=1)
                assert run.complete, run.record.error


@pytest.fixture
def mistaken(_mistaken: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of tones on which two models were trained, in this workspace.

    They were trained with groups kept together and without; ``high/stray.wav`` is a low tone.
    """
    shutil.copytree(_mistaken / "models", workspace / "models")
    monkeypatch.setenv("ZOO_CACHE", str(_mistaken / "cache"))
    return _mistaken / "tones"


@pytest.fixture
def feature_table(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of feature tables: one cloud of points a class, overlapping a little."""

    def make(
        classes: int = 3, tracks: int = 10, groups: int = 0, spread: float = 1.0,
        name: str = "table.csv", seed: int = 0,
    ) -> Path:  # fmt: skip
        rng = np.random.default_rng(seed)
        centres = 1.6 * rng.standard_normal((classes, 6))
        path = tmp_path / name
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(
                ["track", *(f"f{n}" for n in range(6)), "label", *(["group"] if groups else [])]
            )
            for label, centre in enumerate(centres):
                for track in range(tracks):
                    point = centre + spread * rng.standard_normal(6)
                    group = [f"{label}-{track % groups}"] if groups else []
                    writer.writerow([f"{label}-{track}", *point, f"class{label}", *group])
        return path

    return make


@pytest.fixture
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs code in a fresh interpreter, warnings being errors as here."""

    def run(code: str, *args: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = dict(os.environ)
        if path is not None:
            given = os.environ.get("PYTHONPATH")
            environment["PYTHONPATH"] = os.pathsep.join([str(path), *([given] if given else [])])
        return subprocess.run(
            [sys.executable, "-c", code, *args],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


@pytest.fixture
def install_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable]:
    """Return a function that installs a package of one module and gives its entry point.

    What is installed lies in `tmp_path/site` and can be imported here and, with
    that folder on PYTHONPATH, by another process.
    """
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    before = set(sys.modules)

    def install(
        name: str,
        source: str,
        *,
        distribution: str | None = None,
        version: str = "1.2",
        group: str = "zoo.plugins",
        module: str | None = None,
        attribute: str = "",
    ) -> EntryPoint:
        distribution = distribution or f"stranger-{name}"
        module = module or f"stranger_{name.replace('-', '_')}"
        (site / f"{module}.py").write_text(source, encoding="utf-8")
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n", encoding="utf-8"
        )
        points = info / "entry_points.txt"
        known = points.read_text(encoding="utf-8") if points.exists() else ""
        points.write_text(f"{known}[{group}]\n{name} = {module}{attribute}\n", encoding="utf-8")
        found = PathDistribution(info).entry_points.select(group=group, name=name)
        return next(iter(found))

    yield install
    for imported in set(sys.modules) - before:
        file = getattr(sys.modules[imported], "__file__", None) or ""
        if file.startswith(str(tmp_path)) or imported.startswith("zoo_file_"):
            del sys.modules[imported]


class Served:
    """A running ``zoo serve``.

    Attributes
    ----------
    address : str
    temporary : Path
        Where it, and nobody else, keeps temporary files.
    cache : Path
        Its cache folder.
    process : subprocess.Popen
    """

    def __init__(self, folder: Path, workspace: Path, *arguments: str) -> None:
        self.temporary, self.cache = folder / "tmp", folder / "cache"
        self.temporary.mkdir(parents=True)
        self._log = folder / "stderr"
        environment = {
            **os.environ,
            "ZOO_MODELS": str(workspace / "models"),
            "ZOO_CACHE": str(self.cache),
            "TMPDIR": str(self.temporary),
        }
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).with_name("zoo")), "serve", "--port", "0", *arguments],
                cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert self.process.stdout
        self.address = self.process.stdout.readline().strip()
        assert self.address, self.said()

    def said(self) -> str:
        """Return what it has written on stderr."""
        return self._log.read_text(encoding="utf-8")

    def left(self) -> list[Path]:
        """Return the files of others that it still has."""
        return [path for path in self.temporary.rglob("*") if path.is_file()]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; return the exit status."""
        with self.process:  # closes its stdout
            self.process.send_signal(number)
            return self.process.wait(60)


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Return a function that serves a workspace on a free port."""
    started: list[Served] = []

    def start(workspace: Path, *arguments: str) -> Served:
        started.append(Served(tmp_path_factory.mktemp("served"), workspace, *arguments))
        return started[-1]

    yield start
    for server in started:
        server.stop()  # closes the stdout of those that have ended, too
