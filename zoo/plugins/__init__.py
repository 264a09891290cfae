"""The registry as the application uses it, default hooks, and the scaffold of new models."""

from zoo.plugins.registry import offered_datasets, open_registry, usable_model

__all__ = ["offered_datasets", "open_registry", "usable_model"]
