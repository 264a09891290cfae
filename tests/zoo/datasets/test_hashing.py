"""Digests of files, remembered as long as size and time stay."""

import hashlib
import json
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo.datasets.hashing import file_digests, sha256
from zoo_registry import DatasetError


@pytest.fixture
def files(tmp_path) -> list[Path]:
    folder = tmp_path / "data"
    folder.mkdir()
    paths = [folder / f"é{number}.wav" for number in range(7)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * (number * 1000))
    return paths


def expected(paths) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]


def index(workspace: Path) -> Path:
    (found,) = (workspace / "cache" / "digests").iterdir()
    return found


@given(st.binary(max_size=2000))
def test_sha256_is_that_of_the_bytes(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x")
        path.write_bytes(content)
        assert sha256(path) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("at_once", [1, 3, 32])
def test_in_the_order_given(files, monkeypatch, at_once):
    monkeypatch.setattr("zoo.datasets.hashing._AT_ONCE", at_once)
    root = files[0].parent
    assert file_digests(root, files) == expected(files)
    assert file_digests(root, files[::-1]) == expected(files)[::-1]
    assert file_digests(root, [files[1], files[1]]) == expected([files[1], files[1]])
    assert file_digests(root, []) == []


def test_unchanged_files_are_not_read_again(files, workspace):
    root, before = files[0].parent, expected(files)
    file_digests(root, files)
    status = files[3].stat()
    files[3].write_bytes(b"x" * status.st_size)
    os.utime(files[3], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert file_digests(root, files) == before
    assert file_digests(root, files, trust=False) == expected(files)
    # What was read without trust is remembered too.
    assert file_digests(root, files) == expected(files)


@pytest.mark.parametrize("change", ["size", "time"])
def test_changed_files_are_read_again(files, change):
    root = files[0].parent
    file_digests(root, files)
    status = files[3].stat()
    files[3].write_bytes(b"x" * (status.st_size + (change == "size")))
    later = status.st_mtime_ns + (change == "time")
    os.utime(files[3], ns=(status.st_atime_ns, later))
    assert file_digests(root, files) == expected(files)


def test_folders_do_not_mix(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.wav").write_bytes(name.encode())
        os.utime(tmp_path / name / "x.wav", ns=(0, 0))
    for name in ("a", "b", "a"):
        paths = [tmp_path / name / "x.wav"]
        assert file_digests(tmp_path / name, paths) == expected(paths)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"{", b"null", b"[]", b"5", b'"text"', b"\xff\xfe", b"{}",
        "each a number", "each a list of one", "each null", "each of swapped parts",
    ],
    ids=repr,
)  # fmt: skip
def test_damaged_memory_is_ignored(files, workspace, content):
    root = files[0].parent
    file_digests(root, files)
    path = index(workspace)
    whole = json.loads(path.read_text())
    replacements = {
        "each a number": lambda value: 5,
        "each a list of one": lambda value: value[:1],
        "each null": lambda value: None,
        "each of swapped parts": lambda value: value[::-1],
    }
    if isinstance(content, str):
        damaged = {name: replacements[content](value) for name, value in whole.items()}
        content = json.dumps(damaged).encode()
    path.write_bytes(content)
    assert file_digests(root, files) == expected(files)
    assert json.loads(path.read_text()) == whole


def test_memory_that_cannot_be_written_is_done_without(files, workspace):
    (workspace / "cache").write_text("a file where the cache should be")
    assert file_digests(files[0].parent, files) == expected(files)


@pytest.mark.parametrize("kind", ["absent", "folder"])
def test_what_cannot_be_read_is_named(files, kind):
    path = files[0].with_name("other.wav")
    if kind == "folder":
        path.mkdir()
    with pytest.raises(DatasetError, match=r"other\.wav cannot be read: "):
        file_digests(path.parent, [*files, path])
