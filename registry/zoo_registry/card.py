"""The card of a model, and the protocol of front ends."""

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
from zoo_registry.structures import SHORTEST_MOST

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "BoundedFrontEnd",
    "Card",
    "Choice",
    "Distribution",
    "ExportableFrontEnd",
    "Float",
    "FrontEnd",
    "Int",
    "Layout",
    "LogFloat",
    "ParamValue",
    "TimedFrontEnd",
    "VerifiableFrontEnd",
    "check_contract",
    "identity",
    "shortest",
]

Layout = Literal["vectors", "frames"]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


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
    """Return name, version and every field; raises `PluginError` if it is no dataclass."""
    if not is_dataclass(frontend) or isinstance(frontend, type):
        raise PluginError(
            f"the front end {frontend!r} is no dataclass instance; declare it as one (frozen), "
            "so that its fields can serve as its identity"
        )
    return {"name": frontend.name, "version": frontend.version} | asdict(frontend)


def shortest(frontend: FrontEnd) -> int:
    """Return the number of samples that a front end needs; 0 if it does not state it."""
    needed: Any = frontend.shortest if isinstance(frontend, BoundedFrontEnd) else 0
    if not isinstance(needed, int) or not 0 <= needed <= SHORTEST_MOST:
        raise PluginError(
            f"the front end {frontend.name} states {needed!r} as its shortest waveform; "
            f"give a number of samples, at most {SHORTEST_MOST:,}"
        )
    return int(needed)


def check_contract(contract: object) -> None:
    """Raise `PluginError` if a plugin was written for an unknown contract."""
    if not isinstance(contract, int) or contract < 1:
        raise PluginError(f"its contract is {contract!r}; give the number that it was written for")
    if contract > CONTRACT:
        raise PluginError(
            f"it was written for contract {contract}, and this genre-zoo keeps contract "
            f"{CONTRACT}: pip install --upgrade genre-zoo"
        )


@dataclass(frozen=True, kw_only=True)
class Card:
    """Description of a model by its author.

    Attributes
    ----------
    name : str
        Lower-case words joined by hyphens, used in commands.
    title : str
        Name on the leaderboard.
    family : str
        "classical", "deep", or another word.
    frontend : FrontEnd
        Preprocessing of the audio.
    params : mapping
        Every parameter with its default.
    space : mapping
        Search space of a tuner; its keys are keys of `params`.
    references : tuple of str
        Papers and standards that describe the model.
    requires : tuple of str
        Top-level modules that must be importable, such as "tensorflow".
    extra : str or None
        Extra of genre-zoo that installs them.
    contract : int
        Version of the contract that the plugin was written for; by default the current one.

    Raises
    ------
    PluginError
        If the name is malformed, the search space names an unknown parameter, or the contract
        is newer than this genre-zoo.

    Examples
    --------
    >>> from zoo import Card, Handcrafted, LogFloat
    >>> card = Card(
    ...     name="svm", title="SVM (RBF)", family="classical", frontend=Handcrafted(),
    ...     params={"C": 5.0}, space={"C": LogFloat(0.1, 100)},
    ... )
    >>> card.resolve({"C": "10"})
    {'C': 10.0}
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

    # Before the fields are assigned, since a newer contract may have fields that are unknown here.
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
        shortest(self.frontend)  # it is checked
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
        """Raise `PluginError` where the type of a field is wrong."""
        for field_ in ("name", "title", "family"):
            if not isinstance(given := getattr(self, field_), str):
                raise PluginError(f"the {field_} of a card is text, not {given!r}")
        if not isinstance(self.extra, str | None):
            raise PluginError(f"the extra of {self.name!r} is text or None, not {self.extra!r}")
        for field_ in ("params", "space"):
            given = getattr(self, field_)
            if not isinstance(given, Mapping) or not _are_texts(given):
                raise PluginError(f"{field_} of {self.name!r} maps no names: {given!r}")
        for field_ in ("references", "requires"):
            given = getattr(self, field_)
            if isinstance(given, str) or not _are_texts(given):
                raise PluginError(f"{field_} of {self.name!r} is no tuple of texts: {given!r}")
        for name, kind in self.space.items():
            if not isinstance(kind, Distribution):
                raise PluginError(f"the space of {name!r} of {self.name!r} is no distribution")

    def __hash__(self) -> int:
        return hash((self.name, tuple(sorted(self.params.items(), key=str))))

    def resolve(self, settings: Mapping[str, str | ParamValue]) -> dict[str, ParamValue]:
        """Return all parameters: `settings`, and defaults for the others.

        Parameters
        ----------
        settings : mapping
            Values by parameter name; text is read as on a command line.

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
        else:  # a string or None may mean "chosen by a rule", so a number is also valid
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


def _are_texts(given: object) -> bool:
    return isinstance(given, Iterable) and all(isinstance(item, str) for item in given)


def _literal(text: str) -> ParamValue:
    """Return a number, true, false or null as JSON has it; anything else is a string."""
    try:
        value = json.loads(text.lower() if text in {"True", "False"} else text)
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, ParamValue) else text
