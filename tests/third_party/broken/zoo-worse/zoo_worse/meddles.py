"""Changes what belongs to all."""

import builtins
import os
import sys
import warnings

from zoo import Card, Handcrafted, hookimpl

warnings.simplefilter("error")
builtins.print = None
sys.stdout = sys.stderr = None
os.chdir("/")

card = Card(name="meddles", title="Meddles", family="classical", frontend=Handcrafted())


@hookimpl
def train(classes):
    return len(classes)


@hookimpl
def predict(model, tracks):
    import numpy as np

    return [np.full((len(track), model), 1 / model) for track in tracks]
