"""Text that people look at, and JSON, whatever stands in a name."""

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
    "first_line",
    "in_a_line",
    "json_text",
    "quoted",
    "shown",
    "table_cell",
]

# Control characters and halves of surrogate pairs, invisible formatting (which can turn the
# direction of what follows), separators of lines and paragraphs.
_UNSEEN = {"Cc", "Cs", "Cf", "Zl", "Zp"}
_BRIEF = 120


def shown(text: str) -> str:
    r"""Return one line that can be seen and encoded: a newline becomes the two signs ``\n``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        sign.encode("unicode_escape").decode("ascii")
        if unicodedata.category(sign) in _UNSEEN
        else sign
        for sign in text
    )


def brief(text: str) -> str:
    """Return the beginning of a text that may be of any length, fit to stand in a sentence."""
    return shown(text if len(text) <= _BRIEF else f"{text[:_BRIEF]}…")


def table_cell(text: str) -> str:
    """Return the text of one cell of a Markdown table, in which nothing divides cells."""
    return shown(text).replace("|", "\\|")


def quoted(text: str) -> str:
    """Return the same in quotation marks."""
    return f"'{brief(text)}'"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message that says something, as it can be shown."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return shown(next((line for line in text.splitlines() if line.strip()), "no message"))


def in_a_line(error: BaseException) -> str:
    """Return an error in one line: a sentence of ours, or its kind and first line."""
    kind = "" if isinstance(error, ZooError) else f"{type(error).__name__}: "
    return kind + first_line(error)


def encodable(text: str) -> str:
    r"""Return `text` as UTF-8 can hold it: a byte 0xff of a file's name becomes ``\udcff``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JSON that any parser takes and any terminal bears.

    What cannot be seen is escaped, so that names stay what they are; a number that JSON does not
    have, such as NaN, becomes null.
    """
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        plain = json.loads(json.dumps(value), parse_constant=lambda _: None)
        text = json.dumps(plain, indent=indent, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(_escaped(sign) for sign in text)


def _escaped(sign: str) -> str:
    # The only signs of these that JSON leaves as they are stand between its values.
    if sign == "\n" or unicodedata.category(sign) not in _UNSEEN:
        return sign
    return json.dumps(sign)[1:-1]


def csv_text(lines: Iterable[Iterable[object]], end: str = "\n") -> str:
    """Return lines of values as CSV, each line terminated by `end`."""
    out = io.StringIO()
    csv.writer(out, lineterminator=end).writerows(lines)
    return out.getvalue()
