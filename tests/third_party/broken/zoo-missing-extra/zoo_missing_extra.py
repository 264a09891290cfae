"""A model of a framework that is not installed."""

from zoo import Card, Handcrafted, hookimpl

card = Card(
    name="missing-extra",
    title="Missing extra",
    family="deep",
    frontend=Handcrafted(),
    requires=("tensorflow_that_is_not_there",),
    extra="deep",
)


@hookimpl
def train(classes):
    return len(classes)


@hookimpl
def predict(model, tracks):
    import numpy as np

    return [np.full((len(track), model), 1 / model) for track in tracks]
