"""The registry as the zoo uses it: with the default hooks that it supplies."""

from collections.abc import Callable, Mapping

from zoo.datasets import Dataset
from zoo.estimators import EstimatorDefaults
from zoo_registry.plugins import Registry

__all__ = ["offered_datasets", "open_registry"]


def open_registry() -> Registry:
    """Return a fresh registry of everything that is installed."""
    return Registry(defaults=[EstimatorDefaults()])


def offered_datasets(registry: Registry) -> dict[str, Callable[[], Dataset]]:
    """Return the data sets that extensions offer, by name."""
    offers: list[Mapping[str, Callable[[], Dataset]]] = registry.hook.zoo_datasets()
    # pluggy calls the last registered first; the first registered keeps a name.
    return {name: load for offer in offers for name, load in offer.items()}
