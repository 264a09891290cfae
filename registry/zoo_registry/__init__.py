"""What a plugin promises, how it is found, and what a run is."""

from zoo_registry.card import (
    Card,
    Choice,
    Distribution,
    Float,
    FrontEnd,
    Int,
    LogFloat,
    ParamValue,
    identity,
)
from zoo_registry.errors import (
    AudioError,
    CannotExport,
    DatasetError,
    PluginError,
    ProtocolError,
    RunError,
    UnknownModel,
    UsageError,
    ZooError,
)
from zoo_registry.hooks import ExtensionSpec, ModelSpec, Progress, hookimpl, hookspec
from zoo_registry.model import Model, Source
from zoo_registry.plugins import PluginStatus, Registry
from zoo_registry.runs import Predictions, Run, RunRecord

__all__ = [
    "AudioError",
    "CannotExport",
    "Card",
    "Choice",
    "DatasetError",
    "Distribution",
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
    "UnknownModel",
    "UsageError",
    "ZooError",
    "hookimpl",
    "hookspec",
    "identity",
]
