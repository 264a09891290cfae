"""A model that calls itself svm."""

from zoo import Card, Handcrafted, hookimpl

card = Card(name="svm", title="Another SVM", family="classical", frontend=Handcrafted())


@hookimpl
def train(classes):
    return len(classes)


@hookimpl
def predict(model, tracks):
    import numpy as np

    return [np.full((len(track), model), 1 / model) for track in tracks]
