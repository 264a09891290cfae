"""Runs in an MLflow tracking store, a file and a server, read back by MLflow's own client."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.evaluate.metrics import score
from zoo.execution.progress import Bar, Reporter
from zoo_plugins import mlflow as extension
from zoo_registry.text import pip_install

needs_mlflow = pytest.mark.skipif(
    importlib.util.find_spec("mlflow") is None, reason="needs genre-zoo[mlflow]"
)

CURVED = """
from pathlib import Path
import numpy as np
from zoo import Card, Handcrafted, Int, hookimpl

card = Card(
    name="curved", title="Curved", family="test", frontend=Handcrafted(),
    params={"rounds": 3, "kind": "plain"}, space={"rounds": Int(1, 9)},
)

@hookimpl
def train(tracks, labels, classes, params, progress):
    from sklearn.linear_model import LogisticRegression
    calls = Path("calls")
    calls.write_text((calls.read_text() if calls.exists() else "") + "x")
    stop = Path("stop")
    for number in range(1, params["rounds"] + 1):
        progress(number / params["rounds"], loss=1 / number, accuracy=0.5)
    if stop.exists() and len(calls.read_text()) == 2:
        raise {"KeyboardInterrupt": KeyboardInterrupt, "ValueError": ValueError}[stop.read_text()]
    return LogisticRegression().fit(np.concatenate(tracks), labels)

@hookimpl
def predict(model, tracks):
    return [model.predict_proba(track) for track in tracks]
