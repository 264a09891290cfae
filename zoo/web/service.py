"""The work behind the page and the JSON endpoint: songs are checked, and models applied to them."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar

import anyio.from_thread
import anyio.to_thread
import numpy as np

from zoo.artefacts.isolated import end_all
from zoo.audio.decode import open_stream, waveform
from zoo.audio.loudness import Peaks
from zoo.execution.progress import Bar, Reporter
from zoo.inference.predict import predict
from zoo.inference.prediction import Prediction
from zoo.inference.predictors import while_wanted
from zoo.web.ending import Ending
from zoo.web.metrics import Metrics
from zoo.web.recordings import Song
from zoo.web.refusals import Refused
from zoo.web.served_models import ServedModel, ServedModels
from zoo.web.settings import Settings
from zoo.web.uploads import Uploads
from zoo_registry.errors import AudioError, UsageError, ZooError

__all__ = ["Loudness", "Service"]

_LOG = logging.getLogger(__name__)
_AT_ONCE = 2  # predictions; each uses all cores
_DRAIN = 6.0  # seconds until what is computed is interrupted, when the server ends
_DENSEST = 2 * 96_000  # samples of all channels per second that the limit of minutes is meant for
_REMEDY = "cut it, or start the server with a larger `--max-minutes`"

T = TypeVar("T")


@dataclass(frozen=True)
class Loudness:
    """The length of a song, and the loudest sample of every hundredth of a second."""

    seconds: float
    peaks: Sequence[float]

    def share(self, seconds: float) -> float:
        """Return the share of the song that some seconds are."""
        return round(min(1.0, seconds / (self.seconds or 1.0)), 4)

    def outline(self, count: int = 400) -> list[float]:
        """Return the loudest peak of each of `count` equal parts, from 0 to 1."""
        peaks = np.minimum(np.asarray(self.peaks, np.float64), 1.0)
        ends = np.linspace(0, len(peaks), count + 1)
        starts = np.minimum(ends[:-1].astype(int), max(len(peaks) - 1, 0))
        stops = np.maximum(np.ceil(ends[1:]).astype(int), starts + 1)
        loudest = (peaks[a:b].max(initial=0.0) for a, b in zip(starts, stops, strict=True))
        return [round(float(peak), 4) for peak in loudest]


class Service:
    """Decoding and prediction for all clients: a few at once, the others wait for their turn.

    Parameters
    ----------
    models, uploads : ServedModels, Uploads
        The models that can be asked, and the songs of the clients.
    settings : Settings
        The longest song that is decoded, and the confidence that an answer needs.

    Attributes
    ----------
    metrics : Metrics
        Counts of what it does.
    """

    def __init__(self, models: ServedModels, uploads: Uploads, settings: Settings) -> None:
        self.models, self.uploads, self.settings = models, uploads, settings
        self.metrics = Metrics(uploads)
        self._turns = anyio.CapacityLimiter(_AT_ONCE)
        self._lists = anyio.CapacityLimiter(1)
        self._ending = Ending()

    async def stop(self, is_urgent: Callable[[], bool] = lambda: False) -> None:
        """Refuse what has not been received, finish what has been, and interrupt what lasts.

        Parameters
        ----------
        is_urgent : callable, optional
            Asked again and again whether to interrupt everything at once.
        """
        self.uploads.ending.come()
        _LOG.info("the server is stopping; %d requests are being answered", self.uploads.taken)
        end = time.monotonic() + _DRAIN
        while self.uploads.taken and time.monotonic() < end and not is_urgent():
            await asyncio.sleep(0.05)
        self._ending.come()
        end_all()

    async def list_models(self) -> list[ServedModel]:
        """Return the models that are served now; the workspace is read in a thread."""
        return await anyio.to_thread.run_sync(self.models.all, limiter=self._lists)

    async def find_model(self, wanted: str | None) -> ServedModel:
        """Return the model of a name, see `ServedModels.find`."""
        return await anyio.to_thread.run_sync(self.models.find, wanted, limiter=self._lists)

    async def measure(self, song: Song) -> Loudness:
        """Decode a song to its end; refuse it if it is too long (413) or no audio (415)."""
        return await self._in_turn(self._measure, song)

    async def predict(
        self,
        model: ServedModel,
        song: Song,
        timeline: bool | None,
        on_heard: Callable[[float], object] = lambda _: None,
    ) -> tuple[Prediction, float]:
        """Return the prediction for a measured song, and its seconds without opening the model.

        Parameters
        ----------
        model, song : ServedModel, Song
            One of the served models, and an upload.
        timeline : bool or None
            Whether the label over time is wanted; None if it is wanted where the model has it.
        on_heard : callable, optional
            Receives the seconds of sound that are classified, in another thread.

        Raises
        ------
        Refused
            400 if the model has no timeline, 503 if it cannot be run.
        """
        return await self._in_turn(self._predict, model, song, timeline, on_heard)

    async def _in_turn(self, work: Callable[..., T], *given: object) -> T:
        async with self._ending.refusing():
            return await anyio.to_thread.run_sync(work, *given, limiter=self._turns)

    def _measure(self, song: Song) -> Loudness:
        if not song.path.stat().st_size:
            raise Refused(400, f"{_name(song)} is empty (0 bytes); send the recording itself")
        longest = 60 * self.settings.minutes
        dense = ""
        try:
            stream = open_stream(song.path)
            density = stream.rate * stream.channels
            if density > _DENSEST:  # a small file may take long to decode
                longest *= _DENSEST / density
                dense = f" of {stream.channels} channels at {stream.rate} Hz"
            peaks = Peaks(stream.rate)
            blocks = while_wanted(self._is_wanted, waveform(stream, stream.rate, peaks))
            # The length in a header may be missing or wrong.
            too_long = stream.seconds > longest or any(peaks.seconds > longest for _ in blocks)
        except AudioError as error:
            raise Refused(415, _public(error, song)) from error
        if too_long:
            taken = f"the {longest / 60:.3g} minutes{dense} that are taken here"
            raise Refused(413, f"{_name(song)} is longer than {taken}; {_REMEDY}")
        return Loudness(peaks.seconds, peaks.loudest)

    def _predict(
        self,
        model: ServedModel,
        song: Song,
        timeline: bool | None,
        on_heard: Callable[[float], object],
    ) -> tuple[Prediction, float]:
        try:
            opened = self.models.open(model)
        except ZooError as error:
            # The places of this machine concern no client.
            raise Refused(503, str(error).replace(model.source, model.run)) from error
        if timeline and not opened.has_times:
            raise Refused(400, f"{model.run} does not tell the label over time")
        begin = time.perf_counter()
        try:
            (found,) = predict(
                opened,
                [song.path],
                timeline=opened.has_times if timeline is None else timeline,
                min_confidence=self.settings.min_confidence,
                precision=self.settings.precision,
                reporter=_Heard(on_heard),
                is_wanted=self._is_wanted,
            )
        except UsageError as error:
            raise Refused(503, str(error)) from error
        seconds = time.perf_counter() - begin
        if found.error is not None:
            raise Refused(503, _public(found.error, song))
        self.metrics.count_prediction(model.run, seconds, found.seconds or 0.0)
        return replace(found, path=song.name), seconds

    def _is_wanted(self) -> bool:
        """Whether the server goes on; raise if the request of this thread was cancelled."""
        anyio.from_thread.check_cancelled()
        return not self._ending.has_come


class _Heard(Reporter, Bar):
    """Progress of one prediction: it passes on the seconds of sound that are classified."""

    def __init__(self, on_heard: Callable[[float], object]) -> None:
        self._on_heard = on_heard

    @contextmanager
    def bar(self, title: str, total: float | None = None) -> Iterator[Bar]:
        """Yield the only bar."""
        yield self

    def update(self, done: float, step: str = "", note: str = "") -> None:
        """Pass on the seconds."""
        self._on_heard(done)


def _name(song: Song) -> str:
    return "the recording" if song.name == "-" else song.name


def _public(reason: object, song: Song) -> str:
    """Return a reason with the client's name of the song in place of its path."""
    return str(reason).replace(str(song.path), _name(song))
