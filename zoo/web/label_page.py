"""The page of ``zoo label``: it plays recordings, and each click is a label in the table.

The server sends the recordings that were chosen, by their numbers, and writes nothing but labels
into their rows: nothing that a client sends is a path.
"""

import mimetypes
import wave
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from zoo.audio.decode import open_stream, waveform
from zoo.inference.label_sheet import LabelSheet
from zoo.web.gate import Gate
from zoo.web.host_names import Names
from zoo.web.refusals import Refused
from zoo.web.server import HEADERS, application, listening, run
from zoo.web.static_files import file_routes
from zoo_registry.errors import AudioError, UsageError
from zoo_registry.files import is_file
from zoo_registry.temporary import temporary_folder

__all__ = ["HEADERS_OF_PAGE", "LabelPage", "build", "serve"]

_HOST = "127.0.0.1"
_REMEDY = "open the address that `zoo label` printed"
_LONGEST = 200  # characters of a label
_MINUTES = 10  # of a recording that is decoded for browsers which cannot play it
_RATE = 48_000  # Hz at most
_KEPT = 4  # decoded recordings
_SHOWN = ("label", "group", "guess", "confidence", "reason")  # of the row of a recording
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; media-src 'self'; frame-ancestors 'none'; form-action 'none'; "
    "base-uri 'none'"
)
HEADERS_OF_PAGE = (
    *HEADERS,
    ("Content-Security-Policy", _POLICY),
    ("Cache-Control", "no-store"),
)
_STATIC = Path(__file__).with_name("label")
_BASE = Path(__file__).parent / "browser" / "base.css"


@dataclass(frozen=True)
class LabelPage:
    """What the page shows.

    Attributes
    ----------
    sheet : LabelSheet
        The table, to which labels are written.
    recordings : sequence of str
        Absolute paths of the recordings, in the order in which they are shown.
    classes : sequence of str
        Labels that have a button.
    model : str
        The run that was asked.
    command : str
        The command that trains on the table.
    """

    sheet: LabelSheet
    recordings: Sequence[str]
    classes: Sequence[str]
    model: str
    command: str

    def to_json(self) -> dict[str, Any]:
        """Return what the page shows, with the table as it is now."""
        self.sheet.refresh()
        rows = {self.sheet.file(row): row for row in self.sheet.rows}
        labels = [row["label"].strip() for row in rows.values()]
        more = sorted(set(filter(None, labels)) - set(self.classes))
        shown = [
            {
                "number": number,
                "name": Path(path).name,
                "folder": Path(path).parent.name,
                **{name: rows.get(path, {}).get(name, "").strip() for name in _SHOWN},
            }
            for number, path in enumerate(self.recordings)
        ]
        return {
            "model": self.model,
            "table": str(self.sheet.path),
            "command": self.command,
            "lack": self.sheet.lack(),
            "classes": [*self.classes, *more],
            "labelled": len(labels) - labels.count(""),
            "recordings": shown,
        }


def serve(page: LabelPage, port: int, ready: Callable[[str], None]) -> None:
    """Serve the page to this machine alone, until interrupted.

    Parameters
    ----------
    page : LabelPage
        What it shows.
    port : int
        0 for any free one.
    ready : callable
        Receives the address as soon as the server answers.

    Raises
    ------
    UsageError
        If the port cannot be listened on.
    """
    with listening(_HOST, port) as (listener, address), temporary_folder() as folder:
        run(build(page, Path(folder)), listener, HEADERS_OF_PAGE, partial(ready, address))


def build(page: LabelPage, folder: Path) -> Gate:
    """Return the application.

    Parameters
    ----------
    page : LabelPage
        What it shows.
    folder : Path
        Empty folder for decoded recordings.
    """
    ends = _Endpoints(page, folder)
    routes = [
        *file_routes(_STATIC, {"/base.css": _BASE}),
        Route("/recordings", ends.recordings),
        Route("/sound/{number}.wav", ends.wav),
        Route("/sound/{number}", ends.sound),
        Route("/labels", ends.label, methods=["POST"]),
    ]
    return Gate(application(routes), Names(_HOST, remedy=_REMEDY))


