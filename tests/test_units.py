"""The tests of a file run in one worker process, or what they share would be made in each."""

import os
from pathlib import Path

import pytest

from tests.units import UNITS


def test_every_file_of_a_unit_is_here():
    files = [file for unit in UNITS for file in unit]
    assert len(files) == len(set(files))
    assert [file for file in files if not (Path(__file__).parent / file).exists()] == []


@pytest.mark.parametrize("number", range(8))
def test_one_worker_has_all_tests_of_a_file(number, made_once):
    folder = made_once("workers", Path.mkdir)
    (folder / str(os.getpid())).touch()
    assert [path.name for path in folder.iterdir()] == [str(os.getpid())]
