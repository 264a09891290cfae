"""Prediction: from a trained model and audio files to labels.

This needs numpy, soundfile, soxr and onnxruntime (PyAV for formats that libsndfile does not
read), and no framework; only a model without an ONNX form needs its plugin.
"""

import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from zoo.artefact import Artefact, Windows
from zoo.audio.decode import open_stream, waveform
from zoo.audio.suffixes import is_audio
from zoo.evaluate.vote import count_votes, mean_winners, vote_winners
from zoo.progress import Reporter
from zoo.workspace import find_run
from zoo_registry.errors import ArtefactError, AudioError, PluginError, UsageError
from zoo_registry.runs import ARTEFACT, RECORD, Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["STDIN", "UNKNOWN", "Prediction", "Section", "audio_files", "open_model", "predict"]

STDIN = "-"
UNKNOWN = "unknown"

# Quieter than the absolute gate of ITU-R BS.1770-4 is silence.
_SILENCE = -70  # dB of full scale
_CELL = 0.1  # seconds over which the loudest sample is found


@dataclass(frozen=True)
class Section:
    """What a model says of one window.

    Attributes
    ----------
    start, end : float
        Seconds.
    label : str
        The most probable class, or "unknown".
    confidence : float or None
        Its probability.
    reason : str or None
        Why it is unknown.
    """

    start: float
    end: float
    label: str
    confidence: float | None
    reason: str | None = None


