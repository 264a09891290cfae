"""Train and predict hooks for Keras networks that classify windows of log-mel tracks.

Training draws windows at random; prediction and the exported graph cut windows that overlap by
half.
"""

import functools
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from zoo.audio.windows import RANGE, cut_windows
from zoo_registry.card import Distribution, Float, LogFloat
from zoo_registry.class_weight import CLASS_WEIGHT
from zoo_registry.hooks import hookimpl
from zoo_registry.silence import quiet_stderr

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from zoo_registry.hooks import Progress

__all__ = [
    "KERAS_MEANINGS", "KERAS_PARAMS", "KERAS_SPACE", "batch_normalisation", "framework",
    "fused_batch_normalization", "keras_model",
]  # fmt: skip

KERAS_PARAMS: Mapping[str, int | float | str] = MappingProxyType(
    {
        "frames": 215,
        "epochs": 24,
        "crops": 2,
        "batch": 16,
        "learning_rate": 4e-3,
        "weight_decay": 1e-2,
        "smoothing": 0.1,
        "masking": 0.2,
        "noise": 0.15,
        "low_pass": 0.0,
        "validation": 0.0,
        "patience": 8,
        **CLASS_WEIGHT,
    }
)
"""Training parameters of a network with their defaults, for its card to start from."""

KERAS_MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "frames": "frames in a window; 215 of log-mel are about 5 s",
        "epochs": "skips the training tracks, at most",
        "crops": "random windows per track and epoch",
        "batch": "windows per step",
        "learning_rate": "size of a step, at its peak",
        "weight_decay": "how strongly weights are kept small",
        "smoothing": "probability taken from the label and spread over all classes",
        "masking": "widest hidden stripe, as a share of frames and mels",
        "noise": "share of the windows with noise",
        "low_pass": "share of the windows without treble, as for telephones",
        "validation": "share of the training tracks that chooses the epoch; 0 takes the last",
        "patience": "epochs without a better one before training stops",
    }
)
"""What these parameters mean, for the `meanings` of a card."""

KERAS_SPACE: Mapping[str, Distribution] = MappingProxyType(
    {
        "learning_rate": LogFloat(3e-4, 1e-2),
        "weight_decay": LogFloat(1e-4, 1e-1),
        "smoothing": Float(0.0, 0.2),
        "masking": Float(0.0, 0.4),
    }
)
"""Search space of the training parameters that matter most."""

_BOUND = 5.0  # standard deviations
_FEWEST_STEPS = 8  # per epoch; with fewer, small sets never settle the batch statistics
_PREDICTED_AT_ONCE = 64  # windows; bounds the memory for an hour-long track
_HELD_WINDOWS = 4  # per held-out track; more would slow every epoch down


