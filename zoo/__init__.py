"""Plugin-based model zoo for audio classification.

- `train`, `tune`, `ensemble`: train models, search their parameters, combine runs
- `predict`, `embed`: classify recordings, compute their embeddings
- `leaderboard`, `compare`, `size_curve`, `write_report`: compare what was trained
- `load`, `runs`: runs by name, and all runs of the workspace
- `models`, `front_ends`, `open_dataset`: what there is to train, and on what

The public names, listed in ``__init__.pyi``, are loaded when they are first used, so that
``import zoo`` and the quick commands stay quick.
"""

import os

import lazy_loader

from zoo_registry.places import prepare_libraries

# onnxruntime reports its use to its maker unless this is set before it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
prepare_libraries()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
