"""Tasks of the conformance suite in a fresh interpreter: `python -m zoo.testing.worker`.

The plugin is loaded by its name, as in the worker processes of `zoo.features.extraction`.
"""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.plugins.registry import open_registry

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

_FRAMEWORKS = frozenset(
    {
        *("tensorflow", "keras", "torch", "torchaudio", "jax", "flax", "transformers", "timm"),
        *("sklearn", "xgboost", "lightgbm", "catboost", "statsmodels", "pandas", "polars"),
        *("librosa", "scipy", "numba", "matplotlib", "onnx", "onnxruntime", "skl2onnx", "tf2onnx"),
    }
)


def main(task: str, folder: Path, name: str, frontend: str | None = None) -> None:
    """Do a task with a model, or with a front end alone: import it, or call it on files."""
    registry = open_registry()
    registry.extensions  # noqa: B018  (imported first: the plugin is not blamed for them)
    before = set(sys.modules)
    if name:
        model = registry.load(name, frontend)
        prepare: Callable[..., Any] = model.preprocess
    else:
        prepare = registry.frontend(frontend or "").card.frontend
    if task == "import":
        imported = sorted(_FRAMEWORKS & (set(sys.modules) - before))
        (folder / "imported.json").write_text(json.dumps(imported), encoding="utf-8")
    elif task == "preprocess":
        np.save(folder / "array.npy", prepare(np.load(folder / "waveform.npy")))
    else:
        classes = int((folder / "classes").read_text(encoding="utf-8"))
        with np.load(folder / "tracks.npz") as stored:
            tracks = [stored[key] for key in stored.files]
        answers = model.predict(model.load(folder / "model"), tracks, classes)
        np.savez(folder / "answers.npz", *answers)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
