"""Runs one check of the conformance suite on a model."""

import time
import traceback
from collections.abc import Callable, Mapping

from zoo.testing.outcome import CheckFailed, Outcome, Skipped, Status
from zoo.testing.subject import Subject
from zoo_registry.errors import ZooError
from zoo_registry.text import in_a_line

__all__ = ["CheckFunction", "examine", "id_of"]

CheckFunction = Callable[[Subject], str | None]
"""A function that raises an error if a promise is broken; it may return a note."""


def id_of(check: CheckFunction) -> str:
    """Return the id of a check: the name of its function, with hyphens."""
    return check.__name__.replace("_", "-")


def examine(check: CheckFunction, subject: Subject, expected: Mapping[str, str]) -> Outcome:
    """Run one check.

    Parameters
    ----------
    check : CheckFunction
        One of `zoo.testing.CHECKS`.
    subject : Subject
        The model under test.
    expected : mapping
        The reason why a check is expected to fail, by its id, in addition to the declarations of
        the plugin's module. If such a check passes, that is a failure.

    Returns
    -------
    Outcome
        Errors of the plugin are part of it.
    """
    begin = time.perf_counter()
    status, reason, error = _attempt(check, subject)
    declared = (subject.expected_failures | dict(expected)).get(id_of(check))
    if declared and status is Status.failed:
        status, reason = Status.expected, f"{declared} (it says: {reason})"
    elif declared and status is Status.passed:
        reason = (
            f"it is expected to fail ({declared}), and passes; take it out of `expected_failures`"
        )
        status, error = Status.failed, CheckFailed(reason)
    seconds = time.perf_counter() - begin
    promise = (check.__doc__ or "").split("\n\n")[0]
    return Outcome(id_of(check), promise, status, reason, seconds, error)


def _attempt(
    check: CheckFunction, subject: Subject
) -> tuple[Status, str | None, BaseException | None]:
    try:
        return Status.passed, check(subject), None
    except KeyboardInterrupt:
        raise
    except Skipped as skipped:
        return Status.skipped, str(skipped), None
    except BaseException as error:  # no plugin may end the suite, not even by SystemExit
        return Status.failed, _reason(error, subject.file), error


def _reason(error: BaseException, file: str | None) -> str:
    """Return an error in one line, with its line number in the plugin's own file."""
    notes = "".join(f", {note}" for note in getattr(error, "__notes__", ()))
    if isinstance(error, CheckFailed | ZooError):
        return f"{error}{notes}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == file]
    place = f" (line {lines[-1]} of {file})" if lines else ""
    return f"{in_a_line(error)}{notes}{place}"
