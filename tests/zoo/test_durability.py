"""Survival of a power cut: what a command reports as done is on the disk by then."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import zoo
from zoo.artefacts.bundle import hand_over
from zoo.inference.output_file import OutputFile
from zoo.plugins.scaffold import write_package
from zoo.report.page import write_report


class Disk:
    """Files and folders that are on the disk, in the order in which they arrived there.

    The names of a folder are lost in a power cut if they changed after its last fsync, the
    content of a file if it was written after its own.
    """

    def __init__(self) -> None:
        self.synced: dict[int, int] = {}  # the time of the last fsync by inode
        self.renamed: dict[str, tuple[int, int, int]] = {}  # time, inodes of file and folder

    def holds(self, path: Path) -> bool:
        time, inode, folder = self.renamed[os.path.realpath(path)]
        return (
            self.synced.get(inode, time) < time < self.synced.get(folder, -1)
            and path.stat().st_ino == inode
        )


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    found, clock = Disk(), iter(range(1_000_000))
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor: int) -> None:
        fsync(descriptor)
        found.synced[os.fstat(descriptor).st_ino] = next(clock)

    def watched_replace(old: str, new: str) -> None:
        inodes = Path(old).stat().st_ino, Path(new).parent.stat().st_ino
        replace(old, new)
        found.renamed[os.path.realpath(new)] = (next(clock), *inodes)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    return found


def test_what_a_training_a_report_and_an_export_have_written(
    disk, feature_table, workspace, tmp_path
):
    run = zoo.train("logistic", str(feature_table()), protocol="kfold:3")
    (page,) = write_report(Path("report"))
    files = [path for path in run.folder.iterdir() if path.is_file()]
    assert {path.name for path in files} == {
        "run.json", "predictions.csv", "windows.npy", "model.onnx", "README.md",
    }  # fmt: skip
    for path in (*files, page, *hand_over(run, Path("out"))):
        assert disk.holds(path), path
    # The record that says complete comes after all that it speaks of.
    times = {path.name: disk.renamed[os.path.realpath(path)][0] for path in files}
    assert max(times, key=times.__getitem__) == "run.json"
    # The new folders have their names in those above.
    for folder in (run.folder, *list(run.folder.parents)[:2]):
        assert folder.parent.stat().st_ino in disk.synced


def test_a_new_package(disk, tmp_path):
    write_package("my-own-model", tmp_path)
    assert tmp_path.stat().st_ino in disk.synced


def test_the_answers_of_a_prediction(disk, tmp_path):
    path = tmp_path / "answers.jsonl"
    with OutputFile(path, False, False, "run").open() as file:
        file.write("an answer\n")
        earlier = dict(disk.synced)
    for place in (path, path.parent):
        inode = place.stat().st_ino
        assert disk.synced[inode] > earlier.get(inode, -1)
