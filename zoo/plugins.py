"""The registry as the zoo uses it: with the default hooks that it supplies."""

from collections.abc import Callable, Mapping

from zoo.datasets import Dataset
from zoo.estimators import EstimatorDefaults
from zoo.networks import NetworkDefaults
from zoo_registry.errors import UsageError
from zoo_registry.model import Model
from zoo_registry.plugins import Registry

__all__ = ["offered_datasets", "open_registry", "usable_model"]


def open_registry() -> Registry:
    """Return a fresh registry of everything that is installed."""
    return Registry(defaults=[EstimatorDefaults(), NetworkDefaults()])


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
        extra = f"'genre-zoo[{model.card.extra}]'" if model.card.extra else " ".join(missing)
        raise UsageError(
            f"{name} needs {', '.join(missing)}, which is not installed; pip install {extra}"
        )
    return model


def offered_datasets(registry: Registry) -> dict[str, Callable[[], Dataset]]:
    """Return the data sets that extensions offer, by name."""
    offers: list[Mapping[str, Callable[[], Dataset]]] = registry.ask("zoo_datasets")
    # The first extension keeps a name.
    return {name: load for offer in reversed(offers) for name, load in offer.items()}
