"""Prediction of the labels of audio files with a trained model.

This needs numpy, soundfile, soxr and onnxruntime, PyAV for compressed sound other than
FLAC, and no framework. Only a model without an ONNX form needs its plugin.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.artefact import Artefact, Windows
from zoo.artefacts.isolated import end_all
from zoo.audio.decode import open_samples, open_stream, waveform
from zoo.audio.files import on_disk
from zoo.audio.loudness import SILENT, too_short
from zoo.audio.properties import Meter
from zoo.audio.samples import Samples
from zoo.audio.streams import Stream
from zoo.evaluate.vote import count_votes, vote_winner
from zoo.execution.progress import Bar, Reporter
from zoo.execution.threads import map_in_threads
from zoo.inference.answers import Answers
from zoo.inference.arguments import recordings
from zoo.inference.confidence import least_confidence
from zoo.inference.prediction import (
    NONE_OF_THEM,
    UNKNOWN,
    UNLIKE,
    Prediction,
    Section,
    doubt,
    narrow,
)
from zoo.inference.predictors import Predictor, default_model, open_models, while_wanted
from zoo_registry.errors import ArtefactError, AudioError, LimitError, UsageError
from zoo_registry.predictions import OTHER, real_columns
from zoo_registry.runs import Run
from zoo_registry.text import first_line

__all__ = ["predict"]

_Model: TypeAlias = str | Path | Run | Predictor


def predict(
    model: _Model | Sequence[_Model] | None,
    paths: str | Path | Samples | Iterable[str | Path | Samples],
    *,
    timeline: bool = False,
    min_confidence: float | str = 0.0,
    precision: float | None = None,
    jobs: int | None = None,
    in_order: bool = True,
    reporter: Reporter | None = None,
    is_wanted: Callable[[], bool] = lambda: True,
) -> Answers:
    """Classify recordings: what `zoo.predict` does, with arrays as `Samples`.

    Parameters
    ----------
    model : str, Path, Run or Predictor, sequence of them, or None
        As for `zoo.predict`, or the result of `open_model`; None for the default.
    paths : str, Path, Samples or iterable of them
        The recordings.
    timeline, min_confidence, precision, jobs, in_order : bool, float or "auto", float, int, bool
        As for `zoo.predict`; so are the errors.
    reporter : Reporter, optional
        Receives the progress, a note on what is skipped in folders, and one on the confidence
        that a precision needs.
    is_wanted : callable, optional
        Asked for each block of sound; if it is not wanted any more, the prediction has an error.

    Returns
    -------
    Answers
        One `Prediction` per recording and model. Closing it ends the work.
    """
    reporter = reporter or Reporter()
    files = _listed(paths, reporter.note)
    workers = min(jobs or os.cpu_count() or 1, len(files))
    if model is None:
        model = default_model()
    models = model if isinstance(model, Sequence) and not isinstance(model, str) else [model]
    predictors = open_models(models, None if workers == 1 else 1)
    for predictor in predictors:
        if timeline and not predictor.has_times:
            lack = f"{predictor.name} does not give the times of its windows: it has no timeline"
            raise UsageError(lack)
    leasts = [
        least_confidence(each, min_confidence, precision, reporter.note) for each in predictors
    ]
    calls = [
        partial(_classify, each, timeline, least)
        for each, least in zip(predictors, leasts, strict=True)
    ]
    plural = "s" * (len(files) != 1)
    about = f"{len(files)} recording{plural} by {', '.join(p.name for p in predictors)}"
    predictions = _predictions(files, calls, workers, in_order, reporter, is_wanted)
    return Answers(predictions, len(files) * len(calls), about)


def _listed(
    paths: str | Path | Samples | Iterable[str | Path | Samples], note: Callable[[str], None]
) -> list[str | Samples]:
    """Return the files and the samples, in the order given."""
    given = [paths] if isinstance(paths, str | Path | Samples) else list(paths)
    files = [each for each in given if not isinstance(each, Samples)]
    if len(files) == len(given):
        return [*recordings(files, note)]
    found: list[str | Samples] = []
    for each in given:
        found += [each] if isinstance(each, Samples) else recordings(each, note)
    return list(dict.fromkeys(found))


def _predictions(
    files: Sequence[str | Samples],
    calls: Sequence[Callable[..., Prediction]],
    workers: int,
    in_order: bool,
    reporter: Reporter,
    is_wanted: Callable[[], bool],
) -> Generator[Prediction, None, None]:
    if len(files) == 1:
        for call in calls:
            yield call(files[0], is_wanted, reporter)
        return

    # Threads share the models; decoding, resampling and onnxruntime release Python's lock.
    try:
        with reporter.bar(f"predicting {len(files)} files", len(files)) as bar:
            parts = _Parts(bar, len(calls))

            def classify(file: str | Samples, goes_on: Callable[[], bool]) -> list[Prediction]:
                return [call(file, lambda: goes_on() and is_wanted(), parts) for call in calls]

            with closing(map_in_threads(classify, files, workers, in_order)) as predictions:
                for of_file in predictions:
                    yield from of_file
    except BaseException:
        end_all()  # threads may wait for files from elsewhere
        raise


class _Parts(Reporter):
    """Progress of several files at a time, as parts of one bar, from several threads."""

    def __init__(self, whole: Bar, each: int) -> None:
        self._whole, self._each, self._done, self._lock = whole, each, 0.0, Lock()

    @contextmanager
    def bar(self, title: str, total: float | None = None) -> Iterator[Bar]:
        """Yield the bar of a file, which counts as done at its end, whatever becomes of it."""
        part = _Part(self, total or 1.0)
        try:
            yield part
        finally:
            part.update(part.total)

    def advance(self, share: float) -> None:
        """Add a share of a file, of which each model has an equal part."""
        with self._lock:
            self._done += share / self._each
            self._whole.update(self._done)


class _Part(Bar):
    """Progress of one file."""

    def __init__(self, parts: _Parts, total: float) -> None:
        self._parts, self._done, self.total = parts, 0.0, total

    def update(self, done: float, step: str = "", note: str = "") -> None:
        """Pass on what is done since the last update."""
        self._parts.advance((done - self._done) / self.total)
        self._done = done


def _classify(
    predictor: Predictor,
    timeline: bool,
    least: float,
    given: str | Samples,
    is_wanted: Callable[[], bool],
    reporter: Reporter,
) -> Prediction:
    """Classify the windows of one recording while it is decoded, and count the votes."""
    file = str(given)
    try:
        with _opened(given) as stream:
            length = max(stream.seconds, 1.0)
            meter = Meter(stream.rate)
            pieces: list[Windows] = []
            with reporter.bar(f"predicting {Path(file).name}", length) as bar:
                blocks = while_wanted(is_wanted, waveform(stream, predictor.rate, meter))
                if enough := _with_at_least(predictor.shortest, blocks):
                    for piece in predictor.stream(enough):
                        pieces.append(piece)
                        bar.update(min(meter.seconds, length))
    except (AudioError, ArtefactError, LimitError) as error:
        return Prediction(file, error=str(error), run=predictor.name, dataset=predictor.dataset)
    except Exception as error:  # an error of a plugin; the other files can still be classified
        if isinstance(predictor, Artefact):
            raise
        raised = f"{type(error).__name__}: {first_line(error)}"
        reason = f"{file} made {predictor.name} raise {raised}"
        return Prediction(file, error=reason, run=predictor.name, dataset=predictor.dataset)
    found = Prediction(
        file,
        seconds=round(meter.seconds, 3),
        run=predictor.name,
        dataset=predictor.dataset,
        heard="; ".join(stream.notes.values()) or None,
    )
    if not pieces:
        reason = too_short(meter.seconds, predictor.shortest / predictor.rate, "model")
        section = Section(0.0, round(meter.seconds, 3), UNKNOWN, None, reason)
        return replace(_unknown(found, reason), timeline=[section] if timeline else None)
    found = replace(
        found,
        band=narrow(meter.properties(stream).bandwidth, predictor.bandwidth, predictor.rate),
    )
    windows = Windows(*(np.concatenate(arrays) for arrays in zip(*pieces, strict=True)))
    silent = meter.silent(windows.times)
    unlike = ~silent & (windows.novelty > 1)
    found = replace(found, silent=int(silent.sum()) or None, unlike=int(unlike.sum()) or None)
    if timeline:
        facts = zip(windows.probabilities, windows.times.tolist(), silent, unlike, strict=True)
        sections = [
            _section(predictor.classes[row.argmax()], float(row.max()), span, quiet, new, least)
            for row, span, quiet, new in facts
        ]
        found = replace(found, timeline=sections)
    if silent.all():
        return _unknown(found, SILENT)
    count, sounding = unlike.sum(), (~silent).sum()
    if 2 * count > sounding:
        reason = f"{UNLIKE}: {count} of {sounding} window{'s' if sounding > 1 else ''}"
        return _vote(found, predictor, windows.probabilities[~silent], least, reason)
    return _vote(found, predictor, windows.probabilities[~silent & ~unlike], least)


@contextmanager
def _opened(given: str | Samples) -> Iterator[Stream]:
    if isinstance(given, Samples):
        yield open_samples(given)
    else:
        with on_disk(given) as path:
            yield open_stream(path)


def _with_at_least(
    shortest: int, blocks: Iterator[NDArray[np.float32]]
) -> Iterator[NDArray[np.float32]] | None:
    """Return the blocks of a waveform, or None if it has fewer samples."""
    waiting: list[NDArray[np.float32]] = []
    while sum(block.size for block in waiting) < shortest:
        block = next(blocks, None)
        if block is None:
            return None
        waiting.append(block)
    return chain(waiting, blocks)


def _unknown(blank: Prediction, reason: str) -> Prediction:
    return replace(blank, label=UNKNOWN, reason=reason, votes={}, probabilities={})


def _vote(
    blank: Prediction,
    predictor: Predictor,
    windows: NDArray[np.float64],
    least: float,
    reason: str | None = None,
) -> Prediction:
    """Count the votes; the label is withheld for a reason, or for less than a confidence."""
    votes, mean = count_votes(windows)
    names = predictor.classes
    deciding = np.zeros_like(votes) if predictor.by_mean else votes
    winner = vote_winner(deciding, mean)
    confidence = float(mean[winner])
    reason = NONE_OF_THEM if names[winner] == OTHER else reason or doubt(confidence, least)
    real = real_columns(names)
    best = names[real[vote_winner(deciding[real], mean[real])]]
    likely = names[int(mean.argmax())]
    return replace(
        blank,
        windows=len(windows),
        label=UNKNOWN if reason else best,
        label_mean=UNKNOWN if likely == OTHER else likely,
        confidence=confidence,
        votes={name: count for name, count in zip(names, votes.tolist(), strict=True) if count},
        probabilities=dict(zip(names, mean.tolist(), strict=True)),
        reason=reason,
        guess=best if reason else None,
    )


def _section(
    label: str,
    confidence: float,
    times: Sequence[float],
    silent: bool,
    unlike: bool,
    least: float,
) -> Section:
    if silent:
        reason: str | None = SILENT
    elif label == OTHER:
        reason = NONE_OF_THEM
    else:
        reason = UNLIKE if unlike else doubt(confidence, least)
    start, end = times
    return Section(
        round(start, 3),
        round(end, 3),
        UNKNOWN if reason else label,
        None if silent else confidence,
        reason,
    )
