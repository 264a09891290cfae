"""Temporary folders: their end, and the end of those that killed processes left."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from zoo_registry.files import machine
from zoo_registry.temporary import _sweep_once, temporary_folder

SHARED = Path("/dev/shm")
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="it is not Linux")

KILLED = """
import os, signal, time
from zoo.execution.engine import LocalProcesses
from zoo_registry.temporary import temporary_folder
folder = temporary_folder()
open(folder.name + "/file", "w").close()
results = LocalProcesses(2).map_unordered(time.sleep, [0, 0, 60, 60])
next(results)
print(os.getpid(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """Return the folder of temporary files, which no one has swept."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    _sweep_once.cache_clear()
    return tmp_path


@pytest.fixture
def dead() -> int:
    """Return the number of a process that has ended."""
    return int(subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE, check=True
    ).stdout)  # fmt: skip


def test_a_folder_is_deleted_with_its_block(place):
    with temporary_folder() as name:
        assert Path(name).parent == place
        Path(name, "file").touch()
    assert not list(place.iterdir())


def test_only_folders_of_dead_processes_of_the_zoo_are_deleted(place, dead):
    gone = place / f"zoo-{machine()}-{dead}-abc"
    kept = [
        place / name
        for name in (
            f"zoo-{machine()}-{os.getppid()}-abc",  # it lives
            f"zoo-00000000-{dead}-abc",  # on another machine
            f"zoo-{dead}",
            f"joblib_memmapping_folder_{dead}_abc",
            "zoo-mine",
        )
    ]
    for folder in (gone, *kept):
        folder.mkdir()
        (folder / "file").touch()
    # That of a process that is not known to be of the zoo stays.
    foreign = SHARED / f"sem.loky-{dead + 1}-{os.getpid()}"
    left = SHARED / f"sem.loky-{dead}-{os.getpid()}"
    foreign.touch()
    left.touch()
    try:
        with temporary_folder():
            assert not gone.exists()
            assert not left.exists()
            assert foreign.exists()
            assert all((folder / "file").exists() for folder in kept)
    finally:
        foreign.unlink()


def test_what_a_killed_process_and_its_workers_leave_is_deleted(place):
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    process.stdout.readline()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert list(place.iterdir())
    assert list(SHARED.glob(f"*loky-{process.pid}-*"))
    with temporary_folder() as name:
        assert list(place.iterdir()) == [Path(name)]
    assert not list(SHARED.glob(f"*loky-{process.pid}-*"))
    assert not list(SHARED.glob(f"joblib_memmapping_folder_{process.pid}_*"))
