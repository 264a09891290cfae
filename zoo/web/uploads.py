"""Uploads: received within limits, under names of the server's own, deleted once answered."""

import asyncio
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from zoo.audio.suffixes import is_audio
from zoo.web.errors import Refused

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["Song", "Uploads", "plain_name"]

_ROOM = 32  # uploads at once; times the limit of one, this is what they can take of the disk
_PATIENCE = 600.0  # seconds that an upload of the page waits for its question
_PIECE = 1 << 20
_LONGEST = 100


@dataclass(frozen=True)
class Song:
    """An upload.

    Attributes
    ----------
    path : Path
        Where it lies, alone in a folder of its own.
    name : str
        What it was called, without folders.
    """

    path: Path
    name: str


class Uploads:
    """The uploads of a server, in a folder of its own.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._present: set[Path] = set()
        self._waiting: dict[str, tuple[Song, float]] = {}

    async def receive(self, request: "Request") -> Song:
        """Store what a request carries: its body, or the first file of a form.

        Raises
        ------
        Refused
            If it carries nothing, or there is no room.
        """
        self.expire()
        if len(self._present) >= _ROOM:
            raise Refused(503, f"{_ROOM} uploads are waiting; try again in a minute")
        if "multipart/form-data" not in request.headers.get("content-type", ""):
            return await self._store("-", request.stream())
        try:
            async with request.form(max_files=1, max_fields=8) as form:
                files = [value for value in form.values() if isinstance(value, UploadFile)]
                if not files:
                    raise Refused(400, "the form holds no file; send one, in a field called `file`")
                return await self._store(plain_name(files[0].filename or ""), _pieces(files[0]))
        except HTTPException as error:
            reason = str(error.detail).rstrip(".").lower()
            raise Refused(
                400,
                f"the form cannot be read ({reason}); it takes one file, "
                "whose name has 4,000 characters at most",
            ) from error

    async def _store(self, name: str, pieces: AsyncIterator[bytes]) -> Song:
        folder = Path(tempfile.mkdtemp(prefix="song-", dir=self._folder))
        self._present.add(folder)
        # The suffix helps the decoder; nothing else of a stranger's name reaches the disk.
        suffix = Path(name).suffix.lower() if is_audio(Path(name)) else ""
        song = Song(folder / f"song{suffix}", name)
        try:
            with song.path.open("wb") as file:
                async for piece in pieces:
                    await asyncio.to_thread(file.write, piece)
                size = file.tell()
        except OSError as error:
            self.discard(song)
            raise Refused(503, f"the upload cannot be stored: {error.strerror}") from error
        except BaseException:  # a client that hangs up, or a server that stops
            self.discard(song)
            raise
        if not size:
            self.discard(song)
            raise Refused(400, f"{_called(name)} is empty (0 bytes); send the recording itself")
        return song

    def discard(self, song: Song) -> None:
        """Delete an upload."""
        shutil.rmtree(song.path.parent, ignore_errors=True)
        self._present.discard(song.path.parent)

    @contextmanager
    def kept(self, song: Song) -> Iterator[Song]:
        """Keep an upload while the block runs, and no longer."""
        try:
            yield song
        finally:
            self.discard(song)

    def wait(self, song: Song) -> str:
        """Keep an upload until it is asked about, or for ten minutes; return its ticket."""
        ticket = str(song.path)
        self._waiting[ticket] = (song, time.monotonic())
        return ticket

    def take(self, ticket: str) -> Song | None:
        """Return the upload of a ticket, which is valid once."""
        song, _ = self._waiting.pop(ticket, (None, 0.0))
        return song

    def expire(self) -> None:
        """Delete what nobody has asked about in ten minutes."""
        oldest = time.monotonic() - _PATIENCE
        for ticket, (song, since) in list(self._waiting.items()):
            if since < oldest:
                del self._waiting[ticket]
                self.discard(song)


def plain_name(given: str) -> str:
    """Return a file's name as it can be shown: no folders, nothing that does not print."""
    last = re.split(r"[/\\]", given)[-1]
    name = "".join(letter for letter in last if letter.isprintable()).strip()
    if len(name) > _LONGEST:
        suffix = Path(name).suffix if is_audio(Path(name)) else ""
        name = name[: _LONGEST - len(suffix) - 1] + "…" + suffix
    return name or "-"


def _called(name: str) -> str:
    return "the body" if name == "-" else name


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_PIECE):
        yield piece
