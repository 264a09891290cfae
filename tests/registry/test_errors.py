"""The tree of errors is the one that the module's docstring draws."""

import inspect
import re

import pytest

import zoo_registry
from zoo_registry import errors

DRAWN = re.compile(r"^    ((?:[│ ]   )*(?:[├└]── )?)(\w+) +(\S.*)$", re.MULTILINE)
EXISTING = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, BaseException)
]


def drawn() -> dict[str, str]:
    """Return the parent of every error as drawn, "Exception" that of the root."""
    parents, path = {}, ["Exception"]
    for indent, name, _ in DRAWN.findall(errors.__doc__):
        depth = len(indent) // 4
        path[depth + 1 :] = []
        parents[name] = path[depth]
        path.append(name)
    return parents


def test_every_error_is_drawn_under_its_parent():
    assert drawn() == {kind.__name__: kind.__bases__[0].__name__ for kind in EXISTING}


def test_every_error_is_exported():
    names = sorted(kind.__name__ for kind in EXISTING)
    assert sorted({*errors.__all__} - {"IN_PYTHON"}) == names
    assert set(names) <= set(zoo_registry.__all__)


@pytest.mark.parametrize("kind", EXISTING, ids=lambda kind: kind.__name__)
def test_exit_status_tells_a_wrong_command_from_a_failure(kind):
    assert kind.exit_status == (2 if issubclass(kind, errors.UsageError) else 1)
    assert kind.__doc__.strip().endswith(".")


def test_package_exports_what_it_says():
    assert zoo_registry.__all__ == sorted(zoo_registry.__all__)
    assert {"Card", "Run", "RunRecord", "Registry", "hookimpl"} < set(zoo_registry.__all__)
    for name in zoo_registry.__all__:
        assert getattr(zoo_registry, name) is not None
