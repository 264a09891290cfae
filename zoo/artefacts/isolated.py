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
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.session import LocalSession
from zoo_registry.errors import LimitError

__all__ = ["MOST", "IsolatedSession", "end_all"]

SECONDS = 60  # to open the file, and for each run
MEMORY = 2 << 30  # bytes
MOST = 1 << 25  # numbers that are given for one recording
METADATA_MOST = 1_000_000  # characters
_TOO_SLOW = f"it took longer than {SECONDS} s, the limit for a file from elsewhere"
_TOO_LARGE = f"it needs more than {MEMORY >> 30} GB of memory, the limit for a file from elsewhere"


def end_all() -> None:
    """Kill the processes of all sessions, and end what waits for them in other threads."""
    global _ends  # noqa: PLW0603  (it concerns the whole process)
    _ends += 1
    for process in tuple(_processes):
        process.kill()


_ends = 0
_processes: "weakref.WeakSet[subprocess.Popen[bytes]]" = weakref.WeakSet()


class IsolatedSession:
    """Session in a process of its own, which is killed if it exceeds the limits.

    It runs one recording at a time, on all cores. A process that took too long is not started
    again; any other is, for the next recording.

    Parameters
    ----------
    content : bytes
        The file.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._lock = threading.Lock()
        self._too_slow = False
        self._process: subprocess.Popen[bytes] | None = None
        self.inputs, self.outputs, self.metadata = self._start()

    def run(self, given: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Return the outputs that the zoo knows by their names."""
        before = _ends
        with self._lock:
            if before != _ends:
                raise LimitError("it was told to end")
            if self._process is None:
                self._start()
            found: dict[str, NDArray[np.float64]] = self._ask(given)
            return found

    def _start(self) -> tuple[list[str], list[str], str | None]:
        if self._too_slow:
            raise LimitError(_TOO_SLOW)
        path = os.pathsep.join(map(os.path.abspath, sys.path))  # what this process imports
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C of a terminal reaches the zoo alone, which ends it
        )
        self._kill = weakref.finalize(self, _kill, self._process)
        _processes.add(self._process)
        try:
            found: tuple[list[str], list[str], str | None] = self._ask(
                (self._content, SECONDS, MEMORY)
            )
        except BaseException:
            self._end()
            raise
        return found

    def _ask(self, question: object) -> Any:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            pickle.dump(question, process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            answer = pickle.load(process.stdout)  # noqa: S301  (the zoo's own code wrote it)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            raise LimitError(self._reason(process)) from None
        except BaseException:  # interrupted: what the process says later answers nothing
            self._end()
            raise
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _reason(self, process: "subprocess.Popen[bytes]") -> str:
        """Return the reason why the process ended."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(1)
        self._end()
        status = process.returncode
        name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        if name == "SIGALRM":
            self._too_slow = True
            return _TOO_SLOW
        return f"it ended the process that ran it ({name})"

    def _end(self) -> None:
        self._process = None
        self._kill()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    with suppress(OSError), process:  # closes the pipes
        pass


def main() -> None:
    """Open the graph of the first question, and run it on the others, within the limits."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever libraries print
    import onnxruntime  # noqa: F401  (its own memory does not count)

    session: LocalSession | None = None
    with suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        while True:
            answer: object
            question = pickle.load(sys.stdin.buffer)  # noqa: S301
            if session is None:
                content, seconds, memory = question
                _limit(memory)
            _alarm(seconds)
            try:
                if session is None:
                    session = LocalSession(content, None)
                    answer = session.inputs, session.outputs, _limited(session.metadata)
                else:
                    answer = _checked(session.run(question))
            except LimitError as error:
                answer = error
            except Exception as error:
                answer = _answer(error)
            _alarm(0)
            pickle.dump(answer, answers, pickle.HIGHEST_PROTOCOL)
            answers.flush()


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
