"""Parameters of an address: each is described once, for the check and for ``/openapi.json``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from zoo.web.refusals import Refused
from zoo_registry.text import quoted

__all__ = ["Parameter", "given"]

_FLAGS = {"true": True, "false": False}


@dataclass(frozen=True)
class Parameter:
    """A parameter of an address.

    Attributes
    ----------
    name, description : str
        Name, and one sentence.
    is_flag, is_list : bool
        Whether it is true or false, and whether it may be repeated; otherwise it is one text.
    """

    name: str
    description: str
    is_flag: bool = False
    is_list: bool = False

    def to_openapi(self) -> dict[str, Any]:
        """Return it as an OpenAPI document describes it."""
        schema: dict[str, Any] = {"type": "string"}
        if self.is_flag:
            schema = {"type": "boolean", "default": False}
        if self.is_list:
            schema = {"type": "array", "items": schema}
        return {
            "name": self.name,
            "in": "query",
            "description": self.description,
            "schema": schema,
        }


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
    values: dict[str, Any] = {}
    for parameter in parameters:
        name, texts = parameter.name, request.query_params.getlist(parameter.name)
        if parameter.is_list:
            values[name] = texts
            continue
        if len(texts) > 1:
            raise Refused(400, f"{name} is given {len(texts)} times; give it once")
        values[name] = texts[0] if texts else None
        if parameter.is_flag:
            flag = texts[0] if texts else "false"
            if flag not in _FLAGS:
                raise Refused(400, f"{name} is {quoted(flag)}; it can be true or false")
            values[name] = _FLAGS[flag]
    return values
