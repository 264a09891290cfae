"""What commands say while they work: lines, bars, -v, -q and --log, each by real processes."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sysconfig
import termios
import time
from pathlib import Path

import pytest

from zoo.cli.console import TerminalReporter
from zoo.execution.log import without_secrets

ZOO = str(Path(sysconfig.get_path("scripts"), "zoo"))
HANG = 120  # seconds
TRAIN = ("train", "logistic", "--protocol", "holdout:0.3", "--jobs", "1", "--data")


@pytest.fixture(autouse=True)
def progress(monkeypatch):
    monkeypatch.setenv("ZOO_PROGRESS", "1")


def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command without a terminal."""
    return subprocess.run(
        [ZOO, *map(str, arguments)], env=os.environ | variables, capture_output=True, text=True,
        check=False, timeout=HANG,
    )  # fmt: skip


def seen(command: list[str], columns: int = 80) -> str:
    """Return what a command writes to a terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs,
        env=os.environ | {"TERM": "xterm"}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    said = b""
    try:
        while more := os.read(ours, 65536):
            said += more
    except OSError:  # how Linux says that nobody writes any more
        pass
    os.close(ours)
    assert process.wait(HANG) == 0, said
    return said.decode()


def test_without_a_terminal_each_step_has_a_line(feature_table):
    done = run(*TRAIN[:2], "--data", feature_table())
    assert done.returncode == 0, done.stderr
    lines = done.stderr.splitlines()
    assert lines[0].startswith("Training logistic on ")
    for number in range(1, 6):
        (line,) = [line for line in lines if f": fold {number}/5" in line]
        assert line.startswith("Logistic regression on table, seed 0")
    assert "\x1b" not in done.stderr


def test_quiet_leaves_results_and_errors(feature_table):
    table = feature_table()
    loud = run(*TRAIN, table)
    quiet = run(*TRAIN, table, "-q")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert quiet.stdout == loud.stdout
    before = run("--quiet", *TRAIN, table)
    assert (before.returncode, before.stderr, before.stdout) == (0, "", loud.stdout)
    wrong = run(*TRAIN, "nowhere", "-q")
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1
    assert "nowhere" in wrong.stderr


def test_quiet_names_tracks_that_are_left_out(tone_folder):
    folder = tone_folder()
    (folder / "low" / "text.wav").write_text("no sound")
    done = run(*TRAIN, folder, "-q", "--no-robustness")
    assert done.returncode == 0
    assert "low/text.wav" in done.stderr


def test_verbose_has_versions_places_and_times(feature_table, workspace):
    said = run(*TRAIN, feature_table(), "-v").stderr
    assert re.search(r"^genre-zoo \S+, Python 3", said, re.MULTILINE)
    assert str(workspace / "models") in said
    assert re.search(r"fold 1/1: \d+\.\d s$", said, re.MULTILINE)


def test_a_log_has_all_and_is_continued(feature_table, workspace):
    log = workspace / "log.txt"
    first = run(*TRAIN, feature_table(), "--log", log)
    text = log.read_text()
    for line in first.stderr.splitlines():
        assert line in text
    assert "INFO zoo.cli.printed: zoo train logistic" in text
    wrong = run("train", "nothing", ZOO_LOG=str(log))
    assert log.read_text().startswith(text)
    assert wrong.stderr.splitlines()[-1].removeprefix("zoo: ") in log.read_text()
    assert "Traceback" in log.read_text()[len(text) :]  # only there
    assert "Traceback" not in wrong.stderr


def test_a_log_that_cannot_be_written_is_named(workspace):
    for done in (
        run("models", "--log", workspace / "missing" / "log"),
        run("models", ZOO_LOG=str(workspace / "missing" / "log")),
    ):
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
        assert "missing/log cannot be written" in done.stderr


def test_a_log_is_not_written_into_another_file(workspace):
    (workspace / "song.flac").write_bytes(b"fLaC" * 9)
    for name, more in (("song.flac", {}), ("", {}), (None, {"ZOO_LOG": "song.flac"})):
        done = run("models", *([] if name is None else ["--log", name]), **more)
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
        assert "log" in done.stderr
    assert (workspace / "song.flac").read_bytes() == b"fLaC" * 9


def test_a_tilde_is_the_home_and_nothing_is_no_place(workspace):
    done = run("models", "--log", "~/zoo.log", HOME=str(workspace))
    assert (done.returncode, (workspace / "zoo.log").is_file()) == (0, True), done.stderr
    done = run("data", "check", "~/none", HOME=str(workspace))
    assert f"{workspace}/none" in done.stderr
    done = run("runs", "export", "svm", "")
    assert (done.returncode, done.stderr.count("an empty text is no file or folder")) == (2, 1)


def test_the_work_goes_on_without_a_log_on_a_full_disk(feature_table, workspace):
    done = run(*TRAIN, feature_table(), "--log", "/dev/full")
    assert done.returncode == 0
    assert "logistic" in done.stdout
    assert done.stderr.count("/dev/full cannot be written any more: No space left on device") == 1
    assert "Traceback" not in done.stderr


NOISY = """
import logging, os, sys, warnings
from zoo import Card, Handcrafted, classical
card = Card(name="noisy", title="Noisy", family="classical", frontend=Handcrafted(), params={})

