"""Runs that come with the zoo."""

import pytest

from zoo.workspace import find_run
from zoo_registry import published
from zoo_registry.runs import Run


@pytest.fixture
def shelf(tmp_path, monkeypatch, write_run):
    """Return a folder of published runs, in which one is called gtzan."""
    run = write_run("svm-a", [0] * 4, [0] * 4)
    monkeypatch.setattr(published, "published_folder", lambda: tmp_path / "shelf")
    (tmp_path / "shelf").mkdir()
    run.folder.rename(tmp_path / "shelf" / "gtzan")
    return tmp_path / "shelf"


def test_a_published_run_is_found_by_its_name_whatever_else_has_it(shelf, write_run, tmp_path):
    own = write_run("gtzan-a", [0] * 4, [1] * 4)
    own.folder.rename(tmp_path / "gtzan")
    assert find_run("gtzan").folder == shelf / "gtzan"
    assert find_run("./gtzan").predictions().labels.tolist()
    assert published.is_published(find_run("gtzan"))
    assert not published.is_published(Run.read(tmp_path / "gtzan"))


def test_those_that_are_missing_are_passed_over(shelf):
    assert [run.id for run in published.published()] == ["gtzan"]
