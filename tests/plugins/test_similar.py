"""`zoo similar` and `zoo.embed`: recordings like one, by arrays that stay in the cache."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import typer

import zoo
from zoo.cli.app import run as run_command
from zoo.features.neighbours import embeddings
from zoo_registry.discovery import EXTENSIONS
from zoo_registry.errors import AudioError, UsageError

RATE = 16_000
BY = ("--front-end", "handcrafted")


def tone(pitch: float, seed: int) -> np.ndarray:
    time = np.arange(4 * RATE) / RATE
    noise = np.random.default_rng(seed).standard_normal(time.size)
    return 0.3 * np.sin(2 * np.pi * pitch * time) + 0.02 * noise


@pytest.fixture
def music(tmp_path) -> Path:
    """Return tones: two low ones, two high ones, and what is no sound."""
    folder = tmp_path / "music"
    folder.mkdir()
    for number, (name, pitch) in enumerate(
        {"low1": 110.0, "low2": 112.0, "high1": 1900.0, "high2": 1950.0}.items()
    ):
        soundfile.write(folder / f"{name}.wav", tone(pitch, number), RATE)
    (folder / "broken.mp3").write_bytes(b"no sound at all")
    return folder


@pytest.fixture
def command(monkeypatch, capfd) -> Callable[..., tuple[int, str, str]]:
    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["zoo", "similar", *arguments])
        status = run_command()
        said = capfd.readouterr()
        return status, said.out, said.err

    return run


class TestCommand:
    def test_the_nearest_comes_first_and_what_cannot_be_read_is_named(self, music, command):
        song = str(music / "low1.wav")
        status, out, said = command(song, str(music), *BY, "--jobs", "1", "--format", "json")
        found = json.loads(out)
        assert status == 1
        assert said.count("left out: ") == 1
        assert "broken.mp3" in said
        assert Path(found[0]["path"]).name == "low2.wav"
        assert [item["distance"] for item in found] == sorted(item["distance"] for item in found)
        assert len(found) == 3
        (music / "broken.mp3").unlink()
        status, out, said = command(song, str(music), *BY, "--count", "1")
        assert status == 0
        assert "low2.wav" in out
        assert "high" not in out
        assert "Euclidean" in said
        assert "handcrafted" in said
        assert "these 4 recordings" in said

    def test_the_same_recording_is_marked(self, music, command, tmp_path):
        (music / "broken.mp3").unlink()
        song = tmp_path / "song.wav"
        shutil.copy(music / "low1.wav", song)
        soundfile.write(music / "copy.flac", *soundfile.read(song))
        status, out, _ = command(str(song), str(music), *BY, "--format", "json")
        same = {Path(item["path"]).name for item in json.loads(out) if item["same_recording"]}
        assert (status, same) == (0, {"low1.wav", "copy.flac"})
        assert command(str(song), str(music), *BY)[1].count("the same recording") == 2

    def test_arrays_come_from_the_cache(self, music, command, monkeypatch):
        (music / "broken.mp3").unlink()
        song = str(music / "low1.wav")
        first = command(song, str(music), *BY, "--jobs", "1")
        monkeypatch.setattr("zoo.features.extraction.compute", None)
        assert command(song, str(music), *BY, "--jobs", "1") == first

    def test_the_published_run_is_asked_without_its_package(self, music, command, monkeypatch):
        monkeypatch.setattr(
            "zoo_registry.frontend_card.FrontEndCard.uninstalled", "pip install musicnn"
        )
        (music / "broken.mp3").unlink()
        song = str(music / "low1.wav")
        status, out, said = command(song, str(music), "--jobs", "1", "--format", "json")
        assert (status, Path(json.loads(out)[0]["path"]).name) == (0, "low2.wav"), said

    @pytest.mark.parametrize(
        ("arguments", "status", "reason"),
        [
            (("missing.wav", "music"), 2, "no file 'missing.wav'"),
            (("music/broken.mp3", "music", *BY), 1, "no embedding"),
            (("music/low1.wav", "missing", *BY), 2, "missing"),
            (("music/low1.wav", "music", *BY, "--run", "gtzan"), 2, "contradict"),
            (("music/low1.wav", "music", "--run", "nothing"), 2, "nothing"),
            (("music/low1.wav", "music", "--front-end", "log-mel"), 2, "short-time frame"),
        ],
    )
    def test_wrong_commands(self, arguments, status, reason, music, command):
        found, _, said = command(*arguments, "--jobs", "1")
        assert found == status
        assert reason in said.splitlines()[-1]


class TestEmbed:
    def test_it_measures_as_the_check_of_data_does(self, music, make_tones, tmp_path):
        from zoo.datasets import open_dataset

        data = open_dataset(str(make_tones(tmp_path / "tones")))
        used, rows = embeddings(data, "handcrafted", 1)
        found = zoo.embed([track.path for track in used.tracks], frontend="handcrafted", jobs=1)
        assert found.digests == [track.digest for track in used.tracks]
        assert np.array_equal(found.rows, rows)
        assert found.front_end == "handcrafted"
        distances = found.distances(found.files[3])
        assert distances[3] == 0
        assert (np.delete(distances, 3) > 0).all()

    def test_one_of_several_equal_files_is_computed(self, music, monkeypatch):
        from zoo.features import files

        shutil.copy(music / "low1.wav", music / "again.wav")
        shutil.copy(music / "broken.mp3", music / "broken2.mp3")
        asked, fill = [], files.fill_cache

        def filling(cache, tracks, *rest):
            asked.extend(tracks)
            return fill(cache, tracks, *rest)

        monkeypatch.setattr(files, "fill_cache", filling)
        found = zoo.embed(music, frontend="handcrafted", jobs=1)
        assert len(asked) == 5
        assert len(found.files) == 5
        assert {Path(path).name for path in found.failed} == {"broken.mp3", "broken2.mp3"}

    def test_what_has_no_embedding(self, music, mistaken):
        with pytest.raises(AudioError, match="no recording can be used"):
            zoo.embed(music / "broken.mp3", frontend="handcrafted", jobs=1)
        with pytest.raises(UsageError, match="standard input"):
            zoo.embed("-", frontend="handcrafted")
        assert zoo.embed(music / "low1.wav", "svm", jobs=1).front_end == "handcrafted"


def test_the_command_of_the_page_is_one(music, install_plugin, monkeypatch, capfd):
    page = (Path(__file__).parents[2] / "docs" / "extensions.md").read_text(encoding="utf-8")
    (source,) = re.findall(r"^```py\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    (music / "broken.mp3").unlink()
    point = install_plugin("middle", source, group=EXTENSIONS)
    app = typer.Typer(callback=lambda: None)
    point.load().zoo_commands(app)
    app(["middle", str(music)], standalone_mode=False)
    assert capfd.readouterr().out.endswith(".wav\n")


def test_a_recording_has_to_be_compared_with_another(music, monkeypatch, capfd):
    song = str(min(Path(music).rglob("*.wav")))
    monkeypatch.setattr(sys, "argv", ["zoo", "similar", song, song])
    assert run_command() == 2
    said = capfd.readouterr()
    assert said.out == ""
    assert f"there is no other recording to compare {song} with" in said.err
