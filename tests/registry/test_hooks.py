"""Every hook has a reference docstring, types, and a place in the documentation."""

import inspect
import re
from pathlib import Path
from typing import get_type_hints

import pluggy
import pytest

from zoo_registry import hooks
from zoo_registry.hooks import ExtensionSpec, ModelSpec, hookimpl

DOCS = Path(__file__).parents[2] / "docs"

HOOKS = [
    pytest.param(spec, name, id=name)
    for spec in (ModelSpec, ExtensionSpec)
    for name, member in vars(spec).items()
    if hasattr(member, "zoo_spec")
]


def arguments(hook) -> list[str]:
    return [name for name in inspect.signature(hook).parameters if name != "self"]


def sections(doc: str) -> dict[str, str]:
    """Return the text of each numpydoc section by its heading."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}$", doc, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_public_method_is_a_hook():
    public = {
        name
        for spec in (ModelSpec, ExtensionSpec)
        for name in vars(spec)
        if not name.startswith("_")
    }
    assert public == {param.values[1] for param in HOOKS}
    assert len(HOOKS) == len(public)


def test_pluggy_knows_the_same_hooks():
    manager = pluggy.PluginManager("zoo")
    manager.add_hookspecs(ModelSpec)
    manager.add_hookspecs(ExtensionSpec)
    assert {name for name in vars(manager.hook) if not name.startswith("_")} == {
        param.values[1] for param in HOOKS
    }


@pytest.mark.parametrize(("spec", "name"), HOOKS)
class TestEveryHook:
    def test_docstring_is_numpydoc(self, spec, name):
        hook = getattr(spec, name)
        doc = inspect.getdoc(hook)
        assert doc is not None
        summary = doc.split("\n\n")[0]
        assert summary[0].isupper()
        assert summary.endswith(".")
        described = sections(doc)
        documented = re.findall(r"^([\w, ]+) : \S", described.get("Parameters", ""), re.MULTILINE)
        names = [part.strip() for line in documented for part in line.split(",")]
        assert names == arguments(hook)
        if get_type_hints_of(hook)["return"] not in ("None", None, type(None)):
            assert described.get("Returns", "").strip()

    def test_signature_is_typed(self, spec, name):
        hook = getattr(spec, name)
        assert set(get_type_hints_of(hook)) == {*arguments(hook), "return"}

    def test_documented_by_name(self, spec, name):
        page = "plugins.md" if spec is ModelSpec else "extensions.md"
        assert f"`{name}`" in (DOCS / page).read_text(encoding="utf-8")

    def test_first_answer_counts_for_models_and_all_for_extensions(self, spec, name):
        assert bool(getattr(spec, name).zoo_spec["firstresult"]) is (spec is ModelSpec)

    def test_extensions_start_with_zoo(self, spec, name):
        assert name.startswith("zoo_") is (spec is ExtensionSpec)

    def test_implementation_takes_the_arguments_it_wants(self, spec, name):
        wanted = arguments(getattr(spec, name))
        for taken in ([], wanted[:1], wanted[::-1]):
            scope = {"hookimpl": hookimpl}
            exec(f"@hookimpl\ndef {name}({', '.join(taken)}): return ({', '.join(taken)})", scope)
            plugin = type("Plugin", (), {name: staticmethod(scope[name])})
            manager = pluggy.PluginManager("zoo")
            manager.add_hookspecs(spec)
            manager.register(plugin)
            values = {argument: object() for argument in wanted}
            answer = getattr(manager.hook, name)(**values)
            answer = answer if spec is ModelSpec else answer[0]
            given = answer if len(taken) != 1 else (answer,)
            assert given == tuple(values[argument] for argument in taken)


def get_type_hints_of(hook) -> dict:
    """Return the annotations; those that are text, for the type checker alone, as they are."""
    try:
        return get_type_hints(hook)
    except NameError:
        return dict(hook.__annotations__)


def test_all_is_exact():
    public = {
        name
        for name, value in vars(hooks).items()
        if getattr(value, "__module__", "") == hooks.__name__
    }
    assert public | {"CONTRACT", "OPSET", "hookimpl", "hookspec"} == set(hooks.__all__)
