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
        print("chatter", file=sys.__stderr__, flush=True)
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
