"""Plugins: found as entry points without being imported, and imported one at a time.

A model is an entry point of the group ``zoo.plugins``, a front end one of ``zoo.frontends``; its
name is that of the entry point. An extension (a wrapper of hooks, a listener, a source of datasets
or commands) is an entry point of ``zoo.extensions``, which is used by default, or of
``zoo.extensions.optional``, which is used once the user enables it.
"""

import hashlib
import importlib.util
import io
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution
from pathlib import Path
from types import ModuleType
from typing import Literal

from zoo_registry.distributions import Damaged, installed_points
from zoo_registry.enabled import DISABLED, Switches
from zoo_registry.errors import PluginError, UnknownModel
from zoo_registry.files import is_file
from zoo_registry.frontend import check_contract
from zoo_registry.frontend_card import FrontEndCard
from zoo_registry.kept import process_kept
from zoo_registry.model import LoadedFrontEnd, Model, Source, new_manager
from zoo_registry.published import NAMES
from zoo_registry.text import first_line, pip_install

__all__ = [
    "BUILT_IN",
    "EXTENSIONS",
    "FRONTENDS",
    "MODELS",
    "OPTIONAL",
    "Kind",
    "PluginEntry",
    "file_version",
    "is_plugin_file",
    "load_extension",
    "load_frontend",
    "load_frontend_file",
    "load_model",
    "load_model_file",
    "read_entries",
]

MODELS = "zoo.plugins"
FRONTENDS = "zoo.frontends"
EXTENSIONS = "zoo.extensions"
OPTIONAL = "zoo.extensions.optional"
BUILT_IN = "genre-zoo"

Kind = Literal["model", "front-end", "extension", "package"]
_KINDS: dict[str, Kind] = {
    MODELS: "model", FRONTENDS: "front-end", EXTENSIONS: "extension", OPTIONAL: "extension"
}  # fmt: skip


@dataclass(frozen=True)
class PluginEntry:
    """One entry point, or a package whose entry points cannot be read.

    Attributes
    ----------
    kind, point : {"model", "front-end", "extension", "package"}, EntryPoint
    withheld : {"disabled", "broken"} or None
        Why it is not imported: it is switched off, another plugin has its name, or its package is
        damaged.
    reason : str or None
        The same as a sentence.
    """

    kind: Kind
    point: EntryPoint
    withheld: Literal["disabled", "broken"] | None = None
    reason: str | None = None

    @property
    def name(self) -> str:
        """The name of the entry point."""
        return self.point.name

    @property
    def needs(self) -> list[str]:
        """The missing packages of the extra with the name of an optional extension."""
        required = self.point.dist and self.point.dist.requires
        if self.point.group != OPTIONAL or not required:
            return []
        extra = re.compile(rf"([\w.-]+).*;.*extra == ['\"]{re.escape(self.name)}['\"]")
        return [m[1] for line in required if (m := extra.match(line)) and not _is_there(m[1])]

    @property
    def need(self) -> str:
        """The same as a clause with the command that installs them; empty if nothing is missing."""
        if not (packages := self.needs):
            return ""
        built_in = self.source.distribution == BUILT_IN
        extra = f"{self.source.distribution}[{self.name}]"
        command = pip_install(self.name) if built_in else f"pip install {extra!r}"
        return f"needs {', '.join(packages)}: {command}"

    @property
    def source(self) -> Source:
        """The package that it comes from."""
        dist = self.point.dist
        if self.kind == "package":
            return Source(self.name, self.name, None)
        return Source(self.name, dist.name if dist else "unknown", dist.version if dist else None)


