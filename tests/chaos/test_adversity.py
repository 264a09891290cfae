"""A disk that is full, one that cannot be written, a cache that vanishes: a sentence, no loss."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from campaign import contents, different, half_files, run, sentences, temporaries

TRAIN = ("train", "./counted.py", "--data", "table.csv")
HEAR = ("train", "./heard.py", "--data", "tones", "--protocol", "kfold:2", "--jobs", "2")


@pytest.fixture
def small_disk() -> Iterator[Callable[..., None]]:
    """Return what mounts a disk of some kilobytes on a folder, or makes it read-only."""
    mounted: list[Path] = []

    def mount(folder: Path, options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("this user cannot mount a disk")
        if folder not in mounted:
            mounted.append(folder)

    if shutil.which("mount") is None:
        pytest.skip("there is no `mount`")
    yield mount
    for folder in reversed(mounted):
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path, pages: int) -> Path:
    """Leave so many pages of room on a disk."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            file.truncate(max(0, file.tell() - 4096 * pages))
    return ballast


@pytest.fixture
def expected(nest, table_box: Path, tmp_path: Path) -> dict[str, str]:
    """Return what the training leaves on a disk with room."""
    box = tmp_path / "box"
    shutil.copytree(table_box, box)
    assert run(nest, box, *TRAIN)[0] == 0
    found = contents(box / "models")
    shutil.rmtree(box)
    return found


@pytest.mark.parametrize("pages", [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14])
def test_a_full_disk_costs_nothing_that_was_stored(
    pages, nest, table_box, tmp_path, small_disk, expected
):
    box = tmp_path / "box"
    shutil.copytree(table_box, box)
    small_disk(box / "models", "size=256k")
    ballast = fill(box / "models", pages)
    status, said = run(nest, box, *TRAIN)
    assert status in (0, 1, 2), said
    if status == 0:  # there was just enough
        assert pages > 8
    else:
        (sentence,) = sentences(said)
        assert "No space left" in sentence
        assert ".zoo-" not in sentence
    assert not half_files(box)
    stored = {path: path.read_bytes() for path in box.rglob("folds/*.csv")}
    ballast.unlink()
    status, said = run(nest, box, *TRAIN)
    assert (status, sentences(said)) == (0, []), said
    assert not different(contents(box / "models"), expected)
    assert not temporaries(box)
    times = (box / "log").read_text().split()
    assert all(times.count(f"{path.stem}.unfinished") <= 2 for path in stored)


def test_a_cache_without_room_is_named(nest, tone_box, small_disk):
    small_disk(tone_box / "cache", "size=64k")
    ballast = fill(tone_box / "cache", 6)
    status, said = run(nest, tone_box, *HEAR)
    assert status in (1, 2), said
    (sentence,) = sentences(said)
    assert "No space left" in sentence
    assert "cache" in sentence
    assert not half_files(tone_box)
    ballast.unlink()
    small_disk(tone_box / "cache", "remount,size=4m")
    assert run(nest, tone_box, *HEAR)[0] == 0
    assert not temporaries(tone_box)


def test_answers_go_on_when_there_is_room(nest, tone_box, small_disk):
    assert run(nest, tone_box, *HEAR)[0] == 0
    small_disk(tone_box / "out", "size=256k")
    ballast = fill(tone_box / "out", 1)
    command = ("predict", "./heard.py", "tones", "--output", "out/answers.jsonl", "--jobs", "1")
    status, said = run(nest, tone_box, *command)
    assert status == 1, said
    (sentence,) = sentences(said)
    assert "answers.jsonl" in sentence
    assert "No space left" in sentence
    ballast.unlink()
    kept = (tone_box / "out" / "answers.jsonl").read_bytes().split(b"\n")[:-1]
    assert kept
    assert run(nest, tone_box, *command)[0] == 0
    lines = (tone_box / "out" / "answers.jsonl").read_bytes().splitlines()
    assert lines[: len(kept)] == kept
    paths = [json.loads(line)["path"] for line in lines]
    assert paths == sorted(set(paths))
    assert len(paths) == 24


def test_runs_that_cannot_be_written_are_read_all_the_same(nest, table_box, small_disk):
    small_disk(table_box / "models", "size=4m")
    assert run(nest, table_box, *TRAIN)[0] == 0
    small_disk(table_box / "models", "remount,ro")
    assert run(nest, table_box, *TRAIN)[0] == 0  # trained already
    assert run(nest, table_box, "leaderboard")[0] == 0
    assert run(nest, table_box, "runs", "verify")[0] == 0
    (record,) = (table_box / "models").rglob("run.json")
    for command in ((*TRAIN, "--seed", "1"), ("runs", "remove", record.parent.name, "--yes")):
        status, said = run(nest, table_box, *command)
        (sentence,) = sentences(said)
        assert "Read-only file system" in sentence
        assert status == (2 if "train" in command else 1)


VANISHING = """
import shutil
_train = train.__wrapped__ if hasattr(train, "__wrapped__") else train

@hookimpl
def train(tracks, labels, classes, params, scratch):
    if os.path.exists("vanish") and scratch.name == "1.unfinished":
        os.remove("vanish")
        shutil.rmtree(os.environ["ZOO_CACHE"])
    return _train(tracks, labels, classes, params, scratch)
"""


def test_a_cache_that_vanishes_is_made_again(nest, tone_box):
    model = tone_box / "heard.py"
    model.write_text(model.read_text() + VANISHING)
    (tone_box / "vanish").touch()
    status, said = run(nest, tone_box, *HEAR)
    assert status == 1, said
    (sentence,) = sentences(said)
    assert "is gone from" in sentence
    assert "; the same command computes it again" in sentence
    (record,) = (tone_box / "models").rglob("run.json")
    assert json.loads(record.read_text())["status"] == "failed"
    status, said = run(nest, tone_box, *HEAR)
    assert (status, sentences(said)) == (0, []), said
    record = json.loads(record.read_text())
    assert record["status"] == "complete"
    assert "saved" in [path.name for path in (tone_box / "models").rglob("*")]
    assert (tone_box / "log").read_text().split().count("0.unfinished") == 1
