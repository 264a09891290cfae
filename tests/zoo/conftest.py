"""Fixtures for the application: small models that were trained on two tones."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from zoo_registry import published
from zoo_registry.predictions import Predictions
from zoo_registry.runs import Run

# A network of one layer on windows of frames, with an export of its own, and no framework.
FRAMES_MODEL = '''
import numpy as np
from zoo import Card, LogMel, hookimpl

FRAMES, HOP = 32, 16
card = Card(name="frames", title="Frames", family="test", frontend=LogMel(n_mels=16))

def cut(track):
    last = max(len(track) - FRAMES, 0)
    starts = np.minimum(np.arange(0, last + HOP, HOP), last)
    return track[(starts[:, None] + np.arange(FRAMES)) % len(track)].mean(axis=1)

@hookimpl
def train(tracks, labels, classes, seed):
    means = np.stack([cut(track).mean(axis=0) for track in tracks])
    centres = np.stack([means[labels == c].mean(axis=0) for c in range(len(classes))])
    return (centres / 50).T.astype("f4"), (-(centres**2).sum(axis=1) / 100).astype("f4")

@hookimpl
def predict(model, tracks):
    scores = [cut(track) @ model[0] + model[1] for track in tracks]
    powers = [np.exp(score - score.max(axis=1, keepdims=True)) for score in scores]
    return [power / power.sum(axis=1, keepdims=True) for power in powers]

@hookimpl
def export(model):
    import onnx
    from onnx import helper, numpy_helper
    text = """
    <ir_version: 10, opset_import: ["": 18]>
    frames (float[n, 16] track, float[16, k] weights, float[k] offset)
        => (float[windows, k] probabilities)
    <int64 zero = {0}, int64 one = {1}, int64 width = {32}, int64 hop = {16},
     int64[1] axis = {1}> {
        shape = Shape (track)
        length = Gather (shape, zero)
        slack = Sub (length, width)
        last = Max (slack, zero)
        limit = Add (last, hop)
        every = Range (zero, limit, hop)
        starts = Min (every, last)
        rows = Unsqueeze (starts, axis)
        offsets = Range (zero, width, one)
        positions = Add (rows, offsets)
        wrapped = Mod (positions, length)
        window = Gather (track, wrapped)
        mean = ReduceMean <keepdims = 0> (window, axis)
        product = MatMul (mean, weights)
        score = Add (product, offset)
        probabilities = Softmax <axis = 1> (score)
    }"""
    proto = onnx.parser.parse_model(text)
    del proto.graph.input[1:]
    for name, values in zip(("weights", "offset"), model):
        proto.graph.initializer.append(numpy_helper.from_array(values, name))
    helper.set_model_props(proto, {"window": "32", "hop": "16"})
    return proto
'''

# Hand-crafted features of windows of a second, so that short sounds have several.
SECONDS_MODEL = """
from zoo import Card, Handcrafted, hookimpl
card = Card(name="seconds", title="Seconds", family="test", frontend=Handcrafted(window=1.0))

@hookimpl
def train(tracks, labels, classes):
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    y = np.repeat(labels, [len(track) for track in tracks])
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(np.concatenate(tracks), y)

@hookimpl
def predict(model, tracks):
    return [model.predict_proba(track) for track in tracks]