def _is_there(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True


def read_entries(
    switches: Switches, points: Iterable[EntryPoint] | None = None
) -> list[PluginEntry]:
    """Return entries of `points`, or of all installed: built-in ones, then by package and name."""
    entries: dict[tuple[str, str, str | None], PluginEntry] = {}
    damaged: list[PluginEntry] = []
    for point in installed_points(tuple(_KINDS)) if points is None else points:
        if isinstance(point, Damaged):
            blank = EntryPoint(point.name, "", "")
            damaged.append(PluginEntry("package", blank, "broken", point.reason))
        elif point.group in _KINDS:
            entry = PluginEntry(_KINDS[point.group], point)
            entries[point.name, point.value, entry.source.distribution] = entry
    owners: dict[tuple[str, str], PluginEntry] = {}
    found = [_withheld(entry, switches, owners) for entry in sorted(entries.values(), key=_rank)]
    return found + damaged


def _rank(entry: PluginEntry) -> tuple[bool, str, str]:
    package = entry.source.distribution or ""
    return package != BUILT_IN, package, entry.name


def _withheld(
    entry: PluginEntry, switches: Switches, owners: dict[tuple[str, str], PluginEntry]
) -> PluginEntry:
    """Return `entry`, withheld if it is switched off or an earlier plugin has its name."""
    package = entry.source.distribution
    off = sorted({entry.name, package or ""} & switches.disabled)
    if entry.point.group == OPTIONAL and not {entry.name, package} & switches.enabled:
        reason = f"it is optional: `zoo plugins enable {entry.name}` switches it on"
        reason += f"; it {entry.need}" if entry.need else ""
        return replace(entry, withheld="disabled", reason=reason)
    if entry.kind == "model" and entry.name in NAMES:
        reason = (
            f"the name {entry.name!r} is that of a run that comes with the zoo; the author of the "
            "package has to choose another"
        )
        return replace(entry, withheld="broken", reason=reason)
    # A built-in model that is switched off keeps its name: no other plugin may replace it.
    if not off or package == BUILT_IN:
        owner = owners.setdefault((entry.kind, entry.name), entry)
        if owner is not entry:
            reason = (
                f"the name {entry.name!r} is taken by {owner.source.distribution}; "
                "the author of the package has to choose another"
            )
            return replace(entry, withheld="broken", reason=reason)
    if off:
        reason = f"it is switched off: `zoo plugins enable {off[0]}`, or change {DISABLED}"
        return replace(entry, withheld="disabled", reason=reason)
    return entry


def load_model(
    entry: PluginEntry, others: Iterable[object] = (), frontend: LoadedFrontEnd | None = None
) -> Model:
    """Return a model, imported and checked, with `others` and `frontend` as for `Model`."""
    model = Model(_import(entry), entry.source, others, frontend)
    _check_name(entry, model.card.name)
    return model


def load_frontend(entry: PluginEntry) -> LoadedFrontEnd:
    """Return a front end, imported and checked."""
    loaded = _frontend_of(_import(entry), entry.source)
    _check_name(entry, loaded.card.name)
    return loaded


def _check_name(entry: PluginEntry, name: str) -> None:
    if name != entry.name:
        raise PluginError(
            f"its card is named {name!r}, its entry point {entry.name!r}; give both the same name"
        )


def _frontend_of(module: ModuleType, source: Source) -> LoadedFrontEnd:
    card = getattr(module, "card", None)
    if not isinstance(card, FrontEndCard):
        raise PluginError(
            f"{source.name} declares no `card` of a front end; add `card = FrontEndCard("
            "frontend=..., title=...)` to it"
        )
    return LoadedFrontEnd(card, source, module)


def load_extension(entry: PluginEntry) -> ModuleType:
    """Return the module of an extension, imported and checked."""
    module = _import(entry)
    check_contract(getattr(module, "contract", 1))
    new_manager([module])
    return module


def is_plugin_file(name: str) -> bool:
    """Whether the user's word for a model is the path of a loose file."""
    return name.endswith(".py")


def file_version(path: Path) -> str:
    """Return the version of a loose file, the first digits of its hash.

    Parameters
    ----------
    path : Path
        File that the user named.

    Raises
    ------
    UnknownModel
        If there is no such file.
    """
    if not is_file(path):
        raise UnknownModel(f"there is no file {str(path)!r} to load a plugin from")
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def load_model_file(
    path: Path, others: Iterable[object] = (), frontend: LoadedFrontEnd | None = None
) -> Model:
    """Return the model of a loose file; raises `UnknownModel` if there is no such file."""
    return Model(*_file(path), others, frontend)


def load_frontend_file(path: Path) -> LoadedFrontEnd:
    """Return the front end of a loose file; raises `UnknownModel` if there is no such file."""
    return _frontend_of(*_file(path))


def _file(path: Path) -> tuple[ModuleType, Source]:
    """Return the module of a loose file, imported, and its source."""
    version = file_version(path)
    spec = importlib.util.spec_from_file_location(f"zoo_file_{version}", path)
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # so that dataclasses and pickles find it
    try:
        with _isolated(str(path)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module.__name__]  # it is not complete
        raise
    return module, Source(str(path.resolve()), None, version)


def _import(entry: PluginEntry) -> ModuleType:
    with _isolated(entry.point.value):
        module = entry.point.load()
    if not isinstance(module, ModuleType):
        raise PluginError(
            f"its entry point {entry.point.value!r} is not a module; name the module alone"
        )
    return module


@contextmanager
def _isolated(origin: str) -> Iterator[None]:
    """Turn whatever a plugin's import raises into a `PluginError`; discard its output."""
    try:
        with process_kept(), redirect_stdout(io.StringIO()):
            yield
    except (KeyboardInterrupt, PluginError):  # the latter comes from the plugin's card
        raise
    except BaseException as error:
        # SystemExit and exceptions outside Exception too: no plugin ends the command.
        raised = f"{type(error).__name__}: {first_line(error)}"
        raise PluginError(f"importing {origin} raised {raised}") from error
