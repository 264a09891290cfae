"""The confidence of every model is calibrated, without a fit, and resumed as it was begun."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import zoo
from tests.notes import Notes
from zoo.artefacts.artefact import Artefact
from zoo.datasets import open_dataset
from zoo.evaluate.calibration import calibrated
from zoo.evaluate.reliability import calibration
from zoo.inference.predictors import PluginPredictor
from zoo.training.verify import verify_run
from zoo_registry.record import RunRecord
from zoo_registry.runs import Run
from zoo_registry.structures import from_plain

# The nearest mean, and certain of it. It counts its fits, stops after `stop` of them, and has no
# ONNX file as long as `broken` is there.
SURE = """
from pathlib import Path
import numpy as np
from zoo import Card, Handcrafted, hookimpl

card = Card(name="sure", title="Sure", family="test", frontend=Handcrafted())
log, stop, broken = Path("fits"), Path("stop"), Path("broken")

@hookimpl
def train(tracks, labels, classes):
    fits = log.read_text() if log.exists() else ""
    if stop.exists() and len(fits) == int(stop.read_text()):
        raise KeyboardInterrupt
    log.write_text(fits + "x")
    rows = np.stack([track[0] for track in tracks])
    return np.stack([rows[labels == n].mean(axis=0) for n in range(len(classes))])

@hookimpl
def predict(model, tracks):
    scores = [2 * track @ model.T - (model**2).sum(axis=1) for track in tracks]
    return [(each == each.max(axis=1, keepdims=True)).astype(float) for each in scores]

@hookimpl
def export(model):
    import onnx
    if broken.exists():
        raise OSError("not now")
    proto = onnx.parser.parse_model('''
    <ir_version: 10, opset_import: ["": 18]>
    sure (float[n, 6] track) => (float[n, 3] probabilities) {
        products = MatMul (track, means)
        scores = Sub (products, squares)
        most = ReduceMax (scores, axis)
        wins = GreaterOrEqual (scores, most)
        probabilities = Cast <to = 1> (wins)
    }''')
    values = {"means": 2 * model.T, "squares": (model**2).sum(axis=1)}
    for name, value in values.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(value.astype("f4"), name))
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1]), "axis"))
    return proto

@hookimpl
def save(model, folder):
    np.save(folder / "model.npy", model)
    return True

@hookimpl
def load(folder):
    return np.load(folder / "model.npy")