"""
FILES = {"README.md", "model.onnx", "predictions.csv", "run.json"}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Run ``mlflow server`` on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)),
        *("--backend-store-uri", f"sqlite:///{folder}/server.db", "--workers", "1"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True,
            env=os.environ
            | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        )  # fmt: skip
    try:
        _wait_for(f"http://127.0.0.1:{port}/health", server, folder / "server.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(400):
        if server.poll() is not None:
            break
        try:
            with direct.open(address, timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail("mlflow server did not start: " + log.read_text(encoding="utf-8")[-2000:])


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('file')}/mlflow.db"


@pytest.fixture(autouse=True)
def switched_on(monkeypatch):
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "mlflow")


@pytest.fixture(params=["file", "server"])
def store(request, monkeypatch):
    """Return a client of a store to which runs go."""
    return client(request.getfixturevalue(request.param), monkeypatch)


@pytest.fixture
def quick_store(file, monkeypatch):
    return client(file, monkeypatch)


def client(address: str, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with extension._tracker.environment():
        from mlflow import MlflowClient

        return MlflowClient(address)


@pytest.fixture
def train(workspace, feature_table, request):
    """Return a function that trains a model which reports a learning curve."""
    Path("curved.py").write_text(CURVED, encoding="utf-8")
    # Equal commands give equal ids, and all tests share their stores.
    name = "".join(c if c.isalnum() else "-" for c in request.node.name)
    table = str(feature_table(classes=2, tracks=8, name=f"{name}.csv"))

    def run(**more):
        return zoo.train("./curved.py", table, **({"protocol": "kfold:2"} | more))

    return run


def stored(store, run):
    """Return what the store has of a run: the one MLflow run, and those of its folds."""
    board = f"{run.record.dataset.name}/{run.record.protocol.spec}"
    found = store.search_runs([store.get_experiment_by_name(board).experiment_id])
    (whole,) = [item for item in found if item.data.tags.get("zoo.run") == run.id]
    folds = [
        item for item in found if item.data.tags.get("mlflow.parentRunId") == whole.info.run_id
    ]
    assert len(folds) == len(found) - 1
    return whole, sorted(folds, key=lambda item: int(item.data.tags["zoo.fold"]))


def curve(store, item, name: str) -> list[tuple[int, float]]:
    history = store.get_metric_history(item.info.run_id, f"training/{name}")
    return sorted((point.step, point.value) for point in history)


def told(caplog) -> list[str]:
    """Return what the zoo has logged, without what urllib3 keeps to itself."""
    return [item.message for item in caplog.records if item.name.startswith("zoo")]


LOSSES = [(1, 1.0), (2, 1 / 2), (3, 1 / 3)]


@needs_mlflow
class TestWhatIsStored:
    def test_a_run_its_folds_curves_and_files(self, store, train, tmp_path, capfd):
        variables = {name for name in os.environ if name.startswith("MLFLOW_")}
        run = train(params={"kind": "two words"}, seed=5)
        assert run.complete, run.record.error
        assert run.has_artefact
        assert {name for name in os.environ if name.startswith("MLFLOW_")} == variables
        assert capfd.readouterr() == ("", "")
        whole, folds = stored(store, run)
        assert run.record.extensions["mlflow"]["run_id"] == whole.info.run_id

        assert (whole.info.run_name, whole.info.status) == (run.id, "FINISHED")
        assert whole.info.end_time >= whole.info.start_time
        assert whole.data.tags["zoo.model"] == "curved"
        params = dict(whole.data.params)
        assert (params.pop("rounds"), params.pop("kind")) == ("3", "two words")
        assert params == {
            "zoo.seed": "5", "zoo.protocol": "kfold:2", "zoo.grouped": "True",
            "zoo.dataset": run.record.dataset.name,
            "zoo.fingerprint": run.record.dataset.fingerprint,
            **{f"version.{name}": value for name, value in run.record.versions.items()},
        }  # fmt: skip
        predictions = run.predictions()
        expected = score(predictions)
        for name in ("accuracy", "accuracy_mean", "macro_f1"):
            assert whole.data.metrics[name] == pytest.approx(getattr(expected, name))
        assert whole.data.metrics["bytes"] == run.artefact_path.stat().st_size
        assert curve(store, whole, "loss") == LOSSES

        assert [item.data.tags["zoo.fold"] for item in folds] == ["0", "1"]
        for number, item in enumerate(folds):
            assert item.info.status == "FINISHED"
            assert item.data.metrics["accuracy"] == pytest.approx(expected.fold_accuracy[number])
            tested = np.flatnonzero(predictions.folds == number)
            assert item.data.metrics["test_tracks"] == len(tested)
            assert {"accuracy_mean", "macro_f1", "train_seconds"} <= set(item.data.metrics)
            assert curve(store, item, "loss") == LOSSES
            assert curve(store, item, "accuracy") == [(1, 0.5), (2, 0.5), (3, 0.5)]

        names = {item.path for item in store.list_artifacts(whole.info.run_id)}
        assert names == FILES
        for name in names:
            path = store.download_artifacts(whole.info.run_id, name, str(tmp_path))
            assert Path(path).read_bytes() == (run.folder / name).read_bytes(), name

    def test_an_ensemble_with_the_scores_of_its_folds(self, quick_store, train, monkeypatch):
        monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "")
        one = train()
        other = zoo.train("decision-tree", one.record.dataset.source, protocol="kfold:2")
        monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "mlflow")
        run = zoo.ensemble([one, other])
        whole, folds = stored(quick_store, run)
        assert run.record.extensions["mlflow"]["run_id"] == whole.info.run_id
        assert {item.info.status for item in (whole, *folds)} == {"FINISHED"}
        assert whole.data.metrics["accuracy"] == score(run.predictions()).accuracy
        for number, item in enumerate(folds):
            rows = (run.predictions().folds == number).nonzero()[0]
            assert item.data.metrics["accuracy"] == score(run.predictions().take(rows)).accuracy

    def test_what_other_extensions_keep_is_in_the_record_that_is_sent(
        self, quick_store, train, tmp_path, monkeypatch
    ):
        monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "mlflow,timing")
        run = train()
        whole, _ = stored(quick_store, run)
        path = quick_store.download_artifacts(whole.info.run_id, "run.json", str(tmp_path))
        assert '"timing"' in Path(path).read_text(encoding="utf-8")
        assert Path(path).read_bytes() == (run.folder / "run.json").read_bytes()

    def test_more_figures_than_go_at_once(self, server, train, monkeypatch):
        store = client(server, monkeypatch)
        whole, (first, _) = stored(store, train(params={"rounds": 600}))
        for item in (whole, first):
            assert curve(store, item, "loss") == [(n, 1 / n) for n in range(1, 601)]

    def test_the_parameters_that_nested_tuning_gave_a_fold(self, quick_store, train):
        run = train(nested=1)
        _, folds = stored(quick_store, run)
        for entry, item in zip(run.record.folds, folds, strict=True):
            assert item.data.params == {name: str(v) for name, v in entry.params.items()}
            assert item.data.params

    def test_boards_are_experiments(self, quick_store, train, monkeypatch):
        run = train(grouped=False)
        name = run.record.dataset.name
        assert quick_store.get_experiment_by_name(f"{name}/kfold:2 ungrouped")
        assert quick_store.get_experiment_by_name(f"{name}/kfold:2") is None
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", f"my {name}")
        run = train(seed=1)
        mine = quick_store.get_experiment_by_name(f"my {name}")
        found = quick_store.search_runs([mine.experiment_id], "tags.`zoo.model` = 'curved'")
        assert [item.info.run_name for item in found] == [run.id]


@needs_mlflow
class TestWhatGoesOn:
    def test_a_failed_run_says_why_and_is_mended(self, store, train):
        Path("stop").write_text("ValueError", encoding="utf-8")
        failed = train()
        assert failed.record.status == "failed"
        whole, folds = stored(store, failed)
        assert whole.info.status == "FAILED"
        assert whole.data.tags["zoo.error"] == failed.record.error
        assert [item.info.status for item in folds] == ["FINISHED", "FAILED"]
        assert folds[1].data.tags["zoo.error"] in failed.record.error
        assert "accuracy" not in whole.data.metrics
        mended = train()
        assert mended.id == failed.id
        again, others = stored(store, mended)
        assert again.info.run_id == whole.info.run_id
        assert [item.info.run_id for item in others] == [item.info.run_id for item in folds]
        for item in (again, *others):
            assert item.info.status == "FINISHED"
            assert "zoo.error" not in item.data.tags
            assert curve(store, item, "loss") == LOSSES

    def test_an_interrupted_run_is_the_same_run_when_it_goes_on(self, quick_store, train):
        Path("stop").write_text("KeyboardInterrupt", encoding="utf-8")
        with pytest.raises(KeyboardInterrupt):
            train()
        Path("stop").unlink()
        run = train()
        whole, folds = stored(quick_store, run)
        assert [item.info.status for item in (whole, *folds)] == ["FINISHED"] * 3

    def test_what_was_trained_before_it_was_enabled_is_added(self, quick_store, train, monkeypatch):
        Path("stop").write_text("KeyboardInterrupt", encoding="utf-8")
        monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "")
        with pytest.raises(KeyboardInterrupt):
            train()
        monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "mlflow")
        _, folds = stored(quick_store, train())
        assert [curve(quick_store, item, "loss") for item in folds] == [LOSSES, LOSSES]

    def test_what_is_finished_stays(self, quick_store, train):
        run = train()
        before, _ = stored(quick_store, run)
        shutil.rmtree(run.folder)
        again = train()
        after, _ = stored(quick_store, again)
        assert again.record.extensions["mlflow"]["run_id"] == before.info.run_id
        assert after.data.metrics == before.data.metrics
        assert curve(quick_store, after, "loss") == LOSSES


class _Switch(Reporter):
    """Changes the store once the run has started, as when a server comes up."""

    def __init__(self, address: str) -> None:
        self.address = address

    @contextmanager
    def bar(self, title, total=None):
        if total:  # not while the dataset is read, which is before
            os.environ["MLFLOW_TRACKING_URI"] = self.address
        yield Bar()


@needs_mlflow
class TestNoStore:
    @pytest.fixture
    def closed(self) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            return f"127.0.0.1:{free.getsockname()[1]}"

    def test_one_sentence_without_the_password(self, train, closed, run_python, monkeypatch):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:s3cret@{closed}")
        train  # noqa: B018  (has written model and table)
        (table,) = Path.cwd().glob("*.csv")
        code = "import sys, zoo; assert zoo.train('./curved.py', sys.argv[1]).complete"
        done = run_python(code, str(table))
        assert done.returncode == 0, done.stderr
        (line,) = done.stderr.splitlines()
        assert "the run does not get into MLflow: check MLFLOW_TRACKING_URI" in line
        assert closed in line
        (record,) = Path("models").rglob("run.json")
        assert "MlflowException" in record.read_text(encoding="utf-8")
        assert "s3cret" not in line + record.read_text(encoding="utf-8")

    def test_one_that_comes_up_later_gets_everything(
        self, train, quick_store, closed, monkeypatch, caplog
    ):
        address = os.environ["MLFLOW_TRACKING_URI"]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{closed}")
        run = train(reporter=_Switch(address))
        whole, folds = stored(quick_store, run)
        assert [item.info.status for item in (whole, *folds)] == ["FINISHED"] * 3
        assert run.record.extensions["mlflow"]["run_id"] == whole.info.run_id
        assert len(told(caplog)) == 1

    def test_one_that_never_answers(self, train, monkeypatch, caplog):
        monkeypatch.setattr(extension, "_PATIENCE", 0.2)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with socket.create_server(("127.0.0.1", 0)) as silent:
            address = f"http://127.0.0.1:{silent.getsockname()[1]}"
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
            run = train()
        assert run.complete
        (said,) = told(caplog)
        assert "it does not answer within 0.2 s" in said
        assert run.record.extensions["mlflow"] == {"error": "not stored: TimeoutError"}


def test_without_the_package_it_says_what_to_install(train, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    run = train()
    assert run.complete
    (said,) = told(caplog)
    assert said.endswith(f"mlflow is not installed; {pip_install('mlflow')}")
