"""One loaded model: its card, and its hooks with defaults and checked results."""

import importlib.util
import inspect
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pluggy

from zoo_registry.card import Card
from zoo_registry.class_weight import balanced_weights
from zoo_registry.errors import CannotExport, LayoutError, PluginError, UsageError
from zoo_registry.frontend_card import FrontEndCard
from zoo_registry.hooks import ExtensionSpec, ModelSpec, Progress, hookimpl
from zoo_registry.kept import stdout_kept
from zoo_registry.probabilities import checked_probabilities
from zoo_registry.text import first_line, in_a_line, near, place
from zoo_registry.tracing import plugin_name, trace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "LoadedFrontEnd", "Model", "Source", "announced", "call_apart", "hooks_of", "new_manager",
]  # fmt: skip

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """Origin of a plugin; picklable, so that a worker can load the plugin, too.

    Attributes
    ----------
    name : str
        Name of the entry point, or path of a loose file.
    distribution, version : str or None
        The installed package; for a loose file None and the first digits of its hash.
    frontend : Source or None
        Origin of the front end, if a model does not have that of its card.
    fields : str
        Fields of a front end that do not have their defaults, as in ``window=10,hop=5``.
    """

    name: str
    distribution: str | None
    version: str | None
    frontend: "Source | None" = None
    fields: str = ""

    @property
    def spec(self) -> str:
        """The user's word for it: the name, and the fields of a front end."""
        return f"{self.name}:{self.fields}" if self.fields else self.name

    @property
    def frontend_spec(self) -> str | None:
        """The user's word for the front end, None for that of the card."""
        return self.frontend.spec if self.frontend else None

    @property
    def is_file(self) -> bool:
        """Whether this is a loose file."""
        return self.distribution is None


def new_manager(plugins: Iterable[object]) -> pluggy.PluginManager:
    """Return a plugin manager; raises `PluginError` if a hook or an argument is unknown."""
    manager = pluggy.PluginManager("zoo")
    manager.add_hookspecs(ModelSpec)
    manager.add_hookspecs(ExtensionSpec)
    try:
        for plugin in plugins:
            manager.register(plugin)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        fault = _fault(manager, error.plugin) or " ".join(str(error).split())
        raise PluginError(fault) from error
    trace(manager)
    return manager


def _fault(manager: pluggy.PluginManager, plugin: object) -> str | None:
    """Return what is wrong with the hooks of a plugin that pluggy refused, and where."""
    # pluggy names neither the line nor what would be right.
    specs = {
        name: spec
        for kind in (ModelSpec, ExtensionSpec)
        for name, spec in vars(kind).items()
        if not name.startswith("_")
    }
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is None:
            continue
        function = getattr(plugin, name)
        hook, where = options["specname"] or name, _where(function)
        if hook not in specs:
            closest = near(hook, list(specs)) or f"; the hooks are {', '.join(specs)}"
            return f"unknown hook {hook!r}, {where}{closest}"
        allowed = list(inspect.signature(specs[hook]).parameters)[1:]
        if wrong := [
            each for each in inspect.signature(function).parameters if each not in allowed
        ]:
            words = f"argument{'s' * (len(wrong) > 1)} {', '.join(map(repr, wrong))}"
            may = f"it takes those it needs of {', '.join(allowed)}" if allowed else "it takes none"
            return f"the hook {hook!r} has no {words}, {where}; {may}"
    return None


def _where(function: Any) -> str:
    """Return "line 7 of FILE", where a function is defined."""
    code = inspect.unwrap(function).__code__
    return f"line {code.co_firstlineno} of {code.co_filename}"


def hooks_of(plugin: object) -> tuple[str, ...]:
    """Return the names of the hooks that a valid plugin implements, sorted."""
    callers = new_manager([plugin]).get_hookcallers(plugin)
    return tuple(sorted(caller.name for caller in callers or ()))


