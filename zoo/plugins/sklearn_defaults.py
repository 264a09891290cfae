"""Default export, save and load hooks for scikit-learn estimators: ONNX, or skops.

A file of skops names the types that it consists of. Besides those that skops knows to be safe,
estimators of the zoo and classes of the plugin's own module are loaded; from a file that the zoo
wrote here also other types of scikit-learn, the compiled ones of which can be forged to crash the
process.
"""

import hashlib
import importlib
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

from zoo_registry.card import Card
from zoo_registry.errors import CannotExport, PluginError
from zoo_registry.hooks import OPSET, hookimpl
from zoo_registry.own_files import is_own, remember_own
from zoo_registry.text import first_line

__all__ = ["EstimatorDefaults"]

_FILE = "model.skops"
_LARGEST = 256 << 20  # bytes of an unpacked file from elsewhere
_LARGEST_SCHEMA = 16 << 20  # of the JSON in it, which takes twenty times as much when it is parsed
_NO_TEMPERATURE = (
    "this classifier with a temperature has no default ONNX form; calibrate an SVC with "
    "ensemble=False, or write an `export` hook"
)


class EstimatorDefaults:
    """Hooks that apply to scikit-learn estimators, and return None for any other model."""

    @hookimpl(trylast=True)
    def export(self, model: object) -> Any:
        """Convert an estimator to ONNX."""
        return _converted(model) if _is_estimator(model) else None

    @hookimpl(trylast=True)
    def save(self, model: object, folder: Path) -> bool | None:
        """Write an estimator that has no file yet; skops holds no code, unlike a pickle."""
        if not _is_estimator(model):
            return None
        import skops.io

        skops.io.dump(model, folder / _FILE)
        remember_own(_sha256((folder / _FILE).read_bytes()))
        return True

    @hookimpl(trylast=True)
    def load(self, folder: Path) -> object:
        """Read an estimator that consists only of types that are safe, or the user's own."""
        path = folder / _FILE
        if not path.is_file():
            return None
        import skops.io

        # Their types are loaded only if they are there.
        import zoo.plugins.bounded
        import zoo.plugins.neighbours  # noqa: F401

        try:
            content = path.read_bytes()
            if not (is_known := is_own(_sha256(content))):
                _check_size(path)
            wanted = skops.io.get_untrusted_types(data=content)
            refused = [name for name in wanted if not _is_safe(name, is_known)]
            if refused:
                raise PluginError(
                    f"it holds {', '.join(refused)}, and only classes of the plugin's own module "
                    "are loaded, and types of scikit-learn from a file that this zoo wrote"
                )
            return skops.io.loads(content, trusted=wanted)
        except Exception as error:
            raise PluginError(f"{path} is not loaded: {first_line(error)}") from error


def _is_estimator(model: object) -> bool:
    return _is_of_sklearn(type(model))


def _is_of_sklearn(kind: type) -> bool:
    # By name, so that scikit-learn is not loaded for a model of another library.
    return any(base.__module__.startswith("sklearn.") for base in kind.__mro__)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_size(path: Path) -> None:
    with zipfile.ZipFile(path) as packed:
        sizes = {entry.filename: entry.file_size for entry in packed.infolist()}
        whole = sum(entry.file_size for entry in packed.infolist())
    if whole > _LARGEST or sizes.get("schema.json", 0) > _LARGEST_SCHEMA:
        raise PluginError(
            f"it unpacks to {whole >> 20} MB, and one that this zoo did not write may have "
            f"{_LARGEST >> 20} MB, {_LARGEST_SCHEMA >> 20} of them for its schema"
        )


def _is_safe(name: str, is_known: bool) -> bool:
    """Whether a type may be loaded; `is_known` if it is in a file that the zoo wrote here."""
    module, _, attribute = name.rpartition(".")
    package = module.partition(".")[0]
    if package == "sklearn" and not is_known:
        return False
    # No other code is imported because a file names it.
    home = sys.modules.get(module) if package != "sklearn" else importlib.import_module(module)
    kind = getattr(home, attribute, None)
    # A forged file could call a function, or what a module imports, with arguments of its own.
    if not isinstance(kind, type) or kind.__module__ != module:
        return False
    if package == "sklearn":
        return True
    if package in ("zoo", "zoo_plugins"):
        return _is_of_sklearn(kind)
    return isinstance(getattr(home, "card", None), Card)


