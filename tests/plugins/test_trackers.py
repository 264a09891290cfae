"""Runs in TensorBoard's event files and in offline folders of Weights & Biases, read back."""

import importlib.util
import json
import os
import struct
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

import zoo
from tests.plugins.test_mlflow import CURVED, FILES, told
from zoo.evaluate.metrics import score
from zoo_plugins import wandb as wandb_extension
from zoo_registry.text import pip_install

NAMES = ("tensorboard", "wandb")
PACKAGES = {"tensorboard": "tensorboardX", "wandb": "wandb"}
LOSSES = [(1, 1.0), (2, 1 / 2), (3, 1 / 3)]
SCORES = ("accuracy", "accuracy_mean", "macro_f1")

needs_both = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("tensorboard", *PACKAGES.values())),
    reason="needs genre-zoo[tensorboard] and genre-zoo[wandb]",
)


@pytest.fixture(autouse=True)
def switched_on(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "wandb-cache"))
    monkeypatch.delenv("ZOO_TENSORBOARD", raising=False)
    monkeypatch.setenv("ZOO_PLUGINS_ENABLED", ",".join(NAMES))


@pytest.fixture
def train(workspace, feature_table):
    """Return a function that trains a model which reports a learning curve."""
    Path("curved.py").write_text(CURVED, encoding="utf-8")
    table = str(feature_table(classes=2, tracks=8))
    return lambda **more: zoo.train("./curved.py", table, **({"protocol": "kfold:2"} | more))


class Events:
    """What TensorBoard's own reader finds in one folder."""

    def __init__(self, folder: Path) -> None:
        # TensorBoard leaves TensorFlow, which loads slowly, if it finds this module.
        sys.modules.setdefault("tensorboard.compat.notf", ModuleType("notf"))
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        (self.path,) = folder.glob("events.out.tfevents.*")
        self.reader = EventAccumulator(str(folder))
        self.reader.Reload()

    def curve(self, name: str) -> list[tuple[int, float]]:
        return [(event.step, pytest.approx(event.value)) for event in self.reader.Scalars(name)]

    def scalar(self, name: str) -> float:
        (event,) = self.reader.Scalars(name)
        return pytest.approx(event.value)

    def text(self, name: str) -> str:
        (event,) = self.reader.Tensors(f"{name}/text_summary")
        return event.tensor_proto.string_val[0].decode()

    def hparams(self):
        """Return the hparams plugin's data by tag."""
        from tensorboard.plugins.hparams import plugin_data_pb2

        content = self.reader.PluginTagToContent("hparams")
        return {
            name.removeprefix("_hparams_/"): plugin_data_pb2.HParamsPluginData.FromString(data)
            for name, data in content.items()
        }

    @property
    def status(self) -> int | None:
        """0 unknown, 1 success, 2 failure, 3 running; None without an end."""
        end = self.hparams().get("session_end_info")
        return end and end.session_end_info.status


def events(run, root: Path = Path("runs/tensorboard")) -> tuple[Events, list[Events]]:
    home = root / run.id
    folders = sorted(path for path in home.iterdir() if path.is_dir())
    return Events(home), [Events(folder) for folder in folders]


def offline_folders(run, home: Path = Path("wandb")) -> list[Path]:
    return sorted(home.glob(f"offline-run-*-{run.id}*"))


