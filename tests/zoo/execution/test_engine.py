"""A Dask cluster on loopback, a scheduler and two workers: the same results as one process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

import zoo
from tests.notes import Notes
from zoo.features.extraction import _missing
from zoo.tuning.trials import Tuning
from zoo_registry import EngineError, UsageError
from zoo_registry.model import Source
from zoo_registry.runs import Run

pytest.importorskip("distributed")

from zoo.execution.dask_cluster import Cluster, _versions_lacking
from zoo.execution.engine import InProcess, LocalProcesses


class Machines:
    """A scheduler and workers, each worker with a cache of its own."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.processes: list[subprocess.Popen[bytes]] = []
        told = folder / "scheduler.json"
        self._start("scheduler", "--port", "0", "--scheduler-file", str(told))
        self.address = str(self._told(told)["address"])
        for number in range(workers):
            self.caches = [folder / f"cache{n}" for n in range(number + 1)]
            self._start(
                "worker", self.address, "--nthreads", "1", "--local-directory",
                str(folder / f"worker{number}"), cache=self.caches[-1],
            )  # fmt: skip

    def _start(self, kind: str, *arguments: str, cache: Path | None = None) -> None:
        environment = {
            **os.environ,
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
            "ZOO_CACHE": str(cache),
            "ZOO_CONFIG": str(self.folder / "config"),
        }
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments]
        with (self.folder / f"{kind}{len(self.processes)}.log").open("w") as log:
            started = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--no-dashboard"], cwd=self.folder,
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.processes.append(started)

    def _told(self, path: Path) -> dict:
        for _ in range(600):
            try:
                return json.loads(path.read_text())
            except (OSError, ValueError):
                time.sleep(0.1)
        raise TimeoutError(self.said())

    def said(self) -> str:
        return "".join(log.read_text() for log in self.folder.glob("*.log"))

    def close(self) -> None:
        for process in reversed(self.processes):
            with process:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    started = Machines(tmp_path_factory.mktemp("machines"), workers=2)
    yield started
    started.close()


