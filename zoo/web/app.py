"""The server: page and JSON endpoint behind one gate, with a folder of its own that it deletes."""

import asyncio
import logging
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.web.served_models import Shelf
from zoo.web.service import Limits, Service
from zoo.web.uploads import Uploads
from zoo_registry.errors import UsageError

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["serve"]

_FAREWELL = 2  # seconds that open pages get when the server ends
_SWEEP = 60.0


def serve(
    models: Sequence[str],
    host: str,
    port: int,
    limits: Limits,
    ready: Callable[[str], None],
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    models : sequence of str
        As for `zoo.inference.predict.predict`; the whole workspace if empty.
    host : str
    port : int
        0 for any free one.
    limits : Limits
    ready : callable
        Is told the address once it answers.

    Raises
    ------
    UsageError
        If the address cannot be listened on.
    UsageError, ArtefactError, PluginError
        If a model cannot be served.
    """
    shelf = Shelf(models)
    # SIGTERM shall end it as Ctrl-C does, or the folder would stay.
    with (
        _as_interrupt(signal.SIGTERM),
        suppress(KeyboardInterrupt),
        _listening(host, port) as listener,
        _own_folder() as folder,
    ):
        import uvicorn

        service = Service(shelf, Uploads(folder / "songs"), limits)
        address = _address(host, listener.getsockname()[1])

        class Server(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                ready(address)

            async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
                service.stop()
                # That the end cuts off what is going on is no error.
                logging.getLogger("uvicorn.error").disabled = True
                await super().shutdown(sockets)

        config = uvicorn.Config(
            build(service),
            http="h11",
            ws="none",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_FAREWELL,
        )
        Server(config).run(sockets=[listener])


def build(service: Service) -> "FastAPI":
    """Return the application: the JSON endpoint, and the page on everything else."""
    from fastapi import FastAPI

    from zoo.web.api import add_api
    from zoo.web.limits import Gate
    from zoo.web.page import add_page

    @asynccontextmanager
    async def sweeping(app: FastAPI) -> AsyncIterator[None]:
        del app

        async def sweep() -> None:
            while True:
                await asyncio.sleep(_SWEEP)
                service.uploads.expire()

        task = asyncio.create_task(sweep())
        yield
        task.cancel()

    # FastAPI's pages of documentation come from elsewhere; what they would show is /openapi.json.
    app = FastAPI(
        title="genre-zoo", docs_url=None, redoc_url=None, lifespan=sweeping, version=_version()
    )
    add_api(app, service)
    add_page(app, service)
    app.add_middleware(Gate, max_bytes=service.limits.bytes)
    return app


def _version() -> str:
    from importlib.metadata import version

    return version("genre-zoo")


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        # The text of a failed bind repeats the address; its number does not.
        lookup = isinstance(error, socket.gaierror)
        reason = error.strerror if lookup or not error.errno else os.strerror(error.errno)
        raise UsageError(
            f"{host} port {port} cannot be listened on: {reason}; `--port 0` takes any free one"
        ) from error
    with listener:
        yield listener


@contextmanager
def _own_folder() -> Iterator[Path]:
    """Yield a folder for all temporary files, Gradio's too, and delete it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="zoo-serve-")).resolve()
    before = tempfile.tempdir
    try:
        tempfile.tempdir = str(folder)
        os.environ.update(
            GRADIO_TEMP_DIR=str(folder),
            GRADIO_ANALYTICS_ENABLED="False",
            HF_HUB_OFFLINE="1",
            HF_HUB_DISABLE_TELEMETRY="1",
        )
        yield folder
    finally:
        tempfile.tempdir = before
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _as_interrupt(number: signal.Signals) -> Iterator[None]:
    before = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(number, before)


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
