"""The conformance suite: what a plugin promises, check by check.

Under pytest, one line is a test of everything::

    from zoo.testing import ModelSuite


    class TestMyModel(ModelSuite, model="my-model"):
        \"\"\"What a plugin promises, check by check.\"\"\"

``zoo plugins check my-model`` does the same without pytest. What a model cannot do is said
with its reason, in the plugin's module, where both find it, or in the class statement::

    expected_failures = {"any-length": "a track of ten minutes does not fit into its memory"}
"""

import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from zoo.testing import answers, declaration, learning, leaving
from zoo.testing.outcome import CheckFailed, Outcome, Status
from zoo.testing.runner import Check, examine, id_of
from zoo.testing.subject import Subject
from zoo_registry.card import ParamValue
from zoo_registry.errors import UsageError

__all__ = ["CHECKS", "ModelSuite", "Outcome", "Status", "Subject", "chosen_checks", "examine"]

CHECKS: Mapping[str, Check] = {
    id_of(member): member
    for module in (declaration, answers, learning, leaving)
    for name, member in vars(module).items()
    if name in module.__all__
}
"""Every check by its id, in the order in which they are best read."""


def chosen_checks(ids: Collection[str]) -> list[Check]:
    """Return the checks of these ids, in the suite's order.

    Raises
    ------
    UsageError
        If there is no such check.
    """
    if unknown := sorted(set(ids) - set(CHECKS)):
        raise UsageError(f"there is no check {unknown[0]!r}; the checks are: {', '.join(CHECKS)}")
    return [check for name, check in CHECKS.items() if name in ids]


class ModelSuite:
    """Tests of one model, to be subclassed: one test a check.

    Parameters
    ----------
    model : str
        A name that ``zoo models`` lists, or the path of a plugin's file, seen from the test's
        own folder or from where pytest stands.
    params : mapping, optional
        Parameters that differ from the card's defaults, such as ``{"epochs": 3}``. All checks
        but `learns-the-demo-set` limit ``epochs`` to one or two.
    expected_failures : mapping, optional
        Why a check is expected to fail, by its id. It is shown, and if the check passes that is
        a failure. A plugin's module may hold a mapping of this name too, for all who check it.

    Raises
    ------
    UsageError
        At the class statement, if there is no check of such an id.
    """

    _subject: ClassVar[Subject]
    _expected: ClassVar[Mapping[str, str]]

    def __init_subclass__(
        cls,
        *,
        model: str,
        params: Mapping[str, str | ParamValue] | None = None,
        expected_failures: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init_subclass__(**more)
        cls._expected = dict(expected_failures or {})
        chosen_checks(cls._expected)
        cls._subject = Subject(_located(model, cls.__module__), params)

    @classmethod
    def teardown_class(cls) -> None:
        """Forget the models that were fitted; pytest calls it after the last test."""
        cls._subject.close()


def _located(model: str, module: str) -> str:
    """Return where a file lies, whatever folder the tests will stand in; a name as it is."""
    if not model.endswith(".py"):
        return model
    beside = getattr(sys.modules.get(module), "__file__", None)
    places = [Path(beside).parent] if beside else []
    found = (place / model for place in (*places, Path.cwd()) if (place / model).is_file())
    return str(next(found, Path(model)).resolve())


def _test(check: Check) -> Callable[[ModelSuite], None]:
    def test(self: ModelSuite) -> None:
        outcome = examine(check, self._subject, self._expected)
        if outcome.status is Status.failed:
            if isinstance(outcome.error, Exception):
                raise outcome.error
            raise CheckFailed(outcome.reason) from outcome.error
        if outcome.status is not Status.passed:
            import pytest  # which runs this

            end = pytest.skip if outcome.status is Status.skipped else pytest.xfail
            end(outcome.reason or "")

    test.__doc__ = check.__doc__
    return test


for _check in CHECKS.values():
    setattr(ModelSuite, f"test_{_check.__name__}", _test(_check))
