"""Columns that give the label away, and features that only look so."""

import csv
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notes import Notes
from zoo.datasets import open_dataset
from zoo.datasets.checks.leaks import judge_columns
from zoo.datasets.checks.recordings import check
from zoo_registry import DatasetError

CLASSES, EACH, FEATURES = 5, 24, 12
ROWS = CLASSES * EACH
RNG = np.random.default_rng(5)
LABELS = np.repeat(np.arange(CLASSES), EACH)
SHUFFLED = RNG.permutation(ROWS)
VALUES = 0.5 * LABELS[:, None] + RNG.standard_normal((ROWS, FEATURES))
LINE = np.arange(ROWS)


@pytest.fixture
def table(tmp_path):
    """Return a writer of tables with columns of their own before the features."""

    def write(more, order=LINE, name="table.csv", separator=",", comma="."):
        path = tmp_path / name
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=separator)
            features = [f"f{number}" for number in range(FEATURES)]
            writer.writerow(["filename", *more, *features, "label"])
            for row in order:
                own = [str(column[row]) for column in more.values()]
                values = [str(value).replace(".", comma) for value in VALUES[row]]
                label = f"genre {LABELS[row]}"
                writer.writerow([f"{label}-{row}.wav", *own, *values, label])
        return path

    return write


@pytest.fixture
def open_with(table):
    """Return a function that opens a table with one more column, and its notes."""

    def opened(column, order=LINE, name="x"):
        notes = Notes()
        return open_dataset(str(table({name: column}, order)), reporter=notes), notes

    return opened


