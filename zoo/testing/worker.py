"""What the conformance suite does in a fresh interpreter: `python -m zoo.testing.worker`.

A worker process loads a plugin by its name, as the workers of `zoo.features.extraction` do.
"""

import json
import sys
from pathlib import Path

import numpy as np

from zoo.plugins.registry import open_registry

__all__ = ["FRAMEWORKS", "main"]

FRAMEWORKS = frozenset(
    {
        *("tensorflow", "keras", "torch", "torchaudio", "jax", "flax", "transformers", "timm"),
        *("sklearn", "xgboost", "lightgbm", "catboost", "statsmodels", "pandas", "polars"),
        *("librosa", "scipy", "numba", "matplotlib", "onnx", "onnxruntime", "skl2onnx", "tf2onnx"),
    }
)


def main(task: str, name: str, folder: Path) -> None:
    """Do one task; what it needs and what it gives are files in `folder`.

    Parameters
    ----------
    task : {"import", "preprocess", "predict"}
    name : str
        Of the model, or its file.
    folder : Path
    """
    registry = open_registry()
    registry.extensions  # noqa: B018  (what they import is not the model's doing)
    before = set(sys.modules)
    model = registry.load(name)
    if task == "import":
        brought = sorted(FRAMEWORKS & (set(sys.modules) - before))
        (folder / "brought.json").write_text(json.dumps(brought), encoding="utf-8")
    elif task == "preprocess":
        np.save(folder / "array.npy", model.preprocess(np.load(folder / "waveform.npy")))
    else:
        classes = int((folder / "classes").read_text(encoding="utf-8"))
        with np.load(folder / "tracks.npz") as stored:
            tracks = [stored[key] for key in stored.files]
        answers = model.predict(model.load(folder / "model"), tracks, classes)
        np.savez(folder / "answers.npz", *answers)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
