"""Trained models that classify waveforms: ONNX files, and files that a plugin saved."""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from zoo.artefacts.artefact import Artefact, Windows
from zoo.artefacts.shared_session import SharedFrontEnds
from zoo.audio.bandwidth import usual_bandwidth
from zoo.audio.decode import LONGEST
from zoo.audio.files import missing
from zoo.evaluate.calibration import calibrated
from zoo.evaluate.thresholds import Thresholds
from zoo.workspace import asked_by_default, find_run
from zoo_registry.errors import (
    ArtefactError,
    AudioError,
    PluginError,
    RunError,
    UsageError,
    ZooError,
)
from zoo_registry.files import is_file, is_folder
from zoo_registry.own_files import is_own
from zoo_registry.published import NAMES, is_published
from zoo_registry.runs import ARTEFACT, RECORD, Run
from zoo_registry.text import in_a_line

__all__ = [
    "PluginPredictor",
    "Predictor",
    "default_model",
    "is_model",
    "is_model_path",
    "is_named",
    "models_before",
    "open_model",
    "open_models",
    "while_wanted",
]

_NO_SOUND = (
    "{} was trained on a table of features, whose computation is not known; "
    "train on the folder of the recordings to predict from audio"
)


class Predictor(Protocol):
    """Trained model that classifies waveforms: an `Artefact`, or a `PluginPredictor` like it."""

    name: str
    classes: tuple[str, ...]
    rate: int
    shortest: int  # samples
    bandwidth: int  # Hz that nearly all of the training recordings reach, or 0
    dataset: str | None  # title of what it was trained on
    has_times: bool
    by_mean: bool  # whether the mean probability decides, and not the vote
    thresholds: Thresholds | None

    def stream(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[Windows]:
        """Classify the windows of a waveform that is read in blocks of shape (samples,)."""
        ...


class PluginPredictor:
    """Model without an ONNX form, run by its plugin.

    Parameters
    ----------
    run : Run
        Complete.
    file : str, optional
        File of the plugin, if the user has named it.

    Raises
    ------
    PluginError
        If the plugin is missing, or saved no model.
    """

    has_times = by_mean = False
    thresholds: Thresholds | None = None

    def __init__(self, run: Run, file: str | None = None) -> None:
        from zoo.plugins.registry import recorded_model
        from zoo_registry.frontend import shortest

        record = run.record
        reason = f"{run.id} has no ONNX file ({record.artefact.error or 'its record names none'})"
        if not run.saved_path.is_dir():
            raise PluginError(f"{reason}, and its plugin saved nothing else: it cannot predict")
        if any(path.is_symlink() for path in (run.saved_path, *run.saved_path.rglob("*"))):
            raise PluginError(f"{reason}, and links in {run.saved_path} are not followed")
        if lost := [name for name in run.damaged() if name in record.artefact.saved]:
            raise PluginError(run.damage(lost))
        if _needs_file(run):
            raise PluginError(
                f"{reason}, and its front end is a file, which `zoo predict` does not load; its "
                "author should give it a `graph`, or install it as a plugin"
            )
        try:
            self._model = recorded_model(record, file, "zoo predict {} PATH")
        except (UsageError, PluginError) as error:
            raise PluginError(f"{reason}, so its plugin is needed: {error}") from error
        try:
            self._fitted = self._model.load(run.saved_path)
        except Exception as error:
            saved = record.artefact.saved.values()
            again = "" if all(map(is_own, saved)) else f"; `{record.command}` fits it again here"
            failed = f"its plugin cannot load what it saved: {in_a_line(error)}"
            raise PluginError(f"{reason}, and {failed}{again}") from error
        self.name = run.id
        self._beta = record.beta or 1.0
        self.dataset: str | None = record.dataset.title
        self.classes = tuple(record.dataset.classes)
        frontend = self._model.card.frontend
        self.rate = frontend.sample_rate
        self.bandwidth = usual_bandwidth(record.dataset.bandwidth)
        self.shortest = 0 if self._model.overrides_preprocess else shortest(frontend)

    def stream(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[Windows]:
        """Yield the windows of the whole waveform, which the hooks classify at once."""
        held, size = [], 0
        for block in blocks:
            held.append(block)
            size += block.size
            if size > LONGEST * self.rate:
                raise AudioError(
                    f"{self.name} takes at most one hour of sound; split the recording"
                )
        rows = self._model.preprocess(np.concatenate(held))
        (answer,) = self._model.predict(self._fitted, [rows], len(self.classes))
        windows = calibrated(answer, self._beta)
        yield Windows(windows, self._times(len(windows), size), np.full(len(windows), np.nan))

    def _times(self, count: int, size: int) -> NDArray[np.float64]:
        """Return begin and end of the windows of a waveform, which are known for `vectors`."""
        from zoo.features.rows import row_times

        times = row_times(self._model, count, size)
        return np.full((count, 2), np.nan) if times is None else times


def _needs_file(run: Run) -> bool:
    """Return whether a run answers only with a front end of a loose file."""
    frontend = run.record.frontend_plugin
    is_loose = bool(frontend and frontend.spec and frontend.is_file)
    return is_loose and not run.has_artefact


def while_wanted(
    is_wanted: Callable[[], bool], blocks: Iterator[NDArray[np.float32]]
) -> Iterator[NDArray[np.float32]]:
    """Yield the blocks of a waveform; raise `AudioError` when they are not wanted any more."""
    for block in blocks:
        if not is_wanted():
            raise AudioError("it was stopped")
        yield block


def open_model(
    wanted: str | Path | Run,
    threads: int | None = None,
    *,
    plugins: bool = True,
    shared: SharedFrontEnds | None = None,
    embeds: bool = False,
) -> Predictor:
    """Return a trained model.

    Parameters
    ----------
    wanted : str, Path or Run
        As for `predict`; so are the errors.
    threads : int, optional
        Number of threads per file; number of cores by default.
    plugins : bool
        Whether a model without an ONNX file is run by its plugin; otherwise it is refused.
    shared : SharedFrontEnds, optional
        Front ends that are computed once for all models that are opened with it.
    embeds : bool
        Whether an artefact gives embeddings, too.
    """
    file = None
    if not isinstance(wanted, Run):
        word = str(wanted)
        file = word if word.endswith(".py") else None
        if path := _artefact_path(word):
            artefact = Artefact(path, _recorded_hash(path), threads, shared=shared, embeds=embeds)
            return _of_sound(artefact, word)
        wanted = _run(word)
    run = wanted
    if run.lack:
        raise UsageError(run.lack)
    if not run.takes_audio:
        raise UsageError(_NO_SOUND.format(run.id))
    if not run.has_artefact:
        if not plugins:
            raise UsageError(f"{run.id} has no ONNX file, so it cannot be served")
        return PluginPredictor(run, file)
    sha256, is_ours = run.record.artefact.sha256, is_published(run)
    if is_ours and run.sha256(run.artefact_path) != sha256:
        raise RunError(run.damage([ARTEFACT]))
    if not is_file(run.artefact_path):
        raise ArtefactError(run.damage([ARTEFACT]))
    artefact = Artefact(
        run.artefact_path,
        sha256,
        threads,
        own=is_ours,
        home=run.folder,
        shared=shared,
        embeds=embeds,
    )
    if is_ours:  # what its record calls it is known to nobody
        artefact.name = run.id
    artefact.dataset = run.record.dataset.title  # the file does not say what was taken of it
    return _of_sound(artefact, run.id)


def _artefact_path(word: str) -> Path | None:
    """Return the ONNX file that a word names, or that a folder without a record has."""
    path = Path(word)
    if word in NAMES:
        return None
    if is_folder(path) and not (path / RECORD).exists() and (path / ARTEFACT).is_file():
        return path / ARTEFACT
    if not is_file(path) or path.name == RECORD or path.suffix == ".py":
        return None
    return None if not path.suffix and is_named(word) else path


def _run(word: str) -> Run:
    try:
        return find_run(word, _answers)
    except UsageError as error:
        if os.path.lexists(word):
            raise
        raise UsageError(f"{missing(word)}, and {error}") from error


def default_model() -> Run:
    """Return the run that is asked if none is named; see `zoo.workspace.asked_by_default`."""
    return asked_by_default(_answers)


def _answers(run: Run) -> bool:
    return run.takes_audio and not _needs_file(run)


def open_models(
    wanted: Sequence[str | Path | Run | Predictor], threads: int | None = None
) -> list[Predictor]:
    """Return trained models; several of them compute a front end that they share once.

    Parameters
    ----------
    wanted : sequence of str, Path, Run or Predictor
        As for `predict`; so are the errors.
    threads : int, optional
        Number of threads per file; number of cores by default.
    """
    shared = SharedFrontEnds() if len(wanted) > 1 else None
    return [
        open_model(each, threads, shared=shared) if isinstance(each, str | Path | Run) else each
        for each in wanted
    ]


def models_before(given: Sequence[str]) -> list[str]:
    """Return the models at the begin of arguments of which the last is a recording.

    What is on the disk is a model if it is an ONNX file, a Python file, or a folder with a run or
    an artefact; anything else must be the name of a run or a model. The name of a published run
    means that.

    Parameters
    ----------
    given : sequence of str
        Arguments of a command.
    """
    return list(takewhile(is_model, given[:-1]))


def is_model(word: str) -> bool:
    """Return whether a word names a model, and no recording; see `models_before`."""
    if word in NAMES:
        return True
    return is_model_path(word) if os.path.exists(word) else is_named(word)  # noqa: PTH110


def is_model_path(word: str) -> bool:
    """Return whether a word is the path of a model, which is not necessarily what it means."""
    path = Path(word)
    if is_folder(path):
        return any(is_file(path / name) for name in (RECORD, ARTEFACT))
    return is_file(path) and path.suffix in (".onnx", ".py")


def is_named(word: str) -> bool:
    """Return whether a run or a model has this name."""
    try:
        find_run(word)
    except ZooError:
        return False
    return True


def _of_sound(artefact: Artefact, name: str) -> Artefact:
    if not artefact.takes_audio:
        raise ArtefactError(_NO_SOUND.format(name))
    return artefact


def _recorded_hash(path: Path) -> str | None:
    """Return the hash of the file according to the run in the same folder, if there is one."""
    if not (path.parent / RECORD).is_file():
        return None
    artefact = Run.read(path.parent).record.artefact
    return artefact.sha256 if artefact.file == path.name else None
