"""Limits of a request: its origin, address, size and duration, and the length of its audio."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zoo.web.host_names import Names
from zoo.web.refusals import Refused, stopping
from zoo.web.token import Token

__all__ = ["Gate"]

_SMALL = 1_000_000  # bytes of a body without a song
# Whenever this many seconds have passed, this many bytes of a body have come, or its end.
_SECONDS, _BYTES = 10.0, 200_000
_WHOLE = 300.0  # seconds until the end of a body
# After the answer the seconds are fewer, and this many bytes are read on.
_LINGER, _WASTE = 2.0, 250_000_000


class Gate:
    """ASGI middleware that refuses a request before its body is read or stored.

    Parameters
    ----------
    app : ASGI application
        The application behind the gate.
    names : Names
        Names that the server answers to.
    max_bytes : mapping of str to int, optional
        Paths whose bodies may be larger than a megabyte, and how large.
    token : Token, optional
        Token that a request has to carry.
    without_token : collection of str, optional
        Paths that need none.
    """

    def __init__(
        self,
        app: ASGIApp,
        names: Names,
        max_bytes: Mapping[str, int] | None = None,
        token: Token | None = None,
        without_token: Collection[str] = (),
    ) -> None:
        self._app, self._names, self._max_bytes = app, names, max_bytes or {}
        self._token, self._without_token = token, without_token

    def _refusal(self, scope: Scope, limit: int) -> Refused | None:
        if foreign := self._names.refusal(scope):
            return Refused(403, foreign)
        token = None if scope["path"] in self._without_token else self._token
        if token and (refused := token.refusal(scope)):
            return refused
        announced = Headers(scope=scope).get("content-length", "")
        return _too_large(limit) if announced.isdecimal() and int(announced) > limit else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 401, 403, 408, 413 or, when it is cancelled, 503."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._max_bytes.get(scope["path"], _SMALL)
        body = _Body(receive, limit, _SECONDS)
        has_begun = False

        async def answer(message: Message) -> None:
            """Send a part of the answer; before its end, read the rest of the body."""
            nonlocal has_begun
            has_begun = True
            is_last = message["type"] == "http.response.body" and not message.get("more_body")
            if is_last and not body.ended:
                await send({**message, "more_body": True})
                await _read_on(receive)
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        refused = self._refusal(scope, limit)
        try:
            await (refused.to_response() if refused else self._app)(scope, body.receive, answer)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:  # the server ends, and waits no longer
            if not has_begun:
                await stopping().to_response()(scope, receive, send)
            raise


class _Body:
    """The body of a request, which is refused as soon as it is too large or too slow.

    Time counts from the first call of `receive`: a request may wait for its turn before.
    """

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self.ended = False
        self._receive, self._limit = receive, limit
        self._size, self._mark, self._seconds = 0, 0, seconds
        self._time = asyncio.get_running_loop().time
        self._due: float | None = None
        self._last = 0.0

    async def receive(self) -> Message:
        """Return the next message, or raise `Refused`."""
        if self.ended:  # only the end of the connection is awaited
            return await self._receive()
        if self._due is None:
            self._last = self._time() + _WHOLE
            self._due = min(self._time() + self._seconds, self._last)
        try:
            async with asyncio.timeout_at(self._due):
                message = await self._receive()
        except TimeoutError:
            missed = f"less than {_BYTES / 1000:g} kB in {self._seconds:g} seconds"
            if self._due == self._last:
                missed = f"it has not ended after {_WHOLE / 60:g} minutes"
            raise Refused(408, f"the body comes too slowly, {missed}") from None
        self._size += len(message.get("body", b""))
        self.ended = not message.get("more_body", False)
        if self._size > self._limit:
            raise _too_large(self._limit)
        if self._size >= self._mark + _BYTES:
            self._mark = self._size
            self._due = min(self._time() + self._seconds, self._last)
        return message


def _too_large(limit: int) -> Refused:
    return Refused(413, f"the body is larger than the {limit / 1e6:g} MB that are taken here")


async def _read_on(receive: Receive) -> None:
    """Read the rest of a body, of which nothing is kept, within limits.

    If a connection is closed while its client still sends, it is reset, and a client that reads the
    answer only when it has sent everything never sees it (RFC 9112, section 9.6).
    """
    rest = _Body(receive, _WASTE, _LINGER)
    with suppress(Refused):
        while not rest.ended:
            await rest.receive()
