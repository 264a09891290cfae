"""Typed structures that are stored as JSON: a base class, validation, and common types."""

import re
from collections.abc import ItemsView, Iterator, KeysView, ValuesView
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta

__all__ = ["SHORTEST_MOST", "Count", "Number", "Structure", "from_plain"]

# Numbers beyond 64 bits count or measure nothing, and cannot be calculated with.
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Number = Annotated[float, Meta(ge=0, lt=2**63)]

SHORTEST_MOST = 1 << 24  # samples that a front end may need, all of which are held in memory

_MESSAGE = re.compile(r"(.*?)(?: - at (?:`key` in )?`\$\.?(.*)`)?", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(\w+)`")

T = TypeVar("T")


class Structure(msgspec.Struct):
    """Base class of a JSON object with known fields.

    Fields can also be looked up by their JSON names, as in a dictionary: ``record.model["name"]``.
    A field that is absent from the JSON object is absent there, too. Unknown fields are ignored.
    """

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object."""
        plain: dict[str, Any] = msgspec.to_builtins(self, enc_hook=_builtin)
        return plain

    def __getitem__(self, name: str) -> Any:
        return self.to_dict()[name]

    def __contains__(self, name: object) -> bool:
        return name in self.to_dict()

    def __iter__(self) -> Iterator[str]:
        return iter(self.to_dict())

    def keys(self) -> KeysView[str]:
        """Return the names of the fields that are present."""
        return self.to_dict().keys()

    def values(self) -> ValuesView[Any]:
        """Return the values of the fields that are present."""
        return self.to_dict().values()

    def items(self) -> ItemsView[str, Any]:
        """Return names and values of the fields that are present."""
        return self.to_dict().items()

    def get(self, name: str, default: Any = None) -> Any:
        """Return the value of a field, or `default` if it is absent."""
        return self.to_dict().get(name, default)


def from_plain(value: Any, kind: type[T]) -> T:
    """Return a structure of JSON values; raises `ValueError` that names an unsuitable field."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ValueError(_sentence(str(error))) from error


def _sentence(message: str) -> str:
    """Return a message of msgspec with the location in front of the reason."""
    found = _MESSAGE.fullmatch(message)
    reason, location = (found[1], found[2] or "") if found else (message, "")
    if missing := _MISSING.fullmatch(reason):
        return f"'{location}{'.' if location else ''}{missing[1]}' is missing"
    if "matching regex" in reason:
        reason = "it does not have the form that the zoo writes"
    return f"'{location}': {reason}" if location else reason


def _builtin(value: Any) -> Any:
    """Return a value of a subclass, such as numpy's float64, as the built-in type."""
    for kind in (str, int, float):
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
