"""Roles of nested folders, by names alone."""

from collections import Counter

import pytest

from zoo.datasets.layout.folder_roles import folder_roles
from zoo_registry import DatasetError


def tree(*folders: str, tracks: int = 2) -> list[str]:
    return sorted(f"{folder}/{number}.wav" for folder in folders for number in range(tracks))


def each(outer: str, inner: str) -> list[str]:
    """Return the folders of a product, such as train/dog, train/rain, test/dog, test/rain."""
    return [f"{one}/{other}" for one in outer.split() for other in inner.split()]


def slashes(names: str) -> str:
    return names.replace(" ", "/")


def values(files: list[str], role: str) -> dict[str | None, int]:
    return dict(Counter(row.get(role) for row in folder_roles("data", files).rows))


@pytest.mark.parametrize(
    ("folders", "label", "split", "fold"),
    [
        (each("train val test", "dog rain"), "dog rain", "train valid test", ""),
        (each("Train TEST Validation", "dog rain"), "dog rain", "train valid test", ""),
        (each("training_set dev eval-set", "dog rain"), "dog rain", "train valid test", ""),
        (each("audio_train audio_test", "dog rain"), "dog rain", "train test", ""),
        (["train/dog", "train/rain", "test/dog", "test/cat"], "dog rain cat", "train test", ""),
        (each("a/b/train a/b/test", "wav/dog wav/rain"), "dog rain", "train test", ""),
        (each("dog rain", "train test"), "dog rain", "train test", ""),
        (each("fold1 fold2 fold10", "dog rain"), "dog rain", "", "1 2 10"),
        (each("fold01 fold02", "dog rain"), "dog rain", "", "1 2"),
        (each("split_1 split_2", "dog rain"), "dog rain", "", "1 2"),
        (each("train/fold1 train/fold2 test/fold1", "a b"), "a b", "train test", "1 2"),
        (each("000 001", "dog rain"), "dog rain", "", "000 001"),
        (each("1 2 3", "dog rain"), "dog rain", "", "1 2 3"),
        (each("trainset testset", "dog rain"), "dog rain", "train test", ""),
        (each("x_train x_test", "dog rain"), "dog rain", "train test", ""),
        (each("birds-train1 birds-train2 birds-eval", "dog rain"), "dog rain", "train test", ""),
        (each("tr te", "dog rain"), "dog rain", "train test", ""),
        (each("dog rain", "cv1 cv2"), "dog rain", "", "1 2"),
        (["Data/genres_original/rock", "Data/genres_original/pop"], "rock pop", "", ""),
        (["1", "2", "10"], "1 2 10", "", ""),
        (["dog", "rain", "test"], "dog rain test", "", ""),
        (["train/steam", "train/diesel", "car/bmw", "car/audi"], "train car", "", ""),
        (["Actor_01", "Actor_02"], "Actor_01 Actor_02", "", ""),
    ],
)  # fmt: skip
def test_classes_parts_and_folds(folders, label, split, fold):
    files = tree(*folders)
    assert values(files, "label").keys() == set(label.split())
    for role, wanted in (("split", split), ("fold", fold)):
        assert values(files, role).keys() - {None} == set(wanted.split())
    assert [row["path"] for row in folder_roles("data", files).rows] == files


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        (tree("train", "test", "val"), "train/val/test have names of parts of a dataset"),
        (tree("fold1", "fold2", "fold3"), "fold1/fold2/fold3 have names of parts"),
        (tree("fma/000", "fma/001"), "000/001 have names of parts"),
        (tree("train/dog", "train/rain", "dog", "rain"), "train may be parts .* beside dog/rain"),
        (tree("train/dog", "train/rain", "cat"), "train may be parts .* beside cat"),
        (tree("train/a", "train/b", "test/1", "test/2"), "test has other folders inside"),
        (tree("trainset", "testset"), "trainset/testset have names of parts"),
        (tree("training-a", "training-b"), "training-a/training-b have names of parts"),
        (tree("part1", "part2"), "part1/part2 have names of parts"),
        (tree("train", "test", "extra"), "train/test may be parts .* beside extra"),
        (tree("dog", "rain", "test", "train"), "train/test may be parts .* beside dog/rain"),
        (tree("dog_train", "dog_test", "cat_train", "cat_test"), "have names of parts, of"),
        (tree("dog/train", "dog/test", "cat"), "train/test inside dog may be parts"),
        *(
            (tree(*each(outer, inner)), f"{slashes(outer)} may be the classes, or {slashes(inner)}")
            for outer, inner in [
                ("alice bob carol", "happy sad"),
                ("class1 class2", "left right"),
                ("Disc1 Disc2", "dog rain"),
                ("2019 2020", "dog rain"),
                ("animal vehicle", "big small"),
                ("no yes", "ann bob cid"),
                ("60s 70s", "jazz rock"),
            ]
        ),
        (tree("alice/happy", "alice/sad", "bob/happy", "bob/sad", "bob/angry"), "alice/bob may be"),
        (tree(*each("fan pump", "id_00/good id_00/bad id_02/good id_02/bad")), "fan/pump may be"),
        (tree("Data/genres/blues", "Data/genres/jazz", "Data/mine"), "genres may be the classes"),
        (tree("audio/a", "audio/b", "other"), "audio may be the classes, or a/b inside"),
        (tree(*each("wav mp3", "dog rain")), "wav/mp3 are formats"),
        (tree("artist 1/album 1", "artist 2/album 1", "artist 2/album 2"), "artists with their"),
        (
            [f"{a}/{b}/{n:02d} {b} {n}.mp3" for a, b in zip("QPR", "xyz", strict=True)
             for n in (1, 2, 3)],
            "artists with their albums",
        ),
        (
            [f"{a}/{b}/CD{n}/{n:02d} {b} {n}.mp3" for a, b in zip("QPR", "xyz", strict=True)
             for n in (1, 2)],
            "artists with their albums",
        ),
        (
            [f"{a}/{b}/{b} {word}.m4a" for a, b in zip("QPR", "xyz", strict=True)
             for word in ("Love", "Hate", "Rain")],
            "artists with their albums",
        ),
        (tree("iTunes Media/Music/Queen/Jazz", "iTunes Media/Music/ABBA/Arrival"), "a library by"),
    ],
)  # fmt: skip
def test_what_cannot_be_told_is_refused_with_what_to_write(files, reason):
    with pytest.raises(DatasetError, match=f"{reason}.*--data labels.csv"):
        folder_roles("data", files)


