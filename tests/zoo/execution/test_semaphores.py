"""A system without semaphores, such as a container without /dev/shm: one process does all."""

import os
from collections.abc import Iterator

import pytest

from zoo.execution import engine
from zoo.execution.engine import InProcess, LocalProcesses


@pytest.fixture
def _without(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    engine._has_workers.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(engine, "has_semaphores", lambda: False)
        yield
    engine._has_workers.cache_clear()


def process_of(number: int) -> tuple[int, int]:
    """Return the number, and the process that has it."""
    return number, os.getpid()


@pytest.mark.usefixtures("_without")
def test_one_process_does_all_and_one_note_says_so(caplog):
    for place in (LocalProcesses(2), InProcess()):
        results = [result for _, result in place.map_unordered(process_of, range(20))]
        assert results == [(number, os.getpid()) for number in range(20)]
        assert place.run_isolated(process_of, 0) == (0, os.getpid())
    (note,) = caplog.messages
    assert "/dev/shm" in note
