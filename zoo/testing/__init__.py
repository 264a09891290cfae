"""The conformance suite: checks of everything that a plugin promises.

Under pytest, one line tests a model::

    from zoo.testing import ModelSuite

    class TestMyModel(ModelSuite, model="my-model"):
        \"\"\"The checks of the conformance suite.\"\"\"

and one line tests a front end::

    class TestMyEncoder(FrontEndSuite, frontend="my-encoder"):
        \"\"\"The checks of front ends.\"\"\"

``zoo plugins check my-model`` runs the same checks without pytest. A check that the plugin cannot
pass is declared with its reason, in the plugin's module, so that both find it, or in the class
statement::

    expected_failures = {"any-length": "a track of ten minutes does not fit into its memory"}
"""

import sys
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from zoo.testing import (
    declaration_checks,
    export_checks,
    front_end_checks,
    prediction_checks,
    training_checks,
)
from zoo.testing.base_subject import BaseSubject
from zoo.testing.front_end_subject import FrontEndSubject
from zoo.testing.outcome import CheckFailed, Outcome, Skipped, Status
from zoo.testing.subject import Subject
from zoo_registry.card import ParamValue
from zoo_registry.errors import IN_PYTHON, UsageError, ZooError
from zoo_registry.text import in_a_line, place

__all__ = [
    "CHECKS",
    "FRONT_END_CHECKS",
    "FrontEndSubject",
    "FrontEndSuite",
    "ModelSuite",
    "Outcome",
    "Status",
    "Subject",
    "chosen_checks",
    "examine",
]

CheckFunction = Callable[[Any], str | None]
"""A function of a subject that raises an error if a promise is broken; it may return a note."""


def _checks(*modules: ModuleType) -> dict[str, CheckFunction]:
    return {
        name.replace("_", "-"): member
        for module in modules
        for name, member in vars(module).items()
        if name in module.__all__
    }


CHECKS: Mapping[str, CheckFunction] = _checks(
    declaration_checks, prediction_checks, training_checks, export_checks
)
"""Every check of a model by its id, in the order in which they are best read."""

FRONT_END_CHECKS: Mapping[str, CheckFunction] = _checks(front_end_checks)
"""Every check of a front end by its id, in that order."""


def chosen_checks(
    ids: Collection[str], checks: Mapping[str, CheckFunction] = CHECKS
) -> list[CheckFunction]:
    """Return the checks of these ids in the order of the suite; an unknown id is a UsageError."""
    if unknown := sorted(set(ids) - set(checks)):
        raise UsageError(f"there is no check {unknown[0]!r}; the checks are: {', '.join(checks)}")
    return [check for name, check in checks.items() if name in ids]


def examine(check: CheckFunction, subject: BaseSubject, expected: Mapping[str, str]) -> Outcome:
    """Return the outcome of one check.

    Parameters
    ----------
    check, subject : CheckFunction, BaseSubject
        One of `CHECKS` or `FRONT_END_CHECKS`, and the plugin under test.
    expected : mapping
        The reason why a check is expected to fail, by its id, in addition to the declarations of
        the plugin's module. If such a check passes, that is a failure.
    """
    begin, name = time.perf_counter(), check_id(check)
    status, reason, error = _attempt(check, subject)
    declared = (subject.expected_failures | dict(expected)).get(name)
    if declared and status is Status.failed:
        status, reason = Status.expected, f"{declared} (it says: {reason})"
    elif declared and status is Status.passed:
        reason = (
            f"it is expected to fail ({declared}), and passes; take it out of `expected_failures`"
        )
        status, error = Status.failed, CheckFailed(reason)
    seconds = time.perf_counter() - begin
    promise = (check.__doc__ or "").split("\n\n")[0]
    return Outcome(name, promise, status, reason, seconds, error)


def check_id(check: CheckFunction) -> str:
    """Return the id of a check, such as "same-seed"."""
    return check.__name__.replace("_", "-")