class TestGroups:
    def test_artists_of_a_library_at_any_depth(self):
        files = [
            f"{genre}/{artist}{inner}/{song:02d} song {artist}.mp3"
            for genre in ("rock", "jazz")
            for artist in (f"{genre} band {number}" for number in range(4))
            for song, inner in enumerate(("/album", "/album/disc 1", ""))
        ]
        files.append("rock/loose song.mp3")
        assert values(files, "label") == {"rock": 13, "jazz": 12}
        groups = values(files, "group")
        assert groups.pop(None) == 1
        assert set(groups.values()) == {3}
        assert len(groups) == 8

    def test_two_folders_in_each_class_are_no_artists(self):
        files = tree(*each("vehicle", "car bus"), *each("animal", "dog cat"))
        assert values(files, "group") == {None: 8}
        said = folder_roles("data", files).said
        assert said == (
            "classes: animal, vehicle; folders inside the classes (bus, car, cat, dog) not taken "
            "as classes or groups"
        )
        kinds = each("vehicle", "car bus tram ship") + each("animal", "dog cat cow pig")
        assert values(tree(*kinds), "group") == {None: 16}

    def test_a_folder_that_every_class_has_is_no_group(self):
        files = tree(*each("rock/wav", "ann bob"), *each("jazz/wav", "cid dan"))
        assert values(files, "group") == {"ann": 2, "bob": 2, "cid": 2, "dan": 2}
        assert folder_roles("data", tree("rock/wav", "jazz/wav")).said == ""

    def test_speakers_outside(self):
        files = tree(*each("speaker_1 speaker_2", "yes no"))
        assert values(files, "label") == {"yes": 4, "no": 4}
        assert values(files, "group") == {"speaker_1": 4, "speaker_2": 4}

    @pytest.mark.parametrize(
        "people", ["subj01 subj02", "S1 S2", "p225 p226", "Speaker_A Speaker_B", "singer1 singer2"]
    )
    def test_people_are_groups_on_either_side(self, people):
        for files in (tree(*each(people, "yes no")), tree(*each("yes no", people))):
            assert values(files, "label") == {"yes": 4, "no": 4}
            assert values(files, "group") == dict.fromkeys(people.split(), 4)
            assert values(files, "fold") == {None: 8}

    def test_numbers_that_every_class_has(self):
        assert values(tree(*each("yes no", "1 2 3")), "group") == {"1": 4, "2": 4, "3": 4}

    def test_two_artists_in_each_genre(self):
        files = tree("rock/ann", "rock/bob", "jazz/cid", "jazz/dan", "folk/eve")
        assert values(files, "group") == dict.fromkeys(("ann", "bob", "cid", "dan", "eve"), 2)


def test_unlabelled_part():
    roles = folder_roles("data", tree("train/dog", "train/rain", "test"))
    assert [row["split"] for row in roles.rows] == ["train"] * 4
    assert roles.outside == ["test/0.wav", "test/1.wav"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (tree("dog", "rain"), ""),
        (tree("a/dog", "a/rain"), "classes: dog, rain; inside a/"),
        (
            tree(*each("test train val", "dog rain")),
            "classes: dog, rain; train/val/test taken as the published split",
        ),
    ],
)
def test_said(files, said):
    assert folder_roles("data", files).said == said
