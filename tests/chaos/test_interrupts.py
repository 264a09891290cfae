"""Ctrl-C, and what ends a process politely: one sentence, a clean terminal, nothing is lost."""

import os
import pty
import re
import shutil
import signal
import subprocess
import sysconfig
import time
from pathlib import Path
from random import Random

import pytest
from campaign import (
    A_HANG,
    contents,
    different,
    end_of,
    environment,
    launch,
    run,
    sentences,
    temporaries,
)

HEAR = ("train", "./heard.py", "--data", "tones", "--protocol", "kfold:2", "--jobs", "2")
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 143}


@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_at_any_moment(nest, tone_box, tmp_path, kills, number):
    before = shutil.copytree(tone_box, tmp_path / "before")
    begun = time.monotonic()
    assert run(nest, tone_box, *HEAR)[0] == 0
    seconds = time.monotonic() - begun
    expected = contents(tone_box)
    shutil.rmtree(tone_box)
    shutil.copytree(before, tone_box)
    rng = Random(0)
    interruptions = 0
    while interruptions < kills:
        pid, out = launch(nest, tone_box, *HEAR)
        time.sleep(rng.uniform(0.05, max(0.1, seconds / 2)))
        # A terminal tells all processes of the command, a scheduler the first one.
        if (status := nest.wait(pid, 0)) is None:
            os.killpg(pid, number) if number == signal.SIGINT else os.kill(pid, number)
            status = nest.wait(pid, A_HANG)
        said = out.read_text()
        told = sentences(said)
        end_of(pid)
        if status == 0:
            assert told == []
            # It ended before it could be interrupted.
            seconds /= 2
            shutil.rmtree(tone_box)
            shutil.copytree(before, tone_box)
            continue
        interruptions += 1
        assert status == STATUS[number], said
        assert len(told) == 1, said
        assert "run the same command " in told[0]  # to continue, or again if nothing was done
    assert run(nest, tone_box, *HEAR)[0] == 0
    assert not temporaries(tone_box)
    assert not different(contents(tone_box), expected)


_STARTING = """
import os, sys
from zoo.__main__ import main
class Early:
    def find_spec(name, *_):
        if name == "zoo.cli":
            os.kill(os.getpid(), int(sys.argv[1]))
sys.meta_path.insert(0, Early)
main()
"""


@pytest.mark.parametrize("number", STATUS, ids=lambda number: number.name)
def test_before_the_command_line_is_imported(number, run_python):
    done = run_python(_STARTING, str(int(number)))
    assert done.returncode == STATUS[number]
    what = "interrupted" if number == signal.SIGINT else "stopped"
    assert (done.stdout, done.stderr) == ("", f"zoo: {what}; run the same command again\n")


@pytest.mark.usefixtures("heard")
def test_the_terminal_is_left_as_it_was(tone_box: Path):
    """A real process at a real terminal, interrupted while its bars are shown."""
    ours, theirs = pty.openpty()
    command = [str(Path(sysconfig.get_path("scripts"), "zoo")), *HEAR]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tone_box, start_new_session=True,
        env=os.environ | environment(tone_box)
        | {"TERM": "xterm", "COLUMNS": "80", "ZOO_PROGRESS": "1"},
    )  # fmt: skip
    os.close(theirs)
    said = b""
    while b", 24 tracks" not in said:
        said += os.read(ours, 65536)
    os.killpg(process.pid, signal.SIGINT)
    try:
        while more := os.read(ours, 65536):
            said += more
    except OSError:  # how Linux says that nobody writes any more
        pass
    assert process.wait(A_HANG) == 130
    os.close(ours)
    end_of(process.pid)
    text = said.decode()
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") > 0  # the cursor is hidden, shown
    last = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", text).strip().splitlines()[-1]
    assert last == "zoo: interrupted; run the same command again"  # nothing was saved yet
