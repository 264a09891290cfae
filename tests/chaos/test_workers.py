"""A worker that dies: its track is named and left out, the others are done, nothing hangs."""

import json
from pathlib import Path

import pytest
from campaign import run, sentences

from zoo_registry.errors import PluginError

CULPRIT = {
    "killed": "os.kill(os.getpid(), 9)",
    "left": "os._exit(0)",
}
HEAR = ("train", "./heard.py", "--data", "tones", "--protocol", "kfold:2", "--jobs", "2")
# The track is known by its loudest sample, since a front end sees nothing but samples.
DEADLY = """
_heard = preprocess

@hookimpl
def preprocess(audio):
    if np.abs(audio).max() > 0.9:
        {death}
    return _heard(audio)
"""


@pytest.fixture
def deadly(tone_box: Path):
    """Return what lets two tracks of the workspace end the process that describes them."""
    import soundfile

    def make(death: str) -> Path:
        for name in ("high/high05.wav", "low/low03.wav"):
            samples, rate = soundfile.read(tone_box / "tones" / name)
            soundfile.write(tone_box / "tones" / name, samples * 2.4, rate, subtype="PCM_16")
        model = tone_box / "heard.py"
        model.write_text(model.read_text() + DEADLY.format(death=death))
        return tone_box

    return make


def record(box: Path) -> dict:
    (path,) = (box / "models").rglob("run.json")
    return json.loads(path.read_text())


@pytest.mark.parametrize("death", CULPRIT)
def test_a_track_that_ends_its_worker_is_named_and_left_out(death, nest, deadly):
    box = deadly(CULPRIT[death])
    status, said = run(nest, box, *HEAR)
    assert (status, sentences(said)) == (0, []), said
    found = record(box)
    assert [item["track"] for item in found["skipped"]] == ["high/high05.wav", "low/low03.wav"]
    assert all("was killed, or out of memory" in item["reason"] for item in found["skipped"])
    assert said.count("left out: ") == 2
    assert found["folds"][0]["train_tracks"] + found["folds"][0]["test_tracks"] == 22
    # Few are left now, and they must not end the command itself.
    status, said = run(nest, box, *HEAR, "--seed", "1")
    assert (status, sentences(said)) == (0, []), said
    assert said.count("left out: ") == 2


def test_a_track_that_takes_too_much_memory_is_named(nest, deadly):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30)); "
    box = deadly(limit + "np.ones(8 << 30)")
    status, said = run(nest, box, *HEAR)
    assert (status, sentences(said)) == (0, []), said
    assert [item["track"] for item in record(box)["skipped"]] == [
        "high/high05.wav",
        "low/low03.wav",
    ]
    assert "MemoryError" in said


def test_a_model_that_ends_its_worker_on_every_track_is_named(tone_box, monkeypatch):
    from zoo.datasets import open_dataset
    from zoo.execution.engine import LocalProcesses
    from zoo.features import extraction
    from zoo.plugins.registry import open_registry

    monkeypatch.setattr(extraction, "_DEATHS", 2)
    monkeypatch.chdir(tone_box)
    model = Path("heard.py")
    model.write_text(
        model.read_text() + DEADLY.format(death="os._exit(0)").replace("> 0.9", ">= 0")
    )
    loaded = open_registry().load("./heard.py")
    said = "the `preprocess` hook of heard ended its process on each of the first 2 tracks"
    with pytest.raises(PluginError, match=said):
        extraction.extract(open_dataset("tones"), loaded, LocalProcesses(2))


def test_workers_yield_everything_whoever_dies():
    from functools import partial

    from zoo.execution.engine import LocalProcesses

    fatal = {17, 18, 39}  # neighbours, and the last
    found = dict(LocalProcesses(2).map_unordered(partial(_fragile, fatal), range(40)))
    assert found == {n: None if n in fatal else n * n for n in range(40)}


def _fragile(fatal: set[int], number: int) -> int:
    import os

    if number in fatal:
        os._exit(1)
    return number * number
