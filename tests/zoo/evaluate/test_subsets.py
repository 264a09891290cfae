"""Subsets of training parts: whole groups, one in the other, the same on every machine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.datasets import Dataset, Track
from zoo.evaluate.protocols import Fold, parse_protocol
from zoo.evaluate.subsets import checked_sizes, subsets


def dataset(sizes: dict[str, list[int]]) -> Dataset:
    """Return tracks of groups of these sizes, by class."""
    tracks = [
        Track(f"{label}/{group}-{n}", label, f"{label}{group}{n}", group=f"{label}{group}")
        for label, groups in sizes.items()
        for group, size in enumerate(groups)
        for n in range(size)
    ]
    return Dataset("made", "made", tracks)


def whole(data: Dataset) -> list[Fold]:
    """Return one fold that trains on everything; its test part does not matter here."""
    return [Fold(0, np.arange(len(data)), np.array([0]))]


group_sizes = st.lists(st.integers(1, 9), min_size=1, max_size=12)


@given(
    classes=st.lists(group_sizes, min_size=2, max_size=4),
    sizes=st.sets(st.integers(1, 60), min_size=1, max_size=6),
    seed=st.integers(0, 3),
)
def test_subsets_are_nested_and_of_whole_groups(classes, sizes, seed):
    data = dataset({f"c{n}": groups for n, groups in enumerate(classes)})
    folds = whole(data)
    found, left_out = subsets(data, folds, sorted(sizes), seed, grouped=True)
    assert len(found) + len(left_out) == len(sizes)
    before: set[int] = set()
    for own in found:
        (fold,) = own.folds
        taken = set(fold.train.tolist())
        assert before < taken < set(folds[0].train.tolist())
        before = taken
        assert fold.test is folds[0].test
        groups = set(data.groups[fold.train].tolist())
        assert taken == {n for n in range(len(data)) if data.groups[n] in groups}
        for number, label in enumerate(data.classes):
            held = classes[number]
            count = sum(data.labels[n] == number for n in taken)
            assert count >= 1, label
            assert count == sum(held) or abs(count - own.info.size) <= max(held)
        (alone,), _ = subsets(data, folds, [own.info.size], seed, grouped=True)
        assert alone.folds[0].train.tolist() == fold.train.tolist()


def test_the_order_depends_on_seed_and_fold_and_on_nothing_else():
    data = dataset({"a": [1] * 20, "b": [1] * 20})
    folds = parse_protocol("kfold:2x4").folds(data, 0)

    def taken(data, folds, seed):
        (found,), _ = subsets(data, folds, [3], seed, grouped=True)
        return [[data.tracks[n].id for n in fold.train] for fold in found.folds]

    first = taken(data, folds, 0)
    assert taken(data, folds, 0) == first
    assert taken(data, folds, 1) != first
    assert len(set(map(tuple, first))) == len(folds)
    # A track that is labelled later leaves the order of the others.
    more = dataset({"a": [1] * 20, "b": [1] * 21})
    (one,) = taken(more, whole(more), 0)
    (other,) = taken(data, whole(data), 0)
    assert [name for name in one if name[0] == "a"] == [name for name in other if name[0] == "a"]


def test_few_tracks_are_not_all_of_one_large_group():
    data = dataset({"a": [30, 1, 1, 2, 4, 8], "b": [1] * 46})
    for seed in range(5):
        (found,), _ = subsets(data, whole(data), [8], seed, grouped=True)
        assert found.info.short == {}
        (fold,) = found.folds
        assert 4 <= int((data.labels[fold.train] == 0).sum()) <= 16


def test_a_class_of_one_group_keeps_it():
    data = dataset({"a": [7], "b": [1] * 9})
    (found,), _ = subsets(data, whole(data), [2], 0, grouped=True)
    assert np.bincount(data.labels[found.folds[0].train]).tolist() == [7, 2]


@pytest.mark.parametrize("given", [(20, 5, "all"), ("5", " 20 "), (np.int64(5), 20)])
def test_sizes_are_sorted_and_all_is_the_run_itself(given):
    assert checked_sizes(given) == (5, 20)
