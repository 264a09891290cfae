"""The application of ``zoo serve``, in one process with a temporary folder of its own."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from starlette.types import ASGIApp

from zoo.execution.progress import Reporter
from zoo.inference.confidence import least_confidence
from zoo.web.api import api_routes
from zoo.web.gate import Gate
from zoo.web.host_names import Names
from zoo.web.metrics import Observed
from zoo.web.openapi import DOCS, OPERATIONS
from zoo.web.read_only import write_only_below
from zoo.web.served_models import ServedModel, ServedModels
from zoo.web.server import HEADERS, application, listening, run
from zoo.web.service import Service
from zoo.web.settings import Settings
from zoo.web.static_files import file_routes
from zoo.web.uploads import Uploads
from zoo_registry.errors import UsageError
from zoo_registry.temporary import temporary_folder

__all__ = ["build", "serve"]

_LOG = logging.getLogger(__name__)
_WEB = Path(__file__).parent
_PAGE = _WEB / "browser"
# The page loads what it needs from this server, and nothing else. onnxruntime-web is compiled in
# the browser; a sound that the page plays, and a picture that it draws, are its own.
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "connect-src 'self'; img-src 'self' data:; media-src blob:; frame-ancestors 'self'; "
    "form-action 'none'; base-uri 'none'"
)


def serve(
    models: Sequence[str], settings: Settings, ready: Callable[[str, list[ServedModel]], None]
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    models : sequence of str
        Models as for `zoo.inference.predict.predict`; the whole workspace if empty.
    settings : Settings
        How to serve them.
    ready : callable
        Receives the address, and the models that were named, as soon as the server answers.

    Raises
    ------
    UsageError, ArtefactError, PluginError
        If the address cannot be listened on, a model cannot be served, or does not reach the
        precision.
    """
    served = ServedModels(models)
    least, precision = settings.min_confidence, settings.precision
    if least == "auto" or precision is not None:
        for model in served.all():
            try:
                least_confidence(served.open(model), least, precision, Reporter().note)
            except UsageError:
                if models or not model.published:  # otherwise a request to it is refused
                    raise
    host, port = settings.host, settings.port
    with listening(host, port) as (listener, address), _own_folder() as folder:
        if settings.read_only:
            write_only_below(folder)
        service = Service(served, Uploads(folder / "songs"), settings)
        app, headers = build(service), (*HEADERS, ("Content-Security-Policy", _POLICY))
        named = served.all() if models else []
        _LOG.info("the server starts at %s", address)
        run(app, listener, headers, partial(ready, address, named), service.stop)
    _LOG.info("the server has ended")


def build(service: Service) -> ASGIApp:
    """Return the application: the page, and the JSON endpoint.

    Parameters
    ----------
    service : Service
        The work behind them.
    """
    settings = service.settings
    icon = _WEB / "label" / "icon.svg"
    page = file_routes(_PAGE, {"/docs.css": DOCS / "docs.css", "/favicon.ico": icon})
    routes = [*api_routes(service), *page]
    bytes_of_song = round(settings.megabytes * 1_000_000)
    with_song = dict.fromkeys(("/api/predict", "/api/batch"), bytes_of_song)
    without_token = {route.path for route in page} | {e.path for e in OPERATIONS if e.is_open}
    names = Names(settings.host, settings.allowed)
    gate = Gate(application(routes), names, with_song, settings.token, without_token)
    return Observed(gate, service.metrics, {route.path for route in routes}, settings.log)


@contextmanager
def _own_folder() -> Iterator[Path]:
    """Yield a folder for all temporary files, and delete it at the end."""
    before = tempfile.tempdir
    with temporary_folder() as name:
        folder = Path(os.path.realpath(name))
        tempfile.tempdir = str(folder)
        try:
            yield folder
        finally:
            tempfile.tempdir = before
