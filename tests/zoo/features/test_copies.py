"""Training copies: what they are, who gets them, and that they stay with their track."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile

import zoo
from zoo.datasets import FeatureTable, open_dataset
from zoo.execution.engine import InProcess
from zoo.execution.progress import Reporter
from zoo.features import copies
from zoo.features.arrays import Arrays
from zoo.features.copies import extract_copies, has_copies, with_copies
from zoo.plugins.registry import open_registry
from zoo_registry.files import read_json

RATE = 44_100

# A front end of somebody else, which refuses excerpts of short tracks. What it was trained on is
# written down: the length of each array, which is that of the track, its label and its group.
SPY = """
import json
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from zoo import Card, hookimpl
from zoo_registry.errors import AudioError

@dataclass(frozen=True)
class Length:
    name: ClassVar[str] = "length"
    version: ClassVar[int] = 1
    layout: ClassVar[str] = "vectors"
    sample_rate: int = 22_050
    least: int = 0

    def __call__(self, audio):
        if audio.size < self.least:
            raise AudioError("too short")
        return np.float32([[audio.size, np.abs(audio).max()]])

card = Card(name="spy", title="Spy", family="test", frontend=Length(least=LEAST))

@hookimpl
def train(tracks, labels, groups, classes):
    rows = [[float(track[0, 0]), int(label), int(group)]
            for track, label, group in zip(tracks, labels, groups, strict=True)]
    with open("PLACE/seen.jsonl", "a") as file:
        print(json.dumps(rows), file=file)
    return len(classes)

@hookimpl
def predict(model, tracks):
    return [np.full((len(track), model), 1 / model) for track in tracks]
