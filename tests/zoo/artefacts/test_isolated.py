"""ONNX files from elsewhere: hostile graphs and metadata end within limits, Ctrl-C at any time."""

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import onnx
import psutil
import pytest
import soundfile
from onnx import TensorProto, helper

import zoo
from zoo.artefacts import artefact, isolated
from zoo.artefacts.artefact import Artefact
from zoo.artefacts.session import LocalSession
from zoo_registry.errors import ArtefactError, LimitError, ZooError

RATE = 22_050
DESCRIBED = {
    "format": 2,
    "classes": ["high", "low"],
    "frontend": {"name": "f", "version": 1, "sample_rate": RATE},
}
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("evil", 1)]
ZOO = shutil.which("zoo", path=str(Path(sys.executable).parent)) or "zoo"


def constant(name: str, value: object, kind: type = np.float32) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], value=onnx.numpy_helper.from_array(kind(value)))


def value(name: str, kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, [])


def written(path, nodes=(), last=None, functions=(), metadata="", outputs=(), **changes) -> Path:
    """Write an artefact whose answer is right, and depends on the tensor `last`."""
    end = [
        constant("zero", 0),
        constant("half", [[0.5, 0.5]]),
        helper.make_node("ReduceMean", [last or "waveform"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["half", "nothing"], ["probabilities"]),
    ]
    graph = helper.make_graph(
        [*nodes, *end],
        "graph",
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, [1, None])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2])
            for name in ("probabilities", *outputs)
        ],
    )
    model = helper.make_model(graph, opset_imports=OPSETS, functions=list(functions), ir_version=9)
    entry = model.metadata_props.add()
    entry.key, entry.value = "zoo", metadata or json.dumps(DESCRIBED | changes)
    path.write_bytes(model.SerializeToString())
    return path


