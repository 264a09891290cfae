"""Fits of a run to fewer tracks: what they take, store, resume, extend and prove."""

import csv
import json
from pathlib import Path

import pytest

import zoo
from tests.notes import Notes
from zoo.artefacts.bundle import hand_over
from zoo.cli.app import run as run_command
from zoo.report.page import write_report
from zoo.training.verify import verify_run
from zoo.workspace import runs
from zoo_registry.errors import RunError
from zoo_registry.runs import SIZES, Run

# It logs the number of tracks of each fit, and stops before the one that a file names.
MODEL = """
from pathlib import Path
import numpy as np
from zoo import Card, Handcrafted, hookimpl

card = Card(name="mean", title="Mean", family="test", frontend=Handcrafted())
log, stop, least = Path("fits"), Path("stop"), Path("least")

@hookimpl
def train(tracks, labels, classes):
    fits = log.read_text().split() if log.exists() else []
    if stop.exists() and len(fits) == int(stop.read_text()):
        raise KeyboardInterrupt
    log.write_text(" ".join([*fits, str(len(tracks))]))
    if least.exists() and len(tracks) < int(least.read_text()):
        raise ValueError("too few for me")
    rows = np.concatenate(tracks)
    return np.stack([rows[labels == n].mean(axis=0) for n in range(len(classes))])

@hookimpl
def predict(model, tracks):
    answers = []
    for track in tracks:
        far = ((track[:, None] - model) ** 2).sum(axis=2)
        answers.append((far == far.min(axis=1, keepdims=True)).astype(float))
    return answers
"""


@pytest.fixture
def data(workspace: Path, feature_table) -> str:
    """Return a table of features with two classes of six groups of two tracks each."""
    Path("mean.py").write_text(MODEL, encoding="utf-8")
    return str(feature_table(classes=2, tracks=12, groups=6))


@pytest.fixture
def command(monkeypatch, capsys):
    """Return a function that runs ``zoo`` in this process: status and stderr."""

    def call(*words: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["zoo", *words])
        status = run_command()
        return status, capsys.readouterr().err

    return call


def train(data: str, *sizes: int | str, **options) -> Run:
    options = {"protocol": "kfold:3", "jobs": 1, "sizes": sizes} | options
    return zoo.train("./mean.py", data, **options)


def fits() -> list[int]:
    return [int(size) for size in Path("fits").read_text().split()]


def table(run: Run) -> list[dict[str, str]]:
    with run.sizes_path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_each_size_is_fitted_in_each_fold_and_tested_on_the_whole_test_part(data):
    run = train(data, 2, 4, "all")
    assert fits() == [16] * 3 + [24] + [4] * 3 + [8] * 3
    rows, own = table(run), run.predictions()
    tested = list(zip(own.tracks, map(str, own.folds.tolist()), strict=True))
    for size in ("2", "4"):
        of = [row for row in rows if row["size"] == size]
        assert [(row["track"], row["fold"]) for row in of] == tested
    assert len(rows) == 2 * len(own)
    info = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["sizes"]
    assert info["sha256"] == run.hashes[SIZES] == run.sha256(run.sizes_path)
    assert [
        (f["size"], f["fold"], f["train_tracks"], f["train_groups"]) for f in info["folds"]
    ] == [(size, fold, 2 * size, size) for size in (2, 4) for fold in range(3)]
    assert not run.fold_path(0).parent.exists()
    assert "--sizes 2,4,all" in run.record.command
    assert verify_run(run, rerun=True, file="mean.py") == []


def test_without_a_wish_nothing_is_new(data):
    run = train(data)
    assert fits() == [16] * 3 + [24]
    assert "sizes" not in json.loads((run.folder / "run.json").read_text(encoding="utf-8"))
    assert SIZES not in {path.name for path in run.folder.iterdir()}
    assert "--sizes" not in run.record.command


