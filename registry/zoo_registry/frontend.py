"""Front ends: their protocols, their fields, and what each has to fulfil."""

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, get_args, runtime_checkable

from zoo_registry.errors import PluginError, UsageError
from zoo_registry.hooks import CONTRACT
from zoo_registry.structures import SHORTEST_MOST
from zoo_registry.text import brief, in_a_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "BoundedFrontEnd",
    "ExportableFrontEnd",
    "FrontEnd",
    "Layout",
    "NamedFrontEnd",
    "TimedFrontEnd",
    "VerifiableFrontEnd",
    "check_contract",
    "check_front_end",
    "check_name",
    "fields_of",
    "has_network",
    "identity",
    "in_words",
    "shortest",
    "with_fields",
]

Layout = Literal["vectors", "frames"]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LARGEST = 2**63  # of the numbers of a record
_WHOLE = {
    "sample_rate": (1, 1_000_000, "Hz"),
    "hop": (1, 2**32, "samples"),
    "reach": (0, 2**32, "samples"),
    "shortest": (0, SHORTEST_MOST, "samples"),
}


@runtime_checkable
class FrontEnd(Protocol):
    """The declared preprocessing of a model: waveform in, array out.

    An implementation is a frozen dataclass. Its fields, its `name` and its `version` are its
    identity, which is part of the key of cached arrays.

    Attributes
    ----------
    name : str
        Name in the record of a run.
    version : int
        Raised whenever the result for the same fields changes.
    layout : {"vectors", "frames"}
        "vectors": one row per window; "frames": one row per short-time frame, of which the model
        makes its own windows.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    layout: ClassVar[Layout]

    @property
    def sample_rate(self) -> int:
        """Sample rate of the waveform in Hz."""
        ...

    def __call__(self, audio: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Return the array, shape (rows, columns), of a mono waveform, shape (samples,)."""
        ...


@runtime_checkable
class ExportableFrontEnd(FrontEnd, Protocol):
    """A front end that can be part of an artefact."""

    def graph(self) -> Any:
        """Return an ``onnx.ModelProto`` from ``waveform`` to ``track``.

        The input is float32 of shape (1, samples), the output float32 of shape (rows, columns).
        """
        ...


@runtime_checkable
class TimedFrontEnd(ExportableFrontEnd, Protocol):
    """A front end whose rows have a known position, so that predictions carry times."""

    @property
    def hop(self) -> int:
        """Distance of two rows in samples."""
        ...

    @property
    def reach(self) -> int:
        """Number of samples before its own that a row depends on."""
        ...


@runtime_checkable
class NamedFrontEnd(FrontEnd, Protocol):
    """A front end whose columns have names, so that what a model needs of them can be told."""

    @property
    def column_names(self) -> Sequence[str]:
        """Name of each column; names that differ in a number or a statistic are one family."""
        ...


@runtime_checkable
class BoundedFrontEnd(FrontEnd, Protocol):
    """A front end that states how much sound it needs; shorter recordings are "unknown"."""

    @property
    def shortest(self) -> int:
        """Number of samples of the shortest waveform whose array says something of it."""
        ...


