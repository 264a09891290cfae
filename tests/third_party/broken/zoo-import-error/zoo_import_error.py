"""A model whose author forgot to declare a dependency."""

import a_package_that_is_not_there

from zoo import Card, Handcrafted, hookimpl

card = Card(
    name="import-error",
    title="Import error",
    family="classical",
    frontend=Handcrafted(),
    params={"a": a_package_that_is_not_there.A},
)


@hookimpl
def train(classes):
    return len(classes)


@hookimpl
def predict(model, tracks):
    import numpy as np

    return [np.full((len(track), model), 1 / model) for track in tracks]
