"""VGG16, its thirteen convolutions slimmed for a CPU, on log-mel spectrograms.

It is trained from scratch on random windows of about three seconds. It has a quarter of the
filters of the paper, and global pooling in place of the dense layers.
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
    name="vgg16",
    title="VGG16, slim",
    family="deep",
    frontend=LogMel(),
    params={
        "width": 16,
        "dropout": 0.3,
        **KERAS_PARAMS,
        "frames": 128,
        "epochs": 15,  # at most; one costs four times what it costs cnn2d
        "learning_rate": 2e-3,  # at its peak
    },
    space={"width": Choice((8, 16, 24)), "dropout": Float(0.0, 0.5), **KERAS_SPACE},
    references=(
        "Simonyan and Zisserman 2015, Very deep convolutional networks for large-scale image "
        "recognition, arXiv:1409.1556",
        "Ioffe and Szegedy 2015, Batch normalization, arXiv:1502.03167",
        "Park et al. 2019, SpecAugment, doi:10.21437/Interspeech.2019-2680",
    ),
    requires=("tensorflow", "keras"),
    extra="deep",
    meanings={
        **KERAS_MEANINGS,
        "width": "filters of the first block, 64 in the paper; later blocks keep its ratios",
        "dropout": "share of the features dropped before the classifier",
    },
)


def body(images: Any, params: dict[str, Any]) -> Any:
    """Return 8 * width features of log-mel images."""
    from keras import layers

    # Batch normalisation makes thirteen layers trainable from scratch, and global pooling
    # replaces the two dense layers of 4096 units.
    x = images
    # Convolutions of each block, and their filters in widths: configuration D of the paper.
    for convolutions, widths in ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8)):
        for _ in range(convolutions):
            x = layers.Conv2D(params["width"] * widths, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(batch_normalisation(x))
        x = layers.MaxPooling2D(2, padding="same")(x)
    return layers.Dropout(params["dropout"])(layers.GlobalAveragePooling2D()(x))


train, predict = keras_model(body)
