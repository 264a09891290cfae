"""Which tracks go wrong, for whom, and which labels are in doubt."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.evaluate.error_analysis import align, doubtful_labels, hardest, only_right
from zoo.evaluate.vote import vote_winners
from zoo_registry.predictions import Predictions


def predictions(
    probabilities, labels, tracks=None, classes=("x", "y", "z"), folds=None, votes=None
):
    probabilities = np.asarray(probabilities, np.float64)
    rows = len(probabilities)
    tracks = tuple(tracks or (f"track{n:03d}" for n in range(rows)))
    return Predictions(
        classes=classes,
        tracks=tracks,
        labels=np.asarray(labels, np.int64),
        folds=np.zeros(rows, np.int64) if folds is None else np.asarray(folds),
        digests=tuple(f"digest of {track}" for track in tracks),
        groups=np.arange(rows),
        votes=np.eye(len(classes), dtype=np.int64)[
            probabilities.argmax(axis=1) if votes is None else votes
        ],
        probabilities=probabilities,
    )


def surely(*winners, sure=0.8):
    others = (1 - sure) / 2
    return [[sure if n == winner else others for n in range(3)] for winner in winners]


def test_a_track_that_is_tested_again_is_judged_by_all_its_votes():
    its = predictions(
        surely(0, 1) + surely(1, sure=0.9), [0, 1, 0], ["a", "b", "a"], folds=[0, 0, 1]
    )
    found = align({"run": its})
    assert found.tracks == ("a", "b")
    assert found.digests == ("digest of a", "digest of b")
    assert found.votes[0, 0].tolist() == [1, 1, 0]
    assert found.probabilities[0, 0] == pytest.approx([0.425, 0.5, 0.075])
    assert found.winners.tolist() == [[1, 1]]


def test_the_vote_says_what_is_right_and_the_mean_which_label_is_in_doubt():
    """Two tracks whose vote and mean differ, one of them right by each."""
    its = predictions(surely(1, 0, 1, 0), [0, 1, 1, 0], votes=[0, 0, 1, 0])
    found = align({"run": its})
    assert found.winners.tolist() == [[0, 0, 1, 0]]
    assert found.right.tolist() == [[True, False, True, True]]
    assert found.wrong.tolist() == [[False, True, False, False]]
    assert hardest(found) == [1]
    # Of both the label is improbable, whatever was voted.
    assert [(doubt.track, doubt.suggested) for doubt in doubtful_labels(found)] == [(0, 1), (1, 0)]


def test_runs_need_not_have_tested_the_same_tracks_nor_known_the_same_classes():
    one = predictions(surely(0, 1), [0, 0], ["a", "b"])
    other = predictions([[0.2, 0.8]], [1], ["c"], classes=("w", "z"))
    found = align({"one": one, "other": other})
    assert found.classes == ("w", "x", "y", "z")
    assert [found.classes[label] for label in found.labels] == ["x", "x", "z"]
    assert found.tested.tolist() == [[True, True, False], [False, False, True]]
    assert found.right.tolist() == [[True, False, False], [False, False, True]]
    assert found.wrong.tolist() == [[False, True, False], [False, False, False]]
    assert hardest(found) == [1]
    assert only_right(found).tolist() == [[0, 0], [0, 0]]


def test_the_hardest_come_first():
    labels = [0, 0, 0, 0]
    runs = {
        "a": predictions(surely(0, 1, 1, 1), labels),
        "b": predictions(surely(0, 1, 1, 1, sure=0.95), labels),
        "c": predictions(surely(1, 0, 1, 1)[:3] + surely(1, sure=0.99), labels),
    }
    assert hardest(align(runs)) == [3, 2, 1]


def test_a_wrong_label_is_found_and_a_right_one_is_not():
    rng = np.random.default_rng(0)
    truth = rng.integers(3, size=90)
    labels = truth.copy()
    labels[7] = (truth[7] + 1) % 3
    runs = {}
    for name in ("a", "b", "c"):
        noise = rng.dirichlet(np.ones(3), size=90)
        noise[7] = np.eye(3)[truth[7]]
        runs[name] = predictions(0.7 * np.eye(3)[truth] + 0.3 * noise, labels)
    found = doubtful_labels(align(runs))
    assert [(doubt.track, doubt.suggested) for doubt in found] == [(7, truth[7])]
    assert (found[0].agreeing, found[0].runs) == (3, 3)
    assert found[0].probability > 0.5 > found[0].labelled


def test_one_run_that_holds_with_the_label_takes_the_doubt_away():
    labels = [0] * 4 + [1] * 4
    wrong = predictions(surely(1, 0, 0, 0, 1, 1, 1, 1), labels)
    right = predictions(surely(0, 0, 0, 0, 1, 1, 1, 1), labels)
    assert [doubt.track for doubt in doubtful_labels(align({"a": wrong}))] == [0]
    assert doubtful_labels(align({"a": wrong, "b": right})) == []


def test_being_wrong_without_confidence_is_no_doubt():
    labels = [0] * 4 + [1] * 4
    unsure = surely(1, sure=0.4) + surely(0, 0, 0, 1, 1, 1, 1)
    assert doubtful_labels(align({"a": predictions(unsure, labels)})) == []


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 25), count=st.integers(1, 4))
def test_against_the_definitions(seed, rows, count):
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=rows)
    runs = {
        f"run{n}": predictions(rng.dirichlet(np.ones(3) / 2, rows), labels) for n in range(count)
    }
    found = align(runs)
    right = {
        name: vote_winners(its.votes, its.probabilities) == labels for name, its in runs.items()
    }
    for (i, one), (j, other) in permutations(enumerate(runs), 2):
        assert only_right(found)[i, j] == sum(right[one] & ~right[other])
    misses = sum(~hits for hits in right.values())
    assert sorted(hardest(found)) == [t for t in range(rows) if misses[t] / count > 0.5]
    assert misses[hardest(found)].tolist() == sorted(misses[hardest(found)], reverse=True)
    doubted = set(range(rows))
    for its in runs.values():
        p = its.probabilities
        usual = [p[labels == c, c].mean() if (labels == c).any() else np.inf for c in range(3)]
        for track in range(rows):
            claimed = [c for c in range(3) if p[track, c] >= usual[c]]
            if not claimed or max(claimed, key=lambda c: p[track, c]) == labels[track]:
                doubted.discard(track)
    assert {doubt.track for doubt in doubtful_labels(found)} == doubted
    margins = [doubt.probability - doubt.labelled for doubt in doubtful_labels(found)]
    assert margins == sorted(margins, reverse=True)
