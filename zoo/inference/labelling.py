"""Proposals of recordings to label next: a model is asked about all, the most useful are chosen."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.artefact import Windows
from zoo.artefacts.isolated import end_all
from zoo.audio.decode import LONGEST, open_stream, waveform
from zoo.audio.fingerprint import RATE, landmarks, near_duplicates
from zoo.audio.kinds import is_audio
from zoo.datasets.checks.guessed_groups import guess_groups
from zoo.execution.progress import Reporter
from zoo.execution.threads import map_in_threads
from zoo.inference.label_sheet import LabelSheet
from zoo.inference.predict import predict
from zoo.inference.prediction import UNLIKE, Prediction
from zoo.inference.predictors import Predictor, while_wanted
from zoo.inference.usefulness import margins, most_useful, represented
from zoo_registry.errors import AudioError, UsageError
from zoo_registry.predictions import OTHER
from zoo_registry.text import encodable

__all__ = ["Proposal", "propose"]

_CLOSE = 0.2  # margin below which the two most probable classes are named


@dataclass(frozen=True)
class Proposal:
    """A recording whose label would help.

    Attributes
    ----------
    path : str
        Absolute path.
    group : str
        Artist, album or longer recording, by tags, folders and names: a guess. It may be empty.
    guess : str
        The most probable class.
    confidence, margin : float
        Its probability, and the difference from that of the second most probable class.
    reason : str
        Why it was chosen.
    """

    path: str
    group: str
    guess: str
    confidence: float
    margin: float
    reason: str

    def to_row(self) -> dict[str, str]:
        """Return the row of the table, without a label."""
        return {
            "path": self.path,
            "label": "",
            "group": self.group,
            "guess": self.guess,
            "confidence": f"{self.confidence:.3f}",
            "reason": self.reason,
        }


@dataclass(frozen=True)
class _Heard:
    """A recording that the model has heard."""

    path: str
    prediction: Prediction
    embedding: NDArray[np.float64]


def propose(
    model: Predictor,
    files: Sequence[str],
    sheet: LabelSheet,
    count: int,
    jobs: int | None = None,
    reporter: Reporter | None = None,
    failed: Callable[[str], None] = lambda _: None,
) -> list[Proposal]:
    """Return the recordings whose labels would help a model most, the most useful first.

    There are fewer than wanted if the table has all others already.

    Parameters
    ----------
    model : Predictor
        Trained model; an `Artefact` that was opened for embeddings spreads the proposals over
        kinds of sound, any other over its probabilities.
    files : sequence of str
        Audio files.
    sheet : LabelSheet
        Recordings that have a label, or wait for one. They are not proposed again.
    count : int
        Number of proposals.
    jobs : int, optional
        Files at a time; number of cores by default.
    reporter : Reporter, optional
        Receives the progress, and notes on what was guessed and what was left out.
    failed : callable, optional
        Receives a sentence about each file that cannot be read.

    Raises
    ------
    UsageError
        If there is no recording that the model can judge.
    """
    reporter = reporter or Reporter()
    paths = _nameable(files, reporter)
    heard, quiet = [], 0
    for item in _hear(model, paths, jobs, reporter):
        if item.prediction.error is not None:
            failed(item.prediction.error)
        elif not item.prediction.probabilities:
            quiet += 1
        else:
            heard.append(item)
    if quiet:
        reporter.note(f"{quiet} of {len(paths)} recordings are silent or too short to be judged")
    if not heard:
        raise UsageError(f"{model.name} can judge none of these recordings; give others")
    listed = {sheet.file(row): row for row in sheet.rows}
    if all(item.path in listed for item in heard):
        return []
    return _chosen(heard, listed, count, jobs, reporter)


def _nameable(files: Sequence[str], reporter: Reporter) -> list[str]:
    """Return the absolute paths that a table of labels can hold: of audio files, in UTF-8."""
    paths = list(dict.fromkeys(map(os.path.abspath, files)))  # a link stays one
    names = [path for path in paths if is_audio(path) and encodable(path) == path]
    if len(names) < len(paths):
        reporter.warn(
            f"{len(paths) - len(names)} files are skipped, because no table of labels can name "
            "them: their names are not in UTF-8, or have no suffix of audio files"
        )
    return names


def _hear(
    model: Predictor, paths: Sequence[str], jobs: int | None, reporter: Reporter
) -> Iterator[_Heard]:
    """Yield what a model says of each file, in their order."""

    def hear(path: str, is_wanted: Callable[[], bool]) -> _Heard:
        listener = _Listener(model, is_wanted)
        (prediction,) = predict(listener, path)
        return _Heard(path, prediction, listener.embedding(prediction))

    workers = min(jobs or os.cpu_count() or 1, len(paths))
    found = map_in_threads(hear, paths, workers, in_order=True)
    try:
        with reporter.bar(f"predicting {len(paths)} recordings", len(paths)) as bar, closing(found):
            for done, item in enumerate(found, start=1):
                bar.update(done)
                yield item
    except BaseException:
        end_all()  # threads may wait for a file from elsewhere
        raise


class _Listener:
    """A model that keeps the embedding of the one recording that it is asked about."""

    def __init__(self, model: Predictor, is_wanted: Callable[[], bool]) -> None:
        self.name, self.classes, self.rate = model.name, model.classes, model.rate
        self.shortest, self.has_times = model.shortest, model.has_times
        self.thresholds, self.bandwidth = model.thresholds, model.bandwidth
        self.dataset, self.by_mean = model.dataset, model.by_mean
        self._model, self._is_wanted = model, is_wanted
        self._rows: list[NDArray[np.float64]] = []
        self._sizes: list[int] = []

    def stream(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[Windows]:
        """Yield the windows of the recording."""
        for windows in self._model.stream(while_wanted(self._is_wanted, blocks)):
            self._rows.extend(windows.embedding)
            self._sizes.extend([len(windows.probabilities)] * len(windows.embedding))
            yield windows

    def embedding(self, prediction: Prediction) -> NDArray[np.float64]:
        """Return the mean row of the front end, or else the roots of the probabilities."""
        if self._rows:
            average: NDArray[np.float64] = np.average(self._rows, axis=0, weights=self._sizes)
            return average
        # Their distance is that of Hellinger.
        return np.sqrt(list((prediction.probabilities or {}).values()))


def _chosen(
    heard: Sequence[_Heard],
    listed: dict[str, dict[str, str]],
    count: int,
    jobs: int | None,
    reporter: Reporter,
) -> list[Proposal]:
    answers = [item.prediction.probabilities or {} for item in heard]
    margin = margins(np.array([list(answer.values()) for answer in answers]))
    unlike = np.array([(item.prediction.reason or "").startswith(UNLIKE) for item in heard])
    embeddings = np.stack([item.embedding for item in heard])
    groups = _groups(heard, listed)
    rows = [listed.get(item.path) for item in heard]
    labelled = np.array([bool(row and row["label"].strip()) for row in rows])
    waiting = np.array([bool(row and not row["label"].strip()) for row in rows])
    order = most_useful(np.where(unlike, 1.0, 1 - margin), embeddings, groups, labelled, waiting)
    known = [item.path for item, row in zip(heard, rows, strict=True) if row]
    chosen, copies = _without_copies(order, [item.path for item in heard], known, count, jobs)
    if copies:
        reporter.note(f"{copies} near copies of recordings that are listed or chosen are left out")
    if guessed := len({groups[index] for index in chosen} - {None}):
        reporter.note(
            f"{guessed} groups are guesses, by tags, folders and names; correct them in the column "
            "group, or empty it"
        )
    proposals = []
    for index, alike in zip(chosen, represented(embeddings, chosen, labelled), strict=True):
        answer = answers[index]
        ranked = sorted(answer.items(), key=lambda pair: -pair[1])
        guess = next(name for name, _ in ranked if name != OTHER)
        proposals.append(
            Proposal(
                heard[index].path,
                groups[index] or "",
                guess,
                answer[guess],
                float(margin[index]),
                _reason(ranked, bool(unlike[index]), alike),
            )
        )
    return proposals


def _reason(ranked: Sequence[tuple[str, float]], unlike: bool, others: int) -> str:
    """Return why a recording was chosen."""
    (first, most), (second, less) = ranked[:2]
    reasons = []
    if unlike:
        reasons.append(UNLIKE)
    if most - less < _CLOSE:
        reasons.append(f"between {first} ({most:.2f}) and {second} ({less:.2f})")
    if others:
        reasons.append(f"stands for {others} other{'s' * (others != 1)} like it")
    return "; ".join(reasons) or "different from the other proposals"


def _groups(heard: Sequence[_Heard], listed: dict[str, dict[str, str]]) -> list[str | None]:
    """Return the groups that the table has, and guesses for all other recordings."""
    paths = [item.path for item in heard]
    around = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120
    names = {path: Path(os.path.relpath(path, around)).as_posix() for path in paths}
    guesses = guess_groups({names[path]: Path(path) for path in paths})
    return [
        (listed[path]["group"].strip() if path in listed else guesses.get(names[path])) or None
        for path in paths
    ]


def _without_copies(
    order: Iterator[int], paths: Sequence[str], known: Sequence[str], count: int, jobs: int | None
) -> tuple[list[int], int]:
    """Return the first recordings of an order that are no copies of known ones or of each other.

    The number of copies that were left out is the second result.
    """
    workers = jobs or os.cpu_count() or 1
    prints = list(map_in_threads(_landmarks, known, workers, in_order=True))
    chosen: list[int] = []
    copies = 0
    while more := list(islice(order, count - len(chosen))):
        new = map_in_threads(_landmarks, [paths[index] for index in more], workers, in_order=True)
        size, prints = len(prints), [*prints, *new]
        kept = set(range(size))
        alike = {(match.first, match.second) for match in near_duplicates(prints)}
        for place, index in enumerate(more, start=size):
            if any((earlier, place) in alike for earlier in kept):
                copies += 1
            else:
                kept.add(place)
                chosen.append(index)
        prints = [prints[place] for place in sorted(kept)]
    return chosen, copies


def _landmarks(path: str, is_wanted: Callable[[], bool]) -> NDArray[np.int32]:
    """Return the landmarks of the first hour of a recording; none if it has gone meanwhile."""
    held = [np.zeros(0, np.float32)]
    with suppress(AudioError):
        for block in while_wanted(is_wanted, waveform(open_stream(Path(path)), RATE)):
            held.append(block)
            if sum(map(len, held)) > LONGEST * RATE:
                break
    return landmarks(np.concatenate(held), RATE)
