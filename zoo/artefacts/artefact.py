"""The artefact of a run, one ONNX file: checks, and predictions.

Input ``waveform``, float32 (1, samples), at the front end's rate, of any length; outputs
``probabilities``, float32 (windows, classes), and ``times``, float32 (windows, 2), begin and end
of each window in seconds. A model of a feature table takes ``track``, float32 (rows, columns),
and has no times. The metadata of the file are described by `ArtefactMetadata`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.metadata import FORMAT, METADATA, ArtefactMetadata
from zoo_registry.errors import ArtefactError
from zoo_registry.structures import from_plain
from zoo_registry.text import shown

__all__ = ["FEATURES", "OUTPUT", "TIMES", "WAVEFORM", "Artefact", "Windows"]

WAVEFORM, FEATURES = "waveform", "track"
OUTPUT, TIMES = "probabilities", "times"

Windows = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Probabilities, shape (windows, classes), and begin and end in seconds, shape (windows, 2)."""

_ROUNDING = 1e-5
_AT_ONCE = 30.0  # seconds of windows; limits the memory for a long recording
# The key of a tensor for the name of another file (onnx.proto, StringStringEntryProto).
_EXTERNAL = re.compile(rb"\x0a(?:\x08|[\x88]\x80*\x00)location")


class Artefact:
    """An ONNX file written by the zoo.

    Parameters
    ----------
    path : Path
        File.
    sha256 : str, optional
        Expected hash of the file; not checked by default.
    threads : int, optional
        Threads per recording; all cores by default.

    Attributes
    ----------
    name : str
        Run that wrote the file, or the path if the metadata names none.
    classes : tuple of str
        Columns of the probabilities.
    rate : int
        Hz of the waveform.
    has_times, takes_audio : bool
        Whether predictions include begin and end of the windows; and whether the input is a
        waveform, and not rows of a feature table.

    Raises
    ------
    ArtefactError
        If the hash differs, or the file cannot be run.
    """

    def __init__(self, path: Path, sha256: str | None = None, threads: int | None = None) -> None:
        self.path = path
        content = _read(path, sha256)
        self._session = _session(path, content, threads)
        self.metadata = _metadata(path, self._session)
        self.name = self.metadata.run or str(path)
        self.classes: tuple[str, ...] = tuple(self.metadata.classes)
        self.rate: int = self.metadata.frontend.get("sample_rate", 0)
        self._input: str = self._session.get_inputs()[0].name
        self._outputs: list[str] = [output.name for output in self._session.get_outputs()]
        self.has_times = TIMES in self._outputs
        self.takes_audio = self._input == WAVEFORM

    def run(self, given: NDArray[np.float32]) -> Windows:
        """Return probabilities and times of the windows; times are NaN if the model has none.

        Parameters
        ----------
        given : float32 array, shape (samples,) or (rows, columns)
            Waveform, or rows of a feature table.

        Raises
        ------
        ArtefactError
            If the result is no probabilities.
        """
        feed = {self._input: np.ascontiguousarray(given[None] if self.takes_audio else given)}
        try:
            found = dict(zip(self._outputs, self._session.run(None, feed), strict=True))
            windows = np.asarray(found[OUTPUT], dtype=np.float64)
            times = np.asarray(found.get(TIMES, np.full((len(windows), 2), np.nan)), np.float64)
            shapes = (windows.shape, times.shape)
        except Exception as error:
            raise ArtefactError(f"{self.path} failed while it ran: {_reason(error)}") from error
        count = len(windows)
        if not count or shapes != ((count, len(self.classes)), (count, 2)):
            raise ArtefactError(f"{self.path} gave arrays of the shapes {shapes}; train it again")
        # Single precision may leave a probability a little under zero.
        if not (windows > -_ROUNDING).all() or not np.allclose(windows.sum(axis=1), 1, atol=1e-2):
            raise ArtefactError(f"{self.path} gave numbers that are no probabilities")
        return np.maximum(windows, 0.0), times

    def stream(self, blocks: Iterable[NDArray[np.float32]]) -> Iterator[Windows]:
        """Yield the windows of a waveform of any length in order of time, with limited memory.

        If the metadata do not describe the position of windows, the whole waveform is held in
        memory.

        Parameters
        ----------
        blocks : iterable of float32 arrays, each of shape (samples,)
            Consecutive parts of the waveform.
        """
        grid = self.metadata.windows
        waiting: list[NDArray[np.float32]] = []
        size, begin, first = 0, 0, 0
        if grid:
            hop, length, reach = grid.hop, grid.length, grid.reach
            # The first windows of a later piece lack the samples before them, and are left out.
            lead = -(-reach // hop)
            count = max(1, round(_AT_ONCE * self.rate / hop))
            piece = (lead + count - 1) * hop + length + reach
        for block in blocks:
            waiting.append(block)
            size += block.size
            # The last piece must hold the last window whole, which may lie off the grid.
            while grid and size >= piece + length + hop:
                held = np.concatenate(waiting)
                windows, times = self.run(held[:piece])
                chosen = slice(first, lead + count)
                yield windows[chosen], times[chosen] + begin / self.rate
                step = count * hop
                waiting = [held[step:]]
                size, begin, first = size - step, begin + step, lead
        windows, times = self.run(np.concatenate(waiting))
        yield windows[first:], times[first:] + begin / self.rate


def _read(path: Path, sha256: str | None) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ArtefactError(f"{path} cannot be read: {error.strerror}") from error
    if sha256 and hashlib.sha256(content).hexdigest() != sha256:
        raise ArtefactError(
            f"{path} is not the file that its run wrote (its hash differs); train the model again"
        )
    if _EXTERNAL.search(content):
        raise ArtefactError(
            f"{path} refers to other files for its numbers; an artefact is one file, "
            "so this one is not run"
        )
    return content


def _session(path: Path, content: bytes, threads: int | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads or 0
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ArtefactError(f"{path} cannot be run: {_reason(error)}") from error


_REASONS = (
    (r"(\S+)\(-?\d+\) is not a registered function", "it uses the unknown operator {}"),
    (r"Unsupported model IR version: (\d+)", "its ONNX format {} is newer than onnxruntime here"),
    (r"opset (\d+) is under development", "its operator set {} is newer than onnxruntime here"),
    (r"Protobuf parsing failed()", "it is no ONNX file, or is cut off"),
    (r"No graph was found in the protobuf()", "it is no ONNX file, or is cut off"),
)


def _reason(error: Exception) -> str:
    """Return the reason of an error of onnxruntime in a few words."""
    text = shown(" ".join(str(error).split()))
    for pattern, words in _REASONS:
        if match := re.search(pattern, text, re.IGNORECASE):
            return words.format(match.group(1))
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)[:200]


def _metadata(path: Path, session: Any) -> ArtefactMetadata:
    given = {item.name for item in session.get_inputs()}
    try:
        described = json.loads(session.get_modelmeta().custom_metadata_map[METADATA])
        version = described["format"]
        newer = isinstance(version, int) and version > FORMAT
        metadata = None if newer else from_plain(described, ArtefactMetadata)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ArtefactError(
            f"{path} is no artefact of the zoo: its metadata lacks what `zoo train` writes"
        ) from error
    if metadata is None:
        raise ArtefactError(f"{path} was written by a newer genre-zoo; update this one to run it")
    has_rate = isinstance(metadata.frontend.get("sample_rate"), int)
    if version < FORMAT or not (given == {FEATURES} or (given == {WAVEFORM} and has_rate)):
        raise ArtefactError(
            f"{path} is of an older or foreign format; train the model again to run it"
        )
    return metadata
