"""What the Keras models share: the training loop and prediction.

A network classifies windows, stretches of a track of fixed length. Training draws
them at random; prediction and the exported graph cut the same fixed ones, each half
over the one before it.
"""

import functools
import json
import math
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from zoo.audio.windows import cut_windows
from zoo_registry import hookimpl
from zoo_registry.files import atomic_path
from zoo_registry.silence import quiet_stderr

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo_registry import Progress

__all__ = [
    "TRAINING",
    "KerasModel",
    "Tensor",
    "batch_normalisation",
    "fit",
    "framework",
    "predict",
]

KerasModel: TypeAlias = Any
Tensor: TypeAlias = Any
"""Keras ships no types: these say in signatures what is meant."""

TRAINING: Mapping[str, int | float] = {
    "frames": 215,  # in a window; about 5 s
    "epochs": 24,  # at most
    "crops": 2,  # random windows of a track in an epoch
    "batch": 16,  # windows
    "learning_rate": 4e-3,  # at its peak
    "weight_decay": 1e-2,
    "smoothing": 0.1,  # probability that the label gives up to the classes, evenly
    "masking": 0.2,  # widest hidden stripe, as a share of the frames and of the mels
    "validation": 0.0,  # share of the training tracks that chooses the epoch; 0: the last one
    "patience": 8,  # epochs without a better one before training stops
}
"""The parameters of `fit` with their defaults, for cards to start from."""

_FEWEST_STEPS = 8  # in an epoch; with fewer, small sets never settle the batch statistics
_PREDICTED_AT_ONCE = 64  # windows; bounds the memory that an hour-long track takes
_HELD_WINDOWS = 4  # of a track that helps to choose the epoch; more would slow every epoch down


