"""Refusals: each is one sentence as JSON, ``{"error": "…"}``, with a status."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from zoo_registry.errors import ZooError

__all__ = ["HANDLERS", "Refused", "stopping"]


class Refused(ZooError):
    """A request is refused, with an HTTP status (RFC 9110, section 15) and a sentence."""

    def __init__(
        self, status: int, sentence: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status, self.headers = status, dict(headers or {})

    def to_response(self) -> Response:
        """Return the answer, after which the connection is closed: its client may still send."""
        headers = {**self.headers, "Connection": "close"}
        return JSONResponse({"error": str(self)}, self.status, headers)


def stopping() -> Refused:
    """Return the refusal of what a server that is about to end does not answer any more."""
    return Refused(503, "the server is stopping; send it again in a minute", {"Retry-After": "60"})


async def _refuse(_: Request, error: Refused) -> Response:
    return error.to_response()


async def _not_found(request: Request, error: HTTPException) -> Response:
    sentences = {
        404: "there is nothing at this address",
        405: f"this address does not answer to {request.method}",
    }
    sentence = sentences.get(error.status_code, error.detail)
    return Refused(error.status_code, sentence, error.headers).to_response()


async def _failed(_: Request, __: Exception) -> Response:
    return Refused(500, "the server failed; its log has the reason").to_response()


# Starlette's type does not allow handlers of a narrower exception.
HANDLERS: Any = {Refused: _refuse, HTTPException: _not_found, Exception: _failed}
"""Exception handlers of an application."""
