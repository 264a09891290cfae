"""What a minute of training buys: `cnn2d` against the published recipe, on one split.

Usage: python benchmarks/train.py [DATA] [--seconds N] [--protocol P]

The published recipe: power mel windows of 1.5 s with half overlap, five blocks of convolution
and dropout, a dense layer of 512 with L2, Adam, batches of 64, flips and cut-outs, a learning
rate that is lowered on a plateau (here of held-out tracks). Each recipe has a process of its
own. A line is one training: CPU seconds, and the share of the test tracks that the vote gets
right. For `cnn2d`, whose schedule knows its end, every line is a training of its own; the
recipe's lines are the epochs of one. Ratios say how many of the tracks `cnn2d` has right for one
of the published recipe, and how much sooner it is as good as that ever gets, if it is.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from _common import Row, main, note

from zoo.datasets import open_dataset
from zoo.evaluate.protocols import parse_protocol
from zoo.features.extraction import extract, feature_arrays
from zoo.plugins.registry import open_registry

EPOCHS = (3, 6, 12, 24, 36)  # of cnn2d
FRAMES, BATCH = 65, 64  # of the published recipe


def rows(given: argparse.Namespace) -> Iterator[Row]:
    """Run both recipes and compare them."""
    curves: dict[str, list[dict[str, float]]] = {}
    for recipe in ("published", "cnn2d"):
        note(f"{recipe}: CPU seconds, tracks right, windows a second, peak memory")
        curves[recipe] = []
        for point in _points(given, recipe):
            curves[recipe].append(point)
            note(
                f"  {point['seconds']:6.1f} s  {point['accuracy']:.3f}  "
                f"{point['windows'] / point['seconds']:5.0f}/s  {point['memory']:.0f} MB"
            )
    best = {
        recipe: max(curve, key=lambda point: (point["accuracy"], -point["seconds"]))
        for recipe, curve in curves.items()
    }
    ours, theirs = best["cnn2d"], best["published"]
    yield Row(
        "tracks right at best, `cnn2d` over published",
        [ours["accuracy"] / theirs["accuracy"]],
        f"{ours['accuracy']:.3f} after {ours['seconds']:.0f} s against "
        f"{theirs['accuracy']:.3f} after {theirs['seconds']:.0f} s",
    )
    reached = [p["seconds"] for p in curves["cnn2d"] if p["accuracy"] >= theirs["accuracy"]]
    if reached:
        yield Row(
            "CPU time to the best of the published recipe, published over `cnn2d`",
            [theirs["seconds"] / min(reached)],
            f"{min(reached):.0f} s against {theirs['seconds']:.0f} s",
        )


def _points(given: argparse.Namespace, recipe: str) -> Iterator[dict[str, float]]:
    command = [sys.executable, __file__, given.data, "--protocol", given.protocol]
    command += ["--seconds", str(given.seconds), "--recipe", recipe]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)
    if process.wait():
        raise SystemExit(f"{recipe} failed")


def _run(given: argparse.Namespace) -> tuple[Row, ...]:
    """Print the points of one recipe as JSON lines."""
    model = open_registry().load("cnn2d")
    extraction = extract(open_dataset(given.data), model)
    fold = parse_protocol(given.protocol).folds(extraction.dataset, 0, False)[0]
    curve = {"cnn2d": _cnn2d, "published": _published}[given.recipe]
    for seconds, accuracy, windows in curve(model, extraction, fold, given.seconds):
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        point = {"seconds": seconds, "accuracy": accuracy, "windows": windows, "memory": memory}
        print(json.dumps(point), flush=True)
    return ()


def _cnn2d(
    model: Any, extraction: Any, fold: Any, budget: float
) -> Iterator[tuple[float, float, int]]:
    dataset = extraction.dataset
    arrays = feature_arrays(model, dataset, range(len(dataset)))
    spent = 0.0
    for epochs in EPOCHS:
        if spent * 1.5 > budget:
            return
        params = model.card.resolve({"epochs": epochs})
        begun = time.process_time()
        fitted = model.train(
            arrays.take(fold.train), dataset.labels[fold.train], dataset.classes,
            dataset.groups[fold.train], params, 0, lambda *_, **__: None, None,
        )  # fmt: skip
        spent = time.process_time() - begun
        answers = model.predict(fitted, arrays.take(fold.test), len(dataset.classes))
        windows = max(8 * params["batch"], len(fold.train) * params["crops"]) * epochs
        yield spent, _right(answers, dataset.labels[fold.test]), windows


def _published(
    model: Any, extraction: Any, fold: Any, budget: float
) -> Iterator[tuple[float, float, int]]:
    from zoo.audio.windows import cut_windows as cut
    from zoo.plugins.keras_data import inner_split
    from zoo.plugins.keras_model import framework

    keras = framework()
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    dataset = extraction.dataset
    arrays = feature_arrays(model, dataset, range(len(dataset)))
    labels = dataset.labels[fold.train]
    learnt, held = inner_split(labels, np.arange(len(labels)), 0.15, 0)

    def power(index: int) -> Any:
        return (10 ** (cut(arrays[index], FRAMES) / 10)).astype(np.float32)

    def windows_of(chosen: Any) -> tuple[Any, Any]:
        tracks = [power(fold.train[index]) for index in chosen]
        return np.concatenate(tracks), np.repeat(labels[chosen], [len(track) for track in tracks])

    begun, elsewhere = time.process_time(), 0.0
    X, y = windows_of(learnt)
    scale = 1 / float(X.max())
    X *= scale
    X_held, y_held = windows_of(held)
    network = _network(keras, len(dataset.classes))
    best, waited, seen = np.inf, 0, 0
    while (spent := time.process_time() - begun - elsewhere) < budget:
        order = rng.permutation(len(X))
        for start in range(0, len(X) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            network.train_on_batch(_augmented(X[chosen], rng)[..., None], y[chosen])
            seen += BATCH
        found = _probabilities(network, X_held * scale)
        loss = float(-np.log(found[np.arange(len(found)), y_held] + 1e-7).mean())
        best, waited = (loss, 0) if loss < best else (best, waited + 1)
        if waited == 5:
            network.optimizer.learning_rate.assign(network.optimizer.learning_rate * 0.5)
            waited = 0
        spent = time.process_time() - begun - elsewhere
        pause = time.process_time()
        answers = [_probabilities(network, power(index) * scale) for index in fold.test]
        yield spent, _right(answers, dataset.labels[fold.test]), seen
        elsewhere += time.process_time() - pause


def _network(keras: Any, classes: int) -> Any:
    layers = keras.layers
    body = [keras.Input((FRAMES, 128, 1))]
    for width in (16, 32, 64, 128, 256):
        body += [layers.Conv2D(width, 3, padding="same", activation="relu")]
        body += [layers.MaxPooling2D(2), layers.Dropout(0.25)]
    dense = layers.Dense(512, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3))
    body += [layers.Flatten(), dense, layers.Dropout(0.5)]
    network = keras.Sequential([*body, layers.Dense(classes, activation="softmax")])
    loss = "sparse_categorical_crossentropy"
    network.compile(keras.optimizers.Adam(1e-3), loss, jit_compile=False)
    return network


def _augmented(X: Any, rng: np.random.Generator) -> Any:
    """Flip half of the windows in time, and cut a rectangle out of each."""
    flipped = np.where(rng.random(len(X))[:, None, None] < 0.5, X[:, ::-1], X)
    inside = []
    for size in X.shape[1:]:
        width = rng.uniform(0, 0.3 * size, (len(X), 1))
        start = rng.uniform(0, size - width)
        place = np.arange(size)
        inside.append((place >= start) & (place < start + width))
    return np.where(inside[0][:, :, None] & inside[1][:, None, :], 0, flipped).astype(np.float32)


def _probabilities(network: Any, windows: Any) -> Any:
    parts = np.split(windows[..., None], range(256, len(windows), 256))
    return np.concatenate([np.asarray(network(part, training=False)) for part in parts])


def _right(answers: Any, labels: Any) -> float:
    """Return the share of the tracks whose majority vote is their label."""
    votes = [np.bincount(rows.argmax(axis=1), minlength=rows.shape[1]) for rows in answers]
    means = [rows.mean(axis=0) for rows in answers]
    winners = [np.lexsort(pair)[-1] for pair in zip(means, votes, strict=True)]
    return float(np.mean(np.array(winners) == labels))


if __name__ == "__main__":
    options = {
        "--seconds": {"type": float, "default": 300, "help": "CPU seconds for each"},
        "--protocol": {"default": "kfold:5", "help": "its first fold is used"},
        "--recipe": {"choices": ("cnn2d", "published"), "help": argparse.SUPPRESS},
    }
    main(__doc__, lambda given: _run(given) if given.recipe else rows(given), options)