@functools.cache
def framework() -> Any:
    """Return Keras on TensorFlow, loaded at the first call and without chatter on stderr.

    Raises
    ------
    ImportError
        If keras or tensorflow is not installed.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # joblib tells its workers through this variable how many threads each may use.
    if threads := os.environ.get("OMP_NUM_THREADS"):
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", threads)
    with quiet_stderr():
        import keras

        keras.ops.zeros(1)  # what TensorFlow says of the machine, it says at its first operation
    return keras


def batch_normalisation(x: Tensor) -> Tensor:
    """Normalise each channel over the batch (Ioffe and Szegedy 2015, arXiv:1502.03167).

    Parameters
    ----------
    x : symbolic tensor, shape (batch, rows, columns, channels)

    Returns
    -------
    symbolic tensor of the same shape
    """
    return _fused_batch_normalization()(momentum=0.9)(x)


@functools.cache
def _fused_batch_normalization() -> Any:
    """Return Keras' layer, computed by one operation of TensorFlow.

    Keras composes it of many, which makes a step of VGG16 on a CPU take twice as long.
    """
    import tensorflow as tf

    class BatchNormalization(framework().layers.BatchNormalization):  # type: ignore[misc]
        def call(self, x: Tensor, training: bool = False) -> Tensor:
            moving = (self.moving_mean, self.moving_variance)
            mean, variance = (tf.zeros([0]),) * 2 if training else moving
            y, *of_batch, _, _, _ = tf.raw_ops.FusedBatchNormV3(
                x=x,
                scale=self.gamma,
                offset=self.beta,
                mean=mean,
                variance=variance,
                epsilon=self.epsilon,
                is_training=training,
            )
            if training:
                for average, value in zip(moving, of_batch, strict=True):
                    average.assign(self.momentum * average + (1 - self.momentum) * value)
            return y

    return BatchNormalization


def fit(
    body: Callable[[Tensor, Mapping[str, Any]], Tensor],
    tracks: "Sequence[NDArray[np.float32]]",
    labels: "NDArray[np.int64]",
    classes: Sequence[str],
    groups: "NDArray[np.int64]",
    params: Mapping[str, Any],
    seed: int,
    progress: "Progress",
    scratch: Path | None = None,
) -> KerasModel:
    """Train a network on random windows of log-mel tracks.

    Windows have stripes of time and of frequency hidden (Park et al. 2019,
    doi:10.21437/Interspeech.2019-2680); labels are smoothed (Szegedy et al. 2016,
    doi:10.1109/CVPR.2016.308); the optimiser is AdamW (Loshchilov and Hutter 2019,
    arXiv:1711.05101) under a warm-up and a cosine. Where it is asked for and the classes
    are large enough, some groups are held out of the training to choose the best epoch.

    Parameters
    ----------
    body : callable
        ``body(images, params)``: from a symbolic tensor of shape (batch, frames, mels, 1),
        freed of its level and standardised per mel, to features of shape (batch, features).
    tracks : sequence of float32 arrays, each of shape (frames, mels)
        dB; of any lengths from one frame on.
    labels, groups : int64 arrays, shape (tracks,)
        Index into `classes`, and what must not be parted by the inner split.
    classes : sequence of str
        All classes; one without a track gets its output nevertheless.
    params : mapping
        At least those of `TRAINING`.
    seed : int
        From which everything random is derived; the generators of Python, NumPy and
        TensorFlow are seeded with it, too.
    progress : callable
        Called with the share done, a note and the losses after every epoch.
    scratch : Path, optional
        Where the state after each epoch is kept; a training that finds one there goes on
        from it, and ends as if it had never been interrupted.

    Returns
    -------
    keras.Model
        From windows, float32 (batch, frames, mels) in dB, to probabilities.
    """
    import numpy as np

    from zoo_plugins._keras_data import inner_split, level, masked, random_crops, spread, statistics

    keras = framework()
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed % 2**32)
    rng = np.random.default_rng(seed)
    frames, batch, epochs = params["frames"], params["batch"], params["epochs"]
    learnt, held = inner_split(labels, groups, params["validation"], seed)
    held_windows = [spread(tracks[i], frames, _HELD_WINDOWS) for i in held]
    mean, variance = statistics(tracks, learnt)
    model = _network(body, params, len(classes), mean, variance)
    steps = max(_FEWEST_STEPS, round(len(learnt) * params["crops"] / batch))
    _compile(model, params, epochs * steps)
    targets = np.eye(len(classes), dtype=np.float32)
    state = _State(scratch / "epoch.npz" if scratch else None, model, rng)
    state.restore()
    for number, figures in enumerate(state.curve, start=1):
        progress(number / epochs, f"epoch {number}/{epochs}", **figures)
    for epoch in range(len(state.curve) + 1, epochs + 1):
        if held_windows and epoch - 1 - state.best_epoch >= params["patience"]:
            break
        # Batches of one size spare TensorFlow a second trace; some tracks come once more for it.
        order = np.resize(rng.permutation(learnt), steps * batch).reshape(steps, batch)
        losses = []
        for chosen in order:
            crops = random_crops([tracks[i] for i in chosen], frames, rng)
            crops = masked(crops, mean + level(crops), params["masking"], rng)
            losses.append(model.train_on_batch(crops, targets[labels[chosen]]))
        figures = {"loss": float(np.mean(losses))}
        note = f"epoch {epoch}/{epochs}, loss {figures['loss']:.2f}"
        if held_windows:
            held_loss, held_accuracy = _held_out(model, held_windows, labels[held])
            figures |= {"held_out_loss": held_loss, "held_out_accuracy": held_accuracy}
            note += f", held out {held_loss:.2f}, {held_accuracy:.0%} right"
        state.finish_epoch(figures)
        progress(epoch / epochs, note, **figures)
    if held_windows:
        model.set_weights(state.best)
        best = state.curve[state.best_epoch - 1]["held_out_loss"]
        progress(1.0, f"kept epoch {state.best_epoch}, held out {best:.2f}")
    return model


class _State:
    """What a training is after an epoch: variables, generator, curve and the best weights.

    Parameters
    ----------
    path : Path or None
        Where it is kept.
    model : keras.Model
        Compiled.
    rng : numpy.random.Generator
    """

    def __init__(self, path: Path | None, model: KerasModel, rng: "np.random.Generator") -> None:
        self._path = path
        self._model = model
        self._rng = rng
        self.curve: list[dict[str, float]] = []
        self.best: list[NDArray[np.float32]] = []
        self.best_epoch = 0

    def finish_epoch(self, figures: dict[str, float]) -> None:
        """Take up the figures of an epoch, and keep everything on disk."""
        import numpy as np

        self.curve.append(figures)
        held = [item.get("held_out_loss", math.inf) for item in self.curve]
        if held[-1] < min(held[:-1], default=math.inf):
            self.best, self.best_epoch = self._model.get_weights(), len(self.curve)
        if self._path is None:
            return
        arrays = {f"variable{n}": v.numpy() for n, v in enumerate(self._variables())}
        arrays |= {f"best{n}": values for n, values in enumerate(self.best)}
        kept = {
            "curve": self.curve,
            "best_epoch": self.best_epoch,
            "rng": self._rng.bit_generator.state,
        }
        with atomic_path(self._path) as temporary, temporary.open("wb") as file:
            np.savez(file, described=np.array(json.dumps(kept)), **arrays)

    def restore(self) -> None:
        """Go back to the last epoch that was kept; a damaged file counts as none."""
        import numpy as np

        if self._path is None or not self._path.is_file():
            return
        try:
            with np.load(self._path, allow_pickle=False) as arrays:
                kept = json.loads(str(arrays["described"]))
                variables = list(self._variables())
                values = [arrays[f"variable{n}"] for n in range(len(variables))]
                best = [arrays[f"best{n}"] for n in range(len(self._model.get_weights()))] \
                    if kept["best_epoch"] else []  # fmt: skip
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self._rng.bit_generator.state = kept["rng"]
        self.curve, self.best_epoch, self.best = kept["curve"], kept["best_epoch"], best

    def _variables(self) -> list[Any]:
        """Return weights, running averages, seeds of dropout, and the optimiser's own."""
        return [*self._model.variables, *self._model.optimizer.variables]


