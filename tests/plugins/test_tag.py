"""`zoo tag`: the genre is written, everything else of a file stays, and all of it can be undone."""

import contextlib
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.apev2 import APEv2
from mutagen.flac import Picture
from mutagen.id3 import APIC, ID3, TCON, TIT2, TPE1, TXXX
from mutagen.mp4 import MP4Cover, MP4Tags

from tests.zoo.audio.test_kinds import WRITERS
from zoo.audio.decode import read
from zoo.cli.app import run as run_command
from zoo_plugins._tagging.genres import TagsError, read_tags, write_genre
from zoo_plugins._tagging.replacement import replace_file
from zoo_plugins._tagging.undo import Entry, UndoFile, read_entries, undo
from zoo_registry.errors import StorageError
from zoo_registry.files import machine
from zoo_registry.text import pip_install

UNTAGGED = {  # kinds that mutagen cannot write
    *(
        "mp1",
        "m2a",
        "mpa",
        "rf64",
        "bw64",
        "w64",
        "caf",
        "au",
        "snd",
        "qoa",
        "aac",
        "adts",
        "latm",
        "loas",
    ),
    *("mka", "mkv", "mk3d", "webm", "weba", "ac3", "eac3", "ec3", "oma", "aa3", "omg", "ra", "rm"),
    *("rmvb", "amr", "amr-nb", "awb", "amr-wb", "ilbc", "lbc", "qcp", "voc", "wve", "avi", "divx"),
    *("flv", "ts", "mts", "m2t", "mpg", "mpeg", "vob", "nut", "wtv", "nist", "sph", "8svx", "svx"),
    *("avr", "paf", "fap", "htk", "ircam", "sf", "pvf", "sds", "sox", "xi"),
}
TAGGED = sorted(WRITERS.keys() - UNTAGGED)
COVER = b"\x89PNG\r\n" + bytes(range(256)) * 40


def state(path: Path) -> tuple[bytes, int, int]:
    return path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ctime_ns


def sound(path: Path) -> tuple[int, str]:
    recording = read(path)
    return recording.rate, hashlib.sha256(recording.samples.tobytes()).hexdigest()


def facts(path: Path) -> tuple:
    """Return sound, other tags and genre of a file, and its bytes if undo brings all of them back.

    FLAC without padding gets an empty one.
    """
    tags = read_tags(path)
    return sound(path), tags.others, tags.genres, path.suffix != ".flac" and path.read_bytes()


def decorate(path: Path) -> None:
    """Give a file a title, artists and a cover."""
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, ID3):
        file.tags.add(TIT2(encoding=3, text=["Grüße"]))
        file.tags.add(TPE1(encoding=3, text=["Ann", "Bo"]))
        file.tags.add(TXXX(encoding=3, desc="mood", text=["calm"]))
        file.tags.add(APIC(encoding=0, mime="image/png", type=3, desc="", data=COVER))
    elif isinstance(file.tags, MP4Tags):
        file.tags["\xa9nam"], file.tags["\xa9ART"] = ["Grüße"], ["Ann", "Bo"]
        file.tags["covr"] = [MP4Cover(COVER, MP4Cover.FORMAT_PNG)]
    elif isinstance(file.tags, APEv2):
        file.tags["Title"], file.tags["Artist"] = "Grüße", ["Ann", "Bo"]
    else:
        file.tags["title"], file.tags["artist"] = ["Grüße"], ["Ann", "Bo"]
        if hasattr(file, "add_picture"):
            picture = Picture()
            picture.data, picture.mime, picture.type = COVER, "image/png", 3
            file.add_picture(picture)
    file.save(path)


def entry_of(path: Path, genre: str, tags, before: str, after: str) -> Entry:
    size = path.stat().st_size
    return Entry(
        path=str(path), kind=tags.kind, genre=genre, former=tags.values, is_new=tags.is_new,
        size=size, before=before, after=after, run="a-run", confidence=0.9,
    )  # fmt: skip


def tag_one(path: Path, genre: str, log: UndoFile) -> None:
    tags = read_tags(path)
    assert tags is not None
    replace_file(
        path,
        path.stat(),
        lambda copy: write_genre(path, copy, tags, genre),
        lambda before, after: log.add(entry_of(path, genre, tags, before, after)),
    )


