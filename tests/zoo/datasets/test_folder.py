"""Folders of audio files, with and without a metadata.csv."""

import os
import shutil
from pathlib import Path

import pytest

from zoo.audio.kinds import SUFFIXES
from zoo.datasets import dataset_name, open_dataset
from zoo.datasets.folder import read_folder
from zoo.datasets.layout.understand import METADATA
from zoo_registry import DatasetError, UsageError


@pytest.fixture
def folder(tmp_path):
    """Return a folder with four files in two sub-folders; reading it decodes nothing."""
    for number, name in enumerate(["low/a.wav", "low/b.mp3", "high/a.wav", "high/deep/c.flac"]):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([number]))
    return tmp_path / "data"


def metadata(folder, text: str) -> None:
    (folder / METADATA).write_text(text, encoding="utf-8")


class TestWithoutMetadata:
    def test_sub_folders_are_labels(self, folder):
        dataset = read_folder(folder)
        assert [(track.id, track.label) for track in dataset.tracks] == [
            ("high/a.wav", "high"), ("high/deep/c.flac", "high"),
            ("low/a.wav", "low"), ("low/b.mp3", "low"),
        ]  # fmt: skip
        assert dataset.name == "data"
        assert dataset.source == str(folder)
        for track in dataset.tracks:
            assert track.path == folder / track.id
            assert (track.group, track.recording, track.fold, track.split) == (None,) * 4

    def test_real_files_open_through_their_paths(self, tone_folder):
        import soundfile

        dataset = read_folder(tone_folder(classes=("a", "b", "c"), tracks=2))
        assert dataset.classes == ("a", "b", "c")
        assert [soundfile.info(track.path).samplerate for track in dataset.tracks] == [22_050] * 6

    def test_what_is_no_track_is_left_out(self, folder):
        fingerprint = read_folder(folder).fingerprint
        for name in ("top.wav", "low/notes.txt", "low/.hidden.wav", ".git/x.wav", "low/wav"):
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"other")
        (folder / "low" / "folder.wav").mkdir()
        assert read_folder(folder).fingerprint == fingerprint

    @pytest.mark.parametrize("suffix", sorted(SUFFIXES))
    def test_every_audio_suffix_in_any_case(self, folder, suffix):
        (folder / "low" / f"x{suffix.upper()}").write_bytes(b"x")
        assert f"low/x{suffix.upper()}" in [track.id for track in read_folder(folder).tracks]

    def test_equal_bytes_are_one_group(self, folder):
        shutil.copy(folder / "low/a.wav", folder / "low/copy.wav")
        dataset = read_folder(folder)
        together = [track.id for track, n in zip(dataset.tracks, dataset.groups, strict=True)
                    if n == dataset.groups[2]]  # fmt: skip
        assert together == ["low/a.wav", "low/copy.wav"]

    def test_fingerprint_follows_content_and_names_but_not_the_place(self, folder, tmp_path):
        first = read_folder(folder).fingerprint
        moved = folder.rename(tmp_path / "moved")
        assert read_folder(moved).fingerprint == first
        (moved / "low/a.wav").write_bytes(b"changed")
        second = read_folder(moved).fingerprint
        assert second != first
        (moved / "low/a.wav").rename(moved / "low/z.wav")
        assert len({first, second, read_folder(moved).fingerprint}) == 3

    def test_unusual_names(self, folder):
        names = ["comma, quote\" and 'so'.wav", "new\nline.wav", "音楽🎵.wav", " .wav", "#%&.wav"]
        for name in names:
            (folder / "low" / name).write_bytes(name.encode())
        dataset = read_folder(folder)
        assert {f"low/{name}" for name in names} < {track.id for track in dataset.tracks}
        assert len(dataset.fingerprint) == 64

    def test_name_in_no_encoding_is_an_error_that_says_so(self, folder):
        """Such as Latin-1 on a disk where all else is UTF-8: no CSV or JSON file can hold it."""
        try:
            Path(os.fsdecode(os.fsencode(folder) + b"/low/caf\xe9.wav")).write_bytes(b"x")
        except OSError:
            pytest.skip("this file system takes no such name")
        with pytest.raises(DatasetError, match=r"caf.*\.wav") as caught:
            read_folder(folder)
        str(caught.value).encode()

    def test_no_audio(self, tmp_path):
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty" / "x.wav").write_bytes(b"x")
        with pytest.raises(DatasetError, match="has no class folders"):
            read_folder(tmp_path / "empty")

    def test_one_class(self, folder):
        shutil.rmtree(folder / "high")
        with pytest.raises(DatasetError, match="one class only, 'low'"):
            read_folder(folder)

    def test_link_to_nothing_is_named(self, folder):
        (folder / "low" / "gone.wav").symlink_to(folder / "nowhere")
        with pytest.raises(DatasetError, match=r"gone\.wav cannot be read: No such file"):
            read_folder(folder)

    def test_a_link_to_a_file_is_no_class(self, folder):
        (folder / "NEWEST").symlink_to("low/a.wav")
        assert read_folder(folder).classes == ("high", "low")

    def test_a_folder_that_cannot_be_read(self, folder, monkeypatch):
        def refuse(path: Path) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr("os.scandir", refuse)
        with pytest.raises(UsageError, match="data cannot be read: Permission denied"):
            read_folder(folder)

    def test_a_class_that_is_a_link_to_nothing_is_named(self, folder):
        (folder / "mid").symlink_to(folder / "nowhere")
        with pytest.raises(DatasetError, match="mid is a link to nothing, where a class may"):
            read_folder(folder)