def _attempt(
    check: CheckFunction, subject: BaseSubject
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
    given = [note for note in getattr(error, "__notes__", ()) if not note.startswith(IN_PYTHON)]
    notes = "".join(f", {note}" for note in given)
    if isinstance(error, CheckFailed | ZooError):
        return f"{error}{notes}"
    return f"{in_a_line(error)}{notes}{place(error, file)}"


class _Suite:
    """Tests of one plugin, one test per check."""

    _subject: ClassVar[BaseSubject]
    _expected: ClassVar[Mapping[str, str]]

    @classmethod
    def teardown_class(cls) -> None:
        """Release what was computed; pytest calls this after the last test."""
        cls._subject.close()


class ModelSuite(_Suite):
    """Tests of one model, one test per check. A subclass names the model in its class statement."""

    def __init_subclass__(
        cls,
        *,
        model: str,
        params: Mapping[str, str | ParamValue] | None = None,
        expected_failures: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        """Choose the model of a subclass.

        Parameters
        ----------
        model : str
            A name that ``zoo models`` lists, or the path of a plugin's file, relative to the
            folder of the test or to the current one.
        params : mapping, optional
            Parameters that differ from the card's defaults, such as ``{"epochs": 3}``. All
            checks but `learns-the-demo-set` limit ``epochs`` to one or two.
        expected_failures : mapping, optional
            The reason why a check is expected to fail, by its id. The reason is shown; if the
            check passes, that is a failure. A plugin's module may hold a mapping of this name.
        **more
            Arguments for other base classes.

        Raises
        ------
        UsageError
            If there is no check of such an id.
        """
        super().__init_subclass__(**more)
        cls._expected = dict(expected_failures or {})
        chosen_checks(cls._expected)
        cls._subject = Subject(_located(model, cls.__module__), params)


class FrontEndSuite(_Suite):
    """Tests of one front end, one per check. A subclass names it in its class statement."""

    def __init_subclass__(
        cls, *, frontend: str, expected_failures: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        """Choose the front end of a subclass.

        Parameters
        ----------
        frontend : str
            A name that ``zoo models`` lists, or the path of a plugin's file, relative to the
            folder of the test or to the current one; fields may follow, as in
            "handcrafted:window=10".
        expected_failures : mapping, optional
            As for `ModelSuite`.
        **more
            Arguments for other base classes.

        Raises
        ------
        UsageError
            If there is no check of such an id.
        """
        super().__init_subclass__(**more)
        cls._expected = dict(expected_failures or {})
        chosen_checks(cls._expected, FRONT_END_CHECKS)
        cls._subject = FrontEndSubject(_located(frontend, cls.__module__))


def _located(model: str, module: str) -> str:
    """Return the absolute path of a plugin's file; a name is returned unchanged."""
    if not model.endswith(".py"):
        return model
    test_file = getattr(sys.modules.get(module), "__file__", None)
    folders = [*([Path(test_file).parent] if test_file else []), Path.cwd()]
    found = (folder / model for folder in folders if (folder / model).is_file())
    return str(next(found, Path(model)).resolve())


def _test(check: CheckFunction) -> Callable[[_Suite], None]:
    def test(self: _Suite) -> None:
        outcome = examine(check, self._subject, self._expected)
        if outcome.status is Status.failed:
            if isinstance(outcome.error, Exception):
                raise outcome.error
            raise CheckFailed(outcome.reason) from outcome.error
        if outcome.status is not Status.passed:
            import pytest  # is running this test

            end = pytest.skip if outcome.status is Status.skipped else pytest.xfail
            end(outcome.reason or "")

    test.__doc__ = check.__doc__
    return test


for _class, _of_class in ((ModelSuite, CHECKS), (FrontEndSuite, FRONT_END_CHECKS)):
    for _check in _of_class.values():
        setattr(_class, f"test_{_check.__name__}", _test(_check))
