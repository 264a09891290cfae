"""Windows vote: majority first, mean probability where that ties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.evaluate.vote import count_votes, mean_winners, vote_winners


@st.composite
def probabilities(draw, max_windows: int = 9) -> np.ndarray:
    """Return windows of a track; coarse numbers, so that ties are common."""
    shape = draw(st.integers(1, max_windows)), draw(st.integers(2, 5))
    weights = [draw(st.lists(st.integers(0, 4), min_size=shape[1], max_size=shape[1]))
               for _ in range(shape[0])]  # fmt: skip
    raw = np.array(weights, float) + 1e-3
    return raw / raw.sum(axis=1, keepdims=True)


def winner(windows: np.ndarray) -> int:
    votes, mean = count_votes(windows)
    return int(vote_winners(votes[None], mean[None])[0])


@given(probabilities())
def test_counts_and_means(windows):
    votes, mean = count_votes(windows)
    assert votes.dtype == np.int64
    assert mean.dtype == np.float64
    assert votes.sum() == len(windows)
    assert votes.shape == mean.shape == (windows.shape[1],)
    assert mean.sum() == pytest.approx(1)
    np.testing.assert_allclose(mean, windows.mean(axis=0))
    for window in windows:
        assert votes[window.argmax()] >= 1


@given(probabilities(), st.floats(0.9991, 1.0009))
def test_means_sum_to_one_even_where_a_model_rounds(windows, factor):
    votes, mean = count_votes(windows * factor)
    assert mean.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_array_equal(votes, count_votes(windows)[0])


@given(probabilities(), st.randoms())
def test_order_of_windows_does_not_count(windows, rng):
    order = list(range(len(windows)))
    rng.shuffle(order)
    votes, mean = count_votes(windows)
    again, mean_again = count_votes(windows[order])
    np.testing.assert_array_equal(votes, again)
    np.testing.assert_allclose(mean, mean_again, rtol=1e-12)


@given(probabilities(), st.integers(2, 5))
def test_repeating_a_track_changes_no_winner(windows, times):
    assert winner(np.tile(windows, (times, 1))) in near_best(windows)
    votes, _ = count_votes(windows)
    np.testing.assert_array_equal(count_votes(np.tile(windows, (times, 1)))[0], times * votes)


@given(probabilities())
def test_winner_has_most_votes_and_then_the_greatest_mean(windows):
    assert winner(windows) in near_best(windows)


@given(probabilities(), st.randoms())
def test_order_of_classes_does_not_count_unless_all_ties(windows, rng):
    order = list(range(windows.shape[1]))
    rng.shuffle(order)
    # Without ties inside a window, for there the first class gets the vote.
    distinct = windows + np.linspace(0, 1e-4, windows.shape[1])
    if len(near_best(distinct)) == 1:
        assert order[winner(distinct[:, order])] == winner(distinct)


@given(probabilities(max_windows=1))
def test_one_window_decides_alone(windows):
    assert winner(windows) == windows[0].argmax()


@given(st.integers(2, 6), st.data())
def test_majority_wins_against_any_confidence(classes, data):
    favourite, other = data.draw(st.permutations(range(classes)))[:2]
    weak = np.full(classes, 0.99 / classes)
    weak[favourite] += 0.01
    sure = np.eye(classes)[other]
    windows = np.stack([weak, sure, weak])
    votes, mean = count_votes(windows)
    assert winner(windows) == favourite
    assert mean_winners(mean[None])[0] == other
    assert votes[favourite] == 2


def near_best(windows: np.ndarray) -> set[int]:
    """Return the classes that may win: most votes, and among them the greatest mean."""
    votes = np.zeros(windows.shape[1], int)
    for window in windows:
        votes[window.argmax()] += 1
    ahead = [label for label in range(windows.shape[1]) if votes[label] == votes.max()]
    means = windows.mean(axis=0)
    greatest = max(means[label] for label in ahead)
    return {label for label in ahead if means[label] >= greatest - 1e-12}


def test_examples():
    votes = np.array([[2, 2, 0], [2, 2, 0], [0, 0, 3], [1, 1, 1]])
    means = np.array([[0.2, 0.3, 0.5], [0.3, 0.2, 0.5], [0.4, 0.4, 0.2], [0.3, 0.4, 0.3]])
    assert vote_winners(votes, means).tolist() == [1, 0, 2, 1]
    assert mean_winners(means).tolist() == [2, 2, 0, 1]


def test_tie_with_probability_zero_goes_to_none_without_votes():
    assert vote_winners(np.array([[1, 0, 1]]), np.array([[0.0, 1.0, 0.0]])).tolist() == [0]
