"""Arrays are shared by models of one front end, and by no others."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

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


# It answers by level, and logs how many rows each track has.
SECONDS = """
import numpy as np
from zoo import Card, Handcrafted, classical, hookimpl

card = Card(name="seconds", title="Any", family="classical", frontend=Handcrafted(window=1.0))

def make():
    from sklearn.tree import DecisionTreeClassifier
    return DecisionTreeClassifier(random_state=0)

both = classical(make)
predict = both[1]

@hookimpl
def train(tracks, labels, classes, groups, params, seed):
    with open("rows", "a") as log:
        log.write(" ".join(str(len(track)) for track in tracks) + "\\n")
    return both[0](tracks, labels, classes, groups, params, seed)
"""


def test_silent_rows_are_neither_trained_on_nor_vote(workspace):
    rate, sounding = 44_100, {0: [1, 1, 0, 1], 1: [0, 0, 1, 1], 2: [0, 0, 0, 0], 3: [1, 1, 1, 1]}
    time = np.arange(rate) / rate
    for name, pitch in (("high", 3_000), ("low", 200)):
        (workspace / "data" / name).mkdir(parents=True)
        for number, parts in sounding.items():
            level = 0.3 - 0.01 * number  # otherwise the files would be the same
            tone = level * np.sin(2 * np.pi * pitch * time)
            path = workspace / "data" / name / f"{number}.wav"
            # Digital silence would be a duplicate in the other class.
            noise = 1e-5 * np.random.default_rng(number + pitch).standard_normal(4 * rate)
            soundfile.write(path, noise + np.concatenate([part * tone for part in parts]), rate)
    Path("seconds.py").write_text(SECONDS, encoding="utf-8")
    run = zoo.train("./seconds.py", "data", protocol="kfold:2", jobs=1, robustness=8)
    assert run.complete, run.record.error
    assert Path("rows").read_text().splitlines()[-1].split() == ["3", "2", "1", "4"] * 2
    expected = {
        f"{label}/{n}.wav": k for label in ("high", "low") for n, k in enumerate((3, 2, 1, 4))
    }
    assert voting(run.predictions()) == expected
    changed = run.robustness()
    padded = [row for row, name in enumerate(changed.changes) if name == "silence-1s"]
    assert voting(changed.predictions.take(padded)) == expected
    # The artefact was compared with the model on the same windows.
    assert run.record.artefact.parity_tracks == 8
    heard = zoo.predict(run.id, [f"data/{track}" for track in expected])
    assert [answer.windows for answer in heard] == [3, 2, 0, 4] * 2


def voting(predictions):
    return dict(zip(predictions.tracks, predictions.votes.sum(axis=1).tolist(), strict=True))
