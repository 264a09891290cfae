"""A model under test, with what its checks share: sounds, their arrays, and fitted models."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.features.extraction import Arrays
from zoo.plugins.registry import open_registry
from zoo.testing import sounds
from zoo.testing.outcome import CheckFailed, Skipped
from zoo.tuning.keras_tuner_oracle import EPOCHS
from zoo_registry.card import ParamValue
from zoo_registry.errors import PluginError, UsageError
from zoo_registry.hooks import Progress
from zoo_registry.model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    Windows = NDArray[np.float64]

__all__ = ["PROBE_SECONDS", "Fitted", "Labelled", "Reports", "Subject", "class_names", "copies"]

SEED = 0
PROBE_SECONDS = (0.3, 1.0, 2.0, 5.0, 12.0, 46.0)


@dataclass(frozen=True)
class Labelled:
    """Tracks as `train` gets them.

    Attributes
    ----------
    arrays : sequence of float32 arrays, each of shape (rows, columns)
    labels, groups : int64 arrays, shape (tracks,)
    classes : tuple of str
    """

    arrays: "Sequence[Rows]"
    labels: "NDArray[np.int64]"
    groups: "NDArray[np.int64]"
    classes: tuple[str, ...]

    def take(self, indices: Iterable[int]) -> "Labelled":
        """Return some of the tracks, of as many classes."""
        chosen = list(indices)
        arrays = [self.arrays[index] for index in chosen]
        return Labelled(arrays, self.labels[chosen], self.groups[chosen], self.classes)


@dataclass(frozen=True)
class Fitted:
    """What `train` returned, and for how many classes."""

    value: object
    classes: int


def copies(arrays: "Sequence[Rows]") -> Arrays:
    """Return tracks in the container of a real run, a fresh copy each time one is asked for."""
    return Arrays([partial(np.array, rows) for rows in arrays])


def class_names(classes: int) -> tuple[str, ...]:
    """Return names for so many classes."""
    return tuple(f"class{number:02d}" for number in range(classes))


class Reports:
    """A `Progress` that remembers, and may interrupt.

    Parameters
    ----------
    stop : float, optional
        The share at which it raises KeyboardInterrupt.
    """

    def __init__(self, stop: float | None = None) -> None:
        self.calls: list[tuple[Any, Any, dict[str, Any]]] = []
        self.stop = stop

    def __call__(self, fraction: float, note: str = "", **figures: float) -> None:
        """Remember what is reported."""
        self.calls.append((fraction, note, figures))
        if self.stop is not None and fraction >= self.stop:
            raise KeyboardInterrupt


class Subject:
    """A model under test; whatever it needs is made when a check first asks for it.

    Parameters
    ----------
    name : str
        A name that ``zoo models`` lists, or the path of a plugin's file.
    params : mapping, optional
        Parameters that differ from the card's defaults.
    """

    def __init__(self, name: str, params: Mapping[str, str | ParamValue] | None = None) -> None:
        self.name = name
        self._settings = dict(params or {})

    def close(self) -> None:
        """Forget everything, so that it is no burden to the next one."""
        if folder := self.__dict__.get("_folder"):
            folder.cleanup()
        self.__dict__ = {"name": self.name, "_settings": self._settings}  # without what was cached

    @cached_property
    def loaded(self) -> Model:
        """The model, by the way that every command takes.

        Raises
        ------
        UnknownModel
            If there is none of this name.
        PluginError
            If its plugin is broken.
        """
        return open_registry().load(self.name)

    @property
    def model(self) -> Model:
        """The model; a check that wants it is skipped where there is none."""
        try:
            return self.loaded
        except PluginError as error:
            raise Skipped("it cannot be loaded; see `hooks-as-specified`") from error

    @cached_property
    def module(self) -> ModuleType:
        """The plugin's module."""
        return self.model.module

    @property
    def file(self) -> str | None:
        """The file of the plugin's module; None if it cannot be loaded."""
        try:
            return self.module.__file__
        except (Skipped, UsageError):
            return None

    @property
    def expected_failures(self) -> dict[str, str]:
        """What the module's `expected_failures` says: the reason, by check."""
        try:
            declared = getattr(self.module, "expected_failures", {})
        except (Skipped, UsageError):
            return {}
        return dict(declared) if isinstance(declared, Mapping) else {}

    def params(self, epochs: int | None = None) -> dict[str, ParamValue]:
        """Return all parameters.

        Most checks ask what a model promises, not how good it is. They limit the epochs, where
        the card has some, by the rule of `zoo tune --tuner hyperband`: it is the one parameter
        whose name is known to mean effort.
        """
        params = self.model.card.resolve(self._settings)
        given = params.get(EPOCHS)
        if epochs is not None and isinstance(given, int):
            params[EPOCHS] = min(given, epochs)
        return params

    # Sounds and arrays.

    @property
    def rate(self) -> int:
        """Hz of the front end."""
        return self.model.card.frontend.sample_rate

    def array(self, waveform: "NDArray[np.float32]") -> "Rows":
        """Return what a waveform is prepared to, as a run stores it."""
        return np.asarray(self.model.preprocess(waveform.copy()), dtype=np.float32)

    @cached_property
    def probe_sounds(self) -> "list[NDArray[np.float32]]":
        """Waveforms to predict, of several lengths and levels."""
        rng = np.random.default_rng(1)
        return [
            sounds.tone(number % 3, seconds, self.rate, rng) * np.float32(0.5**number)
            for number, seconds in enumerate(PROBE_SECONDS)
        ]

    @cached_property
    def probe(self) -> "list[Rows]":
        """Their arrays."""
        return [self.array(waveform) for waveform in self.probe_sounds]

    @cached_property
    def _tones(self) -> dict[tuple[int, ...], Labelled]:
        return {}

    def tones(self, *counts: int) -> Labelled:
        """Return tracks of a second or two: so many of each class, in groups of two."""
        if counts not in self._tones:
            self._tones[counts] = self._new_tones(counts)
        return self._tones[counts]

    def _new_tones(self, counts: tuple[int, ...]) -> Labelled:
        rng = np.random.default_rng([2, *counts])
        labels = np.repeat(np.arange(len(counts)), counts)
        place = np.concatenate([np.arange(count) // 2 for count in counts])
        _, groups = np.unique(np.stack([labels, place]), axis=1, return_inverse=True)
        arrays = [
            self.array(sounds.tone(int(label), rng.uniform(1, 2), self.rate, rng))
            for label in labels
        ]
        return Labelled(arrays, labels, groups.astype(np.int64), class_names(len(counts)))

    # Fitting and predicting.

    def fit(
        self,
        given: Labelled,
        *,
        epochs: int | None = 1,
        progress: Progress | None = None,
        scratch: Path | None = None,
    ) -> Fitted:
        """Train on tracks, by default for one epoch and in a scratch folder of its own."""
        self.require_modules()
        value = self.model.train(
            copies(given.arrays), given.labels.copy(), given.classes, given.groups.copy(),
            self.params(epochs), SEED, progress or Reports(), scratch or self.new_folder(),
        )  # fmt: skip
        return Fitted(value, len(given.classes))

    def predict(self, fitted: Fitted, arrays: "Sequence[Rows]") -> "list[Windows]":
        """Return the probabilities of the windows of some tracks, checked by the registry."""
        return self.model.predict(fitted.value, copies(arrays), fitted.classes)

    def raw(self, fitted: Fitted, arrays: "Sequence[Rows]") -> Any:
        """Return what the hook gives, unchecked."""
        return self.model.call("predict", model=fitted.value, tracks=copies(arrays))

    @cached_property
    def reports(self) -> Reports:
        """What `fitted` reported while it was trained."""
        return Reports()

    @cached_property
    def fitted(self) -> Fitted:
        """A model of a few tracks of three classes."""
        return self.fit(self.tones(4, 4, 4), progress=self.reports)

    @cached_property
    def answers(self) -> "list[Windows]":
        """What it predicts of the probe."""
        return self.predict(self.fitted, self.probe)

    def require_modules(self) -> None:
        """Skip where a module that the card requires is not installed."""
        if missing := self.model.missing():
            raise Skipped(f"it needs {', '.join(missing)}, which is not installed")

    # Other places.

    @cached_property
    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        return tempfile.TemporaryDirectory(prefix="zoo-", ignore_cleanup_errors=True)

    def new_folder(self) -> Path:
        """Return an empty folder."""
        return Path(tempfile.mkdtemp(dir=self._folder.name))

    def in_worker(self, task: str, folder: Path) -> None:
        """Do a task of `zoo.testing.worker` in a fresh interpreter.

        Raises
        ------
        CheckFailed
            If it fails there.
        """
        self.model  # noqa: B018  (skips what cannot be loaded)
        path = os.pathsep.join(entry for entry in sys.path if entry)
        done = subprocess.run(
            [sys.executable, "-m", "zoo.testing.worker", task, self.model.source.name, str(folder)],
            env=os.environ | {"PYTHONPATH": path},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["it ended without a word"]
            raise CheckFailed(f"in a fresh process it fails to {task}: {said[-1]}")