def make(params, seed):
    from sklearn.naive_bayes import GaussianNB
    warnings.warn("a library warns")
    logging.getLogger("library").warning("a library logs")
    logging.getLogger("zoo.noisy").warning("a plugin logs")
    return GaussianNB()

train, predict = classical(make)
"""


def test_warnings_of_libraries_go_to_the_log_alone(feature_table, workspace):
    (workspace / "noisy.py").write_text(NOISY)
    log = workspace / "log.txt"
    done = run("train", "./noisy.py", "--data", feature_table(), "--log", log)
    assert done.returncode == 0, done.stderr
    assert "a library" not in done.stderr
    assert "a plugin logs" in done.stderr
    for text in ("a library warns", "a library logs", "a plugin logs"):
        assert text in log.read_text()


@pytest.mark.parametrize(
    "secret",
    [
        "--token hush",
        "--token=hush",
        "AWS_SECRET=hush",
        "https://a.example/x?sig=hush",
        "s3://k:hush@b",
    ],
)
def test_a_log_has_no_secrets(secret):
    hidden = without_secrets(f"zoo serve {secret} x")
    assert "hush" not in hidden
    assert "zoo serve" in hidden
    assert without_secrets("the key of a token is 5") == "the key of a token is 5"


SLOW = """
import time
from zoo.cli.console import TerminalReporter
reporter = TerminalReporter()
with reporter.bar("a long title, " * 8, 3) as bar:
    for done in range(3):
        bar.update(done, f"fold {done + 1}/3", "a note that goes on and on " * done)
        time.sleep(0.4)
        reporter.note(f"note {done}")
    with reporter.bar("inner"):
        time.sleep(0.6)
"""


@pytest.mark.parametrize("columns", [80, 200])
def test_bars_stay_in_their_line_and_their_columns(columns):
    import sys

    said = seen([sys.executable, "-c", SLOW], columns)
    plain = re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", said)
    drawn = [line for line in re.split(r"[\r\n]+", plain) if "━" in line or "╸" in line]
    assert drawn
    assert max(map(len, drawn)) < columns
    assert len({re.search("[━╸╺]", line).start() for line in drawn}) == 1
    assert all(f"note {number}" in plain for number in range(3))
    assert any("fold 2/3" in line for line in drawn)
    assert said.count("\x1b[?25l") == said.count("\x1b[?25h") == 1  # the cursor


def test_short_work_says_nothing(capsys):
    with TerminalReporter().bar("quick", 3) as bar:
        bar.update(1)
    assert capsys.readouterr().err == ""


def test_long_work_goes_on_speaking(monkeypatch, capsys):
    monkeypatch.setattr("zoo.cli.console._SOON", 0.01)
    monkeypatch.setattr("zoo.cli.console._LOOKS", 0.01)
    monkeypatch.setattr("zoo.cli.console._SILENCE", 0.05)
    said = ""
    with TerminalReporter().bar("outer", 3), TerminalReporter().bar("slow"):
        while said.count("slow") < 3:
            time.sleep(0.01)
            said += capsys.readouterr().err
    assert set(said.split()) <= {"outer", "slow"}


@pytest.mark.usefixtures("heard")
def test_an_interruption_leaves_no_broken_line(feature_table, workspace):
    log = workspace / "log.txt"
    slow = "import time; GaussianNB.fit = lambda *_, **more: time.sleep(60)"
    (workspace / "slow.py").write_text(NOISY.replace('warnings.warn("a library warns")', slow))
    process = subprocess.Popen(
        [ZOO, "train", "./slow.py", "--data", str(feature_table()), "--log", str(log)],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stderr
    while "fold 1/5" not in process.stderr.readline():
        pass
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=HANG)
    assert process.returncode == 130
    assert said.splitlines()[-1].startswith("zoo: interrupted; ")
    assert "Traceback" not in said
    assert "zoo.cli.printed: interrupted; " in log.read_text()