@hookimpl
def predict(
    model: KerasModel,
    tracks: "Sequence[NDArray[np.float32]]",
) -> "list[NDArray[np.float32]]":
    """Classify the windows of each track.

    Parameters
    ----------
    model : keras.Model
        What `fit` returned.
    tracks : sequence of float32 arrays, each of shape (frames, mels)
        dB; of any lengths from one frame on.

    Returns
    -------
    list of float32 arrays, each of shape (windows, classes)
        Windows start half a window apart, the last one ends with the track; a track
        shorter than a window is repeated to fill one. Rows sum to one.
    """
    frames = model.input_shape[1]
    return [_classify(model, cut_windows(track, frames)) for track in tracks]


def _network(
    body: Callable[[Tensor, Mapping[str, Any]], Tensor],
    params: Mapping[str, Any],
    classes: int,
    mean: "NDArray[np.float32]",
    variance: "NDArray[np.float32]",
) -> KerasModel:
    """Put in front of `body` what levels and standardises, and a classifier behind it."""
    keras = framework()
    layers = keras.layers
    shape = (params["frames"], len(mean))
    window = keras.Input(shape, name="window")
    # Keras' layer for the purpose keeps constants, which its ONNX export takes for inputs.
    standardise = layers.BatchNormalization(center=False, scale=False, epsilon=0, trainable=False)
    # How loud a recording is says little of its class, and differs between training and use.
    levelled = window - keras.ops.mean(window, axis=(1, 2), keepdims=True)
    images = layers.Reshape((*shape, 1))(standardise(levelled))
    standardise.set_weights([mean, variance])
    features = body(images, params)
    probabilities = layers.Dense(classes, activation="softmax", name="probabilities")(features)
    return keras.Model(window, probabilities)


def _compile(model: KerasModel, params: Mapping[str, Any], steps: int) -> None:
    """Give `model` its loss and its optimiser."""
    keras = framework()
    warming = max(1, steps // 10)
    rate = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        warmup_target=params["learning_rate"],
        warmup_steps=warming,
        decay_steps=max(1, steps - warming),
    )
    optimizer = keras.optimizers.AdamW(rate, weight_decay=params["weight_decay"])
    # Decay restrains directions; scales and offsets have none, and would only be biased by it.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=params["smoothing"])
    # XLA compiles for longer than a run takes, and its convolutions are slow on a CPU.
    model.compile(optimizer, loss, jit_compile=False)
    optimizer.build(model.trainable_variables)  # else the first step is traced a second time


def _held_out(
    model: KerasModel,
    windows: "Sequence[NDArray[np.float32]]",
    labels: "NDArray[np.int64]",
) -> tuple[float, float]:
    """Return mean log loss (nats) and accuracy of tracks given as equally many windows each."""
    import numpy as np

    found = _classify(model, np.concatenate(windows)).reshape(len(windows), len(windows[0]), -1)
    likelihood = np.take_along_axis(found, labels[:, None, None], axis=2)
    right = found.mean(axis=1).argmax(axis=1) == labels
    return float(-np.log(likelihood + 1e-7).mean()), float(right.mean())


def _classify(model: KerasModel, windows: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Return the probabilities of windows, few enough at once for their activations to fit."""
    import numpy as np

    parts = np.split(windows, range(_PREDICTED_AT_ONCE, len(windows), _PREDICTED_AT_ONCE))
    found: list[NDArray[np.float32]] = [np.asarray(model(part, training=False)) for part in parts]
    return np.concatenate(found)
