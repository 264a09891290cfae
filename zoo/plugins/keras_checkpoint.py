"""State of a Keras training after each epoch, kept on disk so that it can be resumed."""

import json
import math
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo_registry.files import atomic_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Checkpoint"]


class Checkpoint:
    """Learning curve, best weights and random state of a training.

    Parameters
    ----------
    path : Path or None
        File of the state; nothing is written without one.
    model : keras.Model
        Compiled.
    rng : numpy.random.Generator
        Generator of the training's windows.

    Attributes
    ----------
    curve : list of dict
        Figures of each epoch.
    best : list of float32 arrays
        Weights of the best epoch.
    best_epoch : int
        Number of the epoch with the lowest held-out loss, from 1; 0 if there is none.
    """

    def __init__(self, path: Path | None, model: Any, rng: np.random.Generator) -> None:
        self._path = path
        self._model = model
        self._rng = rng
        self.curve: list[dict[str, float]] = []
        self.best: list[NDArray[np.float32]] = []
        self.best_epoch = 0

    def finish_epoch(self, figures: dict[str, float]) -> None:
        """Add the figures of an epoch, and write the state."""
        self.curve.append(figures)
        losses = [item.get("held_out_loss", math.inf) for item in self.curve]
        if losses[-1] < min(losses[:-1], default=math.inf):
            self.best, self.best_epoch = self._model.get_weights(), len(self.curve)
        if self._path is None:
            return
        arrays = {f"variable{n}": item.numpy() for n, item in enumerate(self._variables())}
        arrays |= {f"best{n}": values for n, values in enumerate(self.best)}
        rest = {
            "curve": self.curve,
            "best_epoch": self.best_epoch,
            "rng": self._rng.bit_generator.state,
        }
        with atomic_path(self._path, durable=False) as temporary, temporary.open("wb") as file:
            np.savez(file, rest=np.array(json.dumps(rest)), **arrays)

    def restore(self) -> None:
        """Go back to the last epoch that was written; a damaged file is ignored."""
        if self._path is None or not self._path.is_file():
            return
        variables = self._variables()
        try:
            with np.load(self._path, allow_pickle=False) as arrays:
                rest = json.loads(str(arrays["rest"]))
                values = [arrays[f"variable{n}"] for n in range(len(variables))]
                count = len(self._model.get_weights()) if rest["best_epoch"] else 0
                best = [arrays[f"best{n}"] for n in range(count)]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self._rng.bit_generator.state = rest["rng"]
        self.curve, self.best_epoch, self.best = rest["curve"], rest["best_epoch"], best

    def _variables(self) -> list[Any]:
        """Return weights, running averages, seeds of dropout, and the optimiser's variables."""
        return [*self._model.variables, *self._model.optimizer.variables]
