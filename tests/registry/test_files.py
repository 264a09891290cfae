"""Files that are whole or not there."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_registry.files import TEMPORARY_SUFFIX, atomic_path, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_comes_back_byte_for_byte(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "new", "deep", "file.txt")
        write_text(path, text)
        assert path.read_bytes() == text.encode()
        assert names(path.parent) == ["file.txt"]


def test_failure_keeps_the_old_file_and_leaves_nothing(tmp_path):
    path = tmp_path / "kept" / "file"
    write_text(path, "old")

    def interrupted():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert path.read_text() == "old"
    assert names(path.parent) == ["file"]


def test_text_that_utf_8_does_not_have_is_escaped(tmp_path):
    path = tmp_path / "kept" / "file"
    write_text(path, "half\udcff")
    assert path.read_text() == "half\\udcff"
    assert names(path.parent) == ["file"]


def test_nothing_written_is_an_error_and_no_file(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "kept" / "file"):
        pass
    assert names(tmp_path / "kept") == []


def test_folder_in_the_way(tmp_path):
    (tmp_path / "kept" / "file").mkdir(parents=True)
    with pytest.raises(OSError, match="file"):
        write_text(tmp_path / "kept" / "file", "text")
    assert names(tmp_path / "kept") == ["file"]


def test_temporary_name_is_beside_hidden_and_names_its_process(tmp_path):
    with atomic_path(tmp_path / "a.csv") as one, atomic_path(tmp_path / "a.csv") as other:
        assert one != other
        for temporary in (one, other):
            assert temporary.parent == tmp_path
            assert temporary.name.startswith(".")
            assert temporary.suffix == TEMPORARY_SUFFIX
            assert str(os.getpid()) in temporary.name
            temporary.write_text("x")


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127, "音" * 85], ids=["ascii", "two", "three"])
def test_names_as_long_as_the_system_takes(tmp_path, name):
    write_text(tmp_path / "kept" / name, "text")
    assert names(tmp_path / "kept") == [name]


WRITER = """
import sys
from pathlib import Path
from zoo_registry.files import atomic_path
with atomic_path(Path(sys.argv[1])) as temporary:
    with temporary.open("w") as file:
        file.write("half")
        file.flush()
        print("written", flush=True)
        sys.stdin.read()
"""


def test_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "kept" / "file"
    write_text(path, "old")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout.readline() == b"written\n"
        assert path.read_text() == "old"
        writer.send_signal(signal.SIGKILL)
    assert path.read_text() == "old"
    (left,) = set(names(path.parent)) - {"file"}
    assert str(writer.pid) in left
    assert left.endswith(TEMPORARY_SUFFIX)
