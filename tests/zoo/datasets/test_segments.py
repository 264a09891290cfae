"""Segments in tables and in label files beside recordings are tracks of their own."""

import csv
import dataclasses
import re
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import soundfile

from zoo.datasets import Reading, open_dataset
from zoo.datasets.base import Segment
from zoo.datasets.checks.recordings import check
from zoo.datasets.hashing import recording
from zoo.datasets.metadata import write_metadata
from zoo.datasets.segments import seconds_of
from zoo.evaluate.audit import audit
from zoo.evaluate.protocols import parse_protocol
from zoo.report.excerpts import excerpt_of, find_recordings
from zoo_registry import DatasetError
from zoo_registry.errors import FileUnavailable

RATE = 8000
SECONDS = 6
LISTED = [
    (f"rec{file}.wav", start, start + 1.25, "ab"[(file + place) % 2])
    for file in range(4)
    for place, start in enumerate((0.5, 2.0, 4.25))
]


@pytest.fixture(scope="module")
def sounds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {f"rec{n}.wav": rng.normal(0, 0.1, SECONDS * RATE).astype("f4") for n in range(4)}


@pytest.fixture
def folder(tmp_path, sounds) -> Path:
    place = tmp_path / "data"
    place.mkdir()
    for name, sound in sounds.items():
        soundfile.write(place / name, sound, RATE, "FLOAT")
    return place


def write(path: Path, rows, head=("path", "start", "end", "label"), delimiter: str = ",") -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([head, *rows])
    return path


def found(data: Path, **reading):
    dataset = open_dataset(str(data), reading=Reading(**reading))
    return dataset, {
        (track.path.name, track.segment.start, track.segment.end, track.label)
        for track in dataset.tracks
        if track.segment
    }


