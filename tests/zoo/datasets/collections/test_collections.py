"""Published collections are recognised as they lie after unpacking, and nothing else is."""

import csv
import shutil
from pathlib import Path

import pytest

from tests import published
from tests.notes import Notes
from zoo.datasets import Dataset, open_dataset
from zoo.datasets.collections.known import COLLECTIONS
from zoo.datasets.metadata import write_metadata
from zoo_registry.errors import DatasetError
from zoo_registry.reading import Reading

MAKERS = {
    "gtzan": published.kaggle,
    "esc-10": published.esc,
    "esc-50": lambda folder: published.esc(folder, (("dog", 0), ("cat", 5))),
    "urbansound8k": published.urbansound8k,
    "fma-small": published.fma,
    "fma-medium": lambda folder: published.fma(folder, "medium"),
    "fma-large": lambda folder: published.fma(folder, "large"),
    "ballroom": published.ballroom,
    "speech-commands-0.02": published.speech_commands,
    "speech-commands-0.01": lambda folder: published.speech_commands(folder, ("yes", "no")),
    "mtg-jamendo-genre": published.mtg_jamendo,
}
WITH_TABLE = {
    "esc-10": "audio",
    "urbansound8k": "audio",
    "fma-small": "fma_small",
    "mtg-jamendo-genre": "raw_30s",
}  # and the folder in which the recordings lie without it


def read(folder: Path) -> tuple[Dataset, list[str]]:
    notes = Notes()
    return open_dataset(str(folder), reporter=notes), notes.texts


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with one small copy per collection."""
    root = tmp_path_factory.mktemp("published")
    for name, make in MAKERS.items():
        make(root / name)
    return root


def test_every_collection_has_a_copy_here():
    assert MAKERS.keys() == COLLECTIONS.keys()


@pytest.mark.parametrize("name", MAKERS)
class TestEach:
    def test_it_is_recognised_below_any_folder(self, made, name, tmp_path):
        dataset, (said, *_) = read(made / name)
        assert dataset.collection == name
        collection = COLLECTIONS[name]
        assert said.startswith(f"{collection.title}: {len(dataset)} of {collection.files} files")
        assert dataset.said == said
        shutil.copytree(made / name, tmp_path / "my data" / "unpacked" / "again")
        below, _ = read(tmp_path)
        assert (below.fingerprint, below.collection) == (dataset.fingerprint, name)
        assert [track.id for track in below.tracks] == [track.id for track in dataset.tracks]

    def test_its_tracks_are_kept_together(self, made, name):
        dataset, _ = read(made / name)
        assert dataset.has_groups
        assert all(track.group for track in dataset.tracks)

    def test_at_an_address(self, made, name):
        local, notes = read(made / name)
        notes_there = Notes()
        there = open_dataset(f"file://{made / name}", reporter=notes_there)
        assert (there.fingerprint, there.said, notes_there.texts) == (
            local.fingerprint, local.said, notes,
        )  # fmt: skip
        assert all(Path(track.url.removeprefix("file://")).is_file() for track in there.tracks)

    def test_its_card_says_what_there_is(self, name):
        card = COLLECTIONS[name]
        assert card.citation.startswith("@")
        assert card.citation.count("{") == card.citation.count("}")
        assert card.address.startswith("https://")
        assert card.faults.endswith((".", ")."))
        assert card.licence
        assert card.missing(card.files) == ""


def by_id(dataset: Dataset) -> dict:
    return {track.id: track for track in dataset.tracks}


def test_gtzan_as_first_published_and_in_its_parts(tmp_path):
    published.gtzan(tmp_path / "genres", ".au")
    dataset, (said,) = read(tmp_path)
    assert list(by_id(dataset))[:2] == ["blues/blues.00000.au", "blues/blues.00001.au"]
    assert said.endswith("3 classes; songs of one artist, and copies, kept together.")
    assert by_id(dataset)["blues/blues.00000.au"].group
    kaggle = published.kaggle(tmp_path / "kaggle")
    whole = open_dataset(str(kaggle))
    for part in ("Data", "Data/genres_original"):
        assert open_dataset(str(kaggle / part)).fingerprint == whole.fingerprint
    table = open_dataset(str(kaggle / "Data" / "features_3_sec.csv"))
    assert (table.collection, len(table), len(set(table.groups.tolist()))) == ("gtzan", 18, 5)
    shutil.copytree(tmp_path / "genres", kaggle / "genres")
    with pytest.raises(DatasetError, match="holds GTZAN more than once"):
        read(kaggle)


def test_esc_has_one_form_in_every_layout(tmp_path):
    """ESC-10 in class folders, with a metadata.csv, as first published and as ESC-50."""
    flat = published.esc(tmp_path / "flat")
    dataset, _ = read(flat)
    track = by_id(dataset)["dog/1-10001-A.wav"]
    assert (track.label, track.fold, track.group, track.path.name) == (
        "dog", "1", "10001", "1-10001-A-0.wav",
    )  # fmt: skip
    rows = [["path", "label", "fold", "group"]]
    for track in dataset.tracks:
        for folder in ("listed", "classes", "former/ESC-10-master"):
            name = {"dog": "001 - Dog bark", "rain": "002 - Rain"}[track.label]
            place = tmp_path / folder / (name if "former" in folder else track.label)
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(track.path, place / Path(track.id).name)
        rows.append([track.id, track.label, track.fold, track.group])
    published.lines(tmp_path / "listed" / "metadata.csv", rows)
    for folder in ("listed", "classes", "former"):
        other, _ = read(tmp_path / folder)
        assert (other.fingerprint, other.collection) == (dataset.fingerprint, "esc-10"), folder


@pytest.mark.real
def test_esc_10_repacked_as_esc_50(real_data, tmp_path):
    """The real recordings, with the classes' numbers at the ends of their names."""
    dataset, _ = read(real_data / "esc10")
    rows = [["filename", "fold", "target", "category", "esc10", "src_file", "take"]]
    (tmp_path / "audio").mkdir()
    for track in dataset.tracks:
        path, target = Path(track.id), dataset.classes.index(track.label)
        name = f"{path.stem}-{target}{path.suffix}"
        shutil.copy(track.path, tmp_path / "audio" / name)
        rows.append([name, track.fold, target, track.label, True, track.group, path.stem[-1]])
    published.lines(tmp_path / "meta" / "esc50.csv", rows)
    repacked, (said, *_) = read(tmp_path)
    assert (repacked.collection, dataset.collection) == ("esc-10", "esc-10")
    assert repacked.fingerprint == dataset.fingerprint
    assert said.startswith("ESC-10: 400 of 400 files, 10 classes")


