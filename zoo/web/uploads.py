"""Uploads: received within limits, stored under the server's own names, deleted once answered."""

import asyncio
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from zoo.audio.kinds import is_audio, suffix_of
from zoo.web.limits import Refused

__all__ = ["Song", "Uploads", "plain_name"]

_ROOM = 32  # uploads at once; times the limit of one, this is the most they take of the disk
_PATIENCE = 600.0  # seconds that an upload of the page is kept until a model is asked about it
_HURRY = 10.0  # the same while others find no room
_PIECE = 1 << 20
_LONGEST = 100


@dataclass(frozen=True)
class Song:
    """An upload in a folder of its own, and the client's name for it, "-" if there is none."""

    path: Path
    name: str

    def close(self) -> None:
        """Delete the file and its folder."""
        shutil.rmtree(self.path.parent, ignore_errors=True)


class Uploads:
    """The uploads of a server, in a folder that holds nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._waiting: dict[str, tuple[Song, float]] = {}

    async def receive(self, request: Request) -> Song:
        """Store the body of a request, or the file of its form; `Refused` if that is impossible."""
        self.expire()
        if not self._has_room():
            self.expire(_HURRY)
        if not self._has_room():
            raise Refused(503, f"{_ROOM} uploads are waiting; try again in a minute")
        try:
            with ExitStack() as undo:  # such as after a client that hangs up
                # The place is taken before anything of the body is read.
                folder = Path(tempfile.mkdtemp(prefix="song-", dir=self._folder))
                undo.callback(shutil.rmtree, folder, ignore_errors=True)
                song = await _received(request, folder)
                undo.pop_all()
                return song
        except OSError as error:
            raise Refused(503, f"the upload cannot be stored: {error.strerror}") from error

    def _has_room(self) -> bool:
        return len(list(self._folder.iterdir())) < _ROOM

    def wait(self, song: Song) -> str:
        """Keep an upload for ten minutes or until it is taken; return its ticket."""
        ticket = secrets.token_hex(16) + song.path.suffix
        self._waiting[ticket] = (song, time.monotonic())
        return ticket

    def look(self, ticket: str) -> Song | None:
        """Return the upload of a ticket that is still valid."""
        return self._waiting.get(ticket, (None, 0.0))[0]

    def take(self, ticket: str) -> Song | None:
        """Return the upload of a ticket, which is valid once."""
        song, _ = self._waiting.pop(ticket, (None, 0.0))
        return song

    def expire(self, seconds: float = _PATIENCE) -> None:
        """Delete the uploads that have not been taken for some seconds, ten minutes by default."""
        oldest = time.monotonic() - seconds
        for ticket, (song, since) in list(self._waiting.items()):
            if since < oldest:
                del self._waiting[ticket]
                song.close()


async def _received(request: Request, folder: Path) -> Song:
    """Store the recording of a request in a folder."""
    kind = request.headers.get("content-type", "").partition(";")[0]
    if kind.strip().lower() != "multipart/form-data":
        return await _store(folder, "-", request.stream())
    try:
        async with request.form(max_files=1, max_fields=8) as form:
            files = [value for value in form.values() if isinstance(value, UploadFile)]
            if not files:
                raise Refused(400, "the form holds no file; send one, in a field called `file`")
            return await _store(folder, plain_name(files[0].filename or ""), _pieces(files[0]))
    except HTTPException as error:
        reason = str(error.detail).rstrip(".").lower()
        raise Refused(
            400,
            f"the form cannot be read ({reason}); it takes one file, "
            "whose name has 4,000 characters at most",
        ) from error


async def _store(folder: Path, name: str, pieces: AsyncIterator[bytes]) -> Song:
    # The player is told a type by the suffix; nothing else of the client's name reaches the disk.
    suffix = suffix_of(name) if is_audio(name) else ""
    song = Song(folder / f"song{suffix}", name)
    with song.path.open("wb") as file:
        async for piece in pieces:
            await asyncio.to_thread(file.write, piece)
        if not file.tell():
            called = "the body" if name == "-" else name
            raise Refused(400, f"{called} is empty (0 bytes); send the recording itself")
    return song


def plain_name(given: str) -> str:
    """Return a file name as it can be shown: no folders, only printable characters."""
    last = re.split(r"[/\\]", given)[-1]
    name = "".join(letter for letter in last if letter.isprintable()).strip()
    if len(name) > _LONGEST:
        suffix = Path(name).suffix if is_audio(name) else ""
        name = name[: _LONGEST - len(suffix) - 1] + "…" + suffix
    return name or "-"


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_PIECE):
        yield piece
