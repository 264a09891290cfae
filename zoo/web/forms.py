"""Forms with files (multipart/form-data, RFC 7578), whose files are stored as they arrive.

Starlette's own reader keeps a temporary file open for each of them until the answer is sent, and
decodes names with any codec that a client chooses, of which some take quadratic time.
"""

from collections.abc import Callable

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from zoo_registry.text import quoted

__all__ = ["FileForm", "FormError"]

_FIELD = "file"  # what each part is called
_HEADERS = 4200  # bytes of the headers of a part


class FormError(ValueError):
    """A form cannot be read, for a reason that is a part of a sentence."""


class FileForm:
    """Parser of a form, which names and passes on its files, one after the other.

    Parameters
    ----------
    content_type : str
        Header of the request, which holds the boundary. A charset is ignored: names are in UTF-8.
    begin : callable
        Receives the client's name of the next file.
    write : callable
        Receives the next bytes of this file.
    end : callable
        Called at the end of this file.
    most : int
        Files that a form may have. It may have nothing else.

    Raises
    ------
    FormError
        If there is no boundary.
    """

    def __init__(
        self,
        content_type: str,
        begin: Callable[[str], None],
        write: Callable[[memoryview], object],
        end: Callable[[], None],
        most: int,
    ) -> None:
        self._begin, self._write = begin, write
        self._most, self._files = most, 0
        self._name, self._value, self._size = bytearray(), bytearray(), 0
        self._disposition = b""
        self._is_whole = False
        _, parameters = parse_options_header(content_type)
        if not parameters.get(b"boundary"):
            raise FormError("its header has no boundary")
        try:
            self._parser = MultipartParser(
                parameters[b"boundary"],
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": lambda *given: self._take_header(self._name, *given),
                    "on_header_value": lambda *given: self._take_header(self._value, *given),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_content,
                    "on_part_data": self._take_content,
                    "on_part_end": end,
                    "on_end": self._finish,
                },
            )
        except FormParserError as error:
            raise FormError(str(error)) from error

    def feed(self, piece: bytes) -> None:
        """Parse the next piece of the body; what follows the end of the form is ignored.

        Parameters
        ----------
        piece : bytes
            Any number of bytes.

        Raises
        ------
        FormError
            If it is no form, or holds too much.
        """
        if self._is_whole:
            return
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise FormError(str(error)) from error

    def finish(self) -> None:
        """Raise a `FormError` if the end of the form is missing."""
        if not self._is_whole:
            raise FormError("its end is missing")

    def _begin_part(self) -> None:
        self._disposition, self._size = b"", 0

    def _take_header(self, text: bytearray, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._size > _HEADERS:
            raise FormError("the header of a part is too long")
        text += data[start:end]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._name.clear()
        self._value.clear()

    def _begin_content(self) -> None:
        _, parameters = parse_options_header(self._disposition)
        field = _decoded(parameters.get(b"name", b""))
        if field != _FIELD:
            raise FormError(f"it has a field {quoted(field)}")
        if b"filename" not in parameters:
            raise FormError(f"`{field}` is a text")
        self._files += 1
        if self._files > self._most:
            raise FormError("too many files")
        self._begin(_decoded(parameters[b"filename"]))

    def _take_content(self, data: bytes, start: int, end: int) -> None:
        self._write(memoryview(data)[start:end])

    def _finish(self) -> None:
        self._is_whole = True


def _decoded(name: bytes) -> str:
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")
