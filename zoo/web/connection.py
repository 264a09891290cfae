"""Connections that end when their client is too slow."""

import asyncio
from collections import Counter

from uvicorn.protocols.http.h11_impl import H11Protocol

__all__ = ["Connection"]

_CONNECTIONS = 500  # at once; each is an open file
_HEADERS = 10.0  # seconds until a request has begun: from the connection, or the last answer, on
_READING = 60.0  # seconds for which a client may leave a part of an answer


class Connection(H11Protocol):
    """Connection with the time limits that uvicorn lacks.

    The limit for a request's body is that of `zoo.web.gate.Gate`.
    """

    _due = 0.0
    _idle: asyncio.TimerHandle | None = None
    _full: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to wait for a request; if there are too many connections, another is closed."""
        super().connection_made(transport)
        self._await_request()
        self._make_room()

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

    def _make_room(self) -> None:
        """Close a connection of the address that has most of them, if there are too many."""
        known = (other for other in self.connections if isinstance(other, Connection))
        others = [other for other in known if other is not self and not other._is_closing()]
        if len(others) < _CONNECTIONS:
            return
        counts = Counter(other._address() for other in others)
        most = max(counts.values())
        of_most = (other for other in others if counts[other._address()] == most)
        # Idle ones come first; a connection is due the earlier the older it is.
        min(of_most, key=lambda other: (not other._is_waiting(), other._due)).transport.abort()

    def _address(self) -> str:
        return self.client[0] if self.client else ""

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
        return not answering and not self._is_closing()

    def _is_closing(self) -> bool:
        return self.transport.is_closing()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()
