"""Prediction of the labels of audio files with a trained model.

This needs numpy, soundfile, soxr and onnxruntime, PyAV for compressed sound other than
FLAC, and no framework. Only a model without an ONNX form needs its plugin.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.artefact import Artefact, Windows
from zoo.artefacts.isolated import end_all
from zoo.audio.decode import open_stream, waveform
from zoo.audio.files import on_disk
from zoo.audio.loudness import SILENCE
from zoo.audio.properties import Meter
from zoo.evaluate.vote import count_votes, vote_winner
from zoo.execution.progress import Reporter
from zoo.execution.threads import map_in_threads
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

__all__ = ["Answers", "predict"]

_Model: TypeAlias = str | Path | Run | Predictor

_SILENCE = f"silence: almost nothing is above {SILENCE} dB of full scale"


class Answers(Generator[Prediction, None, None]):
    """Predictions, each computed when it is read: an iterator that says so where it is printed.

    Parameters
    ----------
    predictions : generator of Prediction
        The predictions.
    about : str
        Number of files, and names of the models.
    """

    def __init__(self, predictions: Generator[Prediction, None, None], about: str) -> None:
        self._predictions = predictions
        self._about = about

    def __repr__(self) -> str:
        """Return what it is, and how its predictions are read."""
        return f"<predictions of {self._about}; read them with a loop, once, or with list(...)>"

    def send(self, value: None, /) -> Prediction:
        """Return the next prediction."""
        return self._predictions.send(value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        error: BaseException | object = None,
        trace: TracebackType | None = None,
        /,
    ) -> Prediction:
        """Raise an error where the work is; `close` does this to end it."""
        raised = kind if isinstance(kind, BaseException) else error
        if not isinstance(raised, BaseException):
            assert isinstance(kind, type)
            raised = kind()
        return self._predictions.throw(raised.with_traceback(trace) if trace else raised)


def predict(
    model: _Model | Sequence[_Model] | None = None,
    paths: str | Path | Iterable[str | Path] | None = None,
    *,
    timeline: bool = False,
    min_confidence: float | str = 0.0,
    precision: float | None = None,
    jobs: int | None = None,
    in_order: bool = True,
    reporter: Reporter | None = None,
) -> Answers:
    """Classify audio files.

    Parameters
    ----------
    model : str, Path, Run or Predictor, or sequence of them, optional
        Name of a published run; id or folder of a run; name of a model, which means its newest
        complete run, or file of one, as it was when it was trained, each with ``@`` and the name of
        a dataset if runs on that are meant; an ONNX file or a folder with one; a run, such as the
        result of `zoo.train`; or the result of `open_model`. Models on one front end compute it
        once. By default it is the newest run of the workspace that takes audio, or else the best
        published one.
    paths : str, Path or iterable of them
        Files; folders, which are searched for audio files; patterns such as
        ``music/**/*.mp3``; and "-" for standard input. If they are left out, `model` names them.
    timeline : bool
        Whether predictions contain their windows.
    min_confidence : float or "auto"
        Mean probability below which the label is "unknown"; "auto" is a precision of 0.9.
    precision : float, optional
        Share of right answers, in place of a confidence: an answer needs the least confidence at
        or above which out-of-fold answers of the run were right that often.
    jobs : int, optional
        Number of files at a time; number of cores by default.
    in_order : bool
        Whether predictions are returned in the order of the files, or as soon as each is ready.
    reporter : Reporter, optional
        Receives the progress, a note on what is passed over in folders, and one on the confidence
        that a precision needs.

    Returns
    -------
    Answers
        Generator of one `Prediction` per file and model, each computed during the iteration. An
        unreadable file has an `error`. Closing the generator ends the work.

    Raises
    ------
    UsageError
        If the run or a path does not exist, the run is not complete, or no confidence reaches the
        precision.
    ArtefactError
        If the ONNX file was changed, or cannot be run.
    LimitError
        If it came from elsewhere, and opening it takes too long or too much memory.
    PluginError
        If the model has no ONNX form and its plugin is missing, or is a file that the user has
        not named: no code is loaded because a record names it.

    Examples
    --------
    >>> import zoo
    >>> from zoo.datasets import open_dataset
    >>> demo = open_dataset("demo")
    >>> run = zoo.train("logistic", demo)
    >>> (prediction,) = zoo.predict(run.id, demo.tracks[0].path)
    >>> prediction.label, prediction.votes
    ('ambient', {'ambient': 1})

    Without a model, the newest run is asked.

    >>> (same,) = zoo.predict(demo.tracks[0].path)
    >>> same.run == run.id
    True
    """
    reporter = reporter or Reporter()
    if paths is None:
        model, paths = None, cast("str | Path | Iterable[str | Path] | None", model)
    if paths is None or isinstance(paths, Run):
        raise UsageError('name a recording: `zoo.predict("song.mp3")`')
    files = recordings(paths, reporter.note)
    workers = min(jobs or os.cpu_count() or 1, len(files))
    if model is None:
        model = default_model()
    models = model if isinstance(model, Sequence) and not isinstance(model, str) else [model]
    predictors = open_models(models, None if workers == 1 else 1)
    for predictor in predictors:
        if timeline and not predictor.has_times:
            lack = f"{predictor.name} does not say how its windows lie: it has no timeline"
            raise UsageError(lack)
    leasts = [
        least_confidence(each, min_confidence, precision, reporter.note) for each in predictors
    ]
    calls = [
        partial(_classify, each, timeline, least)
        for each, least in zip(predictors, leasts, strict=True)
    ]
    about = f"{len(files)} file{'s' * (len(files) != 1)} by {', '.join(p.name for p in predictors)}"
    return Answers(_predictions(files, calls, workers, in_order, reporter), about)


def _predictions(
    files: list[str],
    calls: Sequence[Callable[..., Prediction]],
    workers: int,
    in_order: bool,
    reporter: Reporter,
) -> Generator[Prediction, None, None]:
    if len(files) == 1:
        for call in calls:
            yield call(files[0], reporter=reporter)
        return

    def classify(file: str, is_wanted: Callable[[], bool]) -> list[Prediction]:
        return [call(file, is_wanted) for call in calls]

    # Threads share the models; decoding, resampling and onnxruntime release Python's lock.
    predictions = map_in_threads(classify, files, workers, in_order)
    try:
        with reporter.bar(f"{len(files)} files", len(files)) as bar, closing(predictions):
            for done, of_file in enumerate(predictions, start=1):
                bar.update(done)
                yield from of_file
    except BaseException:
        end_all()  # threads may wait for files from elsewhere
        raise


def _classify(
    predictor: Predictor,
    timeline: bool,
    least: float,
    file: str,
    is_wanted: Callable[[], bool] = lambda: True,
    reporter: Reporter | None = None,
) -> Prediction:
    """Classify the windows of one file while it is decoded, and count the votes."""
    try:
        with on_disk(file) as path:
            stream = open_stream(path)
            length = max(stream.seconds, 1.0)
            meter = Meter(stream.rate)
            pieces: list[Windows] = []
            with (reporter or Reporter()).bar(Path(file).name, length) as bar:
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
        needed = f"the model needs {predictor.shortest / predictor.rate:.3f} s"
        reason = f"too short: {meter.seconds:.3f} s, {needed}"
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
        return _unknown(found, _SILENCE)
    count, sounding = unlike.sum(), (~silent).sum()
    if 2 * count > sounding:
        reason = f"{UNLIKE}: {count} of {sounding} window{'s' if sounding > 1 else ''}"
        return _vote(found, predictor, windows.probabilities[~silent], least, reason)
    return _vote(found, predictor, windows.probabilities[~silent & ~unlike], least)


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
        reason: str | None = _SILENCE
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
