"""The outcome of a check of the conformance suite."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["CheckFailed", "Outcome", "Skipped", "Status", "about", "require"]


class CheckFailed(AssertionError):
    """A model breaks a promise. The message names it and says how to fix it."""


class Skipped(Exception):
    """A check does not apply to this model. The message says why."""


class Status(StrEnum):
    """End of a check."""

    passed = "passed"
    failed = "failed"
    expected = "expected to fail"
    skipped = "skipped"


@dataclass(frozen=True)
class Outcome:
    """Outcome of one check.

    Attributes
    ----------
    check, promise : str
        The id, such as "same-seed", and the promise that is checked, in one sentence.
    status, reason : Status, str or None
        The end of the check; the reason why it failed or was skipped, or a note.
    seconds : float
        Duration.
    error : BaseException or None
        The exception of a failed check.
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
def about(circumstance: str) -> Iterator[None]:
    """Add a note on the circumstances to every error that is raised within the block."""
    try:
        yield
    except Exception as error:
        error.add_note(circumstance)
        raise
