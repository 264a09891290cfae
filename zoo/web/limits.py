"""Limits of a request: its size, the length of its audio, and the addresses that it may use."""

import asyncio
import json
import re
from contextlib import suppress
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zoo_registry.errors import ZooError

__all__ = ["Gate", "Limits", "Refused"]

_SMALL = 1_000_000  # bytes of a body without a song
_WITH_SONG = ("/api/predict", "/gradio_api/upload")
# Gradio has more: it fetches addresses, proxies, converts films and edits its own source.
_OPEN = re.compile(
    r"/|/favicon\.ico|/manifest\.json|/robots\.txt|/theme\.css|/config/?|/openapi\.json"
    r"|/(?:assets|static|svelte)/.*|/api/(?:models|predict)"
    r"|/gradio_api/(?:upload|upload_progress|queue/join|queue/data|cancel|reset|startup-events"
    r"|info|theme\.css|heartbeat/[^/]+|file=.*)"
)
# A client that is still sending has this many seconds and bytes to notice the answer.
_LINGER, _WASTE = 2.0, 64_000_000


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


class _TooLarge(Exception):
    pass


class Gate:
    """ASGI middleware that refuses a request before its body is stored: a song has `max_bytes`."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 404 or 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if not _OPEN.fullmatch(path):
            await _refuse(scope, receive, send, 404, "there is nothing at this address")
            return
        limit = self._max_bytes if path in _WITH_SONG else _SMALL
        too_large = f"the body is larger than the {limit / 1e6:g} MB that are taken here"
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            await _refuse(scope, receive, send, 413, too_large)
            return
        size, started = 0, False

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                raise _TooLarge
            return message

        async def watched(message: Message) -> None:
            nonlocal started
            if size <= limit:  # else the application reports the interruption, which is ignored
                started = True
                await send(message)

        try:
            await self._app(scope, counted, watched)
        except ClientDisconnect:
            return
        except Exception:
            if size <= limit:
                raise
        if size > limit and not started:
            await _refuse(scope, receive, send, 413, too_large)


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, sentence: str) -> None:
    """Answer at once, then read on for a moment.

    If a connection is closed while its client still sends, it is reset, and the client may never
    see the answer (RFC 9112, section 9.6).
    """
    # Gradio's page shows the text of a refusal as it is.
    plain = scope["path"].startswith("/gradio_api/")
    body = sentence if plain else json.dumps({"error": sentence}, ensure_ascii=False)
    headers = [
        (b"content-type", b"text/plain; charset=utf-8" if plain else b"application/json"),
        (b"content-length", str(len(body.encode())).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode(), "more_body": True})
    more, wasted = True, 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_LINGER):
            while more and wasted < _WASTE:
                message = await receive()
                wasted += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
