"""``zoo plugins``: real processes with real packages installed beside the zoo."""

import json
import re
import subprocess
import sys

import pytest

from tests.registry.test_plugins import EXTENSION, sound
from zoo_registry import Registry


@pytest.fixture
def zoo(tmp_path, monkeypatch):
    """Return a function that runs ``zoo`` with the strangers' packages on its path."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("COLUMNS", "1000")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = "import sys; sys.argv[0] = 'zoo'; from zoo.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
        )

    return run


@pytest.fixture
def strangers(install_plugin):
    install_plugin("fine", sound("fine"), distribution="fine-models", version="2.0")
    install_plugin("ill", "import there_is_none", distribution="ill-models")
    install_plugin("poor", sound("poor").replace("Rows())", "Rows(), requires=('there_is_none',))"))
    install_plugin("late", "import time; time.sleep(1.3)\n" + sound("late"))
    install_plugin("heard", EXTENSION, group="zoo.extensions")


def test_list_shows_models_and_extensions(zoo, strangers):
    done = zoo("plugins", "list", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    listed = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert set(listed) >= {*Registry().names(), "fine", "ill", "poor", "late", "heard"}
    states = {name: listed[name]["status"] for name in ("fine", "ill", "poor", "late", "heard")}
    assert states == {
        "fine": "ready", "ill": "broken", "poor": "missing", "late": "slow", "heard": "ready",
    }  # fmt: skip
    assert listed["heard"]["kind"] == "extension"
    assert listed["heard"]["hooks"] == ["train", "zoo_datasets"]
    assert listed["svm"]["hooks"] == ["predict", "train"]
    table = zoo("plugins", "list")
    assert "ill-models" in table.stdout
    assert "`zoo plugins doctor`" in table.stderr
    assert max(map(len, table.stdout.splitlines())) <= 200


def test_doctor_waits_and_says_what_to_do(zoo, strangers):
    assert json.loads(zoo("models", "--format", "json").stdout)
    done = zoo("plugins", "doctor")
    assert (done.returncode, done.stderr) == (1, "")
    for said in (
        "ill (ill-models 1.2) is broken: importing stranger_ill raised ModuleNotFoundError",
        "`zoo plugins disable ill-models`",
        "poor (stranger-poor 1.2) is missing: needs there_is_none: pip install 'there_is_none'",
        "Importing late takes ",
        "contract 1",
    ):
        assert said in done.stdout
    # Having been waited for, it would still not be there within the second that a list waits.
    listed = json.loads(zoo("plugins", "list", "--format", "json").stdout)
    assert next(e["status"] for e in listed if e["name"] == "late") == "slow"
    asked = json.loads(zoo("plugins", "doctor", "--format", "json").stdout)
    assert asked["installation"]["config"].endswith("config")
    late = next(entry for entry in asked["plugins"] if entry["name"] == "late")
    assert late["status"] == "ready"


def test_doctor_of_a_sound_zoo(zoo):
    done = zoo("plugins", "doctor")
    assert done.returncode == 0
    # The weights of one front end are for the user to install.
    troubled = re.findall(r"^(\S+) \(.*\) is (\w+)", done.stdout, re.MULTILINE)
    assert set(troubled) <= {("yamnet", "missing")}
    assert f"{len(troubled)} need attention" in done.stdout


def test_disable_and_enable(zoo, strangers):
    done = zoo("plugins", "disable", "ill-models")
    assert (done.returncode, done.stdout) == (0, "")
    assert "ill-models is switched off" in done.stderr
    listed = {
        entry["name"]: entry for entry in json.loads(zoo("models", "--format", "json").stdout)
    }
    assert listed["ill"]["status"] == "disabled"
    train = zoo("train", "ill")
    assert train.returncode == 2
    assert "`zoo plugins enable ill-models`" in train.stderr
    assert zoo("plugins", "enable", "ill-models").returncode == 0
    assert zoo("train", "ill").returncode == 1
    assert set(listed["svm"]) == {
        "name", "title", "family", "status", "reason", "distribution", "version",
        "layout", "licence", "trained_on", "weights",
    }  # fmt: skip


def test_what_is_gone_can_be_enabled_and_what_never_was_cannot(zoo, monkeypatch):
    from zoo_registry.enabled import switch

    switch("uninstalled", on=False)
    assert zoo("plugins", "enable", "uninstalled").returncode == 0
    done = zoo("plugins", "disable", "uninstalled")
    assert done.returncode == 2
    assert "there is no plugin or package 'uninstalled'" in done.stderr


def test_a_damaged_file_of_switches_is_one_sentence(zoo, tmp_path):
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "plugins.json").write_text("{")
    done = zoo("models")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "plugins.json" in done.stderr


@pytest.mark.parametrize("command", [["models"], ["plugins", "list"], ["plugins", "doctor"]])
def test_no_framework_is_loaded(run_python, command):
    code = (
        "import sys; sys.argv = ['zoo', *sys.argv[1:]]\n"
        "from zoo.cli.app import run\n"
        "run()\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'librosa', 'scipy', 'onnxruntime', 'numpy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = run_python(code, *command)
    assert (done.returncode, done.stderr) == (0, "")
