"""Uploads: received within limits, stored under the server's own names, deleted once answered."""

import asyncio
import logging
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request

from zoo.web.ending import Ending
from zoo.web.recordings import Song, store
from zoo.web.refusals import Refused

__all__ = ["MOST", "Upload", "Uploads"]

MOST = 32  # recordings of a request
_PLACES = 32  # uploads at once; the limit of one times this is the most they take of the disk
_WAITING = 256  # requests that wait for a place
_LOG = logging.getLogger(__name__)


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
                songs = await store(request, folder, most)
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
