"""Names of `zoo_registry` that `zoo` offers to authors of plugins."""

from zoo_registry.card import Card, Choice, Float, Int, LogFloat
from zoo_registry.class_weight import CLASS_WEIGHT
from zoo_registry.errors import CannotExport, ZooError
from zoo_registry.frontend_card import FrontEndCard, TrainedOn
from zoo_registry.hooks import Exported, hookimpl
from zoo_registry.runs import Run

__all__ = [
    "CLASS_WEIGHT",
    "CannotExport",
    "Card",
    "Choice",
    "Exported",
    "Float",
    "FrontEndCard",
    "Int",
    "LogFloat",
    "Run",
    "TrainedOn",
    "ZooError",
    "hookimpl",
]