def records(folder: Path) -> list:
    """Return the records of a .wandb file: LevelDB's log format, behind a header of 7 bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("*.wandb")
    data, position, found, parts = path.read_bytes(), 7, [], b""
    while position + 7 <= len(data):
        left = 32_768 - position % 32_768
        if left < 7:
            position += left
            continue
        _, size, kind = struct.unpack("<IHB", data[position : position + 7])
        parts += data[position + 7 : position + 7 + size]
        position += 7 + size
        if kind in (1, 4):  # whole, or the last part
            found.append(Record.FromString(parts))
            parts = b""
    return found


class Offline:
    """What an offline folder of Weights & Biases holds."""

    def __init__(self, run) -> None:
        (self.folder,) = offline_folders(run)
        self.config, self.summary, self.history, self.saved = {}, {}, [], set()
        self.exit_code = None
        for record in records(self.folder):
            kind = record.WhichOneof("record_type")
            if kind == "run":
                self.run = record.run
                self.config |= self._values(record.run.config.update)
            elif kind == "summary":
                self.summary |= self._values(record.summary.update)
            elif kind == "history":
                self.history.append(self._values(record.history.item))
            elif kind == "files":
                self.saved |= {file.path for file in record.files.files}
            elif kind == "exit":
                self.exit_code = record.exit.exit_code

    @staticmethod
    def _values(items) -> dict:
        return {
            item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items
        }

    def curve(self, name: str) -> list[tuple[int, float]]:
        return [(row["_step"], row[name]) for row in self.history if name in row]


@needs_both
def test_a_run_its_folds_curves_and_files_are_read_back(train, capfd):
    run = train(params={"kind": "two words"}, seed=5)
    assert run.complete, run.record.error
    assert "WANDB_ERROR_REPORTING" not in os.environ
    assert capfd.readouterr() == ("", "")
    expected, folds = score(run.predictions()), run.record.folds
    assert run.record.extensions["tensorboard"]["run"] == run.id
    assert run.record.extensions["wandb"]["run_id"] == run.id

    whole, parts = events(run)
    for name in SCORES:
        assert whole.scalar(name) == getattr(expected, name)
    assert whole.scalar("bytes") == run.artefact_path.stat().st_size
    assert whole.curve("training/loss") == LOSSES
    assert whole.curve("fold/accuracy") == list(enumerate(expected.fold_accuracy))
    (picture,) = whole.reader.Images("confusion")
    assert picture.encoded_image_string.startswith(b"\x89PNG")
    assert picture.width > 100
    assert whole.text("card").startswith("# Curved on ")
    begin = whole.hparams()["session_start_info"].session_start_info.hparams
    assert (begin["rounds"].number_value, begin["kind"].string_value) == (3, "two words")
    assert begin["zoo.protocol"].string_value == "kfold:2"
    assert begin["zoo.grouped"].bool_value is True
    assert whole.status == 1
    assert len(parts) == 2
    for number, part in enumerate(parts):
        assert part.scalar("accuracy") == expected.fold_accuracy[number]
        assert part.scalar("train_seconds") == folds[number].train_seconds
        assert part.curve("training/loss") == LOSSES

    sent = Offline(run)
    assert (sent.run.run_id, sent.run.display_name, sent.exit_code) == (run.id, run.id, 0)
    assert sent.run.project == f"{run.record.dataset.name}-kfold-2"
    assert set(sent.run.tags) == {"curved", "test", "table"}
    assert (sent.config["rounds"], sent.config["kind"]) == (3, "two words")
    assert sent.config["zoo.seed"] == 5
    assert {name: sent.summary[name] for name in SCORES} == {
        name: pytest.approx(getattr(expected, name)) for name in SCORES
    }
    assert sent.summary["zoo.status"] == "complete"
    assert sent.summary["confusion"]["_type"] == "image-file"
    assert sent.curve("training/loss") == LOSSES
    for number in range(2):
        assert sent.curve(f"fold-{number}/training/loss") == LOSSES
        assert sent.summary[f"fold-{number}/accuracy"] == expected.fold_accuracy[number]
    assert sent.saved >= FILES
    for name in FILES:
        assert (sent.folder / "files" / name).read_bytes() == (run.folder / name).read_bytes()
    # Nothing of the machine is kept to be sent.
    assert not sent.run.host
    assert str(Path.cwd()).encode() not in next(sent.folder.glob("*.wandb")).read_bytes()
    left = {path.name for path in (sent.folder / "files").iterdir()}
    assert not left & {"requirements.txt", "wandb-metadata.json"}


@needs_both
def test_a_repeated_training_adds_nothing(train):
    run = train()
    before = {path: path.read_bytes() for path in _written()}
    assert train().id == run.id
    assert {path: path.read_bytes() for path in _written()} == before
    for path in run.folder.rglob("*"):
        if path.is_file():
            path.unlink()
    again = train()  # from the beginning
    assert again.id == run.id
    whole, parts = events(again)
    assert whole.curve("training/loss") == LOSSES
    assert [part.curve("training/loss") for part in parts] == [LOSSES, LOSSES]
    assert Offline(again).folder in [path.parent for path in before]


def _written() -> list[Path]:
    found = [*Path("runs").rglob("*"), *Path("wandb").glob("offline-run-*/*")]
    return [path for path in found if path.is_file()]


@needs_both
def test_an_interrupted_run_is_not_finished_and_its_record_is_continued(train, monkeypatch):
    Path("stop").write_text("KeyboardInterrupt", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        train()
    (home,) = Path("runs/tensorboard").iterdir()
    assert Events(home).status is None
    fold = next(home.glob("fold-0/*")).read_bytes()
    assert not (home / "fold-1").exists()
    assert not Path("wandb").exists()
    run = train()
    whole, parts = events(run)
    assert (home.name, whole.status, len(parts)) == (run.id, 1, 2)
    assert next(home.glob("fold-0/*")).read_bytes() == fold
    assert Offline(run).curve("fold-0/training/loss") == LOSSES


@needs_both
def test_a_failed_run_says_why_and_is_mended(train):
    Path("stop").write_text("ValueError", encoding="utf-8")
    failed = train()
    whole, parts = events(failed)
    assert (whole.status, len(parts)) == (2, 1)
    assert whole.text("error") == failed.record.error
    sent = Offline(failed)
    assert (sent.exit_code, sent.summary["zoo.status"]) == (1, "failed")
    assert sent.summary["zoo.error"] == failed.record.error
    assert sent.summary["fold-1/error"] in failed.record.error
    assert "accuracy" not in sent.summary
    mended = train()
    assert mended.id == failed.id
    whole, parts = events(mended)
    assert (whole.status, len(parts)) == (1, 2)
    assert "error/text_summary" not in whole.reader.Tags()["tensors"]
    sent = Offline(mended)
    assert (sent.exit_code, sent.summary["zoo.status"]) == (0, "complete")
    assert "zoo.error" not in sent.summary


@needs_both
def test_what_was_trained_before_it_was_enabled_is_added(train, monkeypatch):
    Path("stop").write_text("KeyboardInterrupt", encoding="utf-8")
    monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "")
    with pytest.raises(KeyboardInterrupt):
        train()
    monkeypatch.setenv("ZOO_PLUGINS_ENABLED", ",".join(NAMES))
    _, parts = events(train())
    assert [part.curve("training/loss") for part in parts] == [LOSSES, LOSSES]


@needs_both
def test_two_at_once_do_not_mix(train):
    runs, errors = {}, []

    def work(seed: int) -> None:
        try:
            runs[seed] = train(seed=seed, params={"rounds": seed})
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    for seed, run in runs.items():
        whole, parts = events(run)
        sent = Offline(run)
        assert sent.config["zoo.seed"] == seed
        for curve in [whole.curve("training/loss"), sent.curve("training/loss")]:
            assert curve == LOSSES[:seed]
        assert [part.curve("training/loss") for part in parts] == [LOSSES[:seed]] * 2


@needs_both
def test_folders_and_project_are_the_users_choice(train, monkeypatch, tmp_path):
    monkeypatch.setenv("ZOO_TENSORBOARD", str(tmp_path / "mine"))
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "other"))
    monkeypatch.setenv("WANDB_PROJECT", "songs")
    (tmp_path / "other").mkdir()
    run = train()
    whole, _ = events(run, tmp_path / "mine")
    assert whole.status == 1
    assert not Path("runs").exists()
    (folder,) = offline_folders(run, tmp_path / "other" / "wandb")
    assert [item.run.project for item in records(folder) if item.HasField("run")] == ["songs"]


@needs_both
def test_an_ensemble_with_the_scores_of_its_folds(train, monkeypatch):
    monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "")
    one = train()
    other = zoo.train("decision-tree", one.record.dataset.source, protocol="kfold:2")
    monkeypatch.setenv("ZOO_PLUGINS_ENABLED", ",".join(NAMES))
    run = zoo.ensemble([one, other])
    _, parts = events(run)
    expected = score(run.predictions()).fold_accuracy
    assert [part.scalar("accuracy") for part in parts] == list(expected)
    assert [Offline(run).summary[f"fold-{n}/accuracy"] for n in range(2)] == list(expected)


@needs_both
def test_a_tracker_that_fails_is_one_note(train, monkeypatch, caplog):
    for variable in ("ZOO_TENSORBOARD", "WANDB_DIR"):
        monkeypatch.setenv(variable, str(Path("curved.py").resolve()))  # a file
    run = train()
    assert run.complete
    said = told(caplog)
    assert len(said) == 2
    for line, words in zip(sorted(said), ("TensorBoard", "Weights & Biases"), strict=True):
        assert line.startswith(f"the run does not get into {words}: check ")
    for name in NAMES:
        assert run.record.extensions[name]["error"].startswith("not stored: ")


@pytest.mark.parametrize("name", NAMES)
def test_without_the_package_it_says_what_to_install(name, train, monkeypatch, caplog):
    monkeypatch.setenv("ZOO_PLUGINS_ENABLED", name)
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    assert train().complete
    (said,) = told(caplog)
    assert said.endswith(f"{PACKAGES[name]} is not installed; {pip_install(name)}")


@needs_both
def test_no_tensorflow_is_imported(train, run_python, monkeypatch):
    train  # noqa: B018  (has written model and table)
    (table,) = Path.cwd().glob("*.csv")
    code = (
        "import sys, zoo; assert zoo.train('./curved.py', sys.argv[1]).complete; "
        "assert 'tensorboardX' in sys.modules; assert not {'tensorflow', 'torch'} & {*sys.modules}"
    )
    monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "tensorboard")
    done = run_python(code, str(table))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("variables", "netrc", "offline"),
    [
        ({}, "", True),
        ({"WANDB_API_KEY": "k" * 40}, "", False),
        ({"WANDB_MODE": "offline", "WANDB_API_KEY": "k" * 40}, "", True),
        ({"WANDB_MODE": "online"}, "", False),
        ({}, "machine api.wandb.ai login user password x", False),
        ({"WANDB_BASE_URL": "https://w.example"}, "machine api.wandb.ai login u password x", True),
        ({"WANDB_BASE_URL": "https://w.example"}, "machine w.example login u password x", False),
        ({}, "no such word", True),
    ],
)
def test_nothing_is_sent_without_a_choice(variables, netrc, offline, tmp_path, monkeypatch):
    (tmp_path / "no-netrc").write_text(netrc, encoding="utf-8")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wandb_extension._is_offline() is offline
