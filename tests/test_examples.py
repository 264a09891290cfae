"""The examples in the docstrings of what people call first, run as they stand."""

import doctest
import importlib
import inspect

import pytest

import zoo

# What has no example: types and hooks of plugin authors, whose pages have examples.
WITHOUT = {
    "Change", "Embeddings", "Encoder", "Handcrafted", "LogMel", "Neighbours", "Reporter", "Run",
    "TrainedOn", "FrontEndCard", "CannotExport", "Choice", "Exported", "Float", "Int", "LogFloat",
    "ZooError", "batch_normalisation", "hookimpl",
}  # fmt: skip
EXAMPLES = [name for name in zoo.__all__ if callable(getattr(zoo, name)) and name not in WITHOUT]


def examples(name: str) -> doctest.DocTest:
    function = getattr(zoo, name)
    scope = vars(importlib.import_module(function.__module__)) | {"zoo": zoo}
    text = inspect.getdoc(function) or ""
    return doctest.DocTestParser().get_doctest(text, dict(scope), name, None, 0)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name, workspace, small_demo, monkeypatch, capsys):
    monkeypatch.setenv("ZOO_CACHE", str(small_demo))
    found = examples(name)
    assert found.examples, f"zoo.{name} has no example"
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(found)
    assert runner.failures == 0, capsys.readouterr().out
