"""Leaves a thread that never ends."""

import threading

from zoo import Card, Handcrafted, hookimpl

threading.Thread(target=threading.Event().wait).start()

card = Card(name="lingers", title="Lingers", family="classical", frontend=Handcrafted())


@hookimpl
def train(classes):
    return len(classes)


@hookimpl
def predict(model, tracks):
    import numpy as np

    return [np.full((len(track), model), 1 / model) for track in tracks]
