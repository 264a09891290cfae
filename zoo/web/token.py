"""A token that requests have to carry, as ``Authorization: Bearer …`` (RFC 6750)."""

import hmac
import logging
import os
import stat
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import Scope

from zoo.web.refusals import Refused
from zoo_registry.errors import UsageError

__all__ = ["VARIABLE", "Token"]

VARIABLE = "ZOO_TOKEN"
"""Environment variable that holds a token."""

_LOG = logging.getLogger(__name__)
_SHORTEST = 8
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="genre-zoo"'}


class Token:
    """A token.

    Parameters
    ----------
    text : str
        The token itself.

    Raises
    ------
    UsageError
        If no header can carry it, or it is too short.
    """

    def __init__(self, text: str) -> None:
        if not (text.isascii() and text.isprintable()) or " " in text or len(text) < _SHORTEST:
            raise UsageError(
                f"a token has at least {_SHORTEST} characters of ASCII, and no spaces; "
                "`openssl rand -hex 32` makes one"
            )
        self._expected = text.encode()

    @classmethod
    def chosen(cls, text: str | None, file: Path | None) -> "Token | None":
        """Return the token of the options, or of the environment; None without any.

        Parameters
        ----------
        text : str or None
            The token itself.
        file : Path or None
            A file that holds it, with or without a newline at its end.

        Raises
        ------
        UsageError
            If both are given, the text is empty, the file cannot be read, or it holds no token.
        """
        if text is None:
            text = os.environ.get(VARIABLE)  # also an empty one, which would let in everybody
        if text == "":
            raise UsageError(f"the token in --token or {VARIABLE} is empty; unset it to have none")
        if file is None:
            return None if text is None else cls(text)
        if text is not None:
            raise UsageError("give --token (or ZOO_TOKEN) or --token-file, not both")
        try:
            if os.name == "posix" and file.stat().st_mode & stat.S_IROTH:
                _LOG.warning("every user can read the token; `chmod 600 %s` keeps it secret", file)
            return cls(file.read_text(encoding="utf-8").strip())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not a text file"
            raise UsageError(f"{file} cannot be read: {reason}") from error

    def refusal(self, scope: Scope) -> Refused | None:
        """Return the refusal of a request without the token; the time it takes tells nothing."""
        given = Headers(scope=scope).getlist("authorization")
        scheme, _, token = (given[0] if len(given) == 1 else "").partition(" ")
        is_right = hmac.compare_digest(token.strip().encode("latin-1"), self._expected)
        if is_right and scheme.lower() == "bearer":
            return None
        lack = "this token is wrong" if given else "this server wants a token"
        return Refused(401, f"{lack}; send it as `Authorization: Bearer TOKEN`", _CHALLENGE)
