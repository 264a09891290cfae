"""The model under test, with the sounds, arrays and fitted models that its checks share."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zoo.features.arrays import Arrays
from zoo.plugins.classical import check_estimator
from zoo.plugins.registry import open_registry
from zoo.testing.base_subject import BaseSubject
from zoo.testing.outcome import Skipped
from zoo.tuning.keras_tuner_oracle import EPOCHS
from zoo_registry.card import ParamValue
from zoo_registry.errors import PluginError
from zoo_registry.hooks import Progress
from zoo_registry.model import Model

__all__ = ["LabelledTracks", "RecordedProgress", "Subject", "class_names"]

Rows = NDArray[np.float32]
Windows = NDArray[np.float64]

SEED = 0


@dataclass(frozen=True)
class LabelledTracks:
    """The tracks, labels and groups that `train` receives.

    Attributes
    ----------
    arrays : sequence of float32 arrays, each of shape (rows, columns)
        One per track.
    labels, groups : int64 arrays, shape (tracks,)
        Numbers of classes and of groups.
    classes : tuple of str
        Names of the classes.
    """

    arrays: Sequence[Rows]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]
    classes: tuple[str, ...]

    def take(self, indices: Iterable[int]) -> "LabelledTracks":
        """Return some of the tracks, with the same classes."""
        chosen = list(indices)
        arrays = [self.arrays[index] for index in chosen]
        return LabelledTracks(arrays, self.labels[chosen], self.groups[chosen], self.classes)


@dataclass(frozen=True)
class Fitted:
    """The result of `train`, and its number of classes."""

    value: object
    classes: int


def copies(arrays: Sequence[Rows]) -> Arrays:
    """Return tracks in the container of a real run, which copies a track at each access."""
    return Arrays([partial(np.array, rows) for rows in arrays])


def class_names(classes: int) -> tuple[str, ...]:
    """Return names for so many classes."""
    return tuple(f"class{number:02d}" for number in range(classes))


class RecordedProgress:
    """A `Progress` that records its calls, and raises KeyboardInterrupt at the share `stop`."""

    def __init__(self, stop: float | None = None) -> None:
        self.calls: list[tuple[Any, Any, dict[str, Any]]] = []
        self.stop = stop

    def __call__(self, fraction: float, note: str = "", **figures: float) -> None:
        """Record a report."""
        self.calls.append((fraction, note, figures))
        if self.stop is not None and fraction >= self.stop:
            raise KeyboardInterrupt


class Subject(BaseSubject):
    """A model under test. Everything is computed when a check first needs it.

    Parameters
    ----------
    name : str
        A name that ``zoo models`` lists, or the path of a plugin's file.
    params : mapping, optional
        Parameters that differ from the card's defaults.
    frontend : str, optional
        Front end in the place of the card's.
    """

    def __init__(
        self,
        name: str,
        params: Mapping[str, str | ParamValue] | None = None,
        frontend: str | None = None,
    ) -> None:
        self.name = name
        self.frontend = frontend
        self._settings = dict(params or {})
        self._kept = frozenset(vars(self))

    @cached_property
    def loaded(self) -> Model:
        """The model, loaded as by every command, and checked as before a training."""
        model = open_registry().load(self.name, self.frontend)
        check_estimator(model, model.card.resolve(self._settings))
        return model

    @property
    def model(self) -> Model:
        """The model; a check that needs it is skipped if it cannot be loaded."""
        try:
            return self.loaded
        except PluginError as error:
            raise Skipped("it cannot be loaded or trained; see `hooks-as-specified`") from error

    @property
    def module(self) -> ModuleType:
        """The plugin's module."""
        return self.model.module

    @property
    def rate(self) -> int:
        """Sample rate of the front end in Hz."""
        return self.model.card.frontend.sample_rate

    @property
    def words(self) -> list[str]:
        """The words by which another process loads the model."""
        source = self.model.source
        return [source.name, *filter(None, [source.frontend_spec])]

    def params(self, epochs: int | None = None) -> dict[str, ParamValue]:
        """Return all parameters, with at most so many epochs: most checks need no good model."""
        params = self.model.card.resolve(self._settings)
        given = params.get(EPOCHS)
        if epochs is not None and isinstance(given, int):
            params[EPOCHS] = min(given, epochs)
        return params

    def array(self, waveform: NDArray[np.float32]) -> Rows:
        """Return the front-end array of a waveform, as a run stores it."""
        return np.asarray(self.model.preprocess(waveform.copy()), dtype=np.float32)

    @cached_property
    def probe(self) -> list[Rows]:
        """The front-end arrays of the probe sounds."""
        return [self.array(waveform) for waveform in self.probe_sounds]

    @cached_property
    def tones(self) -> Callable[..., LabelledTracks]:
        """A function that returns so many tracks of each class, in groups of two; cached."""
        return cache(self._new_tones)

    def _new_tones(self, *counts: int) -> LabelledTracks:
        rng = np.random.default_rng([2, *counts])
        labels = np.repeat(np.arange(len(counts)), counts)
        place = np.concatenate([np.arange(count) // 2 for count in counts])
        _, groups = np.unique(np.stack([labels, place]), axis=1, return_inverse=True)
        arrays = [self.array(self.tone(int(label), rng.uniform(1, 2), rng)) for label in labels]
        return LabelledTracks(arrays, labels, groups.astype(np.int64), class_names(len(counts)))

    def train(
        self,
        tracks: LabelledTracks,
        params: dict[str, ParamValue],
        progress: Progress | None = None,
        scratch: Path | None = None,
    ) -> Fitted:
        """Train on these very arrays, by default in a scratch folder of its own."""
        if missing := self.model.missing():
            raise Skipped(f"it needs {', '.join(missing)}, which is not installed")
        value = self.model.train(
            tracks.arrays, tracks.labels, tracks.classes, tracks.groups,
            params, SEED, progress or RecordedProgress(), scratch or self.new_folder(),
        )  # fmt: skip
        return Fitted(value, len(tracks.classes))

    def fit(
        self,
        tracks: LabelledTracks,
        *,
        epochs: int | None = 1,
        progress: Progress | None = None,
        scratch: Path | None = None,
    ) -> Fitted:
        """Train on copies of tracks, by default for one epoch."""
        labels, groups = tracks.labels.copy(), tracks.groups.copy()
        given = LabelledTracks(copies(tracks.arrays), labels, groups, tracks.classes)
        return self.train(given, self.params(epochs), progress, scratch)

    def predict(self, fitted: Fitted, arrays: Sequence[Rows]) -> list[Windows]:
        """Return the probabilities of the windows of tracks, validated by the registry."""
        return self.model.predict(fitted.value, copies(arrays), fitted.classes)

    @cached_property
    def progress(self) -> RecordedProgress:
        """The progress that `fitted` reported during its training."""
        return RecordedProgress()

    @cached_property
    def fitted(self) -> Fitted:
        """A model that was trained on a few tracks of three classes."""
        return self.fit(self.tones(4, 4, 4), progress=self.progress)

    @cached_property
    def predictions(self) -> list[Windows]:
        """The predictions of `fitted` for the probe."""
        return self.predict(self.fitted, self.probe)

    def unchecked_predictions(self) -> Any:
        """Return the result of the hook `predict` for the probe, without validation."""
        return self.model.call("predict", model=self.fitted.value, tracks=copies(self.probe))
