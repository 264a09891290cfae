"""A model for a zoo of the future."""

from zoo import Card, Handcrafted, hookimpl

card = Card(
    name="newer-contract",
    title="Newer contract",
    family="classical",
    frontend=Handcrafted(),
    contract=99,
    colour="red",
)


@hookimpl
def train(classes):
    return len(classes)


@hookimpl
def predict(model, tracks):
    import numpy as np

    return [np.full((len(track), model), 1 / model) for track in tracks]
