"""Ensembles from predictions: weights that have not seen what they are tested on."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.evaluate.ensemble import combined, combined_changes, in_order, weigh
from zoo.evaluate.vote import mean_winners
from zoo_registry.predictions import OTHER, ChangedPredictions, Predictions

CLASSES = ("a", "b", OTHER)


def answers(seed=0, tracks=60, folds=3, repeats=1, skill=2.0, per_group=2) -> Predictions:
    """Return random answers, right the more often the greater `skill` is."""
    rng = np.random.default_rng([seed, tracks])
    place = np.tile(np.arange(tracks), repeats)
    labels = place // per_group % len(CLASSES)
    scores = rng.normal(size=(len(place), len(CLASSES))) + skill * np.eye(len(CLASSES))[labels]
    powers = np.exp(scores)
    means = powers / powers.sum(axis=1, keepdims=True)
    turn = np.arange(len(place)) // tracks
    return Predictions(
        CLASSES,
        tuple(f"t{n}" for n in place),
        labels,
        place // per_group % folds + folds * turn,
        tuple(f"{n:016x}" for n in place),
        place // per_group,
        np.eye(len(CLASSES), dtype=np.int64)[means.argmax(axis=1)],
        means,
    )


def loss(weights, members) -> float:
    rows = np.arange(len(members[0]))
    right = np.stack([each.probabilities[rows, each.labels] for each in members])
    return float(-np.log(np.asarray(weights) @ right).mean())


@given(seed=st.integers(0, 99), skills=st.lists(st.floats(-1, 4), min_size=2, max_size=4))
def test_fitted_weights_are_convex_and_no_others_lose_less(seed, skills):
    members = [answers(seed + 100 * n, skill=skill) for n, skill in enumerate(skills)]
    found = weigh(members, "fit", grouped=True)
    for each in (*found.of_parts, found.whole):
        assert (each >= 0).all()
        assert each.sum() == pytest.approx(1, abs=1e-12)
    own = loss(found.whole, members)
    rivals = [*np.eye(len(members)), *np.random.default_rng(seed).dirichlet([1] * len(members), 20)]
    assert own <= min(loss(rival, members) for rival in rivals) + 1e-4


@given(
    seed=st.integers(0, 99),
    fold=st.integers(0, 2),
    repeats=st.integers(1, 2),
    grouped=st.booleans(),
    folds=st.sampled_from([1, 3]),
)
def test_what_is_tested_does_not_change_its_weights(seed, fold, repeats, grouped, folds):
    """Neither the tested tracks, in any repeat, nor their groups are learnt from."""
    members = [answers(seed + 100 * n, repeats=repeats, folds=folds, skill=n + 1) for n in (0, 1)]
    before = weigh(members, "fit", grouped)
    part = fold % len(before.of_parts)
    tested = before.parts == part
    units = members[0].groups if grouped else np.array(members[0].tracks)
    touched = np.isin(units, units[tested])
    turned = [
        replace(each, probabilities=np.where(touched[:, None], 1 / 3, each.probabilities))
        for each in members
    ]
    # It is wrong all of a sudden, as well.
    turned[0] = replace(turned[0], probabilities=np.roll(members[0].probabilities, 1, axis=1))
    turned[0].probabilities[~touched] = members[0].probabilities[~touched]
    after = weigh(turned, "fit", grouped)
    assert after.of_parts[part].tolist() == before.of_parts[part].tolist()


def test_equal_weights_give_the_mean_and_one_vote():
    members = [answers(n) for n in range(3)]
    found = combined(members, weigh(members, "mean", grouped=True))
    mean = np.mean([each.probabilities for each in members], axis=0)
    np.testing.assert_allclose(found.probabilities, mean)
    assert found.votes.sum(axis=1).tolist() == [1] * len(found)
    assert found.votes.argmax(axis=1).tolist() == mean_winners(mean).tolist()


def test_each_fold_is_answered_with_its_own_weights():
    members = [answers(n, skill=n) for n in range(2)]
    weights = weigh(members, "fit", grouped=True)
    assert len({*map(tuple, weights.of_parts.tolist())}) > 1
    found = combined(members, weights)
    for row in (0, 17, 59):
        own = weights.of_parts[members[0].folds[row]]
        expected = own @ [each.probabilities[row] for each in members]
        np.testing.assert_allclose(found.probabilities[row], expected)


def test_few_tracks_have_equal_weights():
    members = [answers(n, tracks=18, skill=4 * n) for n in range(2)]
    assert weigh(members, "fit", grouped=True).whole.tolist() == [0.5, 0.5]


def test_classes_in_another_order_are_the_same_answers():
    own = answers()
    other = in_order(own, (OTHER, "b", "a"))
    assert [other.classes[n] for n in other.labels] == [own.classes[n] for n in own.labels]
    np.testing.assert_array_equal(other.probabilities[:, 2], own.probabilities[:, 0])
    assert in_order(other, own.classes).to_csv() == own.to_csv()


def test_changed_tracks_are_those_that_all_were_asked_about():
    members = [answers(n) for n in range(2)]
    rows = ([3, 4, 5], [5, 4, 9])
    asked = [
        ChangedPredictions(("8-khz",) * 3, member.take(own))
        for member, own in zip(members, rows, strict=True)
    ]
    asked[1].predictions.votes[1] = 0  # it failed to answer
    asked[1] = replace(asked[1], predictions=in_order(asked[1].predictions, (OTHER, "a", "b")))
    found = combined_changes(asked, members[0], weigh(members, "mean", grouped=True))
    assert found.predictions.tracks == ("t4", "t5")
    assert found.predictions.votes.sum(axis=1).tolist() == [0, 1]
    mean = (members[0].probabilities[5] + members[1].probabilities[5]) / 2
    np.testing.assert_allclose(found.predictions.probabilities[1], mean)