"""

# In two minds: a quiet second is high by a hair, a loud one is low beyond doubt, so that the vote
# of the windows and their mean probability can name two classes; a hushed one is high for three
# in four. Its front end is the level of each second.
TORN_MODEL = '''
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from zoo import Card, Handcrafted, hookimpl

@dataclass(frozen=True)
class Level(Handcrafted):
    name: ClassVar[str] = "level"
    version: ClassVar[int] = 1
    window: float = 1.0

    def __call__(self, audio):
        count = max(1, (audio.size + self.hop // 2) // self.hop)
        parts = np.split(audio, [self.hop * number for number in range(1, count)])
        return np.float32([[np.sqrt(np.mean(np.square(part, dtype=float)))] for part in parts])

    reference = __call__

    def graph(self):
        import onnx
        return onnx.parser.parse_model("""
        <ir_version: 10, opset_import: ["": 18]>
        level (float[1, samples] waveform) => (float[rows, 1] track)
        <int64 zero = {0}, int64 one = {1}, int64 half = {11025}, int64 hop = {22050},
         int64[1] first = {0}, int64[2] front = {1, 0}, int64[2] column = {-1, 1}> {
            audio = Squeeze (waveform, first)
            size = Size (audio)
            more = Add (size, half)
            whole = Div (more, hop)
            count = Max (whole, one)
            numbers = Range (zero, count, one)
            begins = Mul (numbers, hop)
            after = Add (begins, hop)
            last = Sub (count, one)
            is_last = Equal (numbers, last)
            ends = Where (is_last, size, after)
            exact = Cast <to = 11> (audio)
            square = Mul (exact, exact)
            sums = CumSum (square, zero)
            padded = Pad (sums, front)
            lower = Gather (padded, begins)
            upper = Gather (padded, ends)
            energy = Sub (upper, lower)
            samples_of = Sub (ends, begins)
            length = Cast <to = 11> (samples_of)
            mean = Div (energy, length)
            root = Sqrt (mean)
            rounded = Cast <to = 1> (root)
            track = Reshape (rounded, column)
        }""")

card = Card(name="torn", title="Torn", family="test", frontend=Level())

@hookimpl
def train(tracks, labels, classes):
    return list(classes)

@hookimpl
def predict(model, tracks):
    sounds = [np.where(level > 0.1, [[0.0, 1.0]], [[0.51, 0.49]]) for level in tracks]
    return [np.where(level < 0.01, [[0.75, 0.25]], s) for level, s in zip(tracks, sounds)]

@hookimpl
def export(model):
    import onnx
    return onnx.parser.parse_model("""
    <ir_version: 10, opset_import: ["": 18]>
    torn (float[n, 1] track) => (float[n, 2] probabilities)
    <float much = {0.1}, float little = {0.01},
     float[1, 2] if_loud = {0.0, 1.0}, float[1, 2] if_quiet = {0.51, 0.49},
     float[1, 2] if_hushed = {0.75, 0.25}> {
        loud = Greater (track, much)
        sound = Where (loud, if_loud, if_quiet)
        hushed = Less (track, little)
        probabilities = Where (hushed, if_hushed, sound)
    }""")
'''


def _varied_tones(folder: Path) -> Path:
    """Write 12 tones of three seconds for each of two classes, over noise of different levels."""
    rng, rate = np.random.default_rng(0), 22_050
    for number, label in enumerate(("high", "low")):
        (folder / label).mkdir(parents=True)
        for track in range(12):
            pitch = 100 * 2**number * rng.uniform(1, 1.5)
            sound = 0.4 * np.sin(2 * np.pi * pitch * np.arange(3 * rate) / rate)
            sound += 10 ** rng.uniform(-3, -1.5) * rng.standard_normal(sound.size)
            soundfile.write(folder / label / f"{track}.wav", sound, rate)
    return folder


@pytest.fixture(scope="session")
def trained(made_once, make_tones) -> Callable[[str], Path]:
    """Return a function that gives the workspace in which a small model was trained, once."""
    import zoo

    sources = {"frames": FRAMES_MODEL, "seconds": SECONDS_MODEL, "torn": TORN_MODEL}
    tones = dict.fromkeys(sources, made_once("tones", make_tones))
    # With the tracks that novelty needs.
    for name in ("frames", "seconds"):
        sources[f"knowing-{name}"] = sources[name].replace(f'"{name}"', f'"knowing-{name}"')
        tones[f"knowing-{name}"] = made_once("varied_tones", _varied_tones)

    def train(name: str, place: Path) -> None:
        place.mkdir()
        (place / f"{name}.py").write_text(sources[name], encoding="utf-8")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("ZOO_CACHE", str(place.with_name("trained_cache")))
            patch.setenv("ZOO_MODELS", "models")
            patch.chdir(place)
            run = zoo.train(f"./{name}.py", str(tones[name]), protocol="kfold:2", jobs=1)
        assert run.complete, run.record.error
        assert run.has_artefact, run.record.artefact.error

    return lambda name: made_once(f"trained-{name}", partial(train, name))


@pytest.fixture
def hearing(trained, workspace: Path) -> Callable[..., Any]:
    """Return a function that puts a small model of two tones into the workspace."""
    from zoo.workspace import find_run
    from zoo_registry.own_files import remember_own

    def fetch(name: str = "seconds") -> Any:
        shutil.copytree(trained(name), workspace, dirs_exist_ok=True)
        run = find_run(name)
        remember_own(str(run.record.artefact.sha256))  # in the cache of the workspace, too
        return run

    return fetch


@pytest.fixture
def in_seconds(workspace: Path) -> Callable[..., Path]:
    """Return a maker of tones of which each second has a level of its own."""

    def make(*levels: float, name: str = "seconds.wav") -> Path:
        rate = 22_050
        tone = np.sin(2 * np.pi * 150 * np.arange(len(levels) * rate) / rate)
        soundfile.write(workspace / name, np.repeat(levels, rate) * tone, rate)
        return workspace / name

    return make


@pytest.fixture
def torn_song(in_seconds) -> Path:
    """Return two quiet seconds and a loud one, of which the model `torn` is of two minds."""
    return in_seconds(0.04, 0.04, 0.4, name="torn.wav")


@pytest.fixture
def faint(workspace: Path) -> Callable[[float], Path]:
    """Return a maker of tones of one second whose loudest sample has a level in dB."""

    def make(decibels: float) -> Path:
        rate = 22_050
        sound = np.sin(2 * np.pi * 150 * np.arange(rate) / rate)
        path = workspace / f"{decibels:g}dB.wav"
        sound *= 10 ** (decibels / 20) / np.abs(sound).max()
        soundfile.write(path, sound, rate, subtype="FLOAT")
        return path

    return make


@pytest.fixture
def odd_songs(workspace: Path) -> dict[str, Path]:
    """Return recordings with silence, and short ones, at twice the rate of the small models."""
    rate, rng = 44_100, np.random.default_rng(0)

    def tone(seconds: float, level: float = 0.4, pitch: float = 150.0) -> np.ndarray:
        return level * np.cos(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)

    def zeros(seconds: float) -> np.ndarray:
        return np.zeros(round(seconds * rate))

    tick = np.concatenate([zeros(0.5), tone(0.06), zeros(0.44)])
    songs = {
        "front": [zeros(3), tone(1)],
        "behind": [tone(1), zeros(3)],
        "middle": [tone(1), zeros(2), tone(1)],
        "half": [tone(1), zeros(2.5), tone(0.5)],
        "rest": [tone(1.05), zeros(2.95)],  # the second window has some of the sound
        "offset": [0.1 + tone(1), 0.1 + zeros(3)],
        "quiet": [tone(2, 0.001)],
        "ticks": [tick, tick, zeros(1), tick],  # no window has a tenth of a second of sound
        "zeros": [zeros(3)],
        "constant": [0.1 + zeros(3)],
        "dither": [rng.integers(-1, 2, 3 * rate) / 32_768],
        "hum": [tone(3, 10 ** (-90 / 20), 50.0)],
        "click": [zeros(1.5), [0.9], zeros(1.5)],
        "blip": [zeros(1.5), tone(0.05), zeros(1.5)],
        "a sample": [tone(1)[:1]],
        "50 ms": [tone(0.05)],
        "0.1 s": [tone(0.1)],
    }
    for name, pieces in songs.items():
        soundfile.write(workspace / f"{name}.wav", np.concatenate(pieces), rate, subtype="PCM_24")
    return {name: workspace / f"{name}.wav" for name in songs}


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Return an empty folder, which takes the place of that of the published runs."""
    (tmp_path / "shelf").mkdir()
    monkeypatch.setattr(published, "published_folder", lambda: tmp_path / "shelf")
    return tmp_path / "shelf"


