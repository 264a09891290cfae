"""Text for people and JSON that stay readable whatever characters a name has."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable
from typing import Any

from zoo_registry.errors import ZooError

__all__ = [
    "brief",
    "csv_text",
    "encodable",
    "error_with_type",
    "first_line",
    "in_a_line",
    "json_text",
    "pip_install",
    "quoted",
    "shown",
    "table_cell",
]

# Control characters and halves of surrogate pairs, invisible formatting (which can change the
# direction of the text after it), separators of lines and paragraphs.
_UNSEEN = {"Cc", "Cs", "Cf", "Zl", "Zp"}
_BRIEF = 120


def shown(text: str) -> str:
    r"""Return one printable line: a newline becomes the two characters ``\n``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character) in _UNSEEN
        else character
        for character in text
    )


def brief(text: str) -> str:
    """Return the beginning of a text of any length, as part of a sentence."""
    return shown(text if len(text) <= _BRIEF else f"{text[:_BRIEF]}…")


def table_cell(text: str) -> str:
    """Return the text of one cell of a Markdown table, without separators of cells."""
    return shown(text).replace("|", "\\|")


def quoted(text: str) -> str:
    """Return the beginning of a text in quotation marks."""
    return f"'{brief(text)}'"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message that is not empty."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return shown(next((line for line in text.splitlines() if line.strip()), "no message"))


def error_with_type(error: BaseException) -> str:
    """Return type and message of an error in one line."""
    return f"{type(error).__name__}: {first_line(error)}"


def in_a_line(error: BaseException) -> str:
    """Return an error in one line: the message of a `ZooError`; of others type and message."""
    return first_line(error) if isinstance(error, ZooError) else error_with_type(error)


def pip_install(extra: str | None, packages: Iterable[str] = ()) -> str:
    """Return the command that installs an extra of genre-zoo, or these packages."""
    wanted = [f"genre-zoo[{extra}]"] if extra else packages
    return f"pip install {' '.join(map(repr, wanted))}"


def encodable(text: str) -> str:
    r"""Return `text` without lone surrogates: a byte 0xff of a file's name becomes ``\udcff``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def json_text(value: Any, indent: int | None = None) -> str:
    """Return strict JSON without unprintable characters.

    Such characters are escaped; numbers that JSON does not have, such as NaN, become null.

    Parameters
    ----------
    value : JSON value
        Value to write.
    indent : int, optional
        Spaces per level; by default the text is one line.
    """
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        plain = json.loads(json.dumps(value), parse_constant=lambda _: None)
        text = json.dumps(plain, indent=indent, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    # Newlines of JSON text are between its values only; those of strings are escaped already.
    if character == "\n" or unicodedata.category(character) not in _UNSEEN:
        return character
    return json.dumps(character)[1:-1]


def csv_text(lines: Iterable[Iterable[object]], end: str = "\n") -> str:
    """Return lines of values as CSV, each line terminated by `end`."""
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows(lines)
    return out.getvalue()