def test_urbansound8k_beside_its_table(made, tmp_path):
    published.urbansound8k(tmp_path, beside=True)
    dataset, _ = read(tmp_path)
    assert dataset.fingerprint == read(made / "urbansound8k")[0].fingerprint
    track = by_id(dataset)["fold2/2003-3-0-1.wav"]
    assert (track.label, track.fold, track.group) == ("dog_bark", "2", "2003")


def test_fma_has_split_artist_and_root_genre(made):
    dataset, notes = read(made / "fma-large")
    track = by_id(dataset)["000/000010.mp3"]
    assert (track.label, track.split, track.group) == ("Hip-Hop", "valid", "101")
    assert "1 without a root genre (155320.mp3)" in notes[1]


def test_ballroom_keeps_albums_together(made):
    dataset, _ = read(made / "ballroom")
    assert dataset.classes == ("Jive", "Rumba", "VienneseWaltz")
    tracks = by_id(dataset)
    assert tracks["Jive/Albums-Latin_Jam0-06.wav"].group == "Albums-Latin_Jam0"
    assert tracks["Jive/Media-106001.wav"].group == tracks["Jive/Media-106002.wav"].group


def test_speech_commands_has_lists_and_no_class_of_noise(made, tmp_path):
    dataset, notes = read(made / "speech-commands-0.02")
    assert dataset.classes == ("learn", "no", "yes")
    parts = {track.group: track.split for track in dataset.tracks}
    assert parts == {
        "0a7c2a8d": "train", "3cfc6b3a": "train", "c120e80e": "test", "0227998e": "valid",
    }  # fmt: skip
    assert notes[1] == "Skipped 1 file: 1 of background noise (pink_noise.wav)."
    own, (said, _) = read(published.speech_commands(tmp_path, ("hello", "goodbye")))
    assert (own.collection, own.classes) == (None, ("goodbye", "hello"))
    assert said == "Names as in Speech Commands: published split, speakers kept together."


def test_mtg_jamendo_takes_tracks_of_one_genre(made, tmp_path):
    dataset, notes = read(made / "mtg-jamendo-genre")
    assert dataset.classes == ("ambient", "rock")
    track = by_id(dataset)["00/1376200.mp3"]
    assert (track.label, track.split, track.group) == ("ambient", "train", "artist_834050")
    assert "only tracks of exactly one genre (4 here have several), published split" in notes[0]
    assert "4 of several genres" in notes[1]
    assert len(open_dataset(str(published.mtg_jamendo(tmp_path, low=True)))) == len(dataset)