@runtime_checkable
class VerifiableFrontEnd(ExportableFrontEnd, Protocol):
    """A front end with a second, independent computation that its graph is compared with."""

    def reference(self, audio: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Return the same array as a call, shape (rows, columns); it may be slow."""
        ...


def identity(frontend: FrontEnd) -> dict[str, Any]:
    """Return name, version and every field; raises `PluginError` if it is not a dataclass."""
    if not is_dataclass(frontend) or isinstance(frontend, type):
        raise PluginError(
            f"the front end {frontend!r} is not a dataclass instance; declare it as one (frozen), "
            "so that its fields can serve as its identity"
        )
    return {"name": frontend.name, "version": frontend.version} | asdict(frontend)


def has_network(frontend: FrontEnd) -> bool:
    """Whether a front end is a pretrained network, as every subclass of `zoo.Encoder` is."""
    return hasattr(frontend, "network")


def check_front_end(frontend: FrontEnd) -> None:
    """Raise `PluginError` if a front end has a field or a property that cannot be used."""
    name = frontend.name
    for key, value in identity(frontend).items():
        if not _is_plain(value):
            raise PluginError(
                f"the field {key!r} of the front end {name} is {brief(repr(value))}; give a finite "
                "number, text, a boolean, None, or a list of these"
            )
    if frontend.layout not in get_args(Layout):
        raise PluginError(
            f"the layout of the front end {name} is {frontend.layout!r}; "
            f"give one of {', '.join(map(repr, get_args(Layout)))}"
        )
    for key, (least, most, unit) in _WHOLE.items():
        try:
            value = getattr(frontend, key, least)
        except Exception as error:
            raise PluginError(f"{key} of the front end {name} raises {in_a_line(error)}") from error
        is_whole = isinstance(value, Integral) and not isinstance(value, bool)
        if not (is_whole and least <= value <= most):
            raise PluginError(
                f"{key} of the front end {name} is {brief(repr(value))}; "
                f"give a whole number from {least} to {most:,} ({unit})"
            )


def _is_plain(value: object) -> bool:
    """Whether JSON has a value, with numbers that can be calculated with."""
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return not isinstance(value, int) or abs(value) < _LARGEST


def shortest(frontend: FrontEnd) -> int:
    """Return the number of samples that a front end needs; 0 if it does not state it."""
    return frontend.shortest if isinstance(frontend, BoundedFrontEnd) else 0


def fields_of(frontend: FrontEnd) -> dict[str, object]:
    """Return the fields that a user can give, with their values."""
    identity(frontend)
    return {each.name: getattr(frontend, each.name) for each in fields(frontend) if each.init}  # type: ignore[arg-type]


def in_words(values: Mapping[str, object]) -> str:
    """Return fields as they are typed, such as "window=10.0, n_fft=1024"."""
    return ", ".join(f"{name}={value}" for name, value in values.items())


def with_fields(frontend: FrontEnd, settings: Mapping[str, str]) -> FrontEnd:
    """Return a front end with other values of its fields.

    Parameters
    ----------
    frontend : FrontEnd
        Front end with the values of the others.
    settings : mapping
        Values by the names of fields, as text of a command line.

    Raises
    ------
    UsageError
        If a field is unknown, or does not take the value.
    """
    known = fields_of(frontend)
    changed: dict[str, object] = {}
    for name, text in settings.items():
        if name not in known:
            raise UsageError(
                f"the front end {frontend.name} has no field {name!r}; its fields are: "
                f"{in_words(known) or 'none'}"
            )
        changed[name] = _fitting(frontend.name, name, text, known[name])
    try:
        found = replace(frontend, **changed) if changed else frontend  # type: ignore[type-var]
        check_front_end(found)
    except Exception as error:
        said = in_a_line(error)
        named = said if frontend.name in said else f"the front end {frontend.name}: {said}"
        raise UsageError(named) from error
    return found


def _fitting(frontend: str, name: str, text: str, default: object) -> object:
    """Return the value of a field whose type is that of its default."""
    if isinstance(default, str):
        return text
    try:
        value = json.loads(text.lower())
    except (ValueError, RecursionError):
        value = text
    if isinstance(default, float) and type(value) is int:
        value = float(value) if abs(value) <= sys.float_info.max else math.inf
    if type(value) is not type(default) or value in (math.inf, -math.inf):
        raise UsageError(
            f"the field {name!r} of the front end {frontend} cannot be {text!r}; give a value like "
            f"its default, {default!r}"
        )
    return value


def check_name(kind: str, name: object) -> None:
    """Raise `PluginError` if the name of a "model" or "front end" is malformed."""
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise PluginError(
            f"the {kind} name {name!r} is malformed; "
            f"use lower-case words joined by hyphens, such as 'my-{kind.replace(' ', '-')}'"
        )


def check_contract(contract: object) -> None:
    """Raise `PluginError` if a plugin was written for an unknown contract."""
    if not isinstance(contract, int) or contract < 1:
        raise PluginError(f"its contract is {contract!r}; give the number that it was written for")
    if contract > CONTRACT:
        raise PluginError(
            f"it was written for contract {contract}, and this genre-zoo keeps contract "
            f"{CONTRACT}: pip install --upgrade genre-zoo"
        )
