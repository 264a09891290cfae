"""The class whose centre is nearest, with nothing but NumPy."""

import numpy as np

from zoo import Card, Handcrafted, LogFloat, hookimpl

card = Card(
    name="centroid",
    title="Nearest centre",
    family="classical",
    frontend=Handcrafted(),
    params={"sharpness": 1.0},
    space={"sharpness": LogFloat(0.1, 10.0)},
)

# `predict` below, for one track. Its weights are given names here and values in `export`.
GRAPH = """
<ir_version: 10, opset_import: ["": 18]>
centroid (float[windows, {columns}] track) => (float[windows, {classes}] probabilities) {{
    moved = Sub (track, mean)
    scaled = Div (moved, scale)
    products = MatMul (scaled, weights)
    scores = Add (products, offsets)
    probabilities = Softmax <axis = 1> (scores)
}}
"""


@hookimpl
def train(tracks, labels, classes, params):
    X, y = np.concatenate(tracks), np.repeat(labels, [len(track) for track in tracks])
    mean, scale = X.mean(axis=0), X.std(axis=0) + np.float32(1e-6)
    weights = np.zeros((X.shape[1], len(classes)))
    offsets = np.full(len(classes), -1e6)  # of a class without a track
    for label in np.unique(y):
        centre = ((X[y == label] - mean) / scale).mean(axis=0)
        # Of the squared distance, what all classes have in common does not matter.
        weights[:, label] = centre * params["sharpness"] / X.shape[1]
        offsets[label] = -(centre @ centre) * params["sharpness"] / X.shape[1] / 2
    model = {"mean": mean, "scale": scale, "weights": weights, "offsets": offsets}
    return {name: values.astype(np.float32) for name, values in model.items()}


@hookimpl
def predict(model, tracks):
    answers = []
    for track in tracks:
        scaled = (track - model["mean"]) / model["scale"]
        scores = scaled @ model["weights"] + model["offsets"]
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        answers.append(powers / powers.sum(axis=1, keepdims=True))
    return answers


@hookimpl
def export(model):
    import onnx

    columns, classes = model["weights"].shape
    proto = onnx.parser.parse_model(GRAPH.format(columns=columns, classes=classes))
    for name, values in model.items():
        proto.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    return proto
