"""Audio files in folders: what is found, what is skipped, and what is said of it."""

import glob
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.audio.files import audio_files
from zoo.audio.folders import PassedOver, sift, walk
from zoo_registry import UsageError


@pytest.fixture
def touch(workspace):
    """Return a function that makes empty files."""

    def make(*names: str) -> None:
        for name in names:
            path = Path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    return make


def found(*given: str | Path) -> tuple[list[str], str]:
    """Return the files, and the note."""
    notes: list[str] = []
    files = audio_files(given, notes.append)
    assert len(notes) < 2
    return files, "".join(notes)


LITTER = (
    *("m/._1.wav", "m/.hidden.mp3", "m/__MACOSX/m/._1.wav", "m/__MACOSX/1.wav", "m/Thumbs.db"),
    *("m/$RECYCLE.BIN/$R1.wav", "m/.git/x.wav", "m/a/@eaDir/1.wav", "m/desktop.ini"),
    *("m/System Volume Information/1.wav", "m/lost+found/1.wav", "m/.Trashes/501/1.wav"),
)


class TestFound:
    def test_no_litter_anywhere(self, touch):
        touch("m/1.wav", "m/a/2.MP3", *LITTER)
        files, note = found("m")
        assert files == ["m/1.wav", "m/a/2.MP3"]
        assert note.startswith("Skipped 4 files and 7 folders: 11 hidden or of another system (")
        assert found("m/**")[0] == found("m/*")[0] == ["m/1.wav", "m/a/2.MP3"]
        assert found("m/**/*")[0] == ["m/1.wav", "m/a/2.MP3"]

    def test_what_is_named_is_tried(self, touch):
        touch(*LITTER, "m/song.xyz", "m/song", "m/1.wav")
        named = ["m/._1.wav", "m/song.xyz", "m/song", "m/Thumbs.db"]
        assert found(*named) == (named, "")
        assert found("m/.git", "m/__MACOSX")[0] == ["m/.git/x.wav", "m/__MACOSX/1.wav"]
        assert found("m/*.xyz", "m/__MACOSX/*.wav") == (["m/song.xyz", "m/__MACOSX/1.wav"], "")
        assert found("m/.g*/*.wav", "m/.git/*") == (["m/.git/x.wav"], "")

    def test_a_hidden_folder_above_is_no_reason(self, touch, monkeypatch):
        touch(".secret/music/a/1.wav")
        assert found(".secret/music")[0] == [".secret/music/a/1.wav"]
        monkeypatch.chdir(".secret/music")
        assert found(".")[0] == found("**")[0] == ["a/1.wav"]

    def test_an_empty_path_is_no_folder(self, touch):
        touch("1.wav")
        with pytest.raises(UsageError, match="the path is empty"):
            found("1.wav", "")

    def test_links_are_entered_once(self, touch):
        touch("m/a/1.wav", "other/2.wav", "other/b/3.wav", "store/.hidden/4.wav", "m/.own/5.wav")
        for name, target in {
            "m/again": "m/a", "m/a/round": "m", "m/self": "m/self", "m/above": ".",
            "m/other": "other", "m/zother": "other", "m/b": "other/b", "m/h": "store/.hidden",
            "m/own": "m/.own", "m/gone": "nowhere", "m/gone.wav": "nowhere",
        }.items():  # fmt: skip
            Path(name).symlink_to(Path(target).absolute())
        files, note = found("m")
        assert files == [
            "m/a/1.wav", "m/b/3.wav", "m/gone.wav", "m/h/4.wav", "m/other/2.wav", "m/own/5.wav",
        ]  # fmt: skip
        assert "1 hidden or of another system (.own/)" in note
        assert (
            "5 links to folders that are read anyway (round/, above/, again/, b/, 1 more)" in note
        )
        assert "2 links to nothing (gone, self)" in note

    def test_pipes_are_counted(self, touch):
        touch("m/1.wav")
        os.mkfifo("m/2.wav")
        for named in ("m", "m/*", "m/*.wav", "m/**/*.wav"):
            assert found(named) == (["m/1.wav"], "Skipped 1 file: 1 no regular file (2.wav).")
        assert found("m/2.wav") == (["m/2.wav"], "")

    def test_a_pattern_enters_links_once(self, touch):
        touch("m/a/1.wav", "m/a/x.jpg", "other/2.wav")
        for name, target in {"l1": ".", "l2": ".", "a/up": "..", "n": "../other"}.items():
            Path("m", name).symlink_to(target)
        for pattern in ("m/**/*.wav", "m/**/**/*.wav", "m/**/?.wav", "./m/**/a/../**/*.wav"):
            assert {Path(file).resolve().name for file in found(pattern)[0]} == {"1.wav", "2.wav"}
            assert len(found(pattern)[0]) == 2
        note = "Skipped 3 folders: 3 links to folders that are read anyway (up/, l1/, l2/)."
        assert found("m/**/*.wav") == (["m/a/1.wav", "m/n/2.wav"], note)

    @pytest.mark.parametrize(
        "pattern",
        [
            *("**", "**/*.wav", "m/**", "m/**/*", "m/**/*/*.wav", "m/**/*.wav", "m*/**/[12].*"),
            *("./m/**/a/*.wav", "m/**/a/**/*.wav", "**/**/b/*", "m/**/.h/*.wav", "[m]/*/*.wav"),
            *(
                "m/a**/*.wav",
                "{}/m/**/*.wav",
                "m/**/__MACOSX/*.wav",
                "m//**//*.wav",
                "m/../m*/**/1.*",
            ),
        ],
    )
    def test_a_pattern_fits_what_it_always_did(self, touch, pattern):
        touch("m/1.wav", "m/a/1.wav", "m/a/b/2.wav", "m/a/.h/3.wav", "m/.h/1.wav", "m2/b/1.flac")
        touch("m/__MACOSX/1.wav", "m/a/.2.wav")
        pattern = pattern.format(Path.cwd())
        fits = [path for path in glob.glob(pattern, recursive=True) if os.path.isfile(path)]  # noqa
        if "MACOSX" not in pattern:
            fits = [path for path in fits if "MACOSX" not in path]
        assert {*map(os.path.abspath, found(pattern)[0])} == {*map(os.path.abspath, fits)}

    def test_names_in_both_normal_forms_are_two_files(self, touch):
        touch("m/cafe\u0301.WAV", "m/caf\u00e9.wav")
        assert len(found("m")[0]) == len([*Path("m").iterdir()])

    def test_a_folder_that_cannot_be_read(self, touch, monkeypatch):
        touch("m/a/1.wav", "m/lost+found/1.wav")
        scan = os.scandir

        def refuse(folder: Path):
            if Path(folder).name in ("a", "lost+found"):
                raise PermissionError(13, "Permission denied", str(folder))
            return scan(folder)

        monkeypatch.setattr("zoo.audio.folders.os.scandir", refuse)
        with pytest.raises(UsageError, match="m/a cannot be read: Permission denied"):
            found("m")


