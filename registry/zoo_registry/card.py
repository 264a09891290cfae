"""What a model says of itself: its card, its parameters and their search space."""

import json
import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from zoo_registry.errors import PluginError, UsageError
from zoo_registry.hooks import CONTRACT
from zoo_registry.parameters import Choice, Distribution, Float, Int, LogFloat, ParamValue

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Card",
    "Choice",
    "Distribution",
    "Float",
    "FrontEnd",
    "Int",
    "Layout",
    "LogFloat",
    "ParamValue",
    "check_contract",
    "identity",
]

Layout = Literal["vectors", "frames"]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@runtime_checkable
class FrontEnd(Protocol):
    """The declared preprocessing of a model: waveform in, array out.

    An implementation is a frozen dataclass: its fields, its `name` and its
    `version` are its identity, and arrays are cached under that identity.

    Attributes
    ----------
    name : str
        Under which runs record the front end.
    version : int
        Raised whenever the same fields come to give other numbers.
    layout : {"vectors", "frames"}
        What the rows of the array are: "vectors" has one row a window, "frames"
        one row a short-time frame, from which the model cuts its own windows.
    sample_rate : int
        Hz at which the waveform is wanted.
    """

    name: ClassVar[str]
    version: ClassVar[int]
    layout: ClassVar[Layout]

    @property
    def sample_rate(self) -> int:
        """Hz at which the waveform is wanted."""
        ...

    def __call__(self, audio: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Turn a mono waveform, shape (samples,), into an array, shape (rows, columns)."""
        ...


def identity(frontend: FrontEnd) -> dict[str, Any]:
    """Return what makes two front ends equal: name, version and every field.

    Raises
    ------
    PluginError
        If `frontend` is no dataclass, so that its fields are not known.
    """
    if not is_dataclass(frontend) or isinstance(frontend, type):
        raise PluginError(
            f"the front end {frontend!r} is no dataclass instance; declare it as one (frozen), "
            "so that its fields can serve as its identity"
        )
    return {"name": frontend.name, "version": frontend.version} | asdict(frontend)


def check_contract(contract: object) -> None:
    """Raise `PluginError` if a plugin was written for a contract that is not known here."""
    if not isinstance(contract, int) or contract < 1:
        raise PluginError(f"its contract is {contract!r}; give the number that it was written for")
    if contract > CONTRACT:
        raise PluginError(
            f"it was written for contract {contract}, and this genre-zoo keeps contract "
            f"{CONTRACT}: pip install --upgrade genre-zoo"
        )


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a model says of itself.

    Parameters
    ----------
    name : str
        Lower-case words joined by hyphens; what people type.
    title : str
        What people read on the leaderboard.
    family : str
        "classical", "deep", or a word of the author's.
    frontend : FrontEnd
        The preprocessing the model is trained on.
    params : mapping
        Every parameter with its default.
    space : mapping
        What a tuner may try; its keys are keys of `params`.
    references : tuple of str
        Papers and standards that the model follows.
    requires : tuple of str
        Top-level modules that must be importable, such as "tensorflow".
    extra : str, optional
        The extra of genre-zoo that brings them, or None.
    contract : int
        The version of the contract that the plugin was written for; the present one by default.

    Raises
    ------
    PluginError
        If the name is malformed, the search space names an unknown parameter, or the contract
        is newer than this genre-zoo.
    """

    name: str
    title: str
    family: str
    frontend: FrontEnd
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    space: Mapping[str, Distribution] = field(default_factory=dict)
    references: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    extra: str | None = None
    contract: int = CONTRACT

    # Before the fields are taken, since a newer contract may have some that are unknown here.
    def __new__(cls, *_: Any, contract: int = CONTRACT, **__: Any) -> "Card":
        """Refuse a newer contract."""
        check_contract(contract)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        self._check_kinds()
        if not _NAME.fullmatch(self.name):
            raise PluginError(
                f"the model name {self.name!r} is malformed; "
                "use lower-case words joined by hyphens, such as 'my-model'"
            )
        if isinstance(self.frontend, type) or not isinstance(self.frontend, FrontEnd):
            raise PluginError(f"the front end of {self.name!r} is no front end: {self.frontend!r}")
        for name, value in self.params.items():
            if not isinstance(value, ParamValue):
                raise PluginError(
                    f"the default of parameter {name!r} of {self.name!r} is {value!r}; "
                    "use a number, a string, a boolean or None"
                )
        if unknown := sorted(set(self.space) - set(self.params)):
            raise PluginError(
                f"the search space of {self.name!r} names {', '.join(unknown)}, "
                "which its parameters do not have; add a default to `params`"
            )
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))
        object.__setattr__(self, "space", MappingProxyType(dict(self.space)))
        object.__setattr__(self, "references", tuple(self.references))
        object.__setattr__(self, "requires", tuple(self.requires))

    def _check_kinds(self) -> None:
        """Raise `PluginError` where a field is not what it has to be."""
        texts = {"name": self.name, "title": self.title, "family": self.family}
        for field_, value in texts.items():
            if not isinstance(value, str):
                raise PluginError(f"the {field_} of a card is text, not {value!r}")
        if not isinstance(self.extra, str | None):
            raise PluginError(f"the extra of {self.name!r} is text or None, not {self.extra!r}")
        for field_ in ("params", "space"):
            given = getattr(self, field_)
            if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
                raise PluginError(f"{field_} of {self.name!r} maps no names: {given!r}")
        for field_ in ("references", "requires"):
            given = getattr(self, field_)
            if (
                isinstance(given, str)
                or not isinstance(given, Iterable)
                or not all(isinstance(item, str) for item in given)
            ):
                raise PluginError(f"{field_} of {self.name!r} is no tuple of texts: {given!r}")
        for name, kind in self.space.items():
            if not isinstance(kind, Distribution):
                raise PluginError(f"the space of {name!r} of {self.name!r} is no distribution")

    def __hash__(self) -> int:
        return hash((self.name, tuple(sorted(self.params.items(), key=str))))

    def resolve(self, settings: Mapping[str, str | ParamValue]) -> dict[str, ParamValue]:
        """Return all parameters, with `settings` in place of the defaults.

        Parameters
        ----------
        settings : mapping
            Values, or text as a command line gives it, by parameter name.

        Raises
        ------
        UsageError
            If a parameter is unknown or a value does not fit its default's type.
        """
        resolved = dict(self.params)
        for name, value in settings.items():
            if name not in self.params:
                known = ", ".join(self.params) or "none"
                raise UsageError(
                    f"{self.name} has no parameter {name!r}; its parameters are: {known}"
                )
            resolved[name] = self._fit(name, _literal(value) if isinstance(value, str) else value)
        return resolved

    def _fit(self, name: str, value: ParamValue) -> ParamValue:
        """Return `value` if its type is that of the default."""
        default = self.params[name]
        options = self.space.get(name)
        if isinstance(default, bool) or isinstance(value, bool):
            fits = isinstance(value, bool) and isinstance(default, bool | None)
        elif isinstance(default, float):
            fits = isinstance(value, int | float) and abs(value) <= sys.float_info.max
            value = float(value) if fits and isinstance(value, int | float) else value
        elif isinstance(default, int):
            fits = isinstance(value, int)
        elif isinstance(options, Choice):
            fits = value in options.values
        else:  # a string or None may stand for "chosen by a rule", where a number is also meant
            fits = not isinstance(value, float) or math.isfinite(value)
        if not fits:
            wanted = (
                f"one of {', '.join(map(str, options.values))}"
                if isinstance(options, Choice)
                else f"a value like its default, {default!r}"
            )
            raise UsageError(
                f"parameter {name!r} of {self.name} cannot be {value!r}; give {wanted}"
            )
        return value


def _literal(text: str) -> ParamValue:
    """Read a number, true, false or null as JSON does; anything else is a string."""
    try:
        value = json.loads(text.lower() if text in {"True", "False"} else text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, ParamValue) else text