class _Endpoints:
    """What the addresses of the page answer."""

    def __init__(self, page: LabelPage, folder: Path) -> None:
        self._page = page
        self._paths = {str(number): Path(path) for number, path in enumerate(page.recordings)}
        self._decoded = _Decoded(folder)
        self._one = anyio.CapacityLimiter(1)  # one thread at a time has the table

    async def recordings(self, request: Request) -> Response:
        """Send what the page shows."""
        return JSONResponse(await anyio.to_thread.run_sync(self._page.to_json, limiter=self._one))

    async def sound(self, request: Request) -> Response:
        """Send a recording as it is."""
        path = self._file(request)
        kind = mimetypes.guess_type(path.name)[0] or ""
        # Whatever it is called, a browser never takes it for a page.
        is_media = kind.startswith(("audio/", "video/"))
        return FileResponse(path, media_type=kind if is_media else "application/octet-stream")

    async def wav(self, request: Request) -> Response:
        """Send a recording in a form that all browsers play."""
        return FileResponse(await self._decoded.get(self._file(request)), media_type="audio/wav")

    async def label(self, request: Request) -> Response:
        """Write a label."""
        given = await _given(request)
        path = str(self._path(str(given.number)))
        try:
            await anyio.to_thread.run_sync(
                self._page.sheet.set_label, path, given.label.strip(), limiter=self._one
            )
        except UsageError as error:
            raise Refused(409, str(error)) from error
        return await self.recordings(request)

    def _path(self, number: str) -> Path:
        """Return the path of a recording by its number."""
        if number not in self._paths:
            raise Refused(404, "there is no such recording")
        return self._paths[number]

    def _file(self, request: Request) -> Path:
        """Return the path of the recording that is asked for, which has to be a file."""
        path = self._path(request.path_params["number"])
        if not is_file(path):
            raise Refused(404, f"{path.name} no longer exists")
        return path


class _Label(msgspec.Struct):
    """The label of a recording, as a client sends it."""

    number: int
    label: str


async def _given(request: Request) -> _Label:
    """Return the number and the label of a request."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # which no form of another page can send
        raise Refused(415, "a label is sent as application/json")
    try:
        given = msgspec.json.decode(await request.body(), type=_Label)
    except (ValueError, RecursionError):
        raise Refused(400, "send {number, label}, the label as a text") from None
    label = given.label.strip()
    if len(label) > _LONGEST or not label.isprintable():
        raise Refused(400, f"a label has at most {_LONGEST} characters that can be seen, in a line")
    return given


class _Decoded:
    """The recordings that were decoded last, as WAV files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: OrderedDict[Path, Path] = OrderedDict()
        self._turn = anyio.CapacityLimiter(1)

    async def get(self, path: Path) -> Path:
        """Return a file that browsers play; refuse a recording that cannot be decoded (415)."""
        return await anyio.to_thread.run_sync(self._get, path, limiter=self._turn)

    def _get(self, path: Path) -> Path:
        if path not in self._files:
            target = self._folder / f"{len(self._files)}-{path.stat().st_ino}.wav"
            try:
                _write_wav(path, target)
            except AudioError as error:
                raise Refused(415, str(error)) from error
            except OSError as error:
                reason = f"it cannot be decoded for the browser: {error.strerror}"
                raise Refused(503, reason) from error
            self._files[path] = target
            while len(self._files) > _KEPT:
                self._files.popitem(last=False)[1].unlink(missing_ok=True)
        self._files.move_to_end(path)
        return self._files[path]


def _write_wav(path: Path, target: Path) -> None:
    """Write the first minutes of a recording, in one channel of 16 bits."""
    stream = open_stream(path)
    rate = min(stream.rate, _RATE)
    left = round(60 * _MINUTES * rate)
    with wave.open(str(target), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        for block in waveform(stream, rate):
            file.writeframes(np.rint(np.clip(block[:left], -1, 1) * 32767).astype("<i2").tobytes())
            left -= len(block)
            if left <= 0:
                break