@pytest.fixture
def write_run(workspace: Path) -> Callable[..., Run]:
    """Return a function that writes a complete run whose answers are given, without training.

    Tracks are named by their row within the fold, so that a protocol that repeats tests them again.
    """

    def write(
        name: str,
        labels: Sequence[int],
        winners: Sequence[int],
        *,
        model: str | None = None,
        classes: tuple[str, ...] = ("a", "b", "c"),
        probabilities: Any = None,
        folds: Sequence[Mapping[str, Any]] = ({},),
        **record: Any,
    ) -> Run:
        per_fold = len(labels) // len(folds)
        place = np.arange(len(labels)) % per_fold
        votes = np.eye(len(classes), dtype=np.int64)[np.asarray(winners, np.int64)]
        predictions = Predictions(
            classes,
            tuple(f"track{n:03d}" for n in place),
            np.asarray(labels, np.int64),
            np.repeat(np.arange(len(folds)), per_fold),
            tuple(f"{n:016x}" for n in place),
            place,
            votes,
            votes.astype(float) if probabilities is None else np.asarray(probabilities, float),
        )
        protocol = record.pop("protocol", {"spec": f"kfold:{max(2, len(folds))}", "grouped": True})
        protocol_folder = protocol["spec"].replace(":", "-")
        folder = workspace / "models" / "tracks" / protocol_folder / name
        folder.mkdir(parents=True)
        text = predictions.to_csv()
        (folder / "predictions.csv").write_text(text, encoding="utf-8", newline="")
        (folder / "README.md").write_text("# Made", encoding="utf-8")
        timed = {"train_tracks": 20, "test_tracks": per_fold, "error": None,
                 "train_seconds": 1.0, "predict_seconds": 0.1}  # fmt: skip
        stored: dict[str, Any] = {
            "format": 1,
            "model": {"name": model or name.partition("-")[0], "title": "Made", "family": "test",
                      "distribution": "genre-zoo", "version": "1", "licence": None, "file": None},
            "params": {},
            "frontend": {"name": "table", "version": 1, "columns": ["f0"]},
            "dataset": {"name": "tracks", "source": "tracks.csv", "fingerprint": "0" * 64,
                        "classes": list(classes), "tracks": len(set(place.tolist()))},
            "protocol": protocol,
            "seed": 0,
            "versions": {},
            "status": "complete",
            "folds": [{"fold": n} | timed | dict(fold) for n, fold in enumerate(folds)],
            "predictions": hashlib.sha256(text.encode()).hexdigest(),
            "artefact": {"error": "it has no ONNX form"},
            "finished": "2024-01-01T00:00:00+00:00",
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(stored | record), encoding="utf-8")
        return Run.read(folder)

    return write


@pytest.fixture
def command(monkeypatch) -> Callable[..., int]:
    """Return a function that runs ``zoo`` in this process, and gives its exit status."""
    from zoo.cli.app import run

    def call(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["zoo", *arguments])
        return run()

    return call
