"""What the extension `timing` counts, compared with what a model counts of itself."""

import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

import zoo
from zoo.cli.app import run as command_line
from zoo_plugins import timing
from zoo_registry.hooks import ModelSpec
from zoo_registry.model import hooks_of

# Every call adds a line to a file that all processes share.
COUNTING = """
from pathlib import Path
import numpy as np
from zoo import CannotExport, Card, Handcrafted, hookimpl

card = Card(name="{name}", title="Counting", family="test", frontend=Handcrafted())
CALLS = Path(__file__).with_name("calls-{name}")  # workers may stand in another folder

def count(hook):
    with CALLS.open("a") as file:
        file.write(hook + "\\n")
    return CALLS.read_text().split().count(hook)

@hookimpl
def preprocess(audio):
    count("preprocess")
    return audio[:600].reshape(2, 300)

@hookimpl
def train(tracks, labels, classes):
    calls = count("train")
    for error in KeyboardInterrupt, ValueError:
        stop = Path(error.__name__)
        if stop.exists() and calls == int(stop.read_text()):
            raise error("stop")
    return np.bincount(labels, minlength=len(classes)) / len(labels)

@hookimpl
def predict(model, tracks):
    count("predict")
    return [np.tile(model, (len(track), 1)) for track in tracks]

@hookimpl
def export(model):
    count("export")
    raise CannotExport("it has no ONNX form")

@hookimpl
def save(model, folder):
    count("save")
    np.save(folder / "model.npy", model, allow_pickle=False)
    return True

@hookimpl
def load(folder):
    count("load")
    return np.load(folder / "model.npy", allow_pickle=False)
"""
MODEL_HOOKS = {name for name, member in vars(ModelSpec).items() if hasattr(member, "zoo_spec")}


@pytest.fixture
def switched_on(monkeypatch):
    monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "timing")


@pytest.fixture
def model(workspace):
    def write(name: str = "counting") -> str:
        Path(f"{name}.py").write_text(COUNTING.replace("{name}", name), encoding="utf-8")
        return f"./{name}.py"

    return write


def counted(name: str = "counting") -> Counter:
    return Counter(Path(f"calls-{name}").read_text(encoding="utf-8").split())


def kept(run) -> Counter:
    """Return the calls that a run holds, and check that each has its time."""
    timings = run.record.extensions["timing"]
    assert all((entry["seconds"] > 0) is (entry["calls"] > 0) for entry in timings.values())
    return Counter({hook: entry["calls"] for hook, entry in timings.items()})


def test_every_hook_of_a_model_is_counted():
    assert {"preprocess", *hooks_of(timing)} >= MODEL_HOOKS
    assert "preprocess" not in hooks_of(timing)  # the zoo counts it, in worker processes too


def test_it_is_off_until_it_is_enabled(model, tone_folder):
    run = zoo.train(model(), str(tone_folder()), protocol="kfold:2", jobs=1)
    assert run.complete
    assert run.record.extensions == {}


@pytest.mark.usefixtures("switched_on")
class TestRuns:
    @pytest.mark.parametrize("jobs", [1, 2])
    def test_every_call_is_counted_in_whatever_process(self, model, tone_folder, jobs):
        run = zoo.train(model(), str(tone_folder(tracks=5)), protocol="kfold:2", jobs=jobs)
        assert run.complete, run.record.error
        assert kept(run) == counted()
        assert counted()["preprocess"] == run.record.extraction["tracks"] == 10
        assert counted()["train"] == 3

    def test_what_is_in_the_cache_is_not_described_again(self, model, tone_folder):
        data = str(tone_folder())
        first, second = (zoo.train(model(), data, protocol="kfold:2", seed=s) for s in (0, 1))
        assert (kept(first)["preprocess"], kept(second)["preprocess"]) == (8, 0)
        was, effort = dict(first.record.extraction), dict(second.record.extraction)
        assert was.pop("audio_seconds") == effort.pop("audio_seconds") > 8
        assert effort == dict.fromkeys(was, 0)

    def test_a_track_that_cannot_be_described_is_no_call(self, model, tone_folder):
        data = tone_folder()
        (data / "high" / "noise.wav").write_bytes(b"noise")
        run = zoo.train(model(), str(data), protocol="kfold:2", jobs=1)
        assert len(run.record.skipped) == 1
        assert kept(run) == counted()

    def test_a_resumed_run_adds_up(self, model, tone_folder):
        data = str(tone_folder())
        Path("KeyboardInterrupt").write_text("3", encoding="utf-8")
        with pytest.raises(KeyboardInterrupt):
            zoo.train(model(), data, protocol="kfold:3")
        run = zoo.train(model(), data, protocol="kfold:3")
        assert run.complete
        interrupted = Counter(train=1)
        assert kept(run) == counted() - interrupted
        assert counted()["train"] == 5

    def test_a_failed_fold_costs_too(self, model, tone_folder):
        data = str(tone_folder())
        Path("ValueError").write_text("2", encoding="utf-8")
        assert not zoo.train(model(), data, protocol="kfold:2").complete
        run = zoo.train(model(), data, protocol="kfold:2")
        assert run.complete
        assert kept(run) == counted()
        assert counted()["train"] == 4

    def test_runs_in_one_process_do_not_mix(self, model, tone_folder):
        data, names = str(tone_folder()), ["one", "two"]
        runs = {}

        def train(name: str) -> None:
            runs[name] = zoo.train(model(name), data, protocol="kfold:2", jobs=1)

        threads = [threading.Thread(target=train, args=[name]) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for name in names:
            assert kept(runs[name]) == counted(name)

    def test_zoo_runs_show_prints_it(self, model, tone_folder, monkeypatch, capsys):
        run = zoo.train(model(), str(tone_folder()), protocol="kfold:2", jobs=1)
        monkeypatch.setattr(sys, "argv", ["zoo", "runs", "show", run.id])
        assert command_line() == 0
        lines = [line for line in capsys.readouterr().out.splitlines() if "timing" in line]
        assert len(lines) == len(kept(run))
        assert any(line.startswith("timing     train calls 3, seconds ") for line in lines)
