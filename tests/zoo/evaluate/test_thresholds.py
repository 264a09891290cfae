"""Confidence thresholds: shares are those of the predictions, and what is chosen keeps them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from zoo.evaluate.thresholds import FEWEST, Threshold, Thresholds, choose, thresholds
from zoo.evaluate.vote import vote_winners
from zoo_registry.errors import UsageError
from zoo_registry.predictions import Predictions


def predictions(count: int, seed: int = 0, classes: int = 3, repeats: int = 1) -> Predictions:
    """Return answers that are right as often as they are sure."""
    rng = np.random.default_rng(seed)
    means = rng.dirichlet(np.full(classes, 0.5), count * repeats)
    labels = np.array([rng.choice(classes, p=row) for row in means])
    tracks = tuple(f"t{n % count}" for n in range(count * repeats))
    votes = rng.multinomial(5, np.full(classes, 1 / classes), count * repeats)
    return Predictions(
        tuple("abcdef"[:classes]), tracks, labels, np.zeros(len(labels), np.int64), tracks,
        np.arange(len(labels)), votes, means,
    )  # fmt: skip


@given(st.integers(1, 400), st.integers(0, 99), st.integers(1, 2))
@settings(max_examples=50, deadline=None)
def test_shares_are_those_of_the_answers(count, seed, repeats):
    known = predictions(count, seed, repeats=repeats)
    table = thresholds(known)
    assert table.tracks == count
    assert len(table.confidence) <= 100
    assert table.confidence == sorted(set(table.confidence), reverse=True)
    assert table.answered[-1] == 1
    winners = vote_winners(known.votes, known.probabilities)
    sure = known.probabilities[np.arange(len(winners)), winners]
    for least, right, answered in zip(table.confidence, table.right, table.answered, strict=True):
        kept = sure >= least
        assert answered == pytest.approx(kept.mean(), abs=1e-6)
        assert right == pytest.approx((winners == known.labels)[kept].mean(), abs=1e-6)


@given(st.integers(20, 300), st.integers(0, 99), st.floats(0.01, 1))
@settings(max_examples=50, deadline=None)
def test_the_least_confidence_that_is_right_so_often_is_chosen(count, seed, share):
    table = thresholds(predictions(count, seed))
    entries = list(zip(table.confidence, table.right, table.answered, strict=True))
    reached = [c for c, right, n in entries if right >= share and round(n * count) >= FEWEST]
    if reached:
        chosen = choose(table, share, "svm")
        assert chosen.confidence == min(reached)
        assert f"of {chosen.tracks} out-of-fold answers were right" in chosen.sentence
    else:
        with pytest.raises(UsageError, match=r"^no confidence of svm makes .* at best "):
            choose(table, share, "svm")


def test_few_tracks_have_no_threshold():
    with pytest.raises(UsageError, match="svm was tested on 19 tracks, too few"):
        choose(thresholds(predictions(19)), 0.1, "svm")


def test_a_share_that_is_not_reached_names_the_highest():
    table = Thresholds(
        tracks=100, confidence=[0.9, 0.8, 0.3], right=[1.0, 0.85, 0.6], answered=[0.1, 0.3, 1.0]
    )
    with pytest.raises(UsageError) as error:
        choose(table, 0.9, "svm")
    assert str(error.value) == (
        "no confidence of svm makes 90 % of its answers right: out of fold, at best 85.0 % of 30 "
        "answers were, at 0.8 or more; ask for less with --precision"
    )
    assert choose(table, 0.85, "svm").confidence == 0.8


@given(st.integers(FEWEST, 500), st.data())
def test_how_sure_a_share_is(count, data):
    right = data.draw(st.integers(0, count))
    chosen = Threshold(0.5, right / count, 1.0, count)
    low, high = proportion_confint(right, count, method="wilson")
    assert chosen.interval == pytest.approx((low, high), abs=1e-9)
    said = f"were right (95 % interval {100 * low:.0f} to {100 * high:.0f} %), and"
    assert said in chosen.sentence
