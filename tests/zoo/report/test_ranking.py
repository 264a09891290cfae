"""What a board says in words agrees with its ranks, and with the answers that hear nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from zoo.evaluate.board import TITLES, Board, Row, metric_key
from zoo.report.ranking import interval_cell, p_cell, rank_cell, ranking
from zoo.report.tables import board_markdown, boards_csv


@pytest.fixture
def board(write_run):
    """Return a function that makes a board of models that are wrong on so many of 40 tracks."""

    def make(by: str = "accuracy", labels=(0,) * 20 + (1,) * 20, **wrong: int):
        for name, count in wrong.items():
            answers = np.array(labels)
            answers[:count] = 1 - answers[:count]
            write_run(f"{name}-1", list(labels), answers.tolist())
        (made,) = zoo.leaderboard(by=by)
        return made

    return make


def test_one_model_needs_no_rank_in_words(board):
    assert len(ranking(board(one=3))) == 1


def test_the_best_is_named_where_the_tracks_tell(board):
    first, *_ = ranking(board(good=0, poor=12, worse=20))
    assert "best is good" in first
    assert "each of the others" in first


def test_all_that_may_be_the_best_are_named(board):
    made = board(good=0, fair=3, poor=20)
    first, *_ = ranking(made)
    assert "one of 2" in first
    assert "good, fair" in first
    assert [rank_cell(row) for row in made.rows] == ["1-2", "1-2", "3"]
    assert p_cell(made.rows[0]) == ""
    assert p_cell(made.rows[2]) == "<.001"


def test_a_tie_of_all_is_said(board):
    first, second, *_ = ranking(board(good=0, same=0))
    assert "do not tell which of the 2 models is the best" in first
    assert "p:" not in second  # no row has one


@pytest.mark.parametrize("by", TITLES)
def test_every_metric_has_its_cells_and_its_baseline(board, by):
    made = board(by, good=2, poor=15)
    if by == "top3":  # two classes have no three
        assert made.by == "accuracy"
    assert made.rows[0].model == "good"
    low, _, high = interval_cell(made.rows[0], made).partition("-")
    assert float(low) <= getattr(made.rows[0], made.key) <= float(high)
    assert (by == "calibration-error") != any("Baseline" in each for each in ranking(made))
    if made.by != "accuracy":
        assert f"best by {TITLES[by]}" in ranking(made)[0]
        assert TITLES[by] in board_markdown(made).splitlines()[2]


def test_answers_that_are_no_better_than_the_most_frequent_one(board):
    labels = (0,) * 36 + (1,) * 4
    always = ranking(board(labels=labels, one=0))
    assert "'a' gives .900" in always[0]
    assert "no model" not in always[0].casefold()


def test_a_model_that_always_says_the_same_is_not_shown_to_be_better(write_run):
    write_run("lazy-1", [0] * 36 + [1] * 4, [0] * 40)
    (baseline,) = ranking(zoo.leaderboard()[0])
    assert "No model is shown to be better" in baseline


@pytest.mark.parametrize("by", ["accuracy", "log-loss"])
def test_a_best_score_that_is_worse_than_the_baseline_is_said(board, by):
    labels = (0,) * 36 + (1,) * 4
    *_, baseline = ranking(board(by, labels=labels, one=8, other=12))
    assert "No model is shown to be better than that; even the best score" in baseline
    assert "is worse" in baseline


def shares_of(by: str, *intervals: tuple[float, float]) -> str:
    """Return the baseline sentence of models with these intervals; the baseline is .5."""
    key = metric_key(by)
    rows = tuple(
        Row(
            rank=number, rank_low=1, rank_high=len(intervals), model="m", run=f"m-{number}",
            status="complete", intervals={key: ends}, **{key: sum(ends) / 2},
        )
        for number, ends in enumerate(intervals, 1)
    )  # fmt: skip
    answers = {"most_frequent": {"label": "a", key: 0.5}, "stratified": {key: 0.5}}
    board = Board("d", "", "kfold:5", True, None, rows, by=by, baseline=answers)
    return ranking(board)[-1]


@given(
    st.sampled_from([by for by in TITLES if by != "calibration-error"]),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted).map(tuple), min_size=1),
)
def test_no_model_is_better_exactly_if_no_interval_lies_beyond_the_baseline(by, intervals):
    is_loss = by == "log-loss"
    ordered = sorted(intervals, key=sum, reverse=not is_loss)
    beyond = [high < 0.5 if is_loss else low > 0.5 for low, high in ordered]
    sentence = shares_of(by, *ordered)
    assert ("No model is shown to be better" in sentence) == (not any(beyond))
    best = sum(ordered[0]) / 2
    if abs(best - 0.5) > 1e-6:
        assert ("even the best" in sentence) == (best > 0.5 if is_loss else best < 0.5)


def test_a_later_model_may_be_the_one_that_is_shown_to_be_better():
    assert "No model" not in shares_of("accuracy", (0.4, 0.9), (0.55, 0.7))


def test_an_interval_that_holds_all_losses_is_unknown():
    row = Row(model="m", run="m-1", status="complete", intervals={"log_loss": (0.0, math.inf)})
    board = Board("d", "", "predefined", True, None, (row,), by="log-loss")
    assert interval_cell(row, board) == "unknown"
    assert "inf" not in boards_csv([board])


def test_rows_of_different_seeds_are_said_to_differ_by_the_split(write_run):
    labels = [0] * 20 + [1] * 20
    for name, seed in (("svm-a", 0), ("svm-b", 1), ("svm-c", 2), ("knn-a", 0), ("tree-a", 0)):
        write_run(name, labels, labels[::-1] if name == "tree-a" else labels, seed=seed)
    said = (
        "svm is the mean over 3 seeds; the others are of seed 0 alone, and every seed has its own"
    )
    assert sum(said in each for each in ranking(zoo.leaderboard()[0])) == 1
    apart = ranking(zoo.leaderboard(seeds="apart")[0])
    assert sum("The rows are of different seeds" in each for each in apart) == 1


FIXED = {"spec": "predefined", "grouped": True}


def test_rows_of_the_same_seeds_need_no_word_on_them(write_run):
    for name, seed in (("svm-a", 0), ("svm-b", 1), ("knn-a", 0), ("knn-b", 1)):
        write_run(name, [0, 1] * 8, [0, 1] * 8, seed=seed, protocol=FIXED)
    assert not any("seed 0" in each for each in ranking(zoo.leaderboard()[0]))
    apart = ranking(zoo.leaderboard(seeds="apart")[0])
    assert any("scores also differ by the seed" in each for each in apart)
