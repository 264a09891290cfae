"""Colours of what a command prints; none of them says anything that the text does not."""

import os
import sys
from typing import TextIO

__all__ = ["BEST", "ERROR", "TIED", "WARNING", "is_coloured", "painted", "settle"]

# Of the 256 colours, whose values terminals share: contrast on black and on white is 3.9 or more.
_GREEN, _ORANGE, _RED = 28, 130, 160
BEST, TIED = f"bold color({_GREEN})", f"color({_GREEN})"
WARNING, ERROR = f"bold color({_ORANGE})", f"bold color({_RED})"


def settle() -> None:
    """Let NO_COLOR win over FORCE_COLOR, of which 0 means no colour, for all that prints."""
    if os.environ.get("FORCE_COLOR") == "0":
        os.environ["NO_COLOR"] = "1"
    if os.environ.get("NO_COLOR"):
        os.environ.pop("FORCE_COLOR", None)


def is_coloured(stream: TextIO) -> bool:
    """Return whether text on a stream has a style: on a terminal, and with FORCE_COLOR."""
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")


def painted(text: str, style: str, stream: TextIO | None = None) -> str:
    """Return a text in a style, if the stream has any; with NO_COLOR in bold letters.

    Parameters
    ----------
    text : str
        One line without control characters.
    style : str
        One of the styles of this module.
    stream : file
        Stream that it is written to, by default stderr.
    """
    if not is_coloured(stream or sys.stderr):
        return text
    bold = "1;" * style.startswith("bold")
    number = style.partition("(")[2].rstrip(")")
    codes = bold.rstrip(";") if os.environ.get("NO_COLOR") else f"{bold}38;5;{number}"
    return f"\x1b[{codes}m{text}\x1b[0m"
