"""Limits of a request: its origin, address, size and duration, and the length of its audio."""

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zoo.web.names import Names
from zoo_registry.errors import ZooError

__all__ = ["Gate", "Limits", "Refused"]

_SMALL = 1_000_000  # bytes of a body without a song
_WITH_SONG = ("/api/predict", "/gradio_api/upload")
# What the page and programs need. Gradio has much more: it fetches addresses, proxies, converts
# films and edits its own source.
_OPEN = re.compile(
    r"/|/favicon\.ico|/manifest\.json|/theme\.css|/config|/openapi\.json|/(?:assets|static)/.*"
    r"|/api/(?:models|predict)"
    r"|/gradio_api/(?:upload|upload_progress|file=.*|queue/join|queue/data|cancel|reset"
    r"|heartbeat/[^/]+)"
)
# Whenever this many seconds have passed, this many bytes of a body have come, or its end.
_SECONDS, _BYTES = 10.0, 200_000
_WHOLE = 300.0  # seconds until the end of a body
# After the answer the seconds are fewer, and this many bytes are read on.
_LINGER, _WASTE = 2.0, 250_000_000


class Refused(ZooError):
    """A request is refused, with an HTTP status (RFC 9110, section 15) and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Limits:
    """The largest request that is answered: megabytes of its body, and minutes of audio."""

    megabytes: float = 200.0
    minutes: float = 30.0

    @property
    def bytes(self) -> int:
        """Size of the body in bytes; a megabyte has 1,000,000."""
        return round(self.megabytes * 1_000_000)


class Gate:
    """ASGI middleware that refuses a request before its body is stored.

    Parameters
    ----------
    app : ASGI application
        The application behind the gate.
    names : Names
        Names that the server answers to.
    max_bytes : int
        Size of the largest body that holds a song.
    addresses : pattern
        Paths that there are.
    """

    def __init__(
        self,
        app: ASGIApp,
        names: Names,
        max_bytes: int,
        addresses: re.Pattern[str] = _OPEN,
    ) -> None:
        self._app, self._names, self._max_bytes = app, names, max_bytes
        self._addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403, 404, 408 or 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        limit = self._max_bytes if path in _WITH_SONG else _SMALL
        refused: Refused | None = None
        too_large = Refused(
            413, f"the body is larger than the {limit / 1e6:g} MB that are taken here"
        )
        announced = Headers(scope=scope).get("content-length", "")
        if foreign := self._names.refusal(scope):
            refused = Refused(403, foreign)
        elif not self._addresses.fullmatch(path):
            refused = Refused(404, "there is nothing at this address")
        elif announced.isdecimal() and int(announced) > limit:
            refused = too_large
        if refused:
            await _refuse(scope, receive, send, refused)
            return
        body = _Body(receive, too_large, limit, _SECONDS)
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            if body.refused:  # the application reports the interruption, which is ignored
                return
            started = True
            last = message["type"] == "http.response.body" and not message.get("more_body")
            if last and not body.ended:
                await send({**message, "more_body": True})
                await _read_on(receive)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        try:
            await self._app(scope, body.receive, watched)
        except ClientDisconnect:
            return
        except Exception:
            if not body.refused:
                raise
        if body.refused and not started:
            await _refuse(scope, receive, send, body.refused)


class _Body:
    """The body of a request, which is refused as soon as it is too large or too slow."""

    def __init__(self, receive: Receive, too_large: Refused, limit: int, seconds: float) -> None:
        self.refused: Refused | None = None
        self.ended = False
        self._receive, self._too_large, self._limit = receive, too_large, limit
        self._size, self._mark, self._seconds = 0, 0, seconds
        self._time = asyncio.get_running_loop().time
        self._last = self._time() + _WHOLE
        self._due = min(self._time() + seconds, self._last)

    async def receive(self) -> Message:
        """Return the next message, or raise `Refused`."""
        if self.ended:  # only the end of the connection is awaited
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._due):
                message = await self._receive()
        except TimeoutError:
            missed = f"less than {_BYTES / 1000:g} kB in {self._seconds:g} seconds"
            if self._due == self._last:
                missed = f"it has not ended after {_WHOLE / 60:g} minutes"
            self.refused = Refused(408, f"the body comes too slowly, {missed}")
            raise self.refused from None
        self._size += len(message.get("body", b""))
        self.ended = not message.get("more_body", False)
        if self._size > self._limit:
            self.refused = self._too_large
            raise self.refused
        if self._size >= self._mark + _BYTES:
            self._mark = self._size
            self._due = min(self._time() + self._seconds, self._last)
        return message


async def _refuse(scope: Scope, receive: Receive, send: Send, refused: Refused) -> None:
    """Answer at once, then read on."""
    # Gradio's page shows the text of a refusal as it is.
    plain = scope["path"].startswith("/gradio_api/")
    sentence = str(refused)
    body = sentence if plain else json.dumps({"error": sentence}, ensure_ascii=False)
    headers = [
        (b"content-type", b"text/plain; charset=utf-8" if plain else b"application/json"),
        (b"content-length", str(len(body.encode())).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode(), "more_body": True})
    await _read_on(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _read_on(receive: Receive) -> None:
    """Read the rest of a body, of which nothing is kept, within limits.

    If a connection is closed while its client still sends, it is reset, and a client that reads the
    answer only when it has sent everything never sees it (RFC 9112, section 9.6).
    """
    rest = _Body(receive, Refused(413, ""), _WASTE, _LINGER)
    with suppress(Refused):
        while not rest.ended:
            await rest.receive()
