"""The recordings in the body of a request, stored as they arrive: one alone, or those of a form.

Starlette's own reader of forms keeps a temporary file open for each of them until the answer is
sent, and decodes names with any codec that a client chooses, of which some take quadratic time.
"""

import asyncio
import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from zoo.audio.kinds import is_audio, suffix_of
from zoo.web.refusals import Refused
from zoo_registry.text import quoted

__all__ = ["Song", "plain_name", "store"]

_FIELD = "file"  # what each part of a form is called
_LONGEST = 100  # characters of a name
# Browsers, and other programs, write these so (https://html.spec.whatwg.org/#multipart-form-data).
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n"}


@dataclass(frozen=True)
class Song:
    """A recording on disk, and the client's name for it, "-" if there is none."""

    path: Path
    name: str


async def store(request: Request, folder: Path, most: int) -> list[Song]:
    """Store the recordings of a request.

    Parameters
    ----------
    request : Request
        Its body is read.
    folder : Path
        Empty folder.
    most : int
        Files of a form (multipart/form-data, RFC 7578), which may have nothing else.

    Returns
    -------
    list of Song
        In the order of the form.

    Raises
    ------
    Refused
        400 if it is a form that cannot be read or holds something else, or if the body is empty;
        415 if it is compressed.
    OSError
        If there is no room.
    """
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        sentence = f"the body has the Content-Encoding {quoted(encoding)}; send it as it is"
        raise Refused(415, sentence, {"Accept-Encoding": "identity"})
    content_type = request.headers.get("content-type", "")
    is_form = content_type.partition(";")[0].strip().lower() == "multipart/form-data"
    with closing(_Stored(folder)) as stored:
        try:
            form = _Form(content_type, stored, most) if is_form else None
            if not form:
                stored.begin("-")
            async for piece in request.stream():
                await asyncio.to_thread(form.feed if form else stored.write, piece)
            if form and not form.is_whole:
                raise FormParserError("its end is missing")
            if not (form or stored.size):
                raise Refused(400, "the body is empty (0 bytes); send the recording itself")
        except FormParserError as error:
            count = "one file" if most == 1 else f"at most {most} files"
            raise Refused(
                400,
                f"the form cannot be read ({error}); it takes {count}, as `{_FIELD}`, "
                "whose name has 4,000 characters at most",
            ) from error
    if not stored.songs:
        raise Refused(400, f"the form holds no file; send one, in a field called `{_FIELD}`")
    return stored.songs


class _Stored:
    """Recordings that are written one after the other, of which one file is open at a time."""

    def __init__(self, folder: Path) -> None:
        self.songs: list[Song] = []
        self.size = 0  # bytes of all of them
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
        self.size += self._file.write(piece)

    def close(self) -> None:
        """Close the file that is open, if any."""
        if self._file:
            self._file.close()


class _Form:
    """Parser of a form, which stores its files. What it cannot read is a `FormParserError`.

    A charset of the form is ignored: names are in UTF-8.
    """

    def __init__(self, content_type: str, stored: _Stored, most: int) -> None:
        self.is_whole = False
        self._stored, self._most = stored, most
        self._header, self._value, self._disposition = b"", b"", b""
        _, parameters = parse_options_header(content_type)
        if not parameters.get(b"boundary"):
            raise FormParserError("its header has no boundary")
        self._parser = MultipartParser(
            parameters[b"boundary"],
            {
                "on_header_field": self._take_header,
                "on_header_value": self._take_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_content,
                "on_part_data": lambda data, start, end: stored.write(memoryview(data)[start:end]),
                "on_part_end": stored.close,
                "on_end": self._finish,
            },
        )

    def feed(self, piece: bytes) -> None:
        """Parse the next piece of the body; what follows the end of the form is ignored."""
        if not self.is_whole:
            self._parser.write(piece)

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _begin_content(self) -> None:
        _, parameters = parse_options_header(self._disposition)
        self._disposition = b""
        field = _decoded(parameters.get(b"name", b""))
        if field != _FIELD:
            raise FormParserError(f"it has a field {quoted(field)}")
        if b"filename" not in parameters:
            raise FormParserError(f"`{field}` is a text")
        if len(self._stored.songs) == self._most:
            raise FormParserError("too many files")
        self._stored.begin(_decoded(parameters[b"filename"]))

    def _finish(self) -> None:
        self.is_whole = True


def _decoded(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


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
