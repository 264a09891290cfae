"""The card of a model."""

import json
import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from zoo_registry.class_weight import NAME, ClassWeight
from zoo_registry.errors import PluginError, UsageError
from zoo_registry.frontend import FrontEnd, check_contract, check_front_end, check_name
from zoo_registry.hooks import CONTRACT
from zoo_registry.parameters import Choice, Distribution, Float, Int, LogFloat, ParamValue

__all__ = ["Card", "Choice", "Distribution", "Float", "Int", "LogFloat", "ParamValue"]

_OF_PYTHON = {"True": "true", "False": "false", "None": "null"}  # as records name values


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
    meanings : mapping
        What parameters mean, in a few words each, for `zoo models NAME`.
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
    meanings: Mapping[str, str] = field(default_factory=dict)
    contract: int = CONTRACT

    # Before the fields are assigned, since a newer contract may have fields that are unknown here.
    def __new__(cls, *_: Any, contract: int = CONTRACT, **__: Any) -> "Card":
        """Refuse a newer contract."""
        check_contract(contract)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        self._check_kinds()
        check_name("model", self.name)
        if isinstance(self.frontend, type) or not isinstance(self.frontend, FrontEnd):
            raise PluginError(
                f"the front end of {self.name!r} is not a front end: {self.frontend!r}"
            )
        check_front_end(self.frontend)
        for name, value in self.params.items():
            if not isinstance(value, ParamValue):
                raise PluginError(
                    f"the default of parameter {name!r} of {self.name!r} is {value!r}; "
                    "use a number, a string, a boolean or None"
                )
        if unknown := sorted(set(self.meanings) - set(self.params)):
            raise PluginError(
                f"the meanings of {self.name!r} name {', '.join(unknown)}, which its parameters do "
                "not have"
            )
        if unknown := sorted(set(self.space) - set(self.params)):
            raise PluginError(
                f"the search space of {self.name!r} names {', '.join(unknown)}, "
                "which its parameters do not have; add a default to `params`"
            )
        object.__setattr__(self, "params", MappingProxyType(dict(self.params)))
        object.__setattr__(self, "space", MappingProxyType(dict(self.space)))
        object.__setattr__(self, "meanings", MappingProxyType(dict(self.meanings)))
        object.__setattr__(self, "references", tuple(self.references))
        object.__setattr__(self, "requires", tuple(self.requires))

    def _check_kinds(self) -> None:
        """Raise `PluginError` where the type of a field is wrong."""
        for field_ in ("name", "title", "family"):
            if not isinstance(given := getattr(self, field_), str):
                raise PluginError(f"the {field_} of a card is text, not {given!r}")
        if not isinstance(self.extra, str | None):
            raise PluginError(f"the extra of {self.name!r} is text or None, not {self.extra!r}")
        for field_ in ("params", "space", "meanings"):
            given = getattr(self, field_)
            if not isinstance(given, Mapping) or not _are_texts(given):
                raise PluginError(f"{field_} of {self.name!r} maps no names: {given!r}")
        for field_ in ("references", "requires"):
            given = getattr(self, field_)
            if isinstance(given, str) or not _are_texts(given):
                raise PluginError(f"{field_} of {self.name!r} is not a tuple of texts: {given!r}")
        for name, kind in self.space.items():
            if not isinstance(kind, Distribution):
                raise PluginError(f"the space of {name!r} of {self.name!r} is not a distribution")

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
            If a parameter is unknown, a value does not fit its default's type, or it is below 1
            where the search space is of integers from 1 or more.
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

    def recorded(self, params: Mapping[str, ParamValue]) -> dict[str, ParamValue]:
        """Return the parameters that a run records, and is known by.

        These are all, but `CLASS_WEIGHT` where it is "none": such a run is the same as before the
        model had this parameter.

        Parameters
        ----------
        params : mapping
            Result of `resolve`.
        """
        own, is_balanced = self.split(params)
        is_neutral = self.params.get(NAME) is ClassWeight.NONE and not is_balanced
        return own if is_neutral else dict(params)

    @property
    def weighs_classes(self) -> bool:
        """Whether the parameters have `CLASS_WEIGHT`, and not one of the author's of this name."""
        return isinstance(self.params.get(NAME), ClassWeight)

    def split(self, params: Mapping[str, ParamValue]) -> tuple[dict[str, ParamValue], bool]:
        """Return parameters without `CLASS_WEIGHT`, and whether it lets all classes count alike."""
        if not self.weighs_classes:
            return dict(params), False
        rest = {name: value for name, value in params.items() if name != NAME}
        return rest, params.get(NAME) == ClassWeight.BALANCED

    def _fit(self, name: str, value: ParamValue) -> ParamValue:
        """Return `value` if its type is that of the default."""
        default = self.params[name]
        options = self.space.get(name)
        if isinstance(default, ClassWeight):
            options = Choice(tuple(ClassWeight))
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
        wanted = f"a value like its default, {default!r}"
        if isinstance(options, Choice):
            wanted = f"one of {', '.join(map(str, options.values))}"
        elif isinstance(options, Int) and options.low >= 1 and isinstance(value, int) and value < 1:
            fits, wanted = False, "a whole number from 1"
        if not fits:
            raise UsageError(
                f"parameter {name!r} of {self.name} cannot be {value!r}; give {wanted}"
            )
        return value


def _are_texts(given: object) -> bool:
    return isinstance(given, Iterable) and all(isinstance(item, str) for item in given)


def _literal(text: str) -> ParamValue:
    """Return a number, true, false or null, as JSON or Python has it; others are strings."""
    try:
        value = json.loads(_OF_PYTHON.get(text, text))
    except (ValueError, RecursionError):
        return text
    return value if isinstance(value, ParamValue) else text