@dataclass(frozen=True)
class Prediction:
    """What a model says of one file.

    Attributes
    ----------
    path : str
    label : str or None
        Winner of the vote of the windows, ties broken by mean probability; or "unknown".
    label_mean : str or None
        The class of the greatest mean probability.
    confidence : float or None
        Mean probability of the winner.
    votes : dict of str to int
        Windows by the class they were given.
    probabilities : dict of str to float
        Mean over the windows, by class.
    windows : int
    seconds : float or None
        Of sound that were decoded.
    reason : str or None
        Why the label is "unknown".
    error : str or None
        Why there is no label.
    run : str or None
        Which run the model comes from.
    timeline : list of Section or None
        The windows in order of time, if they were asked for; those of networks overlap.
    """

    path: str
    label: str | None = None
    label_mean: str | None = None
    confidence: float | None = None
    votes: dict[str, int] | None = None
    probabilities: dict[str, float] | None = None
    windows: int = 0
    seconds: float | None = None
    reason: str | None = None
    error: str | None = None
    run: str | None = None
    timeline: list[Section] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; a timeline only if there is one."""
        plain = asdict(self)
        if self.timeline is None:
            del plain["timeline"]
        return plain


def predict(
    model: str,
    paths: Iterable[str | Path],
    *,
    timeline: bool = False,
    min_confidence: float = 0.0,
    jobs: int | None = None,
    in_order: bool = True,
    reporter: Reporter | None = None,
) -> Iterator[Prediction]:
    """Classify audio files.

    Parameters
    ----------
    model : str
        A run's folder or id, a model's name, which means its newest complete run, or an
        ONNX file, or a folder with one, from elsewhere.
    paths : iterable of str or Path
        Files; folders, which are searched for audio files; patterns such as
        ``music/**/*.mp3``; and "-", which is what comes in on standard input.
    timeline : bool
        Whether each prediction gets its windows.
    min_confidence : float
        Answers below this mean probability come back as "unknown".
    jobs : int, optional
        Files at once; as many as there are cores by default.
    in_order : bool
        Whether predictions come in the order of the files, or as they are ready.
    reporter : Reporter, optional

    Yields
    ------
    Prediction
        One a file; an unreadable file has an `error`.

    Raises
    ------
    UsageError
        If the run or a path does not exist, or the run is not complete.
    ArtefactError
        If the ONNX file cannot be trusted, or not be run.
    PluginError
        If the model has no ONNX form and its plugin is missing.
    """
    files = audio_files(paths)
    workers = min(jobs or os.cpu_count() or 1, len(files))
    listener = open_model(model, threads=None if workers == 1 else 1)
    if timeline and not listener.has_times:
        raise UsageError(f"{listener.name} does not say how its windows lie: it has no timeline")
    answer = partial(_answer, listener, timeline=timeline, min_confidence=min_confidence)
    return _predictions(files, answer, workers, in_order, reporter or Reporter())


def _predictions(
    files: list[str],
    answer: Callable[..., Prediction],
    workers: int,
    in_order: bool,
    reporter: Reporter,
) -> Iterator[Prediction]:
    if len(files) == 1:
        yield answer(files[0], reporter=reporter)
        return
    from joblib import Parallel, delayed

    # Threads share one model; decoding, resampling and onnxruntime leave Python meanwhile.
    parallel = Parallel(
        n_jobs=workers,
        prefer="threads",
        return_as="generator" if in_order else "generator_unordered",
    )
    with reporter.bar(f"{len(files)} files", len(files)) as bar:
        for done, found in enumerate(parallel(delayed(answer)(file) for file in files), start=1):
            bar.update(done)
            yield found


def audio_files(paths: Iterable[str | Path]) -> list[str]:
    """Return the files that `paths` mean, folders and patterns in sorted order.

    Raises
    ------
    UsageError
        If a path does not exist, a pattern fits nothing, or a folder holds no audio.
    """
    found: list[str] = []
    for given in paths:
        path = Path(given)
        if str(given) == STDIN or path.is_file():
            found.append(str(given))
        elif path.is_dir():
            found += _inside(path)
        elif glob.has_magic(str(given)):
            matches = sorted(glob.glob(str(given), recursive=True))  # noqa: PTH207  (absolute, too)
            inside = [
                file
                for match in map(Path, matches)
                for file in (_inside(match, False) if match.is_dir() else [str(match)])
            ]
            if not inside:
                raise UsageError(f"no file fits the pattern {str(given)!r}")
            found += inside
        elif path.exists():
            found.append(str(given))
        else:
            raise UsageError(f"there is no file or folder {str(given)!r}")
    return list(dict.fromkeys(found))


def _inside(folder: Path, needed: bool = True) -> list[str]:
    files = sorted(str(file) for file in folder.rglob("*") if is_audio(file) and file.is_file())
    if needed and not files:
        raise UsageError(f"the folder {folder} holds no audio file")
    return files


class Listener(Protocol):
    """A model that can be asked: an artefact, or a plugin with what it saved."""

    name: str
    classes: tuple[str, ...]
    rate: int
    has_times: bool

    def listen(self, blocks: "Iterator[NDArray[np.float32]]") -> Iterator[Windows]:
        """Classify the windows of a waveform that comes in blocks."""
        ...


@dataclass
class _Onnx:
    """A model that is an ONNX file."""

    artefact: Artefact

    def __post_init__(self) -> None:
        self.name = str(self.artefact.description.get("run", self.artefact.path))
        self.classes = self.artefact.classes
        self.rate = self.artefact.rate
        self.has_times = self.artefact.has_times

    def listen(self, blocks: "Iterator[NDArray[np.float32]]") -> Iterator[Windows]:
        return self.artefact.stream(blocks)


class _Saved:
    """A model without an ONNX form, through its plugin and what that has saved."""

    def __init__(self, run: Run) -> None:
        from zoo.plugins import open_registry

        record = run.record
        reason = f"{run.id} has no ONNX file ({record.artefact['error']})"
        if not run.saved_path.is_dir():
            raise PluginError(f"{reason}, and its plugin saved nothing else: it cannot predict")
        plugin = record.model["file"] or record.model["name"]
        try:
            self._model = open_registry().load(plugin)
        except (UsageError, PluginError) as error:
            raise PluginError(f"{reason}, so its plugin is needed: {error}") from error
        self._fitted = self._model.load(run.saved_path)
        self.name = run.id
        self.classes = tuple(record.dataset["classes"])
        self.rate = self._model.card.frontend.sample_rate
        self.has_times = False

    def listen(self, blocks: "Iterator[NDArray[np.float32]]") -> Iterator[Windows]:
        rows = self._model.preprocess(np.concatenate(list(blocks)))
        (windows,) = self._model.predict(self._fitted, [rows], len(self.classes))
        yield windows, np.full((len(windows), 2), np.nan)


def open_model(wanted: str, threads: int | None = None) -> Listener:
    """Return the model that `wanted` means, ready to listen.

    Parameters
    ----------
    wanted : str
        As for `predict`.
    threads : int, optional
        That share out one recording; all cores by default.

    Raises
    ------
    UsageError, ArtefactError, PluginError
        As `predict`.
    """
    path = Path(wanted)
    if path.is_dir() and not (path / RECORD).exists() and (path / ARTEFACT).is_file():
        path = path / ARTEFACT
    if path.is_file() and path.name != RECORD:
        artefact = Artefact(path, _recorded_hash(path), threads)
        return _Onnx(_hearing(artefact, wanted))
    run = find_run(wanted)
    record = run.record
    if not run.complete:
        raise UsageError(
            f"{run.id} is {record.status}, so it has no artefact; "
            f"`zoo train {record.model['name']} --data {record.dataset['source']}` finishes it"
        )
    if record.frontend["name"] == "table":
        raise UsageError(_NO_SOUND.format(run.id))
    if "error" in record.artefact:
        return _Saved(run)
    return _Onnx(_hearing(Artefact(run.artefact_path, record.artefact["sha256"], threads), run.id))


_NO_SOUND = (
    "{} was trained on a table of features, whose computation is not known; "
    "train on the folder of the recordings to predict from audio"
)


def _hearing(artefact: Artefact, name: str) -> Artefact:
    if not artefact.hears:
        raise ArtefactError(_NO_SOUND.format(name))
    return artefact


def _recorded_hash(path: Path) -> str | None:
    """Return what a run beside the file says of its hash."""
    if not (path.parent / RECORD).is_file():
        return None
    artefact = Run.read(path.parent).record.artefact
    return artefact.get("sha256") if artefact.get("file") == path.name else None


def _answer(
    listener: Listener,
    file: str,
    *,
    timeline: bool,
    min_confidence: float,
    reporter: Reporter | None = None,
) -> Prediction:
    """Decode one file while the model listens to it, and count the votes."""
    peaks = _Peaks(listener.rate)
    try:
        with _on_disk(file) as path:
            stream = open_stream(path)
            length = max(stream.seconds, 1.0)
            bar = reporter.bar(Path(file).name, length) if reporter else nullcontext(None)
            probabilities, times = [], []
            with bar as shown:
                for windows, when in listener.listen(peaks.watch(waveform(stream, listener.rate))):
                    probabilities.append(windows)
                    times.append(when)
                    if shown:
                        shown.update(min(peaks.seconds, length))
    except (AudioError, ArtefactError) as error:
        return Prediction(file, error=str(error), run=listener.name)
    except Exception as error:  # a plugin's own; the other files can go on
        if isinstance(listener, _Onnx):
            raise
        reason = f"{file} made {listener.name} raise {type(error).__name__}: {error}"
        return Prediction(file, error=reason, run=listener.name)
    found = _vote(file, listener, np.concatenate(probabilities), peaks, min_confidence)
    if timeline:
        sections = _sections(
            listener.classes,
            np.concatenate(probabilities),
            np.concatenate(times),
            peaks,
            min_confidence,
        )
        found = replace(found, timeline=sections)
    return found


def _vote(
    file: str,
    listener: Listener,
    windows: "NDArray[np.float64]",
    peaks: "_Peaks",
    min_confidence: float,
) -> Prediction:
    heard = Prediction(
        file, windows=len(windows), seconds=round(peaks.seconds, 3), run=listener.name
    )
    if peaks.silent():
        return replace(heard, label=UNKNOWN, reason=_QUIET, votes={}, probabilities={})
    votes, mean = count_votes(windows)
    winner = int(vote_winners(votes[None], mean[None])[0])
    confidence = float(mean[winner])
    doubt = _doubt(confidence, min_confidence)
    names = listener.classes
    return replace(
        heard,
        label=UNKNOWN if doubt else names[winner],
        label_mean=names[int(mean_winners(mean[None])[0])],
        confidence=confidence,
        votes={name: int(votes[n]) for n, name in enumerate(names) if votes[n]},
        probabilities={name: float(mean[n]) for n, name in enumerate(names)},
        reason=doubt,
    )


def _sections(
    names: tuple[str, ...],
    windows: "NDArray[np.float64]",
    times: "NDArray[np.float64]",
    peaks: "_Peaks",
    min_confidence: float,
) -> list[Section]:
    sections = []
    for row, (start, end) in zip(windows, times.tolist(), strict=True):
        winner = int(row.argmax())
        confidence = float(row[winner])
        label, reason = names[winner], _doubt(confidence, min_confidence)
        if silent := peaks.silent(start, end):
            reason = _QUIET
        section = Section(
            round(start, 3),
            round(end, 3),
            UNKNOWN if reason else label,
            None if silent else confidence,
            reason,
        )
        sections.append(section)
    return sections


_QUIET = f"silence: no sample above {_SILENCE} dB of full scale"


def _doubt(confidence: float, least: float) -> str | None:
    return f"unsure: {confidence:.3f} is below {least:g}" if confidence < least else None


class _Peaks:
    """The loudest sample of every tenth of a second."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._cell = max(1, round(_CELL * rate))
        self._samples = 0
        self._loudest: list[float] = []

    @property
    def seconds(self) -> float:
        """How much has been heard."""
        return self._samples / self._rate

    def watch(self, blocks: "Iterator[NDArray[np.float32]]") -> "Iterator[NDArray[np.float32]]":
        """Hand blocks through, and look at them."""
        for block in blocks:
            into = self._samples % self._cell
            starts = np.maximum(np.arange(-into, block.size, self._cell), 0)
            found = np.maximum.reduceat(np.abs(block), starts).tolist()
            if into:  # the last cell of the block before goes on
                found[0] = max(found[0], self._loudest.pop())
            self._loudest += found
            self._samples += block.size
            yield block

    def silent(self, start: float = 0.0, end: float = float("inf")) -> bool:
        """Whether nothing from `start` to `end` seconds is to be heard."""
        last = len(self._loudest) if end == float("inf") else -(-end * self._rate // self._cell)
        part = self._loudest[int(start * self._rate // self._cell) : int(last)]
        return max(part, default=0.0) < 10 ** (_SILENCE / 20)


@contextmanager
def _on_disk(file: str) -> Iterator[Path]:
    """Yield the file's path; for standard input that of a copy, since decoders look back."""
    if file != STDIN:
        yield Path(file)
        return
    with tempfile.TemporaryDirectory(prefix="zoo-") as folder:
        path = Path(folder) / "standard input"
        with path.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        try:
            yield path
        except AudioError as error:
            raise AudioError(str(error).replace(str(path), "standard input")) from error