@pytest.mark.parametrize("name", MAKERS)
def test_a_part_is_recognised(made, name, tmp_path):
    """Two of three recordings, as after an interrupted download."""
    folder = tmp_path / "part"
    shutil.copytree(made / name, folder)
    for track in read(folder)[0].tracks[::3]:
        track.path.unlink()
    dataset, _ = read(folder)
    assert dataset.collection == name


@pytest.mark.parametrize("name", WITH_TABLE)
def test_the_table_is_asked_for(made, name, tmp_path):
    """Other files that are called like tables do not hide it, nor does a recording."""
    with pytest.raises(DatasetError, match="; give the folder that holds both"):
        read(made / name / WITH_TABLE[name])
    shutil.copytree(made / name / WITH_TABLE[name], tmp_path / "audio")
    published.clip(tmp_path / "mine" / "a.wav", 1)
    (tmp_path / "requirements.txt").write_text("numpy\n")
    (tmp_path / "autotagging.tsv").write_text("TRACK_ID\tPATH\n")
    with pytest.raises(DatasetError, match="; give the folder that holds both"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("esc-10", "meta/esc50.csv"),
        ("urbansound8k", "metadata/UrbanSound8K.csv"),
        ("fma-small", "fma_metadata/tracks.csv"),
        ("mtg-jamendo-genre", "data/splits/split-0/autotagging_genre-train.tsv"),
    ],
)
def test_its_table_is_the_collection_around_it(made, name, table, monkeypatch):
    known, notes = read(made / name)
    dataset, said = read(made / name / table)
    assert (dataset.fingerprint, dataset.collection, said) == (known.fingerprint, name, notes)
    assert (dataset.source, dataset.name) == (str(made / name / table), Path(table).stem)
    monkeypatch.chdir((made / name / table).parent)
    assert open_dataset(Path(table).name).fingerprint == known.fingerprint


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("fma-small", "fma_metadata/tracks.csv"),
        ("mtg-jamendo-genre", "data/splits/split-0/autotagging_genre-train.tsv"),
    ],
)
def test_its_table_without_recordings(made, name, table, tmp_path):
    shutil.copytree((made / name / table).parent, (tmp_path / table).parent)
    match = r"is a table of .*, whose recordings are not in .*; put them"
    with pytest.raises(DatasetError, match=match):
        read(tmp_path / table)


def test_its_table_comes_before_an_own_metadata_csv(made, tmp_path):
    folder = tmp_path / "all"
    shutil.copytree(made / "esc-10", folder)
    files = sorted((folder / "audio").iterdir())
    rows = [[f"audio/{path.name}", "xy"[n % 2]] for n, path in enumerate(files)]
    published.lines(folder / "metadata.csv", [["path", "label"], *rows])
    assert open_dataset(str(folder)).classes == ("x", "y")
    assert open_dataset(str(folder / "meta" / "esc50.csv")).classes == ("dog", "rain")


@pytest.mark.parametrize("name", MAKERS)
def test_it_stays_what_it_is_with_a_metadata_csv_of_the_zoo(made, name, tmp_path):
    folder = tmp_path / "all"
    shutil.copytree(made / name, folder)
    before, _ = read(folder)
    assert write_metadata(before, [], folder)
    after = open_dataset(str(folder))
    assert (after.fingerprint, after.collection) == (before.fingerprint, name)
    assert write_metadata(after, [], folder) is None
    left_out = after.tracks[0].path.relative_to(folder).as_posix()
    rows = (folder / "metadata.csv").read_text().splitlines(keepends=True)
    kept = [row for row in rows if not row.startswith(f"{left_out},")]
    (folder / "metadata.csv").write_text("".join(kept))
    part = open_dataset(str(folder))
    assert part.collection == name
    assert part.fingerprint == before.without({before.tracks[0].id}).fingerprint


def test_names_in_an_own_metadata_csv_are_paths(made, tmp_path):
    """As in earlier versions: a run on them can be verified."""
    folder = tmp_path / "all"
    shutil.copytree(made / "urbansound8k", folder)
    known = open_dataset(str(folder))
    rows = [[f"audio/{track.id}", track.label, track.fold] for track in known.tracks]
    published.lines(folder / "metadata.csv", [["path", "label", "fold"], *rows])
    dataset = open_dataset(str(folder))
    assert [track.id for track in dataset.tracks] == [path for path, _, _ in rows]
    assert dataset.collection == "urbansound8k"


