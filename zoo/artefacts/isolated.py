"""The graph of an ONNX file that came from elsewhere, run in a process with limits.

A graph can loop for ever, or take all memory, while it is opened or for one recording among
thousands. No look at it tells: it runs where it can be ended. Files that the zoo wrote on this
machine are known by their hash, and run without the detour.
"""

import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.session import LocalSession
from zoo_registry.errors import LimitError, ZooError

__all__ = ["MOST", "IsolatedSession", "end_all", "isolated"]

SECONDS = 60  # to open the file, and for each run
MEMORY = 2 << 30  # bytes
MOST = 1 << 25  # numbers that are given for one recording
METADATA_MOST = 1_000_000  # characters
_TOO_SLOW = f"it took longer than {SECONDS} s, the limit for a file from elsewhere"
_TOO_LARGE = f"it needs more than {MEMORY >> 30} GB of memory, the limit for a file from elsewhere"

Given = TypeVar("Given")
Result = TypeVar("Result")


def end_all() -> None:
    """Kill the processes of all sessions, and end what waits for them in other threads."""
    global _ends  # noqa: PLW0603  (it concerns the whole process)
    _ends += 1
    for process in tuple(_processes):
        process.kill()


_ends = 0
_processes: "weakref.WeakSet[subprocess.Popen[bytes]]" = weakref.WeakSet()


def isolated(call: Callable[[Given], Result], given: Given) -> Result:
    """Return the result of a function that reads a file from elsewhere.

    Parameters
    ----------
    call : callable
        Can be pickled, as its result; it is called in a process with limits.
    given : object
        Its argument.

    Raises
    ------
    LimitError
        If the process exceeds the limits.
    """
    process = _Process()
    process.begin()
    try:
        found: Result = process.ask(call, given)
    finally:
        process.end()
    return found


class _Process:
    """Process that calls functions within the limits; it is killed if it exceeds them."""

    def __init__(self) -> None:
        self._too_slow = False
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start the process."""
        if self._too_slow:
            raise LimitError(_TOO_SLOW)
        path = os.pathsep.join(map(os.path.abspath, sys.path))  # what this process imports
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__, str(SECONDS), str(MEMORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C of a terminal reaches the zoo alone, which ends it
        )
        self._kill = weakref.finalize(self, _kill, self._process)
        _processes.add(self._process)

    def ask(self, call: Callable[[Any], object], given: object) -> Any:
        """Return what a function gives in the process."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump((call, given), process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            answer = pickle.load(process.stdout)  # noqa: S301  (the zoo's own code wrote it)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            raise LimitError(self._reason(process)) from None
        except BaseException:  # interrupted: what the process says later answers nothing
            self.end()
            raise
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _reason(self, process: "subprocess.Popen[bytes]") -> str:
        """Return the reason why the process ended."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
        self.end()
        status = process.returncode
        name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        if name == "SIGALRM":
            self._too_slow = True
            return _TOO_SLOW
        return f"it ended the process that ran it ({name})"

    def end(self) -> None:
        """Kill the process."""
        self._process = None
        self._kill()


class IsolatedSession(_Process):
    """Session in a process of its own, which is killed if it exceeds the limits.

    It runs one recording at a time, on all cores. A process that took too long is not started
    again; any other is, for the next recording.

    Parameters
    ----------
    content : bytes
        The file.
    """

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = content
        self._lock = threading.Lock()
        self.inputs, self.outputs, self.metadata = self._start()

    def run(self, given: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Return the outputs that the zoo knows by their names."""
        before = _ends
        with self._lock:
            if before != _ends:
                raise LimitError("it was stopped")
            if self._process is None:
                self._start()
            found: dict[str, NDArray[np.float64]] = self.ask(_run, given)
            return found

    def _start(self) -> tuple[list[str], list[str], str | None]:
        self.begin()
        try:
            found: tuple[list[str], list[str], str | None] = self.ask(_open, self._content)
        except BaseException:
            self.end()
            raise
        return found


def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    with suppress(OSError), process:  # closes the pipes
        pass


def main() -> None:
    """Call the functions that the other process asks for, within the limits."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever libraries print
    import onnxruntime  # noqa: F401  (its own memory does not count)

    seconds, memory = map(int, sys.argv[1:])
    _limit(memory)
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        while True:
            answer: object
            call, given = pickle.load(sys.stdin.buffer)  # noqa: S301
            _alarm(seconds)
            try:
                answer = call(given)
            except ZooError as error:
                answer = error
            except Exception as error:
                answer = _answer(error)
            _alarm(0)
            pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()


_session: LocalSession | None = None  # of the process with limits


def _open(content: bytes) -> tuple[list[str], list[str], str | None]:
    global _session  # noqa: PLW0603  (the process has one)
    _session = LocalSession(content, None)
    return _session.inputs, _session.outputs, _limited(_session.metadata)


def _run(given: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
    assert _session is not None
    return _checked(_session.run(given))


def _limited(metadata: str | None) -> str | None:
    if metadata is not None and len(metadata) > METADATA_MOST:
        raise LimitError(f"its metadata are longer than {METADATA_MOST:,} characters")
    return metadata


def _checked(arrays: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    if sum(array.size for array in arrays.values()) > MOST:
        raise LimitError(f"it gives more than {MOST:,} numbers for one recording")
    return arrays


def _answer(error: Exception) -> Exception:
    text = str(error)[:2000]
    if isinstance(error, MemoryError) or re.search("allocate memory|bad_alloc", text):
        return LimitError(_TOO_LARGE)
    return RuntimeError(text)


def _limit(memory: int) -> None:
    """Limit the memory of this process; let the kernel end it first if there is none left."""
    if sys.platform != "linux":  # elsewhere the limit is not kept
        return
    import resource

    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    used = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmData"))
    limit = 1024 * used + memory
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _alarm(seconds: int) -> None:
    """Let the kernel end this process after some seconds; 0 stops the clock."""
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(seconds)


if __name__ == "__main__":
    main()
