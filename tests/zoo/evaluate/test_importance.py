"""The importance of columns: what a model loses without the values of a family of them."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.evaluate.importance import falls, families, importances
from zoo.training import evaluation
from zoo.training.verify import verify_run
from zoo_registry.errors import RunError
from zoo_registry.runs import Run

NAMES = ["level_mean", "level_std", "noise1_mean", "noise2_mean", "hiss"]


@pytest.fixture
def table(workspace):
    """Return a table of two classes which only the two columns of the level tell apart."""
    rng = np.random.default_rng(0)
    with (workspace / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", *NAMES, "label"])
        for row in range(60):
            values = rng.normal(size=len(NAMES))
            values[:2] += 6 * (row % 2)
            writer.writerow([f"{row}.wav", *values, "ab"[row % 2]])
    return str(workspace / "rows.csv")


def test_names_that_differ_in_a_number_or_a_statistic_are_one_family():
    names = [
        "mfcc1_mean", "mfcc12_var", "chroma_stft_mean", "zero_crossing_rate", "mean_centroid",
        "mfcc3_delta_std", "tonnetz.kurtosis.06", "loudness_sma3_percentile20.0", "7", "rms",
    ]  # fmt: skip
    assert families(names) == {
        "mfcc": [0, 1], "chroma_stft": [2], "zero_crossing_rate": [3], "centroid": [4],
        "mfcc_delta": [5], "tonnetz": [6], "loudness": [7], "7": [8], "rms": [9],
    }  # fmt: skip


def test_only_the_informative_family_is_important(table):
    run = zoo.train("logistic", table, protocol="kfold:3")
    best, *others = importances(run)
    assert (best.family, best.columns) == ("level", 2)
    assert best.low > 0.3
    assert {one.family for one in others} == {"noise", "hiss"}
    for one in others:
        assert abs(one.fall) < 0.1
        assert one.low <= 0 <= one.high
    assert verify_run(run, data=table, rerun=True) == []


def test_families_are_those_of_the_front_end(workspace, make_tones):
    data = make_tones(workspace / "tones", tracks=3, seconds=0.3)
    run = zoo.train("knn", str(data), protocol="kfold:3", robustness=0, jobs=1)
    found = {one.family: one.columns for one in importances(run)}
    assert found["mfcc"] == 78
    assert found["tempo"] == 1
    assert sum(found.values()) == 163


def test_a_run_without_the_file_has_none_and_is_not_damaged(table):
    """As one of an earlier version."""
    run = zoo.train("logistic", table, protocol="kfold:3")
    plain = json.loads((run.folder / "run.json").read_text())
    for name in ("importance", "windows"):
        del plain[name]
    (run.folder / "run.json").write_text(json.dumps(plain))
    (run.folder / "importance.csv").unlink()
    (run.folder / "windows.npy").unlink()
    earlier = Run.read(run.folder)
    assert importances(earlier) is None
    assert earlier.id == run.id
    assert verify_run(earlier, data=table, rerun=True) == []
    again = zoo.train("logistic", table, protocol="kfold:3")
    assert again.record.started == run.record.started
    assert importances(again) is None


@pytest.mark.parametrize("name", ["importance.csv", "windows.npy"])
def test_a_damaged_file_is_found_and_repaired(table, name, command, capsys):
    run = zoo.train("logistic", table, protocol="kfold:3")
    path = run.folder / name
    whole, artefact = path.read_bytes(), run.artefact_path.read_bytes()
    path.write_bytes(whole[:-3])
    assert {finding.what for finding in verify_run(run, data=table)} == {name.partition(".")[0]}
    if name == "importance.csv":
        with pytest.raises(RunError, match="repairs it"):
            importances(run)
    for _ in range(2):
        status, out = command("runs", "show", run.id), capsys.readouterr().out
        assert (status, "confusion:" in out) == (0, True)
        assert (f"importance of columns: {name} of " in out) == (name == "importance.csv")
        path.unlink(missing_ok=True)
    zoo.train("logistic", table, protocol="kfold:3")
    assert path.read_bytes() == whole
    assert run.artefact_path.read_bytes() == artefact


def test_an_interrupted_run_has_the_same_files(table, workspace, monkeypatch):
    whole = zoo.train("logistic", table, protocol="kfold:3")
    monkeypatch.setenv("ZOO_MODELS", str(workspace / "others"))
    write, stored = evaluation.write_fold, []

    def write_two(run, entry, answers):
        if len(stored) == 2:
            raise KeyboardInterrupt
        stored.append(entry.fold)
        write(run, entry, answers)

    monkeypatch.setattr(evaluation, "write_fold", write_two)
    with pytest.raises(KeyboardInterrupt):
        zoo.train("logistic", table, protocol="kfold:3", jobs=1)
    monkeypatch.setattr(evaluation, "write_fold", write)
    again = zoo.train("logistic", table, protocol="kfold:3", jobs=1)
    assert again.hashes == whole.hashes


def test_few_tracks_and_windows_are_asked_about():
    asked = []

    def answer(tracks):
        asked.append(sum(map(len, tracks)))
        return [np.eye(2)[(track[:, 0] > 0).astype(int)] for track in tracks]

    tracks = [np.full((40, 2), sign, np.float32) for sign in (-1, 1) * 100]
    labels = np.tile([0, 1], 100)
    found = falls(answer, tracks, labels, [[0], [1]], [0])
    known = ~np.isnan(found).any(axis=1)
    assert known.sum() == 30
    # Once as they are, and once without each family.
    assert asked == [150, 300]
    assert found[known, 0].mean() > 0.3
    assert (found[known, 1] == 0).all()


def test_a_long_name_of_a_column_is_shortened(table, command, capsys):
    path = Path(table)
    path.write_text(path.read_text().replace("hiss", "hiss" * 75, 1))
    run = zoo.train("logistic", table, protocol="kfold:2")
    assert command("runs", "show", run.id) == 0
    rows = capsys.readouterr().out.splitlines()
    assert [len(row) < 100 for row in rows if row.startswith(" hiss")] == [True]
