"""The ONNX file of a run is compared with what was trained, and kept only if they agree."""

import json
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.artefacts.artefact import Artefact
from zoo.datasets import open_dataset
from zoo_registry.runs import Run

# A constant in Python, whose first two classes are 2e-4 apart; in its file they are off by
# {off} where the first feature is above zero.
OFF = '''
import numpy as np
from zoo import Card, Handcrafted, hookimpl

card = Card(name="off", title="Off", family="test", frontend=Handcrafted())

@hookimpl
def train(tracks, labels, classes):
    return np.array([0.4501, 0.4499, 0.1])

@hookimpl
def predict(model, tracks):
    return [np.tile(model, (len(track), 1)) for track in tracks]

@hookimpl
def export(model):
    import onnx
    return onnx.parser.parse_model("""
    <ir_version: 10, opset_import: ["": 18]>
    off (float[n, 6] track) => (float[n, 3] probabilities)
    <int64[1] begin = {{0}}, int64[1] end = {{1}}, int64[1] axis = {{1}},
     float[1, 3] base = {{0.4501, 0.4499, 0.1}}, float[1, 3] off = {{-{off}, {off}, 0}}> {{
        first = Slice (track, begin, end, axis)
        side = Sign (first)
        above = Relu (side)
        moved = Mul (above, off)
        probabilities = Add (base, moved)
    }}""")
'''


def train_off(table: Path, off: float) -> Run:
    Path("off.py").write_text(OFF.format(off=f"{off:f}"), encoding="utf-8")
    run = zoo.train("./off.py", str(table), protocol="kfold:2", jobs=1)
    assert run.is_scored, run.record.error
    return run


def above(table: Path) -> np.ndarray:
    return open_dataset(str(table)).features[:, 0] > 0


def test_tracks_that_get_another_winner_are_counted(feature_table):
    table = feature_table(classes=3, tracks=6, spread=3.0)  # too few to calibrate
    run = train_off(table, 5e-4)
    moved = int(above(table).sum())
    assert 0 < moved < 18
    artefact = run.record.artefact
    assert artefact.parity == pytest.approx(5e-4, rel=1e-3)
    assert (artefact.parity_tracks, artefact.same_winner) == (18, 18 - moved)
    card = run.card_path.read_text(encoding="utf-8")
    assert f"on 18 tracks, it names the same winner on {18 - moved} and differs by at most" in card


def test_fifty_tracks_of_all_are_compared(feature_table):
    table = feature_table(classes=3, tracks=40, spread=3.0)
    chosen = above(table)[np.unique(np.linspace(0, 119, 50).astype(int))]
    artefact = train_off(table, 5e-4).record.artefact
    assert (artefact.parity_tracks, artefact.same_winner) == (50, 50 - int(chosen.sum()))


@pytest.mark.parametrize(("off", "kept"), [(9e-4, True), (1.2e-3, False)])
def test_a_file_that_differs_by_more_than_a_thousandth_is_not_kept(feature_table, off, kept):
    run = train_off(feature_table(classes=3, tracks=5, spread=3.0), off)
    stored = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["artefact"]
    assert run.artefact_path.exists() == kept
    assert ("sha256" in stored, "error" in stored) == (kept, not kept)
    if not kept:
        assert (
            "the ONNX file differs from the model by 0.0012 in the probability" in stored["error"]
        )
        assert stored["error"] in run.card_path.read_text(encoding="utf-8")
        assert sorted(path.name for path in run.folder.iterdir()) == [
            "README.md", "folds", "predictions.csv", "run.json", "windows.npy",
        ]  # fmt: skip


# The reference of its front end says {times} times what the graph does.
ODD = """
from dataclasses import dataclass
from zoo import Card, Handcrafted, classical

@dataclass(frozen=True)
class Odd(Handcrafted):
    def reference(self, audio):
        return {times} * super().reference(audio)

card = Card(name="odd", title="Odd", family="test", frontend=Odd())

def make(params):
    from sklearn.linear_model import LogisticRegression
    return LogisticRegression(max_iter=50)

train, predict = classical(make)
"""


@pytest.mark.parametrize(("times", "kept"), [(1.0, True), (2.0, False)])
def test_a_front_end_that_differs_from_its_reference_gives_no_file(tone_folder, times, kept):
    Path("odd.py").write_text(ODD.format(times=times), encoding="utf-8")
    data = str(tone_folder(tracks=3, seconds=0.2))
    run = zoo.train("./odd.py", data, protocol="kfold:2", jobs=1)
    assert (run.is_scored, run.complete) == (True, kept)
    stored = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["artefact"]
    assert run.artefact_path.exists() == kept
    if kept:
        assert stored["reference"] < 1e-2
    else:
        assert "graph differs from its reference by" in stored["error"]
        assert "standard deviations on " in stored["error"]


def test_a_file_gives_what_a_fit_on_all_tracks_gives(feature_table):
    """A tree without limits repeats the labels of the tracks that it was fitted to alone."""
    table = feature_table(classes=2, tracks=15, spread=4.0)
    dataset = open_dataset(str(table))
    run = zoo.train("decision-tree", str(table), protocol="kfold:3", jobs=1,
                    params={"max_depth": None, "min_samples_leaf": 1})  # fmt: skip
    predictions = run.predictions()
    assert (predictions.votes.argmax(axis=1) != predictions.labels).any()
    artefact = Artefact(run.artefact_path)
    given = [artefact.run(row[None])[0].argmax() for row in dataset.features]
    assert given == dataset.labels.tolist()


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ("b'abc'", "export returned a value of type bytes; return an onnx.ModelProto"),
        ("'model.onnx'", "export returned a value of type str; return an onnx.ModelProto"),
        ("onnx.ModelProto()", "export returned an onnx.ModelProto without outputs"),
    ],
)
def test_an_export_of_something_else_is_named(feature_table, returned, words):
    # A number as a note of the progress is a text like any other.
    head, _, _ = OFF.partition("    return onnx.parser")
    text = head.replace("train(tracks, labels, classes):", "train(tracks, progress):")
    text = text.replace("    return np.array([0", "    progress(0.5, 3)\n    return np.array([0")
    Path("off.py").write_text(f"{text}    return {returned}\n", encoding="utf-8")
    run = zoo.train("./off.py", str(feature_table(classes=3, tracks=6)), jobs=1)
    assert run.is_scored
    assert run.record.artefact.error.startswith(words)
