"""What reaches the application: no body above a limit, and no door that the page does not need."""

import asyncio
import json
import re
import time
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Gate"]

_SMALL = 1_000_000  # bytes of a body that carries no song
_SONGS = ("/api/predict", "/gradio_api/upload")
# Gradio has more: it fetches addresses, proxies, converts films and edits its own source.
_OPEN = re.compile(
    r"/|/favicon\.ico|/manifest\.json|/robots\.txt|/theme\.css|/config/?|/openapi\.json"
    r"|/(?:assets|static|svelte)/.*|/api/(?:models|predict)"
    r"|/gradio_api/(?:upload|upload_progress|queue/join|queue/data|cancel|reset|startup-events"
    r"|info|theme\.css|heartbeat/[^/]+|file=.*)"
)
# How long, and for how many bytes more, a client that still sends can notice the answer.
_LINGER, _WASTE = 2.0, 64_000_000


class _TooMuch(Exception):
    pass


class Gate:
    """ASGI middleware that refuses early, before anything is read or stored.

    Parameters
    ----------
    app : ASGI application
    max_bytes : int
        Of a body that carries a song.
    """

    def __init__(self, app: "ASGIApp", max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on, or answer it with 404 or 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        if not _OPEN.fullmatch(path):
            await _answer(scope, receive, send, 404, "there is nothing at this address")
            return
        limit = self._max_bytes if path in _SONGS else _SMALL
        sentence = f"the body is larger than the {limit / 1e6:g} MB that are taken here"
        if _declared(scope) > limit:
            await _answer(scope, receive, send, 413, sentence)
            return
        read, over, started = 0, False, False

        async def counted() -> "Message":
            nonlocal read, over
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                over = True
                raise _TooMuch
            return message

        async def watched(message: "Message") -> None:
            nonlocal started
            if not over:  # what the application makes of the interruption is of no interest
                started = True
                await send(message)

        try:
            await self._app(scope, counted, watched)
        except ClientDisconnect:
            return
        except Exception:
            if not over:
                raise
        if over and not started:
            await _answer(scope, receive, send, 413, sentence)


def _declared(scope: "MutableMapping[str, Any]") -> int:
    """Return the length that a request announces; 0 where it announces none."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _answer(
    scope: "Scope", receive: "Receive", send: "Send", status: int, sentence: str
) -> None:
    """Answer at once, then read on for a moment.

    A connection that is closed while its client still sends is reset, and the client may
    never see the answer (RFC 9112, section 9.6).
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
    end = time.monotonic() + _LINGER
    more, wasted = True, 0
    while more and wasted < _WASTE and (left := end - time.monotonic()) > 0:
        try:
            message = await asyncio.wait_for(receive(), left)
        except TimeoutError:
            break
        wasted += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)
    await send({"type": "http.response.body", "body": b"", "more_body": False})
