"""Models that can be asked: a run's ONNX file, one from elsewhere, or a plugin's own file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from zoo.artefacts.artefact import Artefact, Windows
from zoo.audio.decode import LONGEST
from zoo.workspace import find_run
from zoo_registry.errors import ArtefactError, AudioError, PluginError, UsageError
from zoo_registry.files import is_file, is_folder
from zoo_registry.runs import ARTEFACT, RECORD, Run

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Listener", "OnnxListener", "SavedListener", "open_model"]


class Listener(Protocol):
    """A model that can be asked: an artefact, or a plugin with what it saved."""

    name: str
    classes: tuple[str, ...]
    rate: int
    has_times: bool

    def listen(self, blocks: "Iterator[NDArray[np.float32]]") -> Iterator[Windows]:
        """Classify the windows of a waveform that comes in blocks."""
        ...


@dataclass
class OnnxListener:
    """A model that is an ONNX file."""

    artefact: Artefact

    def __post_init__(self) -> None:
        self.name = str(self.artefact.description.get("run", self.artefact.path))
        self.classes = self.artefact.classes
        self.rate = self.artefact.rate
        self.has_times = self.artefact.has_times

    def listen(self, blocks: "Iterator[NDArray[np.float32]]") -> Iterator[Windows]:
        """Classify piece by piece."""
        return self.artefact.stream(blocks)


class SavedListener:
    """A model without an ONNX form, through its plugin and what that has saved."""

    def __init__(self, run: Run) -> None:
        from zoo.plugins.registry import open_registry

        record = run.record
        why = record.artefact.error or "its record names none"
        reason = f"{run.id} has no ONNX file ({why})"
        if not run.saved_path.is_dir():
            raise PluginError(f"{reason}, and its plugin saved nothing else: it cannot predict")
        plugin = record.model.reference
        try:
            self._model = open_registry().load(plugin)
        except (UsageError, PluginError) as error:
            raise PluginError(f"{reason}, so its plugin is needed: {error}") from error
        self._fitted = self._model.load(run.saved_path)
        self.name = run.id
        self.classes = tuple(record.dataset.classes)
        self.rate = self._model.card.frontend.sample_rate
        self.has_times = False

    def listen(self, blocks: "Iterator[NDArray[np.float32]]") -> Iterator[Windows]:
        """Classify the whole, which a plugin cannot take in pieces."""
        held, size = [], 0
        for block in blocks:
            held.append(block)
            size += block.size
            if size > LONGEST * self.rate:
                raise AudioError(f"{self.name} hears no more than an hour at once; cut it up")
        rows = self._model.preprocess(np.concatenate(held))
        (windows,) = self._model.predict(self._fitted, [rows], len(self.classes))
        yield windows, np.full((len(windows), 2), np.nan)


def open_model(wanted: str, threads: int | None = None) -> Listener:
    """Return the model that `wanted` means, ready to listen.

    Parameters
    ----------
    wanted : str
        As for `predict`.
    threads : int, optional
        That share out one recording; all cores by default.

    Raises
    ------
    UsageError, ArtefactError, PluginError
        As `predict`.
    """
    path = Path(wanted)
    if is_folder(path) and not (path / RECORD).exists() and (path / ARTEFACT).is_file():
        path = path / ARTEFACT
    if is_file(path) and path.name != RECORD:
        artefact = Artefact(path, _recorded_hash(path), threads)
        return OnnxListener(_hearing(artefact, wanted))
    run = find_run(wanted, lambda run: run.takes_audio)
    record = run.record
    if not run.complete:
        raise UsageError(
            f"{run.id} is {record.status}, so it has no artefact; "
            f"`zoo train {record.model.name} --data {record.dataset.source}` finishes it"
        )
    if not run.takes_audio:
        raise UsageError(_NO_SOUND.format(run.id))
    if not run.has_artefact:
        return SavedListener(run)
    return OnnxListener(
        _hearing(Artefact(run.artefact_path, record.artefact.sha256, threads), run.id)
    )


_NO_SOUND = (
    "{} was trained on a table of features, whose computation is not known; "
    "train on the folder of the recordings to predict from audio"
)


def _hearing(artefact: Artefact, name: str) -> Artefact:
    if not artefact.hears:
        raise ArtefactError(_NO_SOUND.format(name))
    return artefact


def _recorded_hash(path: Path) -> str | None:
    """Return what a run beside the file says of its hash."""
    if not (path.parent / RECORD).is_file():
        return None
    artefact = Run.read(path.parent).record.artefact
    return artefact.sha256 if artefact.file == path.name else None
