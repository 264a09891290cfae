"""What a board says in words agrees with its ranks, and with the answers that hear nothing."""

import numpy as np
import pytest

import zoo
from zoo.evaluate.board import TITLES
from zoo.report.ranking import interval_cell, p_cell, rank_cell, ranking
from zoo.report.tables import board_markdown


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
