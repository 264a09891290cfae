"""CSV feature tables."""

import csv
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notes import Notes
from zoo.datasets import open_dataset
from zoo.datasets.table import read_feature_table
from zoo_registry import DatasetError

FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)
IDS = ("track", "path", "filename", "file", "id")


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "table.csv"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_columns(write):
    dataset = read_feature_table(
        write(
            "length,f2,label,filename,group,recording,fold,split,f1\n"
            "661794,0.5,b,y.wav,g,r,1,test,-1e3\n"
            "661795,1,a,x.wav,,,2,train,+2\n"
        )
    )
    assert dataset.name == "table"
    assert dataset.feature_names == ["f2", "f1"]
    assert dataset.features.dtype == np.float32
    assert dataset.features.tolist() == [[1, 2], [0.5, -1000]]
    assert [(t.id, t.label, t.group, t.recording, t.fold, t.split) for t in dataset.tracks] == [
        ("x.wav", "a", None, None, "2", "train"), ("y.wav", "b", "g", "r", "1", "test"),
    ]  # fmt: skip
    assert {track.path for track in dataset.tracks} == {None}


@pytest.mark.parametrize("column", IDS)
def test_every_name_of_the_id_column(write, column):
    dataset = read_feature_table(write(f"f,{column},label\n1,p,a\n2,q,b\n"))
    assert [track.id for track in dataset.tracks] == ["p", "q"]
    assert dataset.feature_names == ["f"]


def test_rows_without_a_name_are_numbered_in_order(write):
    rows = "".join(f"{number * number % 997},{'ab'[number % 2]}\n" for number in range(1200))
    dataset = read_feature_table(write("f,label\n" + rows))
    assert dataset.features[:, 0].tolist() == [number * number % 997 for number in range(1200)]
    assert len({track.id for track in dataset.tracks}) == 1200


@given(data=st.data())
def test_numbers_come_back(tmp_path_factory, data):
    count = data.draw(st.integers(2, 6))
    rows = [data.draw(st.lists(FLOATS, min_size=3, max_size=3)) for _ in range(count)]
    path = tmp_path_factory.mktemp("table") / "t.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["a", "b,c", 'd"e', "label"])
        writer.writerows([*row, "xy"[number % 2]] for number, row in enumerate(rows))
    dataset = read_feature_table(path)
    assert dataset.feature_names == ["a", "b,c", 'd"e']
    np.testing.assert_array_equal(dataset.features, np.array(rows, np.float32))


def test_the_text_of_a_table_is_not_kept(write, monkeypatch):
    monkeypatch.setattr("zoo.datasets.table._AT_ONCE", 64)
    names = [f"f{number}" for number in range(60)]
    lines = [",".join([*names, "label"])]
    lines += [
        ",".join([*(f"{row % 997}.{n}" for n in range(60)), "ab"[row % 2]]) for row in range(3000)
    ]
    path = write("\n".join(lines))
    tracemalloc.start()
    try:
        dataset = read_feature_table(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert dataset.features.shape == (3000, 60)
    # Three copies of the numbers at most, and the tracks; as text it would be ten times as much.
    assert peak < 3 * dataset.features.nbytes + 1000 * len(dataset)


def test_equal_rows_are_one_group_and_the_fingerprint_follows_the_numbers(write):
    first = read_feature_table(write("f,g,label\n1,2,a\n1,2.0,a\n1,3,b\n"))
    assert first.groups.tolist() == [0, 0, 1]
    second = read_feature_table(write("f,g,label\n1,2,a\n1,2.0,a\n1,3.5,b\n"))
    assert first.fingerprint != second.fingerprint


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("f,g\n1,2\n", "has no column 'label'"),
        ("label,track\na,x\nb,y\n", "has no feature"),
        ("label,length\na,1\nb,2\n", "has no feature"),
        ("f,label\n", "holds no track"),
        ("f,label\n1,a\n2,a\n", "one class only"),
        ("f,label\n1,a\nmuch,b\n", "line 3: 'much' in column 'f' is not a finite number"),
        ("f,label\n1,a\n,b\n", "line 3: '' in column 'f'"),
        ("f,label\n1,a\nnan,b\n", "line 3: 'nan' in column 'f'"),
        ("f,label\n-inf,a\n2,b\n", "line 2: '-inf' in column 'f'"),
        ("f,label\n1,a\n1e300,b\n", "line 3: '1e300' in column 'f'"),
        ("f,label\n1,a\n1e999,b\n", "line 3: '1e999' in column 'f'"),
        ("f,label\n1,a\n\n2,b\n\nmuch,a\n", "line 6: 'much' in column 'f'"),
        ("f,label\n1,a\n2, \n", "line 3: the label is missing"),
        ("f,label\n1,a\n\n2,\n", "line 4: the label is missing"),
        ("f,label\n1,a\n2\n", "line 3: 1 values for 2 columns"),
        ("f,label\n1,a\n\n2\n", "line 4: 1 values for 2 columns"),
        ("f,f,label\n1,2,a\n", "two columns called 'f'"),
        ("track,f,label\nx,1,a\nx,2,b\n", "names the track 'x' twice"),
    ],
)
def test_mistakes_are_named(write, text, reason):
    path = write(text)
    with pytest.raises(DatasetError, match=reason) as caught:
        read_feature_table(path)
    assert str(path) in str(caught.value)


def test_opened_by_its_suffix(write):
    dataset = open_dataset(str(write("f,label\n1,a\n2,b\n", "My Table.CSV")))
    assert dataset.name == "My Table"
    assert dataset.source.endswith("My Table.CSV")


@pytest.mark.real
def test_real_table(real_data):
    dataset = read_feature_table(real_data / "gtzan" / "features_30_sec.csv")
    assert len(dataset) == 1000
    assert dataset.features.shape == (1000, 57)
    assert "length" not in dataset.feature_names


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("fold", "test train", "train/test in 'fold' taken as the published folds"),
        ("fold", "1 2", "1/2 in 'fold' taken as the published folds"),
        ("Split", "eval dev", "valid/test in 'Split' taken as the published split"),
    ],
)
def test_published_folds_and_parts_are_said(write, column, values, said):
    rows = "".join(f"{n * n % 7}.5,{'ab'[n % 2]},{values.split()[n // 4]}\n" for n in range(8))
    notes = Notes()
    dataset = read_feature_table(write(f"f,label,{column}\n{rows}"), notes)
    assert (dataset.said, notes.texts) == (said, [said])
