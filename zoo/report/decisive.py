"""Parts of an excerpt that speak for the class that a track was wrongly taken for.

Only artefacts can be asked, which were fitted to all tracks, these included. So the one is asked
that comes nearest to its error out of fold, and only if it still finds something in it.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.artefact import Artefact
from zoo.audio.decode import DECODING, open_stream, waveform
from zoo.audio.frontends import LogMel
from zoo.audio.onnx_spectra import mel_filters
from zoo.datasets import Track
from zoo.datasets.hashing import heard
from zoo.evaluate.vote import count_votes
from zoo.execution.threads import map_in_threads
from zoo.inference.occlusion import occluded
from zoo.report.excerpts import Excerpt, file_of
from zoo.workspace import remembered
from zoo_registry.errors import ZooError
from zoo_registry.runs import Run

__all__ = ["Decisive", "Mistake", "Part", "decisive"]

_BANDS, _PIECES = 4, 5
_RUNS = 5  # that are asked about a track, the best ones
_SURE = 0.1  # probability; of less, nothing in the excerpt speaks for the class
_SHADE = 0.55  # over a part that does not matter
_LEAST = 0.05  # by which the probability falls without a part that is worth a picture
# Must be raised whenever the same artefact and tracks give other figures than before.
_VERSION = "decisive-1"

Ask = Callable[[Callable[[NDArray[np.float32]], float], NDArray[np.float32], int], Any]


@dataclass(frozen=True)
class Mistake:
    """A track that a run takes for a wrong class, out of fold.

    Attributes
    ----------
    track, digest : Track, str
        The track, and the beginning of its hash.
    excerpt : Excerpt
        Its excerpt.
    label : str
        The wrong class.
    """

    track: Track
    digest: str
    excerpt: Excerpt
    label: str


@dataclass(frozen=True)
class Part:
    """Part of an excerpt.

    Attributes
    ----------
    place, level : float
        Left and upper end, as shares of the excerpt and of the picture.
    start, end : float
        Seconds.
    low, high : float
        Hz.
    probability : float
        Probability of the class without it.
    shade : float
        Opacity of what lies over it, 0 for the part that decides.
    """

    place: float
    level: float
    start: float
    end: float
    low: float
    high: float
    probability: float
    shade: float


@dataclass(frozen=True)
class Decisive:
    """What speaks for a class in an excerpt.

    Attributes
    ----------
    name : str
        Displayed name of the run.
    label : str
        The class, which is wrong.
    probability : float
        Its probability in the excerpt.
    parts : tuple of Part
        All parts.
    """

    name: str
    label: str
    probability: float
    parts: tuple[Part, ...]

    columns, rows, shade = _PIECES, _BANDS, _SHADE

    @property
    def most(self) -> Part:
        """The part that speaks for it most."""
        return min(self.parts, key=lambda part: part.probability)

    @property
    def levels(self) -> list[tuple[float, float]]:
        """Frequency, in Hz, and height in the picture of each edge of a band, from 0 to 1."""
        return [(hertz, 1 - edge / _BANDS) for edge, hertz in enumerate(_edges())]

    @property
    def seconds(self) -> list[tuple[float, float]]:
        """Time in seconds, and place in the picture of each edge of a piece, from 0 to 1."""
        pieces = sorted({(part.start, part.place) for part in self.parts})
        return [*pieces, (self.parts[-1].end, 1.0)]


def decisive(
    runs: Sequence[Run],
    names: Mapping[str, str],
    mistakes: Sequence[Mapping[str, Mistake]],
    progress: Callable[[float], None],
) -> dict[str, Decisive]:
    """Return what speaks for a wrong class in each excerpt, as far as an artefact still finds any.

    Parameters
    ----------
    runs : sequence of Run
        The runs, the best first.
    names : mapping of str to str
        The displayed name of each.
    mistakes : sequence of mapping of str to Mistake
        The tracks that each run takes for a wrong class.
    progress : callable
        Receives the share that is done.
    """
    nearest: dict[str, tuple[float, int]] = {}
    asked: dict[str, int] = {}
    for place, (run, own) in enumerate(zip(runs, mistakes, strict=True)):
        progress(0.3 * place / len(runs))
        wanted = {track: one for track, one in own.items() if asked.get(track, 0) < _RUNS}
        for track, probability in _answers("sure", run, wanted, _whole).items():
            asked[track] = asked.get(track, 0) + 1
            nearest[track] = max(nearest.get(track, (_SURE, 0)), (probability, -place))
    found: dict[str, Decisive] = {}
    for place, (run, own) in enumerate(zip(runs, mistakes, strict=True)):
        progress(0.3 + 0.7 * place / len(runs))
        chosen = {t: own[t] for t, (sure, at) in nearest.items() if sure > _SURE and -at == place}
        for track, (probability, without) in _answers("parts", run, chosen, _parts).items():
            if probability - np.min(without) >= _LEAST:
                found[track] = _drawn(names[run.id], chosen[track], probability, without)
    return found


def _answers(kind: str, run: Run, wanted: Mapping[str, Mistake], ask: Ask) -> dict[str, Any]:
    """Return what the artefact of a run answers about each track; the result is cached."""
    if not (wanted and run.has_artefact):
        return {}
    asked = [[one.digest, one.excerpt.start, one.excerpt.end, one.label] for one in wanted.values()]
    try:
        compute = partial(_compute, run, list(wanted.values()), ask)
        key = [kind, DECODING, run.record.artefact.sha256, asked]
        found = remembered(_VERSION, key, compute)
    except (ZooError, KeyError):  # the strips give the reason
        return {}
    return {track: one for track, one in zip(wanted, found, strict=True) if one is not None}


def _compute(run: Run, wanted: list[Mistake], ask: Ask) -> list[Any]:
    """Ask the artefact of a run about each excerpt; None for one that it cannot take."""
    model = Artefact(run.artefact_path, run.record.artefact.sha256, 1, home=run.folder)

    def answer(one: Mistake, is_wanted: Callable[[], bool]) -> Any:
        """Ask about one excerpt."""
        samples = _samples(one, model.rate)
        if one.label not in model.classes or samples.size < max(model.shortest, 2):
            return None
        number = model.classes.index(one.label)

        def probability(audio: NDArray[np.float32]) -> float:
            """Return the mean probability of the class over the windows."""
            return float(count_votes(model.run(audio).probabilities)[1][number])

        return ask(probability, samples, model.rate)

    return list(map_in_threads(answer, wanted, os.cpu_count() or 1, in_order=True))


def _whole(
    probability: Callable[[NDArray[np.float32]], float], samples: NDArray[np.float32], rate: int
) -> float:
    return round(probability(samples), 3)


def _parts(
    probability: Callable[[NDArray[np.float32]], float], samples: NDArray[np.float32], rate: int
) -> tuple[float, list[list[float]]]:
    without = occluded(probability, samples, rate, _edges(), _PIECES)
    return round(probability(samples), 3), np.round(without, 3).tolist()


def _samples(mistake: Mistake, rate: int) -> NDArray[np.float32]:
    """Return the waveform of an excerpt."""
    track, excerpt = mistake.track, mistake.excerpt
    first, last = round(excerpt.start * rate), round(excerpt.end * rate)
    blocks, size = [], 0
    with heard(track, file_of(track)) as path:
        for block in waveform(open_stream(path), rate):
            blocks.append(block)
            size += block.size
            if size >= last:
                break
    return np.concatenate(blocks)[first:last]


def _edges() -> list[float]:
    """Return the edges of bands that are equally high in the picture, in Hz."""
    shown = LogMel()
    step = shown.sample_rate / shown.n_fft
    centres = mel_filters(shown.sample_rate, shown.n_fft, shown.n_mels, step).argmax(axis=1) * step
    inner = [float(centres[number * shown.n_mels // _BANDS]) for number in range(1, _BANDS)]
    return [0.0, *inner, shown.sample_rate / 2]


def _drawn(name: str, mistake: Mistake, probability: float, without: list[list[float]]) -> Decisive:
    excerpt = mistake.excerpt
    most = probability - np.min(without)
    length = (excerpt.end - excerpt.start) / _PIECES
    parts = [
        Part(
            place=piece / _PIECES,
            level=1 - (band + 1) / _BANDS,
            start=excerpt.start + piece * length,
            end=excerpt.start + (piece + 1) * length,
            low=low,
            high=high,
            probability=less,
            shade=_SHADE * float(1 - np.clip((probability - less) / most, 0, 1)),
        )
        for band, (low, high) in enumerate(pairwise(_edges()))
        for piece, less in enumerate(without[band])
    ]
    return Decisive(name, mistake.label, probability, tuple(parts))