def call_apart(
    manager: pluggy.PluginManager, hook: str, arguments: Mapping[str, Any]
) -> Iterator[tuple[str, Any]]:
    """Yield name and result of each plugin; an error is logged and stops no other plugin."""
    # A plugin is called when its result is requested: the caller may use that of the one before.
    caller = getattr(manager.hook, hook)
    # pluggy lists those that come first last; what was registered first comes first here.
    listed = sorted(caller.get_hookimpls(), key=lambda found: (found.trylast, not found.tryfirst))
    plugins = [found.plugin for found in listed if not found.wrapper]
    for plugin in plugins:
        others = [other for other in plugins if other is not plugin]
        try:
            with stdout_kept():
                results = manager.subset_hook_caller(hook, others)(**arguments)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            name, reason = plugin_name(plugin), in_a_line(error)
            _log.warning("the extension %s failed in %s: %s", name, hook, reason)
        else:
            yield from ((plugin_name(plugin), result) for result in results)


def announced(
    manager: pluggy.PluginManager, event: str, facts: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """Yield the JSON values that each extension keeps of an event; other results are logged."""
    for name, result in call_apart(manager, event, facts):
        try:
            kept = json.loads(json.dumps(dict(result), allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            _log.warning(
                "what the extension %s returned from %s is not kept (%s); its author should "
                "return a mapping of plain JSON values", name, event, first_line(error),
            )  # fmt: skip
        else:
            yield kept


@dataclass(frozen=True)
class LoadedFrontEnd:
    """A loaded front end: its card, and its module with the origin of it."""

    card: FrontEndCard
    source: Source
    module: ModuleType


class _FrontEndDefault:
    """Default of `preprocess`: the front end of the card."""

    def __init__(self, card: Card) -> None:
        self._frontend = card.frontend

    @hookimpl(trylast=True)
    def preprocess(self, audio: "NDArray[np.float32]") -> "NDArray[np.float32]":
        return self._frontend(audio)


class Model:
    """A loaded plugin: its card, and its hooks with the defaults.

    Parameters
    ----------
    module : module
        Module that declares `card`, `train` and `predict`.
    source : Source
        Origin of the module.
    others : iterable of objects
        Default implementations and wrappers, registered in addition to the module.
    frontend : LoadedFrontEnd, optional
        Front end in the place of the card's.

    Attributes
    ----------
    card : Card
        The card, with the front end that is used.
    frontend_card : FrontEndCard or None
        Card of the front end's plugin, if it has one.

    Raises
    ------
    PluginError
        If the module breaks the contract.
    UsageError
        If the model does not take the front end.
    """

    def __init__(
        self,
        module: ModuleType,
        source: Source,
        others: Iterable[object] = (),
        frontend: LoadedFrontEnd | None = None,
    ) -> None:
        card = getattr(module, "card", None)
        if not isinstance(card, Card):
            raise PluginError(
                f"{source.name} declares no `card`; add `card = Card(name=..., ...)` to it"
            )
        self.card = card
        self.frontend_card: FrontEndCard | None = None
        self.module = module
        self.source = source
        self.hooks = hooks_of(module)
        for hook in ("train", "predict"):
            if hook not in self.hooks:
                found = getattr(module, hook, None)
                if inspect.isfunction(found):
                    raise PluginError(
                        f"its function {hook!r} is not marked as a hook, {_where(found)}; write "
                        "@hookimpl above it"
                    )
                raise PluginError(f"it implements no hook {hook!r}; define it, marked @hookimpl")
        self.overrides_preprocess = "preprocess" in self.hooks
        if frontend:
            self._take(frontend)
        # A `preprocess` that forgot its `return` is an error, and no call for the default.
        default = [] if self.overrides_preprocess else [_FrontEndDefault(self.card)]
        self._manager = new_manager([*others, *default, module])

    def _take(self, given: LoadedFrontEnd) -> None:
        """Take a front end in the place of the card's."""
        own, other = self.card.frontend, given.card.frontend
        if own == other:  # the same run, however it is asked for
            return
        if self.overrides_preprocess:
            raise UsageError(
                f"{self.card.name} computes its arrays itself, in its `preprocess` hook; train it "
                "without --front-end"
            )
        if own.layout != other.layout:
            rows = {"vectors": "a row per window", "frames": "a row per short-time frame"}
            error = LayoutError(
                f"{self.card.name} takes {rows[own.layout]}, as {own.name} gives it, and "
                f"{other.name} gives {rows[other.layout]}; choose a front end of the layout "
                f"{own.layout!r}: `zoo models` shows the layout of each"
            )
            error.layout = own.layout
            raise error
        self.card = replace(self.card, frontend=other)
        self.frontend_card = given.card
        self.source = replace(self.source, frontend=given.source)

    def missing(self) -> list[str]:
        """Return the modules that the card requires but that are not installed."""
        return [name for name in self.card.requires if not _installed(name)]

    def preprocess(self, audio: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Call the `preprocess` hook, or the card's front end."""
        rows: NDArray[np.float32] = self.call("preprocess", audio=audio)
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
        scratch: Path,
    ) -> object:
        """Call the `train` hook."""
        own, is_balanced = self.card.split(params)
        weights = None
        if is_balanced:
            by_row = self.card.frontend.layout == "vectors"
            weights = balanced_weights(labels, [len(rows) for rows in tracks] if by_row else None)
        model = self.call(
            "train", tracks=tracks, labels=labels, classes=classes, groups=groups, params=own,
            seed=seed, progress=progress, scratch=scratch, sample_weight=weights,
        )  # fmt: skip
        if model is None:
            raise PluginError(f"{self.card.name}: train returned None; return the fitted model")
        return model

    def predict(
        self, model: object, tracks: "Sequence[NDArray[np.float32]]", n_classes: int
    ) -> "list[NDArray[np.float64]]":
        """Call the `predict` hook and check its result.

        Parameters
        ----------
        model : object
            Result of `train`.
        tracks : sequence of float32 arrays, each of shape (rows, columns)
            One array per track.
        n_classes : int
            Number of classes.

        Returns
        -------
        list of float64 arrays, each of shape (windows, classes)
            Probabilities, one array per track.

        Raises
        ------
        PluginError
            If a shape is wrong, a probability is not finite or out of range, or a row does not
            sum to one.
        """
        results = self.call("predict", model=model, tracks=tracks)
        try:
            return checked_probabilities(results, len(tracks), n_classes)
        except ValueError as error:
            raise PluginError(f"{self.card.name}: {error}") from error

    def export(self, model: object) -> Any:
        """Return the ONNX form of a model; raises `CannotExport` if no hook knows its kind."""
        proto = self.call("export", model=model)
        if proto is None:
            raise CannotExport(
                f"{self.card.name} has no `export` hook, and its model, a "
                f"{type(model).__name__}, is neither a scikit-learn estimator nor a Keras network"
            )
        return proto

    def save(self, model: object, folder: Path) -> bool:
        """Call the `save` hook; return whether the model was saved."""
        return bool(self.call("save", model=model, folder=folder))

    def load(self, folder: Path) -> object:
        """Return a model that `save` wrote; raises `PluginError` if the plugin has no such hook."""
        model = self.call("load", folder=folder)
        if model is None:
            raise PluginError(f"{self.card.name} has no `load` hook")
        return model

    def announce(self, event: str, **facts: Any) -> Iterator[Mapping[str, Any]]:
        """Yield the JSON values that each extension keeps of an event; other results are logged."""
        return announced(self._manager, event, facts)

    @property
    def takes_weights(self) -> bool:
        """Whether the plugin's `train` takes `sample_weight`."""
        own = [f for f in self._manager.hook.train.get_hookimpls() if f.plugin is self.module]
        return any("sample_weight" in found.argnames + found.kwargnames for found in own)

    @property
    def is_observed(self) -> bool:
        """Whether an extension wraps `train` or `predict`, whose calls it sees in its process."""
        hook = self._manager.hook
        return any(found.wrapper for h in (hook.train, hook.predict) for found in h.get_hookimpls())

    def call(self, hook: str, **arguments: Any) -> Any:
        """Call a hook of the specification, and return its result."""
        try:
            with stdout_kept():
                return getattr(self._manager.hook, hook)(**arguments)
        except (Exception, KeyboardInterrupt):
            raise
        except BaseException as error:  # no plugin ends the command, not even by SystemExit
            raise PluginError(in_a_line(error) + place(error, self.module.__file__)) from error


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # its parent package is missing, or the name is not valid
        return False
