"""Benchmarks: all are run, in turns, and what they say of themselves stands on the page."""

import importlib
import json
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(
    path.stem for path in HERE.glob("*.py") if path.stem != "run" and path.stem[0] != "_"
)


@pytest.fixture
def load(monkeypatch):
    """Return a function that loads a module of the benchmarks, as their own scripts do."""
    monkeypatch.syspath_prepend(str(HERE))
    before = set(sys.modules)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if name in {"_common", "run"}:
            del sys.modules[name]


def test_all_are_run(load):
    assert sorted(load("run").BENCHMARKS) == SCRIPTS


def test_contestants_take_turns(load):
    called: list[str] = []

    def contestant(name: str):
        return lambda: called.append(name) or len(called)

    found = load("_common").in_turns({name: contestant(name) for name in "ab"}, rounds=2, warm=1)
    assert "".join(called) == "ababab"
    assert found == {"a": [3, 5], "b": [4, 6]}


def test_a_process_is_measured_with_its_memory(load, run_python):
    process = load("_common").process
    # From a small process: the system counts what the one that starts another was by then, too.
    code = (
        "import os, sys\nsys.path.insert(0, os.path.dirname(sys.argv[1]))\n"
        "from _common import process\n"
        "for size in (1, 400 * 2**20):\n"
        "    command = [sys.executable, '-c', f\"import os; os.environ['X']; bytearray({size})\"]\n"
        "    print(process(command, X='1').memory)\n"
    )
    done = run_python(code, process.__code__.co_filename)
    assert done.returncode == 0, done.stderr
    small, large = map(float, done.stdout.split())
    assert small + 100 < 400 < large < 500
    with pytest.raises(SystemExit, match="KeyError"):
        process([sys.executable, "-c", "{}['x']"])


def test_the_page(load, tmp_path, monkeypatch, capsys):
    run = load("run")
    row = {"what": "one over the other", "ratios": [2.0, 4.0, 3.0], "figures": "1 s against 3 s"}
    (tmp_path / "quick.py").write_text(
        f'"""Quick.\n\nUsage: python quick.py\n\nWhat it does.\n"""\nprint({json.dumps(row)!r})\n'
    )
    monkeypatch.setattr(run, "HERE", tmp_path)
    monkeypatch.setattr(run, "BENCHMARKS", ("quick",))
    page = tmp_path / "page.md"
    monkeypatch.setattr(sys, "argv", ["run.py", "--only", "quick", "--output", str(page)])
    run.main()
    text = page.read_text(encoding="utf-8")
    assert "## Quick\n\nWhat it does.\n\n| what | ratio | figures |" in text
    assert "| one over the other | 3.00 (2.00 to 4.00) | 1 s against 3 s |" in text
    assert "the demo set" in text
    assert "Usage" not in text
    assert str(tmp_path) not in text
    assert "one over the other" in capsys.readouterr().out
