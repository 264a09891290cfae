"""Folders that are written to, the variables that move them, and libraries without a home."""

import errno
import os
from pathlib import Path

import pytest

from zoo_registry import StorageError
from zoo_registry.enabled import Switches, read_switches
from zoo_registry.files import unwritable, write_text
from zoo_registry.places import (
    cache_folder,
    config_folder,
    has_semaphores,
    hint,
    models_folder,
    prepare_libraries,
)
from zoo_registry.temporary import temporary_folder

FOLDERS = {"ZOO_CACHE": cache_folder, "ZOO_MODELS": models_folder, "ZOO_CONFIG": config_folder}
LIBRARIES = ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "MPLCONFIGDIR", "JOBLIB_MULTIPROCESSING")


def error(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a user without name and home."""
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", *FOLDERS):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)


@pytest.mark.parametrize("variable", FOLDERS)
@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_a_folder_that_cannot_be_written(variable, number):
    folder = FOLDERS[variable]()
    for path in (folder, folder / "some" / "file"):
        sentence = unwritable(path, error(number))
        assert sentence.endswith(
            f"{os.strerror(number)}; set {variable} to a folder that can be written"
        )
        assert "room" not in sentence


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(number, tmp_path):
    with temporary_folder() as folder:
        moved = {"TMPDIR": Path(folder), "ZOO_CACHE": cache_folder()}
        for variable, place in moved.items():
            assert hint(place / "file", error(number)) == (
                f"; once there is room, or with {variable} set to another folder, run the same "
                "command to continue"
            )
    for place in (models_folder(), tmp_path):
        assert hint(place / "file", error(number)) == (
            "; once there is room, run the same command to continue"
        )


def test_an_error_without_a_number_keeps_its_own_words(tmp_path):
    sentence = unwritable(tmp_path, OSError("no cache"), "give another folder")
    assert sentence == f"{tmp_path} cannot be written: no cache; give another folder"


def test_a_folder_that_the_user_chose(tmp_path):
    path = tmp_path / "report"
    assert hint(path, error(errno.EACCES)) == ""
    assert unwritable(path, error(errno.EACCES), "give another").endswith("denied; give another")
    assert "give another" not in unwritable(cache_folder(), error(errno.EACCES), "give another")


@pytest.mark.parametrize("home", [None, "", "relative"])
@pytest.mark.usefixtures("homeless")
def test_no_home(home, monkeypatch, tmp_path):
    if home is not None:
        monkeypatch.setenv("HOME", home)
    assert read_switches() == Switches()
    for variable in ("ZOO_CACHE", "ZOO_CONFIG"):
        path = FOLDERS[variable]() / "file"
        assert not path.exists()
        if home is None:
            with pytest.raises(NotADirectoryError) as caught:
                write_text(path, "")
            sentence = unwritable(path, caught.value)
            assert sentence.endswith(f"no home, so set {variable} to a folder that can be written")
    assert not list(tmp_path.iterdir())


class TestLibraries:
    """Variables of libraries."""

    @pytest.fixture(autouse=True)
    def clean(self, monkeypatch):
        """Forget what they were, here and afterwards."""
        for name in (*LIBRARIES, "TMPDIR", "HOME"):
            monkeypatch.setenv(name, os.environ.get(name, ""))  # is restored
        for name in LIBRARIES:
            monkeypatch.delenv(name)

    @pytest.fixture
    def protect(self, monkeypatch):
        """Return a function after which folders look write-protected, for root as well."""
        access = os.access

        def protect(*folders):
            names = set(map(str, folders))
            monkeypatch.setattr(
                os, "access",
                lambda path, mode: access(path, mode) and not (mode == os.W_OK and path in names),
            )  # fmt: skip

        return protect

    def test_a_home_that_can_be_written(self, monkeypatch, tmp_path):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("TMPDIR")
        prepare_libraries()
        found = {name: os.environ.get(name) for name in (*LIBRARIES, "HOME", "TMPDIR")}
        assert found == {
            **dict.fromkeys(found), "HOME": str(tmp_path),
            "NUMBA_CACHE_DIR": str(tmp_path / "cache" / "numba"),
        }  # fmt: skip

    def test_none(self, monkeypatch, tmp_path):
        for home in ("", "/nonexistent", "relative"):
            monkeypatch.setenv("HOME", home)
            prepare_libraries()
            assert os.environ["HOME"] == str(tmp_path / "cache" / "home")
        for name in ("XDG_CACHE_HOME", "MPLCONFIGDIR"):
            assert Path(os.environ[name]).parent == tmp_path / "cache" / "home"

    def test_one_that_can_only_be_read(self, monkeypatch, tmp_path, protect):
        protect(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        prepare_libraries()
        assert os.environ["HOME"] == str(tmp_path)  # it may hold credentials
        assert os.environ["XDG_CACHE_HOME"].startswith(str(cache_folder()))

    def test_what_the_user_has_set_stays(self, monkeypatch):
        monkeypatch.setenv("HOME", "")
        for name in LIBRARIES:
            monkeypatch.setenv(name, "mine")
        prepare_libraries()
        assert [os.environ[name] for name in LIBRARIES] == ["mine"] * len(LIBRARIES)

    def test_no_temporary_folder(self, monkeypatch, tmp_path, protect):
        protect("/tmp", "/var/tmp", "/gone")
        monkeypatch.setenv("TMPDIR", "/gone")
        prepare_libraries()
        assert os.environ["TMPDIR"] == str(tmp_path / "cache" / "tmp")
        assert Path(os.environ["TMPDIR"]).is_dir()


def test_semaphores_for_a_few_are_none(monkeypatch):
    created = []

    def create(*arguments):
        if len(created) == 4:
            raise error(errno.ENOSPC)
        created.append(arguments)
        return object()

    monkeypatch.setattr("_multiprocessing.SemLock", create)
    assert not has_semaphores.__wrapped__()
    assert len(set(created)) == 4


def test_no_temporary_folder_can_be_created(monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", os.devnull)
    with pytest.raises(StorageError, match="Not a directory; set TMPDIR to a folder that can be"):
        temporary_folder()