@pytest.mark.parametrize("done", [0, 1, 4, 5])
def test_what_is_done_of_an_interruption_is_not_done_again(data, done):
    whole = train(data, 2, 4)
    expected = whole.sizes_path.read_bytes()
    Path("fits").unlink()
    for path in sorted(whole.folder.iterdir()):
        path.unlink()
    Path("stop").write_text(str(4 + done))
    with pytest.raises(KeyboardInterrupt):
        train(data, 2, 4)
    Path("stop").unlink()
    assert len(fits()) == 4 + done
    assert train(data).complete  # usable, and what was fitted to fewer tracks is kept
    assert len(fits()) == 4 + done
    notes = Notes()
    run = train(data, 2, 4, reporter=notes)
    assert len(fits()) == 10
    assert run.sizes_path.read_bytes() == expected
    assert any("6 fits to fewer tracks" in text for text in notes.texts)
    assert not run.fold_path(0).parent.exists()
    train(data, 2, 4)
    assert len(fits()) == 10


def test_further_sizes_are_added(data):
    first = train(data, 4).sizes_path.read_text(encoding="utf-8")
    run = train(data, 2)
    assert fits() == [16] * 3 + [24] + [8] * 3 + [4] * 3
    text = run.sizes_path.read_text(encoding="utf-8")
    assert text.endswith(first.partition("\n")[2])
    assert text.splitlines()[1].startswith("2,")
    assert verify_run(run) == []


def test_a_further_size_with_the_tracks_of_one_that_is_there_costs_nothing(data):
    train(data, 2)
    run = train(data, 1, 4)
    assert fits() == [16] * 3 + [24] + [4] * 3 + [8] * 3
    assert [one.size for one in run.record.sizes.sizes] == [2, 4]


def test_sizes_that_take_all_or_the_same_are_not_trained_and_named(data):
    notes = Notes()
    run = train(data, 1, 2, 8, 50, reporter=notes)
    assert fits() == [16] * 3 + [24] + [4] * 3
    assert [one.size for one in run.record.sizes.sizes] == [1]
    said = " ".join(notes.texts)
    assert "2 tracks per class: the same whole groups as for 1, left out" in said
    assert "8 tracks per class: left out, since the folds have no more to train on" in said
    assert "50 tracks per class: left out, since the folds have no more to train on" in said


def test_classes_that_have_fewer_are_named(data):
    text = Path(data).read_text(encoding="utf-8").splitlines()
    few = [line for line in text if not line.endswith(("1-3", "1-4", "1-5"))]
    Path(data).write_text("\n".join(few) + "\n", encoding="utf-8")
    notes = Notes()
    run = train(data, 6, reporter=notes)
    assert "6 tracks per class: 'class1' has 4 to train on" in notes.texts
    assert run.record.sizes.sizes[0].short == {"class1": (4, 4)}


def test_by_track_groups_are_tracks(data):
    run = train(data, 3, grouped=False)
    assert {(f.train_tracks, f.train_groups) for f in run.record.sizes.folds} == {(6, 6)}
    assert verify_run(run) == []


@pytest.mark.parametrize("protocol", ["kfold:3x2", "holdout:0.5x2"])
def test_every_protocol_has_them(data, protocol):
    run = train(data, 2, protocol=protocol)
    assert set(zip(run.sizes().predictions.folds, run.sizes().predictions.tracks, strict=True)) == (
        set(zip(run.predictions().folds, run.predictions().tracks, strict=True))
    )
    assert verify_run(run) == []


def test_a_fit_that_fails_is_named_and_tried_again(data, command):
    Path("least").write_text("6")
    words = ["train", "./mean.py", "--data", data, "--protocol", "kfold:3", "--sizes", "2,4"]
    status, said = command(*words)
    assert status == 1
    assert "2 tracks per class, fold 0 and 2 more: ValueError: too few for me" in said
    (run,) = runs()
    assert run.complete
    assert set(run.sizes().sizes) == {4}
    assert verify_run(run) == []
    Path("least").unlink()
    assert command(*words)[0] == 0
    assert set(Run.read(run.folder).sizes().sizes) == {2, 4}
    assert len(fits()) == 4 + 6 + 3


@pytest.mark.parametrize("damage", [b"", None, b"size,track\r\n"])
def test_a_damaged_file_is_named_and_repaired(data, damage):
    run = train(data, 2, 4)
    expected = run.sizes_path.read_bytes()
    run.sizes_path.unlink()
    if damage is not None:
        run.sizes_path.write_bytes(damage)
    assert run.damaged() == [SIZES]
    (finding,) = verify_run(run)
    assert (finding.what, "repairs it" in finding.detail) == ("sizes", True)
    repaired = train(data)
    assert repaired.sizes_path.read_bytes() == expected
    assert repaired.damaged() == []


