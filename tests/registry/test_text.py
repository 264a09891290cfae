"""Texts for people."""

import importlib.metadata
import json

import pytest

from zoo_registry.text import first_line, pip_install


@pytest.mark.parametrize("given", [(None,), ("",), ("\n",), ()])
def test_an_error_without_a_message(given):
    assert first_line(ValueError(*given)) == "no message"


def test_an_extra_is_installed_from_where_the_zoo_was(tmp_path, monkeypatch):
    source = tmp_path / "a checkout"
    source.mkdir()
    monkeypatch.chdir(tmp_path)

    def said(*about: object) -> str:
        """Return the command after an installation that pip describes so."""
        text = json.dumps(about[0]) if about else None
        found = type("Found", (), {"read_text": lambda self, name: text})
        monkeypatch.setattr(importlib.metadata, "distribution", lambda name: found())
        return pip_install("web")

    from_folder = {"url": source.as_uri(), "dir_info": {}}
    assert said(from_folder) == f"pip install '{source}[web]'"
    assert said(from_folder | {"dir_info": {"editable": True}}) == f"pip install -e '{source}[web]'"
    for other in (
        [],
        [{"url": "https://zoo.example/a.whl"}],
        [{"url": f"{source.as_uri()}x"}],
        [3],
    ):
        assert said(*other) == "pip install 'genre-zoo[web]'"
    monkeypatch.chdir(source)
    assert said(from_folder) == "pip install '.[web]'"
    assert pip_install(None, ["librosa>=0.11"]) == "pip install 'librosa>=0.11'"
