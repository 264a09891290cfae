"""``zoo plugins check``, as a process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from zoo.testing import CHECKS

SOUND = (Path(__file__).parents[1] / "testing" / "sound.py").read_text(encoding="utf-8")

# `zoo` with the command where it belongs, whether or not the application has it there.
ZOO = """
import sys
sys.modules["pytest"] = None  # it must do without
import typer
from zoo.cli import check
from zoo.cli.app import app, run

if "plugins" not in {group.name for group in app.registered_groups}:
    plugins = typer.Typer()
    plugins.callback()(lambda: None)
    plugins.command("check")(check.command)
    app.add_typer(plugins, name="plugins")
sys.exit(run())
"""

QUICK = ("card-complete", "one-window", "shapes", "silence")


@pytest.fixture
def check():
    def call(*arguments, only=QUICK):
        chosen = [word for name in only for word in ("--only", name)]
        return subprocess.run(
            [sys.executable, "-c", ZOO, "plugins", "check", *arguments, *chosen],
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    return call


@pytest.fixture
def write(tmp_path):
    def write(first="", *, in_predict=""):
        source = SOUND.replace("card =", f"{first}\ncard =", 1)
        source = source.replace("    answers = [", f"    {in_predict}\n    answers = [")
        (tmp_path / "mine.py").write_text(source, encoding="utf-8")

    return write


def test_a_line_a_check_and_status_0(check, write):
    write()
    done = check("./mine.py", "--set", "epochs=2")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[:2] for line in lines] == [
        [name, "passed"] for name in CHECKS if name in QUICK
    ]  # fmt: skip


def test_all_checks_by_default(check, write):
    write()
    done = check("./mine.py", "--format", "json", only=())
    assert done.returncode == 0, done.stderr
    found = {item["check"]: item["status"] for item in json.loads(done.stdout)["checks"]}
    assert found == dict.fromkeys(CHECKS, "passed") | {"saved-and-loaded": "skipped"}


def test_a_failure_is_told_where_and_gives_status_1(check, write):
    write(in_predict="if min(map(len, tracks)) < 2: raise ValueError('too short')")
    done = check("./mine.py")
    assert done.returncode == 1
    (failed,) = [line for line in done.stdout.splitlines() if "failed" in line]
    assert failed.startswith("one-window ")
    assert "ValueError: too short, given a track of one row (line " in failed
    assert done.stderr == "zoo: ./mine.py fails 1 of 4 checks: one-window\n"


def test_what_is_expected_is_shown_and_is_no_failure(check, write):
    write(
        "expected_failures = {'one-window': 'needs two frames'}",
        in_predict="if min(map(len, tracks)) < 2: raise ValueError('too short')",
    )
    done = check("./mine.py", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = [item for item in json.loads(done.stdout)["checks"] if item["check"] == "one-window"]
    assert found["status"] == "expected to fail"
    assert found["reason"].startswith("needs two frames (it says: ValueError: too short")


def test_one_that_passes_against_expectation_gives_status_1(check, write):
    write("expected_failures = {'one-window': 'needs two frames'}")
    done = check("./mine.py")
    assert done.returncode == 1
    assert "take it out of `expected_failures`" in done.stdout


def test_the_author_sees_deprecations_of_his_own_module_alone(check, write):
    write(
        "import warnings\nwarnings.warn('at import', DeprecationWarning)\n"
        "warnings.warn_explicit('not mine', DeprecationWarning, 'other.py', 3)",
        in_predict="warnings.warn('in predict', FutureWarning)",
    )
    done = check("./mine.py", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)["warnings"]
    assert [(item["category"], item["message"]) for item in found] == [
        ("DeprecationWarning", "at import"), ("FutureWarning", "in predict"),
    ]  # fmt: skip
    assert Path(found[0]["file"]).name == "mine.py"
    done = check("./mine.py")
    assert "FutureWarning: in predict (" in " ".join(done.stdout.split())


def test_what_a_plugin_prints_stays_out_of_the_json(check, write):
    write("print('hello')", in_predict="print('here')")
    done = check("./mine.py", "--format", "json")
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["checks"]) == len(QUICK)
    assert "here" in done.stderr


def test_a_broken_plugin_is_a_failed_check(check, write):
    write("1 / 0")
    done = check("./mine.py", "--format", "json", only=("hooks-as-specified", "shapes"))
    assert done.returncode == 1
    states = [item["status"] for item in json.loads(done.stdout)["checks"]]
    assert states == ["failed", "skipped"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch"], "there is no model 'nosuch'"),
        (["./nosuch.py"], "there is no file 'nosuch.py'"),
        (["./mine.py", "--set", "speed=1"], "sound has no parameter 'speed'"),
        (["./mine.py", "--only", "speed"], "there is no check 'speed'; the checks are: "),
    ],
)
def test_a_wrong_command_gives_status_2(arguments, said, check, write):
    write()
    done = check(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"zoo: {said}")
