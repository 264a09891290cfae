"""Prediction: from a trained model and audio files to labels.

This needs numpy, soundfile, soxr and onnxruntime (PyAV for formats that libsndfile does not
read), and no framework; only a model without an ONNX form needs its plugin.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.audio.decode import open_stream, waveform
from zoo.audio.files import audio_files, on_disk
from zoo.audio.loudness import SILENCE, Peaks
from zoo.evaluate.vote import count_votes, vote_winner
from zoo.execution.progress import Reporter
from zoo.inference.predictors import Listener, OnnxListener, open_model
from zoo_registry.errors import ArtefactError, AudioError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["UNKNOWN", "Prediction", "Section", "predict"]

UNKNOWN = "unknown"


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
    model: str | Listener,
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
    model : str or Listener
        A run's folder or id, a model's name, which means its newest complete run, or an
        ONNX file, or a folder with one, from elsewhere; or what `open_model` made of these.
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
    threads = None if workers == 1 else 1
    listener = open_model(model, threads) if isinstance(model, str) else model
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


def _answer(
    listener: Listener,
    file: str,
    *,
    timeline: bool,
    min_confidence: float,
    reporter: Reporter | None = None,
) -> Prediction:
    """Decode one file while the model listens to it, and count the votes."""
    peaks = Peaks(listener.rate)
    try:
        with on_disk(file) as path:
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
        if isinstance(listener, OnnxListener):
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
    peaks: "Peaks",
    min_confidence: float,
) -> Prediction:
    heard = Prediction(
        file, windows=len(windows), seconds=round(peaks.seconds, 3), run=listener.name
    )
    if peaks.silent():
        return replace(heard, label=UNKNOWN, reason=_QUIET, votes={}, probabilities={})
    votes, mean = count_votes(windows)
    winner = vote_winner(votes, mean)
    confidence = float(mean[winner])
    doubt = _doubt(confidence, min_confidence)
    names = listener.classes
    return replace(
        heard,
        label=UNKNOWN if doubt else names[winner],
        label_mean=names[int(mean.argmax())],
        confidence=confidence,
        votes={name: int(votes[n]) for n, name in enumerate(names) if votes[n]},
        probabilities={name: float(mean[n]) for n, name in enumerate(names)},
        reason=doubt,
    )


def _sections(
    names: tuple[str, ...],
    windows: "NDArray[np.float64]",
    times: "NDArray[np.float64]",
    peaks: "Peaks",
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


_QUIET = f"silence: no sample above {SILENCE} dB of full scale"


def _doubt(confidence: float, least: float) -> str | None:
    return f"unsure: {confidence:.3f} is below {least:g}" if confidence < least else None
