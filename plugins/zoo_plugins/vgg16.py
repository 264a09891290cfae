"""VGG16, its thirteen convolutions slimmed for a CPU, on log-mel spectrograms."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from zoo.audio.frontends import LogMel
from zoo_plugins._keras import (
    TRAINING,
    KerasModel,
    Tensor,
    batch_normalisation,
    fit,
    framework,
    predict,
)
from zoo_registry import Card, Choice, Float, LogFloat, hookimpl

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from zoo_registry import Progress

__all__ = ["body", "card", "predict", "train"]

card = Card(
    name="vgg16",
    title="VGG16, slim",
    family="deep",
    frontend=LogMel(),
    params={
        "width": 16,  # filters of the first block, 64 in the paper; later blocks keep its ratios
        "dropout": 0.3,  # share of the features dropped before the classifier
        **TRAINING,
        "frames": 128,  # in a window; about 3 s
        "epochs": 15,  # at most; one costs four times what it costs cnn2d
        "learning_rate": 2e-3,  # at its peak
    },
    space={
        "width": Choice((8, 16, 24)),
        "dropout": Float(0.0, 0.5),
        "learning_rate": LogFloat(3e-4, 1e-2),
        "weight_decay": LogFloat(1e-4, 1e-1),
        "smoothing": Float(0.0, 0.2),
        "masking": Float(0.0, 0.4),
    },
    references=(
        "Simonyan and Zisserman 2015, Very deep convolutional networks for large-scale image "
        "recognition, arXiv:1409.1556",
        "Ioffe and Szegedy 2015, Batch normalization, arXiv:1502.03167",
        "Park et al. 2019, SpecAugment, doi:10.21437/Interspeech.2019-2680",
    ),
    requires=("tensorflow", "keras"),
    extra="deep",
)

_LAYOUT = ((2, 1), (2, 2), (3, 4), (3, 8), (3, 8))
"""Convolutions of each block, and their filters in widths: configuration D of the paper."""


def body(images: Tensor, params: Mapping[str, Any]) -> Tensor:
    """Return the features of log-mel images.

    Batch normalisation makes the thirteen layers trainable from scratch, and global
    pooling stands in for the two dense layers of 4096 units.

    Parameters
    ----------
    images : symbolic tensor, shape (batch, frames, mels, 1)
    params : mapping
        ``width`` and ``dropout`` of the card.

    Returns
    -------
    symbolic tensor, shape (batch, 8 * width)
    """
    layers = framework().layers
    x = images
    for convolutions, widths in _LAYOUT:
        for _ in range(convolutions):
            x = layers.Conv2D(params["width"] * widths, 3, padding="same", use_bias=False)(x)
            x = batch_normalisation(x)
            x = layers.ReLU()(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
    return layers.Dropout(params["dropout"])(layers.GlobalAveragePooling2D()(x))


@hookimpl
def train(
    tracks: "Sequence[NDArray[np.float32]]",
    labels: "NDArray[np.int64]",
    classes: Sequence[str],
    groups: "NDArray[np.int64]",
    params: Mapping[str, Any],
    seed: int,
    progress: "Progress",
    scratch: "Path | None" = None,
) -> KerasModel:
    """Train on random windows; see `zoo_plugins._keras.fit`."""
    return fit(body, tracks, labels, classes, groups, params, seed, progress, scratch)