"""


def music(seconds: float = 8.0, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE), np.float32)


@pytest.fixture
def lengths(workspace: Path) -> Path:
    """Return a folder of 20 tracks in two classes, each of a length of its own."""
    for number in range(20):
        path = workspace / "lengths" / "ab"[number % 2] / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, music(5.0 + number / 100, number)[::4], RATE // 4, subtype="PCM_16")
    return workspace / "lengths"


def spy(workspace: Path, least: int = 0) -> str:
    source = SPY.replace("PLACE", str(workspace)).replace("LEAST", str(least))
    (workspace / "spy.py").write_text(source)
    return "./spy.py"


class TestCopies:
    noisy, short = copies._COPIES

    def test_one_is_under_noise_and_of_narrow_band(self):
        shares = []
        for seed in range(40):
            audio = music(3.0, seed)
            changed, rate = self.noisy(audio, RATE)
            assert (rate, changed.size) == (RATE, audio.size)
            assert not np.array_equal(changed, audio)
            power = np.abs(np.fft.rfft(changed)) ** 2
            frequencies = np.fft.rfftfreq(changed.size, 1 / rate)
            shares.append(power[frequencies > 12_000].mean() / power[frequencies < 3_000].mean())
        assert (np.array(shares) < 0.5).all()
        assert (np.array(shares) > 1e-6).all()

    def test_the_other_is_an_excerpt(self):
        for seed in range(20):
            audio = music(8.0, seed)
            changed, rate = self.short(audio, RATE)
            assert rate == RATE
            assert 2.0 * RATE <= changed.size <= 0.41 * audio.size
            begin = int(np.flatnonzero(audio == changed[0])[0])
            assert np.array_equal(changed, audio[begin : begin + changed.size])

    @pytest.mark.parametrize("copy", copies._COPIES, ids=lambda copy: copy.name)
    def test_the_same_waveform_gives_the_same_copy(self, copy):
        one, other = music(), music(seed=1)
        change = pickle.loads(pickle.dumps(copy))
        assert change(one, RATE)[0].tobytes() == copy(one.copy(), RATE)[0].tobytes()
        assert change(one, RATE)[0].tobytes() != change(other, RATE)[0].tobytes()

    @pytest.mark.parametrize("copy", copies._COPIES, ids=lambda copy: copy.name)
    @pytest.mark.parametrize("audio", [np.zeros(9), np.ones(1), np.zeros(3 * RATE)])
    def test_of_anything(self, audio, copy):
        assert np.isfinite(copy(audio.astype(np.float32), RATE)[0]).all()


def test_who_learns_copies(lengths, make_tones, workspace):
    registry, data = open_registry(), open_dataset(str(lengths))
    assert has_copies(registry.load("svm"), data)
    assert has_copies(registry.load(spy(workspace)), data)
    assert not has_copies(registry.load("cnn2d"), data)  # it makes its own, window by window
    few = open_dataset(str(make_tones(workspace / "few", tracks=2)))
    assert not has_copies(registry.load("svm"), few)
    table = FeatureTable(
        name="t",
        source="t",
        tracks=data.tracks,
        features=np.ones((20, 2)),
        feature_names=("a", "b"),
    )
    assert not has_copies(registry.load("svm"), table)


@pytest.mark.parametrize(("frontend", "kinds"), [("handcrafted", 2), ("yamnet", 1)])
def test_encoders_learn_no_excerpts(frontend, kinds, lengths):
    pairs = copies._pairs(open_dataset(str(lengths)), open_registry().load("svm", frontend))
    assert len(pairs) == kinds * 20


def test_they_stay_with_their_track(lengths, workspace):
    run = zoo.train(spy(workspace), str(lengths), protocol="kfold:2", jobs=1, robustness=0)
    assert run.record.copies == copies.VERSION
    assert read_json(run.folder / "run.json")["copies"] == copies.VERSION
    fits = [json.loads(line) for line in (workspace / "seen.jsonl").read_text().splitlines()]
    assert [len(fit) for fit in fits] == [30, 30, 60]  # two folds, and all tracks
    for fit in fits:
        count = len(fit) // 3
        tracks, noisy, short = fit[:count], fit[count : 2 * count], fit[2 * count :]
        for others in (noisy, short):
            assert [row[1:] for row in others] == [row[1:] for row in tracks]
        # Resampling there and back may leave a few samples more or fewer.
        assert all(abs(each[0] - whole[0]) < 9 for each, whole in zip(noisy, tracks, strict=True))
        assert all(each[0] < 0.41 * whole[0] for each, whole in zip(short, tracks, strict=True))


def test_where_groups_cannot_be_kept_together_a_track_and_its_copies_are(lengths, workspace):
    rows = ["path,label,group"]
    for path in sorted(lengths.glob("*/*.wav")):
        label = path.parent.name
        rows.append(f"{label}/{path.name},{label},{path.stem if label == 'b' else 'one artist'}")
    (lengths / "metadata.csv").write_text("\n".join(rows) + "\n")
    zoo.train(spy(workspace), str(lengths), protocol="kfold:2", grouped=False, robustness=0)
    for line in (workspace / "seen.jsonl").read_text().splitlines():
        groups = [row[2] for row in json.loads(line)]
        count = len(groups) // 3
        assert groups == 3 * groups[:count]
        assert len(set(groups)) == count


def test_what_the_front_end_does_not_take_is_left_out(lengths, workspace):
    model, data = open_registry().load(spy(workspace, least=50_000)), open_dataset(str(lengths))
    extract_copies(data, model, InProcess(), Reporter())
    indices = np.arange(0, 20, 2)
    none = Arrays([])
    found, tracks = with_copies(none, data, model, indices)
    assert 10 <= len(found) < 20  # all that are whole
    assert len(tracks) == 10 + len(found)
    assert set(tracks) == set(indices)
    assert all(array[0, 0] >= 50_000 for array in found)


def test_there_are_not_more_than_can_be_learnt(lengths, workspace, monkeypatch):
    monkeypatch.setattr(copies, "_MOST", 12)
    pairs = copies._pairs(open_dataset(str(lengths)), open_registry().load("svm"))
    indices = [index for index, _ in pairs]
    assert (len(indices), len(set(indices))) == (12, 6)
    assert (indices[0], indices[-1]) == (0, 19)
    of_encoder = copies._pairs(open_dataset(str(lengths)), open_registry().load("svm", "yamnet"))
    assert len({index for index, _ in of_encoder}) == 12
