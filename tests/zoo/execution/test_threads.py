"""Functions in threads: results, order, errors, and the end."""

import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from zoo.execution.threads import map_in_threads


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("in_order", [True, False])
def test_each_item_has_its_result(workers, in_order):
    def call(item, is_wanted):
        time.sleep(0.01 if item % 3 == 0 else 0)
        assert is_wanted()
        return item**2

    found = list(map_in_threads(call, range(50), workers, in_order))
    expected = [item**2 for item in range(50)]
    assert found == expected if in_order else sorted(found) == expected


def test_an_error_is_raised_where_the_result_is_due():
    def call(item, is_wanted):
        if item == 2:
            raise ValueError("two")
        return item

    results = map_in_threads(call, range(5), 2, in_order=True)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_closing_ends_the_threads():
    begun, ended = threading.Semaphore(0), threading.Semaphore(0)

    def call(item, is_wanted):
        begun.release()
        while item and is_wanted():
            time.sleep(0.001)
        ended.release()

    with closing(map_in_threads(call, range(1000), 2, in_order=False)) as results:
        next(results)
        assert all(begun.acquire(timeout=60) for _ in range(3))
    assert all(ended.acquire(timeout=60) for _ in range(3))
    assert not begun.acquire(timeout=0.05)


def test_a_program_ends_although_it_did_not_close_them():
    code = (
        "import time\nfrom zoo.execution.threads import map_in_threads\n"
        "def call(item, is_wanted):\n"
        "    while item and is_wanted():\n        time.sleep(0.001)\n"
        "results = map_in_threads(call, range(1000), 2, True)\nnext(results)\nraise SystemExit(3)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 3


@pytest.mark.parametrize(("seconds", "status", "noted"), [(1000, 3, "['mine']\n"), (0, 4, "")])
def test_a_process_ends_despite_a_thread_that_does_not(seconds, status, noted, run_python):
    done = run_python(
        "import sys, threading, time\n"
        "from zoo.execution import threads\n"
        "threads._PATIENCE = 0.2\n"
        f"threading.Thread(target=time.sleep, args=({seconds},), name='mine').start()\n"
        "threads.end_despite_threads(3, lambda names: print(names, flush=True))\n"
        "sys.exit(4)\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (status, noted, "")


def test_workers_that_have_left_threads_do_not_hold_the_process(run_python, tmp_path):
    (tmp_path / "left.py").write_text(
        "import threading, time\n"
        "def call(number):\n"
        "    threading.Thread(target=time.sleep, args=(1000,)).start()\n"
        "    return number\n"
    )
    done = run_python(
        "from left import call\n"
        "from zoo.execution.engine import LocalProcesses\n"
        "print(sorted(LocalProcesses(2).map_unordered(call, range(4))))\n",
        path=tmp_path,
    )
    expected = "[(0, 0), (1, 1), (2, 2), (3, 3)]\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
