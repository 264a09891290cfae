"""Plugins are examined in a process apart, which none of them can end, hang or soil."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from tests.registry.test_plugins import EXTENSION, sound
from zoo_registry import Registry
from zoo_registry.discovery import EXTENSIONS, OPTIONAL, read_entries
from zoo_registry.enabled import Switches
from zoo_registry.plugin_status import _key, statuses

# What no `except` in the same process could contain.
FATAL = {
    "leaves": ("import os; os._exit(3)", r"ended the process \(exit status 3\)"),
    "crashes": (
        "import ctypes, faulthandler; faulthandler.disable(); ctypes.string_at(0)",
        r"ended the process \(exit status -11\)",
    ),
    "killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit status -9"),
    "closes": ("import os; os.closerange(0, 1000)", r"ended the process \(exit status 1\)"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "forever": ("while True: pass", "slow"),
    "sleeps": ("import time; time.sleep(60)", "slow"),
}


@pytest.fixture
def good(install_plugin):
    return install_plugin("good", sound("good"))


@pytest.mark.parametrize("name", FATAL)
def test_nothing_reaches_the_one_who_asks(install_plugin, good, name, capfd):
    source, reason = FATAL[name]
    bad = install_plugin(name, source, distribution="aaa", version="0.3")
    offers = read_entries(Switches(), [bad, good])
    found = {state.name: state for state in statuses(offers, limit=0.7)}
    assert found["good"].status == "ready"
    state = found[name]
    assert (state.distribution, state.version) == ("aaa", "0.3")
    if reason == "slow":
        assert state.status == "slow"
        assert "only when it is named" in state.reason
    else:
        assert state.status == "broken"
        assert re.search(reason, state.reason)
    assert capfd.readouterr() == ("", "")


def test_a_thread_that_stays_is_not_waited_for(install_plugin, good):
    source = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    bad = install_plugin("lingers", source + sound("lingers"))
    offers = read_entries(Switches(), [bad, good])
    assert [state.status for state in statuses(offers, limit=0.7)] == ["ready", "ready"]


def test_nothing_is_imported_here(install_plugin, good, capfd):
    loud = "import os; print('out'); os.write(1, b'out'); os.write(2, b'err')\n" + sound("loud")
    offers = read_entries(Switches(), [install_plugin("loud", loud), good])
    before = set(sys.modules)
    assert [state.status for state in statuses(offers)] == ["ready", "ready"]
    assert not {"stranger_loud", "stranger_good"} & (set(sys.modules) - before)
    assert capfd.readouterr() == ("", "")


class TestSlowPlugins:
    @pytest.fixture
    def slow(self, install_plugin, tmp_path):
        """Return one that notes each import, and is slow as long as a file says so."""
        (tmp_path / "slow").touch()
        return install_plugin(
            "slow",
            f"import pathlib, time\nhere = pathlib.Path({str(tmp_path)!r})\n"
            "with (here / 'imports').open('a') as file: file.write('x')\n"
            "if (here / 'slow').exists(): time.sleep(60)\n" + sound("slow"),
        )

    def test_a_built_in_one_is_waited_for(self, install_plugin, tmp_path):
        source = "import time; time.sleep(0.5)\n" + sound("own")
        offers = read_entries(Switches(), [install_plugin("own", source, distribution="genre-zoo")])
        memory = tmp_path / "slow.json"
        memory.write_text(json.dumps([_key(entry) for entry in offers]))
        assert [state.status for state in statuses(offers, 0.1, memory)] == ["ready"]

    def test_is_waited_for_once(self, slow, good, tmp_path):
        offers, memory = read_entries(Switches(), [slow, good]), tmp_path / "cache" / "slow.json"
        for _ in range(3):
            states = [state.status for state in statuses(offers, 0.7, memory)]
            assert states == ["ready", "slow"]
        assert (tmp_path / "imports").read_text() == "x"
        assert len(json.loads(memory.read_text())) == 1

    def test_is_asked_again_by_who_has_patience(self, slow, good, tmp_path):
        offers, memory = read_entries(Switches(), [slow, good]), tmp_path / "slow.json"
        statuses(offers, 0.7, memory)
        (tmp_path / "slow").unlink()
        assert [state.status for state in statuses(offers, None, memory)] == ["ready", "ready"]
        assert json.loads(memory.read_text()) == []
        assert [state.status for state in statuses(offers, 5.0, memory)] == ["ready", "ready"]

    def test_patience_has_an_end(self, install_plugin, good, monkeypatch):
        monkeypatch.setattr("zoo_registry.plugin_status._LONGEST", 1.5)
        offers = read_entries(Switches(), [install_plugin("bad", "while True: pass"), good])
        states = {state.name: state for state in statuses(offers)}
        assert {name: state.status for name, state in states.items()} == {
            "bad": "slow", "good": "ready",
        }  # fmt: skip
        assert "more than 1.5 s" in states["bad"].reason

    def test_a_new_version_is_asked_again(self, slow, install_plugin, tmp_path):
        memory = tmp_path / "slow.json"
        statuses(read_entries(Switches(), [slow]), 0.7, memory)
        newer = install_plugin("slow", sound("slow"), version="1.3")
        (state,) = statuses(read_entries(Switches(), [newer]), 5.0, memory)
        assert state.status == "ready"

    @pytest.mark.parametrize("text", ["", "[", "3", "null", '{"a": 1}'])
    def test_a_damaged_memory_counts_as_none(self, good, tmp_path, text):
        (tmp_path / "slow.json").write_text(text)
        (state,) = statuses(read_entries(Switches(), [good]), 5.0, tmp_path / "slow.json")
        assert state.status == "ready"

    def test_can_be_loaded_by_name(self, install_plugin):
        point = install_plugin("slow", "import time; time.sleep(1.1)\n" + sound("slow"))
        registry = Registry(points=[point])
        assert [state.status for state in registry.models()] == ["slow"]
        assert registry.load("slow").card.name == "slow"


class TestSwitchedOff:
    def test_is_listed_and_not_imported(self, install_plugin, good, monkeypatch):
        bad = install_plugin("bad", "raise SystemExit")
        monkeypatch.setenv("ZOO_PLUGINS_DISABLED", "bad")
        registry = Registry(points=[bad, good])
        assert registry.names() == ["good"]
        states = {state.name: state for state in registry.models()}
        assert states["bad"].status == "disabled"
        assert "`zoo plugins enable bad`" in states["bad"].reason
        with pytest.raises(Exception, match="'bad' cannot be used: it is switched off"):
            registry.load("bad")

    def test_a_package_means_all_it_brings(self, install_plugin, monkeypatch):
        points = [
            install_plugin(name, sound(name), distribution="both", module=f"both_{name}")
            for name in ("one", "two")
        ]
        monkeypatch.setenv("ZOO_PLUGINS_DISABLED", "both")
        assert Registry(points=points).names() == []

    def test_leaves_its_name_to_the_next_stranger(self, install_plugin, monkeypatch):
        points = [
            install_plugin("same", sound("same"), distribution=package, module=f"same_{package}")
            for package in ("alpha", "beta")
        ]
        monkeypatch.setenv("ZOO_PLUGINS_DISABLED", "alpha")
        registry = Registry(points=points)
        assert registry.load("same").source.distribution == "beta"
        assert [state.status for state in registry.models()] == ["disabled", "ready"]

    def test_nobody_passes_for_a_built_in_that_is_off(self, install_plugin, monkeypatch):
        own = install_plugin("same", sound("same"), distribution="genre-zoo", module="same_own")
        thief = install_plugin("same", sound("same"), distribution="aaa", module="same_aaa")
        monkeypatch.setenv("ZOO_PLUGINS_DISABLED", "same")
        assert Registry(points=[own, thief]).names() == []

    def test_an_extension_stays_off(self, install_plugin, monkeypatch):
        point = install_plugin("ext", EXTENSION, group=EXTENSIONS)
        assert list(Registry(points=[point]).extensions) == ["ext"]
        monkeypatch.setenv("ZOO_PLUGINS_DISABLED", "ext")
        assert Registry(points=[point]).extensions == {}

    def test_an_optional_extension_is_off_until_it_is_enabled(self, install_plugin, monkeypatch):
        point = install_plugin("ext", EXTENSION, group=OPTIONAL)
        registry = Registry(points=[point])
        assert registry.extensions == {}
        (state,) = registry.plugins()
        assert (state.status, state.kind) == ("disabled", "extension")
        assert "`zoo plugins enable ext`" in state.reason
        monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "ext")
        registry = Registry(points=[point])
        assert list(registry.extensions) == ["ext"]
        (state,) = registry.plugins()
        assert (state.status, state.hooks) == ("ready", ("train", "zoo_datasets"))

    def test_an_optional_extension_says_which_packages_of_its_extra_are_missing(
        self, install_plugin, monkeypatch
    ):
        point = install_plugin("ext", EXTENSION, group=OPTIONAL, distribution="zoo-ext")
        (metadata,) = Path(sys.path[0]).glob("zoo_ext*.dist-info/METADATA")
        with metadata.open("a", encoding="utf-8") as file:
            for need in (
                "numpy>=1; extra == 'ext'",
                "no-such>=2; extra == 'ext'",
                "other; extra == 'x'",
            ):
                file.write(f"Requires-Dist: {need}\n")
        (state,) = Registry(points=[point]).plugins()
        advice = "needs no-such: pip install 'zoo-ext[ext]'"
        assert (state.status, state.reason.endswith(f"; it {advice}")) == ("disabled", True)
        monkeypatch.setenv("ZOO_PLUGINS_ENABLED", "ext")
        (state,) = Registry(points=[point]).plugins()
        assert (state.status, state.reason) == ("missing", advice)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system starts processes afresh")
def test_no_process_stays_behind(install_plugin, good):
    import multiprocessing

    offers = read_entries(Switches(), [install_plugin("slow", "while True: pass"), good])
    before = set(multiprocessing.active_children())
    statuses(offers, 0.7)
    assert set(multiprocessing.active_children()) <= before