class TestStrangers:
    """A few recordings of other names do not hide a collection."""

    @pytest.fixture(params=["gtzan", "ballroom", "speech-commands-0.02", "esc-10"])
    def folder(self, request, tmp_path):
        """Return a folder of class folders."""
        if request.param == "gtzan":
            return published.gtzan(tmp_path / "genres", each=4)
        folder = MAKERS[request.param](tmp_path / "all")
        if request.param == "ballroom":
            return folder / "BallroomData"
        if request.param == "esc-10":
            for path in list((folder / "audio").iterdir()):
                place = folder / {"0": "dog", "10": "rain"}[path.stem.rpartition("-")[2]]
                place.mkdir(exist_ok=True)
                path.rename(place / path.name)
            shutil.rmtree(folder / "meta")
        return folder

    def test_in_a_class_folder(self, folder):
        before = read(folder)[0]
        label = before.classes[0]
        published.clip(folder / label / "mine.wav", 3)
        dataset, (said, *_) = read(folder)
        assert "1 other file (mine.wav) labelled by folder" in said
        assert dataset.collection == before.collection
        assert by_id(before).items() <= by_id(dataset).items()
        mine = by_id(dataset)[f"{label}/mine.wav"]
        assert (len(dataset), mine.label, mine.group) == (len(before) + 1, label, None)

    def test_many_of_them_do_not_cost_the_groups(self, folder):
        before = read(folder)[0]
        for number in range(len(before) - 1):
            published.clip(folder / before.classes[0] / f"mine{number}.wav", number)
        dataset, (said, *_) = read(folder)
        assert f"{len(before) - 1} other files (mine" in said
        assert by_id(before).items() <= by_id(dataset).items()

    def test_in_a_folder_of_its_own(self, folder):
        before = read(folder)[0]
        published.clip(folder / "mine" / "a.wav", 3)
        dataset, (said, *_) = read(folder)
        assert "1 other file (a.wav) labelled by folder, of the further class mine" in said
        assert dataset.classes == tuple(sorted({*before.classes, "mine"}))

    def test_elsewhere(self, folder):
        published.clip(folder.parent / "mine" / "a.wav", 3)
        with pytest.raises(DatasetError, match=r"and another recording, such as 'mine/a\.wav'"):
            read(folder.parent)


def test_a_copy_of_gtzan_s_file_is_kept_with_it(tmp_path):
    folder = published.kaggle(tmp_path, each=4)
    published.clip(folder / "Data/genres_original/jazz/jazz.00001 (1).wav", 3)
    dataset, _ = read(folder)
    groups = dict(zip(by_id(dataset), dataset.groups.tolist(), strict=True))
    assert groups["jazz/jazz.00001 (1).wav"] == groups["jazz/jazz.00001.wav"]


def test_speech_commands_in_other_folders(made, tmp_path):
    """Kaggle's copy has the lists above the words; a split of the user's has noise in it."""
    known, _ = read(made / "speech-commands-0.02")
    words = tmp_path / "kaggle" / "train" / "audio"
    shutil.copytree(made / "speech-commands-0.02", words)
    for name in ("testing_list.txt", "validation_list.txt"):
        (words / name).rename(words.parent / name)
    assert read(tmp_path / "kaggle")[0].fingerprint == known.fingerprint
    parts = tmp_path / "parts"
    shutil.copytree(words, parts / "train")
    (parts / "test" / "yes").mkdir(parents=True)
    name = "yes/0a7c2a8d_nohash_0.wav"
    (parts / "train" / name).rename(parts / "test" / name)
    dataset, _ = read(parts)
    assert dataset.classes == known.classes
    assert {track.group for track in dataset.tracks} == {track.group for track in known.tracks}
    assert by_id(dataset)[f"test/{name}"].split == "test"


@pytest.mark.parametrize(
    ("name", "file", "line", "found"),
    [
        ("mtg-jamendo-genre", "autotagging_genre-train.tsv", b"broken line\n", "'broken line' is"),
        ("mtg-jamendo-genre", "autotagging_genre-train.tsv", b"a\tb\tc\td\t1\n", "is not a track"),
        ("mtg-jamendo-genre", "autotagging_genre-test.tsv", b"\xff\n", "it is not in UTF-8"),
        ("speech-commands-0.02", "testing_list.txt", b"\xff\n", "it is not in UTF-8"),
    ],
)
def test_damaged_tables(made, tmp_path, name, file, line, found):
    shutil.copytree(made / name, tmp_path / "all")
    path = min(tmp_path.rglob(file))
    path.write_bytes(path.read_bytes() + line)
    number = path.read_bytes().count(b"\n")
    with pytest.raises(DatasetError, match=rf"{file}, line {number}: .*{found}"):
        read(tmp_path)


