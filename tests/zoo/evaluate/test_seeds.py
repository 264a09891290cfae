"""Runs that differ in nothing but their seed, as one row."""

from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo.evaluate.board import Board, Row
from zoo.evaluate.seeds import averaged, by_seed
from zoo.evaluate.side_by_side import side_by_side
from zoo.report.tables import audit_sentences, heading, is_repeated, notes

LABELS, WINNERS = [0, 1, 2] * 4, [0, 1, 1] * 4


@pytest.fixture
def write(write_run):
    """Return a function that writes a run, the same but for what is given."""
    return lambda name, **record: write_run(name, LABELS, WINNERS, **record)


def names(groups) -> list[list[str]]:
    """Return the ids of groups of runs."""
    return [[run.id for run in group] for group in groups]


def test_runs_that_differ_in_the_seed_are_one_group_by_rising_seed(write):
    runs = [write(f"made-{seed}", seed=seed) for seed in (12, 3, 5)]
    assert names(by_seed(runs)) == [["made-3", "made-5", "made-12"]]


@pytest.mark.parametrize(
    "other",
    [
        {"params": {"C": 2.0}},
        {"frontend": {"name": "table", "version": 2, "columns": ["f0"]}},
        {"versions": {"numpy": "1.0"}},
        {"copies": 3},
        {"components": 7},
        {"tuned": {"trials": 3, "seen": [], "tuning": "a"}},
        {"tuned": {"trials": 3, "seen": [], "nested": True, "tuner": "random"}},
    ],
    ids=lambda other: "-".join(map(str, *other.items())),
)
def test_runs_that_differ_in_anything_else_are_apart(write, other):
    runs = [write("made-0"), write("made-1", seed=1, **other)]
    assert names(by_seed(runs)) == [["made-0"], ["made-1"]]


def test_every_seed_may_have_a_search_of_its_own(write):
    searches = [{"trials": 3, "seen": [f"{seed:016x}"], "tuning": f"s{seed}"} for seed in range(2)]
    runs = [write(f"made-{n}", seed=n, tuned=search) for n, search in enumerate(searches)]
    assert names(by_seed(runs)) == [["made-0", "made-1"]]


def test_a_copy_of_a_run_is_a_group_of_its_own(write):
    runs = [write("made-b", seed=1), write("made-a", seed=1), write("made-c", seed=2)]
    assert names(by_seed(runs)) == [["made-a", "made-c"], ["made-b"]]


def row_of(seed: int, accuracy: float = 0.5, status: str = "complete", **figures: Any) -> Row:
    """Return the row of one run."""
    run = f"made-{seed}"
    return Row(
        model="made", run=run, runs=(run,), seed=seed, seeds=(seed,), status=status, tracks=9,
        accuracy=accuracy, seed_accuracy=(accuracy,), **figures,
    )  # fmt: skip


shares = st.floats(0, 1)


@given(st.lists(st.tuples(shares, shares, st.none() | shares), min_size=2, max_size=6))
def test_figures_are_means_over_the_seeds(figures):
    rows = [
        row_of(seed, accuracy, macro_f1=f1, train_seconds=seconds, fold_accuracy=(accuracy, f1))
        for seed, (accuracy, f1, seconds) in enumerate(figures)
    ]
    row = averaged(rows)
    accuracies, f1, seconds = zip(*figures, strict=True)
    assert row.accuracy == pytest.approx(fmean(accuracies))
    assert row.macro_f1 == pytest.approx(fmean(f1))
    known = [value for value in seconds if value is not None]
    assert row.train_seconds == (pytest.approx(fmean(known)) if known else None)
    assert row.spread == pytest.approx(stdev(accuracies))
    assert row.fold_accuracy == tuple(x for pair in zip(accuracies, f1, strict=True) for x in pair)
    assert (row.run, row.seed, row.seeds) == ("made-0", 0, tuple(range(len(rows))))
    assert row.seed_accuracy == accuracies
    assert (row.runs, row.tracks) == (tuple(each.run for each in rows), 9)


def test_the_worst_change_is_that_of_the_means():
    rows = [
        row_of(
            seed, by_change=shares, robustness=0.5, worst_change="quiet", worst_robustness=0.1,
            robustness_tracks=tracks, same_answer=("noise",) * seed,
        )
        for seed, (shares, tracks) in enumerate(
            [({"quiet": 0.1, "noise": 0.3}, 5), ({"quiet": 0.9, "noise": 0.4}, 5), ({}, None)]
        )
    ]  # fmt: skip
    row = averaged(rows)
    assert row.by_change == {"quiet": 0.5, "noise": pytest.approx(0.35)}
    assert (row.worst_change, row.worst_robustness) == ("noise", row.by_change["noise"])
    assert row.robustness == pytest.approx(0.425)
    assert (row.robustness_tracks, row.same_answer) == (5, ("noise",))


