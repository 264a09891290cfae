"""The registry as the zoo uses it: with the default hooks that it supplies."""

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

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
    """Load a plugin once per process; a worker gets the source, since modules are not picklable.

    Raises
    ------
    UsageError, PluginError
        If it cannot be loaded.
    """
    return open_registry().load(source.name)


def usable_model(registry: Registry, name: str) -> Model:
    """Return a model that can be trained here.

    Raises
    ------
    UsageError
        If there is none of this name, or a module that it requires is not installed.
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

    Returns
    -------
    Dataset
        The dataset.

    Raises
    ------
    DatasetError
        If there is no such dataset, or it cannot be used.
    PluginError
        If an extension offers it, and fails.
    """
    return open_dataset(wanted, offered_datasets(registry or open_registry()), trust, engine)


def offered_datasets(registry: Registry) -> dict[str, Callable[[], Dataset]]:
    """Return the data sets that extensions offer, by name.

    The functions raise `PluginError` where a plugin's own function fails.
    """
    offered: dict[str, Callable[[], Dataset]] = {}
    for offer in registry.ask("zoo_datasets"):
        if not isinstance(offer, Mapping):
            _log.warning(
                "an extension offers its data sets as a %s, and is left out; its author should "
                "return a mapping from names to functions", type(offer).__name__,
            )  # fmt: skip
            continue
        for name, load in offer.items():
            offered.setdefault(str(name), _checked(str(name), load))
    return offered


def _checked(name: str, load: Any) -> Callable[[], Dataset]:
    """Return a function that tells whatever is wrong with a plugin's as a `PluginError`."""

    def checked() -> Dataset:
        try:
            with stdout_kept():
                dataset = load()
        except (ZooError, KeyboardInterrupt):
            raise
        except BaseException as error:
            raise PluginError(
                f"the plugin that offers the data set {name!r} failed with {in_a_line(error)}"
            ) from error
        if not isinstance(dataset, Dataset):
            raise PluginError(
                f"the plugin that offers the data set {name!r} gave a {type(dataset).__name__}; "
                "its author should return a zoo.datasets.Dataset"
            )
        return dataset

    return checked
