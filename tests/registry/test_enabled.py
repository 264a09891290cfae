"""Switching plugins off and on, for good or for one process."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo_registry import UsageError
from zoo_registry.enabled import DISABLED, ENABLED, Switches, read_switches, switch
from zoo_registry.places import config_folder


def test_nothing_is_switched_at_first():
    assert read_switches() == Switches()
    assert not config_folder().exists()


def test_the_last_word_counts():
    path = switch("knn", on=False)
    assert path.parent == config_folder()
    assert read_switches() == Switches(disabled=frozenset({"knn"}))
    switch("knn", on=True)
    switch("timing", on=True)
    assert read_switches() == Switches(enabled=frozenset({"knn", "timing"}))
    switch("timing", on=False)
    assert read_switches().disabled == {"timing"}


def test_variables_hold_for_the_process_and_win(monkeypatch):
    switch("one", on=True)
    switch("two", on=False)
    monkeypatch.setenv(DISABLED, "one, three,,")
    monkeypatch.setenv(ENABLED, "two")
    assert read_switches() == Switches(frozenset({"one", "three"}), frozenset({"two"}))
    monkeypatch.delenv(DISABLED)
    monkeypatch.delenv(ENABLED)
    assert read_switches() == Switches(frozenset({"two"}), frozenset({"one"}))


@given(st.lists(st.tuples(st.text(min_size=1), st.booleans()), max_size=8))
def test_any_name_comes_back(tmp_path_factory, steps):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ZOO_CONFIG", str(tmp_path_factory.mktemp("config")))
        for name, on in steps:
            switch(name, on)
        last = dict(steps)
        found = read_switches()
    assert found.enabled == {name for name, on in last.items() if on}
    assert found.disabled == {name for name, on in last.items() if not on}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"disabled": []}', '{"disabled": 1}'])
def test_a_damaged_file_is_named(text):
    path = switch("x", on=False)
    path.write_text(text)
    with pytest.raises(UsageError, match=r"plugins.json cannot be read .*; delete it"):
        read_switches()


def test_the_file_is_for_people_too():
    path = switch("b", on=False)
    switch("a", on=False)
    assert json.loads(path.read_text()) == {"disabled": ["a", "b"], "enabled": []}


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ZOO_CONFIG", str(tmp_path / "file" / "config"))
    with pytest.raises(UsageError, match="cannot be"):
        switch("x", on=False)