class TestTables:
    def test_of_ours(self, folder, sounds):
        write(folder / "metadata.csv", LISTED)
        dataset, segments = found(folder)
        assert segments == set(LISTED)
        assert dataset.segments == "12 segments of 4 recordings"
        assert dataset.tracks[0].id == "rec0.wav#0.5-1.75"
        assert len({track.digest[:16] for track in dataset.tracks}) == len(dataset)
        assert len(set(dataset.groups.tolist())) == 4
        for track in dataset.tracks:
            with recording(track) as path:
                own, rate = soundfile.read(path, dtype="float32")
            first = int(track.segment.start * RATE)
            assert rate == RATE
            assert np.array_equal(own, sounds[track.path.name][first : first + RATE * 5 // 4])

    @pytest.mark.parametrize(
        ("head", "change"),
        [
            (("file", "onset", "offset", "class"), str),
            (("filename", "start_time", "end_time", "species"), str),
            (("Begin File", "Begin Time (s)", "End Time (s)", "Annotation"), str),
            (("file", "t_start", "t_end", "label"), lambda s: f"{s}".replace(".", ",")),
            (("file", "start_ms", "end_ms", "label"), lambda s: str(int(1000 * s))),
            (("file", "Start (s)", "End (s)", "label"), lambda s: f"0:{s:05.2f}"),
            (("file", "start", "stop", "label"), lambda s: f"{s:.6f}"),
        ],
        ids=lambda value: value[1] if isinstance(value, tuple) else "",
    )
    @pytest.mark.parametrize("delimiter", [";", "\t"])
    def test_names_and_forms(self, folder, head, change, delimiter):
        rows = [(file, change(start), change(end), label) for file, start, end, label in LISTED]
        dataset, segments = found(write(folder / "labels.csv", rows, head, delimiter))
        assert segments == set(LISTED)
        assert f"start in {head[1]}, end in {head[2]}; 12 segments" in dataset.said

    def test_durations(self, folder):
        rows = [(file, start, end - start, label) for file, start, end, label in LISTED]
        for head in ("onset", "offset"):
            table = write(folder / "labels.csv", rows, ("file", head, "duration", "label"))
            assert found(table)[1] == set(LISTED)

    def test_raven_counts_from_the_first_file(self, folder):
        """One selection has a row per view; the times count from the first of all files."""
        rows = [
            (view, file, SECONDS * int(file[3]) + start, SECONDS * int(file[3]) + end, start, label)
            for file, start, end, label in LISTED
            for view in ("Waveform 1", "Spectrogram 1")
        ]
        head = (
            *("View", "Begin File", "Begin Time (s)", "End Time (s)", "File Offset (s)"),
            "Species",
        )
        assert found(write(folder / "t.txt", rows, head, "\t"))[1] == set(LISTED)

    def test_a_column_without_times_is_another_one(self, folder):
        rows = [("x", *row) for row in LISTED]
        head = ("begin", "path", "start_time", "end", "label")
        dataset, segments = found(write(folder / "labels.csv", rows, head))
        assert segments == set(LISTED)
        assert "not used: begin" in dataset.said

    @pytest.mark.parametrize(
        ("row", "sentence"),
        [
            (("rec0.wav", "-1", "2", "a"), "line 14: the segment begins at -1 s, before its file"),
            (("rec0.wav", "3", "2", "a"), "line 14: the segment ends at 2 s, and begins at 3 s"),
            (("rec0.wav", "2", "2", "a"), "line 14: the segment ends at 2 s, and begins at 2 s"),
            (("rec0.wav", "2", "", "a"), "line 14: '' in the column end is not a time in seconds"),
            (("rec0.wav", "nan", "9", "a"), "line 14: 'nan' in the column start is not a time"),
            (("rec0.wav", "", "", "a"), "line 14: a segment of 'rec0.wav' has no times"),
            (("rec0.wav", "5", "7", "a"), "line 14: the segment from 5 to 7 s lies outside of "),
            (("rec0.wav", "0.6", "1.8", "b"), "lines 2 and 14: the segments of rec0.wav at 0.6 s "),
            (("rec0.wav", "0.5", "1.75", "b"), "different values of label in the lines 2 and 14"),
        ],
        ids=range(9),
    )
    @pytest.mark.parametrize("name", ["metadata.csv", "labels.csv"])
    def test_what_is_no_segment_is_refused(self, folder, name, row, sentence):
        write(folder / name, [*LISTED, row])
        with pytest.raises(DatasetError, match=re.escape(sentence)):
            found(folder)

    def test_overlapping_segments_of_one_label_are_counted(self, folder):
        write(folder / "labels.csv", [*LISTED, ("rec0.wav", 1.0, 2.1, "a")])
        dataset, _ = found(folder)
        assert "13 segments of 4 recordings, 2 overlap others" in dataset.said

    def test_beginnings_alone(self, folder):
        rows = [(file, start, label) for file, start, _, label in LISTED]
        write(folder / "labels.csv", rows, ("path", "start", "label"))
        with pytest.raises(DatasetError, match="beginnings of segments in start, and no ends"):
            found(folder)

    def test_whole_files_among_segments(self, folder):
        write(folder / "labels.csv", [*LISTED[3:], ("rec0.wav", "", "", "a")])
        dataset, segments = found(folder)
        assert segments == set(LISTED[3:])
        assert dataset.tracks[0].id == "rec0.wav"
        assert dataset.tracks[0].segment is None


class TestCutOutAlready:
    """Tables such as that of UrbanSound8K, whose times are those of the original recordings."""

    ROWS = tuple((f"rec{n}.wav", 10.5 * n, 10.5 * n + SECONDS, "ab"[n % 2]) for n in range(4))

    @pytest.mark.parametrize("suffix", ["wav", "mp3"])
    def test_times_are_not_used(self, folder, suffix):
        rows = [(file.replace("wav", suffix), *rest) for file, *rest in self.ROWS]
        for file in folder.glob("*.wav") if suffix != "wav" else ():
            soundfile.write(file.with_suffix(".mp3"), soundfile.read(file)[0], RATE)
            file.unlink()
        dataset, segments = found(write(folder / "labels.csv", rows))
        assert not segments
        assert len(dataset) == 4
        assert "start, end not used: the files are as long as the segments" in dataset.said

    def test_one_segment_of_each_file(self, folder):
        rows = [(file, 1.0, 2.0, label) for file, *_, label in self.ROWS]
        assert found(write(folder / "labels.csv", rows))[1] == set(rows)

    def test_neither(self, folder):
        rows = [(file, start + 1, end - 1, label) for file, start, end, label in self.ROWS]
        with pytest.raises(DatasetError, match=r"line 3: the segment from 11\.5 to 15\.5 s lies"):
            found(write(folder / "labels.csv", rows))

    def test_columns_about_something_else(self, folder):
        rows = [(file, "May", "June", label) for file, *_, label in self.ROWS]
        dataset, segments = found(write(folder / "labels.csv", rows))
        assert not segments
        assert "not a time in seconds; not used: start, end" in dataset.said


class TestBeside:
    def label(self, folder: Path, listed=LISTED, suffix: str = ".txt", more: str = "") -> None:
        for name in {row[0] for row in listed}:
            lines = [f"{a:.6f}\t{b:.6f}\t{c}\n" for file, a, b, c in listed if file == name]
            text = "\\\t300.000000\t5000.000000\n".join(["", *lines]) + more
            (folder / name).with_suffix(suffix).write_text(text)

    def test_audacity(self, folder):
        self.label(folder, more="5.900000\t5.900000\tnote\n")
        soundfile.write(folder / "other.wav", np.zeros(9), RATE)
        dataset, segments = found(folder)
        assert segments == set(LISTED)
        assert dataset.said.endswith("4 labels without duration skipped")

    def test_raven(self, folder):
        for name in {row[0] for row in LISTED}:
            rows = [row[1:] for row in LISTED if row[0] == name]
            table = (folder / name).with_suffix(".Table.1.selections.txt")
            write(table, rows, ("Begin Time (s)", "End Time (s)", "Species"), "\t")
        assert found(folder)[1] == set(LISTED)

    def test_empty_label_files(self, folder):
        self.label(folder)
        for number in range(25):
            soundfile.write(folder / f"a{number}.wav", np.zeros(9), RATE)
            (folder / f"a{number}.txt").touch()
        assert found(folder)[1] == set(LISTED)

    def test_points_alone_and_other_texts_mean_nothing(self, folder):
        self.label(folder, [(file, start, start, "beat") for file, start, *_ in LISTED])
        with pytest.raises(DatasetError, match="has no class folders"):
            found(folder)
        for path in folder.glob("*.txt"):
            path.write_text("some words that are sung\n")
        with pytest.raises(DatasetError, match="has no class folders"):
            found(folder)

    @pytest.mark.parametrize("text", ["", None])
    def test_in_class_folders(self, folder, text):
        listed = []
        for file, start, end, _ in LISTED:
            label = "ab"[int(file[3]) % 2]
            place = folder / label
            place.mkdir(exist_ok=True)
            if (folder / file).exists():
                (folder / file).rename(place / file)
            listed.append((f"{label}/{file}", start, end, label if text is None else text))
        self.label(folder, listed)
        dataset, segments = found(folder)
        assert len(segments) == len(LISTED)
        assert all(track.id.startswith(f"{track.label}/") for track in dataset.tracks)
        self.label(folder, [(*row[:3], "verse") for row in listed])
        with pytest.raises(DatasetError, match="line 2: the label 'verse' is not that of the fol"):
            found(folder)

    def test_two_label_files(self, folder):
        self.label(folder)
        self.label(folder, suffix=".labels.txt")
        with pytest.raises(DatasetError, match="has two label files"):
            found(folder)

    def test_outside_of_the_recording(self, folder):
        self.label(folder, [*LISTED, ("rec1.wav", 5.0, 7.0, "a")])
        with pytest.raises(DatasetError, match=r"rec1\.txt, line 8: the segment from 5 to 7 s"):
            found(folder)


def test_at_a_url(folder, sounds):
    write(folder / "metadata.csv", LISTED)
    fetched = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self):
            fetched.append(self.path)
            super().do_GET()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        dataset = open_dataset(f"http://127.0.0.1:{server.server_port}/")
        fetched.clear()
        for track in dataset.tracks:
            with recording(track) as path:
                assert len(soundfile.read(path)[0]) == RATE * 5 // 4
        assert dataset.fingerprint == open_dataset(str(folder)).fingerprint
        assert sum(path.endswith("rec0.wav") for path in fetched) == 1
    finally:
        server.shutdown()
        server.server_close()


def test_a_replaced_file_is_found(folder):
    write(folder / "metadata.csv", LISTED)
    track = open_dataset(str(folder)).tracks[0]
    soundfile.write(track.path, np.zeros(SECONDS * RATE), RATE, "FLOAT")
    with pytest.raises(FileUnavailable, match="was changed while"), recording(track):
        pass


def test_segments_of_a_recording_may_differ_but_are_shared(folder):
    write(folder / "metadata.csv", LISTED)
    dataset = open_dataset(str(folder))
    mixed = audit(dataset, parse_protocol("kfold:2").folds(dataset, 0, grouped=False))
    apart = audit(dataset, parse_protocol("kfold:2").folds(dataset, 0, grouped=True))
    assert not mixed.conflicts
    assert sum(fold.recording for fold in mixed.folds) > 0
    assert not any(fold.any for fold in apart.folds)


def test_copies_of_a_file_stay_together(folder):
    (folder / "copy.wav").write_bytes((folder / "rec0.wav").read_bytes())
    write(folder / "metadata.csv", [*LISTED, ("copy.wav", 5.0, 6.0, "a")])
    dataset = open_dataset(str(folder))
    numbers = dict(zip([track.id for track in dataset.tracks], dataset.groups, strict=True))
    assert numbers["copy.wav#5-6"] == numbers["rec0.wav#0.5-1.75"]


def test_check_writes_what_it_read(folder):
    write(folder / "labels.csv", LISTED, ("file", "onset", "offset", "class"))
    dataset, segments = found(folder)
    assert not [problem for problem in check(dataset, 1) if problem.distorts]
    assert write_metadata(dataset, [], folder)
    again, same = found(folder)
    assert same == segments
    assert write_metadata(again, [], folder) is None


def test_the_codec_is_that_of_the_file(folder, sounds):
    """Classes that differ in it are told apart by it alone."""
    rows = []
    for number in range(10):
        name = f"a{number}.flac" if number % 2 else f"a{number}.wav"
        soundfile.write(folder / name, np.roll(sounds["rec0.wav"], 999 * number), RATE)
        rows += [(name, start, start + 1, "ab"[number % 2]) for start in range(3)]
    for path in folder.glob("rec*"):
        path.unlink()
    problems = check(found(write(folder / "labels.csv", rows))[0], 1)
    assert any("flac" in problem.detail for problem in problems if "conditions" in problem.kind)


def test_segments_of_gtzan_have_its_artists_and_copies(tmp_path, sounds):
    names = [f"{genre}.{number:05d}.wav" for genre in ("jazz", "metal") for number in range(70)]
    rows = [(name, start, start + 1, name[:4]) for name in names for start in (0, 1)]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    dataset = open_dataset(str(write(tmp_path / "labels.csv", rows)))
    assert dataset.segments == "280 segments of 140 recordings"
    assert dataset.collection == "gtzan"
    copies = {track.recording for track in dataset.tracks}
    assert len(copies) < 140  # metal.00061 is metal.00040
    assert len(set(dataset.groups.tolist())) < 100


def test_a_report_plays_the_segment(folder):
    write(folder / "metadata.csv", LISTED)
    dataset = open_dataset(str(folder))
    track = dataset.tracks[1]
    (place,) = find_recordings(dataset, {track.id: track.digest[:16]}).values()
    assert excerpt_of(place).seconds == pytest.approx(1.25, abs=1e-3)


def test_the_digest_is_that_of_the_segment():
    segment = Segment(1.0, 2.0, "f" * 64)
    assert len(segment.digest) == 64
    others = {dataclasses.replace(segment, **{name: 1.5}).digest for name in ("start", "end")}
    assert len({segment.digest, *others}) == 3


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12,5", 12.5), ("1:02.5", 62.5), ("1:00:00", 3600), ("1e1", 10), ("a", None), ("inf", None)],
)
def test_seconds_of(text, seconds):
    assert seconds_of(text) == seconds
