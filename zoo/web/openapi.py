"""``/openapi.json``, and the page that is made from it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import msgspec

from zoo.inference.prediction import OPTIONAL, Section
from zoo.web.parameters import Parameter
from zoo.web.schemas import Error, Failed, Health, Limit, Predicted, Progress
from zoo.web.served_models import HIDDEN, ServedModel
from zoo.web.uploads import MOST

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["DOCS", "Operation", "document", "page"]

DOCS = Path(__file__).with_name("docs")
"""Template and style of the page."""

_MODELS = (Predicted, Section, ServedModel, Limit, Health, Failed, Progress, Error)
_NOT_ALWAYS = (*OPTIONAL, "file", "seconds_taken", "waveform")
_REASONS = {
    400: "no recording, an empty one, or a request that is malformed",
    401: "the server wants a token, or it is a wrong one",
    403: "the request is for another host, or from a page of another origin",
    404: "no such model is served",
    408: "the body comes too slowly, or takes longer than five minutes",
    413: "the body is too large, or the recording too long",
    415: "the recording cannot be decoded, or the body is compressed (Content-Encoding)",
    503: "no model can answer, too many requests are waiting, or the server stops",
}
# An entry of the section Attributes of a docstring (numpydoc), without its sentences.
_ENTRY = re.compile(r"^(\w+) : .*\n((?:    .*\n|\n)+)", re.MULTILINE)


@dataclass(frozen=True)
class Operation:
    """An address, as the document describes it.

    Attributes
    ----------
    method, path, summary : str
        Method, path, and one sentence.
    answer : mapping of str to dict
        Schema of the answer by its media type.
    parameters : sequence of Parameter
        All that it takes.
    body : mapping of str to dict
        Schema of the body by its media type; empty without one.
    refusals : sequence of int
        Statuses of refusals.
    is_open : bool
        Whether it needs no token.
    """

    method: str
    path: str
    summary: str
    answer: Mapping[str, Any]
    parameters: Sequence[Parameter] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    refusals: Sequence[int] = ()
    is_open: bool = False

    def to_openapi(self) -> dict[str, Any]:
        """Return it as an OpenAPI document describes it."""
        refusals = sorted({*self.refusals, 400, 403, *([] if self.is_open else [401])})
        error = _content(_json("Error"))
        found: dict[str, Any] = {
            "summary": self.summary,
            "operationId": self.path.strip("/").replace("/", "_").replace(".", "_"),
            "parameters": [parameter.to_openapi() for parameter in self.parameters],
            "responses": {
                "200": {"description": "the answer", "content": _content(self.answer)},
                **{str(s): {"description": _REASONS[s], "content": error} for s in refusals},
            },
            "security": [{}] if self.is_open else [{}, {"token": []}],
        }
        if self.body:
            found["requestBody"] = {"required": True, "content": _content(self.body)}
        return found


def _content(schemas: Mapping[str, Any]) -> dict[str, Any]:
    return {kind: {"schema": schema} for kind, schema in schemas.items()}


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": _reference(name)}


def _recordings(files: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bodies that hold recordings: one of them alone, or a form."""
    form = {"type": "object", "properties": {"file": files}, "additionalProperties": False}
    return {"application/octet-stream": _FILE, "multipart/form-data": form}


_FILE = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
_MODEL = "Run, name of a run, model, or `model@dataset`; see the page on serving. "
_TIMELINE = Parameter("timeline", "Whether the label over time is wanted.", "flag")
_WAVEFORM = Parameter("waveform", "Whether `waveform` and `seconds_taken` are wanted.", "flag")
_PROGRESS = Parameter(
    "progress",
    "Whether lines that tell the progress come between the answers, at most two per second.",
    "flag",
)
_TEXT = {"type": "string"}
_LINE = {"oneOf": [*map(_reference, ("Predicted", "Failed", "Progress"))]}
_SEVERAL = {"type": "array", "items": _FILE, "maxItems": MOST}
_SERVED = {"type": "array", "items": _reference("ServedModel")}
_ONE_MODEL = Parameter("model", f"{_MODEL}By default the preferred or newest.")
_MODELS_ASKED = Parameter("model", f"{_MODEL}May be repeated.", "list")

