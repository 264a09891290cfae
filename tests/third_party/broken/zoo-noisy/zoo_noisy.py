"""A model that talks when it is imported."""

import os
import sys

from zoo import Card, Handcrafted, hookimpl

print("Thank you for choosing noisy!")
sys.stderr.write("noisy: no GPU found, falling back to the CPU\n")
os.write(1, b"noisy 0.1 (C library)\n")
os.write(2, b"noisy: W0000 some_file.cc:12] a warning\n")

card = Card(name="noisy", title="Noisy", family="classical", frontend=Handcrafted())


@hookimpl
def train(classes):
    return len(classes)


@hookimpl
def predict(model, tracks):
    import numpy as np

    return [np.full((len(track), model), 1 / model) for track in tracks]
