"""Convolutional network of five blocks on log-mel spectrograms."""

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
    name="cnn2d",
    title="CNN, five blocks",
    family="deep",
    frontend=LogMel(),
    params={
        "width": 16,  # filters of the first block; doubled from block to block
        "dropout": 0.0,  # share of the features dropped before the classifier
        **TRAINING,
    },
    space={
        "width": Choice((8, 16, 24)),
        "dropout": Float(0.0, 0.4),
        "learning_rate": LogFloat(3e-4, 1e-2),
        "weight_decay": LogFloat(1e-4, 1e-1),
        "smoothing": Float(0.0, 0.2),
        "masking": Float(0.0, 0.4),
    },
    references=(
        "Choi, Fazekas and Sandler 2016, Automatic tagging using deep convolutional neural "
        "networks, arXiv:1606.00298",
        "Park et al. 2019, SpecAugment, doi:10.21437/Interspeech.2019-2680",
    ),
    requires=("tensorflow", "keras"),
    extra="deep",
)


def body(images: Tensor, params: Mapping[str, Any]) -> Tensor:
    """Return the features of log-mel images.

    Parameters
    ----------
    images : symbolic tensor, shape (batch, frames, mels, 1)
    params : mapping
        ``width`` and ``dropout`` of the card.

    Returns
    -------
    symbolic tensor, shape (batch, 16 * width)
    """
    layers = framework().layers
    x = images
    for block in range(5):
        filters = params["width"] * 2**block
        stride = 1 if block else 2  # every other frame and mel: a quarter of the work from here on
        x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
        # Before the rest, where it spares them three quarters of their work.
        x = layers.MaxPooling2D(2, padding="same")(x)
        x = batch_normalisation(x)
        x = layers.ReLU()(x)
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
