"""The registry of the application: plugins, default hooks, and data sets of extensions."""

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from zoo.datasets import Dataset, open_dataset
from zoo.plugins.keras_defaults import NetworkDefaults
from zoo.plugins.sklearn_defaults import EstimatorDefaults
from zoo_registry.errors import PluginError, UsageError, ZooError
from zoo_registry.model import Model, Source, stdout_kept
from zoo_registry.plugins import Registry
from zoo_registry.text import in_a_line, pip_install

if TYPE_CHECKING:
    from zoo.execution.engine import Engine

__all__ = ["find_dataset", "loaded_model", "offered_datasets", "open_registry", "usable_model"]

_log = logging.getLogger(__name__)


def open_registry() -> Registry:
    """Return a fresh registry of everything that is installed."""
    return Registry(defaults=[EstimatorDefaults(), NetworkDefaults()])


@lru_cache(maxsize=4)
def loaded_model(source: Source) -> Model:
    """Return the model of a source, loaded once per process: workers get a source, no module.

    Parameters
    ----------
    source : Source
        Place and version of the plugin.

    Raises
    ------
    UsageError, PluginError
        If it cannot be loaded, or has another version now, such as an edited file.
    """
    model = open_registry().load(source.name)
    if model.source != source:
        raise PluginError(f"{source.name} was changed; give the same command again to train anew")
    return model


def usable_model(registry: Registry, name: str) -> Model:
    """Return a model that can be trained in this environment.

    Parameters
    ----------
    registry : Registry
        Registry with the model.
    name : str
        Name of the model, or path of a file.

    Raises
    ------
    UsageError
        If there is no model of this name, or a module that it requires is not installed.
    PluginError
        If its plugin is broken.
    """
    model = registry.load(name)
    if missing := model.missing():
        install = pip_install(model.card.extra, missing)
        raise UsageError(f"{name} needs {', '.join(missing)}, which is not installed; {install}")
    return model


def find_dataset(
    wanted: str,
    registry: Registry | None = None,
    *,
    trust: bool = True,
    engine: "Engine | None" = None,
) -> Dataset:
    """Return the dataset that ``--data`` names, also if an extension offers it.

    Parameters
    ----------
    wanted : str
        As for `open_dataset`.
    registry : Registry, optional
        Registry with the extensions; a fresh one by default.
    trust, engine : bool, Engine
        As for `open_dataset`.

    Raises
    ------
    DatasetError
        If there is no such dataset, or it cannot be used.
    PluginError
        If an extension offers it, and fails.
    """
    return open_dataset(wanted, offered_datasets(registry or open_registry()), trust, engine)


def offered_datasets(registry: Registry) -> dict[str, Callable[[], Dataset]]:
    """Return the data sets that extensions offer, by name, as functions that load them."""
    offered: dict[str, Callable[[], Dataset]] = {}
    for offer in registry.ask("zoo_datasets"):
        if not isinstance(offer, Mapping):
            _log.warning(
                "an extension offers its data sets as a %s, and is left out; its author should "
                "return a mapping from names to functions", type(offer).__name__,
            )  # fmt: skip
            continue
        for name, load in offer.items():
            offered.setdefault(str(name), partial(_loaded, str(name), load))
    return offered


def _loaded(name: str, load: Callable[[], object]) -> Dataset:
    """Return the data set of an extension; raise every error and wrong result as `PluginError`."""
    plugin = f"the plugin that offers the data set {name!r}"
    try:
        with stdout_kept():
            dataset = load()
    except (ZooError, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise PluginError(f"{plugin} failed with {in_a_line(error)}") from error
    if not isinstance(dataset, Dataset):
        raise PluginError(
            f"{plugin} gave a {type(dataset).__name__}; "
            "its author should return a zoo.datasets.Dataset"
        )
    return dataset
