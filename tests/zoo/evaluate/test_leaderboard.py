"""Boards rank what can be compared, and drop nothing."""

import json
from pathlib import Path

import pytest

import zoo
from zoo.evaluate.leaderboard import side_by_side
from zoo.report.tables import audit_sentences, board_markdown, boards_csv
from zoo.workspace import remove
from zoo_registry.runs import Run


@pytest.fixture
def table(feature_table) -> str:
    return str(feature_table(classes=4, tracks=20, groups=5, spread=1.4))


def test_runs_of_one_dataset_and_protocol_share_a_board(table):
    for model in ("logistic", "decision-tree"):
        zoo.train(model, table)
        zoo.train(model, table, grouped=False)
    zoo.train("logistic", table, protocol="holdout:0.3x3")
    boards = zoo.leaderboard()
    assert [(b.protocol, b.grouped, len(b.rows)) for b in boards] == [
        ("holdout:0.3x3", True, 1),
        ("kfold:5", True, 2),
        ("kfold:5", False, 2),
    ]
    for board in boards:
        ranks = [row.rank for row in board.rows]
        assert ranks == sorted(ranks)
        assert ranks[0] == 1
        for row in board.rows:
            assert row.ci_low <= row.accuracy <= row.ci_high
            for other in row.tied_with:
                assert {r.rank for r in board.rows if r.run == other} == {row.rank}
    assert [b.protocol for b in zoo.leaderboard(protocol="kfold:5")] == ["kfold:5"] * 2
    assert zoo.leaderboard(data="elsewhere.csv") == []
    assert len(side_by_side(boards)) == 2


def test_failed_incomplete_and_damaged_runs_are_listed_and_never_ranked(table):
    good = zoo.train("logistic", table)
    others = [zoo.train("decision-tree", table, seed=seed) for seed in (0, 1, 2)]
    states = ["failed", "running"]
    for run, status in zip(others, states, strict=False):
        path = run.folder / "run.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"status": status}))
    others[2].predictions_path.write_text("nonsense")
    (board,) = zoo.leaderboard()
    assert [(row.run, row.rank) for row in board.rows if row.rank] == [(good.id, 1)]
    assert sorted(row.status for row in board.rows) == [
        "complete", "failed", "failed", "incomplete",
    ]  # fmt: skip


def test_scores_come_from_the_predictions(table):
    run = zoo.train("logistic", table)
    before = zoo.leaderboard()[0].rows[0].accuracy
    text = run.predictions_path.read_text().splitlines()
    run.predictions_path.write_text("\n".join(text[: len(text) // 2]) + "\n")
    assert zoo.leaderboard()[0].rows[0].accuracy != before


def test_every_format_is_the_same_to_the_byte(table):
    zoo.train("logistic", table)
    zoo.train("decision-tree", table)
    one = zoo.leaderboard()
    for path in Path("cache").rglob("*.json"):
        path.unlink()
    other = zoo.leaderboard()
    assert boards_csv(one) == boards_csv(other)
    assert [board_markdown(b) for b in one] == [board_markdown(b) for b in other]
    assert json.dumps([b.to_json() for b in one]) == json.dumps([b.to_json() for b in other])


def test_the_keys_that_others_rely_on(table):
    zoo.train("logistic", table)
    board = zoo.leaderboard()[0].to_json()
    assert set(board) >= {"dataset", "fingerprint", "protocol", "grouped", "audit", "rows"}
    assert set(board["rows"][0]) >= {
        "rank", "tied_with", "model", "run", "status", "accuracy", "ci_low", "ci_high",
        "accuracy_mean", "macro_f1", "fold_accuracy", "train_seconds", "predict_ms_per_track",
        "artefact_bytes",
    }  # fmt: skip


def test_leaky_and_clean_runs_never_share_a_board(table):
    run = zoo.train("logistic", table, protocol="kfold:4", grouped=False)
    clean = zoo.train("logistic", table, protocol="kfold:4")
    # Even if a record pretends that the split was grouped, its audit tells.
    path = run.folder / "run.json"
    data = json.loads(path.read_text())
    data["protocol"]["grouped"] = True
    path.write_text(json.dumps(data))
    boards = zoo.leaderboard(protocol="kfold:4")
    assert [[row.run for row in board.rows] for board in boards] == [[clean.id], [run.id]]
    assert Run.read(run.folder).record.protocol.grouped


def test_the_audit_speaks():
    assert audit_sentences(None) == ["Audit: none recorded."]


def test_what_has_not_changed_is_not_read(table, monkeypatch, workspace):
    zoo.train("logistic", table)
    zoo.train("decision-tree", table, seed=1)
    before = zoo.leaderboard()

    def refuse(folder):
        raise AssertionError(folder)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "read", refuse)
        assert zoo.leaderboard() == before
    third = zoo.train("decision-tree", table)
    assert len(zoo.leaderboard()[0].rows) == 3
    remove(third)
    assert zoo.leaderboard() == before
    # What is remembered of one question takes the place of what was remembered of it before.
    kinds = sorted(path.parent.name for path in (workspace / "cache").glob("boards-*/*"))
    assert len(kinds) == len(set(kinds)) == 2


def test_of_a_great_tie_a_row_names_some(table, monkeypatch):
    for seed in range(4):
        zoo.train("logistic", table, seed=seed)
    names = {row.run for row in zoo.leaderboard()[0].rows}
    assert [set(row.tied_with) | {row.run} for row in zoo.leaderboard()[0].rows] == [names] * 4
    monkeypatch.setattr("zoo.evaluate.leaderboard._TIES", 2)
    for row in zoo.leaderboard()[0].rows:
        assert len(row.tied_with) == 2
        assert row.run not in row.tied_with
