"""A process that has imported what commands need, and forks one command after the other.

It reads requests from standard input, a line of JSON each, and answers likewise. A command is
a process of its own, in a session of its own, and can end itself before the n-th time that it
changes something below its workspace: so kills hit work, and not imports.
"""

import atexit
import importlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

_LOADED = (
    *(
        "zoo.cli.app",
        "zoo.training.train",
        "zoo.inference.predict",
        "zoo.tuning.search",
        "zoo.inference.output_file",
        "zoo.artefacts.export",
    ),
    *(
        "zoo.evaluate.leaderboard",
        "zoo.evaluate.significance",
        "zoo.training.verify",
        "zoo.datasets.demo",
    ),
    *(
        "zoo.datasets.checks.recordings",
        "zoo.cli.console",
        "onnx",
        "onnxruntime",
        "joblib",
        "filelock",
    ),
    *("scipy.stats", "rich.console", "soundfile", "sklearn.model_selection"),
)
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class _Watch:
    """Counts the changes of a folder; kills the command before one of them."""

    def __init__(self, folder: str, last: int | None) -> None:
        self.seen = 0
        self._folder = folder
        self._last = last

    def __call__(self, event: str, args: tuple) -> None:
        if event == "open":
            path, _, flags = args
            if not flags & _WRITING:
                return
        elif event in _CHANGES:
            path = args[0]
        else:
            return
        # What is removed with a folder is named below it, without that folder.
        if not isinstance(path, str) or path.startswith("/") > path.startswith(self._folder):
            return
        self.seen += 1
        if self.seen == self._last:
            os.killpg(0, signal.SIGKILL)


def _become(request: dict) -> int:
    """Be the command, in a forked process; return its status."""
    os.setsid()
    # Whoever runs tests in the background ignores it, and so would we.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(request["box"])
    os.environ.update(request["env"])
    out = os.open(request["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for descriptor, copy in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(descriptor, copy)
    watch, status = _Watch(request["box"], request["change"]), 0
    sys.addaudithook(watch)
    try:
        if "demo" in request:
            from zoo.datasets.demo import write_demo

            write_demo(Path(request["box"], request["demo"]), artists=1, takes=1)
        else:
            from zoo.cli import main

            sys.argv = ["zoo", *request["command"]]
            Path(request["out"] + ".begun").touch()
            main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    finally:
        seen = str(watch.seen)
        Path(request["out"] + ".changes").write_text(seen, encoding="utf-8")
    return status


def _wait(pid: int, seconds: float | None) -> int | None:
    """Return the status of a child, negative for a signal; None if it still runs by then."""
    end = None if seconds is None else time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        ended, status = os.waitpid(pid, 0 if end is None else os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    return None


def main() -> None:
    """Answer requests until standard input ends."""
    for name in (*_LOADED, *sys.argv[1:]):
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        if "wait" in request:
            answer = _wait(request["wait"], request["seconds"])
        else:
            answer = os.fork()
            if not answer:
                status = _become(request)
                sys.stdout.flush()
                threading._shutdown()
                atexit._run_exitfuncs()
                # Threads of libraries that were loaded before the fork cannot be ended in order.
                os._exit(status)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
