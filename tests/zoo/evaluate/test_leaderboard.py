"""Boards rank what can be compared, and drop nothing."""

import csv
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import zoo
from zoo.evaluate.metrics import ACCURACY, METRICS
from zoo.evaluate.side_by_side import no_pair, side_by_side
from zoo.evaluate.significance import Entries, intervals
from zoo.report.latex import boards_latex
from zoo.report.tables import audit_sentences, board_markdown, boards_csv, heading
from zoo.workspace import cache_folder, remove
from zoo_registry.errors import DatasetError, UsageError
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
            assert row.rank_low <= row.rank <= row.rank_high
            for other in (each for each in board.rows if each.run in row.tied_with):
                assert row.run in other.tied_with
    assert [b.protocol for b in zoo.leaderboard(protocol="kfold:5")] == ["kfold:5"] * 2
    with pytest.raises(
        DatasetError,
        match="no dataset 'tabel', and no run of one of that name; the closest is 'table'",
    ):
        zoo.leaderboard(data="tabel")
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
        "complete", "damaged", "failed", "interrupted",
    ]  # fmt: skip


def test_scores_come_from_the_predictions(table):
    run = zoo.train("logistic", table)
    before = zoo.leaderboard()[0].rows[0].accuracy
    text = run.predictions_path.read_text().splitlines()
    run.predictions_path.write_text("\n".join(text[: len(text) // 2]) + "\n")
    (row,) = zoo.leaderboard()[0].rows
    assert (row.status, row.accuracy, row.rank) == ("damaged", None, None)
    edit(run, predictions=hashlib.sha256(run.predictions_path.read_bytes()).hexdigest())
    (row,) = zoo.leaderboard()[0].rows
    assert row.status == "complete"
    assert row.accuracy != before


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
    assert set(board) >= {
        "dataset", "fingerprint", "protocol", "grouped", "audit", "by", "baseline", "rows",
    }  # fmt: skip
    assert set(board["rows"][0]["intervals"]) == {each.key for each in METRICS.values()}
    assert set(board["rows"][0]) >= {
        "rank", "rank_low", "rank_high", "tied_with", "p", "model", "frontend", "run", "status",
        "accuracy", "ci_low", "ci_high", "accuracy_mean", "balanced_accuracy", "macro_f1",
        "log_loss", "top3", "robustness", "fold_accuracy", "train_seconds",
        "predict_ms_per_track", "artefact_bytes", "roc_auc", "calibration_error", "intervals",
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
    assert audit_sentences(None) == ["No leakage check is recorded."]
    counts = {"tested": 18, "any": 0, "conflicts": [], "known": 3, "missing": []}
    (repeated,) = audit_sentences(counts, repeated=True)
    assert repeated == (
        "Leakage check passed: none of 18 tests of a track shares a group, recording or file with "
        "training, as far as these are known."
    )


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
    assert {run for row in zoo.leaderboard()[0].rows for run in row.runs} >= {third.id}
    remove(third.folder)
    assert zoo.leaderboard() == before
    # What is remembered of one question takes the place of what was remembered of it before.
    kinds = sorted(path.parent.name for path in (workspace / "cache").glob("boards-*/*"))
    assert len(kinds) == 1


def test_of_a_great_tie_a_row_names_some(table, monkeypatch):
    for seed in range(4):
        zoo.train("logistic", table, seed=seed)
    rows = zoo.leaderboard(seeds="apart")[0].rows
    names = {row.run for row in rows}
    assert [set(row.tied_with) | {row.run} for row in rows] == [names] * 4
    monkeypatch.setattr("zoo.evaluate.ranked._TIES", 2)
    shutil.rmtree(cache_folder())
    for row in zoo.leaderboard(seeds="apart")[0].rows:
        assert len(row.tied_with) == 2
        assert row.run not in row.tied_with


def wrong_on_the_first(count: int, of: int = 40) -> list[int]:
    """Return answers that miss some of the tracks, all of which are labelled 0."""
    return [1] * count + [0] * (of - count)


def ranks(board) -> list[tuple[str, int | None]]:
    return [(row.run, row.rank) for row in board.rows]


class TestRanks:
    def test_a_rank_is_a_range_that_agrees_with_p(self, write_run):
        """Neighbours differ by four tracks (p 0.125), others by eight (p 0.008) or more."""
        for name, count in (("best-1", 0), ("good-1", 4), ("fair-1", 8), ("poor-1", 12)):
            write_run(name, [0] * 40, wrong_on_the_first(count))
        (board,) = zoo.leaderboard()
        assert [(row.rank, row.rank_low, row.rank_high) for row in board.rows] == [
            (1, 1, 2), (2, 1, 3), (3, 2, 4), (4, 3, 4),
        ]  # fmt: skip
        assert [row.tied_with for row in board.rows] == [
            ("good-1",), ("best-1", "fair-1"), ("good-1", "poor-1"), ("fair-1",),
        ]  # fmt: skip
        assert [row.p and row.p < 0.05 for row in board.rows] == [None, False, True, True]

    @pytest.mark.parametrize(("wrong", "second"), [(5, 1), (6, 2)])
    def test_the_level_is_five_per_cent(self, write_run, wrong, second):
        """Five tracks have p 0.0625 by McNemar's test, six have 0.03125."""
        write_run("better-1", [0] * 40, wrong_on_the_first(0))
        write_run("worse-1", [0] * 40, wrong_on_the_first(wrong))
        (board,) = zoo.leaderboard()
        assert [row.rank_low for row in board.rows] == [1, second]
        assert board.rows[1].p == pytest.approx(2 * 0.5**wrong, rel=0.2)

    def test_one_more_model_moves_no_pair_apart_or_together_by_itself(self, write_run):
        for name, count in (("best-1", 0), ("good-1", 2), ("poor-1", 20)):
            write_run(name, [0] * 40, wrong_on_the_first(count))
        before = {row.run: (row.rank_low, row.rank_high) for row in zoo.leaderboard()[0].rows}
        write_run("copy-1", [0] * 40, wrong_on_the_first(0))
        after = {row.run: (row.rank_low, row.rank_high) for row in zoo.leaderboard()[0].rows}
        assert before == {"best-1": (1, 2), "good-1": (1, 2), "poor-1": (3, 3)}
        assert after["best-1"] == after["good-1"] == (1, 3)

    def test_any_metric_ranks(self, write_run):
        labels = [0] * 36 + [1] * 4
        write_run("common-1", labels, [0] * 40)
        write_run("fair-1", labels, [0] * 30 + [1] * 10)
        for by, first in (("accuracy", "common-1"), ("balanced-accuracy", "fair-1")):
            (board,) = zoo.leaderboard(by=by)
            assert (board.by, board.rows[0].run) == (by, first)
            assert board.baseline["most_frequent"]["accuracy"] == pytest.approx(0.9)
            assert board.baseline["most_frequent"]["balanced_accuracy"] == pytest.approx(0.5)
        assert zoo.leaderboard(by="top3")[0].by == "accuracy"  # two classes have no three
        with pytest.raises(UsageError, match="the closest is accuracy"):
            zoo.leaderboard(by="acuracy")

    def test_of_equal_accuracy_the_better_macro_f1_comes_first(self, write_run):
        labels = [0] * 8 + [1] * 4
        write_run("another-1", labels, [0] * 12)
        write_run("balanced-1", labels, [0] * 5 + [1] * 3 + [1] * 3 + [0])
        (board,) = zoo.leaderboard()
        assert [row.accuracy for row in board.rows] == [pytest.approx(8 / 12)] * 2
        assert [row.run for row in board.rows] == ["balanced-1", "another-1"]

    def test_of_equal_scores_the_name_decides(self, write_run):
        for name in ("b-2", "a-3", "b-1"):
            write_run(name, [0] * 8, [0] * 8)
        assert [run for run, _ in ranks(zoo.leaderboard()[0])] == ["a-3", "b-1", "b-2"]


def test_a_row_shows_the_figures_of_its_run(write_run):
    labels, winners = [0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 2, 1]
    probabilities = np.eye(3)[[0, 1, 1, 1, 1, 1]]
    folds = [{"train_seconds": 2.0, "predict_seconds": 0.25},
             {"train_seconds": 4.0, "predict_seconds": 0.5}]  # fmt: skip
    sha256 = hashlib.sha256(bytes(1234)).hexdigest()
    run = write_run(
        "made-1", labels, winners, probabilities=probabilities, folds=folds, seed=7,
        params={"C": 2.0}, artefact={"file": "model.onnx", "sha256": sha256, "bytes": 1234,
                                     "parity": 0.0, "parity_tracks": 3, "same_winner": 3},
    )  # fmt: skip
    run.artefact_path.write_bytes(bytes(1234))
    (row,) = zoo.leaderboard()[0].rows
    assert (row.model, row.run, row.title, row.status) == ("made", run.id, "Made", "complete")
    assert (row.seed, row.params, row.artefact_bytes, row.tracks) == (7, {"C": 2.0}, 1234, 3)
    assert row.train_seconds == 3.0
    assert row.predict_ms_per_track == pytest.approx(1000 * 0.75 / 6)
    assert row.accuracy == pytest.approx(4 / 6)
    assert row.fold_accuracy == pytest.approx((1.0, 1 / 3))
    assert row.accuracy_mean == pytest.approx(3 / 6)
    assert row.macro_f1 == pytest.approx((1 + 0.5 + 0.5) / 3)


def test_what_a_failed_fold_took_is_not_counted(write_run):
    failed = {"fold": 1, "train_tracks": 20, "test_tracks": 4, "error": "ValueError: no"}
    timed = {"fold": 0, "train_tracks": 20, "test_tracks": 8, "error": None,
             "train_seconds": 3.0, "predict_seconds": 0.4}  # fmt: skip
    run = write_run("made-1", [0] * 8, [0] * 8)
    edit(run, folds=[timed, failed], status="failed", error="fold 1: ValueError: no")
    (row,) = zoo.leaderboard()[0].rows
    assert (row.status, row.rank, row.error) == ("failed", None, "fold 1: ValueError: no")
    assert (row.train_seconds, row.predict_ms_per_track) == (3.0, pytest.approx(50.0))


def edit(run: Run, **changes) -> None:
    path = run.folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


class TestRepeatedSplits:
    """Their intervals and tests depend on how many tracks a fold is trained on."""

    LEARNT = (16, 20, 30)

    @pytest.fixture
    def runs(self, write_run) -> list[Run]:
        folds = [{"train_tracks": count} for count in self.LEARNT]
        return [
            write_run(
                f"{name}-1", [0] * 60, [n >= right for right in hits for n in range(20)],
                folds=folds, protocol={"spec": "holdout:0.3x3", "grouped": True},
            )
            for name, hits in (("better", (16, 18, 17)), ("worse", (11, 12, 13)))
        ]  # fmt: skip

    def test_the_mean_number_of_training_tracks_counts(self, runs):
        predictions = [run.predictions() for run in runs]
        expected = intervals(predictions, np.mean(self.LEARNT))
        (board,) = zoo.leaderboard()
        assert [row.model for row in board.rows] == ["better", "worse"]
        assert [(row.ci_low, row.ci_high) for row in board.rows] == [
            pytest.approx(each) for each in expected
        ]
        assert 0 < expected[1][0] < expected[1][1] < 1
        entries = Entries([[each] for each in predictions], np.mean(self.LEARNT))
        assert board.rows[1].p == pytest.approx(entries.compare(ACCURACY).p[0])
        assert [row.tracks for row in board.rows] == [20, 20]

    def test_another_number_of_training_tracks_is_noticed(self, runs):
        before = zoo.leaderboard()[0].rows[1]
        folds = json.loads((runs[1].folder / "run.json").read_text())["folds"]
        for run in runs:
            edit(run, folds=[fold | {"train_tracks": 5} for fold in folds])
        after = zoo.leaderboard()[0].rows[1]
        assert after.ci_low < before.ci_low < after.accuracy == before.accuracy


def test_a_changed_label_makes_another_board(table):
    zoo.train("decision-tree", table, protocol="kfold:2")
    with Path(table).open(newline="") as file:
        rows = list(csv.reader(file))
    column = rows[0].index("label")
    rows[1][column] = rows[-1][column]
    with Path(table).open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    zoo.train("decision-tree", table, protocol="kfold:2")
    boards = zoo.leaderboard()
    assert [len(board.rows) for board in boards] == [1, 1]
    assert len({board.fingerprint for board in boards}) == 2
    assert len({board.dataset for board in boards}) == 1


def test_the_tracks_that_a_search_has_seen_are_counted_by_their_bytes(write_run):
    seen = [f"{n:016x}" for n in (0, 1, 2, 99)]
    tuned = {"tuning": "made-t", "trials": 3, "seen": seen}
    run = write_run("made-1", [0] * 8, [0] * 8, tuned=tuned)
    write_run("other-1", [0] * 8, [0] * 8)
    rows = {row.run: row for row in zoo.leaderboard()[0].rows}
    assert (rows["made-1"].tuned, rows["made-1"].tuned_on_test) == (True, 3)
    assert (rows["other-1"].tuned, rows["other-1"].tuned_on_test) == (False, 0)
    edit(run, tuned=tuned | {"seen": seen[1:]})
    assert {row.run: row.tuned_on_test for row in zoo.leaderboard()[0].rows}["made-1"] == 2


def test_only_runs_that_differ_in_nothing_but_the_grouping_are_set_side_by_side(write_run):
    ungrouped = {"spec": "kfold:2", "grouped": False}
    counts = {"made-1": (4, {}), "made-2": (8, {"seed": 1}), "made-3": (12, {"params": {"C": 1}})}
    for name, (wrong, changes) in counts.items():
        write_run(name, [0] * 40, wrong_on_the_first(wrong), **changes)
    boards = zoo.leaderboard()
    assert side_by_side(boards) == []
    leak = {"fold": 0, "tested": 40, "group": 10, "recording": 0, "duplicate": 0, "any": 10,
            "missing": []}  # fmt: skip
    audit = {"folds": [leak], "conflicts": [], "known": 40}
    write_run("made-4", [0] * 40, wrong_on_the_first(2), seed=1, protocol=ungrouped, audit=audit)
    (one,) = side_by_side(zoo.leaderboard())
    assert (one.model, one.protocol, one.dataset) == ("made 2 seeds (seed 1)", "kfold:2", "tracks")
    assert (one.grouped, one.ungrouped) == (pytest.approx(0.8), pytest.approx(0.95))
    assert one.difference == pytest.approx(0.15)
    assert one.leakage == pytest.approx(0.25)
    # The fall from fair to flattering is listed by the fair score, the best first.
    write_run("made-5", [0] * 40, wrong_on_the_first(1), protocol=ungrouped, audit=audit)
    apart = zoo.leaderboard(seeds="apart")
    assert [round(each.grouped, 3) for each in side_by_side(apart)] == [0.9, 0.8]
    (mean,) = side_by_side(zoo.leaderboard())
    assert (mean.model, mean.grouped) == ("made 2 seeds", pytest.approx(0.85))
    other = [replace(board, fingerprint="1" * 64) if board.grouped else board
             for board in zoo.leaderboard()]  # fmt: skip
    assert side_by_side(other) == []


def test_protocols_that_keep_both_ways_apart_are_named_with_one_that_suits_both(write_run):
    labels = [0, 0, 0, 0, 1, 1, 1, 1, 1]  # each track is a group
    one_out = {"spec": "leave-one-group-out", "grouped": True}
    write_run("made-1", labels, labels, protocol=one_out)
    assert no_pair(zoo.leaderboard()).startswith("No model was trained both ways; train it")
    write_run("made-2", labels, labels, protocol={"spec": "kfold:5", "grouped": False})
    assert side_by_side(zoo.leaderboard()) == []
    assert no_pair(zoo.leaderboard()) == (
        "No model was trained both ways with one protocol: on tracks groups were kept together "
        "with leave-one-group-out, and split with kfold:5; the same `zoo train` commands, with and "
        "without --ungrouped, with --protocol kfold:4 make them comparable."
    )
    write_run("other-1", labels, labels, protocol={"spec": "kfold:5", "grouped": True})
    assert no_pair(zoo.leaderboard()).startswith("No model was trained both ways; train it")


def test_latex_tells_of_scores_that_are_too_high(write_run):
    leak = {"fold": 0, "tested": 8, "group": 2, "recording": 0, "duplicate": 0, "any": 2,
            "missing": []}  # fmt: skip
    tuned = {"tuning": "made-t", "trials": 3, "seen": [f"{0:016x}"]}
    write_run("made-1", [0] * 8, [0] * 8, tuned=tuned,
              protocol={"spec": "kfold:2", "grouped": False},
              audit={"folds": [leak], "conflicts": [], "known": 8})  # fmt: skip
    write_run("made-2", [0] * 8, [0] * 8)
    fair, leaky = boards = zoo.leaderboard()
    text = boards_latex(boards)
    comments = [line.removeprefix("% ") for line in text.splitlines() if line.startswith("%")]
    assert comments[:3] == ["\\usepackage{booktabs}", heading(fair), heading(leaky)]
    assert "split by track (--ungrouped), 8 tracks" in comments[2]
    assert comments[3] == audit_sentences(leaky.audit)[0]
    assert comments[4].startswith("† The parameters of made were tuned on 1 of the 8 tracks")
    assert len(comments) == 5
