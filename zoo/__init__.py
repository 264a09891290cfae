"""genre-zoo: a plugin-based model zoo for audio classification.

The names below are loaded when they are first used, so that ``import zoo`` and
the quick commands stay quick.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.audio.frontends import Handcrafted, LogMel
    from zoo.evaluate.leaderboard import leaderboard
    from zoo.inference.predict import predict
    from zoo.training.train import train
    from zoo.tuning.search import tune
    from zoo_registry import (
        CannotExport,
        Card,
        Choice,
        Float,
        Int,
        LogFloat,
        Run,
        ZooError,
        hookimpl,
    )

__all__ = [
    "CannotExport",
    "Card",
    "Choice",
    "Float",
    "Handcrafted",
    "Int",
    "LogFloat",
    "LogMel",
    "Run",
    "ZooError",
    "hookimpl",
    "leaderboard",
    "predict",
    "train",
    "tune",
]

# onnxruntime reports its use to its maker unless it is told not to, before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES = {
    "Handcrafted": "zoo.audio.frontends",
    "LogMel": "zoo.audio.frontends",
    "leaderboard": "zoo.evaluate.leaderboard",
    "predict": "zoo.inference.predict",
    "train": "zoo.training.train",
    "tune": "zoo.tuning.search",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'zoo' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "zoo_registry")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
