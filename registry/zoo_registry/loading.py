"""Import of one plugin; whatever is wrong with it becomes a `PluginError`."""

import contextlib
import hashlib
import importlib.util
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from zoo_registry.card import check_contract
from zoo_registry.discovery import PluginEntry
from zoo_registry.errors import PluginError, UnknownModel
from zoo_registry.files import is_file
from zoo_registry.model import Model, Source, new_manager
from zoo_registry.text import first_line

__all__ = ["load_extension", "load_file", "load_model"]


def load_model(entry: PluginEntry, others: Iterable[object] = ()) -> Model:
    """Return a model, imported and checked, with `others` as for `Model`."""
    model = Model(_import(entry), entry.source, others)
    if model.card.name != entry.name:
        raise PluginError(
            f"its card is named {model.card.name!r}, its entry point {entry.name!r}; "
            "give both the same name"
        )
    return model


def load_extension(entry: PluginEntry) -> ModuleType:
    """Return the module of an extension, imported and checked."""
    module = _import(entry)
    check_contract(getattr(module, "contract", 1))
    new_manager([module])
    return module


def load_file(path: Path, others: Iterable[object] = ()) -> Model:
    """Return the model of a loose file; raises `UnknownModel` if there is no such file."""
    if not is_file(path):
        raise UnknownModel(f"there is no file {str(path)!r} to load a model from")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    spec = importlib.util.spec_from_file_location(f"zoo_file_{digest[:12]}", path)
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module  # so that dataclasses and pickles find it
    try:
        with _isolated(str(path)):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module.__name__]  # it is not complete
        raise
    return Model(module, Source(str(path.resolve()), None, digest[:12]), others)


def _import(entry: PluginEntry) -> ModuleType:
    with _isolated(entry.point.value):
        module = entry.point.load()
    if not isinstance(module, ModuleType):
        raise PluginError(
            f"its entry point {entry.point.value!r} is no module; name the module alone"
        )
    return module


@contextlib.contextmanager
def _isolated(origin: str) -> Iterator[None]:
    """Turn whatever a plugin's import raises into a `PluginError`; discard its output."""
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    except (KeyboardInterrupt, PluginError):  # the latter comes from the plugin's card
        raise
    except BaseException as error:
        # SystemExit and exceptions outside Exception too: no plugin ends the command.
        raised = f"{type(error).__name__}: {first_line(error)}"
        raise PluginError(f"importing {origin} raised {raised}") from error