class TestMetadata:
    def test_rows_are_the_tracks(self, folder):
        metadata(
            folder,
            "split,path,group,label,fold,recording,mood\n"
            "test,low/a.wav,g1,bass,1,r1,sad\n"
            "train,high/a.wav,,,2,,\n",
        )
        dataset = read_folder(folder)
        assert [(t.id, t.label, t.group, t.recording, t.fold, t.split) for t in dataset.tracks] == [
            ("high/a.wav", "high", None, None, "2", "train"),
            ("low/a.wav", "bass", "g1", "r1", "1", "test"),
        ]

    def test_spellings_of_spreadsheets(self, folder):
        text = '\ufeffpath,label\r\n"low/a.wav","one, ""two"""\r\n./high//a.wav,b\r\n\r\n'
        (folder / METADATA).write_bytes(text.encode())
        dataset = read_folder(folder)
        assert [(track.id, track.label) for track in dataset.tracks] == [
            ("high/a.wav", "b"), ("low/a.wav", 'one, "two"'),
        ]  # fmt: skip

    def test_files_on_top_need_a_label(self, folder):
        (folder / "top.wav").write_bytes(b"x")
        metadata(folder, "path,label\ntop.wav,a\nlow/a.wav,\n")
        assert read_folder(folder).classes == ("a", "low")
        metadata(folder, "path\ntop.wav\nlow/a.wav\n")
        with pytest.raises(DatasetError, match=r"metadata\.csv, line 2: 'top\.wav' has no label"):
            read_folder(folder)

    @pytest.mark.parametrize("label", [" ", "\t", ""])
    def test_blank_label_is_none(self, folder, label):
        metadata(folder, f"path,label\nlow/a.wav,{label}\nhigh/a.wav,x\n")
        assert read_folder(folder).classes == ("low", "x")

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("", "is empty; its first line has to name the columns"),
            ("path,path\na,b\n", "two columns called 'path'"),
            ("path,label\nlow/a.wav\n", "line 2: 1 values for 2 columns"),
            ("path\nlow/a.wav\nlow/none.wav\n", "line 3: there is no file 'low/none.wav'"),
            ("path\nlow/a.wav\n\nlow/none.wav\n", "line 4: there is no file 'low/none.wav'"),
            ('path,label\nlow/a.wav,"two\nlines"\nnone.wav,x\n', "line 4: there is no file"),
            ("path\nlow/a.wav\n../secret.wav\n", r"line 3: '../secret\.wav' leaves"),
            ("path\nlow/a.wav\n/etc/passwd\n", "line 3: '/etc/passwd' leaves"),
            ("path\nlow/a.wav\nlow\n", "line 3: there is no file 'low'"),
            ("path,label\nlow/a.wav,x\n,y\n", "line 3: there is no file ''"),
            ("path,label\nlow/a.wav,x\n./low/a.wav,y\n", "names the track 'low/a.wav' twice"),
            ("path,label\nlow/a.wav,x\nx/../low/a.wav,y\n", "names the track 'low/a.wav' twice"),
            ("path\nlow/a.wav\nlow/../../x/secret.wav\n", "line 3: .* leaves"),
            ("path\nlow/a.wav\nlow/b.mp3\n", "one class only"),
            ("path\n", "holds no track"),
            ("path,label\nlow/a\0.wav,x\n", "line 2: there is no file"),
        ],
    )
    def test_mistakes_are_named(self, folder, text, reason):
        metadata(folder, text)
        with pytest.raises(DatasetError, match=reason):
            read_folder(folder)

    def test_a_table_about_something_else_shuts_no_folder(self, folder):
        metadata(folder, "label\nx\n")
        dataset = read_folder(folder)
        assert dataset.classes == ("high", "low")
        assert dataset.said == "metadata.csv is not used: it names 0 of 4 audio files"


@pytest.mark.real
def test_real_folder_with_metadata(real_data):
    dataset = read_folder(real_data / "esc10")
    assert len(dataset) == 400
    assert len(dataset.classes) == 10
    assert dataset.has_groups
    assert {track.fold for track in dataset.tracks} == set("12345")


@pytest.mark.parametrize("name", [open_dataset, dataset_name])
def test_an_empty_path_is_not_the_current_folder(name, tone_folder, monkeypatch):
    monkeypatch.chdir(tone_folder())
    with pytest.raises(DatasetError, match="the path is empty"):
        name("")
