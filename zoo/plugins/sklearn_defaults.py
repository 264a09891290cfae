"""Default export, save and load hooks for scikit-learn estimators: ONNX, or skops."""

import warnings
from pathlib import Path
from typing import Any

from zoo_registry.errors import CannotExport, PluginError
from zoo_registry.hooks import OPSET, hookimpl

__all__ = ["EstimatorDefaults"]

_FILE = "model.skops"
_NO_TEMPERATURE = (
    "this classifier with a temperature has no default ONNX form; calibrate an SVC with "
    "ensemble=False, or write an `export` hook"
)


class EstimatorDefaults:
    """Hooks that apply to scikit-learn estimators, and return None for any other model."""

    @hookimpl(trylast=True)
    def export(self, model: object) -> Any:
        """Convert an estimator to ONNX."""
        if not _is_estimator(model):
            return None
        if getattr(model, "method", None) == "temperature":
            return _convert_calibrated(model)
        return _convert(model, zipmap=False)

    @hookimpl(trylast=True)
    def save(self, model: object, folder: Path) -> bool | None:
        """Write an estimator that has no ONNX form; skops holds no code, unlike a pickle."""
        if not _is_estimator(model):
            return None
        import skops.io

        skops.io.dump(model, folder / _FILE)
        return True

    @hookimpl(trylast=True)
    def load(self, folder: Path) -> object:
        """Read an estimator that consists only of types that skops knows to be safe."""
        if not (folder / _FILE).is_file():
            return None
        import skops.io

        try:
            return skops.io.load(folder / _FILE, trusted=[])
        except Exception as error:
            raise PluginError(f"{folder / _FILE} is not loaded: {error}") from error


def _is_estimator(model: object) -> bool:
    # By name, so that scikit-learn is not loaded for a model of another library.
    return any(kind.__module__.startswith("sklearn.") for kind in type(model).__mro__)


def _convert(estimator: Any, **options: bool) -> Any:
    """Return the graph from ``track`` to ``probabilities``."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    with warnings.catch_warnings():
        # The converter looks at attributes of SVC that scikit-learn is about to drop.
        warnings.simplefilter("ignore", FutureWarning)
        proto = convert_sklearn(
            estimator,
            initial_types=[("track", FloatTensorType([None, estimator.n_features_in_]))],
            options=options,
            target_opset=OPSET,
        )
    wanted = [output for output in proto.graph.output if output.name == "probabilities"]
    del proto.graph.output[:]
    proto.graph.output.extend(wanted)
    return proto


def _convert_calibrated(model: Any) -> Any:
    """Return the graph of a classifier with a temperature: a softmax of its scaled scores."""
    import onnx

    calibrated, *others = model.calibrated_classifiers_
    scored = calibrated.estimator
    if others or not hasattr(scored, "decision_function"):
        raise CannotExport(_NO_TEMPERATURE)
    proto = _convert(scored, zipmap=False, raw_scores=True)
    beta = calibrated.calibrators[0].beta_ * _sign_of_scores(proto, scored)
    graph, helper = proto.graph, onnx.helper
    for node in graph.node:
        node.output[:] = ["scores" if name == "probabilities" else name for name in node.output]
    graph.initializer.append(helper.make_tensor("beta", onnx.TensorProto.FLOAT, [], [beta]))
    graph.node.append(helper.make_node("Mul", ["scores", "beta"], ["scaled"]))
    graph.node.append(helper.make_node("Softmax", ["scaled"], ["probabilities"], axis=1))
    return proto


def _sign_of_scores(proto: Any, estimator: Any) -> int:
    """Return 1, or -1 if the graph gives the negated scores.

    The converter does so for some classifiers of two classes, and gives probabilities for others.
    """
    import numpy as np
    import onnxruntime

    rows = np.random.default_rng(0).normal(size=(4, estimator.n_features_in_)).astype(np.float32)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    (scores,) = session.run(None, {"track": rows})
    decision = estimator.decision_function(rows)
    expected = decision if decision.ndim > 1 else np.stack([-decision, decision], axis=1)
    for sign in (1, -1):
        if scores.shape == expected.shape and np.allclose(sign * scores, expected, 1e-3, 1e-3):
            return sign
    raise CannotExport(_NO_TEMPERATURE)
