"""The JSON endpoint, for programs."""

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from zoo.inference.output_file import json_line
from zoo.web.errors import Refused

if TYPE_CHECKING:
    from zoo.web.service import Service

__all__ = ["RESPONSES", "add_api"]

_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}
_WHY = {
    400: "no recording, an empty one, or a request that is malformed",
    404: "no such model is served",
    413: "the body is too large, or the recording too long",
    415: "the recording cannot be decoded",
    503: "no model has been trained yet, or too many requests are waiting",
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": why,
        "content": {"application/json": {"example": {"error": "one sentence"}}},
    }
    for status, why in _WHY.items()
}


def add_api(app: FastAPI, service: "Service") -> None:
    """Add the routes of the endpoint, and how every refusal is told."""
    router = APIRouter(prefix="/api")

    @router.get("/models", summary="The models that are served, the newest first")
    def models() -> list[dict[str, Any]]:
        return [offer.to_json() for offer in service.shelf.offers()]

    @router.post(
        "/predict",
        summary="What a model says of a recording, as `zoo predict --format json` prints it",
        responses=RESPONSES,
        openapi_extra=_BODY,
    )
    async def predict(
        request: Request, model: str | None = None, timeline: bool = False
    ) -> Response:
        # Before the song is read: there is no use in sending it if nobody can answer.
        offer = service.shelf.find(model)
        song = await service.uploads.receive(request)
        with service.uploads.kept(song):
            await service.measure(song)
            answer = await service.ask(offer, song, timeline)
        return Response(json_line(answer.prediction), media_type="application/json")

    app.include_router(router)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)


def _error(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, status_code=status)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    if request.url.path.startswith("/gradio_api/"):
        return Response(str(error), status_code=error.status, media_type="text/plain")
    return _error(error.status, str(error))


def _http(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, HTTPException)
    return _error(error.status_code, str(error.detail))


def _invalid(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return _error(400, f"{first['loc'][-1]} is wrong: {first['msg']}")
