"""A gated recurrent unit that reads log-mel frames."""

import numpy as np

from zoo import Card, Int, LogFloat, LogMel, hookimpl
from zoo.audio.windows import cut_windows
from zoo_registry.silence import quiet_stderr

card = Card(
    name="recurrent",
    title="GRU",
    family="deep",
    frontend=LogMel(hop_length=1024, n_mels=64),
    params={"frames": 64, "units": 48, "epochs": 20, "batch": 32, "learning_rate": 3e-3},
    space={"units": Int(16, 128, step=16), "learning_rate": LogFloat(3e-4, 3e-2)},
    references=("Cho et al. 2014, arXiv:1406.1078",),
    requires=("tensorflow", "keras"),
    extra="deep",
)


@hookimpl
def train(tracks, labels, classes, params, seed, progress):
    with quiet_stderr():  # TensorFlow talks while it is loaded, and at its first operation
        import keras

        keras.ops.zeros(1)

    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    cut = [cut_windows(track, params["frames"]) for track in tracks]
    X, y = np.concatenate(cut), np.repeat(labels, [len(windows) for windows in cut])

    layers = keras.layers
    standardise = layers.BatchNormalization(center=False, scale=False, trainable=False)
    window = keras.Input(X.shape[1:])
    state = layers.GRU(params["units"])(standardise(window))
    model = keras.Model(window, layers.Dense(len(classes), activation="softmax")(state))
    standardise.set_weights([X.mean(axis=(0, 1)), X.var(axis=(0, 1)) + 1.0])
    model.compile(
        keras.optimizers.Adam(params["learning_rate"]),
        "sparse_categorical_crossentropy",
        jit_compile=False,
    )

    def report(epoch, logs):
        progress((epoch + 1) / params["epochs"], f"epoch {epoch + 1}", loss=logs["loss"])

    report_epochs = keras.callbacks.LambdaCallback(on_epoch_end=report)
    model.fit(X, y, params["batch"], params["epochs"], verbose=0, callbacks=[report_epochs])
    return model


@hookimpl
def predict(model, tracks):
    frames = model.input_shape[1]
    return [model.predict_on_batch(cut_windows(track, frames)) for track in tracks]
