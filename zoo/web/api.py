"""The JSON endpoint, for programs."""

from contextlib import closing
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from zoo.inference.output_file import json_line
from zoo.web.limits import Refused
from zoo.web.service import Service
from zoo_registry.text import quoted

__all__ = ["RESPONSES", "add_api", "refuse"]

_FILE = {"type": "string", "format": "binary"}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/octet-stream": {"schema": _FILE},
            "multipart/form-data": {"schema": {"type": "object", "properties": {"file": _FILE}}},
        },
    }
}
_ERROR = {"application/json": {"example": {"error": "one sentence"}}}
_REASONS = {
    400: "no recording, an empty one, or a request that is malformed",
    403: "the request is for another host, or from a page of another origin",
    404: "no such model is served",
    408: "the body comes too slowly, or takes longer than five minutes",
    413: "the body is too large, or the recording too long",
    415: "the recording cannot be decoded",
    503: "no model has been trained yet, or too many requests are waiting",
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"description": reason, "content": _ERROR} for status, reason in _REASONS.items()
}


def add_api(app: FastAPI, service: Service) -> None:
    """Add the routes of the endpoint, and the handlers of all errors."""
    app.include_router(_routes(service))
    for kind in (Refused, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, refuse)


# The names of the functions are in /openapi.json; their docstrings would be, too.
def _routes(service: Service) -> APIRouter:
    router = APIRouter(prefix="/api", dependencies=[Depends(_check_names)])

    @router.get("/models", summary="The models that are served, the newest first")
    def models() -> list[dict[str, Any]]:
        return [model.to_json() for model in service.models.all()]

    @router.post(
        "/predict",
        summary="What a model says of a recording, as `zoo predict --format json` prints it",
        responses=RESPONSES,
        openapi_extra=_BODY,
    )
    async def predict(
        request: Request, model: str | None = None, timeline: bool = False
    ) -> Response:
        # Before the song is read: if no model can answer, it need not be sent.
        chosen = service.models.find(model)
        with closing(await service.uploads.receive(request)) as song:
            await service.measure(song)
            prediction, _ = await service.predict(chosen, song, timeline)
        return Response(json_line(prediction), media_type="application/json")

    return router


async def _check_names(request: Request) -> None:
    """Refuse a parameter that the address does not have."""
    known = [parameter.alias for parameter in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            others = f"; there are {' and '.join(known)}" if known else ""
            raise Refused(400, f"there is no parameter {quoted(name)}{others}")


def refuse(request: Request, error: Exception) -> Response:
    """Return an error as JSON, or as plain text to Gradio's page, which shows it as it is.

    Parameters
    ----------
    request : Request
        The request that is refused.
    error : Exception
        The reason.

    Returns
    -------
    Response
        The answer, with the status of the error.
    """
    status, sentence, headers = 400, str(error), None
    of_page = request.url.path.startswith("/gradio_api/")
    if isinstance(error, Refused):
        status = error.status
        if of_page:
            return Response(sentence, status_code=status, media_type="text/plain")
    elif isinstance(error, HTTPException):
        status, sentence, headers = error.status_code, str(error.detail), error.headers
        if of_page:  # as Gradio's script reads it
            return JSONResponse({"detail": error.detail}, status_code=status, headers=headers)
        if status in (404, 405):
            sentence = f"this address does not answer to {request.method}"
    elif isinstance(error, RequestValidationError):
        first = error.errors()[0]
        sentence = f"{first['loc'][-1]} is wrong: {first['msg']}"
    return JSONResponse({"error": sentence}, status_code=status, headers=headers)