@pytest.mark.parametrize("name", WITH_TABLE)
def test_other_recordings_beside_it_are_not_dropped_silently(made, name, tmp_path):
    shutil.copytree(made / name, tmp_path / "known")
    published.clip(tmp_path / "mine" / "a.wav", 1)
    with pytest.raises(DatasetError, match=r"and another recording, such as 'mine/a\.wav'; give"):
        read(tmp_path)


def changed(path: Path, column: str, change) -> None:
    with path.open() as file:
        rows = list(csv.DictReader(file))
    rows = [row | {column: change(row[column])} for row in rows]
    published.lines(path, [list(rows[0]), *(row.values() for row in rows)])


class TestLookAlikes:
    """Own data in the layout of a collection is none: its tables are not believed."""

    def test_own_classes(self, tmp_path):
        for name in ("esc-10", "urbansound8k"):
            folder = MAKERS[name](tmp_path / name)
            table = next(folder.rglob("*.csv"))
            column = "category" if name == "esc-10" else "class"
            changed(table, column, lambda label: f"my {label}")
            assert collection(folder) is None

    def test_own_folds_and_sources(self, tmp_path):
        folder = published.esc(tmp_path / "esc")
        changed(folder / "meta" / "esc50.csv", "fold", lambda fold: str(6 - int(fold)))
        assert collection(folder) is None
        folder = published.urbansound8k(tmp_path / "urban")
        changed(folder / "metadata" / "UrbanSound8K.csv", "fsID", lambda source: f"{source}0")
        assert collection(folder) is None

    def test_own_folds_with_an_own_table(self, tmp_path):
        rows = [["slice_file_name", "class", "fold"]]
        for fold in range(1, 4):
            for label in ("dog", "rain"):
                published.clip(tmp_path / f"fold{fold}" / f"{label}.wav", fold)
                rows.append([f"{label}.wav", label, fold])
        published.lines(tmp_path / "UrbanSound8K.csv", rows)
        assert collection(tmp_path) is None

    def test_own_tracks_csv(self, tmp_path):
        for number in range(3):
            published.clip(tmp_path / "000" / f"00000{number}.wav", number)
            published.clip(tmp_path / "001" / f"00100{number}.wav", number + 5)
        rows = [["track_id", "genre"], *([n, "pop" if n % 2 else "rock"] for n in range(3))]
        published.lines(tmp_path / "tracks.csv", rows)
        assert collection(tmp_path) is None

    def test_a_class_folder_of_other_names(self, tmp_path):
        """Too few names are published ones."""
        for name, place in (("gtzan", "Data/genres_original/blues"), ("ballroom", "Jive")):
            folder = MAKERS[name](tmp_path / name)
            for number in range(16):
                published.clip(folder / place / f"mine{number}.wav", number)
            assert collection(folder) is None

    def test_short_numbers_are_no_sources(self, tmp_path):
        """ESC-10 has numbers of Freesound in its names, and ESC-50 the class as well."""
        for number, form in enumerate(("{}-{}-A", "{}-10{}-B", "{}-1000{}-B-0", "{}-1000{}-B")):
            classes = ("dog", "rain") if number < 2 else ("sheep", "cat")
            for label in classes:
                for take in range(3):
                    name = form.format(take + 1, take)
                    published.clip(tmp_path / form / label / f"{name}.wav", take)
            assert collection(tmp_path / form) is None, form

    def test_class_folders_around_numbered_ones(self, tmp_path):
        for label, number in (("Rock", 2), ("Jazz", 5), ("Rock", 1003)):
            name = f"{number:06d}"
            published.clip(tmp_path / label / name[:3] / f"{name}.wav", number)
        assert read(tmp_path)[0].classes == ("Jazz", "Rock")

    def test_gtzan_of_another_genre_or_split(self, tmp_path):
        folder = published.gtzan(tmp_path / "genres")
        (folder / "blues").rename(folder / "sad")
        assert read(folder)[0].classes == ("jazz", "rock", "sad")
        parts = tmp_path / "parts"
        shutil.copytree(folder, parts / "train")
        (parts / "test" / "rock").mkdir(parents=True)
        (parts / "train/rock/rock.00001.wav").rename(parts / "test/rock/rock.00001.wav")
        assert collection(parts) != "esc-50"

    def test_columns_that_the_user_names_come_first(self, made):
        dataset = open_dataset(str(made / "esc-10"), reading=Reading(label="take"))
        assert (dataset.collection, dataset.classes) == (None, ("A", "B"))


def collection(folder: Path) -> str | None:
    """Return the collection of a folder, also if it cannot be understood otherwise."""
    from zoo.datasets.collections.known import recognise
    from zoo.datasets.layout.listing import local_listing

    layout = recognise(local_listing(folder))
    return layout and layout.collection
