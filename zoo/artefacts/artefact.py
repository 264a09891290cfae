"""The artefact of a run, one ONNX file: checks, and predictions.

Input ``waveform``, float32 (1, samples), at the front end's rate, of any length; outputs
``probabilities``, float32 (windows, classes), ``times``, float32 (windows, 2), begin and end of
each window in seconds, and ``novelty``, float32 (windows,), see `zoo.evaluate.novelty`. A model of
a feature table takes ``track``, float32 (rows, columns), and has the first output only. The
metadata of the file are described by `ArtefactMetadata`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.embedding import with_embedding
from zoo.artefacts.isolated import MOST, IsolatedSession, isolated
from zoo.artefacts.metadata import FORMAT, ArtefactMetadata
from zoo.artefacts.session import EMBEDDING, NOVELTY, OUTPUT, TIMES, LocalSession, Session
from zoo.artefacts.shared_session import SharedFrontEnds
from zoo_registry.errors import ArtefactError, AudioError, LimitError, ZooError
from zoo_registry.files import read_bytes
from zoo_registry.own_files import is_own
from zoo_registry.structures import from_plain
from zoo_registry.text import shown

__all__ = ["FEATURES", "WAVEFORM", "Artefact", "Windows"]

WAVEFORM, FEATURES = "waveform", "track"


class Windows(NamedTuple):
    """What a model gives for the windows of a recording, all float64.

    Attributes
    ----------
    probabilities : array, shape (windows, classes)
        Each row sums to one.
    times : array, shape (windows, 2)
        Begin and end in seconds; NaN if the model does not state them.
    novelty : array, shape (windows,)
        Above 1 for a window unlike the training recordings; NaN if the model does not state it.
    embedding : array, shape (pieces, columns)
        Mean row of the front end for each piece of the waveform that was run at once; empty unless
        the artefact was opened for it, and has one.
    """

    probabilities: NDArray[np.float64]
    times: NDArray[np.float64]
    novelty: NDArray[np.float64]
    embedding: NDArray[np.float64] = np.empty((0, 0))


_ROUNDING = 1e-5
_AT_ONCE = 30.0  # seconds of windows; limits the memory for a long recording
_HIGHEST = 1_000_000  # Hz
_HELD = 1 << 27  # samples that are held for a file from elsewhere
_WINDOW = 32  # numbers that a window of such a file counts for at least
# The key of a tensor for the name of another file (onnx.proto, StringStringEntryProto).
_EXTERNAL = re.compile(rb"\x0a(?:\x08|[\x88]\x80*\x00)location")


class Artefact:
    """An ONNX file written by the zoo, here or on another machine.

    A file that this zoo did not write runs in a process of its own, which is killed if it takes
    too long or too much memory.

    Parameters
    ----------
    path : Path
        File.
    sha256 : str, optional
        Expected hash of the file; not checked by default.
    threads : int, optional
        Threads per recording; all cores by default.
    own : bool
        Whether this process has just written the file.
    home : Path, optional
        Folder of the run that the file belongs to, which no link to the file may leave.
    shared : SharedFrontEnds, optional
        Front ends that are computed once for several artefacts. A file from elsewhere does not
        take part.
    embeds : bool
        Whether windows come with an embedding; `shared` is not used then.

    Attributes
    ----------
    name : str
        Run that wrote the file, or the path if the metadata names none.
    classes : tuple of str
        Columns of the probabilities.
    rate : int
        Hz of the waveform.
    shortest : int
        Samples of the shortest waveform that the front end can judge; 0 if it does not say so.
    bandwidth : int
        Frequency in Hz that nearly all of the training recordings reach; 0 if it is not known.
    thresholds : Thresholds or None
        How often answers of its run are right at or above a confidence, if the metadata state it.
    by_mean : bool
        Whether the label is the class of the highest mean probability, and not of most windows.
    has_times, takes_audio : bool
        Whether predictions include begin and end of the windows; and whether the input is a
        waveform, and not rows of a feature table.
    is_own : bool
        Whether the zoo wrote the file on this machine.

    Raises
    ------
    ArtefactError
        If the hash differs, or the file cannot be run.
    LimitError
        If it came from elsewhere and exceeds a limit.
    """

    def __init__(
        self,
        path: Path,
        sha256: str | None = None,
        threads: int | None = None,
        own: bool = False,
        home: Path | None = None,
        shared: SharedFrontEnds | None = None,
        embeds: bool = False,
    ) -> None:
        self.path = path
        content = _read(path, home)
        found = hashlib.sha256(content).hexdigest()
        if sha256 and found != sha256:
            raise ArtefactError(
                f"{path} is not the file that its run wrote (its hash differs); "
                "train the model again"
            )
        self.is_own = own or is_own(found)
        try:
            self._session: Session
            if embeds:
                content = (with_embedding if self.is_own else _with_embedding_apart)(content)
            if self.is_own:
                here = shared.session if shared and not embeds else LocalSession
                self._session = here(content, threads)
            else:
                self._session = IsolatedSession(content)
        except Exception as error:
            raise _failure(path, "cannot be run", error) from error
        self.metadata = _metadata(path, self._session)
        self.name = self.metadata.run or str(path)
        self.classes: tuple[str, ...] = tuple(self.metadata.classes)
        self.rate: int = self.metadata.frontend.get("sample_rate", 0)
        self.shortest: int = self.metadata.shortest or 0  # UNSET is false
        trained_on = self.metadata.dataset
        self.dataset = trained_on.name if trained_on else None
        self.bandwidth: int = (trained_on and trained_on.bandwidth) or 0
        self.thresholds = self.metadata.thresholds or None  # UNSET is false
        self.by_mean = self.metadata.decision == "mean"
        self.takes_audio = self._session.inputs == [WAVEFORM]
        self.has_times = self.takes_audio and TIMES in self._session.outputs

    def run(self, given: NDArray[np.float32]) -> Windows:
        """Return the windows of a recording.

        Parameters
        ----------
        given : float32 array, shape (samples,) or (rows, columns)
            Waveform, or rows of a feature table.

        Raises
        ------
        ArtefactError, LimitError
            If the result is not probabilities, or the file exceeds a limit.
        """
        samples = np.ascontiguousarray(given[None] if self.takes_audio else given)
        try:
            found = self._session.run(samples)
            windows = found[OUTPUT]
            times = found.get(TIMES, np.full((len(windows), 2), np.nan))
            novelty = found.get(NOVELTY, np.full(len(windows), np.nan))
            embedding = found.get(EMBEDDING, np.empty((0, 0)))
            shapes = (windows.shape, times.shape, novelty.shape)
        except Exception as error:
            raise _failure(self.path, "failed while it ran", error) from error
        count = len(windows)
        if not count or shapes != ((count, len(self.classes)), (count, 2), (count,)):
            raise ArtefactError(f"{self.path} gave arrays of the shapes {shapes}; train it again")
        # Single precision may leave a probability a little under zero.
        if not (windows > -_ROUNDING).all() or not np.allclose(windows.sum(axis=1), 1, atol=1e-2):
            raise ArtefactError(f"{self.path} gave numbers that are no probabilities")
        if self.has_times and not _are_times(times, given.size / self.rate):
            raise ArtefactError(f"{self.path} gave windows whose times are not in the recording")
        if embedding.size and not (embedding.shape[:1] == (1,) and np.isfinite(embedding).all()):
            raise ArtefactError(f"{self.path} gave an embedding that is not a row of numbers")
        return Windows(np.maximum(windows, 0.0), times, novelty, embedding)

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
        size, begin, first, numbers = 0, 0, 0, 0

        def run(samples: NDArray[np.float32], wanted: slice) -> Windows:
            """Return the wanted windows, with the times of the whole waveform."""
            nonlocal numbers
            windows, times, novelty, embedding = self.run(samples)
            if len(windows) < (wanted.stop or first + 1):
                raise ArtefactError(f"{self.path} gives fewer windows than its metadata promise")
            numbers += len(windows) * max(len(self.classes), _WINDOW)
            if not self.is_own and numbers > MOST:
                raise LimitError(
                    f"{self.path} gives more windows of a recording than a file from elsewhere may"
                )
            own = windows[wanted], times[wanted] + begin / self.rate, novelty[wanted]
            return Windows(*own, embedding)

        if grid:
            hop, length, reach = grid.hop, grid.length, grid.reach
            # The first windows of a later piece lack the samples before them, and are left out.
            lead = -(-reach // hop)
            count = max(1, round(_AT_ONCE * self.rate / hop))
            piece = (lead + count - 1) * hop + length + reach
        for block in blocks:
            waiting.append(block)
            size += block.size
            if not self.is_own and size > _HELD:
                raise AudioError(
                    f"{self.path} needs more than {_HELD:,} samples of a recording at once, "
                    f"the limit for a file from elsewhere; split the recording"
                )
            # The last piece must hold the last window whole, which may lie off the grid.
            while grid and size >= piece + length + hop:
                held = np.concatenate(waiting)
                yield run(held[:piece], slice(first, lead + count))
                step = count * hop
                waiting = [held[step:]]
                size, begin, first = size - step, begin + step, lead
        yield run(np.concatenate(waiting), slice(first, None))


def _are_times(times: NDArray[np.float64], seconds: float) -> bool:
    """Whether begin and end of each window are in order, and within the recording."""
    begins, ends = times.T
    return bool((begins >= 0).all() and (begins <= ends).all() and (ends <= seconds + 1).all())


def _with_embedding_apart(content: bytes) -> bytes:
    """Return `with_embedding` of a file from elsewhere, which only a process with limits parses."""
    return isolated(with_embedding, content)


def _read(path: Path, home: Path | None) -> bytes:
    try:
        content = read_bytes(path, home)
    except OSError as error:
        raise ArtefactError(f"{path} cannot be read: {error.strerror}") from error
    if _EXTERNAL.search(content):
        raise ArtefactError(
            f"{path} refers to other files for its numbers; an artefact is one file, "
            "so this one is not run"
        )
    return content


_REASONS = (
    (r"(\S+)\(-?\d+\) is not a registered function", "it uses the unknown operator {}"),
    (r"Unsupported model IR version: (\d+)", "its ONNX format {} is newer than onnxruntime here"),
    (r"opset (\d+) is under development", "its operator set {} is newer than onnxruntime here"),
    (r"Protobuf parsing failed()", "it is not an ONNX file, or is cut off"),
    (r"No graph was found in the protobuf()", "it is not an ONNX file, or is cut off"),
)


def _failure(path: Path, what: str, error: Exception) -> ZooError:
    kind = LimitError if isinstance(error, LimitError) else ArtefactError
    return kind(f"{path} {what}: {_reason(error)}")


def _reason(error: Exception) -> str:
    """Return the reason of an error of onnxruntime in a few words."""
    text = shown(" ".join(str(error).split()))
    for pattern, words in _REASONS:
        if match := re.search(pattern, text, re.IGNORECASE):
            return words.format(match.group(1))
    return re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)[:200]


def _metadata(path: Path, session: Session) -> ArtefactMetadata:
    try:
        described = json.loads(session.metadata or "")
        version = described["format"]
        newer = isinstance(version, int) and version > FORMAT
        metadata = None if newer else from_plain(described, ArtefactMetadata)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ArtefactError(
            f"{path} is not an artefact of the zoo: its metadata lacks what `zoo train` writes"
        ) from error
    if metadata is None:
        raise ArtefactError(f"{path} was written by a newer genre-zoo; update this one to run it")
    rate = metadata.frontend.get("sample_rate")
    has_rate = type(rate) is int and 1 <= rate <= _HIGHEST
    takes = session.inputs == [FEATURES] or (session.inputs == [WAVEFORM] and has_rate)
    if version < FORMAT or not takes or OUTPUT not in session.outputs:
        raise ArtefactError(
            f"{path} is of an older or foreign format; train the model again to run it"
        )
    if not metadata.classes or len(set(metadata.classes)) < len(metadata.classes):
        raise ArtefactError(f"{path} has no classes, or two of one name; train the model again")
    return metadata
