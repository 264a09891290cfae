"""A model whose second hook is misspelt."""

from zoo import Card, Handcrafted, hookimpl

card = Card(name="misspelt-hook", title="Misspelt hook", family="classical", frontend=Handcrafted())


@hookimpl
def train(classes):
    return len(classes)


@hookimpl
def predikt(model, tracks):
    import numpy as np

    return [np.full((len(track), model), 1 / model) for track in tracks]
