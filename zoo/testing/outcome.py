"""What a check of the conformance suite comes to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "CheckFailed",
    "Outcome",
    "Skipped",
    "Status",
    "about",
    "require",
]


class CheckFailed(AssertionError):
    """A model does not keep a promise; the message says which, and what to do."""


class Skipped(Exception):
    """A check does not concern this model; the message says why."""


class Status(StrEnum):
    """How a check ended."""

    passed = "passed"
    failed = "failed"
    expected = "expected to fail"
    skipped = "skipped"


@dataclass(frozen=True)
class Outcome:
    """How one check ended.

    Attributes
    ----------
    check : str
        Its id, such as "same-seed".
    promise : str
        What it checks, in one sentence.
    status : Status
    reason : str or None
        Why it failed or was skipped, or a note.
    seconds : float
    error : BaseException or None
        What a failed check raised.
    """

    check: str
    promise: str
    status: Status
    reason: str | None
    seconds: float
    error: BaseException | None = None


def require(kept: object, message: str) -> None:
    """Raise `CheckFailed` with this message unless a promise is kept."""
    if not kept:
        raise CheckFailed(message)


@contextmanager
def about(what: str) -> Iterator[None]:
    """Say of whatever is raised within what it was about."""
    try:
        yield
    except Exception as error:
        error.add_note(what)
        raise