WITH_ERRORS = np.where(LINE % 40 == 7, 0, LABELS)
GAPS = np.cumsum(RNG.integers(1, 9, ROWS))
LEAKS = {
    "numbers of which some are missing": (np.sort(RNG.permutation(2 * ROWS)[:ROWS]), SHUFFLED),
    "row number": (LINE, LINE),
    "row number in random order": (LINE, SHUFFLED),
    "in steps, downwards": (9000 - 10 * LINE, LINE),
    "with gaps": (GAPS, LINE),
    "with gaps in random order": (GAPS, SHUFFLED),
    "times": (np.cumsum(RNG.random(ROWS)), LINE),
    "copy": (LABELS, SHUFFLED),
    "copy in other numbers": (-3.5 * np.array([4, 2, 0, 1, 3])[LABELS], SHUFFLED),
    "one class": ((LABELS == 2).astype(int), SHUFFLED),
    "mean of the class": (RNG.random(CLASSES)[LABELS], SHUFFLED),
    "copy under noise": (LABELS + 0.9 * RNG.random(ROWS), SHUFFLED),
    "copy with mistakes": (WITH_ERRORS, SHUFFLED),
    "kinds of a class": (100 * LABELS + LINE % 4, SHUFFLED),
    "number of a song": (RNG.permutation(ROWS // 3)[LINE // 3], SHUFFLED),
    "constant": (np.full(ROWS, 4.0), LINE),
    "text": ([f"title {number}" for number in LINE], LINE),
    "nothing": ([""] * ROWS, LINE),
}


@pytest.mark.parametrize("leak", LEAKS)
def test_left_out_and_named(open_with, leak):
    plain, _ = open_with(RNG.standard_normal(ROWS), name="length")
    dataset, notes = open_with(*LEAKS[leak])
    assert dataset.feature_names == plain.feature_names
    assert dataset.fingerprint == plain.fingerprint
    assert notes.texts == [dataset.said]
    assert dataset.said.startswith("left out of the features: 'x' (")
    (problem,) = (p for p in check(dataset) if p.kind == "left-out")
    assert "'x'" in problem.detail
    assert not problem.distorts


@pytest.mark.parametrize(
    "name", ["", "index", "Index", "id", "Unnamed: 0", "level_0", "track_id", "classID", "row", "#"]
)
def test_left_out_by_name(open_with, name):
    dataset, _ = open_with(RNG.permutation(3 * ROWS)[:ROWS], SHUFFLED, name)
    assert list(dataset.left_out) == [name]


TEMPO = np.rint(RNG.normal(100 + 5 * LABELS, 15)).astype(int)
GOOD = {
    "two values": ((RNG.random(ROWS) < 0.2 + 0.15 * LABELS).astype(int), SHUFFLED),
    "rows in its order": (TEMPO, np.argsort(TEMPO, kind="stable")),
    "very good": (LABELS + 0.35 * RNG.standard_normal(ROWS), SHUFFLED),
    "nearly always zero": ((LINE == ROWS - 1).astype(int), LINE),
    "whole numbers": (RNG.integers(0, 2000, ROWS), SHUFFLED),
}


@pytest.mark.parametrize("feature", GOOD)
def test_a_good_feature_stays(open_with, feature):
    dataset, notes = open_with(*GOOD[feature])
    assert dataset.feature_names[0] == "x"
    assert not dataset.left_out
    assert not dataset.suspicious
    assert notes.texts == []


@given(st.data())
def test_measured_columns_stay_in_tables_of_any_size(data):
    """Continuous features, shifted by the label or not; rows may be there several times."""
    classes = data.draw(st.integers(2, 10))
    rows = data.draw(st.integers(max(6, classes), 200))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    shifts = np.repeat([0, 0.2, 0.5], 8) * data.draw(st.sampled_from([1, -1]))
    values = rng.standard_normal((rows, len(shifts))) + np.outer(labels, shifts)
    values = np.round(10 * values, data.draw(st.integers(0, 6)))
    repeats = data.draw(st.integers(1, 4)) if rows >= max(8, 2 * classes) else 1
    labels, values = np.tile(labels, repeats), np.tile(values, (repeats, 1))
    if data.draw(st.booleans()):
        order = np.argsort(labels, kind="stable")
        labels, values = labels[order], values[order]
    if data.draw(st.booleans()):  # names for the copies
        values = np.column_stack([values, rng.permutation(9 * len(labels))[: len(labels)]])
    names = [f"f{place}" for place in range(values.shape[1])]
    judged = judge_columns(names, values.astype(np.float32), [f"c{label}" for label in labels])
    assert not set(judged.left_out) & set(names[: len(shifts)])


def test_each_row_several_times(tmp_path):
    rows = [f"{RNG.standard_normal():.4f},{RNG.integers(90)},g{n % 3}" for n in range(20)]
    path = tmp_path / "t.csv"
    for repeats in (2, 3):
        path.write_text("\n".join(["a,b,label", *rows * repeats]))
        assert open_dataset(str(path)).feature_names == ["a", "b"]


def test_a_name_that_ends_alike_is_a_feature(open_with):
    for name in ("centroid", "spectral_index", "bandwidth"):
        dataset, _ = open_with(RNG.standard_normal(ROWS), name=name)
        assert name in dataset.feature_names


def test_a_feature_that_tells_two_classes_apart_stays_and_is_doubtful(open_with):
    loudness = np.where(LABELS == 0, -40, -15) + RNG.standard_normal(ROWS)
    dataset, notes = open_with(loudness, SHUFFLED[LABELS[SHUFFLED] < 2])
    assert "x" in dataset.feature_names
    assert list(dataset.suspicious) == ["x"]
    assert "doubtful features: 'x'" in notes.texts[0]
    assert [p.kind for p in check(dataset) if p.distorts] == ["doubtful"]


def test_classes_that_most_features_tell_apart(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{n % 5 + RNG.random() / 2},{9 * (n % 5) + RNG.random()},g{n % 5}" for n in range(90)]
    path.write_text("\n".join(["a,b,label", *rows]))
    assert open_dataset(str(path)).feature_names == ["a", "b"]


def test_nothing_is_left(tmp_path):
    path = tmp_path / "t.csv"
    for classes in (2, 12):
        rows = [f"{n},{n % classes},g{n % classes}" for n in range(60)]
        path.write_text("\n".join(["index,target,label", *rows]))
        with pytest.raises(DatasetError, match=r"no feature.*left out.*'index'.*'target'"):
            open_dataset(str(path))


def test_a_spreadsheet_with_decimal_commas(table):
    plain = open_dataset(str(table({})))
    comma = open_dataset(str(table({}, name="comma.csv", separator=";", comma=",")))
    assert comma.fingerprint == plain.fingerprint


THREE = {"tempo": ["132,903", "149,846"] * 700, "rms": ["0,418", "0,191"] * 700}


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("order", [["tempo", "rms"], ["rms", "tempo"], ["tempo"]])
def test_three_decimals_behind_a_comma(tmp_path, order, separator):
    path = tmp_path / "t.csv"
    columns = [["n", *map(str, range(7, 1407))], *([name, *THREE[name]] for name in order)]
    columns.append(["label", *"aabb" * 350])
    path.write_text("\n".join(map(separator.join, zip(*columns, strict=True))))
    dataset = open_dataset(str(path))
    assert [name for name in dataset.feature_names if name != "n"] == order
    tempo = dataset.features[:, dataset.feature_names.index("tempo")]
    assert sorted(set(tempo.tolist())) == pytest.approx([132.903, 149.846])


def test_the_last_row_shows_the_decimal_comma(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"{n % 7 + 1},{n % 900 + 100};{'ab'[n % 2]}" for n in range(1500)]
    path.write_text("\n".join(["f;label", *rows, "0,5;a"]))
    assert open_dataset(str(path)).features.max() < 8


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (["f;g;label", "1,234;0.5;a", "2,345;0.7;b"], r"left out.*'f' \(its commas may separate"),
        (["f,g,label", '"1,234",5,a', '"2,345",7,b'], r"left out.*'f' \(its commas may separate"),
        (["f;g;label", "999;5;a", "1,234;7;b"], r"line 3: '1,234' in column 'f'"),
        (["f;g;label", "999;0,5;a", "1,234;0,7;b"], r"line 3: '1,234' in column 'f'"),
    ],
)
def test_thousands_are_not_guessed(tmp_path, rows, reason):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(rows))
    notes = Notes()
    try:
        open_dataset(str(path), reporter=notes)
    except DatasetError as error:
        notes.note(str(error))
    assert re.search(reason, " ".join(notes.texts))


