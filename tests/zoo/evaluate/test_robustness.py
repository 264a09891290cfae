"""The sample depends on content alone, and the shares are those of its rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.audio.changes import CHANGES
from zoo.datasets import Dataset, Track
from zoo.evaluate.protocols import Fold, parse_protocol
from zoo.evaluate.robustness import Sample, by_change, default_size
from zoo.plugins.registry import open_registry
from zoo_registry.predictions import ChangedPredictions, Predictions
from zoo_registry.text import digest

SIZES = st.lists(st.integers(1, 12), min_size=2, max_size=4)


def dataset(sizes, names="{label}/{number}") -> Dataset:
    tracks = [
        Track(
            id=names.format(label=label, number=number),
            label=f"class{label}",
            digest=digest([label, number]),
        )
        for label, size in enumerate(sizes)
        for number in range(size)
    ]
    return Dataset("made", "made", tracks)


def halves(data: Dataset, repeats: int = 1) -> list[Fold]:
    every = np.arange(len(data))
    return [
        Fold(number, every[every % 2 != number % 2], every[every % 2 == number % 2])
        for number in range(2 * repeats)
    ]


def drawn(data: Dataset, size: int, repeats: int = 1) -> set[str]:
    sample = Sample.draw(data, halves(data, repeats), size, CHANGES)
    for fold in halves(data, repeats):
        assert set(sample.tracks[fold.number]) <= set(fold.test.tolist())
    chosen = [index for indices in sample.tracks.values() for index in indices]
    assert len(chosen) == len(set(chosen)) == min(size, len(data)) == sample.info.tracks
    return {data.tracks[index].digest for index in chosen}


@given(SIZES, st.integers(1, 40), st.integers(1, 3))
def test_each_track_of_the_sample_is_in_one_fold_and_names_do_not_matter(sizes, size, repeats):
    found = drawn(dataset(sizes), size, repeats)
    assert found == drawn(dataset(sizes, "{number}-{label}.wav"), size)


@given(SIZES, st.integers(1, 40))
def test_a_larger_sample_holds_a_smaller_one_and_classes_are_balanced(sizes, size):
    data = dataset(sizes)
    found = drawn(data, size)
    assert found <= drawn(data, size + 1)
    counts = [0] * len(sizes)
    for track in data.tracks:
        counts[int(track.label.removeprefix("class"))] += track.digest in found
    # A class has fewer than another by more than one only if it has no more.
    assert all(n >= max(counts) - 1 or n == sizes[label] for label, n in enumerate(counts))


def test_seeds_have_the_same_sample():
    data = dataset([30, 30])
    folds = [parse_protocol("kfold:3").folds(data, seed) for seed in (0, 1)]
    one, other = (
        {index for indices in Sample.draw(data, each, 10, {}).tracks.values() for index in indices}
        for each in folds
    )
    assert one == other


@pytest.mark.parametrize(
    ("tracks", "changes", "expected"),
    [(19, 9, 0), (20, 9, 20), (99, 9, 99), (100, 9, 100), (5000, 30, 100)],
)
def test_the_default_depends_on_the_number_of_tracks(tracks, changes, expected):
    model = open_registry().load("svm")
    assert default_size(model, dataset([tracks - 1, 1]), changes) == expected


def test_a_front_end_of_unknown_cost_is_asked_for_no_more_arrays_than_tracks(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(
        "from zoo import Card, LogMel, hookimpl\n"
        "card = Card(name='own', title='Own', family='test', frontend=LogMel())\n"
        "preprocess = hookimpl(lambda audio: audio[:, None])\n"
        "train = hookimpl(lambda tracks: 1)\npredict = hookimpl(lambda model: 1)\n",
        encoding="utf-8",
    )
    model = open_registry().load(str(path))
    assert default_size(model, dataset([400, 499]), 9) == 0
    assert default_size(model, dataset([400, 500]), 9) == 100


def predictions(labels, winners, folds, answered=None) -> Predictions:
    votes = np.eye(3, dtype=np.int64)[winners]
    if answered is not None:
        votes[~np.asarray(answered)] = 0
    rows = len(labels)
    return Predictions(
        ("a", "b", "c"), tuple(f"t{n % 4}" for n in range(rows)), np.array(labels),
        np.array(folds), ("0" * 16,) * rows, np.zeros(rows, np.int64), votes, votes.astype(float),
    )  # fmt: skip


def test_shares_are_of_the_changed_and_of_the_same_unchanged_tracks():
    clean = predictions([0, 1, 2, 0], [0, 1, 0, 0], [0, 0, 1, 1])
    changed = ChangedPredictions(
        ("x",) * 4 + ("y",) * 4,
        predictions(
            [0, 1, 2, 0] * 2,
            [2, 2, 1, 1, 0, 1, 2, 2],
            [0, 0, 1, 1] * 2,
            [True] * 7 + [False],
        ),
    )
    x, y = by_change(changed, clean)
    assert (x.change, x.tracks, x.accuracy, x.clean, x.same_answer) == ("x", 4, 0.0, 0.75, True)
    assert (y.change, y.tracks, y.accuracy, y.clean, y.same_answer) == ("y", 4, 0.75, 0.75, False)
    # A model that gave no answer is not right, whatever its first class is.
    silent = ChangedPredictions(("x",) * 4, predictions([0] * 4, [0] * 4, [0] * 4, [False] * 4))
    assert by_change(silent, clean)[0].accuracy == 0


def test_the_csv_form_is_that_of_predictions_with_the_change_in_front():
    given = predictions([0, 1, 2, 0], [2, 2, 1, 1], [0, 0, 1, 1])
    changed = ChangedPredictions(("x", "x", "y", "y"), given)
    text = changed.to_csv()
    lines = text.split("\r\n")
    assert [line.split(",", 1)[1] for line in lines[:-1]] == given.to_csv().split("\r\n")[:-1]
    read = ChangedPredictions.from_csv(text, "here")
    assert read.changes == changed.changes
    assert read.to_csv() == text
    empty = changed.take([])
    assert len(ChangedPredictions.from_csv(empty.to_csv(), "here")) == 0