def test_a_row_is_named_by_its_first_complete_run():
    states = ("no artefact", "complete", "complete")
    rows = [
        row_of(seed, status=status, error=None if status == "complete" else f"{seed} has none")
        for seed, status in enumerate(states)
    ]
    row = averaged(rows)
    assert (row.run, row.seed, row.runs[0]) == ("made-1", 1, "made-0")
    assert (row.status, row.error) == ("no artefact", "made-0: 0 has none")


def wrong_on_the_first(count: int) -> list[int]:
    """Return answers that miss some of the tracks."""
    return [(label + (place < count)) % 3 for place, label in enumerate(LABELS)]


@pytest.fixture
def seeded(write_run):
    """Return a function that writes a run of a seed that misses so many tracks."""
    return lambda name, wrong, seed, **record: write_run(
        name, LABELS, wrong_on_the_first(wrong), seed=seed, **record
    )


def test_a_board_has_one_row_of_several_seeds_or_each_apart(seeded):
    for seed, wrong in enumerate((1, 2, 6)):
        seeded(f"made-{seed}", wrong, seed)
    seeded("other-1", 4, 1)
    (board,) = zoo.leaderboard()
    made, other = board.rows
    assert (made.run, made.seed, made.status) == ("made-0", 0, "complete")
    assert (made.seeds, made.runs) == ((0, 1, 2), ("made-0", "made-1", "made-2"))
    assert made.seed_accuracy == pytest.approx((11 / 12, 10 / 12, 6 / 12))
    assert made.accuracy == pytest.approx(9 / 12)
    assert made.spread == pytest.approx(stdev(made.seed_accuracy))
    assert made.ci_low < made.accuracy < made.ci_high
    assert (other.seeds, other.runs, other.spread) == ((1,), ("other-1",), None)
    assert [board.name(row) for row in board.rows] == ["made 3 seeds", "other"]
    assert (made.rank, other.rank, made.tied_with) == (1, 2, ("other-1",))
    (apart,) = zoo.leaderboard(seeds="apart")
    assert [row.run for row in apart.rows] == ["made-0", "made-1", "other-1", "made-2"]
    assert [row.spread for row in apart.rows] == [None] * 4
    named = ["made seed 0", "made seed 1", "other", "made seed 2"]
    assert [apart.name(row) for row in apart.rows] == named
    assert zoo.leaderboard() == [board]


def test_seeds_without_scores_are_listed_beside_the_row_of_the_others(seeded):
    seeded("made-0", 1, 0, status="failed", error="no memory is left", predictions=None)
    seeded("made-1", 1, 1)
    seeded("made-2", 3, 2)
    (board,) = zoo.leaderboard()
    scored, failed = board.rows
    assert (scored.run, scored.seeds, scored.all_seeds) == ("made-1", (1, 2), (0, 1, 2))
    assert (failed.run, failed.seeds, failed.rank) == ("made-0", (0,), None)
    assert failed.error == "no memory is left"
    assert [board.name(row) for row in board.rows] == ["made 2 of 3 seeds", "made seed 0"]


def test_the_only_seed_with_scores_is_named(seeded):
    seeded("made-0", 1, 0)
    seeded("made-1", 1, 1, status="running")
    (board,) = zoo.leaderboard()
    assert [board.name(row) for row in board.rows] == ["made seed 0", "made seed 1"]
    assert board.rows[0].spread is None


def test_a_damaged_seed_does_not_count(seeded):
    runs = [seeded(f"made-{seed}", 1, seed) for seed in range(3)]
    runs[1].predictions_path.write_text("lost")
    rows = {row.run: row for row in zoo.leaderboard()[0].rows}
    assert rows["made-0"].seeds == (0, 2)
    assert (rows["made-1"].status, rows["made-1"].rank) == ("damaged", None)


def test_more_seeds_make_other_figures_at_once(seeded):
    for seed in range(3):
        seeded(f"made-{seed}", seed, seed)
        ((row,),) = [board.rows for board in zoo.leaderboard()]
        assert row.accuracy == pytest.approx(1 - seed / 24)


UNGROUPED = {"spec": "kfold:2", "grouped": False}


