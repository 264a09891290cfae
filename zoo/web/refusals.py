"""Refusals: each is one sentence as JSON, ``{"error": "…"}``, with a status."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zoo_registry.errors import ZooError

__all__ = ["HANDLERS", "Refused", "stopping"]

_METHODS = (404, 405)  # of Starlette's router


class Refused(ZooError):
    """A request is refused, with an HTTP status (RFC 9110, section 15) and a sentence."""

    def __init__(
        self, status: int, sentence: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status, self.headers = status, dict(headers or {})


def stopping() -> Refused:
    """Return the refusal of what a server that is about to end does not answer any more."""
    return Refused(503, "the server is stopping; send it again in a minute", {"Retry-After": "60"})


async def _refuse(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JSONResponse({"error": str(error)}, error.status, error.headers)


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = str(error.detail)
    if error.status_code in _METHODS:
        sentence = f"this address does not answer to {request.method}"
        if error.status_code == 404:  # noqa: PLR2004
            sentence = "there is nothing at this address"
    return JSONResponse({"error": sentence}, error.status_code, error.headers)


async def _failed(_: Request, __: Exception) -> Response:
    return JSONResponse({"error": "the server failed; its log has the reason"}, 500)


# Starlette's type does not allow handlers of a narrower exception.
HANDLERS: Any = {Refused: _refuse, HTTPException: _not_found, Exception: _failed}
"""Exception handlers of an application."""
