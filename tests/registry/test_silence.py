"""Chatter of C libraries goes nowhere, and stderr comes back."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from zoo_registry.silence import quiet_stderr


def test_only_the_block_is_silent(capfd):
    os.write(2, b"before ")
    with quiet_stderr():
        os.write(2, b"chatter")
    os.write(2, b"after")
    assert capfd.readouterr() == ("", "before after")


def test_python_text_of_before_is_not_lost(capfd):
    sys.stderr.write("kept ")
    with quiet_stderr():
        pass
    sys.stderr.write("and this")
    assert capfd.readouterr().err == "kept and this"


def test_errors_come_out_and_stderr_is_back(capfd):
    with pytest.raises(ValueError, match="mine"), quiet_stderr():
        raise ValueError("mine")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_nested(capfd):
    with quiet_stderr():
        with quiet_stderr():
            os.write(2, b"inner")
        os.write(2, b"outer")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_no_descriptor_is_left_open():
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("this system does not list a process's descriptors")
    before = set(descriptors.iterdir())
    for _ in range(5):
        with quiet_stderr():
            pass
    assert set(descriptors.iterdir()) == before


def test_overlapping_threads_leave_stderr_as_it_was(capfd):
    first_in, second_in, first_out = threading.Event(), threading.Event(), threading.Event()

    def first():
        with quiet_stderr():
            first_in.set()
            second_in.wait(10)
        first_out.set()

    def second():
        first_in.wait(10)
        with quiet_stderr():
            second_in.set()
            first_out.wait(10)

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


THREADS = r"""
import logging, os, sys, threading
from zoo_registry.silence import move_stderr, quiet_stderr

if sys.argv[1:]:
    move_stderr()
logging.basicConfig(format="%(message)s")
ended = threading.Event()

def talk(say):
    for number in range(1000):
        say(number)

def print_it(number):
    sys.stderr.write(f"printed {number}\n")  # `print` would write the end of the line apart

def log(number):
    logging.warning("logged %d", number)

threads = [threading.Thread(target=talk, args=(say,)) for say in (print_it, log)]
for thread in threads:
    thread.start()
while any(thread.is_alive() for thread in threads):
    with quiet_stderr():
        if sys.argv[1:]:
            os.write(2, b"chatter")
print("after", file=sys.stderr)
os.write(2, b"after")
"""


@pytest.mark.parametrize("arguments", [(), ("moved",)], ids=["a library", "a command"])
def test_no_thread_loses_what_it_prints_or_logs(arguments):
    done = subprocess.run(
        [sys.executable, "-c", THREADS, *arguments], capture_output=True, text=True, check=True
    )
    lines = done.stderr.splitlines()
    assert lines[-2:] == ["after", "after"]
    expected = [f"{how} {number}" for how in ("logged", "printed") for number in range(1000)]
    assert sorted(lines[:-2]) == sorted(expected)


def test_process_without_stderr():
    code = (
        "import os, sys\nfrom zoo_registry.silence import quiet_stderr\n"
        "assert sys.stderr is None\nwith quiet_stderr():\n    print('done')\n"
    )
    closing = 'exec "$0" -c "$1" 2>&-'
    done = subprocess.run(
        ["sh", "-c", closing, sys.executable, code], stdout=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"done\n")


def test_process_whose_stderr_is_elsewhere():
    """Such as a service that logs to a file and has closed the descriptor."""
    code = (
        "import io, os, sys\nfrom zoo_registry.silence import quiet_stderr\n"
        "sys.stderr = io.StringIO()\nos.close(2)\n"
        "for _ in range(2):\n    with quiet_stderr():\n        print('done')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=False)
    assert (done.returncode, done.stdout) == (0, b"done\ndone\n")
