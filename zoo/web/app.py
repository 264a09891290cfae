"""The server: one process, one application, and a temporary folder that is deleted at the end."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.execution.progress import Reporter
from zoo.inference.confidence import least_confidence
from zoo.web.limits import Gate, Limits
from zoo.web.names import Names
from zoo.web.served_models import ServedModel, ServedModels
from zoo.web.server import HEADERS, address_of, listening, run
from zoo.web.service import Service
from zoo.web.uploads import Uploads
from zoo_registry.errors import UsageError
from zoo_registry.temporary import temporary_folder

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["build", "serve"]

# No page of another origin shows the page.
_HEADERS = (*HEADERS, ("Content-Security-Policy", "frame-ancestors 'self'"))
_EXPIRY = 60.0  # seconds between two searches for expired uploads


def serve(
    models: Sequence[str],
    host: str,
    port: int,
    limits: Limits,
    ready: Callable[[str, list[ServedModel]], None],
    allowed: Sequence[str] = (),
    min_confidence: float | str = 0.0,
    precision: float | None = None,
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    models : sequence of str
        Models as for `zoo.inference.predict.predict`; the whole workspace if empty.
    host, port : str, int
        Name or address of this machine; the port is 0 for any free one.
    limits : Limits
        The largest request that is answered.
    ready : callable
        Receives the address, and the models that were named, as soon as the server answers.
    allowed : sequence of str
        Further names that the server answers to.
    min_confidence, precision : float or "auto", float, optional
        As for `zoo.inference.predict.predict`.

    Raises
    ------
    UsageError, ArtefactError, PluginError
        If the address cannot be listened on, a model cannot be served, or does not reach the
        precision.
    """
    names = Names(host, allowed)
    served = ServedModels(models)
    if min_confidence == "auto" or precision is not None:
        for model in served.all():
            try:
                least_confidence(served.open(model), min_confidence, precision, Reporter().note)
            except UsageError:
                if models or not model.published:  # otherwise a request to it is refused
                    raise
    with listening(host, port) as listener, _own_folder() as folder:
        service = Service(served, Uploads(folder / "songs"), limits, min_confidence, precision)
        address = address_of(host, listener)
        run(
            build(service, names),
            listener,
            _HEADERS,
            lambda: ready(address, served.all() if models else []),
            service.stop,
        )


def build(service: Service, names: Names) -> "FastAPI":
    """Return the application: the JSON endpoint, and the page at all other addresses."""
    from fastapi import FastAPI
    from fastapi.middleware.cors import CORSMiddleware

    from zoo.web.api import add_api
    from zoo.web.page import add_page

    # FastAPI's own pages of documentation load scripts from other hosts; /openapi.json stays.
    app = FastAPI(
        title="genre-zoo",
        docs_url=None,
        redoc_url=None,
        lifespan=asynccontextmanager(lambda _: _expiring(service.uploads)),
        version=version("genre-zoo"),
    )
    add_api(app, service)
    add_page(app, service)
    # One that allows nothing: without it Gradio adds its own, which allows other origins.
    app.add_middleware(CORSMiddleware)
    app.add_middleware(Gate, names=names, max_bytes=service.limits.bytes)
    return app


async def _expiring(uploads: Uploads) -> AsyncIterator[None]:
    """Delete expired uploads regularly while the server runs."""

    async def expire() -> None:
        while True:
            await asyncio.sleep(_EXPIRY)
            uploads.expire()

    task = asyncio.create_task(expire())
    yield
    task.cancel()


@contextmanager
def _own_folder() -> Iterator[Path]:
    """Yield a folder for all temporary files, also those of Gradio, and delete it at the end."""
    before = tempfile.tempdir
    with temporary_folder() as name:
        folder = Path(name).resolve()
        os.environ.update(
            GRADIO_TEMP_DIR=str(folder),
            GRADIO_ANALYTICS_ENABLED="False",
            HF_HUB_OFFLINE="1",
            HF_HUB_DISABLE_TELEMETRY="1",
        )
        tempfile.tempdir = str(folder)
        try:
            yield folder
        finally:
            tempfile.tempdir = before
