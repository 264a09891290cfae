"""Figures of a server for Prometheus, and one line per request on stderr and in the log."""

import logging
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zoo.web.uploads import Uploads

__all__ = ["Metrics", "Observed"]

disable_created_metrics()  # type: ignore[no-untyped-call]  # when a count began is of no use

_METHODS = ("GET", "HEAD", "POST")
_GONE = 499  # the status that nginx writes for a client that has hung up
_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_LONGEST = 80  # characters of an address in the log
_OUTCOMES = ("answered", "failed", "cancelled")
_LOG = logging.getLogger(__name__)


class Metrics:
    """Counts of requests and predictions, and what waits now.

    Parameters
    ----------
    uploads : Uploads
        Their places are read whenever the figures are asked for.
    """

    def __init__(self, uploads: Uploads) -> None:
        self._registry = own = CollectorRegistry()
        labels = ("path", "method", "status")
        self._requests = Counter("zoo_requests", "Answered requests.", labels, registry=own)
        about = "Seconds from the headers of a request to the end of its answer."
        self._seconds = Histogram(
            "zoo_request_seconds", about, ("path",), buckets=_SECONDS, registry=own
        )
        about = "Recordings, once for each model that was asked about them."
        self._recordings = Counter("zoo_recordings", about, ("outcome",), registry=own)
        for outcome in _OUTCOMES:  # each is there from the start, as 0
            self._recordings.labels(outcome)
        self._predictions = Counter("zoo_predictions", "Predictions.", ("run",), registry=own)
        about = "Seconds of a prediction, without waiting."
        self._predicting = Histogram(
            "zoo_prediction_seconds", about, buckets=_SECONDS, registry=own
        )
        self._audio = Counter("zoo_audio_seconds", "Seconds of classified sound.", registry=own)
        waiting = Gauge("zoo_requests_waiting", "Requests that wait for a place.", registry=own)
        waiting.set_function(lambda: uploads.waiting)
        taken = Gauge("zoo_uploads", "Requests whose recordings are on disk.", registry=own)
        taken.set_function(lambda: uploads.taken)
        ProcessCollector(registry=own)  # memory, processor time, open files

    def count_request(self, path: str, method: str, status: int, seconds: float) -> None:
        """Count a request; `path` and `method` are among few."""
        self._requests.labels(path, method, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def count_prediction(self, run: str, seconds: float, audio: float) -> None:
        """Count a prediction, its seconds, and those of its recording."""
        self._predictions.labels(run).inc()
        self._predicting.observe(seconds)
        self._audio.inc(audio)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Count what comes of a recording and a model in the block."""
        outcome = "cancelled"
        try:
            yield
            outcome = "answered"
        except Exception:  # all but a cancellation
            outcome = "failed"
            raise
        finally:
            self._recordings.labels(outcome).inc()

    def text(self) -> bytes:
        """Return all figures in the format of Prometheus."""
        return generate_latest(self._registry)


class Observed:
    """ASGI middleware that counts requests, and writes a line for each.

    Parameters
    ----------
    app : ASGI application
        The application.
    metrics : Metrics
        What counts them.
    paths : collection of str
        Paths that are counted by their name; all others are counted together.
    log : bool
        Whether to write the lines.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, paths: Collection[str], log: bool = False
    ) -> None:
        self._app, self._metrics, self._paths, self._log = app, metrics, paths, log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status, taken, sent = time.perf_counter(), _GONE, 0, 0
        is_whole = is_gone = False

        async def counted_receive() -> Message:
            nonlocal taken, is_gone
            message = await receive()
            taken += len(message.get("body", b""))
            is_gone = is_gone or (message["type"] == "http.disconnect" and not is_whole)
            return message

        async def counted_send(message: Message) -> None:
            nonlocal status, sent, is_whole
            status = message.get("status", status)
            sent += len(message.get("body", b""))
            # An answer of known length is sent in one piece.
            known = any(name.lower() == b"content-length" for name, _ in message.get("headers", ()))
            is_whole = is_whole or known or not message.get("more_body", True)
            await send(message)

        try:
            await self._app(scope, counted_receive, counted_send)
        finally:
            seconds = time.perf_counter() - begun
            status = _GONE if is_gone else status
            path = scope["path"] if scope["path"] in self._paths else "other"
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.count_request(path, method, status, seconds)
            if self._log:
                _write(scope, status, seconds, taken, sent)


def _write(scope: Scope, status: int, seconds: float, taken: int, sent: int) -> None:
    """Write a line. The query is left out: it may hold what concerns nobody else."""
    when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # A proxy, or a program on this machine, names the client as it likes.
    client = scope["client"][0] if scope.get("client") else "-"
    request = " ".join(map(_plain, (client, scope["method"], scope["path"])))
    figures = f"{status} {1000 * seconds:.0f} ms, {taken} bytes in, {sent} out"
    _LOG.info("%s %s", request, figures)
    with suppress(OSError):
        print(f"{when} {request} {figures}", file=sys.stderr, flush=True)


def _plain(text: str) -> str:
    """Return a text as one word in ASCII: no line ends and codes of a terminal in the log."""
    return ascii(text[:_LONGEST])[1:-1].replace(" ", "%20")
