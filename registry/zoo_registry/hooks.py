"""What a plugin promises: the hook specifications, which pluggy checks.

An implementation is a function of the plugin's module, marked with `hookimpl`.
It takes those of the arguments that it wants, by name.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["CONTRACT", "OPSET", "ExtensionSpec", "ModelSpec", "Progress", "hookimpl", "hookspec"]

CONTRACT = 1
"""The version of what is specified here and in `zoo_registry.card`; see docs/contract.md."""

OPSET = 18
"""The newest version of ONNX's operator set that a model's graph may use."""

hookspec = pluggy.HookspecMarker("zoo")
hookimpl = pluggy.HookimplMarker("zoo")


class Progress(Protocol):
    """How a training says how far it is."""

    def __call__(self, fraction: float, note: str = "", **figures: float) -> None:
        """Report the share that is done, 0 to 1, and a few words such as "epoch 3/40".

        Figures such as ``loss=0.7`` are kept in the run as its learning curve.
        """
        ...


class ModelSpec:
    """Hooks of one model; called for that model alone. `train` and `predict` are compulsory."""

    @hookspec(firstresult=True)
    def preprocess(self, audio: "NDArray[np.float32]") -> "NDArray[np.float32] | None":
        """Turn a waveform into the array the model is trained on.

        The default is the front end of the card.

        Parameters
        ----------
        audio : float32 array, shape (samples,)
            Mono, at the front end's sample rate, finite.

        Returns
        -------
        float32 array, shape (rows, columns)
            One row a window or a frame, by the front end's layout.
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
    ) -> object:
        """Fit a model to the training tracks of one fold.

        Parameters
        ----------
        tracks : sequence of float32 arrays, each of shape (rows, columns)
            What `preprocess` gave, one array a track; read-only.
        labels : int64 array, shape (tracks,)
            Index into `classes` of each track.
        classes : sequence of str
            All classes of the dataset, sorted; one may have no track here.
        groups : int64 array, shape (tracks,)
            Tracks of one number belong together; keep them so when you split further.
        params : mapping
            Every parameter of the card.
        seed : int
            The same seed must give the same model.
        progress : callable
            ``progress(fraction, note, **figures)``, to be called now and then.
        scratch : Path
            A folder for what a long training needs to go on after an interruption. It is this
            fold's own and empty at first; the same command finds in it what was left, and
            deletes it when the fold is stored.

        Returns
        -------
        object
            Anything but None; handed to `predict`, `export` and `save` as it is.
        """

    @hookspec(firstresult=True)
    def predict(
        self, model: object, tracks: "Sequence[NDArray[np.float32]]"
    ) -> "Sequence[NDArray[np.float32]] | None":
        """Classify the windows of each track.

        Parameters
        ----------
        model : object
            What `train` returned.
        tracks : sequence of float32 arrays
            As in `train`.

        Returns
        -------
        sequence of float arrays, each of shape (windows, classes)
            One array a track, probabilities in the order of `classes`, rows summing to one.
        """

    @hookspec(firstresult=True)
    def export(self, model: object) -> Any:
        """Return the model as an ``onnx.ModelProto``.

        The graph does for one track what `predict` does; the zoo puts the graph of the front
        end before it. The default exports scikit-learn estimators and Keras networks.

        Parameters
        ----------
        model : object
            What `train` returned.

        Returns
        -------
        onnx.ModelProto
            Input ``track``, float32 (rows, columns); output ``probabilities``, float32
            (windows, classes). Of a front end of frames, a model that cuts windows of `window`
            rows, `hop` rows apart, the last one ending with the track, says so in the metadata
            properties ``window`` and ``hop``: then its answers have times, and long recordings
            are streamed.

        Raises
        ------
        CannotExport
            With the reason, which the run records.
        """

    @hookspec(firstresult=True)
    def save(self, model: object, folder: Path) -> bool | None:
        """Write a model that cannot be exported.

        Parameters
        ----------
        model : object
            What `train` returned.
        folder : Path
            Empty; keep to files that are safe to load, never a pickle.

        Returns
        -------
        bool
            True, as the sign that it is written.
        """

    @hookspec(firstresult=True)
    def load(self, folder: Path) -> object:
        """Read a model.

        Parameters
        ----------
        folder : Path
            What `save` wrote into.

        Returns
        -------
        object
            The model, as `train` returned it.
        """


class ExtensionSpec:
    """Hooks of an extension: what may listen to runs, and what may add to the zoo."""

    @hookspec
    def zoo_run_started(self, run: Any) -> None:
        """Hear that a run begins or goes on.

        Parameters
        ----------
        run : zoo_registry.Run
        """

    @hookspec
    def zoo_fold_finished(self, run: Any, fold: int, error: str | None) -> None:
        """Hear that a fold is stored, or has failed.

        Parameters
        ----------
        run : zoo_registry.Run
        fold : int
            From 0.
        error : str or None
            Why it failed.
        """

    @hookspec
    def zoo_run_finished(self, run: Any) -> None:
        """Hear that a run is over: complete or failed, as its record says.

        Parameters
        ----------
        run : zoo_registry.Run
        """

    @hookspec
    def zoo_datasets(self) -> "Mapping[str, Callable[[], Any]] | None":
        """Offer data sets.

        Returns
        -------
        mapping
            A function that returns a `zoo.datasets.Dataset`, by the name for ``--data``.
        """

    @hookspec
    def zoo_commands(self, app: Any) -> None:
        """Add commands to the command line.

        Parameters
        ----------
        app : typer.Typer
        """
