"""What a plugin promises, how it is found, and what a run is.

The names below are loaded when they are first used: a quick command that only
catches an error does not wait for plugins to be looked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo_registry.card import Card, FrontEnd, identity
    from zoo_registry.errors import (
        ArtefactError,
        AudioError,
        CannotExport,
        DatasetError,
        EngineError,
        PluginError,
        ProtocolError,
        RunError,
        StorageError,
        UnknownModel,
        UsageError,
        ZooError,
    )
    from zoo_registry.hooks import (
        CONTRACT,
        ExtensionSpec,
        ModelSpec,
        Progress,
        hookimpl,
        hookspec,
    )
    from zoo_registry.model import Model, Source
    from zoo_registry.parameters import Choice, Distribution, Float, Int, LogFloat, ParamValue
    from zoo_registry.plugin_status import PluginStatus
    from zoo_registry.plugins import Registry
    from zoo_registry.predictions import Predictions
    from zoo_registry.record import RunRecord
    from zoo_registry.runs import Run

__all__ = [
    "CONTRACT",
    "ArtefactError",
    "AudioError",
    "CannotExport",
    "Card",
    "Choice",
    "DatasetError",
    "Distribution",
    "EngineError",
    "ExtensionSpec",
    "Float",
    "FrontEnd",
    "Int",
    "LogFloat",
    "Model",
    "ModelSpec",
    "ParamValue",
    "PluginError",
    "PluginStatus",
    "Predictions",
    "Progress",
    "ProtocolError",
    "Registry",
    "Run",
    "RunError",
    "RunRecord",
    "Source",
    "StorageError",
    "UnknownModel",
    "UsageError",
    "ZooError",
    "hookimpl",
    "hookspec",
    "identity",
]

_HOMES = {
    "card": ("Card", "FrontEnd", "identity"),
    "errors": (
        "ArtefactError",
        "AudioError",
        "CannotExport",
        "DatasetError",
        "EngineError",
        "PluginError",
        "ProtocolError",
        "RunError",
        "StorageError",
        "UnknownModel",
        "UsageError",
        "ZooError",
    ),
    "hooks": (
        "CONTRACT",
        "ExtensionSpec",
        "ModelSpec",
        "Progress",
        "hookimpl",
        "hookspec",
    ),
    "model": (
        "Model",
        "Source",
    ),
    "parameters": ("Choice", "Distribution", "Float", "Int", "LogFloat", "ParamValue"),
    "plugin_status": ("PluginStatus",),
    "plugins": ("Registry",),
    "predictions": ("Predictions",),
    "record": ("RunRecord",),
    "runs": ("Run",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"zoo_registry.{home}"), name)
    raise AttributeError(f"module 'zoo_registry' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
