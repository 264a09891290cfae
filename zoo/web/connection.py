"""Connections that end when their client is too slow."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Connection"]

_CONNECTIONS = 500  # at once; each is an open file
_HEADERS = 10.0  # seconds until a request has begun: from the connection, or the last answer, on
_READING = 60.0  # seconds for which a client may leave a part of an answer


class Connection(H11Protocol):
    """Connection with the time limits that uvicorn lacks.

    The limit for a request's body is that of `zoo.web.limits.Gate`.
    """

    _due = 0.0
    _idle: asyncio.TimerHandle | None = None
    _full: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for a request; if there are too many, the longest waiting gives way."""
        super().connection_made(transport)
        self._await_request()
        if len(self.connections) > _CONNECTIONS:
            others = (other for other in self.connections if isinstance(other, Connection))
            waiting = (other for other in others if other._is_waiting())
            min(waiting, key=lambda other: other._due).transport.abort()

    def on_response_complete(self) -> None:
        """Start to wait for the next request."""
        self._await_request()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Start to wait for the client to read."""
        super().pause_writing()
        self._full = self.loop.call_later(_READING, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop waiting for the client to read."""
        super().resume_writing()
        _cancel(self._full)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        super().connection_lost(exc)
        _cancel(self._idle)
        _cancel(self._full)

    def _await_request(self) -> None:
        _cancel(self._idle)
        self._due = self.loop.time() + _HEADERS
        self._idle = self.loop.call_at(self._due, self._end_unless_answering)

    def _end_unless_answering(self) -> None:
        # Bytes that arrive do not count: one of them every few seconds would hold the connection.
        if self._is_waiting():
            self.transport.abort()

    def _is_waiting(self) -> bool:
        answering = not getattr(self.cycle, "response_complete", True)
        return not answering and not self.transport.is_closing()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()
