"""How plugins are found, loaded one by one, and kept from harming each other.

A model is an entry point of the group ``zoo.plugins``; its name is the entry
point's, so that listing names imports nothing. An extension (a wrapper of hooks,
a listener, a source of data sets or commands) is an entry point of the group
``zoo.extensions``; extensions are few and small, and loaded whenever hooks are called.
"""

import contextlib
import hashlib
import importlib.util
import io
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from zoo_registry.errors import PluginError, UnknownModel, UsageError
from zoo_registry.model import Model, Source, first_line, new_manager

__all__ = ["BUILT_IN", "EXTENSIONS", "MODELS", "PluginStatus", "Registry"]

MODELS = "zoo.plugins"
EXTENSIONS = "zoo.extensions"
BUILT_IN = "genre-zoo"


@dataclass(frozen=True)
class PluginStatus:
    """One line of ``zoo models``: a model that can be trained, or the reason why not.

    Attributes
    ----------
    status : {"ready", "missing", "broken"}
        "missing" lacks an installed package, "broken" failed to load.
    """

    name: str
    title: str | None
    family: str | None
    status: str
    reason: str | None
    distribution: str | None
    version: str | None


class Registry:
    """All plugins of this installation, each loaded only when it is asked for.

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

    def names(self) -> list[str]:
        """Return the names of all models; imports no plugin."""
        return sorted(self._models)

    def load(self, name: str) -> Model:
        """Return the model called `name`, or the one in the file of that path.

        Raises
        ------
        UnknownModel
            If there is no such model or file.
        PluginError
            If its plugin is broken; the message says why.
        """
        if name not in self._loaded:
            if name in self._models:
                point = self._models[name]
                module = _import(point)
                model = Model(module, _source(point), self._others)
                if model.card.name != name:
                    raise PluginError(
                        f"its card is named {model.card.name!r}, its entry point {name!r}; "
                        "give both the same name"
                    )
            elif name.endswith(".py"):
                model = self._load_file(Path(name))
            else:
                raise UnknownModel(
                    f"there is no model {name!r}; choose one of: {', '.join(self.names())}"
                )
            self._loaded[name] = model
        return self._loaded[name]

    def models(self) -> list[PluginStatus]:
        """Return the state of every model plugin, sorted by name, the broken ones included."""
        states = [self._state(name) for name in self.names()]
        clashes = [self._clash(point) for point in self._clashes]
        return sorted(states + clashes, key=lambda state: (state.name, state.distribution or ""))

    @cached_property
    def extensions(self) -> dict[str, object]:
        """The loaded extensions by name; a broken one is the exception that it raised."""
        loaded: dict[str, object] = {}
        for point in self._entry_points(EXTENSIONS):
            try:
                module = _import(point)
                new_manager([module])
                loaded.setdefault(point.name, module)
            except PluginError as error:
                loaded.setdefault(point.name, error)
        return loaded

    @cached_property
    def hook(self) -> Any:
        """The hook relay of the extensions, for `zoo_datasets` and `zoo_commands`."""
        return new_manager(self._others).hook

    def _state(self, name: str) -> PluginStatus:
        source = _source(self._models[name])
        try:
            model = self.load(name)
        except PluginError as error:
            return PluginStatus(
                name, None, None, "broken", str(error), source.distribution, source.version
            )
        status, reason = "ready", None
        if missing := model.missing():
            extra = f"{BUILT_IN}[{model.card.extra}]" if model.card.extra else " ".join(missing)
            status = "missing"
            reason = f"needs {', '.join(missing)}: pip install '{extra}'"
        return PluginStatus(
            name, model.card.title, model.card.family, status, reason,
            source.distribution, source.version,
        )  # fmt: skip

    def _clash(self, point: EntryPoint) -> PluginStatus:
        source, owner = _source(point), _source(self._models[point.name])
        reason = (
            f"the name {point.name!r} is taken by {owner.distribution}; "
            "the author of the package has to choose another"
        )
        return PluginStatus(
            point.name, None, None, "broken", reason, source.distribution, source.version
        )

    def _load_file(self, path: Path) -> Model:
        if not path.is_file():
            raise UnknownModel(f"there is no file {str(path)!r} to load a model from")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        spec = importlib.util.spec_from_file_location(f"zoo_file_{digest[:12]}", path)
        assert spec is not None and spec.loader is not None  # noqa: PT018
        module = importlib.util.module_from_spec(spec)
        sys.modules[module.__name__] = module  # so that dataclasses and pickles find it
        try:
            with _isolated(f"{path}"):
                spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module.__name__]  # half of it is worse than none
            raise
        model = Model(module, Source(str(path.resolve()), None, digest[:12]), self._others)
        if model.card.name in self._models:
            raise UsageError(
                f"{path} calls its model {model.card.name!r}, a name that is taken; "
                "choose another in its card"
            )
        return model

    @property
    def _others(self) -> list[object]:
        """What is registered beside every model."""
        sound = [plugin for plugin in self.extensions.values() if isinstance(plugin, ModuleType)]
        return [*self._defaults, *sound]

    def _entry_points(self, group: str) -> list[EntryPoint]:
        """Return the group's entry points, built-in ones first, then by package."""
        points = entry_points(group=group) if self._points is None else self._points
        found = {
            (point.name, point.value, _source(point).distribution): point
            for point in points
            if point.group == group
        }
        return sorted(
            found.values(),
            key=lambda point: (
                (package := _source(point).distribution) != BUILT_IN, package or "", point.name,
            ),
        )  # fmt: skip

    @cached_property
    def _models(self) -> dict[str, EntryPoint]:
        # Read from the end, so that the first claimant of a name keeps it.
        return {point.name: point for point in reversed(self._entry_points(MODELS))}

    @property
    def _clashes(self) -> list[EntryPoint]:
        return [point for point in self._entry_points(MODELS) if self._models[point.name] != point]


def _source(point: EntryPoint) -> Source:
    dist = point.dist
    return Source(point.name, dist.name if dist else "unknown", dist.version if dist else None)


def _import(point: EntryPoint) -> ModuleType:
    """Import the module of an entry point.

    Raises
    ------
    PluginError
        Whatever goes wrong while it is imported.
    """
    with _isolated(point.value):
        module = point.load()
    if not isinstance(module, ModuleType):
        raise PluginError(f"its entry point {point.value!r} is no module; name the module alone")
    return module


@contextlib.contextmanager
def _isolated(origin: str) -> Any:
    """Turn whatever a plugin's import raises into a `PluginError`; swallow what it prints."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        # SystemExit and exceptions outside Exception too: no plugin ends the command.
        raise PluginError(
            f"importing {origin} raised {type(error).__name__}: {first_line(error)}"
        ) from error
