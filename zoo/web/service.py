"""What the page and the JSON endpoint share: songs are measured, and models asked in turn."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import anyio.to_thread

from zoo.audio.decode import open_stream, waveform
from zoo.audio.loudness import Peaks
from zoo.inference.predict import predict
from zoo.inference.prediction import Prediction
from zoo.web.errors import Refused
from zoo_registry.errors import AudioError, ZooError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo.artefacts.artefact import Windows
    from zoo.inference.predictors import Predictor
    from zoo.web.served_models import Offer, Shelf
    from zoo.web.uploads import Song, Uploads

__all__ = ["Answer", "Limits", "Service", "Sound"]

_AT_ONCE = 2  # predictions; each uses all cores
_QUEUE = 32

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """How much one request may bring.

    Attributes
    ----------
    megabytes : float
        Of a body; a megabyte has 1,000,000 bytes.
    minutes : float
        Of sound.
    """

    megabytes: float = 200.0
    minutes: float = 30.0

    @property
    def bytes(self) -> int:
        """The same of a body in bytes."""
        return round(self.megabytes * 1_000_000)


@dataclass(frozen=True)
class Sound:
    """A song that can be decoded to its end and is not too long.

    Attributes
    ----------
    seconds : float
    loudest : list of float
        The loudest sample of every tenth of a second.
    """

    seconds: float
    loudest: list[float]


@dataclass(frozen=True)
class Answer:
    """What one model says, and how long it took.

    Attributes
    ----------
    prediction : Prediction
    seconds : float
        For decoding and predicting, the model being open.
    """

    prediction: Prediction
    seconds: float


class Service:
    """Measures songs and asks models, a few at once, the others waiting in a row.

    Parameters
    ----------
    shelf : Shelf
    uploads : Uploads
    limits : Limits
    """

    def __init__(self, shelf: "Shelf", uploads: "Uploads", limits: Limits) -> None:
        self.shelf = shelf
        self.uploads = uploads
        self.limits = limits
        self._turns = anyio.CapacityLimiter(_AT_ONCE)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Interrupt what is being computed."""
        self._stopping.set()

    async def measure(self, song: "Song") -> Sound:
        """Decode a song once, so that every model can rely on it.

        Raises
        ------
        Refused
            413 if it is too long, 415 if it is no audio.
        """
        return await self._in_turn(self._measure, song)

    async def ask(self, offer: "Offer", song: "Song", timeline: bool | None) -> Answer:
        """Return what a model says of a song that has been measured.

        Parameters
        ----------
        offer : Offer
        song : Song
        timeline : bool, optional
            Whether the label over time is wanted; None if it is where the model tells it.

        Raises
        ------
        Refused
            400 if the model has no timeline, 503 if it cannot be run.
        """
        return await self._in_turn(self._ask, offer, song, timeline)

    async def _in_turn(self, work: Callable[..., T], *given: object) -> T:
        if self._turns.statistics().tasks_waiting >= _QUEUE:
            raise Refused(503, f"{_QUEUE} predictions are waiting; try again in a minute")
        return await anyio.to_thread.run_sync(work, *given, limiter=self._turns)

    def _measure(self, song: "Song") -> Sound:
        minutes = self.limits.minutes
        too_long = Refused(
            413, f"{_called(song)} is longer than the {minutes:g} minutes that are taken here"
        )
        try:
            stream = open_stream(song.path)
            if stream.seconds > 60 * minutes:
                raise too_long
            peaks = Peaks(stream.rate)
            # A header may promise nothing, or lie.
            for _ in self._until_stopped(peaks.watch(waveform(stream, stream.rate))):
                if peaks.seconds > 60 * minutes:
                    raise too_long
        except AudioError as error:
            raise Refused(415, _sentence(str(error), song)) from error
        return Sound(peaks.seconds, peaks.loudest)

    def _ask(self, offer: "Offer", song: "Song", timeline: bool | None) -> Answer:
        try:
            listener = self.shelf.listener(offer)
        except ZooError as error:
            raise Refused(503, str(error)) from error
        if timeline is None:
            timeline = listener.has_times
        elif timeline and not listener.has_times:
            raise Refused(400, f"{offer.run} does not tell the label over time")
        begin = time.perf_counter()
        heard = _Interruptible(listener, self._until_stopped)
        (found,) = predict(heard, [song.path], timeline=timeline)
        seconds = time.perf_counter() - begin
        if found.error is not None:
            raise Refused(503, _sentence(found.error, song))
        return Answer(replace(found, path=song.name), seconds)

    def _until_stopped(
        self, blocks: "Iterator[NDArray[np.float32]]"
    ) -> "Iterator[NDArray[np.float32]]":
        for block in blocks:
            if self._stopping.is_set():
                raise AudioError("the server is stopping")
            yield block


class _Interruptible:
    """A model whose listening ends with the server."""

    def __init__(
        self,
        listener: "Predictor",
        guard: "Callable[[Iterator[NDArray[np.float32]]], Iterator[NDArray[np.float32]]]",
    ) -> None:
        self.name, self.classes = listener.name, listener.classes
        self.rate, self.has_times = listener.rate, listener.has_times
        self._listener = listener
        self._guard = guard

    def stream(self, blocks: "Iterator[NDArray[np.float32]]") -> "Iterator[Windows]":
        """Classify as long as the server runs."""
        return self._listener.stream(self._guard(blocks))


def _called(song: "Song") -> str:
    return "the recording" if song.name == "-" else song.name


def _sentence(reason: str, song: "Song") -> str:
    """Return a reason with the name that the song came with, not the one that it has here."""
    return reason.replace(str(song.path), _called(song))
