"""What the zoo does with scikit-learn estimators where a plugin says nothing: ONNX, or skops."""

from pathlib import Path
from typing import Any

from zoo_registry.errors import PluginError
from zoo_registry.hooks import hookimpl

__all__ = ["EstimatorDefaults"]

_FILE = "model.skops"


class EstimatorDefaults:
    """Default `export`, `save` and `load` hooks; they answer None for anything else."""

    @hookimpl(trylast=True)
    def export(self, model: object) -> Any:
        """Convert an estimator to ONNX."""
        if not _is_estimator(model):
            return None
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import FloatTensorType

        estimator: Any = model
        proto = convert_sklearn(
            estimator,
            initial_types=[("track", FloatTensorType([None, estimator.n_features_in_]))],
            options={"zipmap": False},
            target_opset=18,
        )
        wanted = [output for output in proto.graph.output if output.name == "probabilities"]
        del proto.graph.output[:]
        proto.graph.output.extend(wanted)
        return proto

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
        """Read an estimator, made of nothing but what skops knows to be safe."""
        if not (folder / _FILE).is_file():
            return None
        import skops.io

        try:
            return skops.io.load(folder / _FILE, trusted=[])
        except Exception as error:
            raise PluginError(f"{folder / _FILE} is not loaded: {error}") from error


def _is_estimator(model: object) -> bool:
    # Asked by name, so that scikit-learn is not loaded for a model that has nothing to do with it.
    return any(kind.__module__.startswith("sklearn.") for kind in type(model).__mro__)
