"""Takes itself out of the modules."""

import sys

from zoo import Card, Handcrafted, hookimpl

del sys.modules[__name__]

card = Card(name="vanishes", title="Vanishes", family="classical", frontend=Handcrafted())


@hookimpl
def train(classes):
    return len(classes)


@hookimpl
def predict(model, tracks):
    import numpy as np

    return [np.full((len(track), model), 1 / model) for track in tracks]
