"""Text for people and JSON that stay readable whatever characters a name has."""

import csv
import hashlib
import io
import json
import os
import shlex
import traceback
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Any
from urllib.parse import unquote, urlsplit

from zoo_registry.errors import ZooError

__all__ = [
    "brief",
    "canonical_json",
    "closest",
    "csv_text",
    "digest",
    "encodable",
    "few",
    "first_line",
    "in_a_line",
    "json_text",
    "near",
    "pip_install",
    "place",
    "quoted",
    "shown",
    "table_cell",
]

# Control characters and halves of surrogate pairs, invisible formatting (which can change the
# direction of the text after it), separators of lines and paragraphs.
_UNSEEN = {"Cc", "Cs", "Cf", "Zl", "Zp"}
_BRIEF = 120
_LONGEST = 500  # characters of a foreign error's message


def shown(text: str) -> str:
    r"""Return one printable line: a newline becomes the two characters ``\n``."""
    return _visible(text, lambda unseen: unseen.encode("unicode_escape").decode("ascii"))


def _visible(text: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(escape(c) if unicodedata.category(c) in _UNSEEN else c for c in text)


def brief(text: str) -> str:
    """Return the beginning of a text of any length, as part of a sentence."""
    return shown(text if len(text) <= _BRIEF else f"{text[:_BRIEF]}…")


def table_cell(text: str) -> str:
    """Return the text of one cell of a Markdown table, without separators of cells."""
    return shown(text).replace("|", "\\|")


def quoted(text: str) -> str:
    """Return the beginning of a text in quotation marks."""
    return f"'{brief(text)}'"


def closest(text: str, names: Iterable[str]) -> str:
    """Return the one of several names that is most like a text, whatever the case of letters."""
    plain = text.casefold()
    return max(names, key=lambda name: SequenceMatcher(None, plain, name.casefold()).ratio())


def few(names: Sequence[str], most: int, by: str = ", ") -> str:
    """Return the first of some names for a sentence, and how many more there are.

    Parameters
    ----------
    names : sequence of str
        Names.
    most : int
        Number of names that are listed.
    by : str
        Text between them.
    """
    more = [f"{len(names) - most} more"] if len(names) > most else []
    return by.join([*map(brief, names[:most]), *more])


def near(text: str, names: Sequence[str]) -> str:
    """Return the name that is much like a text, as a part of a sentence; empty if none is."""
    close = get_close_matches(text, names, n=1)
    return f" (the closest name there is {quoted(close[0])})" if close else ""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message that is not empty."""
    try:
        text = "" if error.args == (None,) else str(error)
    except Exception:
        text = ""
    line = next((line for line in text.splitlines() if line.strip()), "no message")
    if len(line) > _LONGEST and not isinstance(error, ZooError):
        line = f"{line[:_LONGEST]}…"
    return shown(line)


def in_a_line(error: BaseException) -> str:
    """Return an error in one line: the message of a `ZooError`; of others type and message."""
    kind = "" if isinstance(error, ZooError) else f"{type(error).__name__}: "
    return kind + first_line(error)


def place(error: BaseException, file: str | None) -> str:
    """Return " (line 7 of FILE)", the last line of this file that the error passed, or nothing."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
    return f" (line {lines[-1]} of {file})" if lines else ""


def pip_install(extra: str | None, packages: Iterable[str] = ()) -> str:
    """Return the command that installs an extra of genre-zoo, or these packages."""
    if extra is None:
        return f"pip install {' '.join(map(repr, packages))}"
    # An index may not have genre-zoo, or have another version.
    option, source = _origin()
    return f"pip install {option}{shlex.quote(f'{source}[{extra}]')}"


def _origin() -> tuple[str, str]:
    """Return an option of pip, and the folder or file that genre-zoo was installed from."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        about = json.loads(distribution("genre-zoo").read_text("direct_url.json") or "{}")
        url = urlsplit(about.get("url", ""))
        path = unquote(url.path)
        if url.scheme == "file" and os.path.exists(path):  # noqa: PTH110
            is_here = os.path.samefile(path, os.curdir)  # noqa: PTH121
            editable = about.get("dir_info", {}).get("editable", False)
            return "-e " * editable, "." if is_here else path
    except (PackageNotFoundError, AttributeError, ValueError, OSError):
        pass
    return "", "genre-zoo"


def encodable(text: str) -> str:
    r"""Return `text` without lone surrogates: a byte 0xff of a file's name becomes ``\udcff``."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def json_text(value: Any, indent: int | None = None) -> str:
    """Return JSON in one line, or indented: unprintable characters escaped, NaN as null."""
    try:
        text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    except ValueError:
        plain = json.loads(json.dumps(value), parse_constant=lambda _: None)
        text = json.dumps(plain, indent=indent, ensure_ascii=False)
    # Newlines of JSON text are between its values only; those of strings are escaped already.
    return _visible(text, lambda unseen: unseen if unseen == "\n" else json.dumps(unseen)[1:-1])


def canonical_json(value: Any) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """Return the sha256 of the canonical JSON of `value`, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "backslashreplace")).hexdigest()


def csv_text(lines: Iterable[Iterable[object]], end: str = "\n", separator: str = ",") -> str:
    """Return lines of values as CSV, each line terminated by `end`."""
    out = io.StringIO()
    csv.writer(out, lineterminator=end, delimiter=separator).writerows(lines)
    return out.getvalue()