"""


@pytest.fixture
def table(workspace: Path, feature_table) -> str:
    Path("sure.py").write_text(SURE, encoding="utf-8")
    return str(feature_table(tracks=20, spread=2.5))


def train(table: str, **options) -> Run:
    return zoo.train("./sure.py", table, **{"protocol": "kfold:3", "jobs": 1} | options)


def fits() -> int:
    return len(Path("fits").read_text())


def plain(run: Run) -> dict:
    return json.loads((run.folder / "run.json").read_text(encoding="utf-8"))


def test_a_model_that_is_always_certain_is_as_sure_as_it_is_right(table):
    run = train(table)
    assert run.complete
    assert fits() == 4  # three folds, and all tracks
    predictions = run.predictions()
    sure = predictions.probabilities.max(axis=1)
    right = (predictions.votes.argmax(axis=1) == predictions.labels).mean()
    assert right < 0.85
    assert sure.mean() == pytest.approx(right, abs=0.1)
    assert calibration(predictions).error < 0.15
    stored = plain(run)
    assert all(0 < beta < 1 for entry in stored["folds"] for beta in entry["betas"])
    artefact = Artefact(run.artefact_path)
    rows = open_dataset(table).features.astype(np.float32)
    found = artefact.run(rows).probabilities
    certain = np.eye(3)[found.argmax(axis=1)]
    assert found == pytest.approx(calibrated(certain, stored["beta"]), abs=1e-5)
    assert run.record.artefact.parity < 1e-5
    assert verify_run(run, rerun=True, file="sure.py") == []


def test_a_single_fold_and_few_tracks(table, feature_table):
    run = train(table, protocol="holdout:0.7")
    ((one, other),) = [entry["betas"] for entry in plain(run)["folds"]]
    assert max(one, other) < 1
    run = train(str(feature_table(tracks=6, spread=2.5, name="few.csv")))
    stored = plain(run)
    assert [stored["beta"], *(entry["betas"] for entry in stored["folds"])] == [1.0, *[[1.0]] * 3]
    assert set(run.predictions().probabilities.ravel()) == {0.0, 1.0}
    assert Artefact(run.artefact_path).run(np.zeros((1, 6), np.float32)).probabilities.max() == 1


@pytest.mark.parametrize("lost", ["nothing", "a byte", "a window", "the file", "its hash"])
def test_a_run_that_was_interrupted_has_the_same_answers(table, lost):
    Path("stop").write_text("2", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        train(table)
    (record,) = Path("models").rglob("run.json")
    windows = record.parent / "folds" / "0.npy"
    content, stored = bytearray(windows.read_bytes()), json.loads(record.read_text("utf-8"))
    if lost == "a byte":
        content[len(content) // 2] ^= 1
        windows.write_bytes(content)
    elif lost == "a window":  # by somebody who also forged the hash
        np.save(windows, np.load(windows)[:-1])
        stored["folds"][0]["windows"] = hashlib.sha256(windows.read_bytes()).hexdigest()
        record.write_text(json.dumps(stored), encoding="utf-8")
    elif lost == "the file":
        windows.unlink()
    elif lost == "its hash":  # as earlier versions stored a fold
        del stored["folds"][0]["windows"]
        record.write_text(json.dumps(stored), encoding="utf-8")
    Path("stop").unlink()
    notes = Notes()
    run = train(table, reporter=notes)
    assert run.complete
    assert fits() == 4 + (lost != "nothing")
    assert any("trained again" in text for text in notes.texts) == (lost != "nothing")
    undisturbed = train(table, root=Path("undisturbed"))
    for name in ("predictions_path", "artefact_path"):
        one, other = getattr(run, name), getattr(undisturbed, name)
        assert one.read_bytes() == other.read_bytes()
    assert plain(run)["beta"] == plain(undisturbed)["beta"]
    assert not (run.folder / "folds").exists()


def test_a_model_that_is_exported_later_is_calibrated(table):
    Path("broken").touch()
    run = train(table)
    assert (run.record.status, fits()) == ("no artefact", 4)
    Path("broken").unlink()
    run = train(table)
    assert (run.complete, fits()) == (True, 4)
    probabilities = Artefact(run.artefact_path).run(np.zeros((1, 6), np.float32)).probabilities
    assert probabilities.max() < 0.99


def test_a_record_of_an_earlier_version_is_read_and_written_as_it_was(table):
    run = train(table)
    stored = plain(run)
    del stored["beta"]
    for entry in stored["folds"]:
        del entry["betas"], entry["windows"]
    record = from_plain(stored, RunRecord)
    assert record.beta is None
    assert record.to_dict() == stored
    assert record.id == run.record.id


# It hears how loud a recording is, and is certain of it; it has no ONNX form.
LOUD = """
import numpy as np
from zoo import Card, Handcrafted, hookimpl

card = Card(name="loud", title="Loud", family="test", frontend=Handcrafted())

@hookimpl
def preprocess(audio):
    return np.float32([[abs(float(audio[0])) * 1e4 % 2]])

@hookimpl
def train(tracks, labels, classes):
    return np.eye(len(classes))

@hookimpl
def predict(model, tracks):
    return [model[(track[:, 0] > 1).astype(int)] for track in tracks]

@hookimpl
def save(model, folder):
    np.save(folder / "model.npy", model)
    return True

@hookimpl
def load(folder):
    return np.load(folder / "model.npy")
"""


def test_a_model_without_an_onnx_form_and_changed_tracks_are_calibrated(workspace, make_tones):
    Path("loud.py").write_text(LOUD, encoding="utf-8")
    data = str(make_tones(workspace / "tones", tracks=24, seconds=0.2))
    run = zoo.train("./loud.py", data, protocol="kfold:2", robustness=4, jobs=1)
    assert run.complete, run.lack
    assert not run.has_artefact
    beta = run.record.beta
    assert 0 < beta < 1
    predictor = PluginPredictor(run, "loud.py")
    (windows,) = predictor.stream(iter([np.full(4410, 0.3, np.float32)]))
    (expected,) = calibrated(np.array([[1.0, 0.0]]), beta).round(6)
    assert sorted(windows.probabilities[0]) == pytest.approx(sorted(expected), abs=1e-5)
    with run.robustness_path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sure = {max(float(row[key]) for key in row if key.startswith("prob")) for row in rows}
    assert max(sure) < 1
    old = replace_beta(run)
    (windows,) = PluginPredictor(old, "loud.py").stream(iter([np.full(4410, 0.3, np.float32)]))
    assert windows.probabilities.max() == 1


def replace_beta(run: Run) -> Run:
    record = from_plain(plain(run), RunRecord)
    record.beta = None
    return Run(run.folder, record)
