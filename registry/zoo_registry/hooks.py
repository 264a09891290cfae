"""The hook specifications, which pluggy checks.

An implementation is a function of the plugin's module, marked with `hookimpl`. It has those of
the arguments, by name, that it needs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

from zoo_registry.errors import PluginError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "CONTRACT",
    "OPSET",
    "Exported",
    "ExtensionSpec",
    "ModelSpec",
    "Progress",
    "hookimpl",
    "hookspec",
]

CONTRACT = 1
"""Version of the specification in this module and in `zoo_registry.card`; see docs/contract.md."""

OPSET = 18
"""The newest version of ONNX's operator set that a model's graph may use."""

hookspec = pluggy.HookspecMarker("zoo")
hookimpl = pluggy.HookimplMarker("zoo")


class Progress(Protocol):
    """Receiver of the progress of a training."""

    def __call__(self, fraction: float, note: str = "", **figures: float) -> None:
        """Report the share that is done, 0 to 1, and a short text such as "epoch 3/40".

        Figures such as ``loss=0.7`` are stored in the run as its learning curve.
        """
        ...


@dataclass(frozen=True)
class Exported:
    """The ONNX form of a model, and the windows that it classifies.

    Attributes
    ----------
    proto : onnx.ModelProto
        Graph from ``track``, float32 (rows, columns), to ``probabilities``, float32 (windows,
        classes).
    window, hop : int or None
        Rows of a window, and rows from the begin of a window to that of the next; see `export`.
    """

    proto: Any
    window: int | None = None
    hop: int | None = None

    @classmethod
    def of(cls, answer: Any) -> "Exported":
        """Return the answer of an `export` hook; a bare model may name both in its metadata.

        Parameters
        ----------
        answer : Exported or onnx.ModelProto
            What the hook returned.

        Raises
        ------
        PluginError
            If it is something else, or has no output.
        """
        proto = answer.proto if isinstance(answer, cls) else answer
        if not hasattr(proto, "metadata_props") or not hasattr(proto, "opset_import"):
            raise PluginError(
                f"export returned a value of type {type(proto).__name__}; return an "
                "onnx.ModelProto (onnx.load_from_string makes one of bytes), or zoo.Exported of one"
            )
        if not proto.graph.output:
            raise PluginError(
                "export returned an onnx.ModelProto without outputs; return a graph that computes "
                "`probabilities` from `track`"
            )
        if isinstance(answer, cls):
            return answer
        properties = {entry.key: entry.value for entry in answer.metadata_props}
        return cls(answer, **{k: int(properties[k]) for k in ("window", "hop") if k in properties})


class ModelSpec:
    """Hooks of one model, called for that model only. `train` and `predict` are compulsory."""

    @hookspec(firstresult=True)
    def preprocess(self, audio: "NDArray[np.float32]") -> "NDArray[np.float32] | None":
        """Compute the array of a waveform.

        Called once per track and dataset, in worker processes, unless the array is in the cache;
        also when a plugin without an ONNX form predicts. The default is the front end of the card.

        Parameters
        ----------
        audio : float32 array, shape (samples,)
            Mono, at the sample rate of the front end, finite.

        Returns
        -------
        float32 array, shape (rows, columns)
            One row per window or per frame, by the layout of the front end.
        """

    @hookspec(firstresult=True)
    def train(
        self,
        tracks: "Sequence[NDArray[np.float32]]",
        labels: "NDArray[np.int64]",
        classes: Sequence[str],
        groups: "NDArray[np.int64]",
        params: Mapping[str, Any],
        seed: int,
        progress: Progress,
        scratch: Path,
        sample_weight: "NDArray[np.float64] | None",
    ) -> object:
        """Fit a model to the training tracks of one fold.

        Called once per fold, and once more on all tracks for the artefact.

        Parameters
        ----------
        tracks : sequence of float32 arrays, each of shape (rows, columns)
            Results of `preprocess`, one array per track; read-only.
        labels : int64 array, shape (tracks,)
            Index of each track's class in `classes`.
        classes : sequence of str
            All classes of the dataset, sorted; a class may have no training track.
        groups : int64 array, shape (tracks,)
            Tracks with the same number belong together: keep them on one side of another split.
        params : mapping
            Every parameter of the card; without `CLASS_WEIGHT`.
        seed : int
            Random seed; the same seed must give the same model.
        progress : callable
            ``progress(fraction, note, **figures)``, to be called repeatedly.
        scratch : Path
            Folder of this fold for the state of a long training, empty at first. After an
            interruption the same command finds the state in it. It is deleted when the fold is
            stored.
        sample_weight : float64 array, shape (tracks,), or None
            Weight of each row of a track, or of each track behind a front end of frames, if the
            user sets ``class_weight=balanced``; otherwise None. For a model whose card
            has `CLASS_WEIGHT`.

        Returns
        -------
        object
            Any object but None, passed to `predict`, `export` and `save`.
        """

    @hookspec(firstresult=True)
    def predict(
        self, model: object, tracks: "Sequence[NDArray[np.float32]]"
    ) -> "Sequence[NDArray[np.float32]] | None":
        """Classify the windows of each track.

        Called once per fold with the test tracks, and with single tracks to compare the artefact
        with the model.

        Parameters
        ----------
        model : object
            Result of `train`.
        tracks : sequence of float32 arrays
            As in `train`.

        Returns
        -------
        sequence of float arrays, each of shape (windows, classes)
            One array per track: probabilities in the order of `classes`; each row sums to one.
        """

    @hookspec(firstresult=True)
    def export(self, model: object) -> Any:
        """Return the model as ONNX.

        Called after the fit on all tracks; again by the same command if it failed. The graph
        computes for one track the same as `predict`; the zoo puts the graph of the front end before
        it. The default exports scikit-learn estimators and Keras networks.

        Parameters
        ----------
        model : object
            Result of `train`.

        Returns
        -------
        Exported or onnx.ModelProto
            Input ``track``, float32 (rows, columns); output ``probabilities``, float32
            (windows, classes). A model that classifies windows of `window` rows every `hop` rows
            of a front end of frames, the last one aligned to the end of the track, returns
            ``Exported(proto, window, hop)``. Without them predictions carry no times and long
            recordings cannot be streamed.

        Raises
        ------
        CannotExport
            If the model has no ONNX form: the run is complete without, and records the reason.
            After any other error it is not complete, and the same command tries again.
        """

    @hookspec(firstresult=True)
    def save(self, model: object, folder: Path) -> bool | None:
        """Write a model that has no ONNX file.

        Called with the fit on all tracks if `export` failed. The files are kept for `load`, until
        there is an ONNX file.

        Parameters
        ----------
        model : object
            Result of `train`.
        folder : Path
            Empty folder. Write only files that are safe to load, never a pickle.

        Returns
        -------
        bool
            True if the model is written.
        """

    @hookspec(firstresult=True)
    def load(self, folder: Path) -> object:
        """Read a model that `save` wrote.

        Called when a run without an ONNX form predicts, and when an ONNX file is made that could
        not be made before.

        Parameters
        ----------
        folder : Path
            Folder that `save` wrote into. A run may come from anywhere, so never unpickle a file.

        Returns
        -------
        object
            The model, as `train` returned it.
        """


class ExtensionSpec:
    """Hooks of an extension: events of runs, and additions to the zoo."""

    @hookspec
    def zoo_run_started(self, run: Any) -> "Mapping[str, Any] | None":
        """Observe a run before its first fold is trained; also when the run is continued.

        Parameters
        ----------
        run : zoo_registry.Run
            The run; its record is stored.

        Returns
        -------
        mapping or None
            JSON values that the record keeps of the run, by the extension's name.
        """

    @hookspec
    def zoo_fold_finished(
        self, run: Any, fold: int, error: str | None
    ) -> "Mapping[str, Any] | None":
        """Observe a run after each fold: it is stored, or has failed.

        Parameters
        ----------
        run : zoo_registry.Run
            The run; its record has the fold.
        fold : int
            Number of the fold, from 0.
        error : str or None
            Why it failed.

        Returns
        -------
        mapping or None
            JSON values that the record keeps of the run, by the extension's name.
        """

    @hookspec
    def zoo_run_finished(self, run: Any) -> "Mapping[str, Any] | None":
        """Observe a run when it is complete, with all its files, or failed, or has no artefact yet.

        Parameters
        ----------
        run : zoo_registry.Run
            The run; the status is in its record.

        Returns
        -------
        mapping or None
            JSON values that the record keeps of the run, by the extension's name.
        """

    @hookspec
    def zoo_datasets(self) -> "Mapping[str, Callable[..., Any]] | None":
        """Add datasets; called when ``--data`` is looked up.

        Returns
        -------
        mapping
            A function that returns a `zoo.datasets.Dataset`, by the name for ``--data``. If the
            name ends with a colon, the function receives what the user writes behind it: a name,
            and maybe an @ and the folder of the data.
        """

    @hookspec
    def zoo_changes(self) -> "Sequence[Any] | None":
        """Add changes of recordings; called when a model is trained.

        Each model is asked about changed test tracks; the share right counts in `robustness` on
        the leaderboard like those of the zoo's own changes.

        Returns
        -------
        sequence of zoo.Change
            A name of its own, a sentence, a version and a function of the module each.
        """

    @hookspec
    def zoo_commands(self, app: Any) -> None:
        """Add commands; called when `zoo` starts, unless the command is a built-in one.

        Parameters
        ----------
        app : typer.Typer
            Application that takes the commands.
        """