@pytest.fixture
def command(monkeypatch, capfd) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zoo", *arguments])
        status = run_command()
        said = capfd.readouterr()
        return status, said.out, said.err

    return run


@pytest.fixture
def song(tmp_path) -> Path:
    path = tmp_path / "music" / "song.mp3"
    path.parent.mkdir()
    WRITERS["mp3"](path)
    return path


class TestFormats:
    @pytest.mark.parametrize("bare", [True, False], ids=["bare", "with-tags"])
    @pytest.mark.parametrize("kind", TAGGED)
    def test_sound_and_other_tags_stay_and_undo_restores(self, kind, bare, tmp_path):
        path, log = tmp_path / f"song.{kind}", UndoFile(tmp_path / "undo.jsonl")
        WRITERS[kind](path)
        if not bare:
            decorate(path)
        content, heard, earlier = path.read_bytes(), sound(path), read_tags(path)
        path.chmod(0o640)
        tag_one(path, "Jazz", log)
        tags = read_tags(path)
        assert tags.genres == ("Jazz",)
        assert tags.others == earlier.others
        assert sound(path) == heard
        assert path.stat().st_mode & 0o777 == 0o640
        assert [why for _, why, failed in undo(read_entries(log.path)) if why or failed] == []
        assert sound(path) == heard
        again = read_tags(path)
        assert (again.values, again.others) == (earlier.values, earlier.others)
        # In some kinds padding has a frame of its own, which stays.
        if earlier.kind not in ("ASF", "MP4", "DSF") and not (bare and earlier.kind == "FLAC"):
            assert path.read_bytes() == content
        tagged = path.read_bytes()
        assert all(not failed for _, _, failed in undo(read_entries(log.path)))
        assert path.read_bytes() == tagged

    @pytest.mark.parametrize("kind", sorted(UNTAGGED & WRITERS.keys()))
    def test_other_kinds_have_no_tags(self, kind, tmp_path):
        path = tmp_path / f"song.{kind}"
        WRITERS[kind](path)
        with contextlib.suppress(TagsError):  # or it is damaged in the eyes of mutagen
            assert read_tags(path) is None

    @pytest.mark.parametrize("version", [3, 4])
    def test_the_version_of_id3_stays(self, version, song, tmp_path):
        tags = ID3()
        tags.add(TPE1(encoding=1, text=["Ann", "Bo"]))
        tags.save(song, v2_version=version, v23_sep=None)
        tag_one(song, "Blues", UndoFile(tmp_path / "undo.jsonl"))
        assert ID3(song, translate=False).version == (2, version, 0)
        assert ID3(song, translate=False)["TPE1"].text == ["Ann", "Bo"]

    def test_an_older_tag_at_the_end_stays_and_fills_a_new_one(self, song, tmp_path):
        old = b"TAG" + b"Old title".ljust(30, b"\0") + b"Ann".ljust(90, b"\0")
        old += bytes(124 + 3 - len(old)) + b"\xff"
        old = old.ljust(128, b"\xff")
        content = song.read_bytes() + old
        song.write_bytes(content)
        log = UndoFile(tmp_path / "undo.jsonl")
        tag_one(song, "Blues", log)
        assert song.read_bytes().endswith(old)
        assert ID3(song)["TIT2"].text == ["Old title"]
        list(undo(read_entries(log.path)))
        assert song.read_bytes() == content

    def test_a_genre_in_another_place_counts(self, song, tmp_path):
        ape = APEv2()
        ape["Genre"] = "Polka"
        ape.save(song)
        assert read_tags(song).genres == ("Polka",)
        wav = tmp_path / "info.wav"
        soundfile.write(wav, np.zeros(800), 8000)
        chunk = b"LIST\x0e\0\0\0INFOIGNR\2\0\0\0Hi"
        content = wav.read_bytes() + chunk
        size = (len(content) - 8).to_bytes(4, "little")
        wav.write_bytes(content[:4] + size + content[8:])
        assert read_tags(wav).genres == ("Hi",)
        old = tmp_path / "old.mp3"
        WRITERS["mp3"](old)
        old.write_bytes(old.read_bytes() + b"TAG" + bytes(124) + b"\x11")
        tags = ID3()
        tags.add(TIT2(encoding=3, text="x"))
        tags.save(old, v1=1)
        old.write_bytes(old.read_bytes()[:-1] + b"\x11")
        assert read_tags(old).genres == ("Rock",)

    @settings(max_examples=20)
    @given(genre=st.text(min_size=1, max_size=30))
    @pytest.mark.parametrize("kind", ["mp3", "flac", "ogg", "m4a", "wv", "wma", "wav"])
    def test_any_genre_is_read_as_it_was_written_or_refused(self, kind, genre, tmp_path_factory):
        folder = tmp_path_factory.getbasetemp()
        source, target = folder / f"any.{kind}", folder / f"any.copy.{kind}"
        if not source.exists():
            WRITERS[kind](source)
        tags = read_tags(source)
        try:
            write_genre(source, target, tags, genre)
        except TagsError:
            assert genre != genre.strip() or not genre.isprintable() or genre.isdecimal()
        else:
            assert read_tags(target).genres == (genre,)

    @pytest.mark.parametrize("genre", ["(x)", "R&B / Soul", "Ünî ☃ 𝄞"])
    def test_marks_of_id3_are_escaped(self, genre, song, tmp_path):
        tag_one(song, genre, UndoFile(tmp_path / "undo.jsonl"))
        assert ID3(song)["TCON"].genres == [genre]

    @pytest.mark.parametrize("genre", ["17", "(17)", "RX", "(RX) y", "((x)", "a\0b", "\ud800"])
    def test_what_would_be_read_as_another_genre_is_refused(self, genre, song, tmp_path):
        content = song.read_bytes()
        with pytest.raises(TagsError):
            tag_one(song, genre, UndoFile(tmp_path / "undo.jsonl"))
        assert song.read_bytes() == content
        assert list(song.parent.iterdir()) == [song]


