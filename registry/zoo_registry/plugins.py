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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from zoo_registry.card import Card
from zoo_registry.errors import CannotExport, PluginError, UnknownModel, UsageError
from zoo_registry.hooks import ExtensionSpec, ModelSpec, Progress, hookimpl

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BUILT_IN", "EXTENSIONS", "MODELS", "Model", "PluginStatus", "Registry", "Source"]

MODELS = "zoo.plugins"
EXTENSIONS = "zoo.extensions"
BUILT_IN = "genre-zoo"


@dataclass(frozen=True)
class Source:
    """Where a plugin comes from; small and picklable, so that a worker can load it again.

    Attributes
    ----------
    name : str
        The entry point's name, or the path of a loose file.
    distribution, version : str or None
        The installed package; for a loose file None and the start of its hash.
    """

    name: str
    distribution: str | None
    version: str | None

    @property
    def is_file(self) -> bool:
        """Whether this is a loose file."""
        return self.distribution is None


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


class _FrontEndDefault:
    """Answers `preprocess` where a plugin does not."""

    def __init__(self, card: Card) -> None:
        self._frontend = card.frontend

    @hookimpl(trylast=True)
    def preprocess(self, audio: "NDArray[np.float32]") -> "NDArray[np.float32]":
        return self._frontend(audio)


class Model:
    """A loaded plugin: its card, and its hooks with the defaults filled in."""

    def __init__(self, module: ModuleType, source: Source, others: Iterable[object] = ()) -> None:
        """Check `module` against the specification.

        Parameters
        ----------
        module : module
            Declares `card`, `train` and `predict`.
        source : Source
            Where it came from.
        others : iterable of objects
            Default implementations and wrappers, registered beside the module.

        Raises
        ------
        PluginError
            If the module breaks the contract.
        """
        self.card = _card(module)
        self.source = source
        manager = pluggy.PluginManager("zoo")
        manager.add_hookspecs(ModelSpec)
        manager.add_hookspecs(ExtensionSpec)
        try:
            for other in others:
                manager.register(other)
            manager.register(_FrontEndDefault(self.card))
            manager.register(module, "model")
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(_first_line(error)) from error
        own = {caller.name for caller in manager.get_hookcallers(module) or ()}
        for hook in ("train", "predict"):
            if hook not in own:
                raise PluginError(f"it implements no hook {hook!r}; define it, marked @hookimpl")
        self.overrides_preprocess = "preprocess" in own
        self._hook = manager.hook

    def missing(self) -> list[str]:
        """Return the modules that the card requires and that are not installed."""
        return [name for name in self.card.requires if importlib.util.find_spec(name) is None]

    def preprocess(self, audio: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Call the `preprocess` hook, or the card's front end."""
        rows: NDArray[np.float32] = self._hook.preprocess(audio=audio)
        return rows

    def train(
        self,
        tracks: "Sequence[NDArray[np.float32]]",
        labels: "NDArray[np.int64]",
        classes: Sequence[str],
        groups: "NDArray[np.int64]",
        params: Mapping[str, Any],
        seed: int,
        progress: Progress,
    ) -> object:
        """Call the `train` hook."""
        model = self._hook.train(
            tracks=tracks, labels=labels, classes=classes, groups=groups,
            params=params, seed=seed, progress=progress,
        )  # fmt: skip
        if model is None:
            raise PluginError(f"{self.card.name}: train returned None; return the fitted model")
        return model

    def predict(
        self, model: object, tracks: "Sequence[NDArray[np.float32]]", n_classes: int
    ) -> "list[NDArray[np.float64]]":
        """Call the `predict` hook and check what it gives.

        Raises
        ------
        PluginError
            If a shape is wrong, or a probability is not finite, out of range, or
            does not sum to one.
        """
        import numpy as np

        answers = self._hook.predict(model=model, tracks=tracks)
        if answers is None or len(answers) != len(tracks):
            given = "None" if answers is None else f"{len(answers)} arrays"
            raise PluginError(
                f"{self.card.name}: predict returned {given} for {len(tracks)} tracks; "
                "return one array a track"
            )
        checked = []
        for answer in answers:
            windows = np.asarray(answer, dtype=np.float64)
            if windows.ndim != 2 or windows.shape[1] != n_classes or not len(windows):  # noqa: PLR2004
                raise PluginError(
                    f"{self.card.name}: predict returned an array of shape {windows.shape}; "
                    f"return (windows, {n_classes}) with at least one window"
                )
            sums = windows.sum(axis=1)
            if not np.isfinite(windows).all() or (windows < 0).any():
                raise PluginError(f"{self.card.name}: predict returned no probabilities")
            if np.abs(sums - 1).max() > 1e-3:  # noqa: PLR2004
                raise PluginError(
                    f"{self.card.name}: predicted probabilities sum to {sums.min():.4g}.."
                    f"{sums.max():.4g} over the classes; they must sum to one"
                )
            checked.append(windows)
        return checked

    def export(self, model: object) -> Any:
        """Call the `export` hook.

        Raises
        ------
        CannotExport
            If no implementation knows this kind of model.
        """
        proto = self._hook.export(model=model)
        if proto is None:
            raise CannotExport(
                f"{self.card.name} has no `export` hook, and its model, a "
                f"{type(model).__name__}, is no scikit-learn estimator"
            )
        return proto

    def save(self, model: object, folder: Path) -> bool:
        """Call the `save` hook; return whether there was one."""
        return bool(self._hook.save(model=model, folder=folder))

    def load(self, folder: Path) -> object:
        """Call the `load` hook.

        Raises
        ------
        PluginError
            If the plugin has none.
        """
        model = self._hook.load(folder=folder)
        if model is None:
            raise PluginError(f"{self.card.name} has no `load` hook")
        return model

    @property
    def events(self) -> Any:
        """The hook relay on which run events are announced."""
        return self._hook


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
                loaded.setdefault(point.name, _import(point))
            except PluginError as error:
                loaded.setdefault(point.name, error)
        return loaded

    @cached_property
    def hook(self) -> Any:
        """The hook relay of the extensions, for `zoo_datasets` and `zoo_commands`."""
        manager = pluggy.PluginManager("zoo")
        manager.add_hookspecs(ModelSpec)
        manager.add_hookspecs(ExtensionSpec)
        for other in self._others:
            manager.register(other)
        return manager.hook

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
        with _isolated(f"{path}"):
            spec.loader.exec_module(module)
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
            f"importing {origin} raised {type(error).__name__}: {_first_line(error)}"
        ) from error


def _card(module: ModuleType) -> Card:
    card = getattr(module, "card", None)
    if not isinstance(card, Card):
        raise PluginError("it declares no `card`; add `card = Card(name=..., ...)` to the module")
    return card


def _first_line(error: BaseException) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), "no message")
