"""Front ends that several artefacts have in common, computed once for each piece of sound."""

import hashlib
import threading
from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.session import LocalSession, Session
from zoo.audio.onnx_graphs import TRACK, cut_at_track

__all__ = ["SharedFrontEnds"]

_HELD = 1 << 25  # bytes of arrays that are kept per front end


class SharedFrontEnds:
    """Front ends of the artefacts that one process has open.

    Two artefacts share a front end if the nodes and weights from the waveform to ``track`` are
    equal, byte by byte. Its array is kept for the pieces of sound that came last.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[bytes, _FrontEnd] = {}

    def session(self, content: bytes, threads: int | None) -> Session:
        """Return a session of an artefact, cut in two where it has the value ``track``."""
        whole = LocalSession(content, threads)
        parts = cut_at_track(content)
        if parts is None:
            return whole
        front, rest = parts
        key = hashlib.sha256(front).digest()
        with self._lock:
            if key not in self._found:
                self._found[key] = _FrontEnd(front, threads)
            return _SharedSession(self._found[key], LocalSession(rest, threads), whole)


class _FrontEnd:
    """Graph from a waveform to its array, with the arrays of the pieces that came last."""

    def __init__(self, content: bytes, threads: int | None) -> None:
        self._session = LocalSession(content, threads)
        self._lock = threading.Lock()
        self._arrays: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    def __call__(self, waveform: NDArray[np.float32]) -> NDArray[np.float32]:
        key = hashlib.sha256(waveform.data).digest()
        with self._lock:
            if key in self._arrays:
                self._arrays.move_to_end(key)
                return self._arrays[key]
        array: NDArray[np.float32] = self._session.raw([TRACK], {"waveform": waveform})[0]
        with self._lock:
            self._arrays[key] = array
            while len(self._arrays) > 1 and sum(a.nbytes for a in self._arrays.values()) > _HELD:
                self._arrays.popitem(last=False)
        return array


class _SharedSession:
    """Session of the rest of an artefact, behind a front end that others use, too."""

    def __init__(self, front: _FrontEnd, rest: LocalSession, whole: LocalSession) -> None:
        self._front, self._rest = front, rest
        self.inputs, self.outputs, self.metadata = whole.inputs, whole.outputs, whole.metadata

    def run(self, given: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Return the outputs that the zoo knows by their names."""
        return self._rest.known({"waveform": given, TRACK: self._front(given)})
