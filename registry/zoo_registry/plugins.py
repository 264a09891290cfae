"""The registry: all plugins of an installation, each loaded only when it is asked for.

Listing names imports nothing. A model is imported when it is named, an extension whenever hooks
are called: extensions are few and small.
"""

import logging
from collections.abc import Iterable
from functools import cached_property
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from zoo_registry.discovery import Offer, read_offers
from zoo_registry.enabled import read_switches
from zoo_registry.errors import PluginError, UnknownModel, UsageError
from zoo_registry.loading import load_extension, load_file, load_model
from zoo_registry.model import Model, call_apart, new_manager
from zoo_registry.plugin_status import PluginStatus, survey

__all__ = ["Registry"]

_log = logging.getLogger(__name__)
_PATIENCE = 1.0  # seconds that a list waits for a plugin


class Registry:
    """All plugins of this installation.

    Parameters
    ----------
    defaults : iterable of objects
        Implementations used where a plugin has none of its own.
    points : iterable of EntryPoint, optional
        Instead of those that are installed.
    """

    def __init__(
        self, defaults: Iterable[object] = (), points: Iterable[EntryPoint] | None = None
    ) -> None:
        self._defaults = tuple(defaults)
        self._points = None if points is None else tuple(points)
        self._loaded: dict[str, Model] = {}

    @cached_property
    def offers(self) -> list[Offer]:
        """All plugins as they are announced, none of them imported."""
        return read_offers(read_switches(), self._points)

    def names(self) -> list[str]:
        """Return the names of all models that are not switched off; imports no plugin."""
        return sorted(self._models)

    def load(self, name: str) -> Model:
        """Return the model called `name`, or the one in the file of that path.

        Raises
        ------
        UnknownModel
            If there is no such model or file.
        UsageError
            If it is switched off.
        PluginError
            If its plugin is broken; the message says why.
        """
        if name not in self._loaded:
            if name in self._models:
                self._loaded[name] = load_model(self._models[name], self._others)
            elif name.endswith(".py"):
                self._loaded[name] = self._file(Path(name))
            else:
                raise self._unknown(name)
        return self._loaded[name]

    def models(self, memory: Path | None = None) -> list[PluginStatus]:
        """Return how every model plugin is, sorted by name, the broken ones included.

        Parameters
        ----------
        memory : Path, optional
            As for `zoo_registry.plugin_status.survey`.
        """
        models = [offer for offer in self.offers if offer.kind == "model"]
        return survey(models, _PATIENCE, memory)

    def plugins(
        self, memory: Path | None = None, patience: float | None = _PATIENCE
    ) -> list[PluginStatus]:
        """Return how every model and extension is, sorted by name.

        Parameters
        ----------
        memory : Path, optional
            As for `zoo_registry.plugin_status.survey`.
        patience : float, optional
            Seconds to wait for each; None for a minute.
        """
        return survey(self.offers, patience, memory)

    @cached_property
    def extensions(self) -> dict[str, ModuleType]:
        """The extensions that are on, by name; what is wrong with a broken one is logged."""
        loaded = {}
        for offer in self.offers:
            if offer.kind == "extension" and not offer.withheld:
                try:
                    loaded[offer.name] = load_extension(offer)
                except PluginError as error:
                    _log.warning("the extension %s is left out: %s", offer.name, error)
        return loaded

    def ask(self, hook: str, **arguments: Any) -> list[Any]:
        """Call a hook of the extensions; return the answers of those that do not fail."""
        return call_apart(new_manager(self._others), hook, arguments)

    def _unknown(self, name: str) -> UsageError:
        for offer in self.offers:
            if offer.kind == "model" and offer.name == name:
                return UsageError(f"the model {name!r} cannot be used: {offer.reason}")
        known = ", ".join(self.names())
        return UnknownModel(f"there is no model {name!r}; choose one of: {known}")

    def _file(self, path: Path) -> Model:
        model = load_file(path, self._others)
        if any(offer.kind == "model" and offer.name == model.card.name for offer in self.offers):
            raise UsageError(
                f"{path} calls its model {model.card.name!r}, a name that is taken; "
                "choose another in its card"
            )
        return model

    @property
    def _others(self) -> list[object]:
        """What is registered beside every model."""
        return [*self._defaults, *self.extensions.values()]

    @cached_property
    def _models(self) -> dict[str, Offer]:
        return {
            offer.name: offer
            for offer in self.offers
            if offer.kind == "model" and not offer.withheld
        }
