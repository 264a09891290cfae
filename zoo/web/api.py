"""The JSON endpoint, for the page and for programs."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import anyio
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from zoo.audio.kinds import SUFFIXES
from zoo.web import openapi
from zoo.web.parameters import given
from zoo.web.recordings import Song
from zoo.web.refusals import Refused
from zoo.web.schemas import Failed, Health, Limit, Progress
from zoo.web.served_models import ServedModel
from zoo.web.service import Loudness, Service
from zoo.web.uploads import MOST, Upload
from zoo_registry.text import json_text

__all__ = ["api_routes"]

_PACE = 0.5  # seconds between two lines of progress


def api_routes(service: Service) -> list[Route]:
    """Return the routes of the endpoint, all of which `/openapi.json` describes.

    Parameters
    ----------
    service : Service
        The work behind them.
    """
    ends = _Endpoints(service)
    functions: dict[str, Callable[..., Awaitable[Response]]] = {
        "/api/predict": ends.predict,
        "/api/batch": ends.batch,
        "/api/models": ends.models,
        "/api/limits": ends.limits,
        "/health": ends.health,
        "/metrics": ends.metrics,
        "/openapi.json": ends.document,
        "/docs": ends.page,
    }
    return [_route(operation, functions[operation.path]) for operation in openapi.OPERATIONS]


def _route(operation: openapi.Operation, function: Callable[..., Awaitable[Response]]) -> Route:
    async def answer(request: Request) -> Response:
        found = await function(request, **given(request, operation.parameters))
        found.headers["Cache-Control"] = "no-store"
        return found

    return Route(operation.path, answer, methods=[operation.method])


class _Endpoints:
    """What the addresses answer; each gets the parameters of its operation."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def models(self, _: Request) -> Response:
        """Send the models that are served."""
        found = await self._service.list_models()
        return JSONResponse([model.to_json() for model in found])

    async def limits(self, _: Request) -> Response:
        """Send the limits."""
        own = self._service.settings
        read_only, taken = own.read_only, sorted(SUFFIXES)
        found = Limit(own.megabytes, own.minutes, taken, read_only, version("genre-zoo"))
        return JSONResponse(asdict(found))

    async def health(self, _: Request) -> Response:
        """Send whether the server goes on."""
        is_running = not self._service.uploads.ending.has_come
        count = len(await self._service.list_models())
        state = Health("ok" if is_running else "stopping", count)
        return JSONResponse(asdict(state), 200 if is_running else 503)

    async def metrics(self, _: Request) -> Response:
        """Send the figures for Prometheus."""
        return Response(self._service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    async def document(self, _: Request) -> Response:
        """Send the OpenAPI document."""
        return JSONResponse(openapi.document())

    async def page(self, _: Request) -> Response:
        """Send the OpenAPI document as a page."""
        return Response(openapi.page(), media_type="text/html")

    async def predict(
        self, request: Request, model: str | None, timeline: bool, waveform: bool
    ) -> Response:
        """Send the prediction of one recording."""
        # Before the song is read: if no model can answer, it need not be sent.
        chosen = await self._service.find_model(model)
        with closing(await self._service.uploads.receive(request)) as upload:
            (song,) = upload.songs
            with _while_connected(request), self._service.metrics.recording():
                loudness = await self._service.measure(song)
                found = await self._predicted(chosen, song, loudness, timeline, waveform)
        return Response(_line(found), media_type="application/json")

    async def batch(
        self,
        request: Request,
        model: Sequence[str],
        timeline: bool,
        waveform: bool,
        progress: bool,
    ) -> Response:
        """Send the predictions of several recordings by several models, line by line."""
        if len(model) > MOST:
            raise Refused(400, f"model is given {len(model)} times; {MOST} is the most")
        chosen: dict[str, ServedModel] = {}
        for name in model or (None,):
            found = await self._service.find_model(name)
            if chosen.setdefault(found.run, found) is not found:
                raise Refused(400, f"model means {found.run} more than once; name each model once")
        upload = await self._service.uploads.receive(request, MOST)
        # Of several models some may tell no times; these answer without.
        wanted = None if timeline else False
        pace = _PACE if progress else None
        lines = self._lines([*chosen.values()], upload.songs, wanted, waveform, pace)
        return _Lines(lines, upload)

    async def _lines(
        self,
        chosen: Sequence[ServedModel],
        songs: Sequence[Song],
        timeline: bool | None,
        waveform: bool,
        pace: float | None,
    ) -> AsyncGenerator[str, None]:
        for number, song in enumerate(songs):
            loudness: Loudness | Refused | None = None
            for model in chosen:
                try:
                    with self._service.metrics.recording():
                        loudness = loudness or await self._measured(song)
                        if isinstance(loudness, Refused):
                            raise loudness
                        heard: deque[float] = deque(maxlen=1)  # seconds
                        work = self._predicted(
                            model, song, loudness, timeline, waveform, heard.append
                        )
                        async with _begun(work) as task:
                            while not task.done():
                                await asyncio.wait([task], timeout=pace)
                                if pace and heard:
                                    share = loudness.share(heard.pop())
                                    state = Progress(song.name, model.run, number, share)
                                    yield _line(asdict(state))
                            found = task.result()
                except Refused as error:
                    found = asdict(Failed(song.name, model.run, number, str(error)))
                yield _line({**found, "file": number})

    async def _measured(self, song: Song) -> Loudness | Refused:
        try:
            return await self._service.measure(song)
        except Refused as error:
            return error

    async def _predicted(
        self,
        model: ServedModel,
        song: Song,
        loudness: Loudness,
        timeline: bool | None,
        waveform: bool,
        on_heard: Callable[[float], object] = lambda _: None,
    ) -> dict[str, Any]:
        prediction, seconds = await self._service.predict(model, song, timeline, on_heard)
        found = prediction.to_json()
        if waveform:
            found |= {"seconds_taken": round(seconds, 3), "waveform": loudness.outline()}
        return found


@contextmanager
def _while_connected(request: Request) -> Iterator[None]:
    """Cancel the block as soon as the client of a request hangs up, as `StreamingResponse` does."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    with anyio.CancelScope() as scope:
        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
    if scope.cancelled_caught:
        raise ClientDisconnect


@asynccontextmanager
async def _begun(work: Awaitable[dict[str, Any]]) -> AsyncIterator[asyncio.Task[dict[str, Any]]]:
    """Yield a task that does some work; what is left of it ends with the block."""
    scope = anyio.CancelScope()  # unlike `Task.cancel`, it also reaches a thread of the work

    async def done() -> dict[str, Any]:
        with scope:
            return await work
        raise asyncio.CancelledError

    task = asyncio.create_task(done())
    try:
        yield task
    finally:
        scope.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])


class _Lines(StreamingResponse):
    """Lines of JSON; if the client hangs up, the work ends, and the upload is deleted."""

    def __init__(self, lines: AsyncGenerator[str, None], upload: Upload) -> None:
        super().__init__(lines, media_type="application/x-ndjson")
        self._lines, self._upload = lines, upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the lines."""
        with closing(self._upload):
            async with aclosing(self._lines):
                await super().__call__(scope, receive, send)


def _line(found: dict[str, Any]) -> str:
    return json_text(found) + "\n"