@functools.cache
def framework() -> Any:
    """Return Keras on TensorFlow, loaded at the first call with nothing written to stderr.

    Raises
    ------
    ImportError
        If keras or tensorflow is not installed.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # joblib limits the threads of its workers through this variable.
    if threads := os.environ.get("OMP_NUM_THREADS"):
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", threads)
    with quiet_stderr():
        import keras

        keras.ops.zeros(1)  # TensorFlow reports on the machine at its first operation
    return keras


def batch_normalisation(x: Any) -> Any:
    """Return `x` normalised per channel over the batch (Ioffe and Szegedy 2015, arXiv:1502.03167).

    Keras' own layer, with the same result, doubles the time that VGG16 takes per step on a CPU.

    Parameters
    ----------
    x : symbolic tensor, shape (batch, rows, columns, channels)
        Input of the layer; the output has the same shape.
    """
    return fused_batch_normalization()(momentum=0.9)(x)


def keras_model(
    body: Callable[[Any, dict[str, Any]], Any],
) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the `train` and `predict` hooks of a Keras network, for its plugin.

    Windows have stripes of time and of frequency hidden (Park et al. 2019,
    doi:10.21437/Interspeech.2019-2680); labels are smoothed (Szegedy et al. 2016,
    doi:10.1109/CVPR.2016.308); the optimiser is AdamW (Loshchilov and Hutter 2019,
    arXiv:1711.05101) with a warm-up and a cosine schedule. With `validation` in the parameters,
    and classes that are large enough, some groups are held out to choose the best epoch. With
    ``class_weight=balanced`` the windows of all classes have the same weight in sum. An interrupted
    training is resumed after its last epoch.

    Parameters
    ----------
    body : callable
        ``body(images, params)`` returns features, a symbolic tensor of shape (batch, features).
        `images` is a symbolic tensor of shape (batch, frames, mels, 1), of mean zero per window
        and standardised per mel; `params` are the parameters of the card. A softmax layer is put
        behind the features. Keras is loaded before the call. Parameters of `KERAS_PARAMS` that
        the card leaves out have their defaults.

    Examples
    --------
    A whole plugin, in a file that ``zoo train ./small.py`` takes:

    >>> from zoo import KERAS_PARAMS, Card, LogMel, keras_model
    >>> card = Card(name="small", title="Small network", family="deep", frontend=LogMel(),
    ...             params={"filters": 32, **KERAS_PARAMS}, requires=("tensorflow", "keras"))
    >>> def body(images, params):
    ...     from keras import layers
    ...     x = layers.Conv2D(params["filters"], 5, strides=2, activation="relu")(images)
    ...     return layers.GlobalMaxPooling2D()(x)
    >>> train, predict = keras_model(body)
    """

    @hookimpl
    def train(
        tracks: "Sequence[NDArray[np.float32]]",
        labels: "NDArray[np.int64]",
        classes: Sequence[str],
        groups: "NDArray[np.int64]",
        params: Mapping[str, Any],
        seed: int,
        progress: "Progress",
        scratch: Path | None = None,
        sample_weight: "NDArray[np.float64] | None" = None,
    ) -> Any:
        """Return a network that is trained on random windows; the random seeds are set globally."""
        import numpy as np

        from zoo.plugins import keras_data as data
        from zoo.plugins.keras_checkpoint import Checkpoint

        if "tensorflow" not in sys.modules:
            progress(0.0, "importing TensorFlow")
        keras = framework()
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed % 2**32)
        rng = np.random.default_rng(seed)
        params = {**KERAS_PARAMS, **params}
        frames, batch, epochs = params["frames"], params["batch"], params["epochs"]
        learnt, held = data.inner_split(labels, groups, params["validation"], seed)
        held_windows = [data.spread(tracks[i], frames, _HELD_WINDOWS) for i in held]
        weights = None if sample_weight is None else sample_weight.astype(np.float32)
        held_weights = None if weights is None else weights[held]
        mean, variance = data.statistics(tracks, learnt)
        model = _network(body, params, len(classes), mean, variance)
        steps = max(_FEWEST_STEPS, round(len(learnt) * params["crops"] / batch))
        _compile(model, params, epochs * steps)
        targets = np.eye(len(classes), dtype=np.float32)
        state = Checkpoint(scratch / "epoch.npz" if scratch else None, model, rng)
        state.restore()
        for number, figures in enumerate(state.curve, start=1):
            progress(number / epochs, f"epoch {number}/{epochs}", **figures)
        for epoch in range(len(state.curve) + 1, epochs + 1):
            if held_windows and epoch - 1 - state.best_epoch >= params["patience"]:
                break
            # Batches of one size spare TensorFlow a second trace, so some tracks come twice.
            order = np.resize(rng.permutation(learnt), steps * batch).reshape(steps, batch)
            batches = []
            for chosen in order:
                crops = data.random_crops([tracks[i] for i in chosen], frames, rng)
                crops = data.noisy(data.levelled(crops), params["noise"], rng)
                crops = data.low_passed(crops, params["low_pass"], rng)
                crops = data.masked(crops, mean, params["masking"], rng)
                model.reset_metrics()  # before Keras 3.15 the loss is else the mean of all batches
                of_batch = None if weights is None else weights[chosen]
                batches.append(model.train_on_batch(crops, targets[labels[chosen]], of_batch))
            # Both are of augmented windows, and the loss of smoothed labels.
            loss, accuracy = np.mean(batches, axis=0).tolist()
            figures = {"loss": loss, "accuracy": accuracy}
            note = f"epoch {epoch}/{epochs}, loss {figures['loss']:.2f}"
            if held_windows:
                held_loss, held_accuracy = _held_out(
                    model, held_windows, labels[held], held_weights
                )
                figures |= {"held_out_loss": held_loss, "held_out_accuracy": held_accuracy}
                note += f", held out {held_loss:.2f}, {held_accuracy:.0%} right"
            state.finish_epoch(figures)
            progress(epoch / epochs, note, **figures)
        if held_windows:
            model.set_weights(state.best)
            best = state.curve[state.best_epoch - 1]["held_out_loss"]
            progress(1.0, f"kept epoch {state.best_epoch}, held out {best:.2f}")
        return model

    return train, _predict


