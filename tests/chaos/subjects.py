"""Models that are trained, and used, while they are disturbed."""

# A model of vectors that is quick, has an artefact, and writes down what it has trained.
COUNTED = '''
import os, time
import numpy as np
from zoo import Card, Handcrafted, LogFloat, hookimpl

card = Card(
    name="counted", title="Counted", family="test", frontend=Handcrafted(),
    params={"scale": 1.0}, space={"scale": LogFloat(0.1, 10.0)},
)

@hookimpl
def train(tracks, labels, classes, params, scratch):
    rows = np.concatenate([np.asarray(track) for track in tracks])
    labels = np.repeat(labels, [len(track) for track in tracks])
    centres = np.stack([rows[labels == c].mean(axis=0) for c in range(len(classes))])
    time.sleep(0.02)
    with open(os.environ["CHAOS_LOG"], "a") as log:
        log.write(scratch.name + "\\n")
    weights = centres.T / params["scale"]
    return weights.astype("f4"), (-(centres**2).sum(axis=1) / 2 / params["scale"]).astype("f4")

@hookimpl
def predict(model, tracks):
    scores = [np.asarray(track) @ model[0] + model[1] for track in tracks]
    powers = [np.exp(score - score.max(axis=1, keepdims=True)) for score in scores]
    return [power / power.sum(axis=1, keepdims=True) for power in powers]

@hookimpl
def export(model):
    import onnx
    from onnx import numpy_helper
    proto = onnx.parser.parse_model("""
    <ir_version: 10, opset_import: ["": 18]>
    counted (float[n, %d] track, float[%d, k] weights, float[k] offset)
        => (float[n, k] probabilities) {
        product = MatMul (track, weights)
        score = Add (product, offset)
        probabilities = Softmax <axis = 1> (score)
    }""" % (len(model[0]), len(model[0])))
    del proto.graph.input[1:]
    for name, values in zip(("weights", "offset"), model):
        proto.graph.initializer.append(numpy_helper.from_array(values, name))
    return proto
'''
# The same on sound, with a front end that costs nothing but a little time.
HEARD = (
    COUNTED.replace('"counted"', '"heard"').replace("@hookimpl\ndef export", "def no_export")
    + """
@hookimpl
def preprocess(audio):
    time.sleep(0.03)
    return np.abs(np.fft.rfft(audio[:2048]))[None, :64].astype("f4")

@hookimpl
def save(model, folder):
    np.save(folder / "weights.npy", model[0])
    np.save(folder / "offset.npy", model[1])
    return True

@hookimpl
def load(folder):
    return np.load(folder / "weights.npy"), np.load(folder / "offset.npy")
"""
)