def test_a_changed_record_or_file_does_not_pass_as_verified(data):
    run = train(data, 2, 4)
    text, record = run.sizes_path.read_bytes(), (run.folder / "run.json").read_bytes()
    for old, new in ((b'"train_groups": 2', b'"train_groups": 3'), (b'"size": 2', b'"size": 3')):
        (run.folder / "run.json").write_bytes(record.replace(old, new))
        assert {finding.what for finding in verify_run(Run.read(run.folder))} == {"sizes"}
    run.sizes_path.write_bytes(text.replace(b",class0,", b",class1,", 1))
    changed = record.replace(run.hashes[SIZES].encode(), run.sha256(run.sizes_path).encode())
    (run.folder / "run.json").write_bytes(changed)
    (finding,) = verify_run(Run.read(run.folder))
    assert finding.detail == "its labels or groups are not those of the dataset"


def test_it_is_handed_over_and_removed(data, command, tmp_path):
    run = zoo.train("logistic", data, protocol="kfold:3", jobs=1, sizes=[2])
    written = hand_over(run, tmp_path / "over")
    assert (tmp_path / "over" / SIZES) in written
    run.sizes_path.write_bytes(b"x")
    with pytest.raises(RunError, match=SIZES):
        hand_over(run, tmp_path / "other")
    assert command("runs", "remove", "--yes", run.id)[0] == 0
    assert not run.folder.exists()


def test_an_unfinished_run_is_removed_with_all_its_files(data, command):
    Path("stop").write_text("6")
    with pytest.raises(KeyboardInterrupt):
        train(data, 2)
    (run,) = runs()
    assert run.fold_path("2-0").exists()
    assert command("runs", "remove", "--yes", run.id)[0] == 0
    assert not run.folder.exists()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("0", "'0' is not a number of tracks per class"),
        ("5,x", "'x' is not a number of tracks per class"),
        ("5,", "'' is not a number of tracks per class"),
        ("", "'' is not a number of tracks per class"),
        ("-3", "'-3' is not a number of tracks per class"),
        ("5.0", "'5.0' is not a number of tracks per class"),
        ("5,5", "--sizes names 5 twice"),
        ("all,5,all", "--sizes names all twice"),
        ("all", "--sizes all alone is what is trained anyway"),
        ("9" * 30, "is not a number of tracks per class"),
    ],
)
def test_wrong_sizes_are_refused_in_one_sentence(data, command, given, sentence):
    status, said = command("-q", "train", "./mean.py", "--data", data, f"--sizes={given}")
    assert (status, sentence in said, len(said.splitlines())) == (2, True, 1)
    assert not Path("fits").exists()


def test_the_curve_is_printed_shown_and_reported(data, command, monkeypatch, capsys):
    words = ["./mean.py", "logistic", "--data", data, "--protocol", "kfold:3", "--sizes", "2,4"]
    monkeypatch.setattr("sys.argv", ["zoo", "train", *words])
    assert run_command() == 0
    out = capsys.readouterr().out
    table = out[out.index("accuracy by training tracks per class") :].splitlines()
    assert max(map(len, table[:11])) <= 80
    assert sum(" all " in line for line in table) == 2
    assert any(line.startswith("logistic: ") and "twice as many groups" in line for line in table)
    for word in ("mean", "logistic"):
        monkeypatch.setattr("sys.argv", ["zoo", "runs", "show", word])
        assert run_command() == 0
        assert "accuracy by training tracks per class" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["zoo", "runs", "show", "mean", "--format", "json"])
    run_command()
    shown = json.loads(capsys.readouterr().out)["size_curve"]
    assert [point["size"] for point in shown["points"]] == [2, 4, None]
    (page,) = write_report(Path("report"))
    text = page.read_text(encoding="utf-8")
    assert 'href="#sizes"' in text
    assert shown["sentence"] in text
    assert "accuracy-by-size" in text


def test_a_page_of_a_run_whose_sizes_are_damaged_leaves_them_out(data):
    run = train(data, 2)
    run.sizes_path.write_bytes(b"x")
    (page,) = write_report(Path("report"))
    text = page.read_text(encoding="utf-8")
    assert "accuracy-by-size" not in text
    assert SIZES in text
