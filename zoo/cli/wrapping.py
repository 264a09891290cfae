"""Width of what a command prints, and lines that are wrapped at words."""

import os
import sys
import textwrap

from zoo_registry.text import shown

__all__ = ["in_width", "is_terminal", "width"]

_ENDLESS = 100_000  # characters
_USUAL = 80  # columns of a terminal that does not know them


def in_width(text: str, indent: int = 0, err: bool = False) -> list[str]:
    """Return the lines of a text: wrapped at words on a terminal, one line elsewhere.

    Parameters
    ----------
    text : str
        Text in one line; spaces before it stay.
    indent : int
        Number of spaces before all lines but the first.
    err : bool
        Whether it is for stderr, not for stdout.
    """
    text = shown(text)
    if (room := width(err)) == _ENDLESS:
        return [text]
    return textwrap.wrap(
        text.lstrip(" "),
        room,
        initial_indent=text[: len(text) - len(text.lstrip(" "))],
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [text]


def width(err: bool = False) -> int:
    """Return the number of columns of stdout or stderr.

    It is more than any line has if there is no terminal, since programs that read a pipe expect
    whole lines. For stdout COLUMNS decides in any case: `watch` sets it.

    Parameters
    ----------
    err : bool
        Whether that of stderr is meant.
    """
    given = os.environ.get("COLUMNS", "")
    own = int(given) if given.isdecimal() else 0
    if not is_terminal(err):
        return (not err and own) or _ENDLESS
    stream = sys.__stderr__ if err else sys.__stdout__
    try:
        return own or (stream and os.get_terminal_size(stream.fileno()).columns) or _USUAL
    except OSError:
        return _USUAL


def is_terminal(err: bool = False) -> bool:
    """Return whether stdout or stderr is a terminal.

    What rich replaces it by, beside a bar, may not know that.

    Parameters
    ----------
    err : bool
        Whether stderr is meant.
    """
    stream = sys.__stderr__ if err else sys.__stdout__
    return stream is not None and stream.isatty()
