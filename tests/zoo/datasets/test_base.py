"""Datasets: sorted tracks, classes, groups that hang together, and the fingerprint."""

import dataclasses
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.datasets import Dataset, FeatureTable, Track, dataset_name, open_dataset
from zoo.datasets.base import components
from zoo_registry import DatasetError

FEW = st.none() | st.sampled_from(["", "a", "b", "c", "d"])


def track(number: int, **changes) -> Track:
    given = {"id": f"t{number:03d}", "label": "xy"[number % 2], "digest": f"d{number}"}
    return Track(**(given | changes))


def make(tracks, **changes) -> Dataset:
    return Dataset(**({"name": "set", "source": "there", "tracks": tracks} | changes))


def make_table(tracks, features) -> FeatureTable:
    return FeatureTable(
        "set", "there", tracks, features, [str(n) for n in range(features.shape[1])]
    )


@st.composite
def datasets(draw) -> Dataset:
    count = draw(st.integers(2, 14))
    tracks = [
        track(
            number,
            digest=draw(st.sampled_from([f"d{number}", "same", "also"])),
            group=draw(FEW),
            recording=draw(FEW),
        )
        for number in range(count)
    ]
    return make(tracks)


class TestTracks:
    def test_are_sorted_with_their_features(self):
        numbers = list(range(20))
        random.Random(0).shuffle(numbers)
        features = np.array([[number, -number] for number in numbers], np.float32)
        dataset = make_table([track(number) for number in numbers], features)
        assert [one.id for one in dataset.tracks] == [f"t{number:03d}" for number in range(20)]
        assert dataset.features[:, 0].tolist() == list(range(20))
        assert len(dataset) == 20

    def test_only_a_table_has_features(self):
        tracks = [track(0), track(1)]
        assert not hasattr(make(tracks), "features")
        assert (
            make_table(tracks, np.ones((2, 1), np.float32)).fingerprint == make(tracks).fingerprint
        )

    def test_classes_are_sorted_and_labels_index_them(self):
        dataset = make([track(n, label=label) for n, label in enumerate(["b", "é", "a", "B", "a"])])
        assert dataset.classes == ("B", "a", "b", "é")
        assert [dataset.classes[label] for label in dataset.labels] == ["b", "é", "a", "B", "a"]
        assert dataset.labels.dtype == np.int64

    def test_one_id_twice(self):
        with pytest.raises(DatasetError, match="there names the track 't001' twice"):
            make([track(1), track(2), track(1, label="z")])

    @pytest.mark.parametrize(
        ("labels", "reason"),
        [
            ([], "holds no track"),
            (["a"] * 3, "one class only, 'a'"),
            ([str(number) for number in range(5000)], "5000 classes, and 4096 are the most"),
        ],
    )
    def test_nothing_to_tell_apart(self, labels, reason):
        with pytest.raises(DatasetError, match=reason):
            make([track(number, label=label) for number, label in enumerate(labels)])

    def test_without(self):
        features = np.arange(12, dtype=np.float32).reshape(6, 2)
        dataset = make_table([track(number) for number in range(6)], features)
        rest = dataset.without({"t001", "t004", "absent"})
        assert [one.id for one in rest.tracks] == ["t000", "t002", "t003", "t005"]
        assert rest.features[:, 0].tolist() == [0, 4, 6, 10]
        assert (rest.name, rest.source) == (dataset.name, dataset.source)
        assert rest.feature_names == dataset.feature_names
        assert rest.fingerprint != dataset.fingerprint
        with pytest.raises(DatasetError, match="one class only"):
            dataset.without({"t000", "t002", "t004"})


class TestGroups:
    @given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=3), max_size=12))
    def test_components_are_those_of_repeated_merging(self, keys):
        sets = [({number}, set(own)) for number, own in enumerate(keys)]
        merged = True
        while merged:
            merged = False
            for one in range(len(sets)):
                for other in range(one + 1, len(sets)):
                    if sets[one][1] & sets[other][1]:
                        items, shared = sets.pop(other)
                        sets[one] = (sets[one][0] | items, sets[one][1] | shared)
                        merged = True
                        break
                if merged:
                    break
        numbers = components(keys)
        expected = {frozenset(items) for items, _ in sets}
        found = {
            frozenset(item for item, number in enumerate(numbers) if number == wanted)
            for wanted in numbers
        }
        assert found == expected
        assert list(dict.fromkeys(numbers)) == list(range(len(expected)))

    @given(datasets())
    def test_what_belongs_together_shares_a_number(self, dataset):
        tracks, groups = dataset.tracks, dataset.groups
        assert groups.dtype == np.int64
        for one, number in zip(tracks, groups, strict=True):
            for other, another in zip(tracks, groups, strict=True):
                linked = (
                    one.digest == other.digest
                    or (one.group and one.group == other.group)
                    or (one.recording and one.recording == other.recording)
                )
                assert number == another or not linked
        assert dataset.has_groups == (len(set(groups)) < len(dataset))

    def test_of_a_group_and_of_a_recording_called_alike(self):
        dataset = make([track(0, group="7"), track(1, recording="7"), track(2, digest="7")])
        assert dataset.groups.tolist() == [0, 1, 2]
        assert not dataset.has_groups


class TestFingerprint:
    @given(datasets(), st.randoms())
    def test_order_and_place_do_not_count(self, dataset, rng):
        tracks = [dataclasses.replace(one, path=None, url="s3://a/b") for one in dataset.tracks]
        rng.shuffle(tracks)
        other = make(tracks, name="other", source="elsewhere")
        assert other.fingerprint == dataset.fingerprint

    # The digest tells segments and rows apart.
    @pytest.mark.parametrize(
        "field",
        [
            f.name
            for f in dataclasses.fields(Track)
            if f.name not in ("path", "url", "segment", "embedded")
        ],
    )
    def test_every_fact_of_a_track_counts(self, field):
        tracks = [track(number) for number in range(4)]
        changed = [*tracks[:3], dataclasses.replace(tracks[3], **{field: "changed"})]
        assert make(changed).fingerprint != make(tracks).fingerprint

    def test_is_the_same_for_ever(self):
        """Runs on disk carry it."""
        given = [track(0, group="g", recording="r"), track(1, fold="1", split="test")]
        assert make(given).fingerprint == (
            "3892fba16b4a2888f0222b095be2d8ae850abfa0bd0594b141cf0efd62063345"
        )


class TestOpening:
    def test_what_is_offered(self):
        dataset = make([track(0), track(1)])
        assert open_dataset("theirs", {"theirs": lambda: dataset}) is dataset

    def test_nothing_of_that_name(self):
        with pytest.raises(DatasetError, match=r"folder or file 'x', .* with a name: demo, theirs"):
            open_dataset("x", {"theirs": lambda: None})

    def test_some_other_file(self, tmp_path):
        (tmp_path / "song.wav").write_bytes(b"")
        with pytest.raises(DatasetError, match=r"neither a folder nor a \.csv"):
            open_dataset("song.wav")

    @pytest.mark.parametrize(
        ("wanted", "name"),
        [("demo", "demo"), ("features.csv", "features"), ("some/where.CSV", "where")],
    )
    def test_name_without_reading(self, wanted, name):
        assert dataset_name(wanted) == name

    def test_name_of_a_folder_is_its_own(self, tmp_path, tone_folder, monkeypatch):
        folder = tone_folder(tracks=1, name="my tones")
        assert dataset_name(str(folder)) == open_dataset(str(folder)).name == "my tones"
        monkeypatch.chdir(folder)
        assert dataset_name(".") == open_dataset(".").name == "my tones"
