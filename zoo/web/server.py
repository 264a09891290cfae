"""A process that answers HTTP: one address, one application, until it is interrupted."""

import gc
import logging
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from zoo_registry.errors import UsageError

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

__all__ = ["HEADERS", "application", "listening", "run"]

HEADERS = (
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)
"""No page of another origin uses what comes as a picture, a script or a sound."""

_SHUTDOWN = 2  # seconds that open pages get when the server ends


def application(routes: Sequence["BaseRoute"]) -> "Starlette":
    """Return an application of these routes that refuses everything else in one sentence."""
    from starlette.applications import Starlette

    from zoo.web.refusals import HANDLERS

    app = Starlette(routes=routes, exception_handlers=HANDLERS)
    app.router.redirect_slashes = False  # there is one address for each thing
    return app


@contextmanager
def listening(host: str, port: int) -> Iterator[tuple[socket.socket, str]]:
    """Yield a listening socket, and its address; Ctrl-C and SIGTERM end the block.

    Parameters
    ----------
    host, port : str, int
        Name or address of this machine; the port is 0 for any free one.

    Yields
    ------
    listener : socket
        The socket.
    address : str
        Its address in the form that a browser takes.

    Raises
    ------
    UsageError
        If the address cannot be listened on.
    """
    with ExitStack() as stack:
        # SIGTERM must end the server as Ctrl-C does, or its folder would stay.
        handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
        stack.callback(signal.signal, signal.SIGTERM, handler)
        stack.enter_context(suppress(KeyboardInterrupt))
        listener = stack.enter_context(_listen(host, port))
        shown_host = f"[{host}]" if ":" in host else host
        yield listener, f"http://{shown_host}:{listener.getsockname()[1]}"


def run(
    app: "ASGIApp",
    listener: socket.socket,
    headers: Sequence[tuple[str, str]],
    ready: Callable[[], object],
    stop: Callable[[Callable[[], bool]], Awaitable[None]] | None = None,
) -> None:
    """Serve an application until the process is interrupted.

    Parameters
    ----------
    app : ASGI application
        The application.
    listener : socket
        Result of `listening`.
    headers : sequence of (str, str)
        Headers of all answers.
    ready : callable
        Called as soon as the server answers.
    stop : callable, optional
        Awaited when it ends; until then requests are answered. It gets a function that tells
        whether Ctrl-C was pressed once more.
    """
    import uvicorn

    from zoo.web.connection import Connection

    class Server(uvicorn.Server):
        """Server that tells when it answers, and when it ends."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            """Begin to answer."""
            await super().startup(sockets)
            ready()

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            """End open requests."""
            if stop:
                await stop(lambda: self.force_exit)
            # Requests that are cut off by the end are no errors.
            logging.getLogger("uvicorn.error").disabled = True
            await super().shutdown(sockets)

    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        headers=list(headers),
        log_config=None,
        log_level="error",  # requests that are no HTTP are the fault of the client
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN,
    )
    try:
        Server(config).run(sockets=[listener])
    finally:
        # Errors of cancelled requests hold their resamplers, which soxr would report as leaked.
        gc.collect()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        # The message of a failed bind repeats the address, so only its number is used.
        lookup = isinstance(error, socket.gaierror)
        reason = error.strerror if lookup or not error.errno else os.strerror(error.errno)
        raise UsageError(
            f"{host} port {port} cannot be listened on: {reason}; `--port 0` takes any free one"
        ) from error
