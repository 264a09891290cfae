"""The examples in the docstrings of what people call first, run as they stand."""

import doctest
import importlib
import inspect

import pytest

import zoo

EXAMPLES = [
    "Card", "Dataset", "classical", "compare", "keras_model", "leaderboard", "predict", "train",
    "tune",
]  # fmt: skip


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