@pytest.fixture
def cluster(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    monkeypatch.setattr(
        "zoo.execution.dask_cluster._CONNECT_SECONDS", 60.0
    )  # a loaded machine starts slowly
    with Cluster(machines.address) as found:
        found._client.wait_for_workers(2, timeout=60)
        yield found


MODEL = """
import os
import time
from pathlib import Path
import numpy as np
from sklearn.linear_model import LogisticRegression
from zoo import Card, Handcrafted, hookimpl

HERE = Path(__file__).parent
card = Card(name="theirs", title="Theirs", family="{family}", frontend=Handcrafted())

@hookimpl
def train(tracks, labels, seed, progress):
    {before}
    progress(0.5, loss=0.25)
    weights = np.random.default_rng(seed).uniform(0.01, 1.0, len(labels))
    return LogisticRegression().fit(np.concatenate(list(tracks)), labels, weights)

@hookimpl
def predict(model, tracks):
    return [model.predict_proba(track) for track in tracks]
"""
DIE_ONCE = """
    flag = HERE / "died"
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), 9)
"""


@pytest.fixture
def theirs(workspace: Path) -> Callable[[str], str]:
    def write(before: str = "", after: str = "", family: str = "test") -> str:
        text = MODEL.replace("{before}", before.strip() or "pass") + after
        text = text.replace("{family}", family)
        (workspace / "theirs.py").write_text(text, encoding="utf-8")
        return "./theirs.py"

    return write


@pytest.fixture
def elsewhere(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Return a function after which this machine knows nothing of what it did before."""

    def forget() -> Path:
        monkeypatch.setenv("ZOO_CACHE", str(workspace / "another cache"))
        return workspace / "another models"

    return forget


def same(one: Run, other: Run) -> bool:
    return one.predictions_path.read_bytes() == other.predictions_path.read_bytes()


@pytest.mark.parametrize("model", ["logistic", "theirs"])
def test_recordings_give_the_same(model, cluster, machines, theirs, elsewhere, tone_folder):
    name = theirs() if model == "theirs" else model
    data = str(tone_folder(tracks=5, seconds=0.3, seed=len(model)))
    here = zoo.train(name, data, protocol="kfold:3", seed=3, jobs=1)
    there = zoo.train(name, data, protocol="kfold:3", seed=3, engine=cluster, root=elsewhere())
    assert there.complete, there.record.error
    assert there.id == here.id
    assert same(there, here)
    assert there.record.split == here.record.split
    # What a worker describes it keeps, and sends here.
    assert here.record.extraction["tracks"] == there.record.extraction["tracks"] == 10
    assert all(list(cache.rglob("*.npy")) for cache in machines.caches)
    # The artefact is here, whole, and does what the model did.
    assert there.artefact_path.stat().st_size == there.record.artefact.bytes
    assert there.record.artefact.parity < 1e-4
    assert not there.fold_path(0).parent.exists()
    (answer,) = zoo.predict(str(there.folder), [sorted(Path(data).rglob("*.wav"))[0]])
    assert answer.error is None
    if model == "theirs":
        curve = [{"fraction": 0.5, "loss": 0.25}]
        assert [entry.curve for entry in there.record.folds] == [curve] * 3
        assert there.record.artefact.curve == curve


@pytest.mark.parametrize(("model", "nested"), [("random-forest", 0), ("logistic", 2)])
def test_a_table_gives_the_same(model, nested, cluster, elsewhere, feature_table):
    table = str(feature_table(classes=3, tracks=12, groups=9))
    given = {"protocol": "kfold:3", "nested": nested, "seed": 3}
    given["params"] = {"n_estimators": 50} if model == "random-forest" else {}
    here = zoo.train(model, table, **given)
    there = zoo.train(model, table, **given, engine=cluster, root=elsewhere())
    assert there.complete, there.record.error
    assert there.id == here.id
    assert same(there, here)
    assert [f.params for f in there.record.folds] == [f.params for f in here.record.folds]


@pytest.mark.parametrize("tuner", ["random", "bayesian"])
def test_a_search_gives_the_same_trials(tuner, cluster, elsewhere, feature_table):
    table = str(feature_table(classes=3, tracks=12, spread=2.0))

    def trials(found: Tuning) -> list[dict]:
        return [{**trial, "seconds": None} for trial in found.trials]

    here = zoo.tune("svm", table, trials=4, tuner=tuner, seed=3)
    there = zoo.tune("svm", table, trials=2, tuner=tuner, seed=3, engine=cluster, root=elsewhere())
    assert trials(there) == trials(here)[:3]
    there = zoo.tune("svm", table, trials=4, tuner=tuner, seed=3, engine=cluster, root=elsewhere())
    one, other = (found.record.to_dict() | {"trials": None} for found in (there, here))
    assert one == other
    assert trials(there) == trials(here)


@pytest.mark.parametrize("hook", ["train", "preprocess"])
def test_a_worker_that_is_killed_costs_nothing(
    hook, cluster, theirs, elsewhere, tone_folder, workspace
):
    dying = f"\n@hookimpl\ndef preprocess(audio):{DIE_ONCE}    return audio.reshape(-1, 64)[:1]\n"
    model = theirs(before=DIE_ONCE) if hook == "train" else theirs(after=dying)
    data = tone_folder(tracks=4, seconds=0.3)
    for path in data.rglob("*.wav"):  # so long that the strangers' `preprocess` can cut them
        _cut(path, 64 * 90)
    there = zoo.train(model, str(data), protocol="kfold:2", engine=cluster, root=elsewhere())
    assert (workspace / "died").exists()
    assert there.complete, there.record.error
    assert not there.record.skipped
    here = zoo.train(model, str(data), protocol="kfold:2", jobs=1)
    assert same(there, here)


def test_one_process_two_processes_and_a_cluster_give_the_same(
    cluster, theirs, elsewhere, feature_table, monkeypatch, workspace
):
    """Two of the three lose a worker on the way."""
    monkeypatch.setenv("ZOO_TEST_PROCESS", str(os.getpid()))  # where no worker may die
    monkeypatch.setattr("zoo.execution.engine._WORTH_PARALLEL_FITS", 0.0)
    worker = "os.environ.get('ZOO_TEST_PROCESS') != str(os.getpid())"
    die = DIE_ONCE.replace("if not", f"if {worker} and not")
    seen = "(HERE / f'process{os.getpid()}').touch()"
    model = theirs(before=seen + die, family="classical")
    table = str(feature_table(classes=3, tracks=15, groups=9, spread=2.0))
    runs = []
    for number, engine in enumerate((InProcess(), LocalProcesses(2), cluster)):
        (workspace / "died").unlink(missing_ok=True)
        for path in workspace.glob("process*"):
            path.unlink()
        root = elsewhere() / str(number)
        run = zoo.train(model, table, protocol="kfold:5", seed=3, engine=engine, root=root)
        assert run.complete, run.record.error
        assert (workspace / "died").exists() == (number > 0)
        processes = [path.name for path in workspace.glob("process*")]
        assert (processes == [f"process{os.getpid()}"]) == (number == 0)
        runs.append(run)
    first, *others = runs
    assert all(same(first, other) for other in others)
    assert [f.curve for f in first.record.folds] == [f.curve for f in others[1].record.folds]
    assert len({run.artefact_path.read_bytes() for run in runs}) == 1


def _cut(path: Path, samples: int) -> None:
    import soundfile

    sound, rate = soundfile.read(path)
    soundfile.write(path, sound[:samples], rate, subtype="PCM_16")


def test_a_track_that_ends_every_worker_is_named(cluster, theirs, tone_folder):
    import soundfile

    data = tone_folder(tracks=4, seconds=0.3)
    loud = data / "high" / "high02.wav"
    sound, rate = soundfile.read(loud)
    soundfile.write(loud, sound * 2.3, rate, subtype="PCM_16")
    model = theirs(
        after="\n_usual = card.frontend\n\n@hookimpl\ndef preprocess(audio):\n"
        "    if np.abs(audio).max() > 0.9:\n        os.kill(os.getpid(), 9)\n"
        "    return _usual(audio)\n"
    )
    run = zoo.train(model, str(data), protocol="kfold:2", engine=cluster)
    assert run.complete, run.record.error
    (skipped,) = run.record.skipped
    assert skipped["track"] == "high/high02.wav"
    assert "was killed, or out of memory" in skipped["reason"]


def test_a_fold_that_fails_is_a_marked_row(cluster, theirs, feature_table):
    table = str(feature_table(classes=2, tracks=9, name="failing.csv"))
    model = theirs(before="if len(labels) == 12 and np.sum(labels) == 6: raise ValueError('no')")
    run = zoo.train(model, table, protocol="kfold:3", engine=cluster)
    assert run.record.status == "failed"
    assert all(entry.error.startswith("ValueError: no (line ") for entry in run.record.folds)
    theirs()  # mended; its version is another, so the run is, too
    assert zoo.train(model, table, protocol="kfold:3", engine=cluster).complete


def test_a_command_that_is_killed_goes_on(cluster, machines, theirs, elsewhere, feature_table):
    table = str(feature_table(classes=2, tracks=10, name="long.csv"))
    model = theirs(before="time.sleep(0.5)")
    here = zoo.train(model, table, protocol="kfold:5")
    root = elsewhere()
    command = [str(Path(sys.executable).with_name("zoo")), "train", model, "--data", table]
    command += ["--engine", "dask", "--scheduler", machines.address]
    killed = subprocess.Popen(
        command, env={**os.environ, "ZOO_MODELS": str(root)}, stderr=subprocess.PIPE
    )
    with killed:
        for _ in range(600):
            if list(root.rglob("folds/*.csv")) or killed.poll() is not None:
                break
            time.sleep(0.05)
        killed.send_signal(signal.SIGKILL)
    (folder,) = (path.parent for path in root.rglob("run.json"))
    before = Run.read(folder)
    assert not before.complete
    there = zoo.train(model, table, protocol="kfold:5", engine=cluster, root=root)
    assert there.complete, there.record.error
    assert there.folder == folder
    assert same(there, here)
    after = [replace(entry, betas=[]) for entry in there.record.folds]  # found at the end
    for entry in before.record.folds:  # was not done again
        assert entry in after


def test_a_model_without_an_onnx_form_brings_what_it_saves(cluster, theirs, feature_table):
    saving = (
        "\nfrom zoo import CannotExport"
        "\n@hookimpl\ndef export(model):\n    raise CannotExport('no form')\n"
        "\n@hookimpl\ndef save(model, folder):\n"
        "    (folder / 'weights').mkdir()\n"
        "    np.save(folder / 'weights' / 'coef.npy', model.coef_)\n    return True\n"
        "\n@hookimpl\ndef load(folder):\n    return np.load(folder / 'weights' / 'coef.npy')\n"
    )
    notes = Notes()
    table = str(feature_table(classes=2, tracks=8, name="saved.csv"))
    run = zoo.train(theirs(after=saving), table, protocol="kfold:2", engine=cluster, reporter=notes)
    assert run.complete, run.record.error
    assert run.record.artefact.error == "no form"
    assert (run.saved_path / "weights" / "coef.npy").is_file()
    assert any("has no ONNX file (no form)" in note for note in notes.texts)


def test_what_a_worker_lacks_is_told_before_the_work(cluster, tmp_path, workspace):
    with pytest.raises(UsageError, match=r"worker tcp://\S+ has numpy .* here it is 0\.0"):
        cluster.check_workers(_versions_lacking, {"numpy": "0.0"})
    with pytest.raises(UsageError, match=r"cannot load the model /nowhere/m\.py"):
        cluster.check_workers(_missing, Source("/nowhere/m.py", None, "1"), None)
    own = zoo_model("logistic")
    with pytest.raises(UsageError, match="another version of the model logistic"):
        cluster.check_workers(_missing, Source("logistic", own.distribution, "0.0.0"), None)
    with pytest.raises(UsageError, match=r"cannot read .*nothing; workers need the folder"):
        cluster.check_workers(_missing, own, tmp_path / "nothing")
    cluster.check_workers(_missing, own, tmp_path)


def zoo_model(name: str) -> Source:
    from zoo.plugins.registry import open_registry

    return open_registry().load(name).source


def test_a_scheduler_that_is_not_there(monkeypatch):
    monkeypatch.setattr("zoo.execution.dask_cluster._CONNECT_SECONDS", 1.0)
    for address in ("tcp://127.0.0.1:1", "nonsense://x", "tcp://a b"):
        with pytest.raises(UsageError, match="no Dask scheduler answers at"):
            Cluster(address)


def test_a_cluster_that_goes(tmp_path, monkeypatch, theirs, feature_table):
    monkeypatch.setattr("zoo.execution.dask_cluster._CONNECT_SECONDS", 1.0)
    machines = Machines(tmp_path / "short", workers=0)
    try:
        with pytest.raises(UsageError, match="has no worker"):
            Cluster(machines.address)
        monkeypatch.setattr("zoo.execution.dask_cluster._CONNECT_SECONDS", 60.0)
        machines._start("worker", machines.address, "--nthreads", "1", cache=tmp_path / "c")
        kill = f"os.kill({machines.processes[0].pid}, 9); time.sleep(2)"
        with Cluster(machines.address) as cluster:
            model, table = theirs(before=kill), str(feature_table(classes=2, tracks=8))
            with pytest.raises(EngineError, match="is gone; progress is saved"):
                zoo.train(model, table, protocol="kfold:2", engine=cluster)
        (record,) = Path("models").rglob("run.json")
        assert "is gone" in json.loads(record.read_text())["error"]
    finally:
        machines.close()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--scheduler", "tcp://127.0.0.1:1"], "--scheduler is for a Dask cluster"),
        (["--engine", "dask"], "--engine dask needs a scheduler"),
        (["--engine", "dask", "--jobs", "2"], "--jobs is for processes of this machine"),
    ],
)
def test_options_that_contradict(options, sentence, feature_table, monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    command = [str(Path(sys.executable).with_name("zoo")), "-q", "train", "logistic"]
    command += ["--data", str(feature_table()), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_dask_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"pip install .*\[dask\]'"):
        Cluster("tcp://127.0.0.1:1")
