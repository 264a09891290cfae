"""Support-vector machine with an RBF kernel on hand-crafted features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zoo.audio.frontends import Handcrafted
from zoo_plugins._classical import fit, inner_folds, predict
from zoo_registry import Card, LogFloat, hookimpl

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["card", "export", "predict", "train"]

card = Card(
    name="svm",
    title="SVM (RBF)",
    family="classical",
    frontend=Handcrafted(),
    params={"C": 5.0, "gamma": "scale"},
    space={"C": LogFloat(0.1, 100.0), "gamma": LogFloat(1e-4, 0.1)},
    references=("Cortes & Vapnik 1995", "Guo et al. 2017 (temperature scaling)"),
)


@hookimpl
def train(
    tracks: Sequence[NDArray[np.float32]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    groups: NDArray[np.int64],
    params: Mapping[str, Any],
    seed: int,
) -> Any:
    """Fit scaler, variance threshold and SVM, and a temperature that makes probabilities.

    A temperature leaves the SVM's own decision as it is; Platt's sigmoids, one a
    class, change the winner and cost two points of accuracy on GTZAN's feature table.
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.feature_selection import VarianceThreshold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    svm = make_pipeline(StandardScaler(), VarianceThreshold(), SVC(**params))
    inner = inner_folds(tracks, labels, groups, seed)
    calibrated = CalibratedClassifierCV(svm, method="temperature", cv=inner, ensemble=False)
    return fit(calibrated, tracks, labels, classes)


@hookimpl
def export(model: Any) -> Any:
    """Convert the pipeline, and append what the temperature does: a scaled softmax."""
    import warnings

    import onnx
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    (calibrated,) = model.calibrated_classifiers_
    pipeline = calibrated.estimator
    beta = float(calibrated.calibrators[0].beta_)
    if len(model.classes_) == 2:  # noqa: PLR2004
        beta = -beta  # for two classes the converter gives (x, -x), scikit-learn means (-x, x)
    with warnings.catch_warnings():
        # The converter looks at attributes of SVC that scikit-learn is about to drop.
        warnings.simplefilter("ignore", FutureWarning)
        proto = convert_sklearn(
            pipeline,
            initial_types=[("track", FloatTensorType([None, pipeline.n_features_in_]))],
            options={"zipmap": False, "raw_scores": True},
            target_opset=18,
        )
    graph, helper = proto.graph, onnx.helper
    for node in graph.node:
        renamed = ["scores" if name == "probabilities" else name for name in node.output]
        node.output[:] = renamed
    graph.initializer.append(helper.make_tensor("beta", onnx.TensorProto.FLOAT, [], [beta]))
    graph.node.append(helper.make_node("Mul", ["scores", "beta"], ["scaled"]))
    graph.node.append(helper.make_node("Softmax", ["scaled"], ["probabilities"], axis=1))
    shape = [None, len(model.classes_)]
    output = helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, shape)
    del graph.output[:]
    graph.output.append(output)
    return proto