def loop(path: Path) -> Path:
    """Write a graph that never ends, but for quiet sound."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["again"], ["more"]),
            helper.make_node("Neg", ["before"], ["after"]),
        ],
        "body",
        [value("i", TensorProto.INT64), value("again", TensorProto.BOOL), value("before")],
        [value("more", TensorProto.BOOL), value("after")],
    )
    nodes = [
        constant("start", 0),
        constant("limit", 0.1),
        helper.make_node("ReduceMax", ["waveform"], ["loudest"], keepdims=0),
        helper.make_node("Greater", ["loudest", "limit"], ["loud"]),
        helper.make_node("Loop", ["", "loud", "start"], ["end"], body=body),
    ]
    return written(path, nodes, "end")


def nested_functions(path: Path) -> Path:
    """Write a graph of a thousand million nodes once its functions are inlined."""
    functions = [
        helper.make_function(
            "evil", "f0", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])], OPSETS
        )
    ]
    for level in range(1, 10):
        names = ["a", *(f"x{n}" for n in range(9)), "b"]
        calls = [
            helper.make_node(f"f{level - 1}", [one], [other], domain="evil")
            for one, other in pairwise(names)
        ]
        functions.append(helper.make_function("evil", f"f{level}", ["a"], ["b"], calls, OPSETS))
    call = helper.make_node("f9", ["waveform"], ["end"], domain="evil")
    return written(path, [call], "end", functions)


def doubling(path: Path) -> Path:
    names = ["waveform", *(f"d{n}" for n in range(40))]
    nodes = [
        helper.make_node("Concat", [one, one], [other], axis=1) for one, other in pairwise(names)
    ]
    return written(path, nodes, names[-1])


def huge(path: Path) -> Path:
    nodes = [
        constant("size", [1 << 40], np.int64),
        helper.make_node("ConstantOfShape", ["size"], ["end"]),
    ]
    return written(path, nodes, "end")


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(isolated, "SECONDS", 2)
    monkeypatch.setattr(isolated, "MEMORY", 1 << 28)


def apart() -> list[psutil.Process]:
    """Return the processes of files from elsewhere, but for those that a traceback holds."""
    gc.collect()
    return [child for child in psutil.Process().children() if isolated.__name__ in child.cmdline()]


def noise(seconds: float = 1.0, level: float = 0.5) -> np.ndarray:
    return np.random.default_rng(0).uniform(-level, level, int(seconds * RATE)).astype(np.float32)


@pytest.mark.usefixtures("short", "workspace")
class TestLimits:
    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (loop, "longer than 60 s"),
            (nested_functions, "longer than 60 s"),
            (doubling, "more than 2 GB of memory"),
            (huge, "more than 2 GB of memory"),
        ],
    )
    def test_a_graph_without_end_is_one_sentence(self, make, words, tmp_path):
        path = make(tmp_path / "x.onnx")
        with pytest.raises(LimitError, match=words) as caught:
            Artefact(path).run(noise())
        assert str(path) in str(caught.value)
        assert caught.value.exit_status == 1

    def test_each_recording_has_its_own_limit(self, tmp_path):
        opened = Artefact(loop(tmp_path / "x.onnx"))
        assert opened.run(noise(level=0.01))[0].tolist() == [[0.5, 0.5]]
        for _ in range(2):  # the second one is not waited for
            with pytest.raises(LimitError):
                opened.run(noise())
        opened = Artefact(doubling(tmp_path / "y.onnx"))
        for _ in range(2):
            with pytest.raises(LimitError):
                opened.run(noise())

    def test_a_killed_process_costs_one_recording(self, tmp_path):
        opened = Artefact(written(tmp_path / "x.onnx"))
        (child,) = apart()
        child.kill()
        with pytest.raises(LimitError, match="SIGKILL"):
            opened.run(noise())
        assert opened.run(noise())[0].shape == (1, 2)
        (child,) = apart()
        del opened
        assert not child.is_running()

    def test_all_threads_that_wait_are_told_to_end(self, tmp_path, monkeypatch):
        monkeypatch.setattr(isolated, "SECONDS", 60)
        opened = Artefact(loop(tmp_path / "x.onnx"))
        with ThreadPoolExecutor(3) as pool:
            waiting = [pool.submit(opened.run, noise()) for _ in range(3)]
            time.sleep(0.5)
            isolated.end_all()
            for answer in waiting:
                with pytest.raises(LimitError):
                    answer.result(timeout=30)
        assert opened.run(noise(level=0.01))[0].shape == (1, 2)

    def test_more_of_a_recording_than_is_held(self, tmp_path, monkeypatch):
        monkeypatch.setattr(artefact, "_HELD", 3 * RATE)
        grid = {"hop": 1 << 60, "length": 1 << 60, "reach": 1 << 60}
        for windows in (None, grid):
            opened = Artefact(written(tmp_path / "x.onnx", windows=windows))
            with pytest.raises(ZooError, match="samples of a recording at once"):
                list(opened.stream(noise() for _ in range(4)))

    def test_fewer_windows_than_promised(self, tmp_path):
        grid = {"hop": RATE, "length": RATE, "reach": RATE}
        opened = Artefact(written(tmp_path / "x.onnx", windows=grid))
        with pytest.raises(ArtefactError, match="fewer windows"):
            list(opened.stream(noise() for _ in range(40)))

    @pytest.mark.parametrize("times", [[np.nan, 1], [0, np.inf], [-1, 0], [3, 1], [0, 1e9]])
    def test_times_outside_of_the_recording(self, times, tmp_path):
        path = written(tmp_path / "x.onnx", [constant("times", [times])], outputs=["times"])
        with pytest.raises(ArtefactError, match="times"):
            Artefact(path).run(noise())


@pytest.mark.usefixtures("workspace")
class TestMetadata:
    @pytest.mark.parametrize(
        "rate", [0, -1, 10**12, True, "1", 0.5, float("nan"), None, [1]], ids=str
    )
    def test_rates(self, rate, tmp_path, monkeypatch):
        monkeypatch.setattr(artefact, "is_own", lambda _: True)  # which is quick
        path = written(tmp_path / "x.onnx", frontend={"name": "f", "sample_rate": rate})
        with pytest.raises(ArtefactError, match="older or foreign"):
            Artefact(path)

    @pytest.mark.parametrize(
        "changes",
        [{"classes": []}, {"classes": ["a", "a"]}, {"run": "x" * 2000}, {"classes": [["a"]]}],
        ids=lambda changes: next(iter(changes)),
    )
    def test_names(self, changes, tmp_path, monkeypatch):
        monkeypatch.setattr(artefact, "is_own", lambda _: True)
        with pytest.raises(ArtefactError, match=r"classes|lacks what"):
            Artefact(written(tmp_path / "x.onnx", **changes))

    def test_size_and_depth(self, tmp_path):
        large = json.dumps(DESCRIBED | {"intended_use": "x" * 10_000_000})
        with pytest.raises(LimitError, match="metadata are longer than 1,000,000"):
            Artefact(written(tmp_path / "x.onnx", metadata=large))
        deep = json.dumps(DESCRIBED)[:-1] + ', "params": ' + "[" * 200_000 + "]" * 200_000 + "}"
        with pytest.raises(ArtefactError, match="lacks what"):
            Artefact(written(tmp_path / "x.onnx", metadata=deep))

    def test_what_is_no_file(self, tmp_path):
        os.mkfifo(tmp_path / "x.onnx")
        with pytest.raises(ArtefactError, match="is not a file"):
            Artefact(tmp_path / "x.onnx")
        with (tmp_path / "y.onnx").open("wb") as file:
            file.truncate(3 << 30)
        with pytest.raises(ArtefactError, match="larger"):
            Artefact(tmp_path / "y.onnx")


class TestOwn:
    def test_what_the_zoo_wrote_runs_here_and_answers_alike(self, hearing, tmp_path, monkeypatch):
        run = hearing("frames")
        here = Artefact(run.artefact_path)
        assert isinstance(here._session, LocalSession)
        monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "another"))
        there = Artefact(run.artefact_path)
        assert isinstance(there._session, isolated.IsolatedSession)
        for one, other in zip(here.run(noise(5)), there.run(noise(5)), strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)

    def test_training_makes_it_known(self, trained):
        root = trained("frames")
        (path,) = root.glob("models/*/*/*/model.onnx")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ZOO_CACHE", str(root.with_name("trained_cache")))
            assert isinstance(Artefact(path)._session, LocalSession)

    def test_a_record_beside_a_file_proves_nothing(self, hearing, monkeypatch, tmp_path):
        hearing("frames")
        monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "another"))
        (prediction,) = zoo.predict("frames", [tone(tmp_path / "x.wav")])
        assert prediction.label == "high"
        assert apart() == []  # it has ended with its model


def tone(path: Path, seconds: float = 2.0) -> Path:
    time_ = np.arange(int(seconds * RATE)) / RATE
    soundfile.write(path, 0.4 * np.sin(2 * np.pi * 300 * time_), RATE)
    return path


@pytest.mark.usefixtures("workspace", "heard")
@pytest.mark.parametrize(
    ("number", "make", "songs"),
    [(signal.SIGINT, nested_functions, 1), (signal.SIGTERM, loop, 1), (signal.SIGTERM, loop, 3)],
)
def test_a_command_ends_at_once(number, make, songs, tmp_path):
    path = make(tmp_path / "x.onnx")
    files = [str(tone(tmp_path / f"{n}.wav")) for n in range(songs)]
    process = subprocess.Popen([ZOO, "predict", str(path), *files], stderr=subprocess.PIPE)
    children: list[psutil.Process] = []
    while not any(child.cpu_times().user > 0.5 for child in children):
        children = psutil.Process(process.pid).children()
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert said.decode().count("zoo: ") == 1
    assert "Traceback" not in said.decode()
    assert not any(child.is_running() for child in children)


def test_a_server_goes_on_for_others_and_ends(serve, hearing, workspace, tmp_path):
    hearing("seconds")
    served = serve(workspace, "seconds", str(loop(tmp_path / "x.onnx")))
    song = tone(tmp_path / "x.wav").read_bytes()
    address = f"{served.address}/api/predict"
    listed = httpx.get(f"{served.address}/api/models").json()
    (hostile,) = (item["run"] for item in listed if item["model"] != "seconds")

    def ask() -> None:
        with suppress(httpx.HTTPError):  # the end may cut it off
            httpx.post(address, params={"model": hostile}, content=song, timeout=60)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(1)
    for _ in range(3):
        answer = httpx.post(address, params={"model": "seconds"}, content=song, timeout=60)
        assert answer.json()["label"] == "high"
    assert asking.is_alive()
    began = time.monotonic()
    assert served.stop() == 0
    assert time.monotonic() - began < 30
    asking.join()