class TestReplacement:
    def test_the_time_is_new_and_attributes_stay(self, song, tmp_path):
        os.utime(song, (1e9, 1e9))
        try:
            os.setxattr(song, "user.rating", b"5")
        except OSError:
            pytest.skip("the file system has no attributes")
        tag_one(song, "Pop", UndoFile(tmp_path / "undo.jsonl"))
        assert time.time() - song.stat().st_mtime < 600
        assert os.getxattr(song, "user.rating") == b"5"

    def test_a_copy_that_sounds_otherwise_is_not_used(self, song, tmp_path):
        content = song.read_bytes()
        other = tmp_path / "other.mp3"
        soundfile.write(other, np.random.default_rng(0).uniform(-1, 1, 9000), 16_000)
        with pytest.raises(TagsError, match="sound"):
            replace_file(
                song, song.stat(), lambda copy: copy.write_bytes(other.read_bytes()), print
            )
        assert song.read_bytes() == content

    def test_what_another_program_has_changed_is_left(self, song):
        tags = read_tags(song)

        def change(copy: Path) -> None:
            write_genre(song, copy, tags, "Pop")
            new = song.with_name("new")
            new.write_bytes(song.read_bytes())
            new.replace(song)

        inode = song.stat().st_ino
        with pytest.raises(TagsError, match="another program"):
            replace_file(song, song.stat(), change, lambda *_: None)
        assert song.stat().st_ino != inode
        assert read_tags(song).genres == ()

    def test_a_full_disk_loses_nothing(self, song, monkeypatch):
        content = song.read_bytes()

        def full(*_):
            raise OSError(28, os.strerror(28))

        with pytest.raises(StorageError):
            replace_file(song, song.stat(), full, print)
        assert song.read_bytes() == content
        assert list(song.parent.iterdir()) == [song]


