"""Convolutional network of five blocks on log-mel spectrograms.

It is trained from scratch on random windows of about five seconds.
"""

from typing import Any

from zoo import (
    KERAS_MEANINGS,
    KERAS_PARAMS,
    KERAS_SPACE,
    Card,
    Choice,
    Float,
    LogMel,
    batch_normalisation,
    keras_model,
)

__all__ = ["body", "card", "predict", "train"]

card = Card(
    name="cnn2d",
    title="CNN, five blocks",
    family="deep",
    frontend=LogMel(),
    params={
        "width": 16,
        "dropout": 0.0,
        **KERAS_PARAMS,
    },
    space={"width": Choice((8, 16, 24)), "dropout": Float(0.0, 0.4), **KERAS_SPACE},
    references=(
        "Choi, Fazekas and Sandler 2016, Automatic tagging using deep convolutional neural "
        "networks, arXiv:1606.00298",
        "Park et al. 2019, SpecAugment, doi:10.21437/Interspeech.2019-2680",
    ),
    requires=("tensorflow", "keras"),
    extra="deep",
    meanings={
        **KERAS_MEANINGS,
        "width": "filters of the first block; doubled from block to block",
        "dropout": "share of the features dropped before the classifier",
    },
)


def body(images: Any, params: dict[str, Any]) -> Any:
    """Return 16 * width features of log-mel images."""
    from keras import layers

    x = images
    for block in range(5):
        filters = params["width"] * 2**block
        stride = 1 if block else 2  # every other frame and mel: a quarter of the work from here on
        x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
        # Before the rest, to which it leaves a quarter of the work.
        x = layers.MaxPooling2D(2, padding="same")(x)
        x = layers.ReLU()(batch_normalisation(x))
    return layers.Dropout(params["dropout"])(layers.GlobalAveragePooling2D()(x))


train, predict = keras_model(body)