def test_columns_under_other_names(tmp_path):
    path = tmp_path / "t.csv"
    rows = [f"s{n}.wav,{n * n % 7}.5,art {n // 2},{n % 3},rock{n % 2}" for n in range(12)]
    path.write_text("\n".join(["File Name,tempo,Artist,Fold,Genre", *rows]))
    notes = Notes()
    dataset = open_dataset(str(path), reporter=notes)
    assert dataset.feature_names == ["tempo"]
    assert dataset.classes == ("rock0", "rock1")
    assert {track.group for track in dataset.tracks} == {f"art {n}" for n in range(6)}
    assert {track.fold for track in dataset.tracks} == {"0", "1", "2"}
    assert notes.texts == [
        "read id in 'File Name', label in 'Genre', group in 'Artist'; 0/1/2 in 'Fold' taken as the "
        "published folds"
    ]


def test_several_labels_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("f,genre,species\n1,a,x\n2,b,y\n")
    with pytest.raises(DatasetError, match="--label-column genre"):
        open_dataset(str(path))


def test_rows_that_are_copies_are_found(table, monkeypatch):
    values = VALUES.copy()
    values[3], values[30], values[50] = values[2], values[2], values[51] * 1.0001
    monkeypatch.setitem(globals(), "VALUES", values)
    found = [(p.kind, p.tracks) for p in check(open_dataset(str(table({})))) if p.distorts]
    name = [f"genre {LABELS[row]}-{row}.wav" for row in LINE]
    assert found == [
        ("duplicate", (name[2], name[3])),
        ("label-conflict", (name[2], name[30])),
        ("near-duplicate", (name[50], name[51])),
    ]


@pytest.mark.parametrize("leak", [name for name in LEAKS if name not in {"text", "nothing"}])
def test_left_out_beside_copies_of_rows(leak):
    column, order = LEAKS[leak]
    values = np.column_stack([column, VALUES])[order]
    twice, labels = np.repeat(values, 2, axis=0), np.repeat(LABELS[order], 2)
    names = ["x", *(f"f{place}" for place in range(FEATURES))]
    judged = judge_columns(names, twice.astype(np.float32), [f"g{label}" for label in labels])
    assert list(judged.left_out) == ["x"]
