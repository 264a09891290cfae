"""Arrays are shared by models of one front end, and by no others."""

import json
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.workspace import cache_folder

# It logs the arrays that it is given.
PLAIN = """
import json
import numpy as np
from zoo import Card, Handcrafted, hookimpl

card = Card(name="{name}", title="Any", family="test", frontend=Handcrafted(window={window}))

@hookimpl
def train(tracks, labels, classes):
    with open("{name}.log", "a") as log:
        log.write(json.dumps([np.asarray(track).tolist() for track in tracks]) + "\\n")
    return np.bincount(labels, minlength=len(classes)) / len(labels)

@hookimpl
def predict(model, tracks):
    return [np.tile(model, (len(track), 1)) for track in tracks]
"""
DOUBLED = """
@hookimpl
def preprocess(audio):
    return {factor} * card.frontend(audio)
"""


@pytest.fixture
def train(workspace: Path, make_tones):
    data = str(make_tones(workspace / "tones", tracks=2, seconds=0.3))

    def run(name: str, factor: float | None = None, window: float = 30.0):
        more = "" if factor is None else DOUBLED.format(factor=factor)
        text = PLAIN.format(name=name, window=window) + more
        Path(f"{name}.py").write_text(text, encoding="utf-8")
        done = zoo.train(f"./{name}.py", data, protocol="kfold:2", jobs=1)
        assert done.complete, done.record.error
        log = Path(f"{name}.log")
        last = json.loads(log.read_text().splitlines()[-1])  # of all tracks
        log.unlink()
        stored = json.loads((done.folder / "run.json").read_text(encoding="utf-8"))
        return stored["frontend"], stored["extraction"].get("tracks", 0), last

    return run


def files() -> int:
    return len(list(cache_folder().rglob("*.npy")))


def test_a_preprocess_hook_has_arrays_of_its_own(train):
    frontend, tracks, arrays = train("plain")
    assert (tracks, files()) == (4, 4)
    other, tracks, doubled = train("doubling", factor=2)
    assert (tracks, files()) == (4, 8)
    np.testing.assert_allclose(doubled, 2 * np.array(arrays), rtol=1e-5)
    assert "preprocess" not in frontend
    assert {key: other[key] for key in frontend} == frontend
    assert other["preprocess"][0] == "doubling"
    # Another model with the same hook, and another version of this one.
    assert train("trebling", factor=3)[1] == 4
    third, tracks, halved = train("doubling", factor=0.5)
    assert tracks == 4
    assert third != other
    np.testing.assert_allclose(halved, np.array(arrays) / 2, rtol=1e-5)


def test_models_of_one_front_end_share_arrays_and_other_fields_do_not(train):
    frontend, _, arrays = train("first")
    assert train("second") == (frontend, 0, arrays)
    other, tracks, windows = train("third", window=0.1)
    assert tracks == 4
    assert other["window"] == 0.1
    assert [len(array) for array in windows] > [len(array) for array in arrays] == [1] * 4


def test_a_track_that_changes_is_computed_again_and_others_are_not(train, workspace):
    import soundfile

    _, _, before = train("first")
    path = sorted((workspace / "tones").rglob("*.wav"))[0]
    sound, rate = soundfile.read(path)
    soundfile.write(path, 0.5 * sound[: len(sound) // 2], rate, subtype="PCM_16")
    _, tracks, after = train("first")
    assert tracks == 1
    assert before[0] != after[0]
    assert before[1:] == after[1:]
