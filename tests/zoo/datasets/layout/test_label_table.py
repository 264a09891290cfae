"""Tables of labels, as spreadsheets, other systems and publishers write them."""

import csv
import tracemalloc
import unicodedata
from contextlib import nullcontext
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest

from zoo.audio.folders import PassedOver
from zoo.datasets import FeatureTable, Reading, open_dataset
from zoo.datasets.folder import read_folder
from zoo.datasets.layout.listing import Listing
from zoo.datasets.layout.understand import METADATA, understand
from zoo.inference.output_file import csv_header
from zoo_registry import DatasetError

PATHS = [f"Böen/{shard}/{number}.wav" for shard in ("000", "001") for number in range(4)]
CLASSES = [f"{label}/{label} {number}.wav" for label in ("dog", "rain") for number in range(6)]


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a folder whose names say nothing; reading it decodes nothing."""
    for number, path in enumerate(PATHS):
        place = tmp_path / "data" / "clips" / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(bytes([number]))
    return tmp_path / "data"


def write(path: Path, rows, delimiter: str = ",", encoding: str = "utf-8") -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)


def table(change=str, head=("path", "label")):
    return [head, *((change(f"clips/{path}"), "ab"[number % 2] + "ö")
                    for number, path in enumerate(PATHS))]  # fmt: skip


def labels(folder: Path) -> dict[str, str]:
    return {track.id: track.label for track in read_folder(folder).tracks}


WANTED = dict(table()[1:])


@pytest.mark.parametrize(
    ("delimiter", "encoding"),
    [(",", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16"), ("|", "utf-16-le"), (";", "cp1252")],
)
def test_separators_and_encodings(folder, delimiter, encoding):
    write(folder / METADATA, table(), delimiter, encoding)
    dataset = read_folder(folder)
    assert {track.id: track.label for track in dataset.tracks} == WANTED
    assert ("in cp1252, which is a guess" in dataset.said) == (encoding == "cp1252")


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.replace("/", "\\"),
        lambda path: f"./{path}",
        lambda path: f"  {path} ",
        lambda path: f"/home/ann/data/{path}",
        lambda path: "C:\\Users\\Ann\\data\\" + path.replace("/", "\\"),
        lambda path: f"file:///mnt/sound/{path}",
        lambda path: path.removeprefix("clips/"),
        lambda path: f"/mnt/other/{path.removeprefix('clips/')}",
        lambda path: unicodedata.normalize("NFD", path),
        str.upper,
        lambda path: path.removesuffix(".wav"),
        lambda path: path.replace(".wav", ".mp3"),
    ],
)
def test_spellings_of_paths(folder, change):
    for name in ("meta/list.tsv", METADATA):
        write(folder / name, table(change), "\t" if name.endswith("v") else ",")
        assert labels(folder) == WANTED


@pytest.mark.parametrize(
    "head",
    [
        ("path", "label"), ("Path", "Label"), ("filename", "category"), ("file_name", "genre"),
        ("slice_file_name", "class"), ("fname", "species"), ("track", "tag"), ("File", "target"),
        ("track_id", "class"), ("whatever", "label"),
    ],
)  # fmt: skip
def test_names_of_columns(folder, head):
    write(folder / "meta" / "list.csv", table(head=head))
    dataset = read_folder(folder)
    assert {track.id: track.label for track in dataset.tracks} == WANTED
    assert dataset.said == f"labels from meta/list.csv: path in {head[0]}, label in {head[1]}"


def test_annotations_and_unused_columns(folder):
    head = ["filename", "class", "classID", "fsID", "Fold", "subset", "mood", "source"]
    rows = [
        [path, label, "01"[label == "aö"], f"{number // 2}.0", f"{number % 3}.0",
         ["Training", "dev"][number % 2], "sad", "radio"]
        for number, (path, label) in enumerate(WANTED.items())
    ]  # fmt: skip
    write(folder / "list.csv", [head, *rows])
    dataset = read_folder(folder)
    assert {t.group for t in dataset.tracks} == {"0.0", "1.0", "2.0", "3.0"}
    assert {t.fold for t in dataset.tracks} == {"0", "1", "2"}
    assert {t.split for t in dataset.tracks} == {"train", "valid"}
    assert dataset.said.endswith("; not used: classID, mood, source")


def test_names_alone_where_they_differ_and_numbers(tmp_path):
    for number in range(1, 7):
        path = tmp_path / "data" / f"{number % 2:03d}" / f"{number:06d}.mp3"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([number]))
    rows = [["track_id", "genre"], *([number, "ab"[number > 3]] for number in range(1, 7))]
    write(tmp_path / "data" / "tracks.csv", rows)
    assert labels(tmp_path / "data") == {
        f"{number % 2:03d}/{number:06d}.mp3": "ab"[number > 3] for number in range(1, 7)
    }


def test_numbers_as_labels(folder):
    rows = [[path, ["1", "1.0", "0.0"][number % 3]] for number, path in enumerate(WANTED)]
    write(folder / METADATA, [["path", "label"], *rows])
    assert read_folder(folder).classes == ("0", "1")


def test_repeated_rows_and_missing_files(folder):
    rows = table(head=("filename", "genre"))
    write(folder / "list.csv", [*rows, rows[1], ["gone.wav", "aö"]])
    dataset = read_folder(folder)
    assert len(dataset) == 8
    assert "1 of 9 rows have no file here (gone.wav)" in dataset.said
    write(folder / "list.csv", [*rows, [rows[1][0], "other"]])
    with pytest.raises(DatasetError, match=r"names the track '.*' twice, .*'aö' and 'other'"):
        read_folder(folder)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (
            [["file", "class", "genre"],
             *([path, "ab"[n % 2], "xy"[n > 3]] for n, path in enumerate(WANTED))],
            "several columns of labels: class, genre; say which to use, as in --label-column class",
        ),
        (
            [["file", "label"], *([p, "a|b" if n == 3 else "ab"[n % 2]]
                                  for n, p in enumerate(WANTED))],
            r"line 5: 'a\|b' are 2 labels, and a track has one",
        ),
        (
            [["file", "label"], *([p.rpartition("/")[2], "ab"[n % 2]]
                                  for n, p in enumerate(WANTED))],
            "line 2: '0.wav' may be '.*' or '.*'; write the path with its folder",
        ),
        (
            [["file", "tags"], *([p, ["a|b", "a|c", "d"][n % 3]] for n, p in enumerate(WANTED))],
            r"line 2: 'a\|b' are 2 labels",
        ),
        *(
            ([["file", "tags"], *([p, cells[n % 2]] for n, p in enumerate(WANTED))], reason)
            for cells, reason in [
                (("Bark,Dog,Animal", "Meow,Cat,Animal"), "'Bark,Dog,Animal' are 3 labels"),
                (("dog,loud", "dog"), "'dog,loud' are 2 labels"),
            ]
        ),
    ],
)  # fmt: skip
def test_more_than_one_reading_is_refused(folder, rows, reason):
    write(folder / "list.csv", rows)
    with pytest.raises(DatasetError, match=reason):
        read_folder(folder)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["file", "a", "b"], *([p, n % 2, 1 - n % 2] for n, p in enumerate(WANTED))],
         "no column of .* is called label.*--label-column: a, b"),
        (table()[1:], "the first line of .* names an audio file; write a line above it"),
        ([["file", "genre"], *([p.replace("clips", "wavs"), "ab"[n % 2]]
                               for n, p in enumerate(WANTED))],
         "one class only, 'clips'.*--data labels.csv"),
    ],
)  # fmt: skip
def test_tables_without_what_is_needed(folder, rows, reason):
    for place in (folder / "clips" / "Böen").iterdir():
        for path in place.iterdir():
            path.rename(folder / "clips" / f"Böen {place.name} {path.name}")
        place.rmdir()
    (folder / "clips" / "Böen").rmdir()
    write(folder / "list.csv", [[str(c).replace("/", " ").replace("s ", "s/") for c in row]
                                for row in rows])  # fmt: skip
    with pytest.raises(DatasetError, match=reason):
        read_folder(folder)


def test_the_text_of_other_columns_is_not_kept(tmp_path):
    files = [f"clips/{number:04d}.wav" for number in range(1500)]
    other = ["text " * 10] * 90
    rows = [[path, "ab"[number % 2], *other] for number, path in enumerate(files)]
    write(tmp_path / "list.csv", [["file", "genre", *range(90)], *rows])
    size = (tmp_path / "list.csv").stat().st_size
    listing = Listing("data", files, (), ["list.csv"], PassedOver(), set(files).__contains__,
                      lambda path: nullcontext(tmp_path / path))  # fmt: skip
    tracemalloc.start()
    assert len(understand(listing, Reading()).rows) == len(files)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size * 0.7


def test_numbers_of_rows_are_no_names_of_files(folder):
    write(folder / "list.csv", [["id", "genre"], *([n, "ab"[n % 2]] for n in range(4))])
    with pytest.raises(DatasetError, match=r"000/001 have names of parts .*; list.csv is not used"):
        read_folder(folder)


def test_two_tables_that_fit(folder):
    for name in ("one.csv", "two.csv"):
        write(folder / name, table(head=("file", "genre")))
    assert labels(folder) == WANTED
    write(folder / "two.csv", [["file", "genre"], *([p, p[-5]] for p in WANTED)])
    with pytest.raises(DatasetError, match=r"2 tables .* one.csv \(.*\) and two.csv .*--data"):
        read_folder(folder)


def test_tables_of_parts(folder):
    head, *rows = table(head=("file", "genre"))
    write(folder / "train.csv", [head, *rows[:5]])
    write(folder / "test" / METADATA, [head, *rows[5:]])
    dataset = read_folder(folder)
    assert {track.id: track.label for track in dataset.tracks} == WANTED
    assert [t.split for t in dataset.tracks].count("train") == 5


@pytest.fixture
def classes(tmp_path) -> Path:
    """Return a folder of the classes dog and rain."""
    for number, path in enumerate(CLASSES):
        (tmp_path / "data" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / path).write_bytes(bytes([number]))
    return tmp_path / "data"


def by_class(other: str, differ: int = 12, head=("file", "label")):
    """Return a table with the labels of the folders, of which the last ones differ."""
    return [head, *([path, path.partition("/")[0] if n < 12 - differ else f"{other}{n % 2}"]
                    for n, path in enumerate(CLASSES))]  # fmt: skip


class TestTablesBesideClassFolders:
    """Tables that name the files of class folders."""

    def test_a_list_of_broken_files_is_no_table_of_labels(self, classes):
        rows = [["filename", "category"], [CLASSES[0], "noise"], [CLASSES[5], "silence"]]
        write(classes / "broken.csv", rows)
        dataset = read_folder(classes)
        assert dataset.classes == ("dog", "rain")
        assert dataset.said == "broken.csv is not used: it names 2 of 12 audio files"

    @pytest.mark.parametrize("name", ["broken_files.csv", "old/labels_backup.csv", "playlist.txt"])
    def test_other_labels_are_not_used(self, classes, name):
        write(classes / name, by_class("bad", 5, head=("file", "class")), "\t")
        dataset = read_folder(classes)
        assert dataset.classes == ("dog", "rain")
        assert (
            f"{name} is not used: its labels differ from the folders' for 5 of 12" in dataset.said
        )
        if name.startswith("old/"):
            assert f"move it to {classes} and give it as --data to take them" in dataset.said
            name = "labels.csv"
            (classes / "old" / "labels_backup.csv").rename(classes / name)
        else:
            assert f"--data {classes}/{name} takes them" in dataset.said
        assert "bad1" in open_dataset(str(classes / name)).classes

    def test_a_table_called_as_one_of_labels_is_refused(self, classes):
        write(classes / "Labels.csv", by_class("mood"))
        with pytest.raises(
            DatasetError, match=r"contradict .* differ .* 12 of 12 .*--data .*Labels.csv"
        ):
            read_folder(classes)
        write(classes / "Labels.csv", by_class("", 0))
        write(classes / "labels_old.csv", by_class("bad", 3))
        dataset = read_folder(classes)
        assert dataset.said.startswith("labels from Labels.csv: path in file, label in label")
        assert "labels_old.csv is not used" in dataset.said

    @pytest.mark.parametrize("names", ["audio extra", "Folder_1 Folder_2", "part-a part-b", "1 2"])
    def test_folders_that_say_nothing(self, classes, names):
        for old, new in zip(("dog", "rain"), names.split(), strict=True):
            (classes / old).rename(classes / new)
        paths = [path.relative_to(classes) for path in sorted(classes.rglob("*.wav"))]
        rows = [[path, "ab"[n % 2]] for n, path in enumerate(paths)]
        write(classes / "list.csv", [["file", "mood", "label"], *([p, "", y] for p, y in rows)])
        if names.startswith("part"):  # no classes
            assert read_folder(classes).classes == ("a", "b")
            return
        with pytest.raises(DatasetError, match=r"list.csv and by folders contradict each other"):
            read_folder(classes)

    @pytest.mark.parametrize("timeline", [False, True])
    def test_predictions_are_no_labels(self, classes, timeline):
        head = csv_header(timeline).strip().split(",")
        rows = [[path if name == "path" else "rain" if name == "label" else "1" for name in head]
                for path in CLASSES]  # fmt: skip
        for name in ("predictions.csv", METADATA):
            write(classes / name, [head, *rows])
        dataset = read_folder(classes)
        assert dataset.classes == ("dog", "rain")
        assert "its labels are the output of `zoo predict`" in dataset.said

    def test_other_names_of_the_same_classes_are_taken(self, classes):
        rows = [[path, {"d": "Canis", "r": "Pluvia"}[path[0]]] for path in CLASSES]
        write(classes / "list.csv", [["file", "species"], *rows])
        assert read_folder(classes).classes == ("Canis", "Pluvia")

    def test_unclear_labels_of_other_tables(self, classes):
        rows = [[path, "ab"[n % 2], "xy"[n > 3]] for n, path in enumerate(CLASSES)]
        write(classes / "notes.csv", [["file", "class", "genre"], *rows])
        dataset = read_folder(classes)
        assert dataset.classes == ("dog", "rain")
        assert "notes.csv has several columns of labels" in dataset.said

    @pytest.mark.parametrize("name", ["durations.csv", METADATA])
    @pytest.mark.parametrize(
        ("outer", "role", "values"),
        [
            ("{part}/{label}", "split", {"train", "test"}),
            ("fold{fold}/{label}", "fold", {"0", "1"}),
            ("{label}/{artist}/album", "group", {"rock 0", "rock 1", "jazz 0", "jazz 1"}),
        ],
    )
    def test_folders_say_what_a_table_lacks(self, tmp_path, name, outer, role, values):
        rows = [["path", "seconds"]]
        for number in range(12):
            label = ["rock", "jazz"][number % 2]
            fold = number // 2 % 2
            part = ["train", "test"][fold]
            place = outer.format(part=part, fold=fold, label=label, artist=f"{label} {fold}")
            rows.append([f"{place}/{number}.wav", "1"])
            (tmp_path / place).mkdir(parents=True, exist_ok=True)
            (tmp_path / rows[-1][0]).write_bytes(bytes([number]))
        write(tmp_path / name, rows)
        for place in (tmp_path, tmp_path / name):
            dataset = open_dataset(str(place))
            assert {getattr(track, role) for track in dataset.tracks} == values
            assert dataset.classes == ("jazz", "rock")
            assert f"{role} by folders" in dataset.said


def test_parts_without_class_folders_are_those_of_a_table(tmp_path):
    rows = [["file", "label"]]
    for number in range(8):
        rows.append([f"{['train', 'test'][number // 4]}/{number}.wav", "ab"[number % 2]])
        (tmp_path / rows[-1][0]).parent.mkdir(exist_ok=True)
        (tmp_path / rows[-1][0]).write_bytes(bytes([number]))
    write(tmp_path / "all.csv", rows)
    dataset = read_folder(tmp_path)
    assert [track.split for track in dataset.tracks].count("test") == 4
    assert dataset.said.endswith("; split by folders")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: [*rows[:3], [*rows[3], "more"], *rows[4:]], "line 4: 3 values for 2 columns"),
        (lambda rows: rows[:1], "it has no rows below its first line"),
        (lambda rows: rows[:3], "it names 2 of 8 audio files"),
        (lambda rows: [["a", "b"], *([n, "a"] for n in range(8))], "it names 0 of 8 audio files"),
    ],
)
def test_reasons_why_a_table_is_not_used(folder, change, reason):
    for number, path in enumerate(WANTED):
        (folder / path).rename(folder / f"{number}.wav")
    rows = [["file", "label"], *([f"{n}.wav", "ab"[n % 2]] for n in range(8))]
    write(folder / "labels.csv", change(rows))
    with pytest.raises(DatasetError, match=f"no class folders.*labels.csv is not used: .*{reason}"):
        read_folder(folder)


class TestSeveralTables:
    """Tables of parts, folds and classes."""

    def test_folds(self, folder):
        head, *rows = table(head=("file", "genre"))
        write(folder / "fold1.csv", [head, *rows[::2]])
        write(folder / "fold2.csv", [head, *rows[1::2]])
        assert [track.fold for track in read_folder(folder).tracks].count("2") == 4

    def test_overlapping_parts(self, folder):
        head, *rows = table(head=("file", "genre"))
        write(folder / "train.csv", [head, *rows[:6]])
        write(folder / "test.csv", [head, *rows[5:]])
        with pytest.raises(DatasetError, match=r"test.csv and train.csv .* both name 1 file, such"):
            read_folder(folder)

    def test_a_list_per_class(self, folder):
        for number, name in enumerate(("dog.csv", "rain.csv")):
            write(folder / name, [["file"], *([path] for path in list(WANTED)[number::2])])
        with pytest.raises(DatasetError, match=r"dog.csv and rain.csv .* lists one class, write"):
            read_folder(folder)


def test_the_column_of_paths_that_the_user_names(folder):
    paths = list(WANTED)
    rows = [[path, paths[n - 1], WANTED[path]] for n, path in enumerate(paths)]
    write(folder / "list.csv", [["clean", "noisy", "label"], *rows])
    for place in (folder, folder / "list.csv"):
        with pytest.raises(DatasetError, match="name different audio files; say which"):
            open_dataset(str(place))
        found = open_dataset(str(place), reading=Reading(path="noisy"))
        assert {track.id: track.label for track in found.tracks} == {
            paths[n - 1]: WANTED[path] for n, path in enumerate(paths)
        }
        with pytest.raises(DatasetError, match=r"names (0 of|no audio)"):
            open_dataset(str(place), reading=Reading(path="label"))


def test_a_column_of_labels_that_is_empty(folder):
    rows = [[path, "", label] for path, label in WANTED.items()]
    write(folder / "list.csv", [["file", "mood", "label"], *rows])
    for place in (folder, folder / "list.csv"):
        with pytest.raises(DatasetError, match="its column 'mood' is empty"):
            open_dataset(str(place), reading=Reading(label="mood"))


class TestGivenTable:
    """A table as the dataset, in or outside of the folder of its files."""

    @pytest.mark.parametrize("name", ["list.csv", "clips/list.tsv", "metadata/list.csv"])
    def test_the_files_are_those_of_the_folder(self, folder, name):
        write(folder / name, table(head=("filename", "genre")), "\t" if name[-3] == "t" else ",")
        found = open_dataset(str(folder / name))
        assert {track.path.resolve(): track.label for track in found.tracks} == {
            (folder / path).resolve(): label for path, label in WANTED.items()
        }
        assert (found.name, found.source) == ("list", str(folder / name))
        if not name.startswith("clips"):
            assert found.fingerprint == read_folder(folder).fingerprint

    def test_absolute_paths_and_paths_that_leave_the_folder(self, folder, tmp_path):
        outside = tmp_path / "elsewhere"
        write(outside / "list.csv", table(lambda path: str(folder / path)))
        (folder / "other.wav").touch()  # in no row
        found = open_dataset(str(outside / "list.csv"))
        assert {f"clips/Böen/{track.id}": track.label for track in found.tracks} == WANTED
        write(outside / "list.csv", table(lambda path: f"../data/{path}"))
        found = open_dataset(str(outside / "list.csv"))
        assert {track.id.removeprefix("data/"): track.label for track in found.tracks} == WANTED

    def test_columns_that_the_user_names(self, folder):
        head = ["a", "b", "genre", "artist", "z"]
        rows = [[n, p, "ab"[n % 2], n // 2, n % 4] for n, p in enumerate(WANTED)]
        write(folder / "list.csv", [head, *rows])
        said = Reading(path="b", label="artist", group="z", fold="genre")
        for place in (folder, folder / "list.csv"):
            found = open_dataset(str(place), reading=said)
            assert found.classes == ("0", "1", "2", "3")
            assert {t.group for t in found.tracks} == set("0123")
            assert {t.fold for t in found.tracks} == set("ab")
            assert found.reading == said
        with pytest.raises(
            DatasetError, match=r"has no column 'mood' for --label-column; the closest"
        ):
            open_dataset(str(folder), reading=Reading(label="mood"))
        with pytest.raises(DatasetError, match="demo is not a table"):
            open_dataset("demo", reading=Reading(label="mood"))

    def test_no_file_is_there(self, folder):
        write(folder / "list.csv", [["file", "genre"], ["clips/dog/9.wav", "a"]])
        with pytest.raises(DatasetError, match=r"in line 2, 'clips/dog/9.wav' .*closest .*'clips/"):
            open_dataset(str(folder / "list.csv"))
        write(folder / "lists of mine" / "list.csv", table())
        with pytest.raises(DatasetError, match=r"there is no audio file in .* around its files"):
            open_dataset(str(folder / "lists of mine" / "list.csv"))

    def test_features_stay_features(self, folder):
        head = ["filename", "label", *(f"f{number}" for number in range(9))]
        rows = [[p, "ab"[n % 2], *(n * n % 7 + k for k in range(9))] for n, p in enumerate(WANTED)]
        write(folder / "list.csv", [head, *rows])
        assert isinstance(open_dataset(str(folder / "list.csv")), FeatureTable)
        read = open_dataset(str(folder / "list.csv"), reading=Reading(path="filename"))
        assert {track.id for track in read.tracks} == WANTED.keys()

    @pytest.mark.parametrize("protocol", ["file", "http"])
    def test_at_an_address(self, folder, protocol):
        pytest.importorskip("fsspec" if protocol == "file" else "aiohttp")
        write(folder / "meta" / "list.csv", table(head=("filename", "genre"), change=str.upper))
        local = open_dataset(str(folder))
        handler = partial(SimpleHTTPRequestHandler, directory=str(folder.parent))
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            http = f"http://127.0.0.1:{server.server_port}/data"
            url = f"file://{folder}" if protocol == "file" else http
            for place in ("", "/meta/list.csv"):
                found = open_dataset(f"{url}{place}")
                assert (found.fingerprint, found.said) == (local.fingerprint, local.said)
            with pytest.raises(DatasetError, match="there is no file at"):
                open_dataset(f"{url}/gone.csv")
            server.shutdown()


def test_a_column_of_artists_that_is_not_used_has_its_option(folder):
    def said(head, *columns) -> str:
        rows = [[path, "ab"[n % 2], *(c(n) for c in columns)] for n, path in enumerate(PATHS)]
        write(folder / "list.csv", [["file", "genre", *head], *rows])
        return read_folder(folder).said

    hint = " (--group-column NAME keeps tracks of one artist together)"
    assert said(["Künstler", "Jahr"], lambda n: f"Band {n // 2}", lambda n: 1990 + n // 2).endswith(
        f"not used: Künstler, Jahr{hint}"
    )
    for column in (
        lambda n: f"Band {n}",  # each once
        lambda n: "Stil ab"[-1 - n % 2],  # one per class
        lambda n: 1990 + n // 2,
    ):
        assert "not used: x" in said(["x"], column)
        assert hint not in said(["x"], column)
    assert hint not in said(["artist", "x"], *[lambda n: f"Band {n // 2}"] * 2)


def test_columns_are_named_in_any_case_and_form(folder):
    rows = [[path, "ab"[n % 2], f"Band {n // 2}"] for n, path in enumerate(PATHS)]
    write(folder / "list.csv", [["Datei", "Stil", "Künstler"], *rows])
    group = unicodedata.normalize("NFD", "künstler")
    found = read_folder(folder, reading=Reading(path="DATEI", label="stil", group=group))
    assert (found.classes, len(set(found.groups.tolist()))) == (("a", "b"), 4)
    with pytest.raises(DatasetError, match=r"no column 'Stile' .*; the closest is 'Stil'; its col"):
        read_folder(folder, reading=Reading(path="Datei", label="Stile"))


def test_what_a_table_or_a_folder_lacks_is_said(folder, tmp_path):
    def refusal(data: Path, **said: str) -> str:
        with pytest.raises(DatasetError) as caught:
            open_dataset(str(data), reading=Reading(**said))
        return str(caught.value)

    rows = [["Lied", "Stil"], *([f"Song {n}", "ab"[n % 2]] for n, path in enumerate(PATHS))]
    write(folder / "list.csv", rows)
    for place in (folder, folder / "list.csv"):
        assert "say which with --path-column" in refusal(place, label="Stil")
    assert "with --label-column, and " in refusal(folder / "list.csv")
    # An export with numbers is not a feature table if the user says where its files are.
    write(tmp_path / "export.csv", [["Name", "Genre", "Year"], ["Song", "pop", 1999]])
    (tmp_path / "any.wav").touch()
    sentence = "in line 2, 'Song' of the column 'Name' is not there"
    assert sentence in refusal(tmp_path / "export.csv", path="Name")
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "1.wav").touch()
    (tmp_path / "flat" / "labels.xlsx").touch()
    assert "if labels.xlsx has the labels, save it as CSV" in refusal(tmp_path / "flat")
    assert "save it as CSV" in refusal(tmp_path / "flat" / "labels.xlsx")


def test_addresses_of_files_of_another_machine(folder):
    (folder / "clips" / "Böen" / "000").rename(folder / "clips" / "Böen" / "A dog #1")
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.wav"))
    address = "file://localhost/Users/ann/Music/"
    rows = [[address + quote(path), "ab"[n % 2]] for n, path in enumerate(paths)]
    write(folder / "list.csv", [["location", "genre"], *rows])
    for place in (folder, folder / "list.csv"):
        assert len(open_dataset(str(place))) == len(paths)


def test_a_table_that_labels_the_folders(tmp_path):
    folder = tmp_path / "library"
    for artist in ("Ann", "Bo", "Cy", "Di"):
        for name in ("x.wav", "y.wav"):
            path = folder / artist / "Album" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(f"{artist} {name}".encode())
    rows = [["ann", "rock"], ["Bo", "rock"], ["Cy", "pop"]]
    write(folder / "genres.csv", [["artist", "genre"], *rows])
    with pytest.raises(
        DatasetError, match=r"genres.csv has 'genre' for the folders .* by 'artist'"
    ):
        read_folder(folder)


@pytest.mark.parametrize(("values", "is_said"), [(("test", "train"), True), (("1", "2"), False)])
def test_folds_that_are_called_as_parts_are_said(folder, values, is_said):
    rows = [[*row, values[number // 4]] for number, row in enumerate(table()[1:])]
    write(folder / METADATA, [["path", "label", "fold"], *rows])
    said = read_folder(folder).said
    assert ("train/test in 'fold' taken as the published folds" in said) == is_said
    assert bool(said) == is_said
