"""A plugin without fault and without framework: softmax regression on the mean spectrum."""

import numpy as np

from zoo import Card, Float, LogMel, hookimpl

card = Card(
    name="sound",
    title="Softmax regression",
    family="test",
    frontend=LogMel(n_mels=32),
    params={"epochs": 4, "rate": 0.5},
    space={"rate": Float(0.1, 1.0)},
    references=("Cox 1958",),
)


@hookimpl
def train(tracks, labels, classes, params, seed, progress, scratch):
    means = np.stack([track.mean(axis=0) for track in tracks])
    centre, scale = means.mean(axis=0), means.std(axis=0) + 1
    means = (means - centre) / scale
    weights = np.random.default_rng(seed).normal(0, 0.1, (32, len(classes)))
    begin, state = 0, scratch / "state.npz"
    if state.is_file():
        with np.load(state) as kept:
            begin, weights = int(kept["epoch"]), kept["weights"]
    for epoch in range(begin, params["epochs"]):
        for _ in range(60):
            wrong = softmax(means @ weights) - np.eye(len(classes))[labels]
            weights = weights - params["rate"] * means.T @ wrong / len(means)
        np.savez(state, epoch=epoch + 1, weights=weights)
        progress((epoch + 1) / params["epochs"], f"epoch {epoch + 1}", wrong=abs(wrong).mean())
    weights = (weights / scale[:, None]).astype(np.float32)
    return {"weights": weights, "offset": -centre @ weights}


@hookimpl
def predict(model, tracks):
    answers = [softmax(track.mean(axis=0) @ model["weights"] + model["offset"]) for track in tracks]
    return [answer[None] for answer in answers]


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


@hookimpl
def export(model):
    from onnx import numpy_helper, parser

    proto = parser.parse_model("""
    <ir_version: 10, opset_import: ["": 18]>
    whole (float[rows, 32] track, float[32, classes] weights, float[classes] offset)
        => (float[windows, classes] probabilities)
    <int64[1] axis = {0}> {
        mean = ReduceMean (track, axis)
        product = MatMul (mean, weights)
        scores = Add (product, offset)
        probabilities = Softmax <axis = 1> (scores)
    }""")
    del proto.graph.input[1:]
    for name, values in model.items():
        constant = numpy_helper.from_array(values.astype(np.float32), name)
        proto.graph.initializer.append(constant)
    return proto