class TestNote:
    def test_nothing_was_passed_over(self, touch):
        touch("m/1.wav", "m/README.md", "m/LICENSE", "m/metadata.csv")
        assert found("m") == (["m/1.wav"], "")

    def test_numbers_kinds_and_names(self, touch):
        touch("m/1.wav", "m/a.JPG", "m/b.jpg", "m/notes.txt", "m/song", "m/01. a song", "m/x.")
        touch("m/._1.wav", "m/__MACOSX/x")
        assert found("m")[1] == (
            "Skipped 7 files and 1 folder: 6 without an audio suffix (no suffix 3, .jpg 2, "
            ".txt 1), 2 hidden or of another system (__MACOSX/, ._*)."
        )

    def test_files_of_several_folders_are_in_one_note(self, touch):
        touch("m/1.wav", "m/a.jpg", "n/1.wav", "n/a.jpg")
        files, note = found("m", "n")
        assert files == ["m/1.wav", "n/1.wav"]
        assert note == "Skipped 2 files: 2 without an audio suffix (.jpg 2)."

    def test_each_is_counted_once(self, touch):
        touch("m/a/1.wav", "m/a/x.jpg", "m/a/._1.wav", "m/a/.git/x", "m/y.jpg")
        Path("m/a/up").symlink_to("..")
        _, note = found("m/a", "./m/a/", "m/*", "m/**/*", f"{Path.cwd()}/m", "m/a/*")
        assert note == (
            "Skipped 3 files and 2 folders: 2 without an audio suffix (.jpg 2), 2 hidden or of "
            "another system (.git/, ._*), 1 link to folders that are read anyway (up/)."
        )

    def test_thirty_thousand_files_are_a_short_line(self):
        passed = PassedOver()
        for number in range(30_000):
            assert not passed.takes(f"{number}.x{number % 300}")
            assert not passed.takes(f".{number}")
        assert len(passed.note) < 240
        assert "60000 files: 30000 without an audio suffix (.x0 100, " in passed.note

    @given(st.lists(st.text(st.characters(exclude_characters="/\0"), min_size=1), min_size=1))
    def test_any_name_is_shown_in_one_line(self, names):
        passed = PassedOver()
        taken = [passed.takes(name) for name in names] + [passed.enters(name) for name in names]
        assert passed.note.isprintable()
        assert len(passed.note) < 1500
        assert bool(passed.note) >= (sum(taken) == 0 and names[0][0] == ".")

    def test_a_folder_without_audio_says_what_it_holds(self, touch):
        touch("m/a.jpg", "m/b/c.txt", "m/.DS_Store")
        with pytest.raises(UsageError) as caught:
            found("m")
        assert str(caught.value) == (
            "the folder m holds no audio file, but 3 files: 2 without an audio suffix (.jpg 1, "
            ".txt 1), 1 hidden or of another system (.DS_Store); audio files end in .wav, .flac, "
            ".mp3, .m4a, .ogg or another suffix (see Answers in the docs)"
        )
        with pytest.raises(UsageError, match=r"no audio file fits the pattern 'm/\*', but 2 files"):
            found("m/*")


@given(st.data())
def test_a_remote_folder_is_sifted_as_a_local_one(tmp_path_factory, data):
    part = st.sampled_from(["a", "b.wav", ".c", "__MACOSX", "._d.wav", "e.TXT", "f", "G.M4B"])
    paths = data.draw(st.lists(st.lists(part, min_size=1, max_size=3).map("/".join), max_size=8))
    folder = tmp_path_factory.mktemp("data")
    for path in paths:
        try:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).touch()
        except OSError:  # one path is the folder of another
            continue
    here, there = PassedOver(), PassedOver()
    found = [within + name for within, names in walk(folder, here) for name in names]
    listed = sorted(
        str(path.relative_to(folder)) + "/" * path.is_dir() for path in folder.rglob("*")
    )
    assert Counter(sift(listed, there)) == Counter(found)
    assert sorted(there.note) == sorted(here.note)
