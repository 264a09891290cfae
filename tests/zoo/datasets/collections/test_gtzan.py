"""GTZAN's facts are the published ones, and a folder of its files gets them."""

from collections import Counter
from dataclasses import replace

import pytest

from zoo.datasets import Dataset, Track, open_dataset
from zoo.datasets.collections.gtzan import GENRES, facts, is_gtzan, track_name, with_facts
from zoo.evaluate.audit import audit, summary
from zoo.evaluate.protocols import parse_protocol
from zoo_registry.errors import ProtocolError
from zoo_registry.predictions import OTHER

# Sturm 2013, arXiv:1306.1461, and the md5 sums of the published files.
DUPLICATES = {
    frozenset(pair)
    for pair in (
        ("disco.00098", "disco.00099"),
        ("hiphop.00039", "hiphop.00045"),
        ("hiphop.00076", "hiphop.00078"),
        ("metal.00034", "metal.00094"),
        ("metal.00040", "metal.00061"),
        ("metal.00041", "metal.00062"),
        ("metal.00042", "metal.00063"),
        ("metal.00043", "metal.00064"),
        ("metal.00044", "metal.00065"),
        ("metal.00045", "metal.00066"),
        ("metal.00058", "rock.00016"),
        ("pop.00054", "pop.00060"),
        ("pop.00067", "pop.00071"),
        ("reggae.00081", "reggae.00082"),
    )
}


def gtzan() -> Dataset:
    tracks = [
        Track(f"{name.split('.')[0]}/{name}.wav", name.split(".")[0], digest=fact.md5)
        for name, fact in facts().items()
    ]
    return Dataset("gtzan", "gtzan", tracks)


def test_a_thousand_tracks_a_hundred_a_genre():
    assert Counter(name.split(".")[0] for name in facts()) == dict.fromkeys(GENRES, 100)


def test_the_fourteen_duplicates_are_named():
    named = {
        frozenset((name, fact.duplicate_of)) for name, fact in facts().items() if fact.duplicate_of
    }
    assert named == DUPLICATES
    by_md5: dict[str, set[str]] = {}
    for name, fact in facts().items():
        by_md5.setdefault(fact.md5, set()).add(name)
    assert {frozenset(names) for names in by_md5.values() if len(names) > 1} == DUPLICATES


def test_the_partitions_have_their_published_sizes():
    parts = Counter(fact.part for fact in facts().values())
    assert (parts["train"], parts["valid"], parts["test"]) == (443, 197, 290)
    assert sum(fact.fold is not None for fact in facts().values()) == 948


def test_no_artist_crosses_the_three_folds():
    folds: dict[str, set[str | None]] = {}
    for fact in facts().values():
        if fact.artist:
            folds.setdefault(fact.artist, set()).add(fact.fold)
    assert all(len(own) == 1 for own in folds.values())


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("blues/blues.00000.wav", "blues.00000"),
        ("blues.00000.au", "blues.00000"),
        ("x/y/rock.00016.flac", "rock.00016"),
        ("metal.00058", "metal.00058"),
        ("blues.00100.wav", None),
        ("blues.0000.wav", None),
        ("blues.000000.wav", None),
        ("polka.00000.wav", None),
        ("my blues.00000.wav", None),
    ],
)
def test_names(path, name):
    assert track_name(path) == name


def test_duplicates_under_two_labels_share_a_group():
    dataset = with_facts(gtzan())
    group = {track.id: number for track, number in zip(dataset.tracks, dataset.groups, strict=True)}
    assert group["rock/rock.00016.wav"] == group["metal/metal.00058.wav"]
    assert group["blues/blues.00000.wav"] == group["blues/blues.00001.wav"]


def test_a_folder_is_recognised_by_its_file_names(tone_folder):
    folder = tone_folder()
    for genre, label in (("blues", "low"), ("rock", "high")):
        (folder / label).rename(folder / genre)
        for number, path in enumerate(sorted((folder / genre).iterdir())):
            path.rename(path.with_name(f"{genre}.{number:05d}.wav"))
    dataset = open_dataset(str(folder))
    assert is_gtzan(dataset)
    assert all(track.group for track in dataset.tracks)
    (folder / "rock" / "rock.00000.wav").rename(folder / "rock" / "other.wav")
    assert not is_gtzan(open_dataset(str(folder)))


def test_groups_of_the_user_stay():
    track = Track("blues/blues.00000.wav", "blues", "a", group="mine")
    other = Track("rock/rock.00016.wav", "rock", "b")
    own, filled = with_facts(Dataset("g", "g", [track, other])).tracks
    assert own.group == "mine"
    assert filled.group == "artist 394"


def test_recordings_of_none_of_the_classes_do_not_hide_it():
    strange = [Track(f"_other/{n}.wav", OTHER, n, group=n) for n in ("rain", "wind")]
    its = with_facts(replace(gtzan(), tracks=[*gtzan().tracks, *strange]))
    assert is_gtzan(its)
    without = with_facts(gtzan())
    assert [track for track in its.tracks if track.label != OTHER] == list(without.tracks)
    assert set(strange) <= set(its.tracks)
    folds = parse_protocol("kfold:2").folds(its, 0, grouped=False)
    assert summary(audit(its, folds))["group"] > 400
    assert summary(audit(its, folds))["known"] == 1000
    with pytest.raises(ProtocolError, match="has no part for 2 tracks of _other"):
        parse_protocol("artist-3fold").folds(its, 0, grouped=True)


def test_one_beside_other_songs_is_none():
    others = [Track(f"_other/{name}.wav", OTHER, name) for name in list(facts())[:4]]
    tracks = [Track("a.wav", "a", "1"), Track("b.wav", "b", "2"), *others]
    dataset = Dataset("d", "d", tracks)
    assert not is_gtzan(dataset)
    assert with_facts(dataset) is dataset
