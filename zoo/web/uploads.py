"""Uploads: received within limits, stored under the server's own names, deleted once answered."""

import asyncio
import logging
import re
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request

from zoo.audio.kinds import is_audio, suffix_of
from zoo.web.ending import Ending
from zoo.web.forms import FileForm, FormError
from zoo.web.refusals import Refused

__all__ = ["MOST", "Song", "Upload", "Uploads", "plain_name"]

MOST = 32  # recordings of a request
_PLACES = 32  # uploads at once; the limit of one times this is the most they take of the disk
_WAITING = 256  # requests that wait for a place
_LONGEST = 100
_LOG = logging.getLogger(__name__)
# Browsers, and other programs, write these so (https://html.spec.whatwg.org/#multipart-form-data).
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}


@dataclass(frozen=True)
class Song:
    """A recording on disk, and the client's name for it, "-" if there is none."""

    path: Path
    name: str


@dataclass(frozen=True)
class Upload:
    """The recordings of a request, in a folder of their own."""

    songs: list[Song]
    close: Callable[[], None]
    """Delete the folder, and give the place to the next request."""


class Uploads:
    """The uploads of a server, in a folder that holds nothing else.

    Each has a place. A request without one waits, before anything of its body is read: the
    connection holds the client back, and nothing is stored.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.

    Attributes
    ----------
    waiting, taken : int
        Requests that wait for a place, and those that have one.
    ending : Ending
        Refuses what has not been received when it comes.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._places = asyncio.Semaphore(_PLACES)
        self.waiting = self.taken = 0
        self.ending = Ending()

    async def receive(self, request: Request, most: int = 1) -> Upload:
        """Store the body of a request, or the files of its form.

        Parameters
        ----------
        request : Request
            Its body is read.
        most : int
            Files of a form.

        Returns
        -------
        Upload
            To be closed when it has been answered.

        Raises
        ------
        Refused
            400 if it holds no recording, 503 if too many wait, it cannot be stored, or the server
            stops.
        """
        if self.waiting >= _WAITING:
            sentence = f"{_WAITING} requests are waiting; try again in a minute"
            raise Refused(503, sentence, {"Retry-After": "60"})
        async with self.ending.refusing():
            return await self._receive(request, most)

    async def _receive(self, request: Request, most: int) -> Upload:
        with ExitStack() as undo:  # such as after a client that hangs up
            self.waiting += 1
            try:
                await self._places.acquire()
            finally:
                self.waiting -= 1
            self.taken += 1
            undo.callback(self._leave)
            try:
                folder = Path(tempfile.mkdtemp(prefix="song-", dir=self._folder))
                undo.callback(_delete, folder)
                songs = await _received(request, folder, most)
            except OSError as error:
                raise Refused(503, f"the upload cannot be stored: {error.strerror}") from error
            return Upload(songs, undo.pop_all().close)

    def _leave(self) -> None:
        self.taken -= 1
        self._places.release()


def _delete(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        _LOG.warning("an upload cannot be deleted: %s", error)


async def _received(request: Request, folder: Path, most: int) -> list[Song]:
    """Store the recordings of a request in a folder."""
    stored = _Stored(folder)
    content_type = request.headers.get("content-type", "")
    with closing(stored):
        if content_type.partition(";")[0].strip().lower() != "multipart/form-data":
            stored.begin("-")
            async for piece in request.stream():
                await asyncio.to_thread(stored.write, piece)
            return stored.songs
        try:
            form = FileForm(content_type, stored.begin, stored.write, stored.close, most)
            async for piece in request.stream():
                await asyncio.to_thread(form.feed, piece)
            form.finish()
        except FormError as error:
            count = "one file" if most == 1 else f"at most {most} files"
            raise Refused(
                400,
                f"the form cannot be read ({error}); it takes {count}, as `file`, "
                "whose name has 4,000 characters at most",
            ) from error
    if not stored.songs:
        raise Refused(400, "the form holds no file; send one, in a field called `file`")
    return stored.songs


class _Stored:
    """Recordings that are written one after the other, of which one file is open at a time."""

    def __init__(self, folder: Path) -> None:
        self.songs: list[Song] = []
        self._folder = folder
        self._file: BinaryIO | None = None

    def begin(self, given: str) -> None:
        """Create the file of a recording, by the client's name."""
        name = plain_name(given)
        # Some decoders look at the suffix; nothing else of the client's name reaches the disk.
        suffix = suffix_of(name) if is_audio(name) else ""
        song = Song(self._folder / f"{len(self.songs)}{suffix}", name)
        self.songs.append(song)
        self._file = song.path.open("wb")

    def write(self, piece: bytes | memoryview) -> None:
        """Write to the file that was begun."""
        assert self._file
        self._file.write(piece)

    def close(self) -> None:
        """Close the file that is open, if any."""
        if self._file:
            self._file.close()


def plain_name(given: str) -> str:
    """Return the file name of a form as it can be shown: no folders, only printable characters."""
    for escaped, letter in _ESCAPED.items():
        given = given.replace(escaped, letter)
    last = re.split(r"[/\\]", given)[-1]
    name = "".join(letter for letter in last if letter.isprintable()).strip()
    if len(name) > _LONGEST:
        suffix = Path(name).suffix if is_audio(name) else ""
        name = name[: _LONGEST - len(suffix) - 1] + "…" + suffix
    return name or "-"
