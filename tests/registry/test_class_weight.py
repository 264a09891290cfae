"""Weights of classes, and the parameter that asks for them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from tests.registry.test_card import make
from zoo_registry import CLASS_WEIGHT, UsageError
from zoo_registry.class_weight import ClassWeight, balanced_weights

LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=30).map(np.array)


@given(LABELS)
def test_tracks_are_weighted_as_by_scikit_learn(labels):
    assert balanced_weights(labels) == pytest.approx(compute_sample_weight("balanced", labels))


@given(LABELS, st.data())
def test_all_classes_have_the_same_weight_over_the_rows_of_their_tracks(labels, data):
    sizes = data.draw(st.lists(st.integers(1, 9), min_size=len(labels), max_size=len(labels)))
    weights = np.repeat(balanced_weights(labels, sizes), sizes)
    sums = [weights[np.repeat(labels, sizes) == label].sum() for label in set(labels.tolist())]
    assert sums == pytest.approx([sum(sizes) / len(sums)] * len(sums))


class TestCard:
    card = make(params={"C": 1.0, **CLASS_WEIGHT})

    @pytest.mark.parametrize("given", [{}, {"class_weight": "none"}, *[dict(CLASS_WEIGHT)]])
    def test_a_run_without_weights_is_recorded_as_before_there_were_any(self, given):
        resolved = self.card.resolve(given)
        assert resolved == dict(self.card.params)
        assert self.card.recorded(resolved) == {"C": 1.0}
        assert self.card.split(resolved) == ({"C": 1.0}, False)

    @pytest.mark.parametrize("value", ["balanced", ClassWeight.BALANCED])
    def test_weights_are_recorded(self, value):
        resolved = self.card.resolve({"class_weight": value})
        assert self.card.recorded(resolved) == {"C": 1.0, "class_weight": "balanced"}
        assert self.card.split(resolved) == ({"C": 1.0}, True)

    def test_the_record_of_another_default_says_what_it_is(self):
        card = make(params={"class_weight": ClassWeight.BALANCED})
        for value in ClassWeight:
            recorded = card.recorded(card.resolve({"class_weight": value}))
            assert card.recorded(card.resolve(recorded)) == recorded == {"class_weight": value}

    @pytest.mark.parametrize("value", ["heavy", "None", "true", "1", None, 2])
    def test_other_values_are_refused_with_those_there_are(self, value):
        with pytest.raises(UsageError, match="give one of none, balanced"):
            self.card.resolve({"class_weight": value})

    @pytest.mark.parametrize("default", [None, "none", "balanced"])
    def test_a_parameter_of_the_author_of_this_name_stays(self, default):
        card = make(params={"class_weight": default})
        for value in ("none", "balanced"):
            resolved = card.resolve({"class_weight": value})
            assert card.split(resolved) == (resolved, False)
            assert card.recorded(resolved) == {"class_weight": value}
