"""Parameters of an address: each is described once, for the check and for ``/openapi.json``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from starlette.requests import Request

from zoo.web.refusals import Refused
from zoo_registry.text import quoted

__all__ = ["Parameter", "given"]

_FLAGS = {"true": True, "false": False}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "flag": {"type": "boolean", "default": False},
    "list": {"type": "array", "items": {"type": "string"}},
}


@dataclass(frozen=True)
class Parameter:
    """A parameter of an address.

    Attributes
    ----------
    name, description : str
        Name, and one sentence.
    kind : {"text", "flag", "list"}
        A text, true or false, or texts: only a list may be given more than once.
    """

    name: str
    description: str
    kind: Literal["text", "flag", "list"] = "text"

    def to_openapi(self) -> dict[str, Any]:
        """Return it as an OpenAPI document describes it."""
        about = {"name": self.name, "in": "query", "description": self.description}
        return {**about, "schema": _SCHEMAS[self.kind]}

    def value(self, texts: Sequence[str]) -> str | bool | Sequence[str] | None:
        """Return the value of what a query has under this name; refuse a wrong one (400)."""
        if self.kind == "list":
            return texts
        if len(texts) > 1:
            raise Refused(400, f"{self.name} is given {len(texts)} times; give it once")
        if self.kind == "text":
            return texts[0] if texts else None
        flag = texts[0] if texts else "false"
        if flag not in _FLAGS:
            raise Refused(400, f"{self.name} is {quoted(flag)}; it can be true or false")
        return _FLAGS[flag]


def given(request: Request, parameters: Sequence[Parameter] = ()) -> dict[str, Any]:
    """Return the values of parameters: text or None, bool, or list of str.

    Parameters
    ----------
    request : Request
        Its query is read.
    parameters : sequence of Parameter
        All that the address has.

    Raises
    ------
    Refused
        400 if the query has another one, one twice, or a value that is none.
    """
    known = [parameter.name for parameter in parameters]
    for name in request.query_params:
        if name not in known:
            others = f"; there are {', '.join(known)}" if known else ""
            raise Refused(400, f"there is no parameter {quoted(name)}{others}")
    return {each.name: each.value(request.query_params.getlist(each.name)) for each in parameters}
