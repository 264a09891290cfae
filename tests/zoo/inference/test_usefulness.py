"""The choice of recordings to label: spread, one per group, and never one that is listed."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.inference import usefulness
from zoo.inference.usefulness import margins, most_useful, represented


def test_the_margin_is_that_of_the_two_most_probable_classes():
    assert margins(np.array([[0.1, 0.6, 0.3], [0.5, 0.5, 0.0]])).tolist() == pytest.approx([0.3, 0])


def clouds(*sizes: int) -> np.ndarray:
    """Return clouds of points, each far from the others."""
    rng = np.random.default_rng(0)
    return np.concatenate([rng.normal(20 * n, 1, (size, 4)) for n, size in enumerate(sizes)])


def ordered(unsure, points, groups=None, labelled=(), waiting=(), count=None) -> list[int]:
    known = [np.isin(np.arange(len(points)), own) for own in (labelled, waiting)]
    order = most_useful(np.asarray(unsure), points, groups or [None] * len(points), *known)
    return list(islice(order, count))


def test_each_kind_of_sound_gives_one_before_any_gives_two():
    points = clouds(30, 20, 10)
    chosen = ordered(np.full(60, 0.5), points, count=3)
    assert sorted(np.searchsorted([30, 50, 60], chosen, side="right")) == [0, 1, 2]
    counts = represented(points, chosen, np.zeros(60, bool))
    assert sorted(counts) == [9, 19, 29]


def test_where_the_model_is_sure_nothing_is_asked_first():
    points = clouds(30, 30)
    unsure = np.repeat([0.05, 0.9], 30)
    assert all(index >= 30 for index in ordered(unsure, points, count=2))


def test_what_waits_for_a_label_stands_for_its_neighbours_already():
    points = clouds(30, 20)
    (chosen,) = ordered(np.full(50, 0.5), points, waiting=range(3), count=1)
    assert chosen >= 30


@pytest.mark.parametrize("cells", [usefulness._CELLS, 40])  # of more recordings than that
@given(data=st.data())
def test_groups_take_turns_and_what_is_listed_is_not_chosen(cells, data):
    count = data.draw(st.integers(2, 12))
    groups = data.draw(st.lists(st.sampled_from([None, "a", "b"]), min_size=count, max_size=count))
    listed = data.draw(st.lists(st.integers(0, count - 1), unique=True))
    half = len(listed) // 2
    rng = np.random.default_rng(count)
    points = rng.normal(size=(count, 3)) * data.draw(st.sampled_from([0.0, 1.0]))  # or all alike
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(usefulness, "_CELLS", cells)
        order = ordered(rng.random(count), points, groups, listed[:half], listed[half:])
    free = sorted(set(range(count)) - set(listed))
    assert len(set(order)) == len(order)
    assert sorted(order) == free if cells > 40 else set(order) <= set(free)
    given = Counter(groups[index] for index in listed)
    for place, index in enumerate(order):
        if groups[index]:  # no group that is left has given less
            assert all(
                given[groups[index]] <= given[groups[later]]
                for later in order[place:]
                if groups[later]
            )
        given[groups[index]] += 1
