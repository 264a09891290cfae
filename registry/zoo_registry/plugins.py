"""The registry: all plugins of an installation, each imported only when it is needed.

Listing names imports no plugin. A model is imported when it is named; extensions, few and small,
are imported when hooks are called.
"""

import logging
from collections.abc import Iterable
from functools import cached_property
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from zoo_registry.discovery import (
    PluginEntry,
    is_plugin_file,
    load_extension,
    load_file,
    load_model,
    read_entries,
)
from zoo_registry.enabled import read_switches
from zoo_registry.errors import PluginError, UnknownModel, UsageError
from zoo_registry.model import Model, call_apart, new_manager
from zoo_registry.plugin_status import PluginStatus, statuses

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
        Entry points to use instead of the installed ones.
    """

    def __init__(
        self, defaults: Iterable[object] = (), points: Iterable[EntryPoint] | None = None
    ) -> None:
        self._defaults = tuple(defaults)
        self._points = None if points is None else tuple(points)
        self._loaded: dict[str, Model] = {}

    @cached_property
    def entries(self) -> list[PluginEntry]:
        """Entry points of all plugins, none of them imported."""
        return read_entries(read_switches(), self._points)

    def names(self) -> list[str]:
        """Return the names of all models that are not switched off. No plugin is imported."""
        return sorted(self._models)

    def load(self, name: str) -> Model:
        """Return a model.

        Parameters
        ----------
        name : str
            Its name, or the path of a file that ends with ``.py``.

        Raises
        ------
        UnknownModel
            If there is no such model or file.
        UsageError
            If it is switched off.
        PluginError
            If its plugin is broken; the message names the reason.
        """
        if not is_plugin_file(name) or name in self._models:
            return self.installed(name)
        if name not in self._loaded:
            self._loaded[name] = self._file(Path(name))
        return self._loaded[name]

    def installed(self, name: str) -> Model:
        """Return the installed model of this name, which is never taken for a path.

        Parameters
        ----------
        name : str
            Its name, which need not come from the user.

        Raises
        ------
        UsageError, PluginError
            As by `load`.
        """
        if name not in self._models:
            raise self._unknown(name)
        if name not in self._loaded:
            self._loaded[name] = load_model(self._models[name], self._others)
        return self._loaded[name]

    def models(self, memory: Path | None = None) -> list[PluginStatus]:
        """Return the status of each model, sorted by name; see `statuses`."""
        return statuses([e for e in self.entries if e.kind == "model"], _PATIENCE, memory)

    def plugins(
        self, memory: Path | None = None, patience: float | None = _PATIENCE
    ) -> list[PluginStatus]:
        """Return the status of each plugin, waiting for each so many seconds; see `statuses`."""
        return statuses(self.entries, patience, memory)

    @cached_property
    def extensions(self) -> dict[str, ModuleType]:
        """The modules of extensions that are on, by name; errors of broken ones are logged."""
        loaded = {}
        for entry in self.entries:
            if entry.kind == "extension" and not entry.withheld:
                try:
                    loaded[entry.name] = load_extension(entry)
                except PluginError as error:
                    _log.warning("the extension %s is left out: %s", entry.name, error)
        return loaded

    def ask(self, hook: str, **arguments: Any) -> list[Any]:
        """Call a hook of the extensions; return the results of those that do not fail."""
        results = call_apart(new_manager(self._others), hook, arguments)
        return [result for _, result in results]

    def _unknown(self, name: str) -> UsageError:
        for entry in self.entries:
            if entry.kind == "model" and entry.name == name:
                return UsageError(f"the model {name!r} cannot be used: {entry.reason}")
        known = ", ".join(self.names())
        return UnknownModel(f"there is no model {name!r}; choose one of: {known}")

    def _file(self, path: Path) -> Model:
        model = load_file(path, self._others)
        if any(entry.kind == "model" and entry.name == model.card.name for entry in self.entries):
            raise UsageError(
                f"{path} calls its model {model.card.name!r}, a name that is taken; "
                "choose another in its card"
            )
        return model

    @property
    def _others(self) -> list[object]:
        """Defaults and extensions, registered in addition to each model."""
        return [*self._defaults, *self.extensions.values()]

    @cached_property
    def _models(self) -> dict[str, PluginEntry]:
        return {e.name: e for e in self.entries if e.kind == "model" and not e.withheld}
