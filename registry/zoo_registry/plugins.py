"""The registry: all plugins of an installation, each imported only when it is needed.

Listing names imports no plugin. A model or a front end is imported when it is named; extensions,
few and small, are imported when hooks are called.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from functools import cached_property
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType
from typing import Any

from zoo_registry.discovery import (
    Kind,
    PluginEntry,
    is_plugin_file,
    load_extension,
    load_frontend,
    load_frontend_file,
    load_model,
    load_model_file,
    read_entries,
)
from zoo_registry.enabled import read_switches, warn_of_unknown
from zoo_registry.errors import PluginError, UnknownModel, UsageError
from zoo_registry.frontend import fields_of, in_words, with_fields
from zoo_registry.model import LoadedFrontEnd, Model, announced, call_apart, new_manager
from zoo_registry.plugin_status import PluginStatus, statuses
from zoo_registry.published import NAMES

__all__ = ["Registry"]

_log = logging.getLogger(__name__)
_PATIENCE = 1.0  # seconds that a list waits for a plugin
# Name or file of a front end, and fields; a colon may also be part of a path.
_SPEC = re.compile(r"(?P<name>.+?)(?::(?P<fields>\w+=[^:]*))?")


class Registry:
    """All plugins of this installation.

    Parameters
    ----------
    defaults : iterable of objects
        Implementations used where a plugin has none of its own.
    points : iterable of EntryPoint, optional
        Entry points to use instead of the installed ones.
    stored : callable, optional
        Returns the front end in the ONNX file of a run; without it there is none.
    """

    def __init__(
        self,
        defaults: Iterable[object] = (),
        points: Iterable[EntryPoint] | None = None,
        stored: Callable[[Path], LoadedFrontEnd] | None = None,
    ) -> None:
        self._stored = stored
        self._defaults = tuple(defaults)
        self._points = None if points is None else tuple(points)
        self._loaded: dict[tuple[str, str | None], Model] = {}

    @cached_property
    def entries(self) -> list[PluginEntry]:
        """Entry points of all plugins, none of them imported."""
        return read_entries(read_switches(), self._points)

    def names(self) -> list[str]:
        """Return the names of all models that are not switched off. No plugin is imported."""
        return sorted(self._points_of("model"))

    def load(self, name: str, frontend: str | None = None) -> Model:
        """Return a model.

        Parameters
        ----------
        name : str
            Its name, or the path of a file that ends with ``.py``.
        frontend : str, optional
            Front end in the place of the card's, as for `frontend`.

        Raises
        ------
        UnknownModel
            If there is no such model or file.
        UsageError
            If it is switched off, or does not take the front end.
        PluginError
            If its plugin is broken; the message names the reason.
        """
        if not is_plugin_file(name) or name in self._points_of("model"):
            return self.installed(name, frontend)
        if (name, frontend) not in self._loaded:
            self._loaded[name, frontend] = self._described(self._file(Path(name), frontend))
        return self._loaded[name, frontend]

    def installed(self, name: str, frontend: str | None = None) -> Model:
        """Return the installed model of this name, which is never taken for a path.

        Parameters
        ----------
        name : str
            Its name, which need not come from the user.
        frontend : str, optional
            As for `load`.

        Raises
        ------
        UsageError, PluginError
            As by `load`.
        """
        found = self._points_of("model")
        if name not in found:
            raise self._unknown("model", name)
        if (name, frontend) not in self._loaded:
            given = None if frontend is None else self.frontend(frontend)
            model = load_model(found[name], self._others, given)
            self._loaded[name, frontend] = self._described(model)
        return self._loaded[name, frontend]

    def frontend(self, spec: str) -> LoadedFrontEnd:
        """Return a front end.

        Parameters
        ----------
        spec : str
            Its name, the path of a file that ends with ``.py``, or that of the ONNX file of a run;
            behind a colon, values of its fields, as in ``handcrafted:window=10``.

        Raises
        ------
        UsageError
            If there is no such front end, file or field, or it is switched off.
        PluginError
            If its plugin is broken; the message names the reason.

        Examples
        --------
        >>> from zoo_registry.plugins import Registry
        >>> Registry().frontend("handcrafted:window=10").card.frontend.window
        10.0
        """
        name, given = _parts(spec)
        found = self._points_of("front-end")
        if name in found:
            loaded = load_frontend(found[name])
        elif self._stored and name.endswith(".onnx"):
            loaded = self._stored(Path(name))
        elif is_plugin_file(name):
            loaded = load_frontend_file(Path(name))
            if any(e.kind == "front-end" and e.name == loaded.card.name for e in self.entries):
                raise UsageError(
                    f"{name} calls its front end {loaded.card.name!r}, a name that is taken; "
                    "choose another in its card"
                )
        else:
            raise self._unknown("front-end", name)
        settings = dict(_setting(spec, item) for item in given.split(",") if item)
        frontend = with_fields(loaded.card.frontend, settings)
        changed = {
            name: value
            for name in sorted(settings)
            if (value := getattr(frontend, name)) != getattr(loaded.card.frontend, name)
        }
        fields = ",".join(f"{name}={value}" for name, value in changed.items())
        return replace(
            loaded,
            card=replace(loaded.card, frontend=frontend),
            source=replace(loaded.source, fields=fields),
        )

    def is_frontend(self, spec: str) -> bool:
        """Whether a word of the user names a front end, and no model; a file is imported."""
        name, _ = _parts(spec)
        if {spec, name} & self._points_of("model").keys():
            return False
        if is_plugin_file(name):
            with suppress(PluginError, UsageError):  # it is taken for a model, which says why
                load_frontend_file(Path(name))
                return True
        return any(entry.kind == "front-end" and entry.name == name for entry in self.entries)

    def models(self, memory: Path | None = None) -> list[PluginStatus]:
        """Return the status of each model, sorted by name; see `statuses`."""
        return statuses([e for e in self.entries if e.kind == "model"], _PATIENCE, memory)

    def frontends(self, memory: Path | None = None) -> list[PluginStatus]:
        """Return the status of each front end, sorted by name; see `statuses`."""
        return statuses([e for e in self.entries if e.kind == "front-end"], _PATIENCE, memory)

    def plugins(
        self, memory: Path | None = None, patience: float | None = _PATIENCE
    ) -> list[PluginStatus]:
        """Return the status of each plugin, waiting for each so many seconds; see `statuses`."""
        return statuses(self.entries, patience, memory)

    @cached_property
    def extensions(self) -> dict[str, ModuleType]:
        """The modules of extensions that are on, by name; errors of broken ones are logged."""
        packages = {entry.source.distribution or "" for entry in self.entries}
        warn_of_unknown({entry.name for entry in self.entries} | packages)
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

    def announce(self, event: str, **facts: Any) -> Iterator[Mapping[str, Any]]:
        """Yield what each extension keeps of an event of a run that has no model of its own."""
        return announced(new_manager(self._others), event, facts)

    def _unknown(self, kind: Kind, name: str) -> UsageError:
        what = kind.replace("-", " ")
        for entry in self.entries:
            if entry.kind == kind and entry.name == name:
                return UsageError(f"the {what} {name!r} cannot be used: {entry.reason}")
        if kind == "model" and name in NAMES:
            return UsageError(
                f"{name} is not a model but a run that comes with the zoo, trained already: "
                f"`zoo predict {name} song.mp3` uses it, `zoo train logistic --from {name}` trains "
                "a model of your own on its front end"
            )
        known = sorted(self._points_of(kind))
        error = UnknownModel if kind == "model" else UsageError
        return error(f"there is no {what} {name!r}; {self._advice(kind, name, known)}")

    def _advice(self, kind: Kind, name: str, known: Sequence[str]) -> str:
        """Return what to type in the place of an unknown name."""
        listed = f"choose one of: {', '.join(known)}"
        begin, colon, field = name.partition(":")
        if kind == "front-end" and colon and (begin in known or is_plugin_file(begin)):
            fields = fields_of(self.frontend(begin).card.frontend)
            like = next((f"{n}={v}" for n, v in fields.items() if n == field), "FIELD=VALUE")
            return f"a field has a value, as in {begin}:{like}; its fields are: {in_words(fields)}"
        if kind == "front-end" and {part.partition(":")[0] for part in name.split(",")} <= {*known}:
            return "give --front-end once for each"
        near = get_close_matches(name.casefold(), known, 1)
        if kind == "model" and not near:
            near = get_close_matches(name.casefold(), self._points_of("front-end"), 1)
            near = [f"the front end {each}" for each in near]
        return f"did you mean {near[0]}? C{listed[1:]}" if near else listed

    def _file(self, path: Path, frontend: str | None) -> Model:
        given = None if frontend is None else self.frontend(frontend)
        model = load_model_file(path, self._others, given)
        name = model.card.name
        if name in NAMES or any(e.kind == "model" and e.name == name for e in self.entries):
            raise UsageError(
                f"{path} calls its model {name!r}, a name that is taken; choose another in its card"
            )
        return model

    @property
    def _others(self) -> list[object]:
        """Defaults and extensions, registered in addition to each model."""
        return [*self._defaults, *self.extensions.values()]

    def _described(self, model: Model) -> Model:
        """Add the card of the model's own front end, if that is the one of a plugin."""
        own = model.card.frontend
        entry = self._points_of("front-end").get(own.name)
        if entry and model.frontend_card is None:
            try:
                card = load_frontend(entry).card
            except PluginError:  # it is none that the model needs
                return model
            if type(card.frontend) is type(own):
                model.frontend_card = card
        return model

    def _points_of(self, kind: Kind) -> dict[str, PluginEntry]:
        """Return the entry points of a kind that are not withheld, by name."""
        return {e.name: e for e in self.entries if e.kind == kind and not e.withheld}


def _parts(spec: str) -> tuple[str, str]:
    """Return the name of a front end, or the path of its file, and the values of its fields."""
    parsed = _SPEC.fullmatch(spec)
    return (parsed["name"], parsed["fields"] or "") if parsed else (spec, "")


def _setting(spec: str, item: str) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not (name and equals):
        raise UsageError(
            f"{spec!r} is not a front end; give NAME or NAME:FIELD=VALUE,..., such as "
            "handcrafted:window=10"
        )
    return name, value