@functools.cache
def fused_batch_normalization() -> Any:
    """Return Keras' layer, computed by one operation of TensorFlow; Keras can load it from now."""
    import tensorflow as tf

    @framework().saving.register_keras_serializable("zoo")
    class BatchNormalization(framework().layers.BatchNormalization):  # type: ignore[misc]
        """Keras' layer of this name, in one operation."""

        def call(self, x: Any, training: bool = False) -> Any:
            """Return `x`, normalised."""
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


@hookimpl
def _predict(model: Any, tracks: "Sequence[NDArray[np.float32]]") -> "list[NDArray[np.float32]]":
    """Return the probabilities of the overlapping windows of each track."""
    frames = model.input_shape[1]
    return [_classify(model, cut_windows(track, frames)) for track in tracks]


def _network(
    body: Callable[[Any, dict[str, Any]], Any],
    params: dict[str, Any],
    classes: int,
    mean: "NDArray[np.float32]",
    variance: "NDArray[np.float32]",
) -> Any:
    """Return the network from windows in dB to probabilities."""
    from zoo.plugins import keras_data as data

    keras = framework()
    layers = keras.layers
    shape = (params["frames"], len(mean))
    window = keras.Input(shape, name="window")
    # Keras' layer for the purpose keeps constants, which its ONNX export takes for inputs.
    standardise = layers.BatchNormalization(center=False, scale=False, epsilon=0, trainable=False)
    # The level of a recording says little of its class, and differs between training and use.
    levelled = data.levelled(window, keras.ops)
    bounded = keras.ops.clip(standardise(levelled), -_BOUND, _BOUND)
    # A band in which nothing is tells the sample rate or the codec, so it is as if hidden.
    empty = keras.ops.max(levelled, axis=1, keepdims=True) <= -RANGE
    known = keras.ops.where(empty, 0.0, bounded)
    images = layers.Reshape((*shape, 1))(known)
    standardise.set_weights([mean, variance])
    features = body(images, params)
    probabilities = layers.Dense(classes, activation="softmax", name="probabilities")(features)
    return keras.Model(window, probabilities)


def _compile(model: Any, params: Mapping[str, Any], steps: int) -> None:
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
    # Decay is meant for directions; it would only bias scales and offsets.
    optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=params["smoothing"])
    # XLA compiles for longer than a run takes, and its convolutions are slow on a CPU.
    model.compile(optimizer, loss, metrics=["accuracy"], jit_compile=False)
    optimizer.build(model.trainable_variables)  # else the first step is traced a second time


def _held_out(
    model: Any,
    windows: "Sequence[NDArray[np.float32]]",
    labels: "NDArray[np.int64]",
    weights: "NDArray[np.float32] | None",
) -> tuple[float, float]:
    """Return mean log loss (nats) and accuracy of tracks given as equally many windows each.

    With weights, shape (tracks,), these are weighted means.
    """
    import numpy as np

    found = _classify(model, np.concatenate(windows)).reshape(len(windows), len(windows[0]), -1)
    likelihood = np.take_along_axis(found, labels[:, None, None], axis=2)
    loss = -np.log(likelihood + 1e-7)
    right = found.mean(axis=1).argmax(axis=1) == labels
    if weights is None:
        return float(loss.mean()), float(right.mean())
    shares = weights / weights.sum()
    return float(shares @ loss.mean(axis=(1, 2))), float(shares @ right)


def _classify(model: Any, windows: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Return the probabilities of windows, in parts that bound the memory for activations."""
    import numpy as np

    parts = np.split(windows, range(_PREDICTED_AT_ONCE, len(windows), _PREDICTED_AT_ONCE))
    found: list[NDArray[np.float32]] = [np.asarray(model(part, training=False)) for part in parts]
    return np.concatenate(found)