class TestUndo:
    def test_exact_former_values_come_back(self, song, tmp_path):
        tags = ID3()
        tags.add(TCON(encoding=1, text=["(17)Rock", "Polka"]))
        tags.save(song, v2_version=3, v23_sep=None)
        content, log = song.read_bytes(), UndoFile(tmp_path / "undo.jsonl")
        tag_one(song, "Blues", log)
        list(undo(read_entries(log.path)))
        assert ID3(song, translate=False)["TCON"].text == ["(17)Rock", "Polka"]
        assert song.read_bytes() == content

    def test_two_changes_are_undone_one_after_the_other(self, song, tmp_path):
        content, log = song.read_bytes(), UndoFile(tmp_path / "undo.jsonl")
        tag_one(song, "Blues", log)
        tag_one(song, "Pop", UndoFile(log.path))
        assert [why for _, why, _ in undo(read_entries(log.path))] == [None, None]
        assert song.read_bytes() == content

    def test_a_file_that_was_changed_since_is_left(self, song, tmp_path, command):
        log = UndoFile(tmp_path / "undo.jsonl")
        tag_one(song, "Blues", log)
        tags = ID3(song)
        tags.add(TCON(encoding=0, text="Polka"))
        tags.save(song)
        content = song.read_bytes()
        status, _, said = command("tag", "--undo", str(log.path))
        assert status == 1
        assert "was changed after" in said
        assert song.read_bytes() == content
        song.unlink()
        status, _, said = command("tag", "--undo", str(log.path))
        assert status == 1
        assert "no longer exists" in said

    def test_a_line_that_was_cut_off_is_of_no_file(self, song, tmp_path):
        log = UndoFile(tmp_path / "undo.jsonl")
        tag_one(song, "Blues", log)
        line = log.path.read_bytes()
        log.path.write_bytes(line + line[: len(line) // 2])
        assert len(read_entries(log.path)) == 1
        UndoFile(log.path).add(read_entries(log.path)[0])
        assert len(read_entries(log.path)) == 2

    @pytest.mark.parametrize("content", [b"a,b\n", b"{}\n", b"\0\xff", b"[[[[" * 100_000])
    def test_another_file_is_refused_and_kept(self, content, tmp_path, command):
        path = tmp_path / "other"
        path.write_bytes(content)
        for given_to in ("--undo", "--undo-file"):
            rest = [] if given_to == "--undo" else [str(tmp_path)]
            status, _, said = command("tag", given_to, str(path), *rest)
            assert (status, said.count("\n")) == (2, 1)
            assert "not an undo file" in said
        assert path.read_bytes() == content

    def test_a_name_that_is_no_text_survives(self, song, tmp_path):
        path = song.with_name(os.fsdecode(b"\xff\xfe.mp3"))
        song.rename(path)
        log = UndoFile(tmp_path / "undo.jsonl")
        tag_one(path, "Blues", log)
        assert [why for _, why, _ in undo(read_entries(log.path))] == [None]


@pytest.fixture
def music(mistaken, tmp_path) -> Path:
    """Return three recordings of each of four kinds, which the runs of this workspace know."""
    folder = tmp_path / "music"
    folder.mkdir()
    for number, path in enumerate(sorted((mistaken / "low").iterdir())[:3]):
        for kind in ("mp3", "flac", "ogg", "wav"):
            soundfile.write(folder / f"{number}.{kind}", *soundfile.read(path))
    return folder


LOW = ("--min-confidence", "0.01")


class TestCommand:
    def test_dry_run_then_tag_then_again_then_undo(self, music, command, tmp_path):
        before = {path: state(path) for path in music.iterdir()}
        known = {path: facts(path) for path in music.iterdir()}
        status, dry, said = command("tag", "logistic", str(music), *LOW, "--dry-run")
        assert status == 0
        assert said.rstrip().endswith("12 would get a genre")
        assert {path: state(path) for path in music.iterdir()} == before
        assert not [*tmp_path.glob("*.jsonl")]
        status, out, said = command("tag", "logistic", str(music), *LOW, "--if-empty")
        assert (status, out) == (0, dry)
        (log,) = tmp_path.glob("zoo-tag-*.undo.jsonl")
        assert f"zoo tag --undo {log.name}" in said
        genres = {path: read_tags(path).genres for path in music.iterdir()}
        assert all(genres.values())
        status, out, said = command("tag", "logistic", str(music), *LOW)
        assert (status, out, said) == (0, "", "12 have one\n")
        assert [*tmp_path.glob("*.jsonl")] == [log]
        status, out, _ = command("tag", "--undo", str(log), "--format", "json")
        assert status == 0
        assert [json.loads(line)["restored"] for line in out.splitlines()] == [True] * 12
        assert {path: facts(path) for path in music.iterdir()} == known

    def test_unsure_answers_and_files_with_a_genre_are_not_written(self, music, command):
        one = music / "0.mp3"
        tags = ID3()
        tags.add(TCON(encoding=0, text="Polka"))
        tags.save(one)
        before = {path: path.read_bytes() for path in music.iterdir()}
        status, out, said = command(
            "tag", "logistic", str(music), "--min-confidence", "1", "--format", "json"
        )
        found = {item["path"]: item for item in map(json.loads, out.splitlines())}
        assert status == 0
        assert found[str(one)]["former"] == ["Polka"]
        assert "11 without an answer, 1 have one" in said or "1 have one, 11 without" in said
        assert {path: path.read_bytes() for path in music.iterdir()} == before
        status, out, _ = command("tag", "logistic", str(one), *LOW, "--replace")
        assert status == 0
        assert "(was Polka)" in out
        assert read_tags(one).genres != ("Polka",)

    def test_links_and_other_names_of_a_file_are_passed_over(self, music, command, tmp_path):
        outside = tmp_path / "outside.mp3"
        outside.write_bytes((music / "0.mp3").read_bytes())
        for path in music.iterdir():
            if path.name not in ("1.mp3", "2.mp3"):
                path.unlink()
        os.link(music / "1.mp3", tmp_path / "second name.mp3")
        (music / "far.mp3").symlink_to(outside)
        (music / "near.mp3").symlink_to("2.mp3")
        before = {path: path.read_bytes() for path in (outside, music / "1.mp3")}
        status, out, _ = command("tag", "logistic", str(music), *LOW)
        assert status == 0
        assert out.count("skipped") == 2
        assert "hard link" in out
        assert "outside of the given paths" in out
        assert {path: path.read_bytes() for path in before} == before
        assert (music / "near.mp3").is_symlink()
        assert read_tags(music / "2.mp3").genres
        assert command("tag", "logistic", str(music / "far.mp3"), *LOW)[1].startswith("skipped")

    def test_what_cannot_be_written_or_read_is_named(self, music, command, tmp_path):
        for path in music.iterdir():
            if path.suffix != ".flac":
                path.unlink()
        (music / "0.flac").chmod(0o400)
        (music / "1.flac").write_bytes(b"fLaC" + bytes(1000))
        status, _, said = command("tag", "logistic", str(music), *LOW)
        assert status == 1
        assert "0.flac: it cannot be written: it is write-protected" in said
        assert said.count("1.flac") == 1
        assert "2 failed, 1 got a genre" in said
        assert read_tags(music / "2.flac").genres

    @pytest.mark.parametrize(
        ("arguments", "reason"),
        [
            ((), "name the files"),
            (("-",), "standard input"),
            (("x.mp3", "--if-empty", "--replace"), "contradict"),
            (("--undo", "x", "y.mp3"), "nothing but an undo file"),
            (("--undo", "missing"), "cannot be read"),
            (("gtzan", "esc10-missing.mp3"), "no file"),
        ],
    )
    def test_wrong_commands(self, arguments, reason, command):
        status, _, said = command("tag", *arguments)
        assert (status, said.count("\n")) == (2, 1)
        assert reason in said

    def test_what_to_do_without_mutagen(self, command, monkeypatch):
        found = importlib.util.find_spec
        monkeypatch.setattr(
            "zoo_plugins._tagging.command.find_spec",
            lambda name: None if name == "mutagen" else found(name),
        )
        assert command("tag", "x") == (
            2, "", f"zoo: `zoo tag` needs mutagen; {pip_install('tag')} brings it\n"
        )  # fmt: skip

    def test_what_to_do_if_it_is_switched_off(self, command, monkeypatch):
        monkeypatch.setattr("zoo.cli.app.app.registered_commands", [])
        monkeypatch.setenv("ZOO_PLUGINS_DISABLED", "tag")
        status, _, said = command("tag", "x")
        assert status == 2
        assert "`zoo plugins enable tag`" in said

    @pytest.mark.parametrize("why", ["write-protected", "folder", "link"])
    def test_the_dry_run_names_what_cannot_be_written(self, why, music, command, monkeypatch):
        path = min(music.iterdir())
        if why == "link":
            path.unlink()
            path.symlink_to("gone.mp3")
        elif why == "folder":  # root may write to every folder
            monkeypatch.setattr(os, "access", lambda *_: False)
        else:
            path.chmod(0o444)
        reason = {
            "write-protected": "it cannot be written: it is write-protected",
            "folder": "it cannot be written: its folder may not be written to",
            "link": f"it is a link to '{music / 'gone.mp3'}', which does not exist",
        }[why]
        for options in (["--dry-run"], ["--undo-file", "undo.jsonl"]):
            if why == "folder" and options[0] != "--dry-run":
                continue
            given = str(music if why == "link" else path)
            status, out, said = command("tag", "logistic", given, *LOW, *options)
            assert status == 1
            assert str(path) not in out
            assert f"zoo: {path}: {reason}\n" in said
            assert "1 failed" in said

    def test_an_undo_deletes_what_a_killed_one_left(self, song, tmp_path):
        log = UndoFile(tmp_path / "undo.jsonl")
        tag_one(song, "Blues", log)
        assert [why for _, why, _ in undo(read_entries(log.path))] == [None]
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        left = song.with_name(f".zoo-{machine()}-{ended.pid}-0123abcd.tmp")
        left.write_bytes(b"half")
        assert all(not failed for _, _, failed in undo(read_entries(log.path)))
        assert [path.name for path in song.parent.iterdir()] == [song.name]

    def test_an_undo_says_that_a_file_became_a_link(self, song, tmp_path):
        log = UndoFile(tmp_path / "undo.jsonl")
        tag_one(song, "Blues", log)
        song.rename(tmp_path / "moved.mp3")
        song.symlink_to(tmp_path / "moved.mp3")
        assert [(why, failed) for _, why, failed in undo(read_entries(log.path))] == [
            ("it has become a link; nothing was restored", True)
        ]

    def test_an_undo_file_is_a_file(self, song, command):
        status, _, said = command("tag", "logistic", str(song), "--undo-file", os.devnull)
        assert (status, said) == (2, "zoo: /dev/null is not a file; give another --undo-file\n")

    def test_killed_commands_lose_nothing_and_the_same_command_goes_on(self, music, tmp_path):
        before = {path.name: facts(path) for path in music.iterdir()}
        begin = [sys.executable, "-c", "from zoo.cli import main; main()", "tag", "logistic"]
        words = [*begin, str(music), *LOW, "--undo-file", "undo.jsonl", "--jobs", "1"]
        for delay in (0.0, 0.02):
            with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as begun:
                begun.stdout.readline()
                time.sleep(delay)
                begun.kill()
            for path in music.glob("[!.]*"):
                assert facts(path)[:2] == before[path.name][:2]
        assert subprocess.run(words, capture_output=True, check=True).stderr
        assert {path.name for path in music.iterdir()} == set(before)
        assert all(read_tags(path).genres for path in music.iterdir())
        assert all(not failed for _, _, failed in undo(read_entries(tmp_path / "undo.jsonl")))
        assert {path.name: facts(path) for path in music.iterdir()} == before

    def test_two_commands_at_once_do_no_harm(self, music, tmp_path):
        before = {path.name: facts(path) for path in music.iterdir()}
        begin = [sys.executable, "-c", "from zoo.cli import main; main()", "tag", "logistic"]
        words = [*begin, str(music), *LOW, "--undo-file"]
        nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        both = [subprocess.Popen([*words, f"{number}.jsonl"], **nowhere) for number in range(2)]
        for process in both:
            process.wait()
        assert all(read_tags(path).genres for path in music.iterdir())
        for log in tmp_path.glob("?.jsonl"):
            list(undo(read_entries(log)))
        assert {path.name: facts(path) for path in music.iterdir()} == before


def test_the_extension_is_quick(run_python):
    done = run_python(
        "import sys, typer\nfrom zoo_plugins.tag import zoo_commands\n"
        "zoo_commands(typer.Typer())\n"
        "print([n for n in ('numpy', 'mutagen', 'onnxruntime', 'soundfile') if n in sys.modules])"
    )
    assert done.stdout == "[]\n", done.stderr
