"""Datasets of twenty files: from the command to a run that others can trust."""

import subprocess
import sys

import pytest

import zoo
from zoo.training.verify import verify_run
from zoo_registry.errors import ProtocolError

MODELS = ("elasticnet", "knn", "logistic", "svm")
CODE = "from zoo.cli import main; main()"


def commanded(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CODE, *arguments], capture_output=True, text=True, check=False
    )


def test_no_library_says_anything(workspace, feature_table):
    """Folds of one track of each class, with three others of each to learn from."""
    table = str(feature_table(classes=5, tracks=4, spread=0.1))
    done = commanded("train", *MODELS, "--data", table)
    assert done.returncode == 0, done.stderr
    said = done.stderr.splitlines()
    assert said[0].startswith("Training ")
    assert any(line.startswith("doubtful features: ") for line in said)  # of tight clouds
    assert (
        "class 'class0' has 4 tracks, too few for kfold:5: by leave-one-group-out one track of "
        "each class is tested at a time, by 4 models"
    ) in said
    assert said[-1].startswith("Next: ")
    known = ("Training ", "doubtful features: ", "class 'class0'", "Next: ")
    assert all(line.startswith(known) or ", 4 folds" in line for line in said)
    assert "20 tracks were tested. With so few, read the interval" in done.stdout
    (board,) = zoo.leaderboard(table)
    assert board.protocol == "leave-one-group-out"
    for row in board.rows:
        assert (row.status, row.tracks, row.groups) == ("complete", 20, 20)
        assert len(row.fold_accuracy) == 4
    assert commanded("runs", "show", board.rows[0].run).stderr == ""


def test_groups_are_left_out_whole(workspace, feature_table):
    table = str(feature_table(classes=2, tracks=9, groups=3, spread=0.1))
    run = zoo.train("logistic", table)
    assert run.record.protocol.spec == "leave-one-group-out"
    assert [fold.test_tracks for fold in run.record.folds] == [6] * 3
    assert zoo.train("logistic", table).id == run.id
    assert verify_run(run, rerun=True) == []
    (board,) = zoo.leaderboard(table)
    assert (board.rows[0].groups, len(board.rows[0].fold_accuracy)) == (6, 3)


def test_a_search_says_if_groups_are_too_few(workspace, feature_table):
    table = str(feature_table(classes=2, tracks=8, groups=4, spread=0.1))
    found = zoo.tune("decision-tree", table, trials=1)
    assert found.record.protocol.spec == "leave-one-group-out"
    assert zoo.train("decision-tree", table, tuned=True).complete
    few = str(feature_table(classes=2, tracks=6, groups=2, spread=0.1, name="few.csv"))
    with pytest.raises(ProtocolError, match="and the search, by kfold:3 of these"):
        zoo.tune("decision-tree", few, trials=1)
    with pytest.raises(ProtocolError, match="and the search, by kfold:3 of these"):
        zoo.train("decision-tree", few, nested=1)
    assert not zoo.leaderboard(few)


def test_two_files_per_class_are_no_trap(workspace, feature_table):
    """An SVM that learns one track of a class and two of the other answers the other."""
    table = str(feature_table(classes=2, tracks=2, spread=0.1))
    zoo.train("svm", table)
    (board,) = zoo.leaderboard(table)
    assert (board.protocol, board.rows[0].accuracy) == ("kfold:2", 1)


def test_a_damaged_file_does_not_stop_it(workspace, make_tones):
    folder = make_tones(workspace / "five", tracks=5, seconds=0.3)
    (folder / "low" / "low00.wav").write_bytes(b"RIFF no more")
    run = zoo.train("decision-tree", str(folder), jobs=1)
    assert run.complete
    assert run.record.protocol.spec == "leave-one-group-out"
    assert len(run.record.skipped) == 1
