"""A process is known by its name for as long as it runs, and not longer."""

import os

from zoo_registry.processes import lives, this_process


def test_this_process_lives():
    assert lives(this_process()) is True
    assert this_process() == this_process()


def test_no_process_lives():
    assert lives(None) is False


def test_another_process_of_the_same_number_is_not_it():
    place, number, begin = this_process().split("-")
    assert lives(f"{place}-{number}-{'0' * len(begin)}") is not bool(begin)
    assert lives(f"{place}-{2**22 + 1}-{begin}") is False


def test_what_is_on_another_machine_is_not_known():
    assert lives(f"{'0' * 8}-{os.getpid()}-") is None


def test_what_is_no_name_lives_not():
    place, *_ = this_process().split("-")
    for name in (place, f"{place}-x-y", f"{place}--", f"{place}-{10**30}-0"):
        assert lives(name) is False