def test_seeds_that_both_have_are_set_side_by_side(seeded):
    for seed, wrong in enumerate((2, 4, 6)):
        seeded(f"made-{seed}", wrong, seed)
        seeded(f"made-1{seed}", 0, seed + 1, protocol=UNGROUPED)
    for seeds in ("together", "apart"):
        found = side_by_side(zoo.leaderboard(seeds=seeds))
        assert fmean(each.grouped for each in found) == pytest.approx(1 - 5 / 12)
        assert {each.ungrouped for each in found} == {1.0}
        assert len(found) == (1 if seeds == "together" else 2)


def test_the_error_of_a_row_names_its_run(write_run):
    for seed in (0, 1):
        run = write_run(f"svm-{seed}", [0, 1] * 4, [0, 1] * 4, seed=seed)
    run.card_path.unlink()
    ((row,),) = (board.rows for board in zoo.leaderboard())
    assert (row.run, row.runs) == ("svm-0", ("svm-0", "svm-1"))
    assert row.problem.startswith("svm-1: README.md of ")


def test_what_seeds_have_tested_is_counted_together(feature_table):
    """Seeds of a holdout test different tracks: heading, few groups and audit know of all."""
    table = str(feature_table(tracks=12, groups=12))
    runs = [zoo.train("decision-tree", table, protocol="holdout:0.3", seed=n) for n in range(3)]
    parts = [run.predictions() for run in runs]
    tracks = len({track for part in parts for track in part.tracks})
    tests = sum(map(len, parts))
    assert len(parts[0]) < tracks < tests
    for seeds, of_row in (("together", tracks), ("apart", len(parts[0]))):
        (board,) = zoo.leaderboard(seeds=seeds)
        assert (board.tracks, board.audit["tested"], board.audit["splits"]) == (tracks, tests, 3)
        assert {row.tracks for row in board.rows} == {of_row}
        assert f", {tracks} tracks" in heading(board)
        (audit, *_) = audit_sentences(board.audit, is_repeated(board))
        assert f"none of {tests} tests of a track" in audit
        few = [sentence for sentence in notes(board) if "With so few" in sentence]
        assert [f"{of_row} tracks" in sentence for sentence in few] == [True]
        assert ("by one run" in few[0]) == (seeds == "apart")


def test_seeds_of_one_split_are_not_counted_twice(seeded):
    audit = audit_of(leaking=0)
    for seed in range(3):
        seeded(f"made-{seed}", 1, seed, audit=audit)
    (board,) = zoo.leaderboard()
    assert (board.tracks, board.audit["tested"], board.audit["splits"]) == (12, 12, 1)
    assert not is_repeated(board)


def audit_of(leaking: int) -> dict[str, Any]:
    """Return the audit of a split with so many tracks that are not new."""
    fold = {"fold": 0, "tested": 12, "group": leaking, "recording": 0, "duplicate": 0,
            "any": leaking, "missing": []}  # fmt: skip
    return {"folds": [fold], "conflicts": [], "known": 12}


def test_seeds_that_fall_on_two_boards_are_named_on_both(seeded):
    for seed in range(4):
        seeded(f"made-{seed}", 1, seed, audit=audit_of(leaking=int(seed == 2)), protocol=UNGROUPED)
    seeded("other-5", 1, 5, audit=audit_of(leaking=1), protocol=UNGROUPED)  # has no seed elsewhere
    clean, leaky = zoo.leaderboard()
    assert clean.name(clean.rows[0]) == "made 3 of 4 seeds"
    assert [row.all_seeds for row in clean.rows] == [(0, 1, 2, 3)]
    assert [text for text in notes(clean) if "another board" in text] == [
        "Seed 2 of the same models is on another board: with it, tested tracks share something "
        "known with training."
    ]
    assert [text for text in notes(leaky) if "another board" in text] == [
        "Seeds 0, 1 and 3 of the same models are on another board: with them, no tested track "
        "shares anything known with training."
    ]
    assert heading(clean) != heading(leaky)


def test_means_over_seeds_are_told_under_the_name_of_the_row():
    figures = {"other_rejected": 0.5, "other_tracks": 4, "same_answer": ("8-khz",)}
    figures |= {"tuned_on_test": 3, "failed_changes": {"mp3": 5}}
    row = averaged([row_of(seed, **figures) for seed in range(2)])
    told = " ".join(
        notes(Board("d", "", "kfold:5", True, None, (replace(row, name="made 2 seeds"),)))
    )
    assert "made-0" not in told
    assert told.count("made 2 seeds") == 4