OPERATIONS = (
    Operation(
        "POST",
        "/api/predict",
        "Prediction of one recording, as `zoo predict --format json` prints it",
        _json("Predicted"),
        (_ONE_MODEL, _TIMELINE, _WAVEFORM),
        _recordings(_FILE),
        (404, 408, 413, 415, 503),
    ),
    Operation(
        "POST",
        "/api/batch",
        "Predictions of several recordings by several models: a line of JSON for each recording "
        "and model, in order, as soon as it is known",
        {"application/x-ndjson": _LINE},
        (_MODELS_ASKED, _TIMELINE, _WAVEFORM, _PROGRESS),
        _recordings(_SEVERAL),
        (404, 408, 413, 415, 503),
    ),
    Operation(
        "GET",
        "/api/models",
        "The models that are served, the newest first",
        {"application/json": _SERVED},
    ),
    Operation("GET", "/api/limits", "Limits of the server", _json("Limit")),
    Operation(
        "GET", "/health", "Whether the server answers", _json("Health"),
        refusals=(503,), is_open=True,
    ),
    Operation(
        "GET",
        "/metrics",
        "Figures for Prometheus: requests, recordings, predictions, queue, memory",
        {"text/plain": _TEXT},
    ),
    Operation(
        "GET", "/openapi.json", "This document", {"application/json": {"type": "object"}},
        is_open=True,
    ),
    Operation("GET", "/docs", "This document as a page", {"text/html": _TEXT}, is_open=True),
)  # fmt: skip
"""All addresses but those of the page."""


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document of the server."""
    template = "#/components/schemas/{name}"
    _, components = msgspec.json.schema_components(_MODELS, ref_template=template)
    schemas = {each.__name__: _described(each, components[each.__name__]) for each in _MODELS}
    paths: dict[str, Any] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = operation.to_openapi()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "genre-zoo",
            "version": version("genre-zoo"),
            "description": "Trained models that classify recordings. Parameters and addresses "
            'that are not listed are refused. Every refusal is `{"error": "one sentence"}`.',
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Only if the server was started with `--token`.",
                }
            },
        },
    }


def _described(model: type, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with the sentences of the docstrings, and what is always there."""
    sentences: dict[str, str] = {}
    for each in reversed(model.__mro__):
        text = dedent(f"    {each.__doc__ or ''}\n")
        for name, sentence in _ENTRY.findall(text.partition("----------\n")[2]):
            sentences[name] = re.sub(r"\bNone\b", "`null`", " ".join(sentence.split()))
    properties = {
        name: {**value, "description": sentences[name]} if name in sentences else value
        for name, value in schema["properties"].items()
        if name not in HIDDEN
    }
    for value in properties.values():
        value.pop("default", None)
    return {
        "title": schema["title"],
        "description": (model.__doc__ or "").partition("\n")[0],
        "type": "object",
        "properties": properties,
        "required": [name for name in properties if name not in _NOT_ALWAYS],
    }


@cache
def page() -> str:
    """Return the document as a page without scripts."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(DOCS), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"kind": _kind, "code": _with_code}
    return environment.get_template("docs.html").render(document=document())


def _with_code(text: str) -> "Markup":
    """Return a text as HTML, with what is in backticks as code."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _kind(schema: Mapping[str, Any]) -> str:
    """Return the type that a schema describes, in words."""
    kind = str(schema.get("type", "anything"))
    if "$ref" in schema:
        kind = str(schema["$ref"]).rpartition("/")[2]
    elif several := schema.get("anyOf") or schema.get("oneOf"):
        kind = " or ".join(map(_kind, several))
    elif "items" in schema:
        kind = f"list of {_kind(schema['items'])}"
    elif "enum" in schema:
        kind = " or ".join(f'"{value}"' for value in schema["enum"])
    elif schema.get("format") == "binary":
        kind = "recording"
    elif "additionalProperties" in schema:
        kind = f"object of {_kind(schema['additionalProperties'])}"
    return kind
