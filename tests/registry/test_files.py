"""Files that are whole or not there, and remain what and where they were."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_registry.errors import UsageError
from zoo_registry.files import TEMPORARY_SUFFIX, atomic_path, check_replaceable, write_text


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


def test_an_error_of_a_file_that_is_open_names_the_file(tmp_path):
    def grow():
        with atomic_path(tmp_path / "page.html"):
            raise OSError(errno.EFBIG, "File too large")

    with pytest.raises(OSError, match=r"page\.html") as raised:
        grow()
    assert raised.value.filename == str(tmp_path / "page.html")


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


@pytest.mark.parametrize("way", ["file", "../kept/file", "link", "linked folder"])
def test_a_link_stays_and_its_target_is_replaced(tmp_path, way):
    for folder in ("kept", "links", "links/deep"):
        (tmp_path / folder).mkdir()
    target = tmp_path / "kept" / "file"
    link = tmp_path / "links" / "link"
    if way == "linked folder":
        (tmp_path / "links" / "folder").symlink_to("../kept")
        link = tmp_path / "links" / "folder" / "file"
    elif way == "link":
        (tmp_path / "links" / "deep" / "second").symlink_to(target)
        link.symlink_to("deep/second")
    else:
        link.symlink_to(target if way == "file" else way)
    for text in ("first", "second"):  # a link to nowhere, and to a file
        with atomic_path(link) as temporary:
            assert temporary.parent == target.parent  # so that it can be renamed
            temporary.write_text(text)
        assert target.read_text() == text
        assert link.is_symlink() == (way != "linked folder")
        assert not target.is_symlink()
    assert names(target.parent) == ["file"]


def test_a_replaced_file_keeps_its_mode_and_a_new_one_has_the_usual(tmp_path):
    path = tmp_path / "file"
    earlier = os.umask(0o027)
    try:
        write_text(path, "new")
        assert path.stat().st_mode & 0o7777 == 0o640
        for mode in (0o600, 0o664, 0o755):
            path.chmod(mode)
            with atomic_path(path) as temporary:
                temporary.write_text(f"{mode}")
                assert temporary.stat().st_mode & 0o077 == 0
            assert path.read_text() == f"{mode}"
            assert path.stat().st_mode & 0o7777 == mode
    finally:
        os.umask(earlier)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root may chown")
def test_a_replaced_file_keeps_its_owner(tmp_path):
    path = tmp_path / "file"
    path.touch()
    os.chown(path, 1234, 4321)
    write_text(path, "new")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def _circle(path: Path) -> None:
    path.symlink_to(path.name)


def _protected(path: Path) -> None:
    path.write_text("old")
    path.chmod(0o444)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, _circle, _protected])
def test_what_is_no_file_or_is_protected_is_not_replaced(tmp_path, make):
    path = tmp_path / "kept" / "it"
    path.parent.mkdir()
    make(path)
    before = path.lstat()
    with pytest.raises(OSError, match="it") as caught:
        write_text(path, "new")
    assert (caught.value.filename, names(path.parent)) == (str(path), ["it"])
    with pytest.raises(UsageError, match="it cannot be written: "):
        check_replaceable(path, lambda _: True, force=True)
    assert path.lstat().st_ino == before.st_ino


def test_devices_stay_devices():
    with pytest.raises(OSError, match="not a regular file"):
        write_text(Path(os.devnull), "new")
    assert Path(os.devnull).is_char_device()


def test_errors_name_the_file_that_was_asked_for(tmp_path):
    for path in (tmp_path / ("x" * 300), tmp_path / "file" / "x"):
        (tmp_path / "file").touch()
        with pytest.raises(OSError) as caught:  # noqa: PT011  (the name is compared)
            write_text(path, "new")
        assert TEMPORARY_SUFFIX not in str(caught.value)


def test_a_file_is_taken_if_it_is_empty_or_known_or_by_force(tmp_path):
    path = tmp_path / "file"
    assert check_replaceable(path, bool) == b""
    path.touch()
    assert check_replaceable(path, lambda _: False) == b""
    path.write_text("mine")
    assert check_replaceable(path, b"mine".__eq__) == b"mine"
    assert check_replaceable(path, lambda _: False, force=True) == b"mine"
    with pytest.raises(UsageError, match=r"file exists, .* --force"):
        check_replaceable(path, b"yours".__eq__)
    assert path.read_text() == "mine"


def test_a_durable_file_is_synced_before_its_name_and_its_folders_after(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace

    def watched_fsync(descriptor):
        events.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    def watched_replace(old, new):
        events.append("rename")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(os, "replace", watched_replace)
    path = tmp_path / "new" / "deep" / "file"
    write_text(path, "text")
    inodes = [place.stat().st_ino for place in (tmp_path, path.parent.parent, path, path.parent)]
    assert events == [*inodes[:3], "rename", inodes[3]]
    events.clear()
    shutil.rmtree(tmp_path / "new")
    write_text(path, "text", durable=False)
    assert events == ["rename"]
