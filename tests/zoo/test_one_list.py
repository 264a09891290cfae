"""All commands take the same files for recordings, and say once what they skip."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from zoo.cli.app import run as run_command


@pytest.fixture
def command(monkeypatch, capfd) -> Callable[..., tuple[int, str, list[str]]]:
    """Return a function that gives status, output and notes of a command."""

    def run(*given: str) -> tuple[int, str, list[str]]:
        monkeypatch.setattr(sys, "argv", ["zoo", *given])
        status = run_command()
        said = capfd.readouterr()
        return status, said.out, said.err.splitlines()

    return run


@pytest.fixture
def music(tone_folder) -> Path:
    """Return tones as people keep them: other kinds of files, and what systems leave behind."""
    folder = tone_folder("music", tracks=3, seconds=0.3)
    for label in ("high", "low"):
        (folder / label / f"._{label}00.wav").write_bytes(b"\0\5\x16\7" + bytes(90))
        (folder / label / "cover\x1b[31m.jpg").write_bytes(b"\xff\xd8\xff")
        (folder / label / "album").mkdir()
        (folder / label / f"{label}02.wav").rename(folder / label / "album" / "B.WAVE")
    for name in ("__MACOSX", "$RECYCLE.BIN", "lost+found"):
        shutil.copytree(folder / "high", folder / name)
    shutil.copy(folder / "high" / "high00.wav", folder / "beside.wav")
    (folder / "notes").mkdir()
    (folder / "empty").mkdir()
    (folder / "notes" / "a.TXT").touch()
    (folder / "README.md").touch()
    return folder


PASSED = "3 without an audio suffix (.jpg 2, .txt 1), 5 hidden or of another system ("
LISTED = (
    f"Skipped 6 files and 5 folders: {PASSED}._* 2, $RECYCLE.BIN/, __MACOSX/, lost+found/), "
    "1 in no class folder (beside.wav), 2 class folders without audio files (empty/, notes/)."
)


class TestPassedOver:
    @pytest.mark.parametrize(
        "given",
        [
            ("data", "info", "music", "--format", "json"),
            ("data", "check", "music", "--jobs", "1", "--format", "json"),
            # The split is refused, which saves the time of a training.
            ("train", "logistic", "decision-tree", "--data", "music", "--protocol", "kfold:7"),
            ("tune", "logistic", "--data", "music", "--protocol", "kfold:7"),
        ],
        ids=lambda given: " ".join(given[:2]),
    )
    def test_said_once_by_every_command(self, music, workspace, command, given):
        _, out, notes = command(*given)
        assert [note for note in notes if note.startswith("Skipped")] == [LISTED]
        if given[-1] == "json":
            assert json.loads(out)["tracks"] == 6
        else:
            assert "and kfold:7 needs 7" in notes[-1]

    def test_predict(self, music, hearing, command):
        hearing("seconds")
        status, out, notes = command("predict", "seconds", "music", "--format", "json")
        assert status == 0
        assert sorted(json.loads(line)["path"] for line in out.splitlines()) == [
            "music/beside.wav", "music/high/album/B.WAVE", "music/high/high00.wav",
            "music/high/high01.wav", "music/low/album/B.WAVE", "music/low/low00.wav",
            "music/low/low01.wav",
        ]  # fmt: skip
        assert notes == [
            f"Skipped 5 files and 3 folders: {PASSED}._* 2, $RECYCLE.BIN/, __MACOSX/, lost+found/)."
        ]

    def test_a_folder_at_a_url(self, music, command):
        pytest.importorskip("fsspec")
        status, out, notes = command("data", "info", f"file://{music}", "--format", "json")
        assert (status, json.loads(out)["tracks"]) == (0, 6)
        assert sorted(notes[0]) == sorted(LISTED)

    def test_a_class_of_unknown_files_does_not_vanish(self, music, command):
        for path in music.glob("low/**/*.[wW]*"):
            path.rename(f"{path}.xyz")
        status, _, notes = command("data", "info", "music")
        assert status == 2
        assert "6 without an audio suffix (.xyz 3, .jpg 2, .txt 1)" in notes[0]
        assert "3 class folders without audio files (empty/, low/, notes/)" in notes[0]
        assert "holds one class only, 'high'" in notes[-1]

    @pytest.mark.parametrize("given", [("info",), ("check", "--jobs", "1")], ids=" ".join)
    @pytest.mark.parametrize("address", ["", "file://"])
    def test_what_a_list_of_files_lacks(self, music, command, given, address):
        rows = "path", "high/high00.wav", "low/low00.wav", "low/._low00.wav"
        (music / "metadata.csv").write_text("\n".join(rows))
        what, *options = given
        data = f"{address}{music}"
        _, out, notes = command("data", what, data, *options, "--format", "json")
        assert json.loads(out)["tracks"] == 3
        (note,) = notes if what == "info" else [n for n in notes if n.startswith("Skipped")]
        assert "5 hidden or of another system (._* 2, " not in note  # one is listed
        assert "5 not listed in metadata.csv (high/ 2, low/ 2, beside.wav)." in note
        adds = f"`zoo data check {music} --write --force` adds usable files."
        assert note.endswith(adds)

    def test_recordings_that_came_after_the_list(self, tone_folder, workspace, command):
        folder = tone_folder("grow", tracks=3, seconds=0.3)
        command("data", "check", "grow", "--write", "--jobs", "1")
        (folder / "cat").mkdir()
        (folder / "cow").mkdir()
        for path in ("high/new.wav", "cat/a.wav", "cat/b.wav"):
            shutil.copy(folder / "low" / "low00.wav", folder / path)
        said = (
            "Skipped 3 files and 1 folder: 1 class folder without audio files (cow/), "
            "3 not listed in metadata.csv (cat/ 2, high/)."
        )
        train = ("train", "logistic", "--data", "grow", "--protocol", "kfold:7")  # refused
        for given in (("data", "info", "grow"), ("data", "check", "grow", "--jobs", "1"), train):
            adds = "`zoo data check grow --write --force` adds usable files."
            assert f"{said} {adds}" in command(*given)[2]


def test_a_folder_without_audio(workspace, command, hearing):
    hearing("seconds")
    Path("x/photos").mkdir(parents=True)
    Path("x/photos/a.jpg").touch()
    for given in (("predict", "seconds", "x"), ("data", "info", "x")):
        status, _, notes = command(*given)
        assert status == 2
        assert len(notes) == 1
        assert "1 without an audio suffix (.jpg 1)" in notes[0]
        assert "audio files end in .wav, .flac, .mp3, .m4a, .ogg" in notes[0]


def test_a_class_of_audio_books(music, command, hearing):
    """Suffixes that used to be unknown, so that the class vanished."""
    hearing("seconds")
    for number, path in enumerate(music.glob("low/low*.wav")):
        with av.open(str(path.with_suffix(".M4B")), "w", format="ipod") as file:
            stream = file.add_stream("aac", rate=22_050)
            stream.layout = "mono"
            tone = np.sin(np.arange(22_050, dtype=np.float32)[None] / (9 + number))
            frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 22_050, 0
            for part in (frame, None):
                file.mux(stream.encode(part))
        path.unlink()
    status, out, _ = command("data", "info", "music", "--format", "json")
    assert status == 0
    assert [item["tracks"] for item in json.loads(out)["classes"]] == [3, 3]
    status, out, _ = command("predict", "seconds", "music/low", "--format", "json")
    assert (status, len(out.splitlines())) == (0, 3)