def _converted(model: Any) -> Any:
    """Return the graph of an estimator, from ``track`` to ``probabilities``.

    One that has the method ``to_onnx`` returns this graph itself.
    """
    from zoo.plugins.bounded import BoundedClassifier

    if isinstance(model, BoundedClassifier):
        return _convert_bounded(model)
    if hasattr(model, "to_onnx"):
        return model.to_onnx()
    if getattr(model, "method", None) == "temperature":
        calibrated, *others = model.calibrated_classifiers_
        if others or not hasattr(calibrated.estimator, "decision_function"):
            raise CannotExport(_NO_TEMPERATURE)
        return _with_temperature(calibrated.estimator, calibrated.calibrators[0].beta_)
    return _convert(model, zipmap=False)


def _convert_bounded(model: Any) -> Any:
    """Return the graph of a `BoundedClassifier`."""
    import numpy as np
    import onnx

    inner = model.estimator_
    decides = not hasattr(inner, "predict_proba")
    proto = _with_temperature(inner, 1.0) if decides else _converted(inner)
    graph, helper, numpy_helper = proto.graph, onnx.helper, onnx.numpy_helper
    bounded, projection = model.bounded_, model.projection_
    given = "bounded" if projection is None else "components"
    for node in graph.node:
        node.input[:] = [given if name == "track" else name for name in node.input]
    for name, values in (
        ("mean", bounded.mean_), ("scale", bounded.scale_),
        ("lowest", -bounded.bound), ("highest", bounded.bound),
    ):  # fmt: skip
        graph.initializer.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
    first = [
        helper.make_node("Sub", ["track", "mean"], ["centred"]),
        helper.make_node("Mul", ["centred", "scale"], ["standardised"]),
        helper.make_node("Clip", ["standardised", "lowest", "highest"], ["bounded"]),
    ]
    if projection is not None:
        graph.initializer.append(numpy_helper.from_array(projection, "projection"))
        first.append(helper.make_node("MatMul", ["bounded", "projection"], ["components"]))
        (size,) = graph.input[0].type.tensor_type.shape.dim[1:]
        size.dim_value = model.n_features_in_
    for place, node in enumerate(first):
        graph.node.insert(place, node)
    return proto


def _convert(estimator: Any, **options: bool) -> Any:
    """Return the graph from ``track`` to ``probabilities``."""
    from zoo.plugins.small_graphs import small_graph

    if (small := small_graph(estimator)) is not None:
        return small
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    with warnings.catch_warnings():
        # The converter looks at attributes of SVC that scikit-learn is about to drop.
        warnings.simplefilter("ignore", FutureWarning)
        try:
            proto = convert_sklearn(
                _with_first_column(estimator),
                initial_types=[("track", FloatTensorType([None, estimator.n_features_in_]))],
                options=options,
                target_opset=OPSET,
            )
        except (MissingConverter, MissingShapeCalculator) as error:
            raise CannotExport(
                f"the estimator has no default ONNX form ({first_line(error).rstrip('.')}); "
                "write an `export` hook"
            ) from error
    wanted = [output for output in proto.graph.output if output.name == "probabilities"]
    del proto.graph.output[:]
    proto.graph.output.extend(wanted)
    return proto


def _with_first_column(estimator: Any) -> Any:
    """Return a pipeline in a form that can be converted if it selects the first column only.

    The converter takes that selection for an empty one.
    """
    import numpy as np
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline

    if not isinstance(estimator, Pipeline) or not hasattr(estimator[0], "get_support"):
        return estimator
    if estimator[0].get_support(indices=True).tolist() != [0]:
        return estimator
    first = ColumnTransformer([("first", "passthrough", [0])])
    first.fit(np.zeros((1, estimator.n_features_in_)))
    return Pipeline([("selection", first), *estimator.steps[1:]])


def _with_temperature(estimator: Any, beta: float) -> Any:
    """Return the graph of a classifier: a softmax of its decision values times `beta`."""
    import onnx

    helper = onnx.helper
    proto = _convert(estimator, zipmap=False, raw_scores=True)
    graph, beta = proto.graph, beta * _sign_of_scores(proto, estimator)
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
